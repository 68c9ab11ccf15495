//! Reading jobs: records with their outputs, pages of outputs, the state of detached jobs on their servers.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use regex::bytes::Regex;

use super::id::JobId;
use super::page::{Page, Selection};
use super::record::Job;
use super::runner::Jobs;
use super::stream::Stream;
use crate::error::Error;
use crate::fs::blocking;
use crate::text::beginning;

/// The time allowed for polling a detached job before its record is given as it stands.
const LOOK_PATIENCE: Duration = Duration::from_secs(3);

/// The time between two looks at the output of a command.
const LOCAL_PAUSE: Duration = Duration::from_millis(250);
/// The time between two looks at the output of a detached command, which is polled on its server.
const REMOTE_PAUSE: Duration = Duration::from_secs(1);
/// The most bytes of a matching line.
const LONGEST_MATCH: usize = 1024;

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

    /// A job's record once it has ended, if this process runs it; else as it stands.
    pub async fn end_of(&self, id: &JobId) -> Result<Arc<Job>, Error> {
        if let Some(handle) = self.handle(id) {
            handle.ended().await;
        }
        self.queue().get(id).await
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

    /// Waits until a job prints a line that matches, ends, or waits for input, at most `patience`. Returns its record as it stands
    /// then, and the line.
    pub async fn wait_for_line(
        &self,
        id: &JobId,
        until: &Regex,
        patience: Duration,
    ) -> Result<(Arc<Job>, Option<String>), Error> {
        let started = Instant::now();
        let mut offsets = [0; 2];
        loop {
            let job = self.look(id).await?;
            for (stream, offset) in Stream::BOTH.into_iter().zip(&mut offsets) {
                let line = self.matching_line(&job, stream, until, offset).await?;
                if line.is_some() {
                    return Ok((job, line));
                }
            }
            let left = patience.saturating_sub(started.elapsed());
            if !job.status.is_live() || left.is_zero() || self.waits_untold(id) {
                return Ok((job, None));
            }
            let pause = if job.is_on_server() {
                REMOTE_PAUSE
            } else {
                LOCAL_PAUSE
            };
            tokio::time::sleep(left.min(pause)).await;
        }
    }

    /// The first line that matches from `offset` on, which moves past the lines that do not.
    async fn matching_line(
        &self,
        job: &Job,
        stream: Stream,
        until: &Regex,
        offset: &mut u64,
    ) -> Result<Option<String>, Error> {
        let selection = Selection {
            offset: *offset,
            limit: LONGEST_MATCH,
            head: Some(1),
            grep: Some(until.clone()),
            ..Selection::default()
        };
        let (page, _) = self.page(job, stream, selection.clone()).await?;
        *offset = page.next;
        let mut found = page.text;
        if found.is_empty() && job.status.is_live() {
            // A prompt is a line that does not end.
            let open = Selection {
                offset: page.next,
                ..selection
            };
            found = self.part(job, stream, open).await?.0.text;
        }
        let line = found.lines().next();
        Ok(line.map(|line| beginning(line, LONGEST_MATCH).into_owned()))
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
        self.part(job, stream, selection).await
    }

    /// The same, also of a line that has not ended yet.
    async fn part(
        &self,
        job: &Job,
        stream: Stream,
        mut selection: Selection,
    ) -> Result<(Page, bool), Error> {
        selection.charset = job.charset();
        let (outputs, id) = (Arc::clone(self.outputs()), job.id.clone());
        let text = job.output(stream).unwrap_or_default().to_owned();
        blocking(move || outputs.read(&id, stream, &text, &selection)).await
    }
}
