//! A record in an answer: a sequence's steps share what an answer shows of one output, and what the
//! caller has sent does not come back where it is long.

use std::borrow::Cow;

use super::record::Job;
use super::sequence::Step;
use crate::ssh::{HEAD, TAIL, abridge};

/// Bytes of a command that an answer or a list shows whole.
const LONGEST_COMMAND: usize = 4096;
/// Characters that it shows of a longer one.
const COMMAND_SHOWN: usize = 200;

/// Bytes of all steps' outputs together.
const BUDGET: usize = HEAD + TAIL;

impl Job {
    /// The record as an answer carries it.
    #[must_use]
    pub fn for_answer(&self) -> Self {
        let mut job = self.clone();
        let results = job.results.iter_mut().flatten();
        let results = results.map(|result| &mut result.command);
        let steps = job.commands.iter_mut().flatten().map(Step::command_mut);
        for command in results.chain(steps).chain(&mut job.cmd) {
            if let Cow::Owned(short) = cut(command) {
                *command = short;
            }
        }
        let mut texts: Vec<_> = job
            .results
            .iter_mut()
            .flatten()
            .flat_map(|step| [&mut step.output, &mut step.stderr])
            .collect();
        let lengths: Vec<_> = texts.iter().map(|text| text.len()).collect();
        let share = share(&lengths, BUDGET);
        for text in &mut texts {
            if text.len() > share {
                **text = abridge(text, share);
            }
        }
        job
    }
}

/// A command, or the beginning of a long one.
pub(super) fn cut(command: &str) -> Cow<'_, str> {
    if command.len() <= LONGEST_COMMAND {
        return command.into();
    }
    let beginning: String = command.chars().take(COMMAND_SHOWN).collect();
    format!("{beginning}… ({} bytes)", command.len()).into()
}

/// The most that each may have so that all keep within the budget: what short ones leave is for the long.
fn share(lengths: &[usize], budget: usize) -> usize {
    let mut sorted = lengths.to_vec();
    sorted.sort_unstable();
    let (mut left, mut others) = (budget, sorted.len());
    for length in sorted {
        if length > left / others {
            return left / others;
        }
        left -= length;
        others -= 1;
    }
    usize::MAX
}

#[cfg(test)]
mod tests {
    use super::super::status::Kind;
    use super::*;

    #[test]
    fn a_long_command_does_not_come_back() {
        let mut job = Job::new(Kind::Ssh, "web1");
        job.cmd = Some("é".repeat(5000));
        let shown = job.for_answer().cmd.unwrap();
        assert_eq!(shown, format!("{}… (10000 bytes)", "é".repeat(200)));
        job.cmd = Some("x".repeat(4096));
        assert_eq!(job.for_answer().cmd, job.cmd);
    }

    #[test]
    fn short_ones_stay_whole_and_leave_room_for_the_long() {
        assert_eq!(share(&[10, 20, 30], 60), usize::MAX);
        assert_eq!(share(&[10, 90, 90], 100), 45);
        assert_eq!(share(&[100; 4], 100), 25);
        assert_eq!(share(&[], 100), usize::MAX);
    }
}
