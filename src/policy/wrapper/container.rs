//! Commands that are run in containers.

use super::super::text::Argument;
use super::table::past_options;
use super::{Inner, Shell};

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
pub(super) fn container(arguments: &[Argument]) -> Vec<Inner> {
    let global = [
        "host",
        "context",
        "config",
        "log-level",
        "file",
        "project-name",
        "profile",
    ];
    let mut rest = arguments;
    loop {
        (rest, _) = past_options(rest, "Hclfp", &global);
        match rest.split_first() {
            Some((verb, others)) => {
                rest = others;
                match &*verb.text {
                    "compose" | "container" => {}
                    "exec" | "run" => break,
                    _ => return Vec::new(),
                }
            }
            None => return Vec::new(),
        }
    }
    let mut entry = None;
    let mut options = rest;
    while let Some((option, others)) = options.split_first() {
        if !option.is_option() {
            break;
        }
        let text = option.text.as_str();
        options = others;
        let takes_next = if text.starts_with("--") {
            !text.contains('=') && !SWITCHES.contains(&text)
        } else {
            text[1..].find(|one| "acehlmpuvw".contains(one)) == Some(text.len() - 2)
        };
        let value = text.strip_prefix("--entrypoint=").map(Argument::of);
        let next = others.first().filter(|_| takes_next);
        if text.starts_with("--entrypoint") {
            entry = value.or_else(|| next.cloned());
        }
        if takes_next {
            options = others.get(1..).unwrap_or_default();
        }
    }
    // The container's or image's name.
    let command = options.get(1..).unwrap_or_default();
    let words: Vec<_> = entry.into_iter().chain(command.iter().cloned()).collect();
    Inner::words(&words, Shell::Elsewhere)
}

/// `kubectl exec … -- command`.
pub(super) fn behind_dashes(arguments: &[Argument]) -> Vec<Inner> {
    let verb = arguments
        .iter()
        .any(|one| matches!(&*one.text, "exec" | "run" | "debug"));
    let dashes = arguments.iter().position(|one| one.text == "--");
    match dashes.filter(|_| verb) {
        Some(at) => Inner::words(&arguments[at + 1..], Shell::Elsewhere),
        None => Vec::new(),
    }
}
