//! A page of a job's output: a part by position, the last lines, or the lines that match.

use std::collections::VecDeque;
use std::io::{self, BufRead, BufReader, Cursor, Read, Seek, SeekFrom};
use std::ops::Range;

use regex::bytes::Regex;

use crate::charset::Charset;
use crate::readable::{is_binary, readable, sample, whole_sequences};
use crate::store::Blob;
use crate::text::{fitting_end, fitting_start};

/// The most bytes of a line. A longer one is split.
const LONGEST_LINE: u64 = 64 * 1024;
/// More lines than any output has.
pub const ALL_LINES: usize = usize::MAX;
/// The bytes read from the local disk at once.
const BLOCK: u64 = 64 * 1024;

/// The part of an output to read.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    /// The position to begin at, in bytes.
    pub offset: u64,
    /// The most bytes to return.
    pub limit: usize,
    /// Only the first so many lines.
    pub head: Option<usize>,
    /// Only the last so many lines.
    pub tail: Option<usize>,
    /// Set to begin and end with whole lines, where the limit allows one. The limit then holds for the bytes
    /// that JSON takes for them.
    pub whole_lines: bool,
    /// Only lines that match.
    pub grep: Option<Regex>,
    /// Set while more may come: a line or character cut at the end is held back for the next page.
    pub grows: bool,
    /// The encoding of the output.
    pub charset: Charset,
}

/// A part of an output.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// Its bytes as readable text.
    pub text: String,
    /// Its position in the output, in bytes.
    pub offset: u64,
    /// The position of the next page.
    pub next: u64,
    /// The length of the whole output.
    pub length: u64,
    /// The middle part of a long output that was not kept.
    pub missing: Range<u64>,
}

impl Selection {
    /// Reads the selected part of a stream.
    pub fn read_blob(&self, blob: &Blob) -> io::Result<Page> {
        let kept = blob.open()?;
        let (length, missing) = (kept.length(), kept.gap());
        self.read(kept, length, missing)
    }

