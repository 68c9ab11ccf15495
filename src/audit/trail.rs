//! Adding lines to the trail, by several processes at once.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde::Serialize;

use super::anchor::{Adopted, Anchor, is_regular};
use super::lines::{Line, Lines};
use super::{FILE, KEPT, LONGEST_LINE};
use crate::error::Error;
use crate::fs::{lock_exclusively, private};
use crate::sync::lock;
use crate::time::Timestamp;

/// Bytes of a finished file.
const LARGEST: u64 = 16 * 1024 * 1024;

/// The trail of a data directory.
#[derive(Clone, Debug)]
pub struct Trail {
    pub(super) directory: PathBuf,
    /// A file of this length is followed by a new one.
    pub(super) largest: u64,
    /// Held by the one of this process whose turn it is to ask for the lock.
    turn: Arc<Mutex<()>>,
}

#[derive(Serialize)]
struct Linked<'a, E> {
    #[serde(flatten)]
    entry: &'a E,
    /// The hash of the line before.
    previous: &'a str,
}

impl Trail {
    /// The trail of a data directory.
    pub fn open(directory: &Path) -> Self {
        Self {
            directory: directory.to_owned(),
            largest: LARGEST,
            turn: Arc::default(),
        }
    }

    /// Adds a line, or nothing. Blocks for as long as another process does the same.
    pub(super) fn add(&self, entry: &impl Serialize) -> Result<(), Error> {
        self.append(entry).map_err(|error| self.failed(&error))
    }

    pub(super) fn failed(&self, error: &io::Error) -> Error {
        Error::storage(self.path(), "write", error)
    }

    fn append(&self, entry: &impl Serialize) -> io::Result<()> {
        let _turn = lock(&self.turn);
        let _lock = self.lock()?;
        let path = self.path();
        is_regular(&path)?;
        let mut options = OpenOptions::new();
        // Not for appending: on Windows such a file cannot be cut back.
        options.create(true).truncate(false).read(true).write(true);
        let mut file = private(&mut options).open(&path)?;
        let mut anchor = self.anchor(&mut file)?;
        let length = file.metadata()?.len();
        let line = line_of(entry, &anchor.last)?;
        // Somebody else's line may lack its end.
        let separator = if length > 0 && !ends_line(&mut file, length)? {
            "\n"
        } else {
            ""
        };
        let bytes = [separator.as_bytes(), &line, b"\n"].concat();
        anchor.lines += 1;
        anchor.last = super::hash(&line);
        anchor.length = length + bytes.len() as u64;
        file.seek(SeekFrom::End(0))?;
        let written = file.write_all(&bytes);
        if let Err(error) = written.and_then(|()| anchor.write(&self.directory)) {
            // Nothing is done of which half a line tells, or a line that the anchor does not know.
            let _ = file.set_len(length);
            return Err(error);
        }
        if anchor.length >= self.largest
            && let Err(error) = self.finish(anchor)
        {
            tracing::warn!("the audit trail goes on in the same file: {error}");
        }
        Ok(())
    }

    fn lock(&self) -> io::Result<File> {
        let path = lock_file(&self.directory);
        is_regular(&path)?;
        lock_exclusively(&path)
    }

    /// The anchor, made to fit what was written without it. A trail that has none gets one.
    fn anchor(&self, file: &mut File) -> io::Result<Anchor> {
        let length = file.metadata()?.len();
        match Anchor::read(&self.directory)? {
            None => {
                let anchor = self.adopted()?;
                // Before the first line, so that lines of this kind without an anchor have lost it.
                anchor.write(&self.directory)?;
                Ok(anchor)
            }
            Some(anchor) if anchor.length == length => Ok(anchor),
            Some(anchor) => self.caught_up(anchor, file, length),
        }
    }

    /// An anchor for the lines that are there.
    fn adopted(&self) -> io::Result<Anchor> {
        let mut anchor = Anchor::default();
        let files = files(&self.directory)?;
        let mut begun_files = 0;
        for path in &files {
            let before = anchor.lines;
            for line in lines_of(path)? {
                let line = line?;
                if anchor.lines == 0
                    && files.len() > KEPT
                    && let Some(link) = &line.link
                {
                    anchor.removed.last.clone_from(&link.previous);
                }
                anchor.lines += 1;
                anchor.last = line.hash;
            }
            begun_files += usize::from(anchor.lines > before);
        }
        // Only of many files the oldest are removed: fewer have their first line.
        if begun_files < KEPT {
            anchor.removed = Anchor::default().removed;
        }
        anchor.adopted = (anchor.lines > 0).then(|| Adopted {
            time: Timestamp::now(),
            lines: anchor.lines,
        });
        Ok(anchor)
    }

