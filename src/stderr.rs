//! Standard error, written by a thread of its own, so that a reader that has stopped blocks nothing else.

use std::io::Write as _;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;

/// The number of lines that may wait to be written; more are dropped.
const WAITING_LINES: usize = 1000;

/// The time allowed for the last lines when the program ends.
const LAST_LINES: Duration = Duration::from_millis(200);

/// Lines on their way to standard error.
#[derive(Debug)]
pub(crate) struct Stderr(SyncSender<StderrMessage>);

#[derive(Debug)]
enum StderrMessage {
    Line(String),
    /// Everything before it is written once this is dropped.
    Flush(SyncSender<()>),
}

impl Stderr {
    /// Starts the thread. If the system refuses one, nothing is written.
    pub(crate) fn start() -> Self {
        let (sender, receiver) = sync_channel(WAITING_LINES);
        let _ = std::thread::Builder::new()
            .name("stderr".to_owned())
            .spawn(move || write(&receiver));
        Self(sender)
    }

    /// Hands a line to the thread, or drops it if too many wait.
    pub(crate) fn line(&self, line: String) {
        let _ = self.0.try_send(StderrMessage::Line(line));
    }

    /// Waits a moment until all lines are written.
    pub(crate) fn flush(&self) {
        let (written, is_written) = sync_channel(0);
        if self.0.try_send(StderrMessage::Flush(written)).is_ok() {
            let _ = is_written.recv_timeout(LAST_LINES);
        }
    }
}

fn write(messages: &Receiver<StderrMessage>) {
    for message in messages {
        match message {
            // A closed or full standard error must not end the server.
            StderrMessage::Line(line) => drop(std::io::stderr().write_all(line.as_bytes())),
            StderrMessage::Flush(written) => drop(written),
        }
    }
}
