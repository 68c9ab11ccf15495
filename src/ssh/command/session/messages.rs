//! The messages of a session channel, dealt out to streams and steps.

use std::borrow::Cow;
use std::collections::VecDeque;

use russh::ChannelMsg;
use tokio::time::Instant;

use super::CommandSession;
use crate::ssh::command::exit_outcome::ExitOutcome;
use crate::ssh::command::step::OutputStep;

/// The data type of standard error (RFC 4254, section 5.2).
const STDERR: u32 = 1;

impl CommandSession<'_> {
    pub(super) fn take(&mut self, message: Option<ChannelMsg>) {
        match message {
            Some(ChannelMsg::Data { data }) if self.responder.is_some() => {
                let data = self.unannounced(&data);
                if let Some(link) = &self.link {
                    link.note_output();
                }
                if let Some(responder) = &mut self.responder {
                    self.stdout.push(&responder.take(&data));
                }
            }
            Some(ChannelMsg::Data { data }) => {
                // Standard error comes along there.
                let data = if self.channel.merges_streams() {
                    Cow::Owned(self.unannounced(&data))
                } else {
                    Cow::Borrowed(&*data)
                };
                if self.steps.is_empty() {
                    let first = self.allowance.first(&data, self.stdout.captured());
                    self.stdout.push(first);
                } else {
                    self.take_stdout_of_steps(data.into_owned());
                }
            }
            Some(ChannelMsg::ExtendedData { data, ext: STDERR }) => {
                let data = self.unannounced(&data);
                self.take_stderr_of_steps(data);
            }
            Some(ChannelMsg::ExitStatus { exit_status }) => {
                self.exit = Some(ExitOutcome::Exited(exit_status));
            }
            Some(ChannelMsg::ExitSignal { signal_name, .. }) => {
                self.exit = Some(ExitOutcome::by(&signal_name));
            }
            // The program runs, and the channel is not replaced any more.
            Some(ChannelMsg::Success) => self.feed.begin(&self.channel),
            Some(ChannelMsg::Failure) => {
                self.refused = true;
                self.closed = true;
            }
            Some(ChannelMsg::Close) => {
                self.closed_by_server = true;
                self.closed = true;
            }
            None => self.closed = true,
            Some(_) => {}
        }
    }

    /// The bytes without the announcement of the shell's process.
    fn unannounced(&mut self, data: &[u8]) -> Vec<u8> {
        match &mut self.announcement {
            Some(announcement) => announcement.pass(data),
            None => data.to_vec(),
        }
    }

    /// Deals out bytes of standard output to the steps that have not ended there.
    fn take_stdout_of_steps(&mut self, mut rest: Vec<u8>) {
        for step in self.steps.iter_mut().filter(|step| !step.stdout.is_over()) {
            rest = step.take_stdout(self.stdout, &rest);
            if !step.stdout.is_over() {
                return;
            }
        }
        self.stdout.push(&rest);
    }

    /// Does the same with standard error.
    fn take_stderr_of_steps(&mut self, mut rest: Vec<u8>) {
        for step in self.steps.iter_mut().filter(|step| !step.stderr.is_over()) {
            rest = step.take_stderr(self.stderr, &rest);
            if !step.stderr.is_over() {
                return;
            }
        }
        self.stderr.push(&rest);
    }

    /// Writes the bytes that are due.
    pub(super) async fn write(&mut self) {
        let now = Instant::now();
        for output in [&mut *self.stdout, &mut *self.stderr] {
            if output.due().is_some_and(|due| due <= now) {
                output.write().await;
            }
        }
    }

    /// Writes the last bytes. Returns the steps that were not taken out.
    pub(super) async fn finish(&mut self) -> VecDeque<OutputStep> {
        let mut steps = std::mem::take(&mut self.steps);
        for step in &mut steps {
            step.take_rest(self.stdout, self.stderr);
        }
        if let Some(responder) = &mut self.responder {
            self.stdout.push(&responder.rest());
        }
        if let Some(announcement) = &mut self.announcement {
            self.stderr.push(&announcement.rest());
        }
        self.stdout.finish().await;
        self.stderr.finish().await;
        steps
    }
}
