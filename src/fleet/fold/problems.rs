//! The lines about servers that gave no result, or failed: who, and for which reason.

use super::groups::{OutputGroup, group, names_of};
use super::report::{ChildOutcome, ChildReport};
use super::room::AnswerRoom;
use crate::text::{beginning, json_length};

/// The most lines.
const MOST_LINES: usize = 16;
/// The longest reason.
const LONGEST_REASON: usize = 240;
/// The bytes of a line beside its names and its reason.
const FRAME: usize = 40;
/// The least bytes that a line has for its names.
const LEAST_NAMES: usize = 60;

/// The kinds of problems, in the order of their lines.
const KINDS: [&str; 5] = [
    "unreachable",
    "refused",
    "failed",
    "still running",
    "not begun",
];

/// The kind of a problem, and its reason.
fn problem(outcome: &ChildOutcome) -> Option<(&'static str, &str)> {
    match outcome {
        ChildOutcome::Succeeded => None,
        ChildOutcome::Unreachable { reason } => Some(("unreachable", reason)),
        ChildOutcome::Refused { reason } => Some(("refused", reason)),
        ChildOutcome::Failed { reason } => Some(("failed", reason)),
        ChildOutcome::Running => Some(("still running", "")),
        ChildOutcome::NotBegun { reason } => Some(("not begun", reason)),
    }
}

/// Writes the lines in half of the room.
pub(super) fn write(room: &mut AnswerRoom, reports: &[ChildReport]) {
    let of_kind = |kind: &'static str| {
        let problems = reports.iter();
        let problems = problems.filter_map(move |report| {
            let (found, reason) = problem(&report.outcome)?;
            (found == kind).then(|| (report, in_a_line(reason)))
        });
        group(problems).into_iter().map(move |group| (kind, group))
    };
    let mut problems: Vec<_> = KINDS.into_iter().flat_map(of_kind).collect();
    let others = problems.split_off(problems.len().min(MOST_LINES));
    let reasons = problems
        .iter()
        .map(|(_, group)| json_length(&group.text) + FRAME);
    let lines = problems.len() + usize::from(!others.is_empty());
    let for_names = (room.left() / 2).saturating_sub(reasons.sum()) / lines.max(1);
    let for_names = for_names.max(LEAST_NAMES);
    for (word, group) in &problems {
        room.line(&line(word, group, for_names));
    }
    let others: Vec<_> = others
        .into_iter()
        .flat_map(|(_, group)| group.reports)
        .collect();
    if !others.is_empty() {
        let names = names_of(&others, for_names);
        room.line(&format!(
            "{} for other reasons, which task_output tells: {names}",
            others.len()
        ));
    }
}

fn line(word: &str, group: &OutputGroup<'_>, for_names: usize) -> String {
    let (number, names) = (group.len(), group.names(for_names));
    let reason = match group.text.as_str() {
        "" => String::new(),
        text => format!(": {text}"),
    };
    format!("{number} {word}: {names}{reason}{}", group.legend())
}

/// A reason in one line.
fn in_a_line(reason: &str) -> String {
    let words: Vec<_> = reason.split_whitespace().collect();
    beginning(&words.join(" "), LONGEST_REASON).into_owned()
}