    /// Reads the selected part of a stream, or of what a record has of it where that has no file. Also returns
    /// whether it was the file.
    pub fn read_kept(&self, blob: &Blob, text: &str) -> io::Result<(Page, bool)> {
        match self.read_blob(blob) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                self.read_text(text).map(|page| (page, false))
            }
            page => page.map(|page| (page, true)),
        }
    }

    /// Reads the selected part of a text.
    pub fn read_text(&self, text: &str) -> io::Result<Page> {
        let of_text = Self {
            charset: Charset::Utf8,
            ..self.clone()
        };
        of_text.read(Cursor::new(text), text.len() as u64, 0..0)
    }

    fn read(
        &self,
        mut source: impl Read + Seek,
        length: u64,
        missing: Range<u64>,
    ) -> io::Result<Page> {
        let mut offset = self.offset.min(length);
        if missing.contains(&offset) {
            offset = missing.end;
        }
        if self.grep.is_some() {
            return self.matching(source, offset, length, missing);
        }
        let mut is_cut = false;
        if let Some(lines) = self.tail {
            offset = offset.max(last_lines(&mut source, missing.end..length, lines)?);
            // If the lines are longer than the limit, their end counts.
            let latest = length.saturating_sub(self.limit as u64);
            is_cut = latest > offset;
            offset = offset.max(latest);
        }
        source.seek(SeekFrom::Start(offset))?;
        let end = if offset < missing.start {
            missing.start
        } else {
            length
        };
        let mut bytes = Vec::new();
        // Bytes that came after the length was taken are for the next page.
        let most = (self.limit as u64).min(end - offset);
        source.take(most).read_to_end(&mut bytes)?;
        if self.tail.is_some() {
            let mut cut = 0;
            if offset > missing.end {
                cut = self.charset.cut_at_start(&bytes);
            }
            if self.whole_lines {
                cut = cut.max(fitting_end(&bytes, self.limit, is_cut));
            }
            bytes.drain(..cut);
            offset += cut as u64;
        } else {
            self.cut(&mut bytes, most < end - offset);
        }
        let mut next = offset + bytes.len() as u64;
        if next < end || end == length && self.grows {
            let whole = whole_sequences(&bytes);
            let whole = self.charset.whole_characters(&bytes[..whole]);
            // A full page without a whole character is given as it is, or the next would be the same.
            if whole > 0 || bytes.len() < self.limit {
                bytes.truncate(whole);
                next = offset + whole as u64;
            }
        }
        let mut text = self.shown(&bytes);
        if next == end && end < length {
            next = missing.end;
            text.push_str(&gap(&missing));
        }
        Ok(Page {
            text,
            offset,
            next,
            length,
            missing,
        })
    }

    /// Cuts bytes to the first lines and to whole ones; `is_cut` says that more follow.
    fn cut(&self, bytes: &mut Vec<u8>, is_cut: bool) {
        if self.whole_lines {
            bytes.truncate(fitting_start(bytes, self.limit, is_cut));
        }
        let Some(lines) = self.head else { return };
        let ends = bytes.iter().enumerate().filter(|(_, byte)| **byte == b'\n');
        let mut ends = ends.map(|(index, _)| index + 1);
        let end = match lines {
            0 => Some(0),
            _ => ends.nth(lines - 1),
        };
        bytes.truncate(end.unwrap_or(bytes.len()));
    }

    /// Returns bytes as readable text.
    fn shown(&self, bytes: &[u8]) -> String {
        let decoded = self.charset.decode(bytes);
        let is_binary = |part: &[u8]| is_binary(part, self.charset.decode(part).undecodable);
        if is_binary(sample(bytes, false)) || is_binary(sample(bytes, true)) {
            return format!("[binary data, {} bytes: not shown]\n", bytes.len());
        }
        readable(&decoded.text).into_owned()
    }

    /// The lines that match: the first that fit, or the last where a tail is asked for.
    fn matching(
        &self,
        source: impl Read + Seek,
        offset: u64,
        length: u64,
        missing: Range<u64>,
    ) -> io::Result<Page> {
        let mut found: VecDeque<String> = VecDeque::new();
        let (mut size, mut next) = (0, offset);
        let mut source = BufReader::new(source);
        source.seek(SeekFrom::Start(offset))?;
        loop {
            if next == missing.start && !missing.is_empty() {
                next = missing.end;
                source.seek(SeekFrom::Start(next))?;
            }
            let mut line = Vec::new();
            let read = source
                .by_ref()
                .take(LONGEST_LINE)
                .read_until(b'\n', &mut line)?;
            if read == 0 || next + read as u64 > length {
                break;
            }
            let is_last = next + read as u64 == length;
            let is_open = !line.ends_with(b"\n") && (read as u64) < LONGEST_LINE;
            if self.grows && is_last && is_open {
                break;
            }
            let line = self.shown(&line);
            let content = line.strip_suffix('\n').unwrap_or(&line);
            let grep = self.grep.as_ref();
            if grep.is_some_and(|grep| grep.is_match(content.as_bytes())) {
                if self.tail.is_none() && size + line.len() > self.limit && size > 0 {
                    break;
                }
                size += line.len();
                found.push_back(line);
            }
            next += read as u64;
            if self.head.is_some_and(|most| found.len() >= most) {
                break;
            }
            let Some(most) = self.tail else { continue };
            while found.len() > most || size > self.limit && found.len() > 1 {
                size -= found.pop_front().map_or(0, |line| line.len());
            }
        }
        Ok(Page {
            text: found.into_iter().collect(),
            offset,
            next,
            length,
            missing,
        })
    }
}

/// Returns the text in place of a missing part.
fn gap(missing: &Range<u64>) -> String {
    format!(
        "\n[… {} bytes were not kept …]\n",
        missing.end - missing.start
    )
}

