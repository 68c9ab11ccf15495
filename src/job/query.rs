//! Reading jobs: records with their outputs, pages of outputs, the state of detached jobs on their servers.

use std::collections::HashSet;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use super::id::JobId;
use super::page::{Page, Selection};
use super::record::Job;
use super::runner::Jobs;
use super::stream::Stream;
use crate::error::Error;
use crate::fs::blocking;

/// The time allowed for polling a detached job before its record is given as it stands.
const LOOK_PATIENCE: Duration = Duration::from_secs(3);

/// The most bytes of an output that is read as a whole.
const LONGEST_WHOLE: usize = 8 * 1024 * 1024;

impl Jobs {
    /// A job's record, with as much of its output as an answer shows.
    pub(super) async fn record(&self, id: &JobId) -> Result<Arc<Job>, Error> {
        let mut job = self.queue().get(id).await?;
        self.told().note(&job);
        if !job.is_truncated() {
            return Ok(job);
        }
        let outputs = Arc::clone(self.outputs());
        blocking(move || {
            let Job {
                header, outcome, ..
            } = Arc::make_mut(&mut job);
            let printed = outcome.results_mut().printed_mut();
            // A file that cannot be read leaves what the record has.
            if let Some(Err(error)) = printed.map(|printed| outputs.fill_in(&header.id, printed)) {
                tracing::warn!("the output of task {} cannot be read: {error}", header.id);
            }
            Ok(job)
        })
        .await
    }

    /// The jobs among these, which are all there are, that have ended without a caller being told so, as far as
    /// this process knows.
    pub fn untold<'j>(&self, jobs: &'j [Arc<Job>]) -> HashSet<&'j JobId> {
        self.told().untold(jobs, self.queue().owner())
    }

    /// A job as it stands now: a detached one is polled on its server, if that does not take long.
    pub async fn look(&self, id: &JobId) -> Result<Arc<Job>, Error> {
        let job = self.record(id).await?;
        let Some(handle) = self.handle(id).filter(|_| job.is_on_server()) else {
            return Ok(job);
        };
        let mut ended = handle.ended.clone();
        tokio::select! {
            _ = ended.wait_for(Option::is_some) => {}
            () = handle.trigger.poll() => {}
            () = tokio::time::sleep(LOOK_PATIENCE) => {}
        }
        self.record(id).await
    }

    /// The whole of what a job has printed, up to 8 MiB.
    pub async fn whole(&self, job: &Job, stream: Stream) -> Result<String, Error> {
        let selection = Selection {
            limit: LONGEST_WHOLE,
            ..Selection::default()
        };
        Ok(self.page(job, stream, selection).await?.0.text)
    }

    /// Reads a part of what a job has printed: from its file, or from its record where it has none.
    /// Also returns whether it was the file.
    pub async fn page(
        &self,
        job: &Job,
        stream: Stream,
        mut selection: Selection,
    ) -> Result<(Page, bool), Error> {
        selection.grows = job.status.is_live();
        selection.charset = job.charset();
        let blob = self.outputs().blob(&job.id, stream);
        let text = job.output(stream).unwrap_or_default().to_owned();
        blocking(move || {
            let read = match selection.read_blob(&blob) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    selection.read_text(&text).map(|page| (page, false))
                }
                page => page.map(|page| (page, true)),
            };
            read.map_err(|error| blob.failure("read", &error))
        })
        .await
    }
}
