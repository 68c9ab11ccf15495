//! What runs a command on arguments that come from elsewhere.

use super::super::find::fill;
use super::super::judge::Input;
use super::super::options::{self, Grammar};
use super::super::text::{Argument, SOMETHING, UNKNOWN, joined, words};
use super::{Inner, Shell, What, all_at};

/// Arguments for which a command is followed one by one.
const MOST: usize = 32;

pub(super) fn xargs(arguments: &[Argument], input: &Input) -> Vec<Inner> {
    const GRAMMAR: Grammar<'static> = Grammar {
        letters: "adEILnPsi?e?l?",
        long: &[
            "arg-file",
            "delimiter",
            "max-lines",
            "max-args",
            "max-procs",
            "max-chars",
            "process-slot-var",
        ],
    };
    let (given, rest) = options::leading(arguments, GRAMMAR);
    if rest.is_empty() {
        return Vec::new();
    }
    let mark = given.iter().find_map(|one| match &*one.name {
        "I" | "i" => Some(one.value.as_ref().map_or("{}", |value| &value.text)),
        name if name.len() > 2 && "replace".starts_with(name) => {
            Some(one.value.as_ref().map_or("{}", |value| &value.text))
        }
        _ => None,
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
        Some(mark) if !mark.is_empty() => fill(rest, &items, mark),
        _ => [rest, &items].concat(),
    };
    vec![Inner {
        recursive: input.found.is_some(),
        reads: false,
        ..Inner::of(What::Words(words), Shell::Child)
    }]
}

pub(super) fn parallel(arguments: &[Argument], input: &Input) -> Vec<Inner> {
    const GRAMMAR: Grammar<'static> = Grammar {
        letters: "jNSaIPLnEsUC",
        long: &[
            "jobs",
            "sshlogin",
            "arg-file",
            "workdir",
            "wd",
            "delay",
            "retries",
            "timeout",
            "joblog",
            "results",
            "tmpdir",
            "colsep",
            "max-args",
            "id",
            "semaphorename",
            "load",
            "memfree",
            "nice",
        ],
    };
    let (given, rest) = options::leading(arguments, GRAMMAR);
    let is_list = |one: &Argument| one.text.starts_with(":::");
    let split = rest.iter().position(is_list).unwrap_or(rest.len());
    let (command, items) = rest.split_at(split);
    let text = joined(command);
    let mut items: Vec<String> = match &input.text {
        Some(read) if items.is_empty() => read.lines().take(MOST).map(str::to_owned).collect(),
        _ => {
            let items = items.iter().filter(|one| !is_list(one));
            items.map(|one| one.text.clone()).take(MOST).collect()
        }
    };
    if items.is_empty() || items.len() == MOST {
        items.push(UNKNOWN.into());
    }
    let scripts = items
        .into_iter()
        .flat_map(|item| Inner::script(filled(&text, &item), Shell::Child));
    all_at(scripts.collect(), options::value(&given, &["wd", "workdir"]))
}

/// The command with an item in the places that are for it.
fn filled(text: &str, item: &str) -> String {
    let (directory, name) = match item.rsplit_once('/') {
        Some(("", name)) => ("/", name),
        Some((directory, name)) => (directory, name),
        None => (".", item),
    };
    let plain = |text: &str| match text.rsplit_once('.') {
        Some((plain, _)) => plain.to_owned(),
        None => text.to_owned(),
    };
    let marks = [
        ("{}", item.to_owned()),
        ("{.}", plain(item)),
        ("{/}", name.to_owned()),
        ("{//}", directory.to_owned()),
        ("{/.}", plain(name)),
    ];
    if !marks.iter().any(|(mark, _)| text.contains(mark)) {
        return format!("{text} {item}");
    }
    let mut filled = text.to_owned();
    for (mark, value) in marks {
        filled = filled.replace(mark, &value);
    }
    filled
}

/// What git removes, as `rm` would; and aliases that are a shell's commands.
pub(super) fn git(arguments: &[Argument]) -> Vec<Inner> {
    const GRAMMAR: Grammar<'static> = Grammar {
        letters: "Cc",
        long: &["git-dir", "work-tree", "namespace"],
    };
    let (given, rest) = options::leading(arguments, GRAMMAR);
    let mut inner = Vec::new();
    for one in given.iter().filter(|one| one.name == "c") {
        let value = one.value.as_ref().map_or("", |value| &value.text);
        if let Some((_, script)) = value.split_once("=!").filter(|(key, _)| key.starts_with("alias.")) {
            inner.extend(Inner::script(script, Shell::Child));
        }
    }
    if let Some((verb, rest)) = rest.split_first() {
        let (options, operands) = options::everywhere(
            rest,
            Grammar {
                letters: "e",
                long: &["exclude", "pathspec-from-file"],
            },
        );
        let has = |names: &[&str]| options::has(&options, names);
        let tries = has(&["n", "dry-run"]) || has(&["cached"]);
        let removes = match &*verb.text {
            "clean" => has(&["f", "force"]) && has(&["d"]),
            "rm" => has(&["r"]),
            _ => false,
        };
        if removes && !tries {
            inner.extend(removal(&operands));
        }
    }
    let mut directories = given.iter().filter(|one| one.name == "C");
    let directory = directories.next_back().and_then(|one| one.value.as_ref());
    all_at(inner, directory)
}

/// What `rm -r` of these would be, or of the working directory.
fn removal(operands: &[Argument]) -> Vec<Inner> {
    let here = [Argument::of(".")];
    let operands = if operands.is_empty() { &here } else { operands };
    let words = [Argument::of("rm"), Argument::of("-r")];
    let mut inner = Inner::words(&[&words, operands].concat(), Shell::Child);
    for one in &mut inner {
        one.reads = false;
    }
    inner
}

/// What tar removes once it is packed, and the commands that it runs.
pub(super) fn tar(arguments: &[Argument]) -> Vec<Inner> {
    // The first word may be letters without a dash: `tar cf x y`.
    let mut arguments = arguments.to_vec();
    if let Some(first) = arguments.first_mut()
        && !first.text.starts_with('-')
    {
        first.text.insert(0, '-');
    }
    let (given, operands) = options::everywhere(&arguments, TAR);
    let mut inner = Vec::new();
    for one in &given {
        let value = one.value.as_ref().map_or("", |value| &value.text);
        let script = match &*one.name {
            "checkpoint-action" => value.strip_prefix("exec="),
            "to-command" | "I" | "use-compress-program" | "F" | "info-script" => Some(value),
            _ => None,
        };
        if let Some(script) = script {
            inner.extend(Inner::script(script, Shell::Child));
        }
    }
    if options::has(&given, &["remove-files"]) {
        let directory = options::value(&given, &["C", "directory"]);
        inner.extend(all_at(removal(&operands), directory));
    }
    inner
}

/// tar's options that take a value.
pub(in super::super) const TAR: Grammar<'static> = Grammar {
    letters: "bCfFgHIKLNTVX",
    long: &[
        "directory",
        "file",
        "exclude",
        "checkpoint-action",
        "to-command",
        "use-compress-program",
        "info-script",
        "transform",
        "strip-components",
        "owner",
        "group",
        "mode",
        "files-from",
    ],
};
