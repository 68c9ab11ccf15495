//! The options of programs: in clusters, with values, and abbreviated.

use std::collections::VecDeque;

use super::argument::{Argument, emptied};

/// The options of a program that take a value.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OptionSpec<'g> {
    /// Letters. One that is followed by `?` takes a value only from its own argument.
    pub(crate) letters: &'g str,
    /// Long names. One behind a `!` takes no value; it is listed so that its abbreviations are known.
    pub(crate) long: &'g [&'g str],
}

/// An option among the arguments: its letter or long name, and its value.
#[derive(Clone, Debug)]
pub(crate) struct ParsedOption {
    pub(crate) name: String,
    pub(crate) value: Option<Argument>,
}

/// The value of the first option that has one of these names.
pub(crate) fn value<'g>(given: &'g [ParsedOption], names: &[&str]) -> Option<&'g Argument> {
    let mut given = given.iter().filter(|one| names.contains(&&*one.name));
    given.find_map(|one| one.value.as_ref())
}

pub(crate) fn has(given: &[ParsedOption], names: &[&str]) -> bool {
    given.iter().any(|one| names.contains(&&*one.name))
}

/// Returns whether one of these options is given and not switched off, as in `--follow=false`.
pub(crate) fn is_on(given: &[ParsedOption], names: &[&str]) -> bool {
    let is_off = |value: &Argument| value.text == "false";
    let mut given = given.iter().filter(|one| names.contains(&&*one.name));
    given.any(|one| !one.value.as_ref().is_some_and(is_off))
}

/// The options before the first operand, and what follows them.
pub(crate) fn leading<'a>(
    arguments: &'a [Argument],
    spec: OptionSpec<'_>,
) -> (Vec<ParsedOption>, &'a [Argument]) {
    let mut given = Vec::new();
    let (rest, _) = take(arguments, spec, &mut given);
    (given, rest)
}

/// All options, wherever they stand, and the operands.
pub(crate) fn everywhere(
    arguments: &[Argument],
    spec: OptionSpec<'_>,
) -> (Vec<ParsedOption>, Vec<Argument>) {
    let (mut given, mut operands) = (Vec::new(), Vec::new());
    let mut rest = arguments;
    loop {
        let (after, ended) = take(rest, spec, &mut given);
        match after.split_first() {
            Some((first, others)) if !ended => {
                operands.push(first.clone());
                rest = others;
            }
            _ => {
                operands.extend_from_slice(after);
                return (given, operands);
            }
        }
    }
}

/// Takes the options up to an operand or a `--`. Gives whether it was a `--`.
fn take<'a>(
    arguments: &'a [Argument],
    spec: OptionSpec<'_>,
    given: &mut Vec<ParsedOption>,
) -> (&'a [Argument], bool) {
    let mut rest = arguments;
    while let Some(after) = first(rest, spec, given) {
        rest = after;
    }
    match rest.split_first() {
        Some((first, others)) if first.text == "--" => (others, true),
        _ => (rest, false),
    }
}

/// Takes the options that the first argument holds; `None` if it holds none.
pub(crate) fn first<'a>(
    arguments: &'a [Argument],
    spec: OptionSpec<'_>,
    given: &mut Vec<ParsedOption>,
) -> Option<&'a [Argument]> {
    let (first, others) = arguments.split_first()?;
    let text = emptied(&first.text);
    if text.len() < 2 || !text.starts_with('-') || text == "--" {
        return None;
    }
    let takes_next = match text.strip_prefix("--") {
        Some(long) => long_option(long, spec, given),
        None => cluster(&text[1..], spec, given),
    };
    if let Some(value) = given.last_mut().and_then(|last| last.value.as_mut()) {
        value.printed.clone_from(&first.printed);
    }
    Some(match others.split_first() {
        Some((value, after)) if takes_next => {
            if let Some(last) = given.last_mut() {
                last.value = Some(value.clone());
            }
            after
        }
        _ => others,
    })
}

/// Takes a long option. Gives whether its value is the next argument.
fn long_option(text: &str, spec: OptionSpec<'_>, given: &mut Vec<ParsedOption>) -> bool {
    let (name, value) = match text.split_once('=') {
        Some((name, value)) => (name, Some(Argument::of(value))),
        None => (text, None),
    };
    let is_switch = |one: &&str| one.strip_prefix('!') == Some(name);
    if spec.long.iter().any(is_switch) {
        given.push(ParsedOption {
            name: name.to_owned(),
            value,
        });
        return false;
    }
    let known = spec.long.iter().find(|one| **one == name);
    // Programs take abbreviations of long options.
    let known = known.or_else(|| spec.long.iter().find(|one| one.starts_with(name)));
    let takes_next = known.is_some() && value.is_none();
    let switches = spec.long.iter().filter_map(|one| one.strip_prefix('!'));
    let mut switches = switches.filter(|one| one.starts_with(name));
    let known = known.copied().or_else(|| switches.next());
    given.push(ParsedOption {
        name: known.unwrap_or(name).to_owned(),
        value,
    });
    takes_next
}

/// Takes the options of a cluster. Gives whether the value of the last is the next argument.
fn cluster(text: &str, spec: OptionSpec<'_>, given: &mut Vec<ParsedOption>) -> bool {
    let mut letters: VecDeque<char> = text.chars().collect();
    while let Some(letter) = letters.pop_front() {
        let name = letter.to_string();
        let place = spec.letters.find(letter).filter(|_| letter != '?');
        let Some(place) = place else {
            given.push(ParsedOption { name, value: None });
            continue;
        };
        let rest: String = letters.into_iter().collect();
        let is_optional = spec.letters[place + letter.len_utf8()..].starts_with('?');
        let takes_next = rest.is_empty() && !is_optional;
        given.push(ParsedOption {
            name,
            value: (!rest.is_empty()).then(|| Argument::of(rest)),
        });
        return takes_next;
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> String {
        let spec = OptionSpec {
            letters: "uCw?",
            long: &["user", "chdir"],
        };
        let (given, operands) = everywhere(&super::super::argument::words(text), spec);
        let given = given.iter().map(|one| match &one.value {
            Some(value) => format!("{}={}", one.name, value.text),
            None => one.name.clone(),
        });
        let operands = operands.iter().map(|one| format!("<{}>", one.text));
        given.chain(operands).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn options_are_read_as_programs_do() {
        for (text, meaning) in [
            ("-u root x", "u=root <x>"),
            ("-uroot -nC / x", "u=root n C=/ <x>"),
            ("-w / -w/ x", "w w=/ </> <x>"),
            ("--us root --chdir=/ x", "user=root chdir=/ <x>"),
            ("x -n -- -u y", "n <x> <-u> <y>"),
            ("- -u", "u <->"),
            ("--other=1 --", "other=1"),
        ] {
            assert_eq!(read(text), meaning, "{text}");
        }
    }
}
