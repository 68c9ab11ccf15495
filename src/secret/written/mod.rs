//! Passwords that are written into command lines and scripts: recognised by their place, for nothing is known of them.
//!
//! | module | what it is |
//! |---|---|
//! | `words` | the words of a command line, and where each of their letters stands |
//! | `names` | names of options, variables and fields whose values are secrets |
//! | `programs` | programs that take a password by an option or an argument of their own |
//! | `labels` | forms that are recognised in any text: headers, JSON, addresses, SQL, tokens |
//!
//! A command that writes its password in a form that is not known here is kept and shown as it is: the parameters for
//! secrets (`env` with a stored secret, `responses`) are the sure way.

mod labels;
mod names;
mod programs;
mod words;

use std::borrow::Cow;
use std::ops::Range;

use super::MASK;
use crate::shell::quote;
use crate::text::whole_characters;
use words::{WrittenCommand, WrittenWord};

/// Texts within words that are looked into: a script in quotes in a script in quotes.
const DEEPEST: usize = 4;

/// The bytes of a text that are read as commands. Behind them, only what shows itself in any text is found.
const MOST_BYTES: usize = 256 * 1024;

/// The text with the passwords in it masked.
pub fn without_passwords(text: &str) -> Cow<'_, str> {
    let mut found = labels::find(text);
    found.extend(in_commands(text, 0));
    if found.is_empty() {
        return text.into();
    }
    found.sort_by_key(|range| (range.start, range.end));
    let (mut shown, mut end) = (String::new(), 0);
    for Range { start, end: last } in found {
        if start >= end {
            shown += &text[end..start];
            shown += MASK;
        }
        end = end.max(last);
    }
    shown += &text[end..];
    if shown == text {
        text.into()
    } else {
        shown.into()
    }
}

/// Returns whether a variable or an option of this name has a secret as its value.
pub fn names_secret(name: &str) -> bool {
    names::is_secret(name)
}

/// Masks passwords in the arguments of a program, of which an option and its value are two. Returns whether there were
/// any.
pub fn hide_in_arguments(arguments: &mut [String]) -> bool {
    let mut is_masked = false;
    for index in 1..arguments.len() {
        let [option, value] = [index - 1, index].map(|index| &arguments[index]);
        let line = format!("- {option} {}", quote(value));
        let is_secret = option.starts_with('-') && !option.contains('=') && {
            let shown = without_passwords(&line);
            shown.ends_with(MASK) || shown.ends_with("***'")
        };
        if is_secret && !value.is_empty() {
            MASK.clone_into(&mut arguments[index]);
            is_masked = true;
        }
    }
    is_masked
}

/// Returns whether a command reads a password from its input.
pub fn reads_password(command: &str) -> bool {
    let commands = words::commands(command);
    commands.iter().any(WrittenCommand::reads_password)
}

/// The passwords in the commands of a text.
fn in_commands(text: &str, depth: usize) -> Vec<Range<usize>> {
    let first = whole_characters(&text.as_bytes()[..text.len().min(MOST_BYTES)]);
    let commands = words::commands(&text[..first]);
    let mut found = Vec::new();
    for (index, command) in commands.iter().enumerate() {
        found.extend(programs::find(command));
        for (before, word, next) in command.neighbours() {
            found.extend(names::find(before, word));
            found.extend(next.and_then(|next| names::after_option(command, word, next)));
            if depth < DEEPEST && word.is_quoted() && word.text.contains(char::is_whitespace) {
                found.extend(inside(word, depth));
            }
        }
        let piped = command.is_piped.then(|| commands.get(index + 1)).flatten();
        if piped.is_some_and(WrittenCommand::reads_password) {
            found.extend(printed_by(command));
        }
        if command.reads_password() {
            found.extend(command.here_string.iter().filter_map(WrittenWord::whole));
        }
    }
    found
}

/// The passwords in a word that may be a text of commands itself.
fn inside(word: &WrittenWord, depth: usize) -> Vec<Range<usize>> {
    let mut found = labels::find(&word.text);
    found.extend(in_commands(&word.text, depth + 1));
    let ranges = found.into_iter();
    ranges.filter_map(|range| word.range(range)).collect()
}

/// The words that a command prints into one that reads a password.
fn printed_by(command: &WrittenCommand) -> Vec<Range<usize>> {
    let prints = matches!(command.program(), Some("echo" | "printf"));
    let words = command.arguments().filter(|_| prints);
    // A format alone is no secret; a word with no letter of its own tells nothing.
    let words = words.filter(|word| !word.text.starts_with('-') && !is_format(&word.text));
    words.filter_map(WrittenWord::whole).collect()
}

/// The place of the first letter from `start` on that ends a value.
fn end_of(text: &str, start: usize, is_end: impl Fn(char) -> bool) -> usize {
    text[start..]
        .find(is_end)
        .map_or(text.len(), |end| start + end)
}

fn is_format(text: &str) -> bool {
    text.replace("%s", "").replace("\\n", "").is_empty()
}

#[cfg(test)]
mod tests;
