//! Reads the trail's lines in bounded memory.

use std::io::{self, BufRead};

use serde::Deserialize;
use sha2::{Digest, Sha256};

use crate::hex::digits;

/// The most bytes of a line that is parsed. Earlier versions wrote lines of any length.
const READABLE: usize = 8 * 1024 * 1024;

/// A line that is not blank.
#[derive(Debug)]
pub(super) struct TrailLine {
    /// Its number in the file, from 1 on.
    pub(super) number: usize,
    /// The hash of its bytes, without its newline.
    pub(super) hash: String,
    /// The offset of its first byte.
    pub(super) start: u64,
    /// The offset of the next line.
    pub(super) end: u64,
    /// True if it ends with a newline.
    pub(super) is_finished: bool,
    /// The fields that are needed; `None` if it is no line of the trail.
    pub(super) link: Option<Link>,
}

/// The fields of a line that verification needs.
#[derive(Debug, Deserialize)]
pub(super) struct Link {
    pub(super) previous: String,
    /// Absent in the lines of earlier versions.
    pub(super) event: Option<String>,
    pub(super) call: Option<String>,
    pub(super) process: Option<String>,
    pub(super) time: Option<String>,
    pub(super) tool: Option<String>,
    pub(super) alias: Option<String>,
}

impl TrailLine {
    /// Returns true if it follows the line with this hash.
    pub(super) fn follows(&self, hash: &str) -> bool {
        self.link.as_ref().is_some_and(|link| link.previous == hash)
    }
}

/// The lines of a file, without blank ones.
pub(super) struct TrailLines<R> {
    reader: R,
    number: usize,
    position: u64,
}

impl<R: BufRead> TrailLines<R> {
    /// The lines that `reader` has; it stands at the offset `position`.
    pub(super) fn new(reader: R, position: u64) -> Self {
        Self {
            reader,
            number: 0,
            position,
        }
    }

    /// The next line, and true if it is blank.
    fn read(&mut self) -> io::Result<Option<(TrailLine, bool)>> {
        let start = self.position;
        let (mut hasher, mut kept) = (Sha256::new(), Vec::new());
        let (mut is_blank, mut is_finished) = (true, false);
        while !is_finished {
            let bytes = self.reader.fill_buf()?;
            if bytes.is_empty() {
                break;
            }
            let newline = bytes.iter().position(|byte| *byte == b'\n');
            let part = &bytes[..newline.unwrap_or(bytes.len())];
            hasher.update(part);
            is_blank &= part.iter().all(u8::is_ascii_whitespace);
            // One byte more than the bound shows that the line is too long.
            let room = (READABLE + 1).saturating_sub(kept.len());
            kept.extend_from_slice(&part[..part.len().min(room)]);
            is_finished = newline.is_some();
            let taken = part.len() + usize::from(is_finished);
            self.reader.consume(taken);
            self.position += taken as u64;
        }
        if self.position == start {
            return Ok(None);
        }
        self.number += 1;
        let line = TrailLine {
            number: self.number,
            hash: digits(&hasher.finalize()),
            start,
            end: self.position,
            is_finished,
            link: (kept.len() <= READABLE)
                .then(|| serde_json::from_slice(&kept).ok())
                .flatten(),
        };
        Ok(Some((line, is_blank)))
    }
}

impl<R: BufRead> Iterator for TrailLines<R> {
    type Item = io::Result<TrailLine>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            match self.read() {
                Ok(Some((_, true))) => {}
                Ok(Some((line, false))) => return Some(Ok(line)),
                Ok(None) => return None,
                Err(error) => return Some(Err(error)),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_have_places_and_hashes_and_blank_ones_do_not_count() {
        let text = b"{\"previous\": \"0\"}\n \n{}\n{\"previous\": \"1\"}";
        let reader = io::BufReader::with_capacity(3, &text[..]);
        let lines: Vec<_> = TrailLines::new(reader, 0).map(Result::unwrap).collect();
        let numbers: Vec<_> = lines.iter().map(|line| line.number).collect();
        assert_eq!(numbers, [1, 3, 4]);
        assert_eq!(lines[0].hash, super::super::hash(b"{\"previous\": \"0\"}"));
        assert!(lines[0].follows("0") && lines[1].link.is_none() && lines[2].follows("1"));
        assert_eq!((lines[1].start, lines[1].end), (20, 23));
        assert!(lines[1].is_finished && !lines[2].is_finished);
    }
}
