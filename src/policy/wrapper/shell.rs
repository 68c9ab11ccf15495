//! Shells, and what hands a text to one.

use super::super::judge::Input;
use super::super::text::{Argument, joined};
use super::table::past_options;
use super::{Inner, Shell};

/// `sh -c 'script' name arguments`, or a script that is read.
pub(super) fn shell(arguments: &[Argument], input: &Input) -> Vec<Inner> {
    let (rest, options) = past_options(arguments, "oO", &["rcfile", "init-file"]);
    let has = |letter: char| {
        options
            .iter()
            .any(|one| one.starts_with('-') && !one.starts_with("--") && one.contains(letter))
    };
    match rest {
        [script, others @ ..] if has('c') => vec![Inner::Script {
            text: script.text.clone(),
            shell: Shell::Child,
            positional: Some(others.get(1..).unwrap_or_default().into()),
        }],
        [file, ..] if file.printed.is_some() => {
            Inner::script(file.printed.clone().unwrap_or_default(), Shell::Child)
        }
        [] => Inner::read(input, Shell::Child),
        [file, ..] if has('s') || is_input(&file.text) => Inner::read(input, Shell::Child),
        _ => Vec::new(),
    }
}

fn is_input(file: &str) -> bool {
    matches!(file, "-" | "/dev/stdin" | "/dev/fd/0")
}

pub(super) fn source(arguments: &[Argument], input: &Input) -> Vec<Inner> {
    match arguments.first() {
        Some(file) if is_input(&file.text) => Inner::read(input, Shell::Same),
        Some(Argument {
            printed: Some(printed),
            ..
        }) => Inner::script(printed, Shell::Same),
        _ => Vec::new(),
    }
}

pub(super) fn trap(arguments: &[Argument]) -> Vec<Inner> {
    let mut operands = arguments.iter().filter(|one| one.text != "--");
    match operands.next() {
        Some(script) if !script.is_option() => Inner::script(&*script.text, Shell::Child),
        _ => Vec::new(),
    }
}

pub(super) fn su(arguments: &[Argument], input: &Input) -> Vec<Inner> {
    for (at, argument) in arguments.iter().enumerate() {
        let text = argument.text.as_str();
        let is_short = text.len() > 1 && !text.starts_with("--");
        if let Some(script) = text.strip_prefix("--command=") {
            return Inner::script(script, Shell::Child);
        }
        let last = text.ends_with('c') && text.starts_with('-') && is_short;
        if (last || text == "--command")
            && let Some(script) = arguments.get(at + 1)
        {
            return Inner::script(&*script.text, Shell::Child);
        }
    }
    Inner::read(input, Shell::Elsewhere)
}

pub(super) fn ssh(arguments: &[Argument], input: &Input) -> Vec<Inner> {
    let (rest, _) = past_options(arguments, "BbcDEeFIiJLlmOoPpQRSWw", &[]);
    // Options may follow the host, too.
    let rest = rest.get(1..).unwrap_or_default();
    let (rest, _) = past_options(rest, "BbcDEeFIiJLlmOoPpQRSWw", &[]);
    if rest.is_empty() {
        return Inner::read(input, Shell::Elsewhere);
    }
    let mut inner = Inner::script(joined(rest), Shell::Elsewhere);
    // `ssh host sh` reads the script here.
    if input.text.is_some() {
        inner.extend(Inner::words(rest, Shell::Elsewhere));
    }
    inner
}
