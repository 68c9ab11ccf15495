//! The arguments of a word while it is being expanded.

use crate::shell::argument::{Argument, MANY, ONE, SOMETHING, is_unknown};
use crate::shell::syntax::WordPart;

/// Most readings of one word; past them, a variable's value counts as not known.
pub(super) const MOST_READINGS: usize = 64;

/// The arguments that one reading of a word has made so far.
#[derive(Clone, Default)]
pub(super) struct Expansion {
    pub(super) done: Vec<Argument>,
    text: String,
    pub(super) printed: Option<String>,
    /// True if any of it is quoted or fixed, so that even an empty text is an argument.
    pub(super) fixed: bool,
    /// True if the argument so far comes from unquoted variables alone.
    loose: bool,
}

impl Expansion {
    pub(super) fn push(&mut self, text: &str) {
        self.text.push_str(text);
        self.fixed = true;
    }

    pub(super) fn cut(&mut self) {
        if self.fixed || !self.text.is_empty() {
            let text = std::mem::take(&mut self.text);
            self.done.push(Argument {
                loose: self.loose && !self.fixed && text.chars().all(is_unknown),
                text,
                printed: self.printed.take(),
            });
        }
        (self.fixed, self.loose) = (false, false);
    }

    /// Adds a value. Unless quoted, it is split at the `separators`, and its `*` and `?` are patterns.
    pub(super) fn add(&mut self, value: &str, separators: Option<&str>) {
        let Some(separators) = separators else {
            return self.push(value);
        };
        for letter in value.chars() {
            match letter {
                letter if separators.contains(letter) => self.cut(),
                '*' => self.text.push(MANY),
                '?' => self.text.push(ONE),
                other => self.text.push(other),
            }
        }
        self.loose |= !value.is_empty();
    }
}

pub(super) fn each(expansions: &mut [Expansion], change: impl Fn(&mut Expansion)) {
    expansions.iter_mut().for_each(change);
}

pub(super) fn letter_to_all(expansions: &mut [Expansion], letter: char) {
    each(expansions, |expansion| {
        expansion.push(letter.encode_utf8(&mut [0; 4]));
    });
}

/// Every expansion with every alternative, each of which is several words.
pub(super) fn spread(
    expansions: Vec<Expansion>,
    alternatives: &[Vec<Argument>],
    separators: Option<&str>,
) -> Vec<Expansion> {
    let unknown = [vec![Argument::of(SOMETHING)]];
    let alternatives = if expansions.len() * alternatives.len() > MOST_READINGS {
        &unknown
    } else {
        alternatives
    };
    let mut spread = Vec::new();
    for expansion in expansions {
        for words in alternatives {
            let mut expansion = expansion.clone();
            for (at, word) in words.iter().enumerate() {
                if at > 0 {
                    expansion.cut();
                }
                expansion.add(&word.text, separators);
                expansion.printed = expansion.printed.or_else(|| word.printed.clone());
            }
            spread.push(expansion);
        }
    }
    spread
}

/// The number of parts of the `[…]` that begins here.
pub(super) fn class_length(word: &[&WordPart]) -> Option<usize> {
    let skip = 2 + usize::from(matches!(word.get(1), Some(WordPart::Bare('!' | '^'))));
    let rest = word.get(skip..)?.iter().take(64);
    let mut rest = rest.take_while(|part| matches!(part, WordPart::Bare(_) | WordPart::Quoted(_)));
    let end = rest.position(|part| matches!(part, WordPart::Bare(']')))?;
    Some(skip + end + 1)
}

/// The number of parts of the `{1..9}` that begins here.
pub(super) fn range_length(word: &[&WordPart]) -> Option<usize> {
    let mut text = String::new();
    for part in word.iter().take(24) {
        match part {
            WordPart::Bare('}') if text.contains("..") => return Some(text.len() + 1),
            WordPart::Bare(one) if one.is_ascii_alphanumeric() || ".-{".contains(*one) => {
                text.push(*one);
            }
            _ => return None,
        }
    }
    None
}
