//! The files that hold what jobs have printed, whole: one for each stream of each job that printed
//! more than its record keeps, or that took a while.

use std::collections::HashMap;
use std::io::{self, Read, Seek, SeekFrom};
use std::sync::Arc;
use std::time::Duration;

use super::header::Header;
use super::id::JobId;
use super::page::{Page, Selection};
use super::printed::Printed;
use super::stream::Stream;
use crate::config::Config;
use crate::error::Error;
use crate::fs::blocking;
use crate::secret::Mask;
use crate::ssh::output::FEW;
use crate::ssh::{Captured, KEPT, Output};
use crate::store::{Blob, Blobs, DataDirectory};
use crate::text::tell_loss;

/// A job that another process has just started is in no file yet; its output is left alone for
/// so long, or for two save intervals.
const UNRECORDED_KEPT: Duration = Duration::from_secs(600);

/// Read from the local disk at once.
const BLOCK: usize = 64 * 1024;

/// Both streams of a job.
#[derive(Debug)]
pub(super) struct Streams {
    pub(super) stdout: Output,
    pub(super) stderr: Output,
}

/// Masks the secrets in bytes of a server's files.
pub(super) fn masked(alias: &str, bytes: &[u8]) -> Vec<u8> {
    let mut mask = Mask::of(alias);
    let mut masked = mask.take(bytes).into_owned();
    masked.extend(mask.rest());
    masked
}

/// The outputs of all jobs.
#[derive(Debug)]
pub struct Outputs {
    blobs: Blobs,
    config: Arc<Config>,
}

impl Outputs {
    /// Opens the data directory's outputs.
    pub fn open(config: Arc<Config>, data: &DataDirectory) -> Result<Self, Error> {
        let blobs = data.blobs("output")?;
        Ok(Self { blobs, config })
    }

    /// Returns the file of a job's stream, which may not exist yet.
    pub fn blob(&self, id: &JobId, stream: Stream) -> Blob {
        self.blobs.blob(&format!("{id}.{}", stream.name()))
    }

    /// Reads a part of a job's stream: from its file, or from `text` where it has none. Also returns whether it
    /// was the file.
    pub(super) fn read(
        &self,
        id: &JobId,
        stream: Stream,
        text: &str,
        selection: &Selection,
    ) -> Result<(Page, bool), Error> {
        let blob = self.blob(id, stream);
        let read = selection.read_kept(&blob, text);
        read.map_err(|error| blob.failure("read", &error))
    }

    /// The streams of a job that begins.
    pub(super) fn begin(&self, id: &JobId, alias: &str) -> Streams {
        let limit = self.config.max_output;
        let stream = |stream| Output::new(self.blob(id, stream), limit, Mask::of(alias));
        Streams {
            stdout: stream(Stream::Stdout),
            stderr: stream(Stream::Stderr),
        }
    }

    /// Streams that are kept in no file.
    pub(super) fn scratch(&self, id: &JobId, alias: &str) -> Streams {
        let stream = |stream| Output::new(self.blob(id, stream), 0, Mask::of(alias));
        Streams {
            stdout: stream(Stream::Stdout),
            stderr: stream(Stream::Stderr),
        }
    }

    /// The streams of a job of which another process may have written the beginning.
    pub(super) async fn resume(&self, id: &JobId, alias: &str) -> Result<Streams, Error> {
        let alias = alias.to_owned();
        let [stdout, stderr] = Stream::BOTH.map(|stream| self.blob(id, stream));
        let limit = self.config.max_output;
        blocking(move || {
            let stream = |blob: Blob| {
                Output::resume(blob.clone(), limit, Mask::of(&alias))
                    .map_err(|error| blob.failure("read", &error))
            };
            Ok(Streams {
                stdout: stream(stdout)?,
                stderr: stream(stderr)?,
            })
        })
        .await
    }

