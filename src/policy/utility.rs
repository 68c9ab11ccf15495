//! The output of common utilities for the arguments and input that they are given.

use super::environment::Environment;
use super::judge::CommandInput;
use super::path;
use super::printing::unescaped;
use crate::shell::argument::{Argument, MANY, SOMETHING, bounded, is_unknown};

/// The output of a program that prints its input, whole or in part.
pub(super) fn passed(name: &str, arguments: &[Argument], input: &CommandInput) -> Option<String> {
    let text = input.text.as_deref()?;
    let mut count = 10;
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        let value = match argument.text.strip_prefix('-') {
            Some("n") => &*rest.next()?.text,
            Some(value) if matches!(name, "head" | "tail") => value.trim_start_matches('n'),
            Some(_) if name != "cat" => continue,
            _ => return None,
        };
        count = value.parse().ok()?;
    }
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    Some(match name {
        "head" => lines.into_iter().take(count).collect(),
        "tail" => lines[lines.len().saturating_sub(count)..].concat(),
        "tac" => lines.into_iter().rev().collect(),
        _ => text.to_owned(),
    })
}

/// The output of `ls`: all files of a directory, or with `-d` those that are named.
pub(super) fn listed(arguments: &[Argument]) -> String {
    let letters = |one: &&Argument| one.is_option() && !one.text.starts_with("--");
    let names = arguments
        .iter()
        .filter(letters)
        .any(|one| one.text.contains('d'));
    let operands: Vec<_> = arguments
        .iter()
        .filter(|one| !one.is_option())
        .map(|one| &*one.text)
        .collect();
    if names || operands.iter().any(|one| one.contains(MANY)) {
        return operands.join("\n");
    }
    MANY.into()
}

/// One line for each operand, or the mark for an unknown text.
pub(super) fn one_known(arguments: &[Argument], change: impl Fn(&Argument) -> String) -> String {
    let operands = arguments.iter().filter(|one| !one.is_option());
    let lines: Vec<String> = operands.map(change).collect();
    let known = |line: &String| !line.is_empty() && !line.chars().all(is_unknown);
    if lines.is_empty() || !lines.iter().all(known) {
        return SOMETHING.into();
    }
    bounded(lines.join("\n"))
}

/// The directory of a path, as `dirname` says it.
pub(super) fn directory(path: &str) -> String {
    let plain = path.trim_end_matches('/');
    match plain.rsplit_once('/') {
        Some((directory, _)) => match directory.trim_end_matches('/') {
            "" => "/".into(),
            directory => directory.into(),
        },
        None if plain.is_empty() && !path.is_empty() => "/".into(),
        None if plain.chars().all(is_unknown) => SOMETHING.into(),
        None => ".".into(),
    }
}

pub(super) fn basename(arguments: &[Argument]) -> String {
    let mut suffix = None;
    let mut operands = Vec::new();
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        match argument.text.as_str() {
            "-s" => suffix = rest.next().map(|one| one.text.clone()),
            text if argument.is_option() => {
                suffix = text.strip_prefix("--suffix=").map(str::to_owned).or(suffix);
            }
            text => operands.push(text),
        }
    }
    let Some(path) = operands.first() else {
        return SOMETHING.into();
    };
    let name = path.trim_end_matches('/').rsplit('/').next();
    let name = name.unwrap_or_default();
    if name.is_empty() || name.chars().all(is_unknown) {
        return SOMETHING.into();
    }
    let suffix = suffix.or_else(|| operands.get(1).map(|one| (*one).to_owned()));
    let plain = suffix.and_then(|suffix| name.strip_suffix(&suffix));
    plain
        .filter(|plain| !plain.is_empty())
        .unwrap_or(name)
        .into()
}

/// The path without detours, as `realpath` says it.
pub(super) fn resolved(path: &str, environment: &Environment) -> String {
    if path.chars().any(is_unknown) {
        return SOMETHING.into();
    }
    match &path::absolute(path, &environment.directories)[..] {
        [path] => path::normal(path),
        _ => SOMETHING.into(),
    }
}

/// The output of `tr`; `None` where it does more than replace or delete.
pub(super) fn translated(text: &str, arguments: &[Argument]) -> Option<String> {
    Some(match arguments {
        [option, from] if option.text == "-d" => {
            let from = letters(&from.text)?;
            text.chars().filter(|one| !from.contains(one)).collect()
        }
        [from, to] if !from.is_option() => {
            let (from, to) = (letters(&from.text)?, letters(&to.text)?);
            let replaced = |one: char| match from.iter().position(|own| *own == one) {
                Some(at) => to.get(at).or(to.last()).copied().unwrap_or(one),
                None => one,
            };
            text.chars().map(replaced).collect()
        }
        _ => return None,
    })
}

/// The letters of a set such as `a-z`.
fn letters(set: &str) -> Option<Vec<char>> {
    let set = match set {
        "[:upper:]" => "A-Z".to_owned(),
        "[:lower:]" => "a-z".to_owned(),
        other => unescaped(other),
    };
    let set: Vec<char> = set.chars().collect();
    let mut letters = Vec::new();
    let mut rest = &set[..];
    while let Some((&first, others)) = rest.split_first() {
        rest = match others {
            ['-', last, after @ ..] => {
                letters.extend((first..=*last).take(256));
                after
            }
            others => {
                letters.push(first);
                others
            }
        };
        if letters.len() > 1024 {
            return None;
        }
    }
    Some(letters)
}

/// The output of `seq`, if that is short.
pub(super) fn counted(arguments: &[Argument]) -> String {
    const MOST: i64 = 32;
    let numbers: Option<Vec<i64>> = arguments.iter().map(|one| one.text.parse().ok()).collect();
    let (first, last) = match numbers.as_deref() {
        Some([last]) => (1, *last),
        Some([first, last]) => (*first, *last),
        _ => return SOMETHING.into(),
    };
    if last.saturating_sub(first) >= MOST {
        return SOMETHING.into();
    }
    let lines: Vec<_> = (first..=last).map(|number| number.to_string()).collect();
    lines.join("\n")
}
