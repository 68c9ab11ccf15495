//! Appends lines to the trail, by several processes at once.

use std::io::{self, BufRead};

use serde::Serialize;

use super::anchor::{AdoptedLines, Anchor};
use super::lines::{TrailLine, TrailLines};
use super::{KEPT, LONGEST_LINE, NAME};
use crate::error::Error;
use crate::store::{DataDirectory, Log, LogPart, LogWriter, WriteOnce};
use crate::time::Timestamp;

/// The file with the key of the digests, in hexadecimal digits.
const KEY: &str = "audit.key";

/// The bytes after which a file is finished.
const LARGEST: u64 = 16 * 1024 * 1024;

/// The trail of a data directory.
#[derive(Clone, Debug)]
pub struct Trail {
    pub(super) log: Log,
    /// The key of digests.
    pub(super) key: WriteOnce,
    /// A file of this length is followed by a new one.
    pub(super) largest: u64,
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
    pub fn open(data: &DataDirectory) -> Self {
        Self {
            log: data.log(NAME),
            key: data.write_once(KEY),
            largest: LARGEST,
        }
    }

    /// Appends a line, or nothing after an error. Blocks while another process appends.
    pub(super) fn add(&self, entry: &impl Serialize) -> Result<(), Error> {
        self.append(entry).map_err(|error| self.failed(&error))
    }

    pub(super) fn failed(&self, error: &io::Error) -> Error {
        self.log.failure("write", error)
    }

    pub(super) fn unreadable(&self, error: &io::Error) -> Error {
        self.log.failure("read", error)
    }

    fn append(&self, entry: &impl Serialize) -> io::Result<()> {
        let mut writer = self.log.lock()?;
        let mut anchor = self.anchor(&mut writer)?;
        let length = writer.length();
        let line = line_of(entry, &anchor.last)?;
        anchor.lines += 1;
        anchor.last = super::hash(&line);
        let written = writer.append(&line).and_then(|length| {
            anchor.length = length;
            writer.write_anchor(&anchor)
        });
        if let Err(error) = written {
            // The call will not run, so that its line must not stay.
            let _ = writer.truncate(length);
            return Err(error);
        }
        if anchor.length >= self.largest
            && let Err(error) = self.finish(&mut writer, anchor)
        {
            tracing::warn!("the audit trail goes on in the same file: {error}");
        }
        Ok(())
    }

    /// The anchor, with lines that were written without it included. A trail without an anchor gets one.
    fn anchor(&self, writer: &mut LogWriter) -> io::Result<Anchor> {
        let length = writer.length();
        match writer.anchor::<Anchor>()? {
            None => {
                let anchor = self.adopt()?;
                // Before the first line: this version's lines without an anchor have then lost it.
                writer.write_anchor(&anchor)?;
                Ok(anchor)
            }
            Some(anchor) if anchor.length == length => Ok(anchor),
            Some(anchor) => self.advanced(anchor, writer, length),
        }
    }

    /// A new anchor for the lines that are there.
    fn adopt(&self) -> io::Result<Anchor> {
        let mut anchor = Anchor::default();
        let parts = self.log.parts()?;
        let mut begun_files = 0;
        for part in &parts {
            let before = anchor.lines;
            for line in lines_of(part)? {
                let line = line?;
                if anchor.lines == 0
                    && parts.len() > KEPT
                    && let Some(link) = &line.link
                {
                    anchor.removed.last.clone_from(&link.previous);
                }
                anchor.lines += 1;
                anchor.last = line.hash;
            }
            begun_files += usize::from(anchor.lines > before);
        }
        // The oldest are removed only if there are many; fewer still have their first line.
        if begun_files < KEPT {
            anchor.removed = Anchor::default().removed;
        }
        anchor.adopted = (anchor.lines > 0).then(|| AdoptedLines {
            time: Timestamp::now(),
            lines: anchor.lines,
        });
        Ok(anchor)
    }

    /// Advances the anchor over the lines that follow its last: a process was killed before it could write
    /// the anchor, or an earlier version wrote them. The anchor does not advance over anything else, which
    /// then shows as a problem.
    fn advanced(&self, anchor: Anchor, writer: &mut LogWriter, length: u64) -> io::Result<Anchor> {
        if anchor.length < length {
            let mut near = anchor.clone();
            let lines = TrailLines::new(writer.read_from(anchor.length)?, anchor.length);
            match follow(lines, &mut near)? {
                Rest::InOrder => return Ok(near),
                Rest::TornAt(start) => {
                    writer.truncate(start)?;
                    return Ok(near);
                }
                Rest::Foreign => {}
            }
        }
        let mut far = anchor.clone();
        let mut is_found = anchor.lines == 0;
        for part in self.log.parts()? {
            for line in lines_of(&part)? {
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

    /// Starts a new file and removes the oldest ones, after the anchor has noted that.
    fn finish(&self, writer: &mut LogWriter, mut anchor: Anchor) -> io::Result<()> {
        writer.finish()?;
        anchor.length = 0;
        let finished = self.log.finished()?;
        let oldest = &finished[..finished.len().saturating_sub(KEPT)];
        for part in oldest {
            for line in lines_of(part)? {
                anchor.removed.lines += 1;
                anchor.removed.last = line?.hash;
            }
        }
        writer.write_anchor(&anchor)?;
        oldest.iter().try_for_each(LogPart::remove)
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

/// The content of a file after the line that the anchor names.
enum Rest {
    /// Lines that follow it, or none.
    InOrder,
    /// The same, and a half-written line at this offset.
    TornAt(u64),
    /// Something that does not follow it.
    Foreign,
}

/// Advances the anchor along the lines that follow it.
fn follow(
    lines: impl Iterator<Item = io::Result<TrailLine>>,
    anchor: &mut Anchor,
) -> io::Result<Rest> {
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

impl TrailLine {
    /// Returns true if a process was killed while it wrote the line. Its call has not run.
    pub(super) fn is_torn(&self) -> bool {
        !self.is_finished && self.link.is_none() && self.end - self.start <= LONGEST_LINE as u64
    }
}

/// The lines of a part.
pub(super) fn lines_of(part: &LogPart) -> io::Result<TrailLines<impl BufRead + use<>>> {
    Ok(TrailLines::new(part.read()?, 0))
}
