//! Programs that run another, which has to read.

use super::super::argument::{Argument, is_unknown};
use super::super::wrapper::{ShellCall, Wrapper, is_shell};
use super::arguments::AllowedOptions;
use super::readers::always_reads;
use super::{Walk, script_reads};

/// Wrappers that change nothing themselves with these options.
const WRAPPERS: &[(&str, &[&str])] = &[
    ("doas", &["n", "u"]),
    ("ionice", &["c", "n", "t", "class", "classdata"]),
    ("nice", &["n", "adjustment"]),
    ("stdbuf", &["i", "o", "e", "input", "output", "error"]),
    (
        "sudo",
        &[
            "n",
            "u",
            "g",
            "H",
            "E",
            "user",
            "group",
            "non-interactive",
            "set-home",
        ],
    ),
    ("time", &["p"]),
    (
        "timeout",
        &[
            "s",
            "k",
            "v",
            "signal",
            "kill-after",
            "foreground",
            "preserve-status",
        ],
    ),
];

/// Options of `xargs` that say how arguments are cut.
const XARGS: AllowedOptions = AllowedOptions {
    flags: "0rtx",
    valued: "nILPsd",
    long: "null no-run-if-empty max-args= max-procs= delimiter=",
};

impl Walk {
    /// Returns whether what this program runs only reads; `None` if it is none that runs another.
    pub(super) fn wrapper(self, name: &str, arguments: &[Argument]) -> Option<bool> {
        if is_shell(name) {
            return Some(self.shell(arguments));
        }
        if name == "xargs" {
            return Some(xargs_reads(arguments));
        }
        let (_, options) = WRAPPERS.iter().find(|(wrapper, _)| *wrapper == name)?;
        let call = Wrapper::named(name)?.call(arguments);
        if call.command.is_empty() {
            // Such as `sudo -l`.
            return None;
        }
        let is_allowed = call
            .options
            .iter()
            .all(|option| options.contains(&&*option.name));
        Some(is_allowed && call.assigned.is_empty() && self.words(call.command))
    }

    /// `sh -c 'script'`, with an option letter or two.
    fn shell(self, arguments: &[Argument]) -> bool {
        let [options, script, ..] = arguments else {
            return false;
        };
        let letters = options.text.strip_prefix('-').unwrap_or_default();
        let is_plain = letters.ends_with('c') && letters.chars().all(|one| "celux".contains(one));
        let ShellCall::Script(found, ..) = ShellCall::of(arguments) else {
            return false;
        };
        is_plain
            && found == script.text
            && !script.text.contains(is_unknown)
            && script_reads(&script.text, self.depth + 1)
    }
}

/// The words that `xargs` adds may be options: the program has to read whatever it is given.
fn xargs_reads(arguments: &[Argument]) -> bool {
    let texts: Vec<_> = arguments.iter().map(|one| one.text.as_str()).collect();
    let is_known = !texts.iter().any(|text| text.contains(is_unknown));
    let rest = XARGS.leading(&texts).map(|(_, rest)| rest);
    is_known
        && rest
            .and_then(<[_]>::first)
            .is_some_and(|program| always_reads(program))
}
