//! One file, whichever way: where it goes, from where on, its content, the checks, and then its name.

use std::io;
use std::path::PathBuf;
use std::sync::atomic::Ordering;

use super::facts::{Facts, Kind};
use super::file::{Conditions, Tried, local_sum, remote_sum, unless_cancelled};
use super::lanes::Lanes;
use super::local::Local;
use super::part::{Part, part_name};
use super::path::RemotePath;
use super::plan::{There, Way};
use super::session::Session;
use super::side::Side;
use super::transfer::Entry;
use super::tree::is_lost;

/// A file's part beside its target.
pub(super) type PartOf<C> = Part<<<C as Course>::To as Side>::Path>;

/// One direction: what is its own.
pub(super) trait Course: Side + Sized {
    type To: Side;
    /// How much may be missing before the end of a part that an earlier try has left.
    const UNSURE: u64;
    /// The permission bits that a new file takes over.
    const MODE: u32;
    /// Whether the target is the server.
    const IS_UPLOAD: bool;

    /// Source and target, by the session of a line.
    fn sides<'a>(session: &'a Session, local: &'a Local) -> (&'a Self, &'a Self::To);
    /// What a user calls the source and the target of an entry.
    fn ends(entry: &Entry) -> (&str, &str);
    /// The file here and the file there, of a source and what is copied of it.
    fn here_and_there<'a>(
        from: &'a Self::Path,
        copy: &'a <Self::To as Side>::Path,
    ) -> (&'a PathBuf, &'a RemotePath);
    /// Whether a file of that length takes more than one go.
    fn is_large(session: &Session, length: u64) -> bool;
    /// Fills the part from `start` on and makes it durable, with its mode and time. Gives its length,
    /// and where it is: in a directory that may not be written it is the target itself.
    fn fill(
        trip: &Trip<'_, Self>,
        part: &PartOf<Self>,
        start: u64,
    ) -> impl Future<Output = io::Result<(<Self::To as Side>::Path, u64)>> + Send;
    /// Says more of a failure than it says itself, while what it left is still there.
    fn explain(
        _trip: &Trip<'_, Self>,
        _part: &PartOf<Self>,
        error: io::Error,
    ) -> impl Future<Output = io::Error> + Send {
        std::future::ready(error)
    }
}

/// One file that is on its way.
pub(super) struct Trip<'a, C: Course> {
    pub(super) lanes: &'a Lanes,
    /// The one of them that is its own.
    pub(super) session: &'a Session,
    pub(super) way: &'a Way<C, C::To>,
    pub(super) tried: &'a Tried,
    pub(super) conditions: &'a Conditions<'a>,
}

