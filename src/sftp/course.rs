//! The two directions, alike: how files are copied, links made, and directories ended.

use std::io;
use std::path::PathBuf;

use super::facts::Facts;
use super::file::{Conditions, Tried};
use super::lanes::Lanes;
use super::path::RemotePath;
use super::plan::Way;
use super::session::Session;
use super::side::{Local, Side};
use super::transfer::Entry;
use super::wire::Attributes;
use super::{download, link, upload};

/// One direction: how its files are copied and its links made.
pub(super) trait Course: Side {
    type To: Side;

    /// Source and target, by the session of a line.
    fn sides(session: &Session) -> (&Self, &Self::To);
    fn copy(
        lanes: &Lanes,
        number: usize,
        way: &Way<Self, Self::To>,
        tried: &Tried,
        conditions: &Conditions<'_>,
    ) -> impl Future<Output = io::Result<u64>> + Send
    where
        Self: Sized;
    fn link(
        session: &Session,
        way: &Way<Self, Self::To>,
        token: &str,
    ) -> impl Future<Output = io::Result<()>> + Send
    where
        Self: Sized;
    /// Gives a directory that was made its mode and time, as far as that goes.
    fn end_directory(
        session: &Session,
        path: &<Self::To as Side>::Path,
        facts: &Facts,
    ) -> impl Future<Output = ()> + Send;
    /// What a user calls the source and the target of an entry.
    fn ends(entry: &Entry) -> (&str, &str);
}

impl Course for Local {
    type To = Session;

    fn sides(session: &Session) -> (&Self, &Session) {
        (&Self, session)
    }

    async fn copy(
        lanes: &Lanes,
        number: usize,
        way: &Way<Self, Session>,
        tried: &Tried,
        conditions: &Conditions<'_>,
    ) -> io::Result<u64> {
        upload::upload(lanes, number, way, tried, conditions).await
    }

    async fn link(session: &Session, way: &Way<Self, Session>, token: &str) -> io::Result<()> {
        link::upload(session, way, token).await
    }

    async fn end_directory(session: &Session, path: &RemotePath, facts: &Facts) {
        let kept = Attributes {
            size: None,
            permissions: facts.mode,
            times: facts.modified.map(|modified| (modified, modified)),
        };
        if let Err(error) = session.done(session.set_directory(path, &kept)).await {
            tracing::debug!("cannot set what `{path}` is: {error}");
        }
    }

    fn ends(entry: &Entry) -> (&str, &str) {
        (&entry.local, &entry.remote)
    }
}

impl Course for Session {
    type To = Local;

    fn sides(session: &Session) -> (&Self, &Local) {
        (session, &Local)
    }

    async fn copy(
        lanes: &Lanes,
        number: usize,
        way: &Way<Self, Local>,
        tried: &Tried,
        conditions: &Conditions<'_>,
    ) -> io::Result<u64> {
        download::download(lanes, number, way, tried, conditions).await
    }

    async fn link(session: &Session, way: &Way<Self, Local>, token: &str) -> io::Result<()> {
        link::download(session, way, token).await
    }

    async fn end_directory(_: &Session, path: &PathBuf, facts: &Facts) {
        if let Err(error) = download::end_directory(path, facts).await {
            tracing::debug!("cannot set what `{}` is: {error}", path.display());
        }
    }

    fn ends(entry: &Entry) -> (&str, &str) {
        (&entry.remote, &entry.local)
    }
}
