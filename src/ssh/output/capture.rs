//! The head and the tail of a stream of any length, and its length.

use std::borrow::Cow;
use std::collections::VecDeque;

use crate::charset::Charset;
use crate::readable::{is_binary, readable, sample, whole_sequences};
use crate::text::{self, without_middle};

/// Bytes kept of the beginning. With [`TAIL`], what a model can usefully read in one answer.
pub const HEAD: usize = 16 * 1024;
/// Bytes kept of the end.
pub const TAIL: usize = 16 * 1024;

/// Bytes that are kept in memory of either end: more than is shown, for what a terminal would not leave
/// on its screen, such as the steps of a progress bar, is not shown.
pub(crate) const KEPT: usize = 4 * HEAD;

/// A stream's head and tail; memory stays bounded whatever the stream's length.
#[derive(Clone, Debug, Default)]
pub struct Captured {
    head: Vec<u8>,
    tail: VecDeque<u8>,
    total: u64,
    newlines: u64,
    last: Option<u8>,
    /// True if bytes were skipped.
    has_gap: bool,
}

/// The text of a stream, as it is shown.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct CapturedText {
    /// Its text, or a line that says why there is none.
    pub text: String,
    /// True if a middle part was left out.
    pub is_truncated: bool,
    /// True if the stream is no text.
    pub is_binary: bool,
}

impl Captured {
    /// A stream of `length` bytes of which only the beginning and the end are at hand.
    pub fn of_ends(head: &[u8], tail: &[u8], length: u64) -> Self {
        let mut captured = Self::default();
        captured.push(head);
        captured.skip(length.saturating_sub((head.len() + tail.len()) as u64));
        captured.push(tail);
        captured
    }

    /// Takes the next bytes of the stream.
    pub fn push(&mut self, bytes: &[u8]) {
        self.total += bytes.len() as u64;
        self.newlines += bytes.iter().filter(|byte| **byte == b'\n').count() as u64;
        self.last = bytes.last().copied().or(self.last);
        let room = if self.has_gap {
            0
        } else {
            KEPT - self.head.len()
        };
        let (head, rest) = bytes.split_at(bytes.len().min(room));
        self.head.extend_from_slice(head);
        let rest = &rest[rest.len().saturating_sub(KEPT)..];
        let surplus = (self.tail.len() + rest.len()).saturating_sub(KEPT);
        self.tail.drain(..surplus);
        self.tail.extend(rest);
    }

    /// Notes bytes that nobody has read. The bytes after them are the tail.
    pub fn skip(&mut self, bytes: u64) {
        if bytes > 0 {
            self.total += bytes;
            self.tail.clear();
            self.has_gap = true;
        }
    }

    /// The number of bytes that there were.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// The number of ended lines that were read.
    pub(in crate::ssh) fn newlines(&self) -> u64 {
        self.newlines
    }

    /// The number of lines, a last one without a newline included; `None` if not all were read.
    pub fn lines(&self) -> Option<u64> {
        let lines = self.newlines + u64::from(self.is_open_ended());
        (!self.has_gap).then_some(lines)
    }

    /// Returns whether it ends without a newline.
    pub fn is_open_ended(&self) -> bool {
        self.last.is_some_and(|byte| byte != b'\n')
    }

    /// All bytes of a stream of which none were left out.
    pub fn whole(&self) -> Option<Vec<u8>> {
        let both = || self.head.iter().chain(&self.tail).copied().collect();
        (self.dropped() == 0).then(both)
    }

    /// The last bytes, at most so many.
    pub(in crate::ssh) fn end(&self, most: usize) -> Vec<u8> {
        let of_tail = self.tail.len().min(most);
        // The head does not come just before the tail if a middle part is missing.
        let head = if self.dropped() == 0 {
            &*self.head
        } else {
            &[]
        };
        let head = &head[head.len().saturating_sub(most - of_tail)..];
        let tail = self.tail.iter().skip(self.tail.len() - of_tail);
        head.iter().chain(tail).copied().collect()
    }

    fn dropped(&self) -> u64 {
        self.total - (self.head.len() + self.tail.len()) as u64
    }

    /// Returns whether the text of a short stream is the same as its bytes.
    pub(in crate::ssh) fn is_faithful(&self) -> bool {
        let is_shown = |text| matches!(readable(text), Cow::Borrowed(_));
        self.dropped() == 0 && std::str::from_utf8(&self.head).is_ok_and(is_shown)
    }

    /// The text, as a terminal would leave it on its screen, without trailing newlines (as a shell's
    /// `$(…)` gives it), with a line that says what was left out.
    pub fn shown(&self, charset: Charset) -> CapturedText {
        let tail: Vec<u8> = self.tail.iter().copied().collect();
        let ends = [sample(&self.head, false), sample(&tail, true)];
        if ends
            .iter()
            .any(|end| is_binary(end, charset.decode(end).undecodable))
        {
            return CapturedText {
                text: format!("[binary data, {} bytes: not shown]", self.total),
                is_binary: true,
                is_truncated: false,
            };
        }
        let (text, left_out) = if self.dropped() > 0 {
            self.of_both_ends(&tail, charset)
        } else {
            let whole = charset.decode(&[self.head.as_slice(), &tail].concat());
            shortened(&readable(&whole.text))
        };
        CapturedText {
            text: text.trim_end_matches(['\n', '\r']).to_owned(),
            is_truncated: left_out > 0,
            is_binary: false,
        }
    }

