//! One way of reading a stream: as it stands, or with its escapes undone.

use std::collections::VecDeque;

use super::automaton::{Automaton, ROOT};
use super::escape::{DecodedByte, Decoder, Escaping};
use super::held::HeldBytes;

/// A shorter beginning in base64 does not hold back a line's end: half of all lines end so.
const FEW: usize = 4;

/// A way of reading.
#[derive(Debug)]
pub(super) struct View {
    /// Whether base64 is looked for.
    pub(super) is_base64: bool,
    codes: &'static [Escaping],
}

/// A reading under way.
#[derive(Debug)]
pub(super) struct ViewState {
    is_base64: bool,
    /// Whether it reads each byte as it stands.
    leaves_nothing_out: bool,
    /// Whether it is not the same as its base.
    pub(super) is_awake: bool,
    decoders: Vec<Decoder>,
    node: u32,
    /// Where the last bytes of the beginning that was seen stood. Those before them stood one after the
    /// other, the last of them just before `before`.
    starts: VecDeque<u64>,
    before: u64,
    /// The place behind the last byte that was seen.
    end: u64,
}

impl View {
    pub(super) const fn plain(codes: &'static [Escaping]) -> Self {
        Self {
            is_base64: false,
            codes,
        }
    }

    pub(super) const fn base64(codes: &'static [Escaping]) -> Self {
        Self {
            is_base64: true,
            codes,
        }
    }

    /// Whether an escape begins with this byte.
    pub(super) fn begins_with(&self, byte: u8) -> bool {
        self.codes.iter().any(|code| code.begins_with(byte))
    }

    /// Which of the bases it goes on from.
    pub(super) fn base(&self) -> usize {
        usize::from(self.is_base64)
    }
}

impl ViewState {
    /// A reading from the beginning.
    pub(super) fn of(reading: &View) -> Self {
        Self {
            is_base64: reading.is_base64,
            leaves_nothing_out: !reading.is_base64 && reading.codes.is_empty(),
            is_awake: false,
            decoders: reading.codes.iter().copied().map(Decoder::new).collect(),
            node: ROOT,
            starts: VecDeque::new(),
            before: 0,
            end: 0,
        }
    }

    /// Goes on from where another one is.
    pub(super) fn wake(&mut self, base: &Self) {
        self.is_awake = true;
        self.node = base.node;
        self.starts.clone_from(&base.starts);
        (self.before, self.end) = (base.before, base.end);
    }

    /// Goes on where a text has been read up to a place, which ends with `read`.
    pub(super) fn go_to(&mut self, node: u32, automaton: &Automaton, read: &[u8], place: u64) {
        self.node = node;
        self.starts.clear();
        (self.before, self.end) = (place, place);
        if self.is_base64 {
            let places = read.iter().rev().zip((0..place).rev());
            let digits = places.filter(|(byte, _)| !is_line_break(**byte));
            for (_, place) in digits.take(automaton.depth(node)) {
                self.starts.push_front(place);
            }
            self.end = self.starts.back().map_or(place, |last| last + 1);
        }
    }

    /// Takes the byte at a place.
    pub(super) fn take(
        &mut self,
        byte: u8,
        place: u64,
        automaton: &Automaton,
        held: &mut HeldBytes,
    ) {
        let unit = DecodedByte {
            byte,
            start: place,
            end: place + 1,
        };
        if self.decoders.is_empty() {
            self.see(unit, automaton, held);
        } else {
            let mut decoders = std::mem::take(&mut self.decoders);
            pass(&mut decoders, unit, &mut |unit| {
                self.see(unit, automaton, held);
            });
            self.decoders = decoders;
        }
    }

    /// Takes what was held back for the end of an escape.
    pub(super) fn finish(&mut self, automaton: &Automaton, held: &mut HeldBytes) {
        let mut decoders = std::mem::take(&mut self.decoders);
        let mut left = decoders.as_mut_slice();
        while let Some((first, rest)) = left.split_first_mut() {
            first.finish(&mut |unit| {
                pass(rest, unit, &mut |unit| self.see(unit, automaton, held));
            });
            left = rest;
        }
        self.decoders = decoders;
    }

    fn see(&mut self, unit: DecodedByte, automaton: &Automaton, held: &mut HeldBytes) {
        if self.is_base64 && is_line_break(unit.byte) {
            return;
        }
        let byte = if self.is_base64 {
            usual_digit(unit.byte)
        } else {
            unit.byte
        };
        self.node = automaton.next(self.node, byte);
        self.end = unit.end;
        if self.leaves_nothing_out {
            self.before = unit.end;
        } else {
            self.starts.push_back(unit.start);
            let surplus = self.starts.len().saturating_sub(automaton.depth(self.node));
            self.starts.drain(..surplus);
        }
        self.tell(automaton, held);
    }

    fn tell(&self, automaton: &Automaton, held: &mut HeldBytes) {
        let longest = automaton.longest(self.node);
        if longest > 0 {
            held.cover(self.start(longest), self.end);
        }
    }

    /// Where the last bytes that were seen began: so many of them, at least one.
    fn start(&self, count: usize) -> u64 {
        match self.starts.len().checked_sub(count) {
            Some(index) => self.starts[index],
            None => self.before - (count - self.starts.len()) as u64,
        }
    }

    /// Where the first byte stands that more bytes may show to be a secret's, if the stream ends at
    /// `end` so far.
    pub(super) fn open_since(&self, automaton: &Automaton, end: u64) -> Option<u64> {
        let depth = automaton.depth(self.node);
        let is_line_end = self.is_base64 && depth < FEW && self.end < end;
        let begun = (depth > 0 && !is_line_end).then(|| self.start(depth));
        let pending = self.decoders.iter().filter_map(Decoder::pending_since);
        pending.chain(begun).min()
    }

    /// Whether nothing has begun.
    pub(super) fn is_idle(&self) -> bool {
        self.node == ROOT && !self.has_pending()
    }

    /// Whether it will be the same as another one from now on.
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

/// A digit of base64 in the usual alphabet.
pub(super) fn usual_digit(digit: u8) -> u8 {
    match digit {
        b'-' => b'+',
        b'_' => b'/',
        other => other,
    }
}

/// Base64 may stand in lines of any length (RFC 4648, section 3.1).
pub(super) fn is_line_break(byte: u8) -> bool {
    matches!(byte, b'\n' | b'\r')
}

/// Has several decoders take a byte, one after the other.
fn pass(decoders: &mut [Decoder], unit: DecodedByte, last: &mut dyn FnMut(DecodedByte)) {
    match decoders.split_first_mut() {
        Some((first, rest)) => first.push(unit, &mut |unit| pass(rest, unit, last)),
        None => last(unit),
    }
}