/// Finds the beginning of the last `lines` lines of a part.
fn last_lines(source: &mut (impl Read + Seek), part: Range<u64>, lines: usize) -> io::Result<u64> {
    if lines == ALL_LINES {
        return Ok(part.start);
    }
    let (mut end, length) = (part.end, part.end);
    // The newline that ends the last line begins no further one.
    let mut wanted = lines;
    while end > part.start {
        let start = end.saturating_sub(BLOCK).max(part.start);
        source.seek(SeekFrom::Start(start))?;
        let mut block = Vec::new();
        source.by_ref().take(end - start).read_to_end(&mut block)?;
        for (index, byte) in block.iter().enumerate().rev() {
            let position = start + index as u64 + 1;
            if *byte == b'\n' && position < length {
                wanted = wanted.saturating_sub(1);
            }
            if wanted == 0 {
                return Ok(position);
            }
        }
        end = start;
    }
    Ok(part.start)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, change: impl FnOnce(&mut Selection)) -> Page {
        let mut selection = Selection {
            limit: 1000,
            ..Selection::default()
        };
        change(&mut selection);
        selection.read_text(text).unwrap()
    }

    #[test]
    fn pages_follow_each_other_without_a_gap() {
        let text = "aé€😀\n".repeat(50);
        let (mut whole, mut offset) = (String::new(), 0);
        while offset < text.len() as u64 {
            let page = read(&text, |selection| {
                (selection.offset, selection.limit) = (offset, 7);
            });
            assert_eq!(page.offset, offset);
            whole.push_str(&page.text);
            offset = page.next;
        }
        assert_eq!(whole, text);
    }

    #[test]
    fn what_is_cut_at_the_end_waits_while_more_may_come() {
        let growing = |text: &[u8], grep: Option<&str>| {
            let selection = Selection {
                limit: 1000,
                grep: grep.map(|grep| Regex::new(grep).unwrap()),
                grows: true,
                ..Selection::default()
            };
            let page = selection
                .read(Cursor::new(text), text.len() as u64, 0..0)
                .unwrap();
            (page.text, page.next)
        };
        assert_eq!(
            growing("né".as_bytes().split_at(2).0, None),
            ("n".into(), 1)
        );
        assert_eq!(growing(b"one\ntw", Some("t")), (String::new(), 4));
        assert_eq!(growing(b"one\ntwo\n", Some("t")), ("two\n".into(), 8));
    }

    #[test]
    fn a_tail_does_not_begin_within_a_character() {
        let page = read("éééé", |selection| {
            (selection.tail, selection.limit) = (Some(1), 3);
        });
        assert_eq!(page.text, "é");
    }

    #[test]
    fn a_tail_is_the_last_lines() {
        let tail = |text, lines| read(text, |selection| selection.tail = Some(lines)).text;
        assert_eq!(tail("a\nb\nc\n", 2), "b\nc\n");
        assert_eq!(tail("a\nb\nc", 2), "b\nc");
        assert_eq!(tail("a\n", 5), "a\n");
        assert_eq!(tail("a\nb\n", 0), "");
        let long = "0123456789\n".repeat(20_000);
        assert_eq!(tail(&long, 10).len(), 110);
    }

    #[test]
    fn grep_gives_matching_lines_and_where_to_go_on() {
        let text = "one\ntwo\nthree\ntwo again\n";
        let grep = |change: fn(&mut Selection)| {
            read(text, |selection| {
                selection.grep = Some(Regex::new("^t.*o").unwrap());
                change(selection);
            })
        };
        assert_eq!(grep(|_| {}).text, "two\ntwo again\n");
        assert_eq!(
            grep(|selection| selection.tail = Some(1)).text,
            "two again\n"
        );
        let first = grep(|selection| selection.limit = 5);
        assert_eq!((first.text.as_str(), first.next), ("two\n", 14));
        let rest = grep(|selection| selection.offset = 14);
        assert_eq!((rest.text.as_str(), rest.next), ("two again\n", 24));
    }

    #[test]
    fn pages_are_readable_and_matched_as_they_are_read() {
        let bytes = "\x1b[31merror\x1b[0m one\r\n10%\r100%\nerror two\n".as_bytes();
        let read = |change: fn(&mut Selection)| {
            let mut selection = Selection {
                limit: 1000,
                ..Selection::default()
            };
            change(&mut selection);
            selection
                .read(Cursor::new(bytes), bytes.len() as u64, 0..0)
                .unwrap()
        };
        assert_eq!(read(|_| {}).text, "error one\n100%\nerror two\n");
        let errors = read(|selection| selection.grep = Some(Regex::new("^error .*e$").unwrap()));
        assert_eq!(errors.text, "error one\n");
        let cut = read(|selection| selection.limit = 12);
        assert_eq!((cut.text.as_str(), cut.next), ("error", 10));
        let gbk = Charset::named("gbk").unwrap();
        let selection = Selection {
            limit: 12,
            charset: gbk,
            grep: None,
            ..Selection::default()
        };
        let page = selection
            .read(Cursor::new(gbk.encode("中文中文\n中文\n")), 14, 0..0)
            .unwrap();
        assert_eq!((page.text.as_str(), page.next), ("中文中文\n", 9));
        let noise = [0x7F, b'E', b'L', b'F', 0, 1, 2, 3].repeat(10);
        let page = selection.read(Cursor::new(noise), 80, 0..0).unwrap();
        assert_eq!(page.text, "[binary data, 12 bytes: not shown]\n");
    }

    #[test]
    fn an_offset_beyond_the_end_is_the_end() {
        let page = read("abc", |selection| selection.offset = 10);
        assert_eq!((page.text.as_str(), page.offset, page.next), ("", 3, 3));
    }
}