impl<C: Course> Trip<'_, C> {
    fn target(&self) -> &C::To {
        C::sides(self.session, self.conditions.local).1
    }

    /// Notes how far the file has arrived without a gap.
    pub(super) fn arrived(&self, bytes: u64) {
        self.tried.set(bytes, self.conditions.progress);
    }

    /// Copies the file, whole or not at all. Gives its length.
    pub(super) async fn copy(&self) -> io::Result<u64> {
        let conditions = self.conditions;
        let _place = if C::is_large(self.session, self.way.facts.length) {
            conditions.large.acquire().await.ok()
        } else {
            None
        };
        let part = unless_cancelled(conditions, self.part()).await?;
        self.stay_inside(&part).await?;
        let arrived = unless_cancelled(conditions, self.arrive(&part)).await;
        match arrived {
            // A lost line leaves what a further try goes on from.
            Err(error) if !is_lost(&error) => {
                let error = C::explain(self, &part, error).await;
                let _ = self.target().remove(&part.path).await;
                self.arrived(0);
                Err(error)
            }
            arrived => arrived,
        }
    }

    async fn arrive(&self, part: &PartOf<C>) -> io::Result<u64> {
        let start = self.known_start(part).await?;
        self.conditions.progress.goes_on(start);
        self.arrived(start);
        let (copy, length) = C::fill(self, part, start).await?;
        if length < self.way.facts.length {
            return Err(io::Error::other("shrank while it was copied"));
        }
        if self.conditions.options.verify {
            let (here, there) = self.sums(&copy, length).await?;
            if here != there {
                let reason = format!("the checksums differ: {here} here, {there} on the server");
                return Err(io::Error::other(reason));
            }
        }
        if copy != part.target {
            // Directories may have become links meanwhile.
            self.stay_inside(part).await?;
            self.target().replace(&copy, &part.target).await?;
        }
        Ok(length)
    }

    /// Refuses a file of this machine that does not lie where it may, once links are followed.
    async fn stay_inside(&self, part: &PartOf<C>) -> io::Result<()> {
        let (here, _) = C::here_and_there(&self.way.from, &part.target);
        self.conditions.roots.check_file(here).await
    }

    /// The part, beside where the file goes once links are followed.
    async fn part(&self) -> io::Result<PartOf<C>> {
        let way = self.way;
        let (to, existing) = match way.there {
            There::Nothing => (way.to.clone(), None),
            There::File(facts) => (way.to.clone(), Some(facts)),
            There::Unknown => self.resolve().await?,
        };
        let shown = C::To::shown(&to);
        if existing.is_some_and(|facts| facts.is_directory()) {
            return Err(io::Error::other(format!("`{shown}` is a directory")));
        }
        let name = C::To::file_name(&to)
            .ok_or_else(|| io::Error::other(format!("`{shown}` does not name a file")))?;
        let source = C::bytes(&way.from);
        let name = part_name(self.conditions.token, &name, &source);
        Ok(Part {
            path: C::To::beside(&to, &name),
            target: to,
            replaces: existing.is_some(),
            mode: existing
                .and_then(|facts| facts.mode)
                .or(way.facts.mode.map(|mode| mode & C::MODE)),
            modified: way.facts.modified,
        })
    }

    /// Where a file written to the target goes, and what is there now. A link is followed only if the
    /// user named it: others may have been put there to lead elsewhere.
    async fn resolve(&self) -> io::Result<(<C::To as Side>::Path, Option<Facts>)> {
        let (target, path) = (self.target(), &self.way.to);
        let here = target.own_facts(path).await?;
        if here.is_none_or(|facts| facts.kind != Kind::Link) {
            return Ok((path.clone(), here));
        }
        if !self.way.is_named {
            self.tried.replaces_link.store(true, Ordering::Relaxed);
            return Ok((path.clone(), None));
        }
        match target.facts(path).await? {
            Some(facts) => {
                let real = target.real_path(path).await?;
                self.check_real(&real)?;
                Ok((real, Some(facts)))
            }
            // A link that leads nowhere is replaced like any other name.
            None => Ok((path.clone(), None)),
        }
    }

    /// Refuses a place on the server that may not be written: the link may lead there only by now.
    fn check_real(&self, real: &<C::To as Side>::Path) -> io::Result<()> {
        if !C::IS_UPLOAD {
            return Ok(());
        }
        let judged = (self.conditions.may_write)(&[C::To::shown(real)]);
        judged
            .map_err(|refusal| io::Error::new(io::ErrorKind::PermissionDenied, refusal.to_string()))
    }

    /// From where on the file is to be copied: what has arrived before is not moved again.
    async fn known_start(&self, part: &PartOf<C>) -> io::Result<u64> {
        let arrived = self.tried.arrived();
        if !C::is_large(self.session, self.way.facts.length)
            || arrived == 0 && !self.conditions.resume
        {
            return Ok(0);
        }
        let (source, target) = C::sides(self.session, self.conditions.local);
        let there = target.own_facts(&part.path).await?;
        let Some(there) = there.filter(|facts| facts.kind == Kind::File) else {
            return Ok(0);
        };
        if source.facts(&self.way.from).await? != Some(self.way.facts) {
            return Ok(0);
        }
        if arrived > 0 {
            // The target has said of each of these bytes that it has them.
            return Ok(arrived.min(there.length));
        }
        let sure = there.length.min(self.way.facts.length);
        let sure = sure.saturating_sub(C::UNSURE);
        if sure == 0 {
            return Ok(0);
        }
        let (here, there) = self.sums(&part.path, sure).await?;
        Ok(if here == there { sure } else { 0 })
    }

    /// The checksums of the first `length` bytes, here and there.
    async fn sums(
        &self,
        copy: &<C::To as Side>::Path,
        length: u64,
    ) -> io::Result<(String, String)> {
        let (here, there) = C::here_and_there(&self.way.from, copy);
        let here = local_sum(self.conditions.roots, here, length).await?;
        let there = remote_sum(self.conditions, self.session, there, length, &here).await?;
        Ok((here, there))
    }
}
