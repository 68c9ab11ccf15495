//! An open session channel. It is replaced if it turns out to be closed before it was used.

mod elevated;

use std::collections::VecDeque;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use russh::client::Msg;
use russh::{Channel, ChannelMsg, ChannelReadHalf, ChannelWriteHalf, Sig};
use tokio::io::AsyncWrite;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use tokio::time::sleep;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::elevation::{Elevation, RawInput};
use super::lease::Lease;
use super::request::{ChannelOrigin, RecordedRequest, Unanswered};
use super::session_channel::{REFUSAL_PAUSE, REFUSALS, open_session};
use crate::charset::Charset;
use crate::error::Error;

const TAKEN_ONCE: &str = "the channel is taken out only where this is consumed";

/// An open channel with its lease. Dropping a channel of the library does not close it; dropping this
/// one does, and gives the lease back after that.
///
/// The server may have closed a channel that was kept ahead when the first request reaches it. Then it
/// has not run the request: it confirms each that it runs (RFC 4254, section 5.4). A connection may also
/// have ended before the request for a process was sent on it. So requests are recorded until the first
/// answer, and sent again on another channel in these two cases.
pub struct OpenChannel {
    channel: ClosedOnDrop,
    /// The requests without an answer so far; `None` once there is one, and on a channel that is no session.
    unanswered: Option<Box<Unanswered>>,
    /// Messages that were read before anybody waits for them.
    early: VecDeque<ChannelMsg>,
    /// The other user as whom its command runs.
    elevation: Option<Arc<Elevation>>,
    is_at_terminal: bool,
    /// True if it takes a terminal only for the way to the other user, which passes bytes as they are.
    is_raw: bool,
    /// The input of its command at such a terminal.
    input: RawInput,
    /// The channel was closed, or its connection has ended, before a request was run.
    is_dead: bool,
    replacement: Option<Replacement>,
}

/// A channel on its way that takes the place of a dead one.
struct Replacement {
    opening: JoinHandle<Option<ClosedOnDrop>>,
    /// Nothing is sent once the caller is gone.
    _caller: DropGuard,
}

/// A channel that is closed when it is dropped, before its lease is given back.
struct ClosedOnDrop {
    channel: Option<Channel<Msg>>,
    lease: Arc<Lease>,
}

impl OpenChannel {
    /// A channel that the server has just opened.
    pub(super) fn new(channel: Channel<Msg>, lease: Lease) -> Self {
        Self {
            channel: ClosedOnDrop {
                channel: Some(channel),
                lease: Arc::new(lease),
            },
            unanswered: None,
            early: VecDeque::new(),
            elevation: None,
            is_at_terminal: false,
            is_raw: false,
            input: RawInput::default(),
            is_dead: false,
            replacement: None,
        }
    }

    /// A session channel, which may be replaced.
    pub(super) fn session(channel: Channel<Msg>, lease: Lease, origin: ChannelOrigin) -> Self {
        Self {
            unanswered: Some(Box::new(Unanswered::new(origin))),
            ..Self::new(channel, lease)
        }
    }

    /// Its lease.
    pub fn lease(&self) -> Arc<Lease> {
        Arc::clone(&self.channel.lease)
    }

    /// Requests a terminal (RFC 4254, section 6.2).
    pub async fn request_terminal(
        &mut self,
        name: &str,
        (columns, rows): (u32, u32),
        echoes: bool,
    ) -> Result<(), russh::Error> {
        self.is_raw = false;
        self.ask_for_terminal(name, (columns, rows), echoes).await
    }

    async fn ask_for_terminal(
        &mut self,
        name: &str,
        (columns, rows): (u32, u32),
        echoes: bool,
    ) -> Result<(), russh::Error> {
        let name = name.to_owned();
        self.is_at_terminal = true;
        self.send(RecordedRequest::Terminal {
            name,
            columns,
            rows,
            echoes,
        })
        .await
    }

    /// Requests the login shell, and that the server confirms it (RFC 4254, section 6.5).
    pub async fn request_shell(&mut self) -> Result<(), russh::Error> {
        self.send(RecordedRequest::Shell).await
    }

