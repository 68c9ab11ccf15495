//! Reading what an answer shows of a job's output: an excerpt of a finished one's, the end of a running one's.

use std::sync::Arc;

use super::answer::ShownOutput;
use super::excerpt::{OutputView, StreamOf};
use super::page::Selection;
use super::record::Job;
use super::runner::Jobs;
use super::so_far::SoFar;
use super::stream::Stream;
use crate::error::Error;
use crate::fs::blocking;
use crate::text::share;

/// The last lines that an answer about a running job shows.
const LAST_LINES: usize = 5;
/// The most bytes of them.
const LAST_BYTES: usize = 1024;

/// Begins the line that stands for an output that is no text.
const BINARY: &str = "[binary data, ";

impl Jobs {
    /// The text of an answer about a job: its result, or how far it is and how to find it later. If its call has
    /// failed, that is what it had printed before, or `None`.
    pub async fn text(&self, job: &Job, view: &OutputView) -> Result<Option<String>, Error> {
        if let Some(outcome) = job.fleet() {
            return self.text_of_fleet(job, outcome, view).await.map(Some);
        }
        if job.status.is_live() {
            return self.text_of_live(job, view).await.map(Some);
        }
        let shown = self.shown(job, view).await?;
        let has_failed = job.failure().is_some();
        let says_nothing = has_failed && (shown.is_empty() || job.printed().is_none());
        Ok((!says_nothing).then(|| job.text(&shown)))
    }

    /// The part of a job's output that a view shows.
    pub async fn shown(&self, job: &Job, view: &OutputView) -> Result<ShownOutput, Error> {
        let texts = Stream::BOTH.map(|stream| job.output(stream).unwrap_or_default().to_owned());
        let lengths = [0, 1].map(|index| {
            let printed = job
                .printed()
                .and_then(|printed| printed.bytes(Stream::BOTH[index]));
            let printed = printed.filter(|_| job.is_truncated());
            printed.map_or(texts[index].len(), |bytes| {
                usize::try_from(bytes).unwrap_or(usize::MAX)
            })
        });
        let budget = view.budget().min(share(&lengths, view.budget()));
        let is_whole = !job.is_truncated() && texts.iter().all(|text| view.takes(text, budget));
        let [stdout, stderr] = texts;
        if is_whole || job.printed().is_none() {
            let view = view.clone();
            return Ok(ShownOutput {
                view,
                stdout,
                stderr,
                is_part: false,
            });
        }
        let (outputs, view) = (Arc::clone(self.outputs()), view.clone());
        let (id, charset) = (job.id.clone(), job.charset());
        let problem = job
            .printed()
            .and_then(|printed| printed.output_problem.as_ref());
        let has_file = problem.is_none();
        let failed = job.exit_code() != Some(0);
        blocking(move || {
            let excerpt = |stream, text: &str| {
                let blob = outputs.blob(&id, stream);
                if text.is_empty() || text.starts_with(BINARY) {
                    return Ok(text.to_owned());
                }
                let stream = StreamOf {
                    id: &id,
                    stream,
                    charset,
                    from: 0,
                    grows: false,
                    failed,
                    read: |selection: &Selection| {
                        if has_file {
                            selection.read_kept(&blob, text).map(|read| read.0)
                        } else {
                            selection.read_text(text)
                        }
                    },
                };
                let excerpt = stream.excerpt(&view, budget);
                excerpt.map_err(|error| blob.failure("read", &error))
            };
            let stdout = excerpt(Stream::Stdout, &stdout)?;
            let stderr = excerpt(Stream::Stderr, &stderr)?;
            Ok(ShownOutput {
                view,
                stdout,
                stderr,
                is_part: false,
            })
        })
        .await
    }

    /// The text of an answer about a job that goes on.
    pub(super) async fn text_of_live(&self, job: &Job, view: &OutputView) -> Result<String, Error> {
        let so_far = self.so_far(job, view).await?;
        Ok(job.text_of_live(&so_far))
    }

    /// The output of a running job so far: its last lines, as many as the view wants.
    async fn so_far(&self, job: &Job, view: &OutputView) -> Result<SoFar, Error> {
        let (lines, bytes) = match view.tail {
            Some(lines) => (lines, view.budget()),
            None => (LAST_LINES, LAST_BYTES),
        };
        let mut so_far = SoFar::default();
        if job.printed().is_none() {
            return Ok(so_far);
        }
        so_far.lines = self.lines_so_far(job).await?;
        for stream in Stream::BOTH {
            if so_far.last.is_empty() {
                so_far.last = self.last_lines(job, stream, lines, bytes).await?;
            }
        }
        Ok(so_far)
    }

    /// The lines that a running job has printed so far.
    pub async fn lines_so_far(&self, job: &Job) -> Result<u64, Error> {
        let (outputs, id) = (Arc::clone(self.outputs()), job.id.clone());
        blocking(move || {
            let lines = Stream::BOTH.map(|stream| outputs.lines(&id, stream));
            lines.into_iter().sum()
        })
        .await
    }

    /// The last lines of what a job has printed so far.
    pub async fn last_lines(
        &self,
        job: &Job,
        stream: Stream,
        lines: usize,
        limit: usize,
    ) -> Result<String, Error> {
        let selection = Selection {
            tail: Some(lines),
            limit,
            whole_lines: true,
            ..Selection::default()
        };
        let (page, _) = self.page(job, stream, selection).await?;
        Ok(page.text.trim_end_matches(['\n', '\r']).to_owned())
    }
}
