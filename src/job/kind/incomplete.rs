//! A record that does not hold its whole call: it is shown and kept, and nothing runs by it.

use serde::Serialize;
use serde_json::{Map, Value};

use super::command::{self, CommandOutcome, LEFT_RUNNING};
use super::context::Context;
use super::{Kind, SFTP, SSH, SSH_SEQUENCE, is_of_type};
use crate::error::Error;
use crate::guard::Guard;
use crate::job::answer::ShownOutput;
use crate::job::ending::Ending;
use crate::job::header::Header;
use crate::job::id::JobId;

/// A call of which a record has only the `type`. Its other fields are among the unknown ones.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Incomplete {
    #[serde(skip)]
    record_type: &'static str,
}

impl Incomplete {
    fn refusal(&self, id: &JobId) -> Error {
        Error::NotRetryable {
            id: id.to_string(),
            reason: format!(
                "its record does not hold a whole call of type `{}`",
                self.record_type
            ),
        }
    }
}

/// The `type` of a record, if it is a known one.
fn type_of(record: &Map<String, Value>) -> Option<&'static str> {
    let mut known = [SSH, SFTP, SSH_SEQUENCE].into_iter();
    known.find(|name| is_of_type(record, name))
}

impl Kind for Incomplete {
    type Outcome = CommandOutcome;

    fn record_type(&self) -> &'static str {
        self.record_type
    }

    fn describes(record: &Map<String, Value>) -> bool {
        type_of(record).is_some()
    }

    fn take(record: &mut Map<String, Value>) -> serde_json::Result<Self> {
        let record_type = type_of(record).unwrap_or_default();
        Ok(Self { record_type })
    }

    fn again(&self, id: &JobId) -> Result<Self, Error> {
        Err(self.refusal(id))
    }

    fn tool(&self) -> &'static str {
        ""
    }

    fn changes_server(&self) -> bool {
        false
    }

    fn authorize(&self, _guard: &Guard) -> Result<(), Error> {
        Ok(())
    }

    fn summary(&self) -> String {
        self.record_type.to_owned()
    }

    async fn run(&self, context: &Context<'_>) -> (Ending, CommandOutcome) {
        let refusal = self.refusal(&context.job.id);
        (refusal.into(), CommandOutcome::default())
    }

    fn render(job: &Header, outcome: &CommandOutcome, shown: &ShownOutput) -> String {
        command::render(job, outcome, shown, LEFT_RUNNING)
    }
}
