//! Holds bytes of a stream back until it is known whether they belong to a secret.

use std::collections::VecDeque;

use super::MASK;

/// The replacement for a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MaskStyle {
    /// One [`MASK`] for the whole secret.
    Word,
    /// An asterisk for each byte, so that positions stay the same.
    Asterisks,
}

/// The numbers of secrets that end and start before a byte.
#[derive(Clone, Copy, Debug, Default)]
struct Edges {
    ends: u32,
    starts: u32,
}

/// The bytes that are held back, and the secrets found in them.
#[derive(Debug)]
pub(super) struct HeldBytes {
    style: MaskStyle,
    /// The position of the first of them.
    at: u64,
    bytes: VecDeque<u8>,
    /// One for each byte, and one for the end.
    edges: VecDeque<Edges>,
    /// The number of secrets that cover the byte released last.
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

    /// The position after the last byte.
    pub(super) fn end(&self) -> u64 {
        self.at + self.bytes.len() as u64
    }

    pub(super) fn bytes(&self) -> Vec<u8> {
        self.bytes.iter().copied().collect()
    }

    /// The index of the byte at a position; 0 if that byte is released already.
    pub(super) fn index(&self, position: u64) -> usize {
        usize::try_from(position.saturating_sub(self.at)).unwrap_or(usize::MAX)
    }

    /// Adds a byte, and returns its position.
    pub(super) fn push(&mut self, byte: u8) -> u64 {
        let position = self.end();
        self.bytes.push_back(byte);
        self.edges.push_back(Edges::default());
        position
    }

    /// Marks the bytes from one position to another as a secret's.
    pub(super) fn cover(&mut self, start: u64, end: u64) {
        let (start, end) = (self.index(start), self.index(end));
        if start < end {
            self.has_found = true;
            self.edges[start].starts += 1;
            self.edges[end].ends += 1;
        }
    }

    /// Moves the first `count` bytes to `out`, masked where a secret covers them.
    pub(super) fn release(&mut self, count: usize, out: &mut Vec<u8>) {
        for (byte, edges) in self.bytes.drain(..count).zip(self.edges.drain(..count)) {
            self.covering -= edges.ends;
            // Two secrets side by side get a mask each.
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

    /// Adds bytes that belong to no secret to `out`. No byte may be held back.
    pub(super) fn pass(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        self.covering -= std::mem::take(&mut self.edges[0]).ends;
        self.is_masking = false;
        out.extend_from_slice(bytes);
        self.at += bytes.len() as u64;
    }
}
