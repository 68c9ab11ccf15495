//! Shells, and what hands a text to one.

use super::super::judge::CommandInput;
use super::{InnerCommand, InnerText, RunsIn};
use crate::shell::argument::{Argument, emptied, joined};
use crate::shell::options::{self, OptionSpec};

/// `sh -c 'script' name arguments`, or a script that is read.
pub(super) fn shell(arguments: &[Argument], input: &CommandInput) -> Vec<InnerCommand> {
    let (mut rest, mut has_script, mut reads) = (arguments, false, false);
    while let Some((first, others)) = rest.split_first() {
        let text = emptied(&first.text);
        if matches!(&*text, "--" | "-") {
            rest = others;
            break;
        }
        if text.len() < 2 || !text.starts_with(['-', '+']) {
            break;
        }
        if let Some(script) = text.strip_prefix("--command=") {
            return InnerCommand::script(script, RunsIn::Child);
        }
        rest = others;
        let takes_next = match text.strip_prefix("--") {
            Some(long) => matches!(long, "rcfile" | "init-file"),
            None => text.contains(['o', 'O']),
        };
        if text == "--command" {
            has_script = true;
        } else if !text.starts_with("--") {
            has_script |= text.starts_with('-') && text.contains('c');
            reads |= text.contains('s');
        }
        if takes_next {
            rest = rest.get(1..).unwrap_or_default();
        }
    }
    let given = |inner: Vec<InnerCommand>, rest: &[Argument]| -> Vec<InnerCommand> {
        let mut inner = inner.into_iter();
        inner
            .next()
            .map(|one| one.given(None, rest))
            .into_iter()
            .collect()
    };
    match rest {
        [script, others @ ..] if has_script => {
            let (zero, others) = (others.first(), others.get(1..).unwrap_or_default());
            let script = InnerCommand::script(&*script.text, RunsIn::Child);
            script
                .into_iter()
                .map(|one| one.given(zero, others))
                .collect()
        }
        rest if reads => given(InnerCommand::read(input, RunsIn::Child), rest),
        [file, others @ ..] if file.printed.is_some() => {
            let printed = file.printed.clone().unwrap_or_default();
            given(InnerCommand::script(printed, RunsIn::Child), others)
        }
        [] => InnerCommand::read(input, RunsIn::Child),
        [file, others @ ..] if is_input(&file.text) => {
            given(InnerCommand::read(input, RunsIn::Child), others)
        }
        _ => Vec::new(),
    }
}

pub(in super::super) fn is_input(file: &str) -> bool {
    matches!(file, "-" | "/dev/stdin" | "/dev/fd/0" | "/proc/self/fd/0")
}

pub(super) fn source(arguments: &[Argument], input: &CommandInput) -> Vec<InnerCommand> {
    let Some((file, others)) = arguments.split_first() else {
        return Vec::new();
    };
    let mut inner = match &file.printed {
        Some(printed) => InnerCommand::script(printed, RunsIn::Same),
        None if is_input(&file.text) => InnerCommand::read(input, RunsIn::Same),
        None => Vec::new(),
    };
    if !others.is_empty() {
        inner = inner
            .into_iter()
            .map(|one| one.given(None, others))
            .collect();
    }
    inner
}

pub(super) fn trap(arguments: &[Argument]) -> Vec<InnerCommand> {
    let mut operands = arguments.iter().filter(|one| one.text != "--");
    match operands.next() {
        // It has the arguments of the shell that runs it.
        Some(script) if !script.is_option() => vec![InnerCommand::of(
            InnerText::Script {
                text: script.text.clone(),
                arguments: None,
            },
            RunsIn::Child,
        )],
        _ => Vec::new(),
    }
}

pub(super) fn su(arguments: &[Argument], input: &CommandInput) -> Vec<InnerCommand> {
    const OPTIONS: OptionSpec<'static> = OptionSpec {
        letters: "cCgGsTwu",
        long: &[
            "command",
            "session-command",
            "shell",
            "group",
            "supp-group",
            "whitelist-environment",
        ],
    };
    let (given, mut operands) = options::everywhere(arguments, OPTIONS);
    if operands.first().is_some_and(|one| one.text == "-") {
        operands.remove(0);
    }
    let rest = operands.get(1..).unwrap_or_default();
    match options::value(&given, &["c", "C", "command", "session-command"]) {
        Some(script) => {
            let (zero, others) = (rest.first(), rest.get(1..).unwrap_or_default());
            let script = InnerCommand::script(&*script.text, RunsIn::Child);
            script
                .into_iter()
                .map(|one| one.given(zero, others))
                .collect()
        }
        // The user's shell gets what follows the name.
        None if !rest.is_empty() => shell(rest, input),
        None => InnerCommand::read(input, RunsIn::Elsewhere),
    }
}

/// `sg group 'command'` and `sg group -c 'command'`.
pub(super) fn sg(arguments: &[Argument]) -> Vec<InnerCommand> {
    let mut words = arguments
        .iter()
        .filter(|one| !matches!(&*one.text, "-" | "-c"));
    words.next();
    match words.next() {
        Some(script) => InnerCommand::script(&*script.text, RunsIn::Child),
        None => Vec::new(),
    }
}

/// `at`, whose script is read from a file or from standard input.
pub(super) fn later(arguments: &[Argument], input: &CommandInput) -> Vec<InnerCommand> {
    const OPTIONS: OptionSpec<'static> = OptionSpec {
        letters: "fqt",
        long: &[],
    };
    let (given, _) = options::everywhere(arguments, OPTIONS);
    match options::value(&given, &["f"]) {
        Some(file) => match &file.printed {
            Some(printed) => InnerCommand::script(printed, RunsIn::Child),
            None => Vec::new(),
        },
        None => InnerCommand::read(input, RunsIn::Child),
    }
}

pub(super) fn ssh(arguments: &[Argument], input: &CommandInput) -> Vec<InnerCommand> {
    const OPTIONS: OptionSpec<'static> = OptionSpec {
        letters: "BbcDEeFIiJLlmOoPpQRSWw",
        long: &[],
    };
    let (mut given, rest) = options::leading(arguments, OPTIONS);
    // Options may follow the host, too.
    let rest = rest.get(1..).unwrap_or_default();
    let (more, rest) = options::leading(rest, OPTIONS);
    given.extend(more);
    let mut inner = Vec::new();
    for one in given.iter().filter(|one| one.name == "o") {
        let value = one.value.as_ref().map_or("", |value| &value.text);
        let (key, script) = value.split_once(['=', ' ']).unwrap_or((value, ""));
        if matches!(&*key.to_ascii_lowercase(), "proxycommand" | "localcommand") {
            inner.extend(InnerCommand::script(script, RunsIn::Child));
        }
    }
    if rest.is_empty() {
        inner.extend(InnerCommand::read(input, RunsIn::Elsewhere));
        return inner;
    }
    inner.extend(InnerCommand::script(joined(rest), RunsIn::Elsewhere));
    // `ssh host sh` reads the script here.
    if input.text.is_some() {
        inner.extend(InnerCommand::words(rest, RunsIn::Elsewhere));
    }
    inner
}
