//! One text about what came of a call on many servers: problems first, then equal outputs once.
//!
//! The separators bear the parent task's ID, which no output can know in advance. Whatever stands outside of them
//! is this program's own, or is a server's in one line behind the server's name.
//!
//! | module | what it is |
//! |---|---|
//! | `report` | what came of the call on one server |
//! | `names` | lists of aliases, with ranges |
//! | `own_names` | placeholders for the names that a server has of its own |
//! | `groups` | servers with the same output |
//! | `problems` | the lines about servers that gave no result, or failed |
//! | `columns` | outputs of one form, by the words in which they differ |
//! | `sections` | the outputs: in rows, or one whole and the others by their differences from it |
//! | `room` | the bytes that an answer has left |

mod columns;
mod groups;
mod names;
mod own_names;
mod problems;
mod report;
mod room;
mod sections;

use groups::{Keyed, group};
pub use report::{ChildOutcome, ChildReport};
use room::AnswerRoom;
use sections::OutputSections;

/// The task whose children the reports are about.
#[derive(Clone, Copy)]
struct Parent<'a> {
    id: &'a str,
    /// The number of its children.
    servers: usize,
}

impl Parent<'_> {
    /// The call that shows the whole output of one server.
    fn output_call(&self, alias: &str) -> String {
        let alias = serde_json::Value::from(alias);
        format!("task_output {{\"id\":\"{}\",\"alias\":{alias}}}", self.id)
    }

    /// A report with its output. In the place of the child task it names this one, and the server.
    fn output<'r>(&self, report: &'r ChildReport) -> Keyed<'r> {
        let output = report.output.trim_end_matches(['\n', '\r']);
        let Some(task) = report.task.as_deref() else {
            return (report, output.to_owned());
        };
        let alias = serde_json::Value::from(report.alias.as_str());
        let here = format!("\"id\":\"{}\",\"alias\":{alias}", self.id);
        let output = output.replace(&format!("\"id\":\"{task}\""), &here);
        (report, output.replace(task, self.id))
    }
}

/// Says what came of the task `id` on each server, in at most `budget` bytes of JSON.
pub fn fold(id: &str, reports: &[ChildReport], budget: usize) -> String {
    let parent = Parent {
        id,
        servers: reports.len(),
    };
    let mut room = AnswerRoom::of(budget);
    problems::write(&mut room, reports);
    let of = |outcome: fn(&ChildOutcome) -> bool| {
        let reports = reports.iter();
        let reports = reports.filter(move |report| outcome(&report.outcome));
        group(reports.map(|report| parent.output(report)))
    };
    let mut sections = OutputSections::of(parent);
    sections.add_failed(of(|outcome| matches!(outcome, ChildOutcome::Failed { .. })));
    sections.add_succeeded(of(|outcome| *outcome == ChildOutcome::Succeeded));
    sections.write(&mut room);
    room.text()
}

#[cfg(test)]
mod tests;
#[cfg(test)]
mod truth;
