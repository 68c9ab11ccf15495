//! Back pressure: reading from the client waits while too many of its requests or answers are pending. A
//! client that does not read its answers must not fill memory with them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rmcp::model::RequestId;
use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};

use crate::sync::lock;

/// The most bytes of answers that wait to be written.
const MOST_ANSWER_BYTES: usize = 1024 * 1024;
/// The most bytes of requests that have no answer yet.
const MOST_REQUEST_BYTES: usize = 32 * 1024 * 1024;
/// The pending requests from which on each further one waits for [`SHORT_PAUSE`] or for an answer. Nearly all
/// are answered at once, so that a flood of them is slowed down to the pace of its answers.
const MANY_REQUESTS: usize = 32;
const SHORT_PAUSE: Duration = Duration::from_millis(5);
/// The pending requests from which on each further one waits for [`LONG_PAUSE`] or for an answer. It is more
/// than any client has. The pause has an end, because all of them may take minutes, and a cancellation that
/// follows has to be read.
const TOO_MANY_REQUESTS: usize = 1024;
const LONG_PAUSE: Duration = Duration::from_secs(1);

/// The requests without an answer, and the answers that are not written yet.
#[derive(Debug, Default)]
pub(super) struct Load {
    state: Mutex<LoadState>,
    lessened: Notify,
}

#[derive(Debug, Default)]
struct LoadState {
    requests: HashMap<RequestId, usize>,
    request_bytes: usize,
    answer_bytes: usize,
}

/// A count of bytes on their way to the client; dropped when they are written.
#[derive(Debug)]
pub(super) struct PendingBytes {
    load: Arc<Load>,
    bytes: usize,
}

impl Load {
    /// Counts a request.
    pub(super) fn begin(&self, id: RequestId, bytes: usize) {
        let mut state = lock(&self.state);
        state.request_bytes += bytes;
        if let Some(before) = state.requests.insert(id, bytes) {
            state.request_bytes -= before;
        }
    }

    /// Returns true if a request with this ID is counted.
    pub(super) fn is_open(&self, id: &RequestId) -> bool {
        lock(&self.state).requests.contains_key(id)
    }

    /// Stops counting a request, which is answered or will not be.
    pub(super) fn end(&self, id: &RequestId) {
        let mut state = lock(&self.state);
        if let Some(bytes) = state.requests.remove(id) {
            state.request_bytes -= bytes;
        }
        drop(state);
        self.lessened.notify_waiters();
    }

    /// Counts bytes to be written.
    pub(super) fn hold(self: &Arc<Self>, bytes: usize) -> PendingBytes {
        lock(&self.state).answer_bytes += bytes;
        PendingBytes {
            load: Arc::clone(self),
            bytes,
        }
    }

    /// Waits until the next message may be read.
    pub(super) async fn admit(&self) {
        let since = Instant::now();
        loop {
            let lessened = self.lessened.notified();
            let room = lock(&self.state).room();
            match room {
                Room::Enough => return,
                Room::Little(pause) => {
                    if timeout_at(since + pause, lessened).await.is_err() {
                        return;
                    }
                }
                Room::None => lessened.await,
            }
        }
    }
}

impl Drop for PendingBytes {
    fn drop(&mut self) {
        lock(&self.load.state).answer_bytes -= self.bytes;
        self.load.lessened.notify_waiters();
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Room {
    Enough,
    /// Enough after this pause.
    Little(Duration),
    None,
}

impl LoadState {
    fn room(&self) -> Room {
        if self.answer_bytes > MOST_ANSWER_BYTES || self.request_bytes > MOST_REQUEST_BYTES {
            return Room::None;
        }
        match self.requests.len() {
            TOO_MANY_REQUESTS.. => Room::Little(LONG_PAUSE),
            MANY_REQUESTS.. => Room::Little(SHORT_PAUSE),
            _ => Room::Enough,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn room(load: &Load) -> Room {
        lock(&load.state).room()
    }

    #[test]
    fn requests_and_answers_take_room_and_give_it_back() {
        let load = Arc::new(Load::default());
        let id = |number: usize| RequestId::Number(i64::try_from(number).unwrap());
        for number in 0..MANY_REQUESTS {
            assert_eq!(room(&load), Room::Enough);
            load.begin(id(number), 1);
        }
        assert_eq!(room(&load), Room::Little(SHORT_PAUSE));
        load.begin(id(0), MOST_REQUEST_BYTES);
        assert_eq!(room(&load), Room::None);
        load.begin(id(0), 1);
        assert_eq!(room(&load), Room::Little(SHORT_PAUSE));
        load.end(&id(0));
        load.end(&id(0));
        assert_eq!(room(&load), Room::Enough);
        let held = load.hold(MOST_ANSWER_BYTES + 1);
        assert_eq!(room(&load), Room::None);
        drop(held);
        assert_eq!(room(&load), Room::Enough);
    }

    #[tokio::test]
    async fn a_reader_that_waits_goes_on_once_an_answer_is_written() {
        let load = Arc::new(Load::default());
        let held = load.hold(MOST_ANSWER_BYTES + 1);
        let waiting = tokio::spawn({
            let load = Arc::clone(&load);
            async move { load.admit().await }
        });
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        drop(held);
        waiting.await.unwrap();
    }
}
