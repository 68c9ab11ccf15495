//! The result of a step, as the record has it.

use super::step::Step;
use crate::job::kind::command::refused_by_device;
use crate::job::kind::hide_passwords;
use crate::job::kind::step::StepResult;
use crate::ssh::ExitOutcome;
use crate::ssh::command::sequence::StepOutcome;
use crate::time::millis;

/// Returns the result of a step, and its end.
pub(super) fn result_of(index: usize, step: &Step, ran: StepOutcome) -> (StepResult, ExitOutcome) {
    let StepOutcome {
        stdout,
        stderr,
        ended,
        is_cut,
        reached,
        charset,
        duration,
    } = ran;
    let mut process = None;
    let (exit_code, error) = match &ended {
        ExitOutcome::Exited(0) => (Some(0), None),
        ExitOutcome::Exited(code) => (Some(*code), Some(format!("Exit code: {code}"))),
        ExitOutcome::Signalled(signal) => (None, Some(format!("killed by signal {signal}"))),
        ExitOutcome::TimedOut(stopped) => (
            None,
            Some(format!("ran past its timeout and was {stopped}")),
        ),
        ExitOutcome::Bounded(stopped) => {
            process = Some(*stopped);
            (None, None)
        }
        ExitOutcome::Cancelled(stopped) => (None, Some(format!("cancelled: {stopped}"))),
        ExitOutcome::NotBegun => (None, Some("cancelled before it had begun".to_owned())),
        ExitOutcome::Answered(_) => (None, None),
        ExitOutcome::Refused { words, .. } => (None, Some(refused_by_device(words))),
        ExitOutcome::Unknown => (
            None,
            Some("the shell ended without an exit status".to_owned()),
        ),
        ExitOutcome::ConnectionLost(error) => (None, Some(error.to_string())),
    };
    let is_bounded = is_cut || process.is_some();
    let reached = reached.filter(|_| is_bounded);
    let mut command = step.summary().into_owned();
    hide_passwords(&mut command);
    let result = StepResult {
        step: index + 1,
        command,
        success: error.is_none(),
        output: stdout.shown(charset).text,
        stderr: stderr.shown(charset).text,
        exit_code,
        duration: millis(duration),
        line_count: stdout.lines(),
        bounded: is_bounded.then_some(true),
        bounded_by: reached.map(|reached| reached.to_string()),
        process,
        error,
    };
    (result, ended)
}
