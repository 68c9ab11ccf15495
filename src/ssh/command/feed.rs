//! The input of a command, sent while its output is read: a command that waits for its output to be read reads no
//! more of its input.

use tokio::io::AsyncWriteExt;
use tokio::task::JoinHandle;

use crate::ssh::pool::OpenChannel;

/// The input of a command, of any size.
#[derive(Default)]
pub(super) struct Feed {
    /// The bytes, until they are being sent.
    bytes: Option<Vec<u8>>,
    sending: Option<JoinHandle<()>>,
}

impl Feed {
    /// An input to be sent.
    pub(super) fn of(bytes: Vec<u8>) -> Self {
        Self {
            bytes: Some(bytes),
            sending: None,
        }
    }

    /// Begins to send it, and then its end. The server has answered on the channel by now.
    pub(super) fn begin(&mut self, channel: &OpenChannel) {
        let Some(bytes) = self.bytes.take() else {
            return;
        };
        let mut writer = channel.writer();
        self.sending = Some(tokio::spawn(async move {
            // A command need not read its input. If the connection is lost, that is noticed where it is read.
            if writer.write_all(&bytes).await.is_ok() {
                let _ = writer.shutdown().await;
            }
        }));
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        if let Some(sending) = &self.sending {
            sending.abort();
        }
    }
}
