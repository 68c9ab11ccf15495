//! The parts of a job's streams that belong to the steps of a sequence.

use std::io::{self, Cursor, Read, Seek, SeekFrom};
use std::ops::Range;

use super::id::JobId;
use super::outputs::{Outputs, Streams};
use super::stream::Stream;
use crate::error::Error;
use crate::fs::blocking;
use crate::ssh::{Captured, Output};
use crate::store::Blob;

/// Read from the local disk at once.
const BLOCK: usize = 64 * 1024;

/// A part of each stream.
#[derive(Debug)]
pub(super) struct StreamParts {
    pub(super) stdout: Captured,
    pub(super) stderr: Captured,
}

impl Outputs {
    /// Reads parts of a job's streams that have ended, each from and to these bytes of both.
    pub(super) async fn parts(
        &self,
        id: &JobId,
        streams: &Streams,
        ranges: Vec<[Range<u64>; 2]>,
    ) -> Result<Vec<StreamParts>, Error> {
        let [stdout, stderr] = Stream::BOTH.map(|stream| self.blob(id, stream));
        let mut stdout = PartSource::of(&streams.stdout, stdout);
        let mut stderr = PartSource::of(&streams.stderr, stderr);
        blocking(move || {
            let parts = ranges.into_iter().map(|[first, second]| {
                Ok(StreamParts {
                    stdout: stdout.part(first)?,
                    stderr: stderr.part(second)?,
                })
            });
            parts.collect()
        })
        .await
    }
}

/// The place of a stream's bytes: memory, or its file.
enum PartSource {
    Memory(Vec<u8>),
    File(Blob),
}

impl PartSource {
    fn of(output: &Output, blob: Blob) -> Self {
        match output.captured().whole() {
            Some(bytes) => Self::Memory(bytes),
            None => Self::File(blob),
        }
    }

    fn part(&mut self, range: Range<u64>) -> Result<Captured, Error> {
        match self {
            Self::Memory(bytes) => {
                part(&mut Cursor::new(bytes), 0..0, range).map_err(|error| Error::Internal {
                    reason: error.to_string(),
                })
            }
            Self::File(blob) => {
                let read = blob.open().and_then(|mut file| {
                    let gap = file.gap();
                    part(&mut file, gap, range)
                });
                read.map_err(|error| blob.failure("read", &error))
            }
        }
    }
}

/// Head and tail of a part. The bytes of `gap` are missing.
fn part(
    source: &mut (impl Read + Seek),
    gap: Range<u64>,
    range: Range<u64>,
) -> io::Result<Captured> {
    let mut captured = Captured::default();
    let before = range.start..range.end.min(gap.start);
    let after = range.start.max(gap.end)..range.end;
    if !before.is_empty() {
        read_into(&mut captured, source, before)?;
    }
    let missing = range.start.max(gap.start)..range.end.min(gap.end);
    if !missing.is_empty() {
        captured.skip(missing.end - missing.start);
    }
    if !after.is_empty() {
        read_into(&mut captured, source, after)?;
    }
    Ok(captured)
}

fn read_into(
    captured: &mut Captured,
    source: &mut (impl Read + Seek),
    range: Range<u64>,
) -> io::Result<()> {
    source.seek(SeekFrom::Start(range.start))?;
    let mut rest = source.take(range.end - range.start);
    let mut block = vec![0; BLOCK];
    while let length @ 1.. = rest.read(&mut block)? {
        captured.push(&block[..length]);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_says_what_of_it_is_missing() {
        let bytes = b"0123456789";
        let read = |gap, range| part(&mut Cursor::new(bytes), gap, range).unwrap();
        assert_eq!(read(0..0, 2..5).text(), "234");
        assert_eq!(read(0..0, 8..u64::MAX).text(), "89");
        let cut = read(4..6, 2..8);
        assert_eq!((cut.total(), cut.lines()), (6, None));
    }
}
