//! A change of one file on a server: edited, or written anew.
//!
//! | module | what it holds |
//! |---|---|
//! | `request`, `outcome` | the request; the outcome and the answer about it |
//! | `work` | the change, from reading the file to the check |
//! | `standing` | the content that stands on the server, and the way back to the old one |

mod outcome;
mod request;
mod standing;
mod work;

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::context::Context;
use super::transfer::refuse_blocked;
use super::{Kind, SFTP, hide_text, hide_work, is_of_type};
use crate::error::Error;
use crate::guard::Guard;
use crate::job::answer::ShownOutput;
use crate::job::ending::Ending;
use crate::job::fields::take;
use crate::job::header::Header;
use crate::job::id::JobId;
use crate::sftp::spelling;
pub use outcome::{ChangeOutcome, FileChanged};
pub use request::{ChangeRequest, ChangeTool, NewContent, SeenContents};
pub(super) use standing::access;

/// Changes a file. The texts are in no record: they may be long, and hold secrets.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Change {
    request: ChangeRequest,
    #[serde(skip)]
    content: Option<Arc<NewContent>>,
}

impl Change {
    /// A change of a file to this content.
    pub fn new(request: ChangeRequest, content: NewContent) -> Self {
        Self {
            request,
            content: Some(Arc::new(content)),
        }
    }

    /// The texts, which its record leaves out.
    pub(in crate::job) fn content(&self) -> Option<&NewContent> {
        self.content.as_deref()
    }

    /// Gives a change that was read from a record its texts again.
    pub(in crate::job) fn set_content(&mut self, content: NewContent) {
        self.content = Some(Arc::new(content));
    }

    /// The same change, only to be shown; `None` if it is so already.
    pub(in crate::job) fn rehearsal(&self) -> Option<Self> {
        let mut shown = self.clone();
        let was_shown = std::mem::replace(&mut shown.request.dry_run, true);
        shown.request.check = None;
        (!was_shown).then_some(shown)
    }

    /// Notes the contents that a person has seen, so that no others are changed.
    pub(in crate::job) fn set_seen(&mut self, seen: SeenContents) {
        self.request.seen = seen;
    }

    fn not_retryable(id: &JobId) -> Error {
        Error::NotRetryable {
            id: id.to_string(),
            reason: "its record does not hold the texts, which may be secret".to_owned(),
        }
    }
}

impl Kind for Change {
    type Outcome = ChangeOutcome;

    fn record_type(&self) -> &'static str {
        SFTP
    }

    fn describes(record: &Map<String, Value>) -> bool {
        let tools = ChangeTool::ALL.map(ChangeTool::name);
        let tool = record.get("tool").and_then(Value::as_str);
        is_of_type(record, SFTP) && tool.is_some_and(|tool| tools.contains(&tool))
    }

    fn take(record: &mut Map<String, Value>) -> serde_json::Result<Self> {
        Ok(Self {
            request: take(record)?,
            content: None,
        })
    }

    fn is_retryable(&self) -> bool {
        false
    }

    fn again(&self, id: &JobId) -> Result<Self, Error> {
        Err(Self::not_retryable(id))
    }

    fn tool(&self) -> &'static str {
        self.request.tool.name()
    }

    fn changes_server(&self) -> bool {
        !self.request.dry_run
    }

    fn has_check(&self) -> bool {
        self.request.check.is_some()
    }

    fn can_be_undone(&self) -> bool {
        true
    }

    fn authorize(&self, guard: &Guard) -> Result<(), Error> {
        let path = &self.request.path;
        let spelled =
            spelling::on_server(path).map_err(|problem| Error::invalid("path", problem))?;
        let start = if spelled.starts_with(['/', '~']) {
            ""
        } else {
            "~/"
        };
        match self.request.tool {
            ChangeTool::ServerAuthorizeKey => guard.may_authorize_keys()?,
            _ => refuse_blocked(guard, &[format!("{start}{spelled}")])?,
        }
        let check = self.request.check.as_ref();
        check.map_or(Ok(()), |check| guard.may_run(check))
    }

    /// The facts beside the difference, which is known once the files were read.
    fn details(&self) -> String {
        let ChangeRequest {
            mode, owner, check, ..
        } = &self.request;
        let further = [
            mode.map(|mode| format!("mode: {mode:04o}")),
            owner.as_ref().map(|owner| format!("owner: {owner}")),
            check.as_ref().map(|check| format!("checked by: {check}")),
        ];
        let lines = std::iter::once(self.summary()).chain(further.into_iter().flatten());
        lines.collect::<Vec<_>>().join("\n")
    }

    fn file_change(&self) -> Option<&Change> {
        Some(self)
    }

    fn file_change_mut(&mut self) -> Option<&mut Change> {
        Some(self)
    }

    fn commands(&mut self) -> Vec<&mut String> {
        self.request.check.iter_mut().collect()
    }

    fn hide_secrets(&mut self, alias: &str) -> bool {
        self.content = None;
        let ChangeRequest { path, check, .. } = &mut self.request;
        let mut is_masked = hide_text(alias, path);
        if let Some(check) = check {
            is_masked |= hide_work(alias, check);
        }
        is_masked
    }

    fn summary(&self) -> String {
        format!("{} {}", self.tool(), self.request.path)
    }

    async fn run(&self, context: &Context<'_>) -> (Ending, ChangeOutcome) {
        let Some(wanted) = &self.content else {
            let error = Self::not_retryable(&context.job.id);
            return (error.into(), ChangeOutcome::default());
        };
        // Boxed: what it holds while it waits is large.
        Box::pin(work::run(context, &self.request, wanted)).await
    }

    fn render(job: &Header, outcome: &ChangeOutcome, shown: &ShownOutput) -> String {
        outcome.text(job, shown)
    }
}
