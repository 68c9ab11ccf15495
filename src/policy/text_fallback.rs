//! The fallback for texts that the parser cannot read: they are split wherever a shell might begin a
//! command.

use crate::shell::argument::{Argument, words};

/// Keywords that come before a command.
const LEADING: &[&str] = &[
    "and", "or", "not", "begin", "then", "else", "do", "if", "elif", "while", "until", "builtin",
];

/// The pieces of the text that may be commands, each in its words.
pub(super) fn commands(text: &str) -> impl Iterator<Item = Vec<Argument>> {
    text.split([';', '|', '&', '\n', '(', ')', '{', '}', '`', '<', '>'])
        .map(|part| {
            let mut words = words(part);
            let leading = words
                .iter()
                .take_while(|word| LEADING.contains(&&*word.text))
                .count();
            words.drain(..leading);
            words
        })
        .filter(|words| !words.is_empty())
}
