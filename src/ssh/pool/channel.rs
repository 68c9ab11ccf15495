//! An open session channel. One that was kept ahead is replaced if it turns out to be closed.

use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use russh::client::Msg;
use russh::{Channel, ChannelMsg, ChannelReadHalf, ChannelWriteHalf, Sig};
use tokio::io::AsyncWriteExt;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use tokio::time::sleep;

use super::lease::Lease;
use super::session_channel::{REFUSAL_PAUSE, REFUSALS, open_session};

const TAKEN_ONCE: &str = "the channel is taken out only where this is consumed";

/// An open channel with its lease. Dropping a channel of the library does not close it; dropping this
/// one does, and gives the lease back after that.
///
/// The server may have closed a channel that was kept ahead when the first request reaches it. Then it
/// has not run the request: it confirms each that it runs (RFC 4254, section 5.4). So requests are
/// recorded until the first answer, and sent again on another channel of the connection if the channel
/// is closed without one.
pub struct OpenChannel {
    channel: ClosedOnDrop,
    /// The requests without an answer so far; `None` once there is one, and on a channel that was not kept.
    unanswered: Option<Vec<RecordedRequest>>,
    /// The first answer, if it was read while a request was written.
    answer: Option<ChannelMsg>,
    /// The channel was closed without an answer.
    is_closed: bool,
    replacement: Option<JoinHandle<Option<ClosedOnDrop>>>,
}

/// A request that may have to be sent again.
enum RecordedRequest {
    Terminal {
        name: String,
        columns: u32,
        rows: u32,
    },
    Exec(Vec<u8>),
    Subsystem(String),
    Data(Vec<u8>),
    Eof,
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
            answer: None,
            is_closed: false,
            replacement: None,
        }
    }

    /// A channel that was kept ahead.
    pub(super) fn kept(channel: Channel<Msg>, lease: Lease) -> Self {
        Self {
            unanswered: Some(Vec::new()),
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
        columns: u32,
        rows: u32,
    ) -> Result<(), russh::Error> {
        let name = name.to_owned();
        self.send(RecordedRequest::Terminal {
            name,
            columns,
            rows,
        })
        .await
    }

    /// Requests a command, and that the server confirms it (RFC 4254, section 6.5).
    pub async fn exec(&mut self, command: impl Into<Vec<u8>>) -> Result<(), russh::Error> {
        self.send(RecordedRequest::Exec(command.into())).await
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

    /// Sends the end of the input.
    pub async fn eof(&mut self) -> Result<(), russh::Error> {
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
        unanswered.push(request);
        if self.is_closed {
            return Ok(());
        }
        let request = unanswered.last().expect("it was just added");
        let (sent, answer) = request.send_and_listen(&mut self.channel).await;
        match answer {
            Some(ChannelMsg::Close) => self.is_closed = true,
            Some(answer) => {
                self.answer = Some(answer);
                self.unanswered = None;
            }
            None => {}
        }
        sent
    }

    /// Waits for the next message; `None` once the channel is closed.
    pub async fn wait(&mut self) -> Option<ChannelMsg> {
        if let Some(answer) = self.answer.take() {
            return Some(answer);
        }
        loop {
            if let Some(replacement) = &mut self.replacement {
                let replaced = replacement.await;
                self.replacement = None;
                self.channel = replaced.ok()??;
            }
            if self.unanswered.is_none() {
                return self.channel.wait().await;
            }
            if !self.is_closed {
                match self.channel.wait().await {
                    Some(ChannelMsg::Eof) => continue,
                    Some(ChannelMsg::Close) => {}
                    // Also where the connection was lost: the request may have arrived.
                    answer => {
                        self.unanswered = None;
                        return answer;
                    }
                }
            }
            self.replace();
        }
    }

    /// Begins to open another channel on the same connection, and to send the requests on it.
    fn replace(&mut self) {
        let requests = self.unanswered.take().unwrap_or_default();
        let lease = self.lease();
        lease.lessor.note_dead_channel();
        // In a task of its own: a caller that goes away meanwhile leaves no channel open.
        self.replacement = Some(tokio::spawn(async move {
            let channel = ClosedOnDrop::open(lease).await?;
            for request in requests {
                request.send(&channel).await.ok()?;
            }
            Some(channel)
        }));
    }

    /// The channel's two halves. The caller closes the channel, and keeps the lease until then. From now
    /// on the channel is not replaced: the caller waits for the server's first answer before.
    pub fn into_halves(self) -> (ChannelReadHalf, ChannelWriteHalf<Msg>) {
        self.into_parts().0.split()
    }

    /// The channel and its lease. The caller closes the channel, and keeps the lease until then.
    pub(super) fn into_parts(mut self) -> (Channel<Msg>, Arc<Lease>) {
        let lease = self.lease();
        (self.channel.channel.take().expect(TAKEN_ONCE), lease)
    }
}

impl RecordedRequest {
    async fn send(&self, channel: &Channel<Msg>) -> Result<(), russh::Error> {
        match self {
            Self::Terminal {
                name,
                columns,
                rows,
            } => {
                let asked = channel.request_pty(false, name.as_str(), *columns, *rows, 0, 0, &[]);
                asked.await
            }
            Self::Exec(command) => channel.exec(true, command.as_slice()).await,
            Self::Subsystem(name) => channel.request_subsystem(true, name.as_str()).await,
            Self::Data(data) => channel.data(data.as_slice()).await,
            Self::Eof => channel.eof().await,
        }
    }

    /// Sends it, and reads the first answer if that comes meanwhile: the window of a channel that is closed
    /// never opens.
    async fn send_and_listen(
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

impl ClosedOnDrop {
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
