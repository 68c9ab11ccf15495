//! A connection to the embedded server, with its commands and SFTP sessions.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use russh::server::{self, Auth, ChannelOpenHandle, Msg, Session};
use russh::{Channel, ChannelId, ChannelOpenFailure, Sig};
use tokio_util::io::InspectReader;

use super::cuts::Cuts;
use super::permit::SessionPermit;
use super::process::ShellProcess;
use super::sftp::SftpHandler;

/// The one user of the embedded server.
pub const USER: &str = "demo";
/// That user's password.
pub const PASSWORD: &str = "throwaway";

/// A connection whose user has one directory as home. Its processes end when it is dropped.
pub struct ServerConnection {
    home: PathBuf,
    max_sessions: usize,
    cuts: Cuts,
    sessions: Arc<AtomicUsize>,
    /// Session channels without a request so far.
    channels: HashMap<ChannelId, (Channel<Msg>, SessionPermit)>,
    processes: HashMap<ChannelId, ShellProcess>,
}

impl ServerConnection {
    /// A new connection that may have `max_sessions` sessions at once.
    pub fn new(home: &Path, max_sessions: usize) -> Self {
        Self {
            home: home.to_owned(),
            max_sessions,
            cuts: Cuts::default(),
            sessions: Arc::default(),
            channels: HashMap::new(),
            processes: HashMap::new(),
        }
    }

    /// Has these cuts count what its SFTP sessions receive.
    pub(super) fn with_cuts(self, cuts: Cuts) -> Self {
        Self { cuts, ..self }
    }

    /// Takes a session channel without a request so far, which the caller then serves.
    pub fn take(&mut self, channel: ChannelId) -> Option<(Channel<Msg>, SessionPermit)> {
        self.channels.remove(&channel)
    }
}

impl server::Handler for ServerConnection {
    type Error = russh::Error;

    async fn auth_password(&mut self, user: &str, password: &str) -> Result<Auth, Self::Error> {
        Ok(if (user, password) == (USER, PASSWORD) {
            Auth::Accept
        } else {
            Auth::reject()
        })
    }

    async fn channel_open_session(
        &mut self,
        channel: Channel<Msg>,
        reply: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), Self::Error> {
        if let Some(permit) = SessionPermit::take(&self.sessions, self.max_sessions) {
            self.channels.insert(channel.id(), (channel, permit));
            reply.accept().await;
        } else {
            reply.reject(ChannelOpenFailure::ConnectFailed).await;
        }
        Ok(())
    }

    async fn channel_close(
        &mut self,
        channel: ChannelId,
        _: &mut Session,
    ) -> Result<(), Self::Error> {
        self.channels.remove(&channel);
        self.processes.remove(&channel);
        Ok(())
    }

    async fn exec_request(
        &mut self,
        channel: ChannelId,
        command: &[u8],
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        let Some((_, permit)) = self.take(channel) else {
            return session.channel_failure(channel);
        };
        let command = String::from_utf8_lossy(command);
        match ShellProcess::start(&command, &self.home, channel, session.handle(), permit) {
            Ok(process) => {
                self.processes.insert(channel, process);
                session.channel_success(channel)
            }
            Err(_) => session.channel_failure(channel),
        }
    }

    async fn subsystem_request(
        &mut self,
        channel: ChannelId,
        name: &str,
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        match (name, self.take(channel)) {
            ("sftp", Some((stream, permit))) => {
                session.channel_success(channel)?;
                let files = SftpHandler::new(&self.home, permit);
                let (reader, writer) = tokio::io::split(stream.into_stream());
                let cuts = self.cuts.clone();
                let reader = InspectReader::new(reader, move |bytes| cuts.count(bytes.len()));
                russh_sftp::server::run(tokio::io::join(reader, writer), files).await;
                Ok(())
            }
            _ => session.channel_failure(channel),
        }
    }

    async fn data(
        &mut self,
        channel: ChannelId,
        data: &[u8],
        _: &mut Session,
    ) -> Result<(), Self::Error> {
        if let Some(process) = self.processes.get_mut(&channel) {
            process.type_in(data).await;
        }
        Ok(())
    }

    async fn channel_eof(
        &mut self,
        channel: ChannelId,
        _: &mut Session,
    ) -> Result<(), Self::Error> {
        if let Some(process) = self.processes.get_mut(&channel) {
            process.end_input();
        }
        Ok(())
    }

    async fn signal(
        &mut self,
        channel: ChannelId,
        signal: Sig,
        _: &mut Session,
    ) -> Result<(), Self::Error> {
        if let Some(process) = self.processes.get(&channel) {
            process.signal(&format!("{signal:?}")).await;
        }
        Ok(())
    }
}
