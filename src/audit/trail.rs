//! Adding lines to the trail, by several processes at once.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Serialize;

use super::{BEGINNING, Entry, FILE, hash};
use crate::error::Error;
use crate::store::private;
use crate::time::Timestamp;

/// A file of this length is followed by a new one.
const LARGEST: u64 = 16 * 1024 * 1024;

/// How many finished files are kept: half a million calls or so.
const KEPT: usize = 16;

/// No line is longer: arguments are shortened.
const LONGEST_LINE: u64 = 1024 * 1024;

/// The trail of a data directory.
#[derive(Clone, Debug)]
pub struct Trail {
    directory: PathBuf,
    largest: u64,
}

#[derive(Serialize)]
struct Line<'a> {
    #[serde(flatten)]
    entry: &'a Entry,
    /// The hash of the line before.
    previous: &'a str,
}

impl Trail {
    /// The trail of a data directory.
    pub fn open(directory: &Path) -> Self {
        Self {
            directory: directory.to_owned(),
            largest: LARGEST,
        }
    }

    /// Adds a line. Blocks for as long as another process does the same.
    pub fn add(&self, entry: &Entry) -> Result<(), Error> {
        self.append(entry)
            .map_err(|error| Error::storage(self.path(), "write", error))
    }

    fn append(&self, entry: &Entry) -> io::Result<()> {
        let lock = private(OpenOptions::new().create(true).truncate(false).write(true))
            .open(self.directory.join(format!("{FILE}.lock")))?;
        lock.lock()?;
        let path = self.path();
        let mut file =
            private(OpenOptions::new().create(true).read(true).append(true)).open(&path)?;
        let length = file.metadata()?.len();
        let previous = match last_line(&mut file)? {
            Some(last) => hash(&last),
            None => self.last_of_finished()?,
        };
        let line = Line {
            entry,
            previous: &previous,
        };
        let mut line = serde_json::to_vec(&line)?;
        line.push(b'\n');
        // Lines end with a newline, unless a process was killed or the disk was full.
        if length > 0 && !ends_line(&mut file, length)? {
            line.insert(0, b'\n');
        }
        file.write_all(&line)?;
        if length + line.len() as u64 >= self.largest {
            self.finish(&path)?;
        }
        Ok(())
    }

    /// Has further lines go to a new file, and removes the oldest.
    fn finish(&self, path: &Path) -> io::Result<()> {
        let name = || format!("audit-{}.jsonl", Timestamp::now().for_file_name());
        let mut finished_as = self.directory.join(name());
        // Names have milliseconds.
        while finished_as.exists() {
            std::thread::sleep(Duration::from_millis(1));
            finished_as = self.directory.join(name());
        }
        fs::rename(path, finished_as)?;
        let finished = finished(&self.directory)?;
        for oldest in finished.iter().take(finished.len().saturating_sub(KEPT)) {
            fs::remove_file(oldest)?;
        }
        Ok(())
    }

    fn last_of_finished(&self) -> io::Result<String> {
        let Some(last) = finished(&self.directory)?.pop() else {
            return Ok(BEGINNING.to_owned());
        };
        let line = last_line(&mut File::open(last)?)?;
        Ok(line.map_or_else(|| BEGINNING.to_owned(), |line| hash(&line)))
    }

    fn path(&self) -> PathBuf {
        self.directory.join(FILE)
    }
}

/// The finished files, the oldest first.
pub(super) fn finished(directory: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if name.starts_with("audit-") && name.ends_with(".jsonl") {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

fn ends_line(file: &mut File, length: u64) -> io::Result<bool> {
    let mut last = [0];
    file.seek(SeekFrom::Start(length - 1))?;
    file.read_exact(&mut last)?;
    Ok(last == *b"\n")
}

/// The last line that says something, without its end.
fn last_line(file: &mut File) -> io::Result<Option<Vec<u8>>> {
    let length = file.metadata()?.len();
    let mut looked = 4096;
    loop {
        let start = length.saturating_sub(looked);
        file.seek(SeekFrom::Start(start))?;
        let mut end = Vec::new();
        file.take(length - start).read_to_end(&mut end)?;
        let end = end.trim_ascii_end();
        if end.is_empty() && start == 0 {
            return Ok(None);
        }
        match end.iter().rposition(|byte| *byte == b'\n') {
            Some(newline) => return Ok(Some(end[newline + 1..].to_vec())),
            None if start == 0 || looked > LONGEST_LINE => return Ok(Some(end.to_vec())),
            None => looked *= 4,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Outcome, verify};
    use super::*;

    fn entry(tool: &str) -> Entry {
        Entry::new(tool, None, Timestamp::now(), Outcome::of(false, None))
    }

    #[test]
    fn lines_make_a_chain_over_files_and_processes() {
        let directory = tempfile::tempdir().unwrap();
        let trails = [(); 3].map(|()| Trail {
            largest: 4000,
            ..Trail::open(directory.path())
        });
        std::thread::scope(|scope| {
            for trail in &trails {
                scope.spawn(|| (0..40).for_each(|_| trail.add(&entry("task_exec")).unwrap()));
            }
        });
        let verified = verify(directory.path()).unwrap();
        assert!(
            verified.files.len() > 2 && verified.problem.is_none(),
            "{verified:?}"
        );
        assert_eq!(verified.lines, 120);
    }

    #[test]
    fn what_was_tampered_with_shows() {
        let directory = tempfile::tempdir().unwrap();
        let trail = Trail::open(directory.path());
        for tool in ["one", "two", "three", "four"] {
            trail.add(&entry(tool)).unwrap();
        }
        let path = trail.path();
        let text = fs::read_to_string(&path).unwrap();
        let lines: Vec<_> = text.lines().collect();
        let problem_in = |text: String| {
            fs::write(&path, text).unwrap();
            verify(directory.path()).unwrap().problem
        };
        assert_eq!(problem_in(text.clone()), None);
        let changed = problem_in(text.replace("two", "too")).unwrap();
        assert!(changed.contains("audit.jsonl:3"), "{changed}");
        assert!(problem_in([lines[0], lines[2], lines[3]].join("\n")).is_some());
        assert!(problem_in([lines[0], lines[2], lines[1], lines[3]].join("\n")).is_some());
        assert!(problem_in(format!("{}\nnonsense\n{}", lines[0], lines[1])).is_some());
        // The first of all says that it is.
        assert!(problem_in(lines[1..].join("\n")).is_some());
    }

    #[test]
    fn a_line_that_was_cut_off_does_not_swallow_the_next() {
        let directory = tempfile::tempdir().unwrap();
        let trail = Trail::open(directory.path());
        trail.add(&entry("one")).unwrap();
        let text = fs::read_to_string(trail.path()).unwrap();
        fs::write(trail.path(), text.trim_end()).unwrap();
        trail.add(&entry("two")).unwrap();
        assert_eq!(verify(directory.path()).unwrap().problem, None);
    }
}
