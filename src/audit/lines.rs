//! Reading the trail's lines: whatever stands in a file, little of it is held.

use std::io::{self, BufRead};

use serde::Deserialize;
use sha2::{Digest, Sha256};

use crate::hex::digits;

/// Bytes of a line that are kept to be understood. Earlier versions had no bound.
const READABLE: usize = 8 * 1024 * 1024;

/// A line that is not blank.
#[derive(Debug)]
pub(super) struct Line {
    /// Its place in the file, the first being 1.
    pub(super) number: usize,
    /// The hash of its bytes, without its end.
    pub(super) hash: String,
    /// The offsets of its first byte and of the next line.
    pub(super) start: u64,
    pub(super) end: u64,
    /// Tells whether its newline is there.
    pub(super) is_finished: bool,
    /// What it says of itself; `None` if it is no line of the trail.
    pub(super) link: Option<Link>,
}

/// What a line says that reading the trail takes.
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

impl Line {
    /// Whether it says that it follows the line with this hash.
    pub(super) fn follows(&self, hash: &str) -> bool {
        self.link.as_ref().is_some_and(|link| link.previous == hash)
    }
}

/// The lines of a file, blank ones left out.
pub(super) struct Lines<R> {
    reader: R,
    number: usize,
    position: u64,
}

impl<R: BufRead> Lines<R> {
    /// The lines from here on; here is `position`.
    pub(super) fn new(reader: R, position: u64) -> Self {
        Self {
            reader,
            number: 0,
            position,
        }
    }

    /// The next line, whether or not it is blank.
    fn read(&mut self) -> io::Result<Option<(Line, bool)>> {
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
            // One byte more shows that it is too long.
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
        let line = Line {
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

impl<R: BufRead> Iterator for Lines<R> {
    type Item = io::Result<Line>;

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
        let lines: Vec<_> = Lines::new(reader, 0).map(Result::unwrap).collect();
        let numbers: Vec<_> = lines.iter().map(|line| line.number).collect();
        assert_eq!(numbers, [1, 3, 4]);
        assert_eq!(lines[0].hash, super::super::hash(b"{\"previous\": \"0\"}"));
        assert!(lines[0].follows("0") && lines[1].link.is_none() && lines[2].follows("1"));
        assert_eq!((lines[1].start, lines[1].end), (20, 23));
        assert!(lines[1].is_finished && !lines[2].is_finished);
    }
}
