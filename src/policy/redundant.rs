//! Removes redundant arguments: defaults that are named, waits, and other names of standard input.

use super::call::ProgramCall;
use super::judge::CommandInput;
use crate::shell::argument::{Argument, MANY, ONE, emptied};
use crate::shell::options::{self, OptionSpec};
use crate::shell::wrapper::is_standard_input;

/// Options that change nothing that rules are about, each with its default value; empty for any value.
struct Usual {
    programs: &'static [&'static str],
    spec: OptionSpec<'static>,
    defaults: &'static [(&'static str, &'static str)],
}

const USUAL: &[Usual] = &[Usual {
    programs: &[
        "iptables",
        "ip6tables",
        "iptables-legacy",
        "ip6tables-legacy",
        "iptables-nft",
        "ip6tables-nft",
    ],
    spec: OptionSpec {
        letters: "tW",
        long: &["table", "wait-interval", "modprobe"],
    },
    defaults: &[
        ("t", "filter"),
        ("table", "filter"),
        ("W", ""),
        ("wait-interval", ""),
        ("modprobe", ""),
    ],
}];

/// Programs whose target may stand before the sources, in `-t DIRECTORY`.
const TARGETED: &[&str] = &["cp", "mv", "install", "ln"];

/// The call without that; `None` if there is nothing of the kind in it.
pub(super) fn plain(name: &str, call: &ProgramCall, input: &CommandInput) -> Option<ProgramCall> {
    let words = match name {
        "crontab" => table_read(call, input)?,
        // It expands globs itself.
        "systemctl" => globbed(call)?,
        name if TARGETED.contains(&name) => targeted(call)?,
        name => {
            let usual = USUAL.iter().find(|one| one.programs.contains(&name))?;
            without(usual, call)
        }
    };
    Some(call.with(words))
}

fn without(usual: &Usual, call: &ProgramCall) -> Vec<Argument> {
    let mut words = call.words[..1].to_vec();
    let mut rest = call.arguments();
    while let Some((word, others)) = rest.split_first() {
        // The option may have its seconds behind it.
        if matches!(&*word.text, "-w" | "--wait") {
            let is_number = |one: &Argument| one.text.parse::<f64>().is_ok();
            let skips = usize::from(others.first().is_some_and(is_number));
            rest = &others[skips..];
            continue;
        }
        let mut given = Vec::new();
        let after = options::first(rest, usual.spec, &mut given);
        let is_usual = given.first().is_some_and(|one| {
            let value = one.value.as_ref().map(|value| emptied(&value.text));
            usual.defaults.iter().any(|(name, default)| {
                *name == one.name && (default.is_empty() || value.as_deref() == Some(default))
            })
        });
        if let Some(after) = after.filter(|_| is_usual) {
            rest = after;
        } else {
            words.push(word.clone());
            rest = others;
        }
    }
    words
}

/// `crontab` with a `-` wherever it reads its table from standard input.
fn table_read(call: &ProgramCall, input: &CommandInput) -> Option<Vec<Argument>> {
    let mut words = call.words.clone();
    for word in words
        .iter_mut()
        .skip(1)
        .filter(|word| is_standard_input(&word.text))
    {
        *word = Argument::of("-");
    }
    let reads = input.is_pipe || input.text.is_some() || !call.inputs.is_empty();
    let spec = OptionSpec {
        letters: "u",
        long: &[],
    };
    let (given, operands) = options::everywhere(&words[1..], spec);
    if reads && operands.is_empty() && given.iter().all(|one| one.name == "u") {
        words.push(Argument::of("-"));
    }
    (words != call.words).then_some(words)
}

fn globbed(call: &ProgramCall) -> Option<Vec<Argument>> {
    let is_open = |one: &Argument| one.text.contains(['*', '?']);
    if !call.arguments().iter().any(is_open) {
        return None;
    }
    let mut words = call.words.clone();
    for word in &mut words[1..] {
        let text = word.text.replace('*', MANY.encode_utf8(&mut [0; 4]));
        word.text = text.replace('?', ONE.encode_utf8(&mut [0; 4]));
    }
    Some(words)
}

/// The call with its target behind its sources.
fn targeted(call: &ProgramCall) -> Option<Vec<Argument>> {
    let spec = OptionSpec {
        letters: "t",
        long: &["target-directory"],
    };
    let mut words = call.words[..1].to_vec();
    let mut target = None;
    let mut rest = call.arguments();
    while let Some((word, others)) = rest.split_first() {
        let mut given = Vec::new();
        let after = options::first(rest, spec, &mut given);
        let value = options::value(&given, &["t", "target-directory"]).cloned();
        if let (Some(value), Some(after)) = (value, after) {
            target = Some(value);
            rest = after;
        } else {
            words.push(word.clone());
            rest = others;
        }
    }
    words.push(target?);
    Some(words)
}
