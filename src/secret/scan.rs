//! Looks for secrets in a stream, with its escapes undone in several ways at once.
//!
//! The work for each byte is bounded, whatever the secrets and the stream are. Bytes that may begin a
//! secret are held back until more of them tell.

use std::sync::Arc;

use super::automaton::{Automaton, ROOT};
use super::escape::Escaping;
use super::held::{HeldBytes, MaskStyle};
use super::view::{View, ViewState, is_line_break, standard_digit};

/// Views that read every byte.
const BASES: &[View] = &[View::plain(&[]), View::base64(&[])];

/// Views that wake at an escape, go on from the state of their base, and sleep once they are in the same
/// state as that again. Two escapings are for a text within another, such as JSON in JSON.
const OTHERS: &[View] = &[
    View::plain(&[Escaping::Backslash]),
    View::plain(&[Escaping::Markup]),
    View::plain(&[Escaping::Percent]),
    View::plain(&[Escaping::Form]),
    View::plain(&[Escaping::Backslash, Escaping::Backslash]),
    View::plain(&[Escaping::Backslash, Escaping::Percent]),
    View::plain(&[Escaping::Percent, Escaping::Percent]),
    View::base64(&[Escaping::Backslash]),
    View::base64(&[Escaping::Percent]),
    View::base64(&[Escaping::Backslash, Escaping::Percent]),
];

/// Says whether an escape of any kind begins with this byte.
fn is_escape(byte: u8) -> bool {
    matches!(byte, b'\\' | b'%' | b'+' | b'&')
}

/// The texts that are looked for.
#[derive(Debug)]
pub(crate) struct Finder {
    plain: Automaton,
    /// The same in base64.
    base64: Automaton,
    bases: &'static [View],
    others: &'static [View],
    /// The bytes with which a text or an escape may begin.
    interesting: Box<[bool; 256]>,
}

/// The search in one stream.
#[derive(Debug)]
pub(super) struct Scan {
    finder: Arc<Finder>,
    bases: Vec<ViewState>,
    others: Vec<ViewState>,
    /// The number of the others that are awake.
    awake: usize,
    held: HeldBytes,
}

impl Finder {
    /// Finds `texts` in every view, and the parts of base64 texts in `base64`.
    pub(super) fn of<'a>(
        texts: impl IntoIterator<Item = &'a str>,
        base64: impl IntoIterator<Item = String>,
    ) -> Self {
        Self::with(Automaton::of(texts), Automaton::of(base64), BASES, OTHERS)
    }

    /// Finds texts exactly as they are.
    pub(crate) fn exactly<'a>(texts: impl IntoIterator<Item = &'a str>) -> Self {
        let none: [&str; 0] = [];
        Self::with(Automaton::of(texts), Automaton::of(none), &BASES[..1], &[])
    }

    fn with(
        plain: Automaton,
        base64: Automaton,
        bases: &'static [View],
        others: &'static [View],
    ) -> Self {
        let mut interesting = Box::new([false; 256]);
        for byte in 0..=u8::MAX {
            interesting[usize::from(byte)] = plain.starts_with(byte)
                || base64.starts_with(standard_digit(byte))
                || !others.is_empty() && is_escape(byte);
        }
        Self {
            plain,
            base64,
            bases,
            others,
            interesting,
        }
    }

    /// Says whether a byte may begin an escape.
    fn has_escape(&self, byte: u8) -> bool {
        !self.others.is_empty() && is_escape(byte)
    }

    fn automaton(&self, view: &View) -> &Automaton {
        if view.is_base64 {
            &self.base64
        } else {
            &self.plain
        }
    }
}

impl Scan {
    /// Begins the search at the start of a stream.
    pub(super) fn new(finder: Arc<Finder>, style: MaskStyle) -> Self {
        Self {
            bases: finder.bases.iter().map(ViewState::of).collect(),
            others: finder.others.iter().map(ViewState::of).collect(),
            awake: 0,
            finder,
            held: HeldBytes::new(style),
        }
    }

    /// The texts that are looked for.
    pub(super) fn finder(&self) -> &Arc<Finder> {
        &self.finder
    }

    /// Says whether a secret was found.
    pub(super) fn has_found(&self) -> bool {
        self.held.has_found
    }

    /// The number of bytes that are held back.
    pub(super) fn held(&self) -> usize {
        self.held.len()
    }

    /// Looks for other texts from now on, also in the bytes that are held back.
    pub(super) fn look_for(&mut self, finder: Arc<Finder>) {
        self.finder = finder;
        self.begin_anew();
        let (bytes, at) = (self.held.bytes(), self.held.at());
        for (byte, position) in bytes.into_iter().zip(at..) {
            self.read(byte, position);
        }
    }

