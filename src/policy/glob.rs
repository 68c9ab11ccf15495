//! Patterns for texts that are themselves not fully known.

use crate::shell::argument::{HOME, MANY, ONE, SOMETHING};

/// One element of a pattern.
#[derive(Clone, Debug, PartialEq)]
enum GlobToken {
    Is(char),
    /// `?`.
    One,
    /// `[…]`: ranges, and true for `[!…]`.
    Class(Vec<(char, char)>, bool),
    /// `*`: any text without `/`.
    Many,
    /// `**`: any text.
    All,
}

/// A pattern.
#[derive(Clone, Debug)]
pub(super) struct Glob(Vec<GlobToken>);

/// A character of a pattern, and true if it is quoted.
pub(super) type RuleChar = (char, bool);

impl Glob {
    pub(super) fn new(letters: &[RuleChar]) -> Self {
        let mut tokens = Vec::new();
        let mut at = 0;
        while let Some(&(letter, literal)) = letters.get(at) {
            at += 1;
            tokens.push(match letter {
                '?' if !literal => GlobToken::One,
                '*' if !literal => {
                    let mut token = GlobToken::Many;
                    while letters.get(at) == Some(&('*', false)) {
                        token = GlobToken::All;
                        at += 1;
                    }
                    token
                }
                '[' if !literal => match class(&letters[at..]) {
                    Some((token, length)) => {
                        at += length;
                        token
                    }
                    None => GlobToken::Is('['),
                },
                other => GlobToken::Is(other),
            });
        }
        Self(tokens)
    }

    /// Returns true if it stands for several texts.
    pub(super) fn is_open(&self) -> bool {
        !self.0.iter().all(|token| matches!(token, GlobToken::Is(_)))
    }

    pub(super) fn starts_open(&self) -> bool {
        !matches!(self.0.first(), Some(GlobToken::Is(_)))
    }

    /// Returns true if some reading of the text matches.
    pub(super) fn may_match(&self, text: &str) -> bool {
        self.run(text, false)
    }

    /// Returns true if every reading of the text matches.
    pub(super) fn must_match(&self, text: &str) -> bool {
        self.run(text, true)
    }

    /// Keeps the set of places in the pattern at which the text may have arrived.
    fn run(&self, text: &str, every: bool) -> bool {
        if !self.may_begin(text) || !self.may_end(text) {
            return false;
        }
        let mut places = vec![false; self.0.len() + 1];
        let mut next = places.clone();
        places[0] = true;
        let mut before = '/';
        for letter in text.chars() {
            // A shell's `*` and `?` stand for no hidden name.
            let is_first = std::mem::replace(&mut before, letter) == '/';
            self.skip_empty(&mut places);
            next.fill(false);
            for (place, token) in self.0.iter().enumerate() {
                let hides = is_first && letter == ONE && *token == GlobToken::Is('.');
                if places[place] && !hides {
                    let (stays, moves) = token.takes(letter, every);
                    next[place] |= stays;
                    next[place + 1] |= moves;
                }
            }
            if letter == MANY && !every {
                // It may be empty, or take what any number of tokens would.
                let mut within = vec![false; places.len()];
                for (place, token) in self.0.iter().enumerate() {
                    let hides = is_first && *token == GlobToken::Is('.');
                    let comes = within[place] || places[place] && !hides;
                    within[place + 1] |= comes && token.takes(ONE, false).1;
                }
                for place in 0..places.len() {
                    next[place] |= places[place] || within[place];
                }
            }
            std::mem::swap(&mut places, &mut next);
            if !places.contains(&true) {
                return false;
            }
        }
        self.skip_empty(&mut places);
        places[self.0.len()]
    }

    /// Returns false if the beginning of the text rules out a match, which is cheap to see.
    fn may_begin(&self, text: &str) -> bool {
        may_be_along(self.0.iter().zip(text.chars()))
    }

    /// Returns the same for the end of the text.
    fn may_end(&self, text: &str) -> bool {
        may_be_along(self.0.iter().rev().zip(text.chars().rev()))
    }

    fn skip_empty(&self, places: &mut [bool]) {
        for (place, token) in self.0.iter().enumerate() {
            if matches!(token, GlobToken::Many | GlobToken::All) {
                places[place + 1] |= places[place];
            }
        }
    }
}

