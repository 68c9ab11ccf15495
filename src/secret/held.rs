//! Bytes of a stream that wait until it is known whether they are a secret's.

use std::collections::VecDeque;

use super::MASK;

/// How a secret is masked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MaskStyle {
    /// A word in its place.
    Word,
    /// An asterisk for each byte, so that places stay the same.
    Asterisks,
}

#[derive(Clone, Copy, Debug, Default)]
struct Edges {
    ends: u32,
    starts: u32,
}

/// The bytes that wait, and what is known of them.
#[derive(Debug)]
pub(super) struct HeldBytes {
    style: MaskStyle,
    /// The place of the first byte that waits.
    at: u64,
    bytes: VecDeque<u8>,
    /// How many secrets end before each byte that waits, and behind the last, and how many begin there.
    edges: VecDeque<Edges>,
    /// How many cover the byte that went last.
    covering: u32,
    is_masking: bool,
    pub(super) has_found: bool,
}

impl HeldBytes {
    pub(super) fn new(style: MaskStyle) -> Self {
        Self {
            style,
            at: 0,
            bytes: VecDeque::new(),
            edges: VecDeque::from([Edges::default()]),
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
        self.edges.push_back(Edges::default());
        place
    }

    /// Takes note of a secret from one place to another.
    pub(super) fn cover(&mut self, start: u64, end: u64) {
        let (start, end) = (self.index(start), self.index(end));
        if start < end {
            self.has_found = true;
            self.edges[start].starts += 1;
            self.edges[end].ends += 1;
        }
    }

    /// Adds the first bytes to `out`, masked where a secret covers them.
    pub(super) fn release(&mut self, count: usize, out: &mut Vec<u8>) {
        for (byte, edges) in self.bytes.drain(..count).zip(self.edges.drain(..count)) {
            self.covering -= edges.ends;
            // One secret after another is masked as two.
            self.is_masking &= self.covering > 0;
            self.covering += edges.starts;
            let is_secret = self.covering > 0;
            match self.style {
                _ if !is_secret => out.push(byte),
                MaskStyle::Asterisks => out.push(b'*'),
                MaskStyle::Word if self.is_masking => {}
                MaskStyle::Word => out.extend_from_slice(MASK.as_bytes()),
            }
            self.is_masking = is_secret;
        }
        self.at += count as u64;
    }

    /// Adds bytes to `out` that can be no secret's, where none waits.
    pub(super) fn pass(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        self.covering -= std::mem::take(&mut self.edges[0]).ends;
        self.is_masking = false;
        out.extend_from_slice(bytes);
        self.at += bytes.len() as u64;
    }
}
