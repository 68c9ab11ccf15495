//! Streams longer than their file may be. The first half of the file holds the beginning, the second is
//! a ring buffer with the end; a small file beside it describes this layout.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;
use std::path::{Path, PathBuf};

/// The places of a stream's parts in its file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Layout {
    /// Length of the beginning, and offset of the ring buffer in the file.
    pub(super) head: u64,
    /// Length of the ring buffer.
    pub(super) room: u64,
    /// The offset in the stream whose byte is the first one of the ring buffer.
    pub(super) begin: u64,
    /// Length of the stream.
    pub(super) end: u64,
}

impl Layout {
    /// The layout of a stream of `end` bytes whose file may have `limit`.
    pub(super) fn new(limit: u64, end: u64) -> Self {
        let room = (limit / 2).max(1);
        let head = limit.saturating_sub(room);
        Self {
            head,
            room,
            begin: head,
            end,
        }
    }

    /// Most bytes of the file.
    pub(super) fn limit(self) -> u64 {
        self.head + self.room
    }

    /// The layout that was written beside the file.
    pub(super) fn read(path: &Path) -> io::Result<Option<Self>> {
        let bytes = match fs::read(beside(path)) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let text = String::from_utf8_lossy(&bytes);
        let mut numbers = text.split_whitespace().map(str::parse);
        match [(); 4].map(|()| numbers.next()) {
            [
                Some(Ok(head)),
                Some(Ok(room)),
                Some(Ok(begin)),
                Some(Ok(end)),
            ] if room > 0 && begin >= head && end >= begin => Ok(Some(Self {
                head,
                room,
                begin,
                end,
            })),
            _ => Err(io::Error::other("what says where its parts lie is damaged")),
        }
    }

    /// The layout as it is written.
    pub(super) fn text(self) -> String {
        format!("{} {} {} {}\n", self.head, self.room, self.begin, self.end)
    }

    /// The offset in the file of the byte at `place` of the stream, and how many follow it there.
    pub(super) fn find(self, place: u64) -> (u64, u64) {
        if place < self.head {
            return (place, self.head - place);
        }
        let round = place.saturating_sub(self.begin) % self.room.max(1);
        (self.head + round, self.room - round)
    }

    /// The bytes that are missing between beginning and end.
    fn gap(self) -> Range<u64> {
        let start = self.begin.max(self.end.saturating_sub(self.room));
        self.head..start.max(self.head)
    }
}

/// Path of the file that describes the layout.
pub(super) fn beside(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".parts");
    name.into()
}

/// Removes a stream's file and the one that describes its layout.
pub(super) fn remove(path: &Path) -> io::Result<()> {
    fs::remove_file(path)?;
    match fs::remove_file(beside(path)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Returns whether this is the name of a file that describes a layout.
pub(super) fn is_beside(path: &Path) -> bool {
    path.extension().is_some_and(|end| end == "parts")
}

/// A stream's file, read by offsets in the stream. Reading ends at a gap as at the end.
#[derive(Debug)]
pub struct Kept {
    file: File,
    layout: Option<Layout>,
    length: u64,
    place: u64,
}

impl Kept {
    /// Opens the file.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        let layout = Layout::read(path)?;
        let length = match layout {
            Some(layout) => layout.end,
            None => file.metadata()?.len(),
        };
        Ok(Self {
            file,
            layout,
            length,
            place: 0,
        })
    }

    /// Length of the stream, with the bytes that are missing.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// The bytes that are missing; an empty range if none are.
    pub fn gap(&self) -> Range<u64> {
        self.layout.map_or(0..0, Layout::gap)
    }
}

impl Read for Kept {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let gap = self.gap();
        let end = if self.place < gap.start {
            gap.start
        } else {
            self.length
        };
        if self.place >= end || gap.contains(&self.place) {
            return Ok(0);
        }
        let (at, follow) = match self.layout {
            Some(layout) => layout.find(self.place),
            None => (self.place, u64::MAX),
        };
        let most = follow.min(end - self.place).min(buffer.len() as u64);
        self.file.seek(SeekFrom::Start(at))?;
        let most = usize::try_from(most).unwrap_or(buffer.len());
        let read = self.file.read(&mut buffer[..most])?;
        self.place += read as u64;
        Ok(read)
    }
}

impl Seek for Kept {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let moved = |from: u64, by: i64| from.checked_add_signed(by);
        let place = match to {
            SeekFrom::Start(place) => Some(place),
            SeekFrom::End(by) => moved(self.length, by),
            SeekFrom::Current(by) => moved(self.place, by),
        };
        self.place = place.ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
        Ok(self.place)
    }
}