    /// The text of both ends, and how many bytes that leaves out.
    fn of_both_ends(&self, tail: &[u8], charset: Charset) -> (String, u64) {
        let head = &self.head[..whole_sequences(&self.head)];
        let head = &head[..charset.whole_characters(head)];
        let tail = &tail[charset.cut_at_start(tail)..];
        let [before, after] = [head, tail].map(|end| charset.decode(end).text);
        let [before, after] = [readable(&before), readable(&after)];
        let (first, last) = (text::first(&before, HEAD), text::ending(&after, TAIL));
        let not_shown = before.len() - first.len() + after.len() - last.len();
        let left_out = self.total - (head.len() + tail.len()) as u64 + not_shown as u64;
        (without_middle(first, left_out, last), left_out)
    }

    /// The text alone.
    #[cfg(test)]
    pub fn text(&self) -> String {
        self.shown(Charset::Utf8).text
    }
}

/// A text, or both its ends where it is too long, and how many bytes are left out.
fn shortened(text: &str) -> (String, u64) {
    if text.len() <= HEAD + TAIL {
        return (text.to_owned(), 0);
    }
    let (first, last) = (text::first(text, HEAD), text::ending(text, TAIL));
    let left_out = (text.len() - first.len() - last.len()) as u64;
    (without_middle(first, left_out, last), left_out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn captured(bytes: &[u8]) -> Captured {
        let mut captured = Captured::default();
        for chunk in bytes.chunks(1000) {
            captured.push(chunk);
        }
        captured
    }

    fn is_truncated(captured: &Captured) -> bool {
        captured.shown(Charset::Utf8).is_truncated
    }

    #[test]
    fn the_end_comes_from_head_and_tail_where_nothing_is_missing() {
        let mut captured = captured(&[&vec![b'x'; KEPT - 2][..], b"abcdef"].concat());
        assert_eq!(captured.end(3), b"def");
        assert_eq!(captured.end(7), b"xabcdef");
        captured.skip(10);
        captured.push(b"gh");
        assert_eq!(captured.end(7), b"gh");
        assert!(captured.end(0).is_empty());
    }

    #[test]
    fn short_streams_are_whole() {
        let captured = captured(b"one\ntwo\n");
        assert_eq!(captured.text(), "one\ntwo");
        assert_eq!(
            (captured.lines(), is_truncated(&captured)),
            (Some(2), false)
        );
    }

    #[test]
    fn lines_are_counted_as_people_do() {
        assert_eq!(captured(b"").lines(), Some(0));
        assert_eq!(captured(b"a").lines(), Some(1));
        assert_eq!(captured(b"a\n\nb").lines(), Some(3));
    }

    #[test]
    fn a_stream_of_head_and_tail_s_length_is_whole() {
        let bytes = vec![b'x'; HEAD + TAIL];
        assert!(!is_truncated(&captured(&bytes)));
        assert_eq!(captured(&bytes).text().len(), HEAD + TAIL);
    }

    #[test]
    fn long_streams_keep_both_ends() {
        let mut bytes = b"first\n".to_vec();
        bytes.extend(std::iter::repeat_n("é\n".as_bytes(), 100_000).flatten());
        bytes.extend(b"last\n");
        let captured = captured(&bytes);
        let text = captured.text();
        assert!(text.starts_with("first\n") && text.ends_with("last"));
        assert!(text.contains("bytes left out") && !text.contains('\u{FFFD}'));
        assert!(text.len() < HEAD + TAIL + 100);
        assert_eq!(captured.lines(), Some(100_002));
    }

    #[test]
    fn what_was_skipped_counts_as_left_out() {
        let mut captured = captured(b"head");
        captured.skip(1000);
        captured.push(b"tail");
        let text = captured.text();
        assert!(
            text.starts_with("head\n[") && text.ends_with("]\ntail"),
            "{text}"
        );
        assert!(text.contains(" 1000 bytes"));
        assert_eq!((captured.total(), captured.lines()), (1008, None));
    }

    #[test]
    fn a_progress_bar_is_its_last_state_however_long_it_was() {
        let bar = (0..=100).fold(String::new(), |bar, part| {
            bar + &format!("\r\x1b[32m{part:>800}%\x1b[0m")
        });
        let text = format!("begun\n{bar}\ndone\n");
        let shown = captured(text.as_bytes()).shown(Charset::Utf8);
        assert_eq!(shown.text, format!("begun\n{:>800}%\ndone", 100));
        assert!(!shown.is_truncated);
        let longer = captured(text.repeat(10).as_bytes()).shown(Charset::Utf8);
        assert!(
            longer.is_truncated && !longer.text.contains('\x1b'),
            "{}",
            longer.text
        );
    }

    #[test]
    fn binary_data_is_counted_and_not_shown() {
        let mut captured = captured(b"header\n");
        captured.push(&[0x7F, b'E', b'L', b'F', 0, 1, 2, 3].repeat(10_000));
        let shown = captured.shown(Charset::Utf8);
        assert_eq!(shown.text, "[binary data, 80007 bytes: not shown]");
        assert!(shown.is_binary && !shown.is_truncated);
    }

    #[test]
    fn other_encodings_are_decoded_also_where_a_part_is_left_out() {
        let gbk = Charset::named("gbk").unwrap();
        let text = "中文 line\n".repeat(30_000);
        let shown = captured(&gbk.encode(&text)).shown(gbk);
        assert!(shown.is_truncated && shown.text.starts_with("中文 line\n中文"));
        assert!(shown.text.ends_with("line\n中文 line"), "{}", shown.text);
    }

    #[test]
    fn other_bytes_are_replaced() {
        assert_eq!(captured(b"a\xFFb").text(), "a\u{FFFD}b");
    }
}
