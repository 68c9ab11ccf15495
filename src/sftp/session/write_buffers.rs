//! The memory of a file's writes, which is used again and again.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use bytes::Bytes;

use crate::sync::lock;

/// Most buffers that are kept: as many as may be outstanding on a session.
const MOST_KEPT: usize = 64;

/// The packets of a file's writes. The oldest is filled again once it is sent, because new memory costs the
/// system more than the encryption of what is in it.
#[derive(Clone, Debug, Default)]
pub(crate) struct WriteBuffers(Arc<Mutex<VecDeque<Bytes>>>);

impl WriteBuffers {
    /// Takes the memory of a packet that was sent; an empty buffer if there is none.
    pub(crate) fn take(&self) -> Vec<u8> {
        let mut lent = lock(&self.0);
        if !lent.front().is_some_and(Bytes::is_unique) {
            return Vec::new();
        }
        let mut buffer = Vec::from(lent.pop_front().unwrap_or_default());
        buffer.clear();
        buffer
    }

    /// Keeps a packet that is being sent.
    pub(super) fn lend(&self, packet: Bytes) {
        let mut lent = lock(&self.0);
        if lent.len() < MOST_KEPT {
            lent.push_back(packet);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_used_again_once_its_packet_is_sent() {
        let buffers = WriteBuffers::default();
        assert_eq!(buffers.take().capacity(), 0);
        let packet = Bytes::from(vec![7; 32 * 1024]);
        let place = packet.as_ptr();
        buffers.lend(packet.clone());
        assert_eq!(buffers.take().capacity(), 0, "it is not sent yet");
        drop(packet);
        let again = buffers.take();
        assert_eq!((again.as_ptr(), again.len()), (place, 0));
        assert!(again.capacity() >= 32 * 1024);
    }
}
