//! Requests on a channel that the server has not answered yet. They may have to be sent again.

use std::time::Duration;

use russh::client::Msg;
use russh::{Channel, ChannelMsg, Pty};
use tokio::io::AsyncWriteExt;

use super::Pool;
use crate::ssh::connection::Connection;

/// The way by which a channel was opened, and another one is.
pub(super) struct ChannelOrigin {
    pub(super) pool: Pool,
    pub(super) alias: String,
    /// The time to wait for another channel.
    pub(super) patience: Duration,
    /// True of a channel that was kept ahead.
    pub(super) was_kept: bool,
}

/// The requests of a channel before the first answer.
pub(super) struct Unanswered {
    pub(super) requests: Vec<RecordedRequest>,
    pub(super) origin: ChannelOrigin,
    /// The bytes that the connection had sent before a process was requested; `None` without such a request.
    sent_before: Option<u64>,
}

/// A request that may have to be sent again.
pub(super) enum RecordedRequest {
    Terminal {
        name: String,
        columns: u32,
        rows: u32,
        echoes: bool,
    },
    Shell,
    Exec(Vec<u8>),
    Subsystem(String),
    Data(Vec<u8>),
    Eof,
}

impl Unanswered {
    pub(super) fn new(origin: ChannelOrigin) -> Self {
        Self {
            requests: Vec::new(),
            origin,
            sent_before: None,
        }
    }

    /// Adds a request that is about to be sent.
    pub(super) fn add(&mut self, request: RecordedRequest, connection: &Connection) {
        if request.starts_process() {
            self.sent_before = Some(connection.sent_bytes.count());
        }
        self.requests.push(request);
    }

    /// Returns whether a process was requested.
    pub(super) fn has_process(&self) -> bool {
        self.sent_before.is_some()
    }

    /// Notes that the last request was not sent.
    pub(super) fn note_unsent(&mut self) {
        if self
            .requests
            .last()
            .is_some_and(RecordedRequest::starts_process)
        {
            self.sent_before = None;
        }
    }

    /// Returns whether the server has not got the request for a process for certain: nothing at all was sent
    /// on the connection since.
    pub(super) fn is_unsent(&self, connection: &Connection) -> bool {
        let sent = connection.sent_bytes.count();
        self.sent_before.is_none_or(|before| before == sent)
    }
}

impl RecordedRequest {
    /// Returns whether the server starts a process or a subsystem for it.
    fn starts_process(&self) -> bool {
        matches!(self, Self::Shell | Self::Exec(_) | Self::Subsystem(_))
    }

    pub(super) async fn send(&self, channel: &Channel<Msg>) -> Result<(), russh::Error> {
        match self {
            Self::Terminal {
                name,
                columns,
                rows,
                echoes,
            } => {
                let modes: &[_] = if *echoes { &[] } else { &[(Pty::ECHO, 0)] };
                let asked = channel.request_pty(false, name.as_str(), *columns, *rows, 0, 0, modes);
                asked.await
            }
            Self::Shell => channel.request_shell(true).await,
            Self::Exec(command) => channel.exec(true, command.as_slice()).await,
            Self::Subsystem(name) => channel.request_subsystem(true, name.as_str()).await,
            Self::Data(data) => channel.data(data.as_slice()).await,
            Self::Eof => channel.eof().await,
        }
    }

    /// Sends it, and reads the first answer if that comes meanwhile: the window of a channel that is closed
    /// never opens.
    pub(super) async fn send_and_listen(
        &self,
        channel: &mut Channel<Msg>,
    ) -> (Result<(), russh::Error>, Option<ChannelMsg>) {
        let Self::Data(data) = self else {
            return (self.send(channel).await, None);
        };
        let mut writer = channel.make_writer();
        let writing = writer.write_all(data);
        tokio::pin!(writing);
        loop {
            tokio::select! {
                written = &mut writing => return (written.map_err(russh::Error::from), None),
                answer = channel.wait() => match answer {
                    Some(ChannelMsg::Eof) => {}
                    Some(ChannelMsg::Close) => return (Ok(()), Some(ChannelMsg::Close)),
                    None => return (Err(russh::Error::Disconnect), None),
                    answer => return (writing.await.map_err(russh::Error::from), answer),
                },
            }
        }
    }
}