    /// The same channel, whose command runs as another user.
    pub(super) fn elevated(self, elevation: Option<Arc<Elevation>>) -> Self {
        let is_raw = elevation
            .as_ref()
            .is_some_and(|elevation| elevation.takes_terminal());
        Self {
            elevation,
            is_raw,
            ..self
        }
    }

    /// Returns whether both streams of its command come as one, for the way to the other user takes a terminal.
    pub(in crate::ssh) fn merges_streams(&self) -> bool {
        self.is_raw
    }

    /// Says how many bytes of input its command gets: the end of the input cannot be told at every terminal.
    pub(in crate::ssh) fn expect_input(&mut self, bytes: usize) {
        self.input = RawInput::Bytes(bytes);
    }

    /// Requests a command in this encoding, and that the server confirms it (RFC 4254, section 6.5). As another
    /// user, it runs once this comes back.
    pub async fn exec(&mut self, line: &str, charset: Charset) -> Result<(), Error> {
        let encode = |text: &str| charset.encode(text);
        match self.elevation.clone() {
            Some(elevation) => self.exec_elevated(&elevation, line, encode).await,
            None => self.request_exec(encode(line)).await,
        }
    }

    /// Returns whether a terminal was requested, which has one stream.
    fn is_at_terminal(&self) -> bool {
        self.is_at_terminal
    }

    async fn request_exec(&mut self, line: Vec<u8>) -> Result<(), Error> {
        let sent = self.send(RecordedRequest::Exec(line)).await;
        sent.map_err(|error| self.lease().refusal(error.to_string()))
    }

    /// Puts a message back, to be the next one.
    fn put_back(&mut self, message: ChannelMsg) {
        self.early.push_front(message);
    }

    /// Requests a subsystem, and that the server confirms it (RFC 4254, section 6.5).
    pub async fn request_subsystem(&mut self, name: &str) -> Result<(), russh::Error> {
        self.send(RecordedRequest::Subsystem(name.to_owned())).await
    }

    /// Sends data, as far as the server's window allows (RFC 4254, section 5.2).
    pub async fn data(&mut self, data: &[u8]) -> Result<(), russh::Error> {
        if self.unanswered.is_none() {
            return self.channel.data(data).await;
        }
        self.send(RecordedRequest::Data(data.to_vec())).await
    }

    /// A writer of data that does not keep this from being read. The server has answered on the channel, which is
    /// not replaced any more.
    pub(in crate::ssh) fn writer(&self) -> Box<dyn AsyncWrite + Send + Unpin> {
        Box::new(Box::pin(self.channel.make_writer()))
    }

    /// Sends the end of the input.
    pub async fn eof(&mut self) -> Result<(), russh::Error> {
        if self.is_raw {
            return Ok(());
        }
        self.send(RecordedRequest::Eof).await
    }

    /// Sends a signal to the process (RFC 4254, section 6.9).
    pub async fn signal(&self, signal: Sig) -> Result<(), russh::Error> {
        self.channel.signal(signal).await
    }

    async fn send(&mut self, request: RecordedRequest) -> Result<(), russh::Error> {
        let Some(unanswered) = &mut self.unanswered else {
            return request.send(&self.channel).await;
        };
        let connection = Arc::clone(&self.channel.lease.connection);
        self.is_dead |= !unanswered.has_process() && connection.has_ended();
        unanswered.add(request, &connection);
        if self.is_dead {
            return Ok(());
        }
        let request = unanswered.requests.last().expect("it was just added");
        let (sent, answer) = request.send_and_listen(&mut self.channel).await;
        if sent.is_err() {
            unanswered.note_unsent();
            self.is_dead = connection.is_closed() && unanswered.is_unsent(&connection);
            return if self.is_dead { Ok(()) } else { sent };
        }
        match answer {
            Some(ChannelMsg::Close) if unanswered.origin.was_kept => self.note_closed(),
            Some(answer) => {
                self.early.push_back(answer);
                self.unanswered = None;
            }
            None => {}
        }
        Ok(())
    }

