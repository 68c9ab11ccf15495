//! Calls of shells.

use std::borrow::Cow;

use super::super::argument::{Argument, emptied};

/// Programs that run the commands of a text.
const SHELLS: &[&str] = &[
    "sh", "bash", "dash", "zsh", "ksh", "mksh", "ash", "rbash", "fish", "csh", "tcsh", "yash",
    "posh", "lksh",
];

/// Returns whether a program of this name is a shell.
pub(crate) fn is_shell(name: &str) -> bool {
    SHELLS.contains(&name)
}

/// A call of a shell.
pub(crate) enum ShellCall<'a> {
    /// `-c`: the script, what `$0` is, and the script's arguments.
    Script(Cow<'a, str>, Option<&'a Argument>, &'a [Argument]),
    /// The script comes on standard input and has these arguments.
    Input(&'a [Argument]),
    /// The script is a file and has these arguments.
    File(&'a Argument, &'a [Argument]),
}

impl<'a> ShellCall<'a> {
    /// The call that has these arguments.
    pub(crate) fn of(arguments: &'a [Argument]) -> Self {
        let (mut rest, mut has_script, mut reads) = (arguments, false, false);
        while let Some((first, others)) = rest.split_first() {
            let text = emptied(&first.text);
            if matches!(&*text, "--" | "-") {
                rest = others;
                break;
            }
            if text.len() < 2 || !text.starts_with(['-', '+']) {
                break;
            }
            if let Some(script) = text.strip_prefix("--command=") {
                return Self::Script(script.to_owned().into(), None, &[]);
            }
            rest = others;
            let takes_next = match text.strip_prefix("--") {
                Some(long) => matches!(long, "rcfile" | "init-file"),
                None => text.contains(['o', 'O']),
            };
            if text == "--command" {
                has_script = true;
            } else if !text.starts_with("--") {
                has_script |= text.starts_with('-') && text.contains('c');
                reads |= text.contains('s');
            }
            if takes_next {
                rest = rest.get(1..).unwrap_or_default();
            }
        }
        match rest {
            [script, others @ ..] if has_script => {
                let arguments = others.get(1..).unwrap_or_default();
                Self::Script(Cow::from(&*script.text), others.first(), arguments)
            }
            rest if reads => Self::Input(rest),
            [] => Self::Input(&[]),
            [file, others @ ..] if file.printed.is_none() && is_standard_input(&file.text) => {
                Self::Input(others)
            }
            [file, others @ ..] => Self::File(file, others),
        }
    }
}

/// Returns whether a file of this name is standard input.
pub(crate) fn is_standard_input(file: &str) -> bool {
    matches!(file, "-" | "/dev/stdin" | "/dev/fd/0" | "/proc/self/fd/0")
}
