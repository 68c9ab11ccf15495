//! Arguments of programs, in which some characters are marks for a text that is not known.
//!
//! The marks lie in a private-use plane. A command line that holds one is read as if it were not known there.

use super::MAX_VALUE;
use super::syntax::WordPart;

/// Any text, or none: a variable that may be unset.
pub(crate) const UNKNOWN: char = '\u{F0000}';
/// Any text but none.
pub(crate) const SOMETHING: char = '\u{F0001}';
/// The home directory.
pub(crate) const HOME: char = '\u{F0002}';
/// A shell's `*`.
pub(crate) const MANY: char = '\u{F0003}';
/// A shell's `?` or `[…]`.
pub(crate) const ONE: char = '\u{F0004}';

/// One argument of a program, as far as it is known.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Argument {
    pub(crate) text: String,
    /// True if it may be no argument, or several.
    pub(crate) loose: bool,
    /// The content of the file that it names, where that is known: of a process substitution, or of a
    /// file that the text wrote.
    pub(crate) printed: Option<String>,
}

impl Argument {
    pub(crate) fn of(text: impl Into<String>) -> Self {
        let text = text.into();
        Self {
            text,
            ..Self::default()
        }
    }

    /// The argument that a word makes; nothing is known of what is expanded in it.
    pub(crate) fn unexpanded(word: &[WordPart]) -> Self {
        let letter = |part: &WordPart| match part {
            WordPart::Bare(letter) | WordPart::Quoted(letter) => Some(*letter),
            WordPart::Empty => None,
            WordPart::Tilde(_) => Some(HOME),
            _ => Some(UNKNOWN),
        };
        Self::of(word.iter().filter_map(letter).collect::<String>())
    }

    /// The name of the file that it names, without its directory.
    pub(crate) fn base_name(&self) -> &str {
        self.text.rsplit('/').next().unwrap_or_default()
    }

    /// Returns whether nothing of it is known.
    pub(crate) fn is_unknown(&self) -> bool {
        !self.text.is_empty() && self.text.chars().all(is_unknown)
    }

    /// Returns whether it is an option for any values of its variables.
    pub(crate) fn is_option(&self) -> bool {
        self.text.len() > 1 && self.text.starts_with('-')
    }
}

pub(crate) const fn is_unknown(mark: char) -> bool {
    matches!(mark, UNKNOWN | SOMETHING)
}

/// The text with every variable that may be empty taken as empty.
pub(crate) fn emptied(text: &str) -> String {
    text.chars().filter(|&mark| mark != UNKNOWN).collect()
}

/// The text, or [`SOMETHING`] if it is too long to follow.
pub(crate) fn bounded(text: String) -> String {
    if text.len() > MAX_VALUE {
        SOMETHING.into()
    } else {
        text
    }
}

/// The arguments as one text, as `eval` and `ssh` join them.
pub(crate) fn joined(arguments: &[Argument]) -> String {
    let texts: Vec<_> = arguments.iter().map(|one| one.text.as_str()).collect();
    texts.join(" ")
}

/// Returns whether the text can name a variable.
pub(crate) fn is_name(text: &str) -> bool {
    !text.starts_with(|first: char| first.is_ascii_digit())
        && !text.is_empty()
        && text
            .chars()
            .all(|one| one.is_ascii_alphanumeric() || one == '_')
}

/// Name and value of `NAME=value`.
pub(crate) fn assignment(text: &str) -> Option<(&str, &str)> {
    text.split_once('=').filter(|(name, _)| is_name(name))
}

/// The text in its words: quotes and backslashes as in a shell, nothing else special but marks for `*`,
/// `?`, `~` and `$…`.
pub(crate) fn words(text: &str) -> Vec<Argument> {
    let mut words: Vec<Argument> = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    let mut rest = text.chars().peekable();
    while let Some(next) = rest.next() {
        match (next, quote) {
            (end, Some(open)) if end == open => quote = None,
            ('\'' | '"', None) => {
                quote = Some(next);
                word.get_or_insert_default();
            }
            ('\\', None | Some('"')) => word.get_or_insert_default().extend(rest.next()),
            (space, None) if space.is_whitespace() => {
                words.extend(word.take().map(Argument::of));
            }
            ('*', None) => word.get_or_insert_default().push(MANY),
            ('?', None) => word.get_or_insert_default().push(ONE),
            ('~', None) if word.is_none() => word = Some(HOME.into()),
            ('$', None | Some('"')) => {
                let mut name = String::new();
                while let Some(one) =
                    rest.next_if(|&one| one.is_alphanumeric() || "_{}".contains(one))
                {
                    name.push(one);
                }
                if quote.is_none() && name.trim_matches(['{', '}']) == "IFS" {
                    words.extend(word.take().map(Argument::of));
                } else {
                    word.get_or_insert_default().push(UNKNOWN);
                }
            }
            (other, _) => word.get_or_insert_default().push(other),
        }
    }
    words.extend(word.map(Argument::of));
    words
}
