//! The stream to the client, and a handle on it for the time when an MCP session has the transport.

use std::fmt::{self, Display, Formatter};
use std::io;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio::sync::watch;

use super::batch::Batches;
use super::load::{Load, PendingBytes};
use crate::sync::lock;

/// The stream to the client, with the answers that are not written yet.
pub(super) struct ClientOutput<W> {
    pub(super) writer: tokio::sync::Mutex<W>,
    pub(super) batches: Mutex<Batches>,
    pub(super) load: Arc<Load>,
    ending: watch::Sender<Option<CloseReason>>,
}

/// A line that is not written yet, with the count of its bytes.
pub(super) struct PendingLine {
    text: Vec<u8>,
    _bytes: PendingBytes,
}

/// The reason why a session's streams are closed.
#[derive(Clone, Debug)]
pub enum CloseReason {
    /// End of the input.
    InputClosed,
    /// A read failed.
    InputUnreadable(String),
    /// A write failed.
    OutputUnwritable(String),
}

impl Display for CloseReason {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::InputClosed => formatter.write_str("the client closed standard input"),
            Self::InputUnreadable(error) => {
                write!(formatter, "standard input cannot be read: {error}")
            }
            Self::OutputUnwritable(error) => {
                write!(formatter, "standard output cannot be written: {error}")
            }
        }
    }
}

/// A handle on a transport that an MCP session has taken.
pub struct TransportHandle<W>(pub(super) Arc<ClientOutput<W>>);

impl<W: AsyncWrite + Unpin> TransportHandle<W> {
    /// Waits until the streams are closed, and returns the reason.
    pub async fn ended(&self) -> CloseReason {
        let mut ending = self.0.ending.subscribe();
        loop {
            if let Some(ending) = self.ending() {
                return ending;
            }
            // This cannot fail, since the sender is in `self`.
            let _ = ending.changed().await;
        }
    }

    /// The reason why the streams are closed, if they are.
    pub fn ending(&self) -> Option<CloseReason> {
        self.0.ending.borrow().clone()
    }

    /// Writes the answers that wait for others of their batch. Those will not come any more.
    pub async fn give_up_batches(&self) -> io::Result<()> {
        let arrays = lock(&self.0.batches).give_up();
        for array in arrays {
            self.0.write(self.0.line(array)).await?;
        }
        Ok(())
    }
}

impl<W: AsyncWrite + Unpin> ClientOutput<W> {
    pub(super) fn new(writer: W) -> Self {
        Self {
            writer: tokio::sync::Mutex::new(writer),
            batches: Mutex::default(),
            load: Arc::default(),
            ending: watch::Sender::default(),
        }
    }

    /// Prepares a line for writing. Its bytes are counted until it is written.
    pub(super) fn line(&self, mut text: Vec<u8>) -> PendingLine {
        text.push(b'\n');
        PendingLine {
            _bytes: self.load.hold(text.len()),
            text,
        }
    }

    pub(super) async fn write(&self, line: PendingLine) -> io::Result<()> {
        let mut writer = self.writer.lock().await;
        let written = async {
            writer.write_all(&line.text).await?;
            writer.flush().await
        };
        written
            .await
            .inspect_err(|error| self.end(CloseReason::OutputUnwritable(error.to_string())))
    }

    /// Notes the reason why the streams are closed. Only the first one is kept.
    pub(super) fn end(&self, reason: CloseReason) {
        self.ending.send_if_modified(|ending| {
            let is_first = ending.is_none();
            ending.get_or_insert(reason);
            is_first
        });
    }
}
