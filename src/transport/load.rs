//! What a client has under way here. Reading from it waits while that is too much: one that does not
//! read its answers must not fill memory with them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rmcp::model::RequestId;
use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};

use crate::sync::lock;

/// Bytes of answers that wait to be written.
const MOST_ANSWER_BYTES: usize = 1024 * 1024;
/// Bytes of requests that have no answer yet.
const MOST_REQUEST_BYTES: usize = 32 * 1024 * 1024;
/// From so many requests on, each further one waits a moment for the answer of another: nearly all are
/// answered at once, and what a flood of them brings is then known before the next is read.
const MANY_REQUESTS: usize = 32;
const MOMENT: Duration = Duration::from_millis(5);
/// The same from more on than any client has. Some may wait for minutes, and a cancellation among
/// those that follow is to be heard: so it is not for ever.
const TOO_MANY_REQUESTS: usize = 1024;
const WHILE: Duration = Duration::from_secs(1);

/// The requests without an answer, and the answers that are not written yet.
#[derive(Debug, Default)]
pub(super) struct Load {
    state: Mutex<State>,
    lessened: Notify,
}

#[derive(Debug, Default)]
struct State {
    requests: HashMap<RequestId, usize>,
    request_bytes: usize,
    answer_bytes: usize,
}

/// Bytes on their way to the client; dropped once they are written.
#[derive(Debug)]
pub(super) struct Held {
    load: Arc<Load>,
    bytes: usize,
}

impl Load {
    /// Counts a request of so many bytes.
    pub(super) fn begin(&self, id: RequestId, bytes: usize) {
        let mut state = lock(&self.state);
        state.request_bytes += bytes;
        if let Some(before) = state.requests.insert(id, bytes) {
            state.request_bytes -= before;
        }
    }

    /// Whether a request of this ID is counted.
    pub(super) fn is_open(&self, id: &RequestId) -> bool {
        lock(&self.state).requests.contains_key(id)
    }

    /// Counts a request no more: it is answered, or will not be.
    pub(super) fn end(&self, id: &RequestId) {
        let mut state = lock(&self.state);
        if let Some(bytes) = state.requests.remove(id) {
            state.request_bytes -= bytes;
        }
        drop(state);
        self.lessened.notify_waiters();
    }

    /// Counts bytes to be written.
    pub(super) fn hold(self: &Arc<Self>, bytes: usize) -> Held {
        lock(&self.state).answer_bytes += bytes;
        Held {
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

impl Drop for Held {
    fn drop(&mut self) {
        lock(&self.load.state).answer_bytes -= self.bytes;
        self.load.lessened.notify_waiters();
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Room {
    Enough,
    /// Enough after a pause.
    Little(Duration),
    None,
}

impl State {
    fn room(&self) -> Room {
        if self.answer_bytes > MOST_ANSWER_BYTES || self.request_bytes > MOST_REQUEST_BYTES {
            return Room::None;
        }
        match self.requests.len() {
            TOO_MANY_REQUESTS.. => Room::Little(WHILE),
            MANY_REQUESTS.. => Room::Little(MOMENT),
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
        assert_eq!(room(&load), Room::Little(MOMENT));
        load.begin(id(0), MOST_REQUEST_BYTES);
        assert_eq!(room(&load), Room::None);
        load.begin(id(0), 1);
        assert_eq!(room(&load), Room::Little(MOMENT));
        load.end(&id(0));
        load.end(&id(0));
        assert_eq!(room(&load), Room::Enough);
        let held = load.hold(MOST_ANSWER_BYTES + 1);
        assert_eq!(room(&load), Room::None);
        drop(held);
        assert_eq!(room(&load), Room::Enough);
    }

    #[tokio::test]
    async fn whoever_waits_goes_on_once_an_answer_is_written() {
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
