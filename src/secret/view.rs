//! A view of a stream: as it is, or with escapes undone, in which plain text or base64 is looked for.

use std::collections::VecDeque;

use super::automaton::{Automaton, ROOT};
use super::escape::{DecodedByte, Decoder, Escaping};
use super::held::HeldBytes;

/// At a line's end fewer digits of base64 are not held back, because half of all lines end like that.
const FEW_DIGITS: usize = 4;

/// A kind of view.
#[derive(Debug)]
pub(super) struct View {
    /// Set if base64 is looked for.
    pub(super) is_base64: bool,
    /// The escapes that are undone, the outermost first.
    escapings: &'static [Escaping],
}

/// The state of a view within a stream.
#[derive(Debug)]
pub(super) struct ViewState {
    is_base64: bool,
    /// Set if every byte of the stream is looked for as it is.
    reads_every_byte: bool,
    /// Set if its state may differ from its base's.
    pub(super) is_awake: bool,
    decoders: Vec<Decoder>,
    /// The prefix of a text that has been matched.
    node: u32,
    /// The positions of the last bytes of that prefix. The bytes before them are contiguous and end at
    /// `before`.
    starts: VecDeque<u64>,
    before: u64,
    /// The position after the last byte that was matched.
    end: u64,
}

impl View {
    pub(super) const fn plain(escapings: &'static [Escaping]) -> Self {
        Self {
            is_base64: false,
            escapings,
        }
    }

    pub(super) const fn base64(escapings: &'static [Escaping]) -> Self {
        Self {
            is_base64: true,
            escapings,
        }
    }

    /// Says whether one of its escapes begins with this byte.
    pub(super) fn begins_with(&self, byte: u8) -> bool {
        let mut escapings = self.escapings.iter();
        escapings.any(|escaping| escaping.begins_with(byte))
    }

    /// The index of its base.
    pub(super) fn base(&self) -> usize {
        usize::from(self.is_base64)
    }
}

impl ViewState {
    /// The state at the start of a stream.
    pub(super) fn of(view: &View) -> Self {
        Self {
            is_base64: view.is_base64,
            reads_every_byte: !view.is_base64 && view.escapings.is_empty(),
            is_awake: false,
            decoders: view.escapings.iter().copied().map(Decoder::new).collect(),
            node: ROOT,
            starts: VecDeque::new(),
            before: 0,
            end: 0,
        }
    }

    /// Goes on from the state of its base.
    pub(super) fn wake(&mut self, base: &Self) {
        self.is_awake = true;
        self.node = base.node;
        self.starts.clone_from(&base.starts);
        (self.before, self.end) = (base.before, base.end);
    }

    /// Jumps to a position and a node; `read` are the bytes before that position.
    pub(super) fn go_to(&mut self, node: u32, automaton: &Automaton, read: &[u8], position: u64) {
        self.node = node;
        self.starts.clear();
        (self.before, self.end) = (position, position);
        if self.is_base64 {
            let positions = read.iter().rev().zip((0..position).rev());
            let digits = positions.filter(|(byte, _)| !is_line_break(**byte));
            for (_, position) in digits.take(automaton.depth(node)) {
                self.starts.push_front(position);
            }
            self.end = self.starts.back().map_or(position, |last| last + 1);
        }
    }

    /// Takes the byte at a position.
    pub(super) fn take(
        &mut self,
        byte: u8,
        position: u64,
        automaton: &Automaton,
        held: &mut HeldBytes,
    ) {
        let decoded = DecodedByte {
            byte,
            start: position,
            end: position + 1,
        };
        if self.decoders.is_empty() {
            self.see(decoded, automaton, held);
        } else {
            let mut decoders = std::mem::take(&mut self.decoders);
            pass(&mut decoders, decoded, &mut |decoded| {
                self.see(decoded, automaton, held);
            });
            self.decoders = decoders;
        }
    }

    /// Takes the bytes of unfinished escapes, at the end of the stream.
    pub(super) fn finish(&mut self, automaton: &Automaton, held: &mut HeldBytes) {
        let mut decoders = std::mem::take(&mut self.decoders);
        let mut left = decoders.as_mut_slice();
        while let Some((first, rest)) = left.split_first_mut() {
            first.finish(&mut |decoded| {
                pass(rest, decoded, &mut |decoded| {
                    self.see(decoded, automaton, held);
                });
            });
            left = rest;
        }
        self.decoders = decoders;
    }

    fn see(&mut self, decoded: DecodedByte, automaton: &Automaton, held: &mut HeldBytes) {
        if self.is_base64 && is_line_break(decoded.byte) {
            return;
        }
        let byte = if self.is_base64 {
            standard_digit(decoded.byte)
        } else {
            decoded.byte
        };
        self.node = automaton.next(self.node, byte);
        self.end = decoded.end;
        if self.reads_every_byte {
            self.before = decoded.end;
        } else {
            self.starts.push_back(decoded.start);
            let surplus = self.starts.len().saturating_sub(automaton.depth(self.node));
            self.starts.drain(..surplus);
        }
        self.report(automaton, held);
    }

    fn report(&self, automaton: &Automaton, held: &mut HeldBytes) {
        let longest = automaton.longest(self.node);
        if longest > 0 {
            held.cover(self.start(longest), self.end);
        }
    }

    /// The position of the first of the last `count` matched bytes; `count` is at least 1.
    fn start(&self, count: usize) -> u64 {
        match self.starts.len().checked_sub(count) {
            Some(index) => self.starts[index],
            None => self.before - (count - self.starts.len()) as u64,
        }
    }

    /// The position of the first byte that has to be held back, where the stream ends at `end` so far.
    pub(super) fn open_since(&self, automaton: &Automaton, end: u64) -> Option<u64> {
        let depth = automaton.depth(self.node);
        let is_line_end = self.is_base64 && depth < FEW_DIGITS && self.end < end;
        let begun = (depth > 0 && !is_line_end).then(|| self.start(depth));
        let pending = self.decoders.iter().filter_map(Decoder::pending_since);
        pending.chain(begun).min()
    }

    /// Says whether no text and no escape has begun.
    pub(super) fn is_idle(&self) -> bool {
        self.node == ROOT && !self.has_pending()
    }

    /// Says whether it is in the same state as its base.
    pub(super) fn is_like(&self, base: &Self, automaton: &Automaton) -> bool {
        let depth = automaton.depth(self.node);
        let same_start = || depth == 0 || self.start(depth) == base.start(depth);
        !self.has_pending() && self.node == base.node && same_start()
    }

    fn has_pending(&self) -> bool {
        let mut decoders = self.decoders.iter();
        decoders.any(|decoder| decoder.pending_since().is_some())
    }
}

/// Translates a digit of the URL-safe alphabet to the standard one (RFC 4648, sections 4 and 5).
pub(super) fn standard_digit(digit: u8) -> u8 {
    match digit {
        b'-' => b'+',
        b'_' => b'/',
        other => other,
    }
}

/// Says whether a byte is a line break, at which base64 may be wrapped (RFC 4648, section 3.1).
pub(super) fn is_line_break(byte: u8) -> bool {
    matches!(byte, b'\n' | b'\r')
}

/// Passes a byte through several decoders, one after the other.
fn pass(decoders: &mut [Decoder], decoded: DecodedByte, last: &mut dyn FnMut(DecodedByte)) {
    match decoders.split_first_mut() {
        Some((first, rest)) => first.push(decoded, &mut |decoded| pass(rest, decoded, last)),
        None => last(decoded),
    }
}
