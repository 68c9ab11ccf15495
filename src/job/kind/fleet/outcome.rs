//! The outcome on all servers.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::child::{Child, ChildEnd, ChildState};
use crate::job::answer::AnswerText;
use crate::job::ending::Ending;
use crate::job::fields::take;
use crate::job::header::Header;
use crate::job::id::JobId;
use crate::job::kind::Results;
use crate::job::status::Status;

/// The outcome of a job on many servers, so far while it runs.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct FleetOutcome {
    /// Each server with its outcome, in their order.
    #[serde(default)]
    pub children: Vec<Child>,
    /// The reason for which servers were not begun.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stopped: Option<String>,
}

impl Results for FleetOutcome {
    fn take(record: &mut Map<String, Value>) -> serde_json::Result<Self> {
        take(record)
    }

    fn texts(&mut self) -> Vec<&mut String> {
        let children = self.children.iter_mut();
        children
            .flat_map(|child| child.error.iter_mut().chain(&mut child.undo_error))
            .collect()
    }

    fn progress(&self) -> Option<String> {
        let (ended, all) = self.ended();
        let failed = match self.failures() {
            0 => String::new(),
            failed => format!(", {failed} of them not well"),
        };
        Some(format!("{ended} of {all} servers have ended{failed}"))
    }
}

impl FleetOutcome {
    /// The outcome before anything is begun.
    pub(super) fn of(targets: &[String]) -> Self {
        let children = targets.iter().map(|alias| Child::of(alias));
        Self {
            children: children.collect(),
            stopped: None,
        }
    }

    /// The servers on which it is over, and all servers.
    pub fn ended(&self) -> (usize, usize) {
        let is_open = [ChildState::NotBegun, ChildState::Running].map(|state| self.count(state));
        let all = self.children.len();
        (all - is_open.iter().sum::<usize>(), all)
    }

    /// The child on a server.
    pub fn child(&self, alias: &str) -> Option<&Child> {
        self.children.iter().find(|child| child.alias == alias)
    }

    /// The servers of this state.
    pub(super) fn count(&self, state: ChildState) -> usize {
        let children = self.children.iter();
        children.filter(|child| child.state() == state).count()
    }

    /// The servers on which it ended not well.
    pub(super) fn failures(&self) -> usize {
        let states = [
            ChildState::Failed,
            ChildState::Cancelled,
            ChildState::Crashed,
        ];
        states.into_iter().map(|state| self.count(state)).sum()
    }

    /// The servers that a retry takes.
    pub(super) fn unfinished(&self) -> Vec<String> {
        let children = self.children.iter();
        let left = children.filter(|child| !child.is_done());
        left.map(|child| child.alias.clone()).collect()
    }

    /// The ending of a job with this outcome.
    pub(super) fn ending(&self, is_cancelled: bool) -> Ending {
        let (done, all) = (self.count(ChildState::Done), self.children.len());
        match done {
            _ if is_cancelled => Ending::of(Status::Cancelled, self.counts()),
            0 => Ending::of(Status::Failed, self.counts()),
            done if done == all => Ending::completed(),
            _ => Ending::of(Status::Partial, self.counts()),
        }
    }

    /// Takes over how far the children of a process that is gone had come. `find` looks up their records;
    /// `is_checked` says that each was to be checked.
    pub(super) fn settle(&mut self, is_checked: bool, find: impl Fn(&JobId) -> Option<ChildEnd>) {
        let children = self.children.iter_mut();
        for child in children.filter(|child| child.state() == ChildState::Running) {
            if let Some(end) = child.task.as_ref().and_then(&find) {
                child.end(&end);
            }
            let check = child.check.as_ref().and_then(&find);
            match check {
                Some(check) => child.end_check(&check),
                None if is_checked && child.status == Some(Status::Completed) => {
                    child.status = Some(Status::Crashed);
                }
                None => {}
            }
            // It may have begun without a record of its own, or goes on detached.
            if child.state() == ChildState::Running {
                child.status = Some(Status::Crashed);
            }
        }
        let children = self.children.iter_mut();
        for child in children.filter(|child| child.put_back.is_none()) {
            let Some(undo) = &child.undo else { continue };
            match find(undo) {
                Some(end) => child.end_undo(&end),
                None => child.put_back = Some(false),
            }
        }
    }

    /// The numbers of servers by their state, in words.
    pub fn counts(&self) -> String {
        let all = self.children.len();
        let done = self.count(ChildState::Done);
        let others = [
            (ChildState::Failed, "failed on"),
            (ChildState::Cancelled, "cancelled on"),
            (ChildState::Crashed, "under way when its process ended on"),
            (ChildState::Running, "running on"),
            (ChildState::Refused, "refused on"),
            (ChildState::NotBegun, "not begun on"),
        ];
        let told =
            |separator, words, count| (count > 0).then(|| format!("{separator}{words} {count}"));
        let others = others.into_iter();
        let others = others.filter_map(|(state, words)| told(", ", words, self.count(state)));
        let ways = [(true, "put back on"), (false, "NOT put back on")].into_iter();
        let ways = ways.filter_map(|(is_back, words)| {
            let children = self.children.iter();
            let children = children.filter(|child| child.put_back == Some(is_back));
            told("; ", words, children.count())
        });
        let rest: String = others.chain(ways).collect();
        format!("done on {done} of {all} servers{rest}")
    }

    /// The answer's text about a job that has ended, without what its children have printed.
    pub(in crate::job) fn text(&self, job: &Header) -> AnswerText {
        let time = job.time_taken().map(|time| format!(" in {time}"));
        let time = time.unwrap_or_default();
        let counts = self.counts();
        let headline = match (&self.stopped, job.status) {
            (_, Status::Crashed) => {
                let reason = job.error.as_deref().unwrap_or_default();
                format!("crashed: {reason}: {counts}")
            }
            (Some(stopped), _) => format!("{stopped}: {counts}{time}"),
            (None, _) => format!("{counts}{time}"),
        };
        AnswerText::of(job, headline)
    }
}
