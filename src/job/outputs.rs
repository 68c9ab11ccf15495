//! The files that hold what jobs have printed, whole: one for each stream of each job that printed
//! more than its record keeps, or that took a while.

use std::collections::HashMap;
use std::fs;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

use super::id::JobId;
use super::record::Job;
use crate::config::Config;
use crate::error::Error;
use crate::fs::blocking;
use crate::secret::Mask;
use crate::ssh::output::FEW;
use crate::ssh::{Captured, KEPT, Output};
use crate::store::{DataDirectory, Kept, is_beside, remove};
use crate::text::tell_loss;

/// A job that another process has just started is in no file yet; its output is left alone for
/// so long, or for two save intervals.
const UNRECORDED_KEPT: Duration = Duration::from_secs(600);

/// A stream of a command's output.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Stream {
    /// Standard output.
    #[default]
    Stdout,
    /// Standard error.
    Stderr,
}

impl Stream {
    /// Its name in answers and file names.
    pub fn name(self) -> &'static str {
        match self {
            Self::Stdout => "stdout",
            Self::Stderr => "stderr",
        }
    }
}

/// Both streams of a job.
#[derive(Debug)]
pub(super) struct Streams {
    pub(super) stdout: Output,
    pub(super) stderr: Output,
}

/// The directory of output files.
#[derive(Debug)]
pub struct Outputs {
    directory: PathBuf,
    config: Arc<Config>,
}

impl Outputs {
    /// Opens the data directory's outputs.
    pub fn open(config: Arc<Config>, data: &DataDirectory) -> Result<Self, Error> {
        let directory = data.subdirectory("output")?;
        Ok(Self { directory, config })
    }

    /// Where a job's stream lies, if it has a file.
    pub fn path(&self, id: &JobId, stream: Stream) -> PathBuf {
        // An ID from a file must not lead out of the directory.
        let id = Path::new(id.as_str()).file_name().unwrap_or_default();
        let mut name = id.to_owned();
        name.push(".");
        name.push(stream.name());
        self.directory.join(name)
    }

    /// The streams of a job that begins.
    pub(super) fn begin(&self, id: &JobId, alias: &str) -> Streams {
        let limit = self.config.max_output;
        let stream = |stream| Output::new(self.path(id, stream), limit, Mask::of(alias));
        Streams {
            stdout: stream(Stream::Stdout),
            stderr: stream(Stream::Stderr),
        }
    }

    /// The streams of a job of which another process may have written the beginning.
    pub(super) async fn resume(&self, id: &JobId, alias: &str) -> Result<Streams, Error> {
        let alias = alias.to_owned();
        let [stdout, stderr] = [Stream::Stdout, Stream::Stderr].map(|stream| self.path(id, stream));
        let limit = self.config.max_output;
        blocking(move || {
            let stream = |path: PathBuf| {
                Output::resume(path.clone(), limit, Mask::of(&alias))
                    .map_err(|error| Error::storage(path, "read", error))
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
        let mut file = match Kept::open(&self.path(id, stream)) {
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

    /// Puts head and tail of long outputs into a record that holds less of them.
    pub(super) fn fill_in(&self, job: &mut Job) -> io::Result<()> {
        let Some(printed) = job.outcome.results_mut().printed_mut() else {
            return Ok(());
        };
        let (mut truncated, charset) = (false, printed.charset());
        for (stream, text, bytes) in [
            (Stream::Stdout, &mut printed.output, printed.output_bytes),
            (Stream::Stderr, &mut printed.stderr, printed.stderr_bytes),
        ] {
            let Some(bytes) = bytes.filter(|bytes| *bytes > FEW) else {
                continue;
            };
            match self.ends(&job.id, stream, bytes)? {
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
    pub(super) fn sweep(&self, jobs: &[Arc<Job>]) -> Result<(), Error> {
        let jobs: HashMap<_, _> = jobs.iter().map(|job| (job.id.as_str(), job)).collect();
        let failed = |error: io::Error| Error::storage(&self.directory, "tidy", error);
        let unrecorded_kept = UNRECORDED_KEPT.max(self.config.save_interval * 2);
        let (mut total, mut finished) = (0, Vec::new());
        for entry in fs::read_dir(&self.directory).map_err(failed)?.flatten() {
            // Another process may have removed it meanwhile.
            let Ok(metadata) = entry.metadata() else {
                continue;
            };
            if is_beside(&entry.path()) {
                // It goes with the file that it stands beside.
                continue;
            }
            let name = entry.file_name();
            let id = name.to_str().and_then(|name| name.split('.').next());
            let modified = metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH);
            match id.and_then(|id| jobs.get(id)) {
                None if modified.elapsed().unwrap_or_default() > unrecorded_kept => {
                    let _ = remove(&entry.path());
                    continue;
                }
                Some(job) if !job.status.is_live() => {
                    finished.push((modified, entry.path(), metadata.len()));
                }
                _ => {}
            }
            total += metadata.len();
        }
        finished.sort();
        for (_, path, length) in finished {
            if total <= self.config.max_output_total {
                break;
            }
            if remove(&path).is_ok() {
                total -= length;
                tracing::warn!(
                    "`{}` was dropped: all outputs together were more than MAX_OUTPUT_TOTAL",
                    path.display()
                );
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::kind::Spec;
    use super::super::status::Status;
    use super::*;

    fn outputs(directory: &Path, total: u64) -> Outputs {
        let mut config = Config::with_defaults(directory.to_owned());
        config.max_output_total = total;
        let data = DataDirectory::open(directory).unwrap();
        Outputs::open(Arc::new(config), &data).unwrap()
    }

    fn job(status: Status) -> Arc<Job> {
        let mut job = Job::new("web1", &Spec::default());
        job.enter(status);
        Arc::new(job)
    }

    fn write(outputs: &Outputs, id: &JobId, age: u64) -> PathBuf {
        let path = outputs.path(id, Stream::Stdout);
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
        outputs.sweep(&jobs).unwrap();
        assert!(live.exists() && !older.exists() && newer.exists());
    }

    #[test]
    fn the_output_of_a_job_that_is_in_no_queue_goes_once_it_is_old() {
        let directory = tempfile::tempdir().unwrap();
        let outputs = outputs(directory.path(), 1000);
        let new = write(&outputs, &JobId::random(), 10);
        let old = write(&outputs, &JobId::random(), 3600);
        outputs.sweep(&[]).unwrap();
        assert!(new.exists() && !old.exists());
    }

    #[test]
    fn no_id_leads_out_of_the_directory() {
        let directory = tempfile::tempdir().unwrap();
        let outputs = outputs(directory.path(), 0);
        let path = outputs.path(&JobId::from("../../etc/passwd"), Stream::Stderr);
        assert_eq!(path, directory.path().join("output/passwd.stderr"));
    }
}
