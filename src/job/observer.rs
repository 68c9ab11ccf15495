//! The jobs of a data directory, as a process sees them that runs none: it takes nothing over and writes nothing.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use super::job_map::{QueueEntries, jobs};
use super::outputs::Outputs;
use super::page::{Page, Selection};
use super::record::Job;
use super::stream::Stream;
use crate::config::Config;
use crate::error::Error;
use crate::store::{DataDirectory, Document, ProcessLock, Version};
use crate::sync::lock;

/// The reason that a job shows whose process is gone, before another process has recorded that.
const LEFT_BEHIND: &str = "the process that ran it is gone";

/// The jobs of a data directory.
#[derive(Debug)]
pub struct JobObserver {
    data: DataDirectory,
    document: Document,
    outputs: Arc<Outputs>,
    known: Mutex<KnownJobs>,
}

/// The jobs as they were read, newest first, and the version of the document that they were read from.
#[derive(Debug, Default)]
struct KnownJobs {
    version: Option<Version>,
    jobs: Vec<Arc<Job>>,
}

impl JobObserver {
    /// The jobs of a data directory that exists.
    pub fn open(config: Arc<Config>, data: &DataDirectory) -> Result<Self, Error> {
        Ok(Self {
            document: data.document("queue.json").with_backup("queue.backup.json"),
            outputs: Arc::new(Outputs::open(config, data)?),
            data: data.clone(),
            known: Mutex::default(),
        })
    }

    /// Every job of every process, newest first. Blocks.
    pub fn list(&self) -> Result<Vec<Arc<Job>>, Error> {
        let mut known = lock(&self.known);
        let version = self.document.version();
        if known.version != version {
            let entries: QueueEntries = self.document.read()?;
            known.jobs = jobs(&entries).cloned().collect();
            known.jobs.sort_by_key(|job| Reverse(job.created_at));
            known.version = version;
        }
        let mut owners = HashMap::new();
        for job in &mut known.jobs {
            if job.status.is_live() && !job.is_on_server() {
                let owner = job.owner.clone().unwrap_or_default();
                let lives = owners
                    .entry(owner)
                    .or_insert_with_key(|owner| ProcessLock::lives(&self.data, owner));
                if !*lives {
                    Arc::make_mut(job).crash(LEFT_BEHIND);
                }
            }
        }
        Ok(known.jobs.clone())
    }

    /// A job of any process. Blocks.
    pub fn get(&self, id: &str) -> Result<Arc<Job>, Error> {
        let mut jobs = self.list()?.into_iter();
        let found = jobs.find(|job| job.id.as_str() == id);
        found.ok_or_else(|| Error::UnknownTask { id: id.to_owned() })
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