    /// Waits for the next message; `None` once the channel is closed.
    pub async fn wait(&mut self) -> Option<ChannelMsg> {
        if let Some(message) = self.early.pop_front() {
            return Some(message);
        }
        loop {
            if let Some(replacement) = &mut self.replacement {
                let replaced = (&mut replacement.opening).await;
                self.replacement = None;
                self.channel = replaced.ok()??;
            }
            let Some(unanswered) = &self.unanswered else {
                return self.channel.wait().await;
            };
            if self.is_dead {
                self.replace();
                continue;
            }
            match self.channel.wait().await {
                Some(ChannelMsg::Eof) => {}
                Some(ChannelMsg::Close) if unanswered.origin.was_kept => self.note_closed(),
                None if unanswered.is_unsent(&self.channel.lease.connection) => self.is_dead = true,
                // Also where the connection was lost: the request may have arrived.
                answer => {
                    self.unanswered = None;
                    return answer;
                }
            }
        }
    }

    /// Notes that the server had closed a channel that was kept ahead.
    fn note_closed(&mut self) {
        self.is_dead = true;
        self.channel.lease.lessor.note_dead_channel();
    }

    /// Begins to open another channel, and to send the requests on it.
    fn replace(&mut self) {
        let Some(unanswered) = self.unanswered.take() else {
            return;
        };
        let lease = self.lease();
        let gone = CancellationToken::new();
        let caller = gone.clone().drop_guard();
        // In a task of its own: a caller that goes away meanwhile leaves no channel open.
        let opening = tokio::spawn(async move {
            let channel = ClosedOnDrop::another(lease, unanswered.origin).await?;
            for request in unanswered.requests {
                if gone.is_cancelled() {
                    return None;
                }
                request.send(&channel).await.ok()?;
            }
            Some(channel)
        });
        self.replacement = Some(Replacement {
            opening,
            _caller: caller,
        });
    }

    /// The messages that were read already, and the channel's two halves. The caller closes the channel, and keeps the
    /// lease until then. From now on the channel is not replaced: the caller waits for the server's first answer before.
    pub fn into_halves(mut self) -> (VecDeque<ChannelMsg>, ChannelReadHalf, ChannelWriteHalf<Msg>) {
        let early = std::mem::take(&mut self.early);
        let (reader, writer) = self.into_parts().0.split();
        (early, reader, writer)
    }

    /// The channel and its lease. The caller closes the channel, and keeps the lease until then.
    pub(super) fn into_parts(mut self) -> (Channel<Msg>, Arc<Lease>) {
        let lease = self.lease();
        (self.channel.channel.take().expect(TAKEN_ONCE), lease)
    }
}

impl ClosedOnDrop {
    /// Opens a channel on the connection of a lease. If that has ended, it opens one on another connection to
    /// the same server.
    async fn another(lease: Arc<Lease>, origin: ChannelOrigin) -> Option<Self> {
        if !lease.connection.has_ended()
            && let Some(channel) = Self::open(Arc::clone(&lease)).await
        {
            return Some(channel);
        }
        lease.retire();
        let (pool, patience) = (origin.pool, origin.patience);
        let opened = pool.open(&origin.alias, lease.purpose, patience).await;
        let channel = opened.ok()?.channel;
        (channel.lease.server == lease.server).then_some(channel)
    }

    /// Opens a channel on the connection of a lease.
    async fn open(lease: Arc<Lease>) -> Option<Self> {
        for _ in 0..REFUSALS {
            match open_session(&lease.connection).await {
                Ok(Ok(channel)) => {
                    let channel = Some(channel);
                    return Some(Self { channel, lease });
                }
                Ok(Err(russh::Error::ChannelOpenFailure(_))) => sleep(REFUSAL_PAUSE).await,
                _ => return None,
            }
        }
        None
    }
}

impl Deref for ClosedOnDrop {
    type Target = Channel<Msg>;

    fn deref(&self) -> &Self::Target {
        self.channel.as_ref().expect(TAKEN_ONCE)
    }
}

impl DerefMut for ClosedOnDrop {
    fn deref_mut(&mut self) -> &mut Self::Target {
        self.channel.as_mut().expect(TAKEN_ONCE)
    }
}

impl Drop for ClosedOnDrop {
    fn drop(&mut self) {
        // Without a runtime the process is ending, and the connection with it.
        if let (Some(channel), Ok(runtime)) = (self.channel.take(), Handle::try_current()) {
            let lease = Arc::clone(&self.lease);
            runtime.spawn(async move {
                let _ = channel.close().await;
                drop(lease);
            });
        }
    }
}
