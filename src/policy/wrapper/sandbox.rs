//! Commands that run others with other rights, or with another view of the file system.

use super::super::judge::CommandInput;
use super::super::mount::Mount;
use super::{InnerCommand, RunsIn, all_at, shell};
use crate::shell::argument::Argument;
use crate::shell::options::{self, OptionSpec};

/// bubblewrap's options with two values.
const TWO: &[&str] = &[
    "bind",
    "bind-try",
    "dev-bind",
    "dev-bind-try",
    "ro-bind",
    "ro-bind-try",
    "setenv",
    "symlink",
    "file",
    "bind-data",
    "ro-bind-data",
    "chmod",
];
/// Those with one.
const ONE: &[&str] = &[
    "dev",
    "proc",
    "tmpfs",
    "mqueue",
    "dir",
    "chdir",
    "unsetenv",
    "uid",
    "gid",
    "hostname",
    "args",
    "lock-file",
    "sync-fd",
    "seccomp",
    "exec-label",
    "file-label",
    "perms",
    "size",
    "cap-add",
    "cap-drop",
    "userns",
    "pidns",
    "info-fd",
    "json-status-fd",
    "block-fd",
    "remount-ro",
    "overlay-src",
    "tmp-overlay",
];

pub(super) fn bubblewrap(arguments: &[Argument]) -> Vec<InnerCommand> {
    let mut rest = arguments;
    let (mut mounts, mut directory) = (Vec::new(), None);
    while let Some((option, others)) = rest.split_first() {
        let Some(name) = option.text.strip_prefix("--") else {
            break;
        };
        rest = others;
        match rest {
            [of, at, after @ ..] if TWO.contains(&name) => {
                if name.contains("bind") && !name.starts_with("ro-") {
                    mounts.push(mount(&at.text, &of.text));
                }
                rest = after;
            }
            [value, after @ ..] if ONE.contains(&name) => {
                if name == "chdir" {
                    directory = Some(value);
                }
                rest = after;
            }
            _ => {}
        }
    }
    let mut inner = all_at(InnerCommand::words(rest, RunsIn::Child), directory);
    for one in &mut inner {
        one.mounts.clone_from(&mounts);
    }
    inner
}

/// A directory that is seen in another place.
pub(super) fn mount(at: &str, of: &str) -> Mount {
    use super::super::path::normal;
    use crate::shell::argument::emptied;
    Mount {
        at: normal(&emptied(at)),
        of: normal(&emptied(of)),
        is_link: false,
    }
}

/// `capsh -- -c 'script'`: a shell gets the arguments behind the dashes.
pub(super) fn capabilities(arguments: &[Argument], input: &CommandInput) -> Vec<InnerCommand> {
    let dashes = arguments
        .iter()
        .position(|one| matches!(&*one.text, "--" | "=="));
    match dashes {
        Some(at) => shell::shell(&arguments[at + 1..], input),
        None => Vec::new(),
    }
}

/// `start-stop-daemon --start --exec program -- arguments`.
pub(super) fn daemon(arguments: &[Argument]) -> Vec<InnerCommand> {
    const OPTIONS: OptionSpec<'static> = OptionSpec {
        letters: "xapnucgsdrNPIkRO",
        long: &[
            "!start",
            "exec",
            "startas",
            "pidfile",
            "name",
            "user",
            "chuid",
            "group",
            "signal",
            "chdir",
            "chroot",
            "nicelevel",
            "procsched",
            "iosched",
            "umask",
            "retry",
            "output",
        ],
    };
    let (given, operands) = options::everywhere(arguments, OPTIONS);
    if !options::has(&given, &["S", "start"]) {
        return Vec::new();
    }
    let program = options::value(&given, &["a", "startas"])
        .or_else(|| options::value(&given, &["x", "exec"]));
    let words: Vec<_> = program.into_iter().cloned().chain(operands).collect();
    let root = Argument::of("/");
    let directory = options::value(&given, &["d", "chdir"]).unwrap_or(&root);
    all_at(InnerCommand::words(&words, RunsIn::Child), Some(directory))
}
