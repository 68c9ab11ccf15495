//! Commands that run others on arguments from elsewhere: `xargs`, `parallel`, `git`, `tar`.

use super::super::find::fill;
use super::super::judge::CommandInput;
use super::{InnerCommand, InnerText, RunsIn, all_at};
use crate::shell::argument::{Argument, SOMETHING, UNKNOWN, joined, words};
use crate::shell::options::{self, OptionSpec};

/// Most arguments for which a command is followed one by one.
const MOST: usize = 32;

pub(super) fn xargs(arguments: &[Argument], input: &CommandInput) -> Vec<InnerCommand> {
    const OPTIONS: OptionSpec<'static> = OptionSpec {
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
    let (given, rest) = options::leading(arguments, OPTIONS);
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
    let file = options::value(&given, &["a", "arg-file"]);
    let text = match file {
        Some(file) => file.printed.as_deref(),
        None => input.text.as_deref(),
    };
    let delimiter = options::value(&given, &["d", "delimiter"]).map(|one| one.text.clone());
    let items = match (&input.found, text) {
        (Some(found), _) if file.is_none() => found.to_vec(),
        (_, Some(text)) => match delimiter.filter(|one| one.chars().count() == 1) {
            Some(delimiter) => text
                .split(&*delimiter)
                .map(|item| Argument::of(item.trim_end_matches('\n')))
                .collect(),
            None => words(text),
        },
        (_, None) => vec![Argument {
            text: SOMETHING.into(),
            loose: true,
            printed: None,
        }],
    };
    let words = match mark {
        Some(mark) if !mark.is_empty() => fill(rest, &items, mark),
        _ => [rest, &items].concat(),
    };
    vec![InnerCommand {
        recursive: input.found.is_some(),
        reads: false,
        ..InnerCommand::of(InnerText::Words(words), RunsIn::Child)
    }]
}

/// The options of `parallel` that take a value.
const PARALLEL: OptionSpec<'static> = OptionSpec {
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
        "halt",
        "block",
        "recstart",
        "recend",
        "tagstring",
        "env",
        "basefile",
        "return",
        "limit",
        "shellquote",
    ],
};

pub(super) fn parallel(arguments: &[Argument], input: &CommandInput) -> Vec<InnerCommand> {
    let (given, rest) = options::leading(arguments, PARALLEL);
    let split = rest.iter().position(is_list).unwrap_or(rest.len());
    let (command, items) = rest.split_at(split);
    let text = joined(command);
    let read = match options::value(&given, &["a", "arg-file"]) {
        Some(file) => file.printed.as_deref(),
        None => input.text.as_deref().filter(|_| items.is_empty()),
    };
    let lists = items.iter().filter(|one| is_list(one)).count();
    let items = parallel_items(items, read);
    let all = items.join(" ");
    let mut scripts: Vec<_> = items.iter().map(|item| filled(&text, item)).collect();
    if lists > 1 || (1..10).any(|place| text.contains(&format!("{{{place}}}"))) {
        // Any combination of items may come together.
        let together = |text: String, place| text.replace(&format!("{{{place}}}"), &all);
        let text = (1..10).fold(text, together);
        scripts.push(filled(&text, &all));
    }
    let scripts = scripts
        .into_iter()
        .flat_map(|script| InnerCommand::script(script, RunsIn::Child));
    all_at(
        scripts.collect(),
        options::value(&given, &["wd", "workdir"]),
    )
}

fn is_list(argument: &Argument) -> bool {
    argument.text.starts_with(":::")
}

/// The items of `parallel`: those of its lists, and the lines of what it reads.
fn parallel_items(lists: &[Argument], read: Option<&str>) -> Vec<String> {
    let given = lists.iter().filter(|one| !is_list(one));
    let given = given.flat_map(|one| match &one.printed {
        Some(printed) => printed.lines().map(str::to_owned).collect(),
        None => vec![one.text.clone()],
    });
    let read = read.into_iter().flat_map(str::lines);
    let mut items: Vec<_> = given.chain(read.map(str::to_owned)).take(MOST).collect();
    if items.is_empty() || items.len() == MOST {
        items.push(UNKNOWN.into());
    }
    items
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

/// The removals of git as calls of `rm`, and aliases that are shell commands.
pub(super) fn git(arguments: &[Argument]) -> Vec<InnerCommand> {
    const OPTIONS: OptionSpec<'static> = OptionSpec {
        letters: "Cc",
        long: &["git-dir", "work-tree", "namespace"],
    };
    let (given, rest) = options::leading(arguments, OPTIONS);
    let mut inner = Vec::new();
    for one in given.iter().filter(|one| one.name == "c") {
        let value = one.value.as_ref().map_or("", |value| &value.text);
        if let Some((_, script)) = value
            .split_once("=!")
            .filter(|(key, _)| key.starts_with("alias."))
        {
            inner.extend(InnerCommand::script(script, RunsIn::Child));
        }
    }
    if let Some((verb, rest)) = rest.split_first() {
        let (options, operands) = options::everywhere(
            rest,
            OptionSpec {
                letters: "e",
                long: &["!force", "!dry-run", "exclude", "pathspec-from-file"],
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

/// A call of `rm -r` for these, or for the working directory.
fn removal(operands: &[Argument]) -> Vec<InnerCommand> {
    let here = [Argument::of(".")];
    let operands = if operands.is_empty() { &here } else { operands };
    let words = [Argument::of("rm"), Argument::of("-r")];
    let mut inner = InnerCommand::words(&[&words, operands].concat(), RunsIn::Child);
    for one in &mut inner {
        one.reads = false;
        one.is_implied = true;
    }
    inner
}

/// The files that tar removes once they are packed, and the commands that it runs.
pub(super) fn tar(arguments: &[Argument]) -> Vec<InnerCommand> {
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
            inner.extend(InnerCommand::script(script, RunsIn::Child));
        }
    }
    if options::has(&given, &["remove-files"]) {
        let directory = options::value(&given, &["C", "directory"]);
        inner.extend(all_at(removal(&operands), directory));
    }
    inner
}

/// tar's options that take a value.
pub(in crate::policy) const TAR: OptionSpec<'static> = OptionSpec {
    letters: "bCfFgHIKLNTVX",
    long: &[
        "!remove-files",
        "!extract",
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
