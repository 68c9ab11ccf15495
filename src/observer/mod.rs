//! A data directory as a person sees it: its servers, tasks and audit trail, without taking part in the work of
//! the programs that serve it. Secrets are masked in all that leaves it.

mod rows;
mod task;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Map, Value};

use crate::app::{App, Offline};
use crate::audit::{Trail, TrailCall, hide_written};
use crate::config::Config;
use crate::error::Error;
use crate::job::{Job, JobId, JobObserver, Selection, Stream, Watcher};
use crate::readable::make_readable;
use crate::secret::{hide, hide_in};
use crate::sync::lock;
pub use rows::ObservedTasks;
use rows::TaskRows;
pub use task::ObservedTask;

/// The fields of a record that hold what is run.
const WORK: [&str; 5] = ["cmd", "commands", "script", "stdin", "check"];

/// The time that programs get to write what they have not written yet.
const SETTLING: Duration = Duration::from_millis(400);

/// The state of a data directory.
pub struct Observer {
    /// Has the programs that serve it write each change at once.
    _watcher: Watcher,
    offline: Offline,
    jobs: JobObserver,
    rows: Mutex<TaskRows>,
    trail: Trail,
}

/// A part of what a task has printed.
#[derive(Debug, Default)]
pub struct PrintedPart {
    /// The text.
    pub text: String,
    /// The position of the next part.
    pub next: u64,
    /// True if bytes before it are not in it.
    pub is_cut: bool,
}

impl Observer {
    /// Opens a data directory that exists.
    pub async fn open(config: Config) -> Result<Self, Error> {
        let path = config.data_dir.clone();
        if !path.exists() {
            return Err(Error::storage(
                &path,
                "open",
                "there is no data directory yet",
            ));
        }
        let offline = App::offline(config)?;
        let watcher = Watcher::begin(&offline.data)?;
        offline.remember_secrets().await;
        if watcher.has_company() {
            tokio::time::sleep(SETTLING).await;
        }
        Ok(Self {
            _watcher: watcher,
            jobs: JobObserver::open(Arc::clone(&offline.config), &offline.data)?,
            trail: Trail::open(&offline.data),
            rows: Mutex::default(),
            offline,
        })
    }

    /// Every task of every process, newest first. Blocks.
    pub fn tasks(&self) -> Result<ObservedTasks, Error> {
        lock(&self.rows).refreshed(&self.jobs)
    }

    /// A task's record. Blocks.
    pub fn task(&self, id: &str) -> Result<Job, Error> {
        self.jobs.get(&JobId::from(id))
    }

    /// The settings, the servers, and connections to them.
    pub fn offline(&self) -> &Offline {
        &self.offline
    }

    /// A task's record as JSON.
    pub fn record(job: &Job) -> Value {
        let mut record = job.to_json();
        // A version before this one recorded them as they came.
        let fields = record.as_object_mut().into_iter().flatten();
        let work = fields.filter(|(name, _)| WORK.contains(&name.as_str()));
        work.for_each(|(_, value)| hide_written(value));
        let steps = record.get_mut("results").and_then(Value::as_array_mut);
        let commands = steps.into_iter().flatten();
        commands
            .filter_map(|step| step.get_mut("command"))
            .for_each(hide_written);
        make_readable(&mut record);
        hide_in(&mut record);
        record
    }

    /// The last lines of a task's stream. Blocks.
    pub fn last_lines(
        &self,
        job: &Job,
        stream: Stream,
        lines: usize,
        limit: usize,
    ) -> Result<PrintedPart, Error> {
        self.printed(
            job,
            stream,
            Selection {
                tail: Some(lines),
                limit,
                ..Selection::default()
            },
        )
    }

    /// The part of a task's stream that begins at an offset. Blocks.
    pub fn printed_from(
        &self,
        job: &Job,
        stream: Stream,
        offset: u64,
        limit: usize,
    ) -> Result<PrintedPart, Error> {
        self.printed(
            job,
            stream,
            Selection {
                offset,
                limit,
                ..Selection::default()
            },
        )
    }

    fn printed(
        &self,
        job: &Job,
        stream: Stream,
        selection: Selection,
    ) -> Result<PrintedPart, Error> {
        let page = self.jobs.page(job, stream, selection)?;
        Ok(PrintedPart {
            text: hide(&page.text).into_owned(),
            next: page.next,
            is_cut: page.offset > 0,
        })
    }

    /// The last calls in the audit trail that pass a test, the oldest first. Blocks.
    pub fn calls(
        &self,
        most: usize,
        test: impl Fn(&TrailCall) -> bool,
    ) -> Result<Vec<TrailCall>, Error> {
        self.trail.calls(most, &test)
    }

    /// The length of the audit trail, by which a change is seen. Blocks.
    pub fn trail_length(&self) -> u64 {
        self.trail.length()
    }

    /// The fields of a call.
    pub fn fields(call: TrailCall) -> Map<String, Value> {
        let mut fields = Value::Object(call.into_fields());
        if let Some(arguments) = fields.get_mut("arguments") {
            hide_written(arguments);
        }
        make_readable(&mut fields);
        hide_in(&mut fields);
        match fields {
            Value::Object(fields) => fields,
            _ => Map::new(),
        }
    }
}
