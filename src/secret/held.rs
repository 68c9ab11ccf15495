//! Bytes of a stream that wait until it is known whether they are a secret's.

use std::collections::VecDeque;

use super::MASK;

/// How a secret is masked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    /// A word in its place.
    Word,
    /// An asterisk for each byte, so that places stay the same.
    Asterisks,
}

/// The bytes that wait, and what is known of them.
#[derive(Debug)]
pub(super) struct Held {
    style: Style,
    /// The place of the first byte that waits.
    at: u64,
    bytes: VecDeque<u8>,
    /// By how much the number of secrets that cover a byte changes at each that waits, and behind the
    /// last.
    changes: VecDeque<i32>,
    /// How many cover the byte that went last.
    covering: i32,
    is_masking: bool,
    pub(super) has_found: bool,
}

impl Held {
    pub(super) fn new(style: Style) -> Self {
        Self {
            style,
            at: 0,
            bytes: VecDeque::new(),
            changes: VecDeque::from([0]),
            covering: 0,
            is_masking: false,
            has_found: false,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    pub(super) fn at(&self) -> u64 {
        self.at
    }

    /// The place behind the last byte.
    pub(super) fn end(&self) -> u64 {
        self.at + self.bytes.len() as u64
    }

    pub(super) fn bytes(&self) -> Vec<u8> {
        self.bytes.iter().copied().collect()
    }

    /// Which of the bytes that wait stands at a place; the first, if it has gone already.
    pub(super) fn index(&self, place: u64) -> usize {
        usize::try_from(place.saturating_sub(self.at)).unwrap_or(usize::MAX)
    }

    /// Takes a byte, and says its place.
    pub(super) fn push(&mut self, byte: u8) -> u64 {
        let place = self.end();
        self.bytes.push_back(byte);
        self.changes.push_back(0);
        place
    }

    /// Takes note of a secret from one place to another.
    pub(super) fn cover(&mut self, start: u64, end: u64) {
        let (start, end) = (self.index(start), self.index(end));
        if start < end {
            self.has_found = true;
            self.changes[start] += 1;
            self.changes[end] -= 1;
        }
    }

    /// Adds the first bytes to `out`, masked where a secret covers them.
    pub(super) fn release(&mut self, count: usize, out: &mut Vec<u8>) {
        for (byte, change) in self.bytes.drain(..count).zip(self.changes.drain(..count)) {
            self.covering += change;
            let is_secret = self.covering > 0;
            match self.style {
                _ if !is_secret => out.push(byte),
                Style::Asterisks => out.push(b'*'),
                Style::Word if self.is_masking => {}
                Style::Word => out.extend_from_slice(MASK.as_bytes()),
            }
            self.is_masking = is_secret;
        }
        self.at += count as u64;
    }

    /// Adds bytes to `out` that can be no secret's, where none waits.
    pub(super) fn pass(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        self.covering += std::mem::take(&mut self.changes[0]);
        self.is_masking = false;
        out.extend_from_slice(bytes);
        self.at += bytes.len() as u64;
    }
}
