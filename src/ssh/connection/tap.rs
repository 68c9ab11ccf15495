//! A copy of the bytes that a server sends during a login.

use tokio::sync::watch;

/// More than any handshake and login send.
const MOST: usize = 256 * 1024;

/// A copy of what comes over a stream, kept until it is closed.
#[derive(Clone)]
pub(in crate::ssh) struct Tap(watch::Sender<Heard>);

#[derive(Default)]
struct Heard {
    bytes: Vec<u8>,
    is_closed: bool,
}

impl Tap {
    pub(in crate::ssh) fn new() -> Self {
        Self(watch::Sender::new(Heard::default()))
    }

    /// Adds bytes. Returns `false` once nothing is kept any more.
    pub(in crate::ssh) fn take(&self, bytes: &[u8]) -> bool {
        self.0.send_if_modified(|heard| {
            heard.is_closed |= heard.bytes.len() + bytes.len() > MOST;
            if !heard.is_closed {
                heard.bytes.extend_from_slice(bytes);
            }
            !bytes.is_empty()
        });
        !self.0.borrow().is_closed
    }

    /// Waits for the first byte.
    pub(in crate::ssh) async fn heard(&self) {
        self.longer_than(0).await;
    }

    /// Waits until more than `count` bytes have come.
    pub(in crate::ssh) async fn longer_than(&self, count: usize) {
        let mut changes = self.0.subscribe();
        // The sender lives as long as `self`.
        let _ = changes.wait_for(|heard| heard.bytes.len() > count).await;
    }

    /// The bytes that have come.
    pub(in crate::ssh) fn bytes(&self) -> Vec<u8> {
        self.0.borrow().bytes.clone()
    }

    /// The number of bytes that have come.
    pub(in crate::ssh) fn count(&self) -> usize {
        self.0.borrow().bytes.len()
    }

    /// Drops the copy and keeps nothing any more.
    pub(in crate::ssh) fn close(&self) {
        self.0.send_modify(|heard| {
            heard.is_closed = true;
            heard.bytes = Vec::new();
        });
    }
}
