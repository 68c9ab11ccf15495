//! The text by which a server runs the steps of a sequence by itself, and the marks that it leaves of them.

use std::ops::Range;
use std::time::Duration;

use super::detached::{DetachedInput, DetachedText, PLACES};
use super::exit_outcome::ExitOutcome;
use super::sequence::BoundedCommand;
use super::supplied::{DETACHED_READER, in_one_line};
use crate::error::{Error, Stopped};
use crate::shell::quote;
use crate::ssh::pool::{Pool, patience};
use crate::ssh::script::probe::shell_kind;
use crate::ssh::script::stop::PROCESSES;

const TELL: &str = include_str!("../scripts/tell.sh");
const STEPS: &str = include_str!("../scripts/steps.sh");
const SEQUENCE: &str = include_str!("../scripts/sequence.sh");
const TIMES: &str = include_str!("../scripts/step_times.sh");

/// The text that runs these commands in one shell, and whether that is `sh`: the login shell is not a POSIX one.
pub async fn text_of(
    pool: &Pool,
    alias: &str,
    directory: &str,
    commands: &[BoundedCommand<'_>],
) -> Result<(DetachedText<'static>, bool), Error> {
    let kind = shell_kind(&pool.as_login_user(), alias, patience(None)).await?;
    if kind.is_restricted {
        return Err(Error::NotDetached {
            alias: alias.to_owned(),
            reason: "its login shell is restricted, and writes no files".to_owned(),
        });
    }
    let text = DetachedText {
        line: DETACHED_READER,
        input: DetachedInput::Data(in_one_line(&runner(directory, commands, kind.is_posix))),
    };
    Ok((text, !kind.is_posix))
}

/// The text for `sh` that runs the commands and attends them. Its `$0` is the path of the login shell.
fn runner(directory: &str, commands: &[BoundedCommand<'_>], is_login_posix: bool) -> String {
    let shell = if is_login_posix { "${0:-sh}" } else { "sh" };
    let steps = in_one_line(&format!("{TELL}{STEPS}{}", steps(commands)));
    let numbered = || (1_usize..).zip(commands);
    let may: Vec<_> = numbered()
        .filter(|(_, command)| command.may_fail)
        .map(|(number, _)| number.to_string())
        .collect();
    let limits: Vec<_> = numbered()
        .filter_map(|(number, command)| Some(format!("{number}:{}", seconds(command)?)))
        .collect();
    let watch = if limits.is_empty() {
        String::new()
    } else {
        format!("{PROCESSES}{TIMES}")
    };
    format!(
        "mcp_place=$HOME/{PLACES}/{}\n{TELL}shell={shell} total={} may={} limits={} watch={} text={}\n{SEQUENCE}",
        quote(directory),
        commands.len(),
        quote(&format!(" {} ", may.join(" "))),
        quote(&limits.join(" ")),
        quote(&watch),
        quote(&steps),
    )
}

/// The steps as their shell runs them.
fn steps(commands: &[BoundedCommand<'_>]) -> String {
    let steps = (1_usize..).zip(commands).map(|(number, command)| {
        let may_fail = if command.may_fail { "on" } else { "''" };
        let limited = if command.limit.is_some() { "on" } else { "''" };
        format!(
            "if [ \"$mcp_first\" -le {number} ]; then\n\
             {{ mcp_tell begun {number} $$; }} 2>/dev/null\n\
             eval {} </dev/null\n\
             {{ mcp_end \"$?\" {number} {may_fail} {limited}; }} 2>/dev/null\n\
             fi\n",
            quote(command.text)
        )
    });
    steps.collect()
}

/// The whole seconds of a command's limit, rounded up.
fn seconds(command: &BoundedCommand<'_>) -> Option<u128> {
    Some(command.limit?.as_millis().div_ceil(1000))
}

/// A step that has begun.
#[derive(Debug)]
pub struct StepRun {
    /// Its number, from 1.
    pub step: usize,
    /// The bytes of standard output and standard error that came while it ran; up to their ends while it runs.
    pub ranges: [Range<u64>; 2],
    /// Its end; `None` while it runs.
    pub ended: Option<ExitOutcome>,
    /// The time that it took.
    pub duration: Duration,
}

/// Reads the marks of a sequence. Of steps whose marks make no sense, the rest is left out.
pub fn runs(marks: &str) -> Vec<StepRun> {
    let mut runs: Vec<StepRun> = Vec::new();
    let mut began = Duration::ZERO;
    for mark in marks.lines().map_while(Mark::read) {
        let [stdout, stderr] = mark.lengths;
        if mark.word == "begun" {
            began = mark.at;
            runs.push(StepRun {
                step: mark.step,
                ranges: [stdout..u64::MAX, stderr..u64::MAX],
                ended: None,
                duration: Duration::ZERO,
            });
        } else if let Some(run) = runs.last_mut().filter(|run| run.step == mark.step) {
            run.ranges[0].end = stdout;
            run.ranges[1].end = stderr;
            run.duration = mark.at.saturating_sub(began);
            run.ended = Some(match mark.value.parse() {
                Ok(code) => ExitOutcome::Exited(code),
                Err(_) => ExitOutcome::TimedOut(Stopped::Stopped),
            });
        }
    }
    runs
}

/// A line that the beginning or the end of a step has left.
struct Mark<'m> {
    word: &'m str,
    step: usize,
    /// The exit status or `late` at the end, the shell's process at the beginning.
    value: &'m str,
    lengths: [u64; 2],
    at: Duration,
}

impl<'m> Mark<'m> {
    fn read(line: &'m str) -> Option<Self> {
        let mut words = line.split(' ');
        let (word, step, value) = (words.next()?, words.next()?, words.next()?);
        let mut number = || words.next()?.parse::<u64>().ok();
        Some(Self {
            word,
            step: step.parse().ok()?,
            value,
            lengths: [number()?, number()?],
            at: Duration::from_millis(number()?.checked_mul(10)?),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_tell_each_step_s_part_of_the_output() {
        let marks = "begun 1 77 3 0 100\nended 1 0 10 2 150\nbegun 2 77 10 2 150\nended 2 late 12 2 450\nbegun 3 78 12 2 450\n";
        let runs = runs(marks);
        let ends: Vec<_> = runs.iter().map(|run| format!("{:?}", run.ended)).collect();
        assert_eq!(ends, ["Some(Exited(0))", "Some(TimedOut(Stopped))", "None"]);
        assert_eq!(runs[0].ranges, [3..10, 0..2]);
        assert_eq!(runs[1].duration, Duration::from_secs(3));
        assert_eq!(runs[2].ranges, [12..u64::MAX, 2..u64::MAX]);
    }

    #[test]
    fn a_mark_that_is_not_whole_is_left_out() {
        assert_eq!(runs("begun 1 77 3 0 100\nended 1 0 10").len(), 1);
        assert!(runs("nonsense\n").is_empty());
    }
}
