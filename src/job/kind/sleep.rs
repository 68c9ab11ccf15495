//! A kind that does nothing for a while: it shows that a kind is a file and a line of the table.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::context::Context;
use super::{Kind, Results, is_of_type};
use crate::error::Error;
use crate::guard::Guard;
use crate::job::answer::{AnswerText, ShownOutput};
use crate::job::ending::Ending;
use crate::job::fields::take;
use crate::job::header::Header;
use crate::job::status::Status;

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

    fn render(job: &Header, outcome: &SleepOutcome, _shown: &ShownOutput) -> String {
        let headline = match outcome.rested {
            Some(true) => "rested",
            _ => "cancelled: it was woken up",
        };
        AnswerText::of(job, headline).end()
    }
}

mod tests {
    use std::time::Duration;

    use serde_json::json;

    use super::{ShownOutput, Sleep};
    use crate::app::App;
    use crate::config::Config;
    use crate::job::kind::Spec;
    use crate::job::record::Job;
    use crate::job::runner::StartOptions;
    use crate::job::status::Status;
    use crate::logging::MemoryLog;

    const LONG: Duration = Duration::from_secs(60);

    #[test]
    fn it_is_read_and_written() {
        let record = json!({"id": "00000001", "type": "sleep", "alias": "web1", "seconds": 0.5,
            "status": "completed", "createdAt": "2026-11-22T13:14:30.805Z", "retryCount": 0,
            "maxRetries": 3, "rested": true, "dreamt": "of sheep"});
        let job: Job = serde_json::from_value(record.clone()).unwrap();
        assert!(matches!(job.spec, Spec::Sleep(_)));
        assert_eq!(job.to_json(), record);
        assert_eq!(job.text(&ShownOutput::default()), "rested (task 00000001)");
    }

    #[tokio::test]
    async fn it_is_run_cancelled_retried_and_listed() {
        let directory = tempfile::tempdir().unwrap();
        let servers = json!({"web1": {"host": "192.0.2.1", "user": "deploy"}});
        std::fs::write(directory.path().join("servers.json"), servers.to_string()).unwrap();
        let config = Config::with_defaults(directory.path().to_owned());
        let orchestrator = App::open(config, MemoryLog::default()).unwrap();
        let jobs = orchestrator.jobs();
        let sleep = |seconds| jobs.start("web1", Sleep { seconds }, StartOptions::default());

        let handle = sleep(0.0).unwrap();
        let job = jobs.wait_on(&handle, LONG).await.unwrap();
        assert_eq!(job.status, Status::Completed);
        assert_eq!(job.to_json()["rested"], true);

        let handle = sleep(3600.0).unwrap();
        let job = jobs.cancel(handle.id()).await.unwrap();
        assert_eq!(job.status, Status::Cancelled);
        assert!(
            job.text(&ShownOutput::default())
                .starts_with("cancelled: it was woken up")
        );
        let again = jobs.retry(&job.id, None).await.unwrap();
        let job = jobs.cancel(again.id()).await.unwrap();
        assert_eq!(
            (job.retry_count, &job.to_json()["seconds"]),
            (1, &json!(3600.0))
        );

        let history = jobs.queue().history().await.unwrap();
        assert_eq!(history[0].command, "sleep 3600");
        let stats = jobs.queue().stats().await.unwrap();
        assert_eq!(stats.by_type["sleep"], 3);
    }
}