/// Returns false if a letter before the first that leaves something open is another than the pattern has.
fn may_be_along<'g>(mut pairs: impl Iterator<Item = (&'g GlobToken, char)>) -> bool {
    let decided = pairs.find_map(|(token, letter)| match token {
        GlobToken::Is(_) if matches!(letter, ONE | MANY | SOMETHING) => Some(true),
        GlobToken::Is(own) if *own == letter => None,
        token => Some(!matches!(token, GlobToken::Is(_))),
    });
    decided.unwrap_or(true)
}

impl GlobToken {
    /// Returns two values: true if the token matches the character and may match more, and true if it
    /// matches the character and is done.
    fn takes(&self, letter: char, every: bool) -> (bool, bool) {
        match (self, letter) {
            (Self::All, SOMETHING) => (true, false),
            (_, SOMETHING) | (Self::Is('/'), ONE) => (false, false),
            (Self::All, _) => (true, false),
            (Self::Many, _) => (letter != '/' && letter != HOME, false),
            (Self::Is(_) | Self::Class(..), ONE | MANY) => (false, !every && letter == ONE),
            (Self::Is(own), _) => (false, *own == letter),
            (Self::One, _) => (false, letter != '/' && letter != MANY),
            (Self::Class(ranges, inverted), _) => {
                let within = ranges
                    .iter()
                    .any(|(first, last)| (first..=last).contains(&&letter));
                (false, within != *inverted && letter != '/')
            }
        }
    }
}

/// The class that begins after a `[`, and its length.
fn class(letters: &[RuleChar]) -> Option<(GlobToken, usize)> {
    let inverted = matches!(letters.first(), Some(('!' | '^', _)));
    let start = usize::from(inverted);
    let length = letters
        .iter()
        .skip(start + 1)
        .position(|one| one.0 == ']')?;
    let end = start + 1 + length;
    let mut ranges = Vec::new();
    let mut at = start;
    while at < end {
        let first = letters[at].0;
        if at + 2 < end && letters[at + 1].0 == '-' {
            ranges.push((first, letters[at + 2].0));
            at += 3;
        } else {
            ranges.push((first, first));
            at += 1;
        }
    }
    Some((GlobToken::Class(ranges, inverted), end + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn glob(text: &str) -> Glob {
        let letters: Vec<_> = text.chars().map(|one| (one, false)).collect();
        Glob::new(&letters)
    }

    #[test]
    fn stars_classes_and_single_characters() {
        for (pattern, text, matches) in [
            ("/lib*", "/lib64", true),
            ("/lib*", "/lib/x", false),
            ("/var/log/**", "/var/log/a/b", true),
            ("[0-9]*", "50", true),
            ("[0-9]*", "x", false),
            ("[!a-c]?", "de", true),
            ("[!a-c]?", "ae", false),
            ("[x", "[x", true),
            ("", "", true),
            ("a*b*c", "aXbYc", true),
            ("/**/.ssh/rc", "/a/b/.ssh/rc", true),
            ("/**/.ssh/rc", "/a/b/.ssh/rcs", false),
            ("/**/.ssh/rc", "/.ssh/rc", false),
            ("*", "", true),
            ("a", "", false),
        ] {
            assert_eq!(glob(pattern).must_match(text), matches, "{pattern} {text}");
            assert_eq!(glob(pattern).may_match(text), matches, "{pattern} {text}");
        }
    }

    #[test]
    fn what_a_shell_would_fill_in_may_match_but_need_not() {
        let open = format!("/e{MANY}");
        assert!(glob("/etc").may_match(&open) && !glob("/etc").must_match(&open));
        assert!(glob("/e*").must_match(&open));
        assert!(!glob("/etc").may_match(&format!("/x{MANY}")));
        assert!(!glob("/.ssh").may_match(&format!("/{MANY}")));
        assert!(glob("/a.d").may_match(&format!("/{MANY}")));
        assert!(glob("/etc").may_match(&format!("/{ONE}{ONE}c")));
        assert!(!glob("/etc").may_match(&format!("/{SOMETHING}")));
        let key = glob("/**/.ssh/rc");
        for open in [
            format!("/a/.ssh/{MANY}"),
            format!("/a/.ssh/r{ONE}"),
            format!("/a/.ss{MANY}/rc"),
            format!("/a/.ssh/{MANY}c"),
        ] {
            assert!(key.may_match(&open) && !key.must_match(&open), "{open}");
        }
        assert!(!key.may_match(&format!("/a/.ssh/{MANY}d")));
    }
}
