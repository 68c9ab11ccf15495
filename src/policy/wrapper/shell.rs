//! Shells, and programs that give a text to one.

use super::super::judge::CommandInput;
use super::{InnerCommand, InnerText};
use crate::shell::argument::{Argument, joined};
use crate::shell::options::{self, OptionSpec};
use crate::shell::wrapper::{RunsIn, ShellCall, is_standard_input};

/// `sh -c 'script' name arguments`, or a script that is read.
pub(super) fn shell(arguments: &[Argument], input: &CommandInput) -> Vec<InnerCommand> {
    let (inner, zero, rest) = match ShellCall::of(arguments) {
        ShellCall::Script(text, zero, rest) => {
            (InnerCommand::script(text, RunsIn::Child), zero, rest)
        }
        ShellCall::Input(rest) => (InnerCommand::read(input, RunsIn::Child), None, rest),
        ShellCall::File(file, rest) => match &file.printed {
            Some(printed) => (InnerCommand::script(&**printed, RunsIn::Child), None, rest),
            None => return Vec::new(),
        },
    };
    inner.into_iter().map(|one| one.given(zero, rest)).collect()
}

pub(super) fn source(arguments: &[Argument], input: &CommandInput) -> Vec<InnerCommand> {
    let Some((file, others)) = arguments.split_first() else {
        return Vec::new();
    };
    let mut inner = match &file.printed {
        Some(printed) => InnerCommand::script(printed, RunsIn::Same),
        None if is_standard_input(&file.text) => InnerCommand::read(input, RunsIn::Same),
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
        // Its positional parameters are those of the shell that runs it.
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