    /// The head and tail of a job's stream, if its file is of `length` bytes, and how many of them it has
    /// not.
    fn ends(&self, id: &JobId, stream: Stream, length: u64) -> io::Result<Option<(Captured, u64)>> {
        let mut file = match self.blob(id, stream).open() {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        if file.length() != length {
            return Ok(None);
        }
        let gap = file.gap();
        let mut head = Vec::new();
        file.by_ref().take(KEPT as u64).read_to_end(&mut head)?;
        let rest = length.saturating_sub(KEPT as u64).max(head.len() as u64);
        file.seek(SeekFrom::Start(rest.max(gap.end)))?;
        let mut tail = Vec::new();
        file.read_to_end(&mut tail)?;
        let ends = Captured::of_ends(&head, &tail, length);
        Ok(Some((ends, gap.end - gap.start)))
    }

    /// The whole lines in a job's file; 0 if there is none.
    pub(super) fn lines(&self, id: &JobId, stream: Stream) -> Result<u64, Error> {
        let blob = self.blob(id, stream);
        let Ok(mut file) = blob.open() else {
            return Ok(0);
        };
        let (mut block, mut lines) = (vec![0; BLOCK], 0);
        loop {
            let length = file.read(&mut block);
            let length = length.map_err(|error| blob.failure("read", &error))?;
            if length == 0 {
                return Ok(lines);
            }
            let newlines = block[..length].iter().filter(|byte| **byte == b'\n');
            lines += newlines.count() as u64;
        }
    }

    /// Puts head and tail of long outputs into what a record holds of them.
    pub(super) fn fill_in(&self, id: &JobId, printed: &mut Printed) -> io::Result<()> {
        let (mut truncated, charset) = (false, printed.charset());
        for (stream, text, bytes) in [
            (Stream::Stdout, &mut printed.output, printed.output_bytes),
            (Stream::Stderr, &mut printed.stderr, printed.stderr_bytes),
        ] {
            let Some(bytes) = bytes.filter(|bytes| *bytes > FEW) else {
                continue;
            };
            match self.ends(id, stream, bytes)? {
                Some((ends, lost)) => {
                    let mut shown = ends.shown(charset);
                    tell_loss(&mut shown.text, lost);
                    *text = Some(shown.text);
                    truncated |= shown.is_truncated;
                }
                None => truncated = true,
            }
        }
        printed.truncated = truncated.then_some(true);
        Ok(())
    }

    /// Removes the files of jobs that have left the queue, and then, oldest first, those of finished
    /// jobs until the rest keeps within `MAX_OUTPUT_TOTAL`.
    pub(super) fn sweep<'a>(&self, jobs: impl Iterator<Item = &'a Header>) -> Result<(), Error> {
        let jobs: HashMap<_, _> = jobs.map(|job| (job.id.as_str(), job)).collect();
        let unrecorded_kept = UNRECORDED_KEPT.max(self.config.save_interval * 2);
        let (mut total, mut finished) = (0, Vec::new());
        for found in self.blobs.list()? {
            let length = found.length;
            let id = found.name.split('.').next();
            match id.and_then(|id| jobs.get(id)) {
                None if found.modified.elapsed().unwrap_or_default() > unrecorded_kept => {
                    let _ = self.blobs.blob(&found.name).remove();
                    continue;
                }
                Some(job) if !job.status.is_live() => finished.push(found),
                _ => {}
            }
            total += length;
        }
        finished.sort();
        for oldest in finished {
            if total <= self.config.max_output_total {
                break;
            }
            let blob = self.blobs.blob(&oldest.name);
            if blob.remove().is_ok() {
                total -= oldest.length;
                tracing::warn!(
                    "`{}` was dropped: all outputs together were more than MAX_OUTPUT_TOTAL",
                    blob.location()
                );
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::{Path, PathBuf};
    use std::time::SystemTime;

    use super::super::status::Status;
    use super::*;

    fn outputs(directory: &Path, total: u64) -> Outputs {
        let mut config = Config::with_defaults(directory.to_owned());
        config.max_output_total = total;
        let data = DataDirectory::open(directory).unwrap();
        Outputs::open(Arc::new(config), &data).unwrap()
    }

    fn job(status: Status) -> Header {
        let mut job = Header::new(JobId::random(), "ssh", "web1");
        job.enter(status);
        job
    }

    fn write(outputs: &Outputs, id: &JobId, age: u64) -> PathBuf {
        let path = PathBuf::from(outputs.blob(id, Stream::Stdout).location());
        fs::write(&path, [0; 100]).unwrap();
        let file = fs::File::options().write(true).open(&path).unwrap();
        file.set_modified(SystemTime::now() - Duration::from_secs(age))
            .unwrap();
        path
    }

    #[test]
    fn the_oldest_finished_output_goes_first_and_a_live_one_never() {
        let directory = tempfile::tempdir().unwrap();
        let outputs = outputs(directory.path(), 250);
        let jobs = [
            job(Status::Running),
            job(Status::Completed),
            job(Status::Failed),
        ];
        let [live, older, newer] = [(0, 300), (1, 200), (2, 100)]
            .map(|(index, age): (usize, _)| write(&outputs, &jobs[index].id, age));
        outputs.sweep(jobs.iter()).unwrap();
        assert!(live.exists() && !older.exists() && newer.exists());
    }

    #[test]
    fn the_output_of_a_job_that_is_in_no_queue_goes_once_it_is_old() {
        let directory = tempfile::tempdir().unwrap();
        let outputs = outputs(directory.path(), 1000);
        let new = write(&outputs, &JobId::random(), 10);
        let old = write(&outputs, &JobId::random(), 3600);
        outputs.sweep([].iter()).unwrap();
        assert!(new.exists() && !old.exists());
    }

    #[test]
    fn no_id_leads_out_of_the_directory() {
        let directory = tempfile::tempdir().unwrap();
        let outputs = outputs(directory.path(), 0);
        let blob = outputs.blob(&JobId::from("../../etc/passwd"), Stream::Stderr);
        let inside = directory.path().join("output/passwd.stderr");
        assert_eq!(blob.location(), inside.display().to_string());
    }
}
