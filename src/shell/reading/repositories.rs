//! `git`.

use super::arguments::AllowedOptions;

/// Options before the subcommand that read. Others set what programs it runs, or where it looks.
const OPTIONS: AllowedOptions = AllowedOptions {
    flags: "P",
    valued: "C",
    long: "no-pager",
};

/// Subcommands that read, unless they are told to write or run something.
const READERS: &[&str] = &[
    "blame",
    "count-objects",
    "describe",
    "diff",
    "for-each-ref",
    "grep",
    "log",
    "ls-files",
    "ls-tree",
    "merge-base",
    "name-rev",
    "rev-list",
    "rev-parse",
    "shortlog",
    "show",
    "show-ref",
    "status",
    "whatchanged",
];

/// Beginnings of options that write a file, or run a program.
const HARMFUL: &[&str] = &[
    "--o",
    "--ext",
    "--upload",
    "--exec",
    "--textconv",
    "-O",
    "--paginate",
];

/// Options of `git branch` that list.
const BRANCH: &[&str] = &[
    "-a",
    "-r",
    "-v",
    "-vv",
    "--all",
    "--list",
    "--remotes",
    "--show-current",
    "--merged",
    "--no-merged",
];

pub(super) fn git_reads(arguments: &[&str]) -> bool {
    let Some((_, rest)) = OPTIONS.leading(arguments) else {
        return false;
    };
    let Some((verb, rest)) = rest.split_first() else {
        return false;
    };
    let is_harmful =
        |one: &&str| *one != "--oneline" && HARMFUL.iter().any(|option| one.starts_with(option));
    match (*verb, rest) {
        (verb, rest) if READERS.contains(&verb) => !rest.iter().any(is_harmful),
        ("branch", rest) => rest.iter().all(|one| BRANCH.contains(one)),
        ("tag", [] | ["-l" | "--list" | "-n"])
        | ("remote", [] | ["-v"])
        | ("reflog", [])
        | ("stash" | "worktree", ["list"])
        | ("config", ["--list" | "-l"]) => true,
        ("tag", ["-l" | "--list", name])
        | ("remote", ["get-url", name])
        | ("config", ["--get" | "--get-all", name]) => !name.starts_with('-'),
        _ => false,
    }
}
