//! Outstanding requests of an SFTP session, and the time for their answers.

use std::collections::HashMap;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::sftp::error::Result;
use crate::sftp::wire::{RequestPacket, Response, VERSION, protocol_error};

/// Most outstanding requests. A transfer has far fewer; a server that answers only the newest would
/// have them pile up.
const MOST_REQUESTS: usize = 16 * 1024;

/// Factor for requests that may have to wait for the server's disk.
const SLOW_FACTOR: u32 = 2;

/// Bytes of an incomplete answer that count as progress: on a slow connection one takes its time.
const PROGRESS_BYTES: usize = 1024;

/// The reason for the end of a session.
#[derive(Clone, Debug)]
pub(crate) enum EndReason {
    /// The channel was closed, or the connection lost.
    Closed,
    /// The server answered nothing for this long.
    Silent(Duration),
    /// The server broke the protocol.
    Broken(String),
}

/// Requests that have no answer yet.
#[derive(Debug)]
pub(crate) struct OutstandingRequests {
    next: u32,
    by_number: HashMap<u32, Outstanding>,
    /// Number of slow ones among them.
    slow: usize,
    patience: Duration,
    /// When the server last made progress, or the first of them was sent.
    progressed: Instant,
    /// Bytes received since.
    received: usize,
    ended: Option<EndReason>,
}

#[derive(Debug)]
struct Outstanding {
    answer: oneshot::Sender<Response>,
    /// Most bytes of content in its answer.
    content: u32,
    is_slow: bool,
}

impl OutstandingRequests {
    /// Starts without requests; later ones may go unanswered for `patience`.
    pub(crate) fn new(patience: Duration) -> Self {
        Self {
            next: 0,
            by_number: HashMap::new(),
            slow: 0,
            patience,
            progressed: Instant::now(),
            received: 0,
            ended: None,
        }
    }

    /// Expects the server's version packet, which has the version in place of a number.
    pub(crate) fn greet(&mut self, answer: oneshot::Sender<Response>) {
        let outstanding = Outstanding {
            answer,
            content: 0,
            is_slow: false,
        };
        self.by_number.insert(VERSION, outstanding);
    }

    /// Registers a request and returns its number; `None` once the session has ended.
    pub(crate) fn add(
        &mut self,
        request: &RequestPacket,
        answer: oneshot::Sender<Response>,
    ) -> Option<u32> {
        if self.by_number.len() >= MOST_REQUESTS {
            let problem = protocol_error("leaves too many requests without an answer");
            self.end(EndReason::Broken(problem.to_string()));
        }
        if self.ended.is_some() {
            return None;
        }
        if self.by_number.is_empty() {
            self.progressed();
        }
        self.next = self.next.wrapping_add(1);
        self.slow += usize::from(request.is_slow());
        let outstanding = Outstanding {
            answer,
            content: request.content(),
            is_slow: request.is_slow(),
        };
        self.by_number.insert(self.next, outstanding);
        Some(self.next)
    }

    /// Delivers an answer. An error means that the server broke the protocol.
    pub(crate) fn resolve(&mut self, number: u32, answer: Response) -> Result<()> {
        let Some(outstanding) = self.by_number.remove(&number) else {
            return Err(protocol_error("answered a request that was not made"));
        };
        if answer.content() > outstanding.content as usize {
            return Err(protocol_error("sent more of a file than was asked for"));
        }
        self.slow -= usize::from(outstanding.is_slow);
        self.progressed();
        // Nobody may be waiting any more.
        let _ = outstanding.answer.send(answer);
        Ok(())
    }

    /// Counts bytes of an incomplete answer.
    pub(crate) fn received(&mut self, bytes: usize) {
        self.received += bytes;
        if self.received >= PROGRESS_BYTES {
            self.progressed();
        }
    }

    /// Records progress.
    pub(crate) fn progressed(&mut self) {
        self.progressed = Instant::now();
        self.received = 0;
    }

