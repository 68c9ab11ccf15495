//! The requests of an SFTP session that have no answer yet, and how long they may be without one.

use std::collections::HashMap;
use std::io;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::sftp::wire::{Answer, Request, VERSION, broken};

/// The most requests without an answer. A transfer asks far fewer at once; a server that answers only
/// the newest would have them pile up.
const MOST_REQUESTS: usize = 16 * 1024;

/// How much longer a server has that may first have to write to its disk.
const SLOW_FACTOR: u32 = 2;

/// Bytes of an answer that count as progress before it is whole: on a slow line one takes its time.
const PROGRESS_BYTES: usize = 1024;

/// Why a session gives no more answers.
#[derive(Clone, Debug)]
pub(crate) enum Ended {
    /// The channel was closed, or the connection lost.
    Closed,
    /// The server answered nothing for so long.
    Silent(Duration),
    /// The server broke the protocol.
    Broken(String),
}

/// The requests that have no answer yet.
#[derive(Debug)]
pub(crate) struct Waiting {
    next: u32,
    by_number: HashMap<u32, Asked>,
    /// How many of them are slow.
    slow: usize,
    patience: Duration,
    /// When the server last did something about them, or the first of them was made.
    progressed: Instant,
    /// Bytes received since.
    received: usize,
    ended: Option<Ended>,
}

#[derive(Debug)]
struct Asked {
    answer: oneshot::Sender<Answer>,
    /// How many bytes of content may answer it.
    content: u32,
    is_slow: bool,
}

impl Waiting {
    /// No requests; later ones may be without an answer for `patience`.
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

    /// Waits for the server's introduction, which has the version where other answers have a number.
    pub(crate) fn greet(&mut self, answer: oneshot::Sender<Answer>) {
        let asked = Asked {
            answer,
            content: 0,
            is_slow: false,
        };
        self.by_number.insert(VERSION, asked);
    }

    /// Gives a request its number; `None` once the session has ended.
    pub(crate) fn ask(
        &mut self,
        request: &Request,
        answer: oneshot::Sender<Answer>,
    ) -> Option<u32> {
        if self.by_number.len() >= MOST_REQUESTS {
            let problem = broken("leaves too many requests without an answer");
            self.end(Ended::Broken(problem.to_string()));
        }
        if self.ended.is_some() {
            return None;
        }
        if self.by_number.is_empty() {
            self.progressed();
        }
        self.next = self.next.wrapping_add(1);
        self.slow += usize::from(request.is_slow());
        let asked = Asked {
            answer,
            content: request.content(),
            is_slow: request.is_slow(),
        };
        self.by_number.insert(self.next, asked);
        Some(self.next)
    }

    /// Hands out an answer. An error means that the server may not answer so.
    pub(crate) fn answer(&mut self, number: u32, answer: Answer) -> io::Result<()> {
        let Some(asked) = self.by_number.remove(&number) else {
            return Err(broken("answered a request that was not made"));
        };
        if answer.content() > asked.content as usize {
            return Err(broken("sent more of a file than was asked for"));
        }
        self.slow -= usize::from(asked.is_slow);
        self.progressed();
        // Whoever has gone away needs no answer.
        let _ = asked.answer.send(answer);
        Ok(())
    }

    /// Notes bytes of an answer that is on its way.
    pub(crate) fn received(&mut self, bytes: usize) {
        self.received += bytes;
        if self.received >= PROGRESS_BYTES {
            self.progressed();
        }
    }

    /// Notes that the server did something about the requests.
    pub(crate) fn progressed(&mut self) {
        self.progressed = Instant::now();
        self.received = 0;
    }

    /// When the requests will have been without an answer for too long, and how long that is; `None`
    /// while there are none.
    pub(crate) fn due(&self) -> (Option<Instant>, Duration) {
        let factor = if self.slow > 0 { SLOW_FACTOR } else { 1 };
        let patience = self.patience * factor;
        let due = self.progressed + patience;
        ((!self.by_number.is_empty()).then_some(due), patience)
    }

    /// Ends the session; the first reason stays.
    pub(crate) fn end(&mut self, why: Ended) {
        self.ended.get_or_insert(why);
        self.by_number.clear();
    }

    /// Why the session has ended, if it has.
    pub(crate) fn ended(&self) -> Option<&Ended> {
        self.ended.as_ref()
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::sftp::wire::Kind;

    const PATIENCE: Duration = Duration::from_secs(60);

    fn ask(waiting: &mut Waiting, kind: Kind, content: u32) -> Option<u32> {
        let request = Request::new(kind, 0).answered_by(content);
        waiting.ask(&request, oneshot::channel().0)
    }

    #[test]
    fn only_what_was_asked_is_taken() {
        let mut waiting = Waiting::new(PATIENCE);
        let data = |length| Answer::Data(vec![Bytes::from(vec![1; length])]);
        for (length, is_taken) in [(0, true), (3, true), (4, false)] {
            let number = ask(&mut waiting, Kind::Read, 3).unwrap();
            assert_eq!(waiting.answer(number, data(length)).is_ok(), is_taken);
        }
        let number = ask(&mut waiting, Kind::Stat, 0).unwrap();
        assert!(waiting.answer(number + 1, data(0)).is_err());
        assert!(waiting.answer(number, data(1)).is_err());
    }

    #[test]
    fn requests_without_an_answer_do_not_pile_up() {
        let mut waiting = Waiting::new(PATIENCE);
        for _ in 0..MOST_REQUESTS {
            assert!(ask(&mut waiting, Kind::Read, 1).is_some());
        }
        assert!(ask(&mut waiting, Kind::Read, 1).is_none());
        assert!(matches!(waiting.ended(), Some(Ended::Broken(_))));
    }

    #[test]
    fn patience_begins_with_the_first_request_and_with_each_answer() {
        let mut waiting = Waiting::new(PATIENCE);
        assert_eq!(waiting.due(), (None, PATIENCE));
        let long_ago = Instant::now().checked_sub(PATIENCE).unwrap();
        // Whether doing it counts as progress.
        let mut progresses = |doing: &dyn Fn(&mut Waiting)| {
            waiting.progressed = long_ago;
            doing(&mut waiting);
            let (due, patience) = waiting.due();
            (due.map(|due| due > long_ago + patience), patience)
        };
        let first = |waiting: &mut Waiting| {
            assert_eq!(ask(waiting, Kind::Stat, 0), Some(1));
        };
        assert_eq!(progresses(&first), (Some(true), PATIENCE));
        let second = |waiting: &mut Waiting| {
            assert_eq!(ask(waiting, Kind::Close, 0), Some(2));
        };
        assert_eq!(progresses(&second), (Some(false), 2 * PATIENCE));
        let few = |waiting: &mut Waiting| waiting.received(1);
        assert_eq!(progresses(&few).0, Some(false));
        let many = |waiting: &mut Waiting| waiting.received(PROGRESS_BYTES);
        assert_eq!(progresses(&many).0, Some(true));
        let done = |number| {
            move |waiting: &mut Waiting| {
                let status = Answer::Status(0, String::new());
                waiting.answer(number, status).unwrap();
            }
        };
        assert_eq!(progresses(&done(2)), (Some(true), PATIENCE));
        assert_eq!(progresses(&done(1)), (None, PATIENCE));
    }
}
