//! The jobs of a data directory, as a process sees them that runs none: it takes nothing over and writes nothing.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use serde_json::value::RawValue;

use super::id::JobId;
use super::outputs::Outputs;
use super::page::{Page, Selection};
use super::record::Job;
use super::stream::Stream;
use crate::config::Config;
use crate::error::Error;
use crate::store::{DataDirectory, Document, ProcessLock, Version};

/// The jobs of a data directory.
#[derive(Debug)]
pub struct JobObserver {
    data: DataDirectory,
    document: Document,
    outputs: Outputs,
}

/// A record as it is stored. There may be thousands, so each is parsed only when it is needed.
#[derive(Debug)]
pub struct StoredJob<'a>(&'a RawValue);

impl JobObserver {
    /// The jobs of a data directory that exists.
    pub fn open(config: Arc<Config>, data: &DataDirectory) -> Result<Self, Error> {
        Ok(Self {
            document: data.document("queue.json").with_backup("queue.backup.json"),
            outputs: Outputs::open(config, data)?,
            data: data.clone(),
        })
    }

    /// The version of the queue's document, which changes with each change of a job. It costs a look at the file.
    pub fn version(&self) -> Option<Version> {
        self.document.version()
    }

    /// Gives the records of all jobs of all processes to a function, the oldest first. Blocks.
    pub fn for_each(&self, mut each: impl FnMut(JobId, StoredJob<'_>)) -> Result<(), Error> {
        self.document
            .for_each_entry(|id, record| each(JobId::from(id), StoredJob(record)))
    }

    /// Returns whether the process that runs a job still does. Blocks.
    pub fn is_run_by(&self, owner: &str) -> bool {
        ProcessLock::lives(&self.data, owner)
    }

    /// A job of any process, as it is recorded. Blocks.
    pub fn get(&self, id: &JobId) -> Result<Job, Error> {
        let mut found = None;
        self.for_each(|one, stored| {
            if one == *id {
                found = stored.job();
            }
        })?;
        found.ok_or_else(|| Error::UnknownTask { id: id.to_string() })
    }

    /// Reads a part of what a job has printed. Blocks.
    pub fn page(&self, job: &Job, stream: Stream, mut selection: Selection) -> Result<Page, Error> {
        selection.grows = job.status.is_live();
        selection.charset = job.charset();
        let text = job.output(stream).unwrap_or_default();
        let (page, _) = self.outputs.read(&job.id, stream, text, &selection)?;
        Ok(page)
    }
}

impl StoredJob<'_> {
    /// A number that tells one state of a record from another.
    pub fn digest(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.0.get().hash(&mut hasher);
        hasher.finish()
    }

    /// The job; `None` if another version wrote it and this one cannot read it.
    pub fn job(&self) -> Option<Job> {
        serde_json::from_str(self.0.get()).ok()
    }
}