    /// Takes the next bytes, and adds those to `out` that are known not to begin a secret.
    pub(super) fn take(&mut self, part: &[u8], out: &mut Vec<u8>) {
        let mut rest = part;
        while let Some((byte, after)) = rest.split_first() {
            if self.is_idle() {
                self.held.release(self.held.len(), out);
                let skimmed = self.skim(rest, out);
                if skimmed > 0 {
                    rest = &rest[skimmed..];
                    continue;
                }
            }
            let position = self.held.push(*byte);
            self.read(*byte, position);
            rest = after;
        }
        self.held.release(self.sure(), out);
    }

    /// Takes bytes up to a secret's last byte or an escape, where nothing has begun yet. Returns their number.
    /// It is the fast path: most output has neither.
    fn skim(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> usize {
        let finder = Arc::clone(&self.finder);
        let Finder { plain, base64, .. } = &*finder;
        let mut nodes = [ROOT; 2];
        let mut length = bytes.len();
        for (index, byte) in bytes.iter().enumerate() {
            let is_dull = !finder.interesting[usize::from(*byte)];
            if is_dull && nodes == [ROOT; 2] {
                continue;
            }
            let next = [
                plain.next(nodes[0], *byte),
                match *byte {
                    byte if is_line_break(byte) => nodes[1],
                    byte => base64.next(nodes[1], standard_digit(byte)),
                },
            ];
            let ends = plain.longest(next[0]) > 0 || base64.longest(next[1]) > 0;
            if ends || finder.has_escape(*byte) {
                length = index;
                break;
            }
            nodes = next;
        }
        let read = &bytes[..length];
        let position = self.held.at() + length as u64;
        let states = self.bases.iter_mut().zip(finder.bases).zip(nodes);
        let open = states.filter_map(|((state, view), node)| {
            let automaton = finder.automaton(view);
            state.go_to(node, automaton, read, position);
            state.open_since(automaton, position)
        });
        let open = open.min().map_or(length, |open| self.held.index(open));
        self.held.pass(&read[..open], out);
        for byte in &read[open..] {
            self.held.push(*byte);
        }
        length
    }

    /// Adds the bytes that were held back to `out`, at the end of the stream.
    pub(super) fn finish(&mut self, out: &mut Vec<u8>) {
        let bases = self.bases.iter_mut().zip(self.finder.bases);
        let others = self.others.iter_mut().zip(self.finder.others);
        let others = others.filter(|(state, _)| state.is_awake);
        for (state, view) in bases.chain(others) {
            state.finish(self.finder.automaton(view), &mut self.held);
        }
        self.held.release(self.held.len(), out);
        self.begin_anew();
    }

    fn begin_anew(&mut self) {
        self.bases = self.finder.bases.iter().map(ViewState::of).collect();
        self.others = self.finder.others.iter().map(ViewState::of).collect();
        self.awake = 0;
    }

    fn is_idle(&self) -> bool {
        self.awake == 0 && self.bases.iter().all(ViewState::is_idle)
    }

    /// The number of held bytes that are known not to begin a secret.
    fn sure(&self) -> usize {
        let bases = self.bases.iter().zip(self.finder.bases);
        let others = self.others.iter().zip(self.finder.others);
        let others = others.filter(|(state, _)| state.is_awake);
        let open = bases.chain(others).filter_map(|(state, view)| {
            state.open_since(self.finder.automaton(view), self.held.end())
        });
        match open.min() {
            Some(open) => self.held.index(open),
            None => self.held.len(),
        }
    }

    /// Has every view that is awake take the byte at a position.
    fn read(&mut self, byte: u8, position: u64) {
        let finder = &*self.finder;
        if is_escape(byte) {
            for (state, view) in self.others.iter_mut().zip(finder.others) {
                if !state.is_awake && view.begins_with(byte) {
                    state.wake(&self.bases[view.base()]);
                    self.awake += 1;
                }
            }
        }
        for (state, view) in self.bases.iter_mut().zip(finder.bases) {
            state.take(byte, position, finder.automaton(view), &mut self.held);
        }
        if self.awake == 0 {
            return;
        }
        for (state, view) in self.others.iter_mut().zip(finder.others) {
            if !state.is_awake {
                continue;
            }
            let automaton = finder.automaton(view);
            state.take(byte, position, automaton, &mut self.held);
            if state.is_like(&self.bases[view.base()], automaton) {
                state.is_awake = false;
                self.awake -= 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steps(finder: &Finder) -> u64 {
        let steps =
            |automaton: &Automaton| automaton.steps.load(std::sync::atomic::Ordering::Relaxed);
        steps(&finder.plain) + steps(&finder.base64)
    }

    /// Steps for each byte, secrets and stream together.
    fn work(secrets: &[String], stream: &[u8], size: usize) -> u64 {
        let finder = Arc::new(Finder::of(
            secrets.iter().map(String::as_str),
            secrets.iter().cloned(),
        ));
        let mut scan = Scan::new(Arc::clone(&finder), MaskStyle::Asterisks);
        let mut out = Vec::new();
        for part in stream.chunks(size) {
            scan.take(part, &mut out);
        }
        scan.finish(&mut out);
        assert_eq!(out.len(), stream.len());
        let bytes = stream.len() + secrets.iter().map(String::len).sum::<usize>();
        steps(&finder) / bytes as u64
    }

    fn masked(finder: &Arc<Finder>, text: &[u8], size: usize) -> Vec<u8> {
        let mut scan = Scan::new(Arc::clone(finder), MaskStyle::Asterisks);
        let mut out = Vec::new();
        for part in text.chunks(size) {
            scan.take(part, &mut out);
        }
        scan.finish(&mut out);
        out
    }

    /// Few letters, so that chance brings secrets, their beginnings and escapes of all kinds.
    #[test]
    fn chance_finds_no_text_that_is_masked_otherwise_in_parts() {
        const LETTERS: &[u8] = b"aab\\%u/n061+&#;x";
        let mut state = 1_u32;
        let mut chance = |most: usize| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 16) as usize % most
        };
        let mut text = |most: usize| {
            let length = 1 + chance(most);
            let letters = (0..length).map(|_| LETTERS[chance(LETTERS.len())]);
            String::from_utf8(letters.collect()).unwrap()
        };
        let mut found = 0;
        for _ in 0..1000 {
            let secrets: Vec<_> = (0..3).map(|_| text(5)).collect();
            let none: [String; 0] = [];
            let finder = Arc::new(Finder::of(secrets.iter().map(String::as_str), none));
            let text = text(60);
            let whole = masked(&finder, text.as_bytes(), usize::MAX);
            for size in [1, 2, 7] {
                let parts = masked(&finder, text.as_bytes(), size);
                assert_eq!(parts, whole, "{secrets:?} in {text:?}, in parts of {size}");
            }
            for secret in &secrets {
                for (start, _) in text.match_indices(secret.as_str()) {
                    let position = start..start + secret.len();
                    assert!(
                        whole[position].iter().all(|byte| *byte == b'*'),
                        "{secret:?} in {text:?}"
                    );
                    found += 1;
                }
            }
        }
        assert!(found > 500, "{found}");
    }

    #[test]
    fn what_ends_a_line_is_not_held_back_for_more_base64() {
        let form = "WnE3IGVuZHMgYSBsaW5l";
        let finder = Arc::new(Finder::of(["Zq7 ends a line"], [form.to_owned()]));
        let mut scan = Scan::new(finder, MaskStyle::Asterisks);
        let mut out = Vec::new();
        scan.take(format!("a {}\n", &form[..3]).as_bytes(), &mut out);
        assert_eq!(out, b"a WnE\n");
        scan.take(&form.as_bytes()[3..], &mut out);
        scan.finish(&mut out);
        let masked = format!("a WnE\n{}", "*".repeat(form.len() - 3));
        assert_eq!(String::from_utf8(out).unwrap(), masked);
        // With more of it, it might be one.
        let mut out = Vec::new();
        scan.take(format!("a {}\n", &form[..4]).as_bytes(), &mut out);
        assert_eq!((out.as_slice(), scan.held()), (b"a ".as_slice(), 5));
    }

    #[test]
    fn every_escape_wakes_a_reading() {
        for byte in 0..=u8::MAX {
            let begins = OTHERS.iter().any(|view| view.begins_with(byte));
            assert_eq!(begins, is_escape(byte), "{byte}");
        }
    }

    #[test]
    fn the_work_grows_with_the_bytes_alone() {
        let long = "a".repeat(8_000);
        let secrets = [
            vec![long.clone()],
            vec!["aaaaaa".to_owned(), format!("{long}b")],
            vec![
                format!("b{long}"),
                format!("{long}/{long}"),
                "ab".repeat(2000),
            ],
            vec![
                "\\".repeat(2000),
                "%25".repeat(2000),
                "\\u0061".repeat(2000),
            ],
        ];
        let streams = [
            vec![b'a'; 25_000],
            b"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\\n".repeat(1200),
            [b"a".repeat(7_999), b"/".to_vec()].concat().repeat(4),
            b"\\u0061\\\\".repeat(8_000),
            b"%2561%61+a".repeat(8_000),
            b"\\".repeat(25_000),
        ];
        for secrets in &secrets {
            for stream in &streams {
                for size in [1, usize::MAX] {
                    let work = work(secrets, stream, size);
                    assert!(work < 60, "{work} steps for each byte, in parts of {size}");
                }
            }
        }
    }
}
