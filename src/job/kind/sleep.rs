//! A kind that does nothing for a while: it shows that a kind is a file and a line of the table.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Kind, Results, is_of_type};
use crate::error::Error;
use crate::guard::Guard;
use crate::job::answer::Text;
use crate::job::context::Context;
use crate::job::ending::Ending;
use crate::job::record::Job;
use crate::job::status::Status;
use crate::job::stored::take;

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Sleep {
    seconds: f64,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct SleepOutcome {
    #[serde(skip_serializing_if = "Option::is_none")]
    rested: Option<bool>,
}

impl Results for SleepOutcome {
    fn take(record: &mut Map<String, Value>) -> serde_json::Result<Self> {
        take(record)
    }

    fn texts(&mut self) -> Vec<&mut String> {
        Vec::new()
    }
}

impl Kind for Sleep {
    type Outcome = SleepOutcome;

    fn record_type(&self) -> &'static str {
        "sleep"
    }

    fn describes(record: &Map<String, Value>) -> bool {
        is_of_type(record, "sleep")
    }

    fn take(record: &mut Map<String, Value>) -> serde_json::Result<Self> {
        take(record)
    }

    fn changes_by(&self) -> Option<&'static str> {
        None
    }

    fn authorize(&self, _guard: &Guard) -> Result<(), Error> {
        Ok(())
    }

    fn summary(&self) -> String {
        format!("sleep {}", self.seconds)
    }

    async fn run(&self, context: &Context<'_>) -> (Ending, SleepOutcome) {
        let rested = tokio::select! {
            () = tokio::time::sleep(Duration::from_secs_f64(self.seconds)) => Some(true),
            () = context.cancel().cancelled() => None,
        };
        let ending = match rested {
            Some(_) => Ending::completed(),
            None => Ending::of(Status::Cancelled, "it was woken up"),
        };
        (ending, SleepOutcome { rested })
    }

    fn render(job: &Job, outcome: &SleepOutcome) -> String {
        let mut text = Text::of(job, "");
        match outcome.rested {
            Some(true) => text.line("rested"),
            _ => text.reason(job),
        }
        text.end()
    }
}

mod tests {
    use serde_json::json;

    use crate::job::kind::Spec;
    use crate::job::record::Job;

    #[test]
    fn a_kind_is_a_file_and_a_line_of_the_table() {
        let record = json!({"id": "00000001", "type": "sleep", "alias": "web1", "seconds": 0.5,
            "status": "completed", "createdAt": "2026-11-22T13:14:30.805Z", "retryCount": 0,
            "maxRetries": 3, "rested": true, "dreamt": "of sheep"});
        let job: Job = serde_json::from_value(record.clone()).unwrap();
        assert!(matches!(job.spec, Spec::Sleep(_)));
        assert_eq!(job.to_json(), record);
        assert_eq!(job.summary(), "sleep 0.5");
        assert_eq!(job.text(), "Direct result (task 00000001):\nrested");
        let again = Job::new("web1", &job.spec.again(&job.id).unwrap());
        assert_eq!(again.to_json()["seconds"], 0.5);
    }
}
