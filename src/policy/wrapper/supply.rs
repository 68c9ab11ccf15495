//! What runs a command on arguments that come from elsewhere.

use super::super::find::fill;
use super::super::judge::Input;
use super::super::text::{Argument, SOMETHING, UNKNOWN, joined, words};
use super::table::past_options;
use super::{Inner, Shell};

/// Arguments for which a command is followed one by one.
const MOST: usize = 32;

pub(super) fn xargs(arguments: &[Argument], input: &Input) -> Vec<Inner> {
    let long = [
        "arg-file",
        "delimiter",
        "max-lines",
        "max-args",
        "max-procs",
        "max-chars",
    ];
    let (rest, options) = past_options(arguments, "adEILnPs", &long);
    if rest.is_empty() {
        return Vec::new();
    }
    let mark = options.iter().enumerate().find_map(|(at, option)| {
        if *option == "-I" {
            return options.get(at + 1).copied();
        }
        let own = option
            .strip_prefix("-I")
            .or_else(|| option.strip_prefix("--replace="))
            .or_else(|| option.strip_prefix("-i"));
        own.map(|own| if own.is_empty() { "{}" } else { own })
            .or((*option == "--replace").then_some("{}"))
    });
    let items = match (&input.found, &input.text) {
        (Some(found), _) => found.to_vec(),
        (None, Some(text)) => words(text),
        (None, None) => vec![Argument {
            text: SOMETHING.into(),
            loose: true,
            printed: None,
        }],
    };
    let words = match mark {
        Some(mark) => fill(rest, &items, mark),
        None => [rest, &items].concat(),
    };
    vec![Inner::Words {
        words,
        shell: Shell::Child,
        recursive: input.found.is_some(),
        reads: false,
    }]
}

pub(super) fn parallel(arguments: &[Argument]) -> Vec<Inner> {
    let (rest, _) = past_options(arguments, "jNSaIPLn", &["jobs", "sshlogin", "arg-file"]);
    let is_list = |one: &Argument| one.text.starts_with(":::");
    let split = rest.iter().position(is_list).unwrap_or(rest.len());
    let (command, items) = rest.split_at(split);
    let text = joined(command);
    let mut items: Vec<_> = items
        .iter()
        .filter(|one| !is_list(one))
        .map(|one| one.text.clone())
        .take(MOST)
        .collect();
    if items.is_empty() || items.len() == MOST {
        items.push(UNKNOWN.into());
    }
    let scripts = items.into_iter().flat_map(|item| {
        let script = if text.contains("{}") {
            text.replace("{}", &item)
        } else {
            format!("{text} {item}")
        };
        Inner::script(script, Shell::Child)
    });
    scripts.collect()
}