    /// Takes the lines in that follow the anchor's last: a process was ended before it could note its
    /// own, or an earlier version wrote them. Anything else stays, and the next line does not follow it.
    fn caught_up(&self, anchor: Anchor, file: &mut File, length: u64) -> io::Result<Anchor> {
        if anchor.length < length {
            file.seek(SeekFrom::Start(anchor.length))?;
            let mut near = anchor.clone();
            let lines = Lines::new(BufReader::new(&mut *file), anchor.length);
            match follow(lines, &mut near)? {
                Rest::InOrder => return Ok(near),
                Rest::TornAt(start) => {
                    file.set_len(start)?;
                    return Ok(near);
                }
                Rest::Foreign => {}
            }
        }
        let mut far = anchor.clone();
        let mut is_found = anchor.lines == 0;
        for path in files(&self.directory)? {
            for line in lines_of(&path)? {
                let line = line?;
                if is_found && line.follows(&far.last) {
                    far.lines += 1;
                    far.last = line.hash;
                } else if is_found {
                    return Ok(anchor);
                } else {
                    is_found = line.hash == anchor.last;
                }
            }
        }
        Ok(if is_found { far } else { anchor })
    }

    /// Has further lines go to a new file, and removes the oldest, which the anchor takes note of first.
    fn finish(&self, mut anchor: Anchor) -> io::Result<()> {
        let name = || format!("audit-{}.jsonl", Timestamp::now().for_file_name());
        let mut finished_as = self.directory.join(name());
        // Names have milliseconds.
        while finished_as.exists() {
            std::thread::sleep(Duration::from_millis(1));
            finished_as = self.directory.join(name());
        }
        fs::rename(self.path(), finished_as)?;
        anchor.length = 0;
        let finished = finished(&self.directory)?;
        let oldest = &finished[..finished.len().saturating_sub(KEPT)];
        for path in oldest {
            for line in lines_of(path)? {
                anchor.removed.lines += 1;
                anchor.removed.last = line?.hash;
            }
        }
        anchor.write(&self.directory)?;
        oldest.iter().try_for_each(fs::remove_file)
    }

    fn path(&self) -> PathBuf {
        self.directory.join(FILE)
    }
}

fn line_of(entry: &impl Serialize, previous: &str) -> io::Result<Vec<u8>> {
    let line = serde_json::to_vec(&Linked { entry, previous })?;
    if line.len() > LONGEST_LINE {
        let reason = format!("a line of {} bytes is too long", line.len());
        return Err(io::Error::new(io::ErrorKind::InvalidData, reason));
    }
    Ok(line)
}

/// What stands after the line that the anchor names.
enum Rest {
    /// Lines that follow it, or none.
    InOrder,
    /// At their end, from there on, one that a process did not come to finish.
    TornAt(u64),
    /// Something that does not follow.
    Foreign,
}

/// Advances the anchor along the lines that follow it.
fn follow(lines: impl Iterator<Item = io::Result<Line>>, anchor: &mut Anchor) -> io::Result<Rest> {
    for line in lines {
        let line = line?;
        if line.follows(&anchor.last) {
            anchor.lines += 1;
            anchor.last = line.hash;
        } else if line.is_torn() {
            return Ok(Rest::TornAt(line.start));
        } else {
            return Ok(Rest::Foreign);
        }
    }
    Ok(Rest::InOrder)
}

impl Line {
    /// Whether it is a line that a process was ended in: of nothing that it tells was anything done.
    pub(super) fn is_torn(&self) -> bool {
        !self.is_finished && self.link.is_none() && self.end - self.start <= LONGEST_LINE as u64
    }
}

/// The finished files, the oldest first.
pub(super) fn finished(directory: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let entries = match fs::read_dir(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(found),
        entries => entries?,
    };
    for entry in entries {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if name.starts_with("audit-") && name.ends_with(".jsonl") {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

/// Every file of the trail, the oldest first.
pub(super) fn files(directory: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = finished(directory)?;
    let current = directory.join(FILE);
    if is_regular(&current)? {
        files.push(current);
    }
    Ok(files)
}

/// A file's lines.
pub(super) fn lines_of(path: &Path) -> io::Result<Lines<BufReader<File>>> {
    is_regular(path)?;
    Ok(Lines::new(BufReader::new(File::open(path)?), 0))
}

/// The right to read the trail while nobody adds to it. Where nobody ever did, it takes none.
pub(super) fn lock_for_reading(directory: &Path) -> io::Result<Option<File>> {
    let path = lock_file(directory);
    if !is_regular(&path)? {
        return Ok(None);
    }
    crate::fs::lock_for_reading(&path).map(Some)
}

fn lock_file(directory: &Path) -> PathBuf {
    directory.join(format!("{FILE}.lock"))
}

fn ends_line(file: &mut File, length: u64) -> io::Result<bool> {
    let mut last = [0];
    file.seek(SeekFrom::Start(length - 1))?;
    file.read_exact(&mut last)?;
    Ok(last == *b"\n")
}
