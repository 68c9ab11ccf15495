//! Wrappers that differ only in their options.

use super::super::text::{Argument, assignment};
use super::Shell;

pub(super) struct Wrapper {
    pub(super) name: &'static str,
    /// Short and long options that take the next argument.
    valued: &'static str,
    long: &'static [&'static str],
    /// Operands before the command.
    operands: usize,
    /// Whether `NAME=value` may stand before the command.
    assigns: bool,
    pub(super) is_transparent: bool,
    pub(super) shell: Shell,
    /// Options with which it only tells something.
    pub(super) asks: &'static [&'static str],
    /// Whether it starts a shell if no command is named.
    pub(super) starts_shell: bool,
}

/// A transparent one with short options only.
const fn simple(name: &'static str, valued: &'static str, operands: usize) -> Wrapper {
    Wrapper {
        name,
        valued,
        long: &[],
        operands,
        assigns: false,
        is_transparent: true,
        shell: Shell::Child,
        asks: &[],
        starts_shell: false,
    }
}

pub(super) const WRAPPERS: &[Wrapper] = &[
    Wrapper {
        long: &[
            "user",
            "group",
            "prompt",
            "close-from",
            "host",
            "role",
            "type",
            "chroot",
            "chdir",
            "other-user",
            "command-timeout",
        ],
        assigns: true,
        asks: &["-l", "--list", "-e", "--edit"],
        starts_shell: true,
        ..simple("sudo", "ugpChrtTDRU", 0)
    },
    Wrapper {
        starts_shell: true,
        ..simple("doas", "uC", 0)
    },
    simple("nohup", "", 0),
    Wrapper {
        long: &["adjustment"],
        ..simple("nice", "n", 0)
    },
    Wrapper {
        long: &["class", "classdata"],
        ..simple("ionice", "cn", 0)
    },
    simple("time", "fo", 0),
    Wrapper {
        long: &["signal", "kill-after"],
        ..simple("timeout", "ks", 1)
    },
    Wrapper {
        long: &["input", "output", "error"],
        ..simple("stdbuf", "ioe", 0)
    },
    simple("setsid", "", 0),
    Wrapper {
        shell: Shell::Same,
        asks: &["-v", "-V"],
        ..simple("command", "", 0)
    },
    Wrapper {
        shell: Shell::Same,
        ..simple("builtin", "", 0)
    },
    Wrapper {
        shell: Shell::Same,
        ..simple("exec", "a", 0)
    },
    simple("busybox", "", 0),
    simple("toybox", "", 0),
    Wrapper {
        long: &["timeout", "wait", "conflict-exit-code"],
        ..simple("flock", "wE", 1)
    },
    simple("chrt", "", 1),
    simple("taskset", "", 1),
    simple("unbuffer", "", 0),
    Wrapper {
        is_transparent: false,
        long: &["user", "group", "supp-group"],
        ..simple("runuser", "ugG", 0)
    },
    Wrapper {
        is_transparent: false,
        shell: Shell::Elsewhere,
        starts_shell: true,
        ..simple("chroot", "", 1)
    },
    Wrapper {
        is_transparent: false,
        shell: Shell::Elsewhere,
        long: &["target", "setuid", "setgid"],
        starts_shell: true,
        ..simple("nsenter", "tSG", 0)
    },
    Wrapper {
        is_transparent: false,
        starts_shell: true,
        ..simple("unshare", "RwSG", 0)
    },
    Wrapper {
        is_transparent: false,
        long: &[
            "unit",
            "property",
            "description",
            "slice",
            "uid",
            "gid",
            "nice",
            "working-directory",
            "setenv",
            "host",
            "machine",
            "service-type",
            "on-active",
            "on-boot",
            "on-startup",
            "on-unit-active",
            "on-calendar",
            "timer-property",
        ],
        shell: Shell::Elsewhere,
        ..simple("systemd-run", "pHMEu", 0)
    },
    Wrapper {
        is_transparent: false,
        ..simple("strace", "abeEIoOpPsSuUX", 0)
    },
    // The fish shell's.
    Wrapper {
        is_transparent: false,
        ..simple("and", "", 0)
    },
    Wrapper {
        is_transparent: false,
        ..simple("or", "", 0)
    },
    Wrapper {
        is_transparent: false,
        ..simple("not", "", 0)
    },
];

impl Wrapper {
    /// The command among the arguments, and the variables that are set for it.
    pub(super) fn command<'a>(&self, arguments: &'a [Argument]) -> (&'a [Argument], Vec<String>) {
        let (mut rest, _) = past_options(arguments, self.valued, self.long);
        let mut assigned = Vec::new();
        let mut operands = self.operands;
        while let Some(first) = rest.first() {
            if let Some((name, _)) = assignment(&first.text).filter(|_| self.assigns) {
                assigned.push(name.to_owned());
            } else if operands > 0 {
                operands -= 1;
            } else {
                break;
            }
            rest = &rest[1..];
        }
        (rest, assigned)
    }
}

/// What a command is once the plain wrappers before it are taken off.
pub(in super::super) fn stripped(mut words: &[Argument]) -> &[Argument] {
    while let Some((program, rest)) = words.split_first() {
        match WRAPPERS.iter().find(|wrapper| wrapper.name == program.text) {
            Some(wrapper) => words = wrapper.command(rest).0,
            None => break,
        }
    }
    words
}

/// The arguments after the options, and those options that take no next argument or have theirs in them.
pub(super) fn past_options<'a>(
    arguments: &'a [Argument],
    valued: &str,
    long: &[&str],
) -> (&'a [Argument], Vec<&'a str>) {
    let mut options = Vec::new();
    let mut rest = arguments;
    while let Some((first, others)) = rest.split_first() {
        if first.text == "--" {
            return (others, options);
        }
        if !first.is_option() {
            break;
        }
        let text = first.text.as_str();
        let takes_next = match text.strip_prefix("--") {
            // A beginning is as good as the name.
            Some(name) => long.iter().any(|one| one.starts_with(name)),
            None => text[1..].find(|one| valued.contains(one)) == Some(text.len() - 2),
        };
        options.push(text);
        rest = match others {
            [value, after @ ..] if takes_next => {
                options.push(&value.text);
                after
            }
            _ => others,
        };
    }
    (rest, options)
}
