//! Commands that are run in containers.

use super::super::mount::Mount;
use super::sandbox::mount;
use super::{InnerCommand, RunsIn, all_at};
use crate::shell::argument::{Argument, HOME};
use crate::shell::options::{self, OptionSpec};
use crate::shell::wrapper::CONTAINER_OPTIONS;

/// Letters of `run` and `exec` that take a value.
const VALUED: &str = "acehlmpuvw";

/// Options of `run` and `exec` that take no value.
const SWITCHES: &[&str] = &[
    "--rm",
    "--detach",
    "--interactive",
    "--tty",
    "--init",
    "--privileged",
    "--read-only",
    "--no-healthcheck",
    "--oom-kill-disable",
    "--publish-all",
    "--sig-proxy",
    "--quiet",
    "--no-TTY",
    "--no-tty",
    "--service-ports",
    "--use-aliases",
    "--build",
    "--no-deps",
    "--remove-orphans",
    "--latest",
    "--replace",
];

/// `docker exec …`, `docker run …`, and the same of `compose`.
pub(super) fn container(arguments: &[Argument]) -> Vec<InnerCommand> {
    let mut rest = arguments;
    loop {
        (_, rest) = options::leading(rest, CONTAINER_OPTIONS);
        match rest.split_first() {
            Some((verb, others)) => {
                rest = others;
                match &*verb.text {
                    "compose" | "container" => {}
                    "exec" | "run" | "create" => break,
                    "unshare" => return InnerCommand::words(others, RunsIn::Child),
                    _ => return Vec::new(),
                }
            }
            None => return Vec::new(),
        }
    }
    let (mut entry, mut directory, mut mounts) = (None, None, Vec::new());
    let mut options = rest;
    while let Some((option, others)) = options.split_first() {
        if !option.is_option() {
            break;
        }
        options = others;
        let (name, own) = named(&option.text);
        let next = others
            .first()
            .filter(|_| own.is_none() && takes_value(&option.text));
        if next.is_some() {
            options = others.get(1..).unwrap_or_default();
        }
        let value = own.map(Argument::of).or_else(|| next.cloned());
        match (name, value) {
            ("--entrypoint", value) => entry = value,
            ("-w" | "--workdir", value) => directory = value,
            ("-v" | "--volume", Some(value)) => mounts.extend(volume(&value.text)),
            ("--mount", Some(value)) => mounts.extend(mounted(&value.text)),
            _ => {}
        }
    }
    // The container's or image's name.
    let command = options.get(1..).unwrap_or_default();
    let words: Vec<_> = entry.into_iter().chain(command.iter().cloned()).collect();
    let mut inner = all_at(
        InnerCommand::words(&words, RunsIn::Elsewhere),
        directory.as_ref(),
    );
    for one in &mut inner {
        one.mounts.clone_from(&mounts);
    }
    inner
}

/// An option's name and the value in its own argument.
fn named(option: &str) -> (&str, Option<&str>) {
    if option.starts_with("--") {
        return match option.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (option, None),
        };
    }
    match option.find(|one: char| VALUED.contains(one)) {
        Some(at) if at + 1 < option.len() => {
            let value = option[at + 1..].trim_start_matches('=');
            (
                if option[at..].starts_with('v') {
                    "-v"
                } else {
                    "-?"
                },
                Some(value),
            )
        }
        Some(at) if option[at..].starts_with('v') => ("-v", None),
        Some(at) if option[at..].starts_with('w') => ("-w", None),
        _ => ("-?", None),
    }
}

fn takes_value(option: &str) -> bool {
    if option.starts_with("--") {
        !SWITCHES.contains(&option)
    } else {
        option.contains(|one: char| VALUED.contains(one))
    }
}

/// `/here:/there`, unless it is only to be read.
fn volume(text: &str) -> Option<Mount> {
    let mut parts = text.splitn(3, ':');
    let (of, at) = (parts.next()?, parts.next()?);
    let is_read_only = parts
        .next()
        .is_some_and(|flags| flags.split(',').any(|one| one == "ro"));
    let is_path = of.contains('/') || of.starts_with(HOME);
    (is_path && !is_read_only).then(|| mount(at, of))
}

/// `type=bind,source=/here,target=/there`.
fn mounted(text: &str) -> Option<Mount> {
    let value = |keys: &[&str]| {
        let mut parts = text.split(',').filter_map(|part| part.split_once('='));
        parts
            .find(|(key, _)| keys.contains(key))
            .map(|(_, value)| value)
    };
    let is_read_only = text
        .split(',')
        .any(|part| matches!(part, "ro" | "readonly" | "readonly=true"));
    let of = value(&["source", "src"])?;
    let at = value(&["target", "destination", "dst"])?;
    (!is_read_only && of.contains('/')).then(|| mount(at, of))
}

/// `kubectl exec … -- command`.
pub(super) fn behind_dashes(arguments: &[Argument]) -> Vec<InnerCommand> {
    let verb = arguments
        .iter()
        .any(|one| matches!(&*one.text, "exec" | "run" | "debug"));
    let dashes = arguments.iter().position(|one| one.text == "--");
    if let Some(at) = dashes.filter(|_| verb) {
        return InnerCommand::words(&arguments[at + 1..], RunsIn::Elsewhere);
    }
    let spec = OptionSpec {
        letters: "nc",
        long: &["namespace", "container", "context", "kubeconfig"],
    };
    let exec = arguments.iter().position(|one| one.text == "exec");
    let rest = exec.map_or(&[][..], |at| &arguments[at + 1..]);
    // The container's name, and options behind it.
    let (_, rest) = options::leading(rest, spec);
    let (_, rest) = options::leading(rest.get(1..).unwrap_or_default(), spec);
    InnerCommand::words(rest, RunsIn::Elsewhere)
}
