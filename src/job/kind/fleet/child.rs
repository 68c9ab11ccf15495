//! One of the servers, and the end of its child.

use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::job::id::JobId;
use crate::job::status::Status;

/// A server, and the end of its child.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Child {
    /// The server.
    pub alias: String,
    /// The child; `None` if it was not begun.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub task: Option<JobId>,
    /// The status of the child, and of the check after it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<Status>,
    /// The exit status of its command.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<u32>,
    /// The reason for which it did not end well.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// The code of an error of its call.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_code: Option<String>,
    /// Its duration in ms.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duration: Option<u64>,
    /// The task of the check.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub check: Option<JobId>,
    /// The task that puts back what it has changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub undo: Option<JobId>,
    /// True if that is put back; `None` where there was nothing to put back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub put_back: Option<bool>,
    /// The reason for which it is not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub undo_error: Option<String>,
}

/// The end of a task on a server.
#[derive(Clone, Debug)]
pub struct ChildEnd {
    /// Its status.
    pub status: Status,
    /// The exit status of its command.
    pub exit_code: Option<u32>,
    /// The reason for which it did not end well.
    pub error: Option<String>,
    /// The code of an error of its call.
    pub error_code: Option<String>,
    /// Its duration in ms.
    pub duration: Option<u64>,
    /// Set if it has put back its own change: a file whose check failed.
    pub put_back: Option<bool>,
}

/// The part of a task on a server.
#[derive(Clone, Copy)]
pub(super) enum Role {
    /// The work itself.
    Work,
    /// The check after it.
    Check,
    /// The way back.
    Undo,
}

/// The state of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChildState {
    /// Nothing was done.
    NotBegun,
    /// It may not be done there.
    Refused,
    /// Under way.
    Running,
    /// Done, and well.
    Done,
    /// Not well.
    Failed,
    /// Stopped on request.
    Cancelled,
    /// Under way when its process ended.
    Crashed,
}

impl ChildState {
    /// Its name for programs.
    pub fn name(self) -> &'static str {
        match self {
            Self::NotBegun => "notBegun",
            Self::Refused => "refused",
            Self::Running => "running",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::Crashed => "crashed",
        }
    }
}

/// The code of a refusal to undo a task that has changed nothing.
const NOTHING_TO_UNDO: &str = "NOTHING_TO_UNDO";

impl Child {
    /// A server on which nothing was begun.
    pub(super) fn of(alias: &str) -> Self {
        Self {
            alias: alias.to_owned(),
            ..Self::default()
        }
    }

    /// Its state.
    pub fn state(&self) -> ChildState {
        match (self.status, &self.error_code) {
            (None, None) => ChildState::NotBegun,
            (None, Some(_)) => ChildState::Refused,
            (Some(Status::Pending | Status::Running), _) => ChildState::Running,
            (Some(Status::Completed), _) => ChildState::Done,
            (Some(Status::Failed | Status::Partial), _) => ChildState::Failed,
            (Some(Status::Cancelled), _) => ChildState::Cancelled,
            (Some(Status::Crashed), _) => ChildState::Crashed,
        }
    }

    /// Returns whether a retry leaves it out.
    pub(super) fn is_done(&self) -> bool {
        self.state() == ChildState::Done && self.put_back != Some(true)
    }

    /// Notes that a task is about to begin.
    pub(super) fn begin(&mut self, role: Role, task: JobId) {
        *self.task_of(role) = Some(task);
        match role {
            Role::Work => self.status = Some(Status::Pending),
            Role::Check => self.status = Some(Status::Running),
            Role::Undo => {}
        }
    }

    /// Notes that a task could not begin.
    pub(super) fn forget(&mut self, role: Role) {
        *self.task_of(role) = None;
    }

    fn task_of(&mut self, role: Role) -> &mut Option<JobId> {
        match role {
            Role::Work => &mut self.task,
            Role::Check => &mut self.check,
            Role::Undo => &mut self.undo,
        }
    }

    /// Notes that its check is left out, because all was cancelled.
    pub(super) fn cancel_check(&mut self) {
        self.status = Some(Status::Cancelled);
        self.error = Some("done, and not checked".to_owned());
    }

    /// Notes that it failed by an error of this program.
    pub(super) fn fail(&mut self, error: &Error) {
        let report = error.report();
        self.status = Some(Status::Failed);
        self.error = Some(report.message);
        self.error_code = Some(report.code);
    }

    /// Notes that what it has changed could not be put back.
    pub(super) fn fail_undo(&mut self, error: &Error) {
        self.put_back = Some(false);
        self.undo_error = Some(error.report().message);
    }

    /// Notes that it could not begin.
    pub(super) fn refuse(&mut self, error: &Error) {
        self.fail(error);
        (self.task, self.status) = (None, None);
    }

    /// Takes over the end of its child.
    pub(super) fn end(&mut self, end: &ChildEnd) {
        self.status = Some(end.status);
        self.exit_code = end.exit_code;
        self.error.clone_from(&end.error);
        self.error_code.clone_from(&end.error_code);
        self.duration = end.duration;
        self.put_back = end.put_back;
    }

    /// Takes over the end of the check.
    pub(super) fn end_check(&mut self, end: &ChildEnd) {
        let durations = self.duration.zip(end.duration);
        self.duration = durations.map(|(own, more)| own + more);
        self.status = Some(end.status);
        if end.status != Status::Completed {
            self.exit_code = end.exit_code;
            let error = end.error.as_ref();
            self.error = error.map(|error| format!("the check failed: {error}"));
            self.error_code.clone_from(&end.error_code);
        }
    }

    /// Takes over the end of the task that puts it back.
    pub(super) fn end_undo(&mut self, end: &ChildEnd) {
        let has_nothing = end.error_code.as_deref() == Some(NOTHING_TO_UNDO);
        self.put_back = (!has_nothing).then_some(end.status == Status::Completed);
        let is_left = self.put_back == Some(false);
        self.undo_error = end.error.clone().filter(|_| is_left);
    }
}