    /// The time by which an answer is due, if there are requests, and the patience that it comes from.
    pub(crate) fn due(&self) -> (Option<Instant>, Duration) {
        let factor = if self.slow > 0 { SLOW_FACTOR } else { 1 };
        let patience = self.patience * factor;
        let due = self.progressed + patience;
        ((!self.by_number.is_empty()).then_some(due), patience)
    }

    /// Ends the session; the first reason is kept.
    pub(crate) fn end(&mut self, why: EndReason) {
        self.ended.get_or_insert(why);
        self.by_number.clear();
    }

    /// The reason for the end of the session; `None` while it goes on.
    pub(crate) fn ended(&self) -> Option<&EndReason> {
        self.ended.as_ref()
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::sftp::wire::PacketType;

    const PATIENCE: Duration = Duration::from_secs(60);

    fn add(outstanding: &mut OutstandingRequests, kind: PacketType, content: u32) -> Option<u32> {
        let request = RequestPacket::new(kind, 0).answered_by(content);
        outstanding.add(&request, oneshot::channel().0)
    }

    #[test]
    fn only_what_was_asked_is_taken() {
        let mut outstanding = OutstandingRequests::new(PATIENCE);
        let data = |length| Response::Data(vec![Bytes::from(vec![1; length])]);
        for (length, is_taken) in [(0, true), (3, true), (4, false)] {
            let number = add(&mut outstanding, PacketType::Read, 3).unwrap();
            assert_eq!(outstanding.resolve(number, data(length)).is_ok(), is_taken);
        }
        let number = add(&mut outstanding, PacketType::Stat, 0).unwrap();
        assert!(outstanding.resolve(number + 1, data(0)).is_err());
        assert!(outstanding.resolve(number, data(1)).is_err());
    }

    #[test]
    fn requests_without_an_answer_do_not_pile_up() {
        let mut outstanding = OutstandingRequests::new(PATIENCE);
        for _ in 0..MOST_REQUESTS {
            assert!(add(&mut outstanding, PacketType::Read, 1).is_some());
        }
        assert!(add(&mut outstanding, PacketType::Read, 1).is_none());
        assert!(matches!(outstanding.ended(), Some(EndReason::Broken(_))));
    }

    #[test]
    fn patience_begins_with_the_first_request_and_with_each_answer() {
        let mut outstanding = OutstandingRequests::new(PATIENCE);
        assert_eq!(outstanding.due(), (None, PATIENCE));
        let long_ago = Instant::now().checked_sub(PATIENCE).unwrap();
        // Tells if an action counts as progress.
        let mut progresses = |doing: &dyn Fn(&mut OutstandingRequests)| {
            outstanding.progressed = long_ago;
            doing(&mut outstanding);
            let (due, patience) = outstanding.due();
            (due.map(|due| due > long_ago + patience), patience)
        };
        let first = |outstanding: &mut OutstandingRequests| {
            assert_eq!(add(outstanding, PacketType::Stat, 0), Some(1));
        };
        assert_eq!(progresses(&first), (Some(true), PATIENCE));
        let second = |outstanding: &mut OutstandingRequests| {
            assert_eq!(add(outstanding, PacketType::Close, 0), Some(2));
        };
        assert_eq!(progresses(&second), (Some(false), 2 * PATIENCE));
        let few = |outstanding: &mut OutstandingRequests| outstanding.received(1);
        assert_eq!(progresses(&few).0, Some(false));
        let many = |outstanding: &mut OutstandingRequests| outstanding.received(PROGRESS_BYTES);
        assert_eq!(progresses(&many).0, Some(true));
        let done = |number| {
            move |outstanding: &mut OutstandingRequests| {
                let status = Response::Status(0, String::new());
                outstanding.resolve(number, status).unwrap();
            }
        };
        assert_eq!(progresses(&done(2)), (Some(true), PATIENCE));
        assert_eq!(progresses(&done(1)), (None, PATIENCE));
    }
}
