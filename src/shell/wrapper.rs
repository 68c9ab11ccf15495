//! Commands that run the command behind them: what their arguments say of it.

use std::borrow::Cow;

use super::argument::{self, Argument, SOMETHING, assignment, emptied};
use super::options::{self, OptionSpec, ParsedOption};

/// The shell that runs a command.
#[derive(Clone, Copy, Debug)]
pub(crate) enum RunsIn {
    Same,
    /// A shell that knows the variables of this one.
    Child,
    /// A shell on another machine or in another file system.
    Elsewhere,
}

/// A program that runs a command and differs from others only in its options.
pub(crate) struct Wrapper {
    names: &'static [&'static str],
    /// Options that take a value.
    spec: OptionSpec<'static>,
    /// Operands before the command.
    operands: usize,
    /// Words that may stand before the command.
    verbs: &'static [&'static str],
    /// Whether `NAME=value` may stand before the command.
    assigns: bool,
    /// Whether it does nothing but run the command.
    pub(crate) is_transparent: bool,
    pub(crate) runs_in: RunsIn,
    /// Options with which it only tells something.
    asks: &'static [&'static str],
    /// Whether it starts a shell if no command is named.
    pub(crate) starts_shell: bool,
    /// Options whose value is a script.
    scripts: &'static [&'static str],
    /// Options whose value is the directory in which the command is run.
    goes: &'static [&'static str],
    /// Options with which the command runs in the working directory.
    stays: &'static [&'static str],
    /// The directory in which the command runs without such options; empty if that is not known.
    start: Option<&'static str>,
}

/// A transparent wrapper with short options only.
const fn simple(names: &'static [&'static str], letters: &'static str, operands: usize) -> Wrapper {
    Wrapper {
        names,
        spec: OptionSpec { letters, long: &[] },
        operands,
        verbs: &[],
        assigns: false,
        is_transparent: true,
        runs_in: RunsIn::Child,
        asks: &[],
        starts_shell: false,
        scripts: &[],
        goes: &[],
        stays: &[],
        start: None,
    }
}

/// A wrapper that does something itself.
const fn other(
    names: &'static [&'static str],
    letters: &'static str,
    long: &'static [&'static str],
    operands: usize,
) -> Wrapper {
    Wrapper {
        spec: OptionSpec { letters, long },
        is_transparent: false,
        ..simple(names, letters, operands)
    }
}

/// A transparent wrapper with long options.
const fn through(
    names: &'static [&'static str],
    letters: &'static str,
    long: &'static [&'static str],
    operands: usize,
) -> Wrapper {
    Wrapper {
        is_transparent: true,
        ..other(names, letters, long, operands)
    }
}

const WRAPPERS: &[Wrapper] = &[
    Wrapper {
        assigns: true,
        asks: &["-l", "--list", "-e", "--edit", "-v", "-K", "-V"],
        starts_shell: true,
        goes: &["D", "chdir", "R", "chroot"],
        ..through(
            &["sudo"],
            "ugpChrtTDRU",
            &[
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
            0,
        )
    },
    Wrapper {
        starts_shell: true,
        ..simple(&["doas"], "uC", 0)
    },
    simple(&["nohup", "setsid", "unbuffer", "busybox", "toybox"], "", 0),
    through(&["nice"], "n", &["adjustment"], 0),
    through(&["ionice"], "cn", &["class", "classdata"], 0),
    through(&["time", "gtime"], "fo", &["format", "output"], 0),
    through(&["timeout", "gtimeout"], "ks", &["signal", "kill-after"], 1),
    through(&["stdbuf"], "ioe", &["input", "output", "error"], 0),
    Wrapper {
        runs_in: RunsIn::Same,
        asks: &["-v", "-V"],
        ..simple(&["command"], "", 0)
    },
    Wrapper {
        runs_in: RunsIn::Same,
        ..simple(&["builtin"], "", 0)
    },
    Wrapper {
        runs_in: RunsIn::Same,
        ..simple(&["exec"], "a", 0)
    },
    Wrapper {
        scripts: &["c", "command"],
        ..through(
            &["flock"],
            "wEc",
            &["timeout", "wait", "conflict-exit-code", "command"],
            1,
        )
    },
    simple(&["chrt"], "TPD", 1),
    simple(&["taskset"], "", 1),
    other(&["runuser"], "ugG", &["user", "group", "supp-group"], 0),
    Wrapper {
        starts_shell: true,
        start: Some("/"),
        ..other(&["chroot"], "", &[], 1)
    },
    Wrapper {
        starts_shell: true,
        goes: &["w", "wd"],
        start: Some(""),
        ..other(
            &["nsenter"],
            "tSGw?r?m?u?i?n?p?U?C?T?W",
            &["target", "setuid", "setgid", "wdns", "wd", "root"],
            0,
        )
    },
    Wrapper {
        starts_shell: true,
        goes: &["w", "wd", "R", "root"],
        ..other(
            &["unshare"],
            "RwSGl",
            &[
                "root",
                "wd",
                "setuid",
                "setgid",
                "propagation",
                "setgroups",
                "map-user",
                "map-group",
                "map-users",
                "map-groups",
                "monotonic",
                "boottime",
                "load-interp",
            ],
            0,
        )
    },
    Wrapper {
        goes: &["working-directory", "p", "property"],
        stays: &["d", "same-dir", "scope", "user"],
        start: Some("/"),
        ..other(
            &["systemd-run"],
            "pHMEu",
            &[
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
                "background",
            ],
            0,
        )
    },
    other(&["strace"], "abeEIoOpPsSuUX", &[], 0),
    other(&["ltrace"], "abeDEFlnopsuwxA", &["output", "library"], 0),
    other(
        &["valgrind", "firejail", "chronic", "ifne", "rlwrap"],
        "",
        &[],
        0,
    ),
    Wrapper {
        verbs: &["stat", "record", "trace", "mem", "c2c"],
        ..other(&["perf"], "eopFcgtCGD", &["event", "output", "pid"], 0)
    },
    Wrapper {
        starts_shell: true,
        ..other(&["pkexec"], "", &["user"], 0)
    },
    other(
        &["setpriv"],
        "",
        &[
            "reuid",
            "ruid",
            "euid",
            "regid",
            "rgid",
            "egid",
            "groups",
            "inh-caps",
            "ambient-caps",
            "bounding-set",
            "securebits",
            "pdeathsig",
            "selinux-label",
            "apparmor-profile",
        ],
        0,
    ),
    other(&["ssh-agent"], "aEPtO", &[], 0),
    other(
        &["dbus-run-session", "dbus-launch"],
        "",
        &["config-file", "dbus-daemon"],
        0,
    ),
    Wrapper {
        goes: &["w", "cwd", "pwd"],
        ..other(
            &["proot"],
            "rRSbmwqkv",
            &["rootfs", "bind", "mount", "cwd", "pwd", "qemu"],
            0,
        )
    },
    other(
        &["fakeroot", "fakechroot", "pseudo"],
        "lsib",
        &["lib", "faked"],
        0,
    ),
    other(&["prlimit"], "op", &["output", "pid"], 0),
    other(&["choom"], "np", &["adjust", "pid"], 0),
    other(
        &["numactl"],
        "iNCmpPlHS",
        &["cpunodebind", "membind", "physcpubind", "interleave"],
        0,
    ),
    other(&["cpulimit"], "lpeP", &["limit", "pid", "exe", "path"], 0),
    other(&["aa-exec"], "pn", &["profile", "namespace"], 0),
    other(&["runcon"], "crtlu", &["type", "user", "role", "range"], 0),
    other(
        &["gosu", "su-exec", "setuidgid", "s6-setuidgid", "faketime"],
        "f",
        &[],
        1,
    ),
    other(&["chpst"], "uUbmdoprcfltn/", &[], 0),
    other(&["softlimit"], "adcflmoprst", &[], 0),
    other(&["tini", "dumb-init", "catatonit"], "pe", &[], 0),
    other(&["setarch"], "", &[], 1),
    other(
        &["linux32", "linux64", "i386", "x86_64", "eatmydata"],
        "",
        &[],
        0,
    ),
    other(&["systemd-inhibit"], "", &["what", "who", "why", "mode"], 0),
    other(&["systemd-cat"], "tp", &["identifier", "priority"], 0),
    Wrapper {
        start: Some("/"),
        ..other(
            &["systemd-nspawn"],
            "DMiupS",
            &[
                "directory",
                "machine",
                "image",
                "user",
                "bind",
                "bind-ro",
                "chdir",
                "setenv",
            ],
            0,
        )
    },
    other(&["lxc-attach"], "nfglPpsuve", &["name"], 0),
    other(&["lxc-execute"], "nf", &["name"], 0),
    other(
        &["xvfb-run"],
        "enpsfw",
        &["auth-file", "error-file", "server-num", "server-args"],
        0,
    ),
    other(&["sshpass"], "pfdP", &[], 0),
    other(&["torsocks", "proxychains", "proxychains4"], "f", &[], 0),
    Wrapper {
        verbs: &["--"],
        ..other(&["mosh"], "p", &["ssh", "port", "predict"], 1)
    },
    other(&["pdsh"], "wxgnltu", &[], 0),
    other(&["openvt"], "c", &["console"], 0),
    other(&["dtach"], "e", &[], 1),
    other(
        &["xtables-multi", "xtables-nft-multi", "xtables-legacy-multi"],
        "",
        &[],
        0,
    ),
    Wrapper {
        verbs: &["run", "exec"],
        ..other(&["poetry", "pipenv", "uv", "bundle"], "", &[], 0)
    },
    Wrapper {
        verbs: &["ssh"],
        scripts: &["c", "command"],
        ..other(&["vagrant"], "c", &["command"], 0)
    },
    Wrapper {
        scripts: &["c", "call"],
        ..other(&["npx"], "cp", &["call", "package"], 0)
    },
    Wrapper {
        scripts: &["run", "command"],
        ..other(&["nix-shell"], "pAI", &["run", "command"], 0)
    },
    other(&["machinectl"], "", &["uid", "setenv", "machine"], 2),
    // The fish shell's.
    other(&["and", "or", "not"], "", &[], 0),
];

impl Wrapper {
    /// The wrapper whose program has this name.
    pub(crate) fn named(name: &str) -> Option<&'static Self> {
        WRAPPERS
            .iter()
            .find(|wrapper| wrapper.names.contains(&name))
    }

    /// Whether it tells something, and runs nothing.
    pub(crate) fn only_asks(&self, arguments: &[Argument]) -> bool {
        let first = arguments.first();
        first.is_some_and(|first| self.asks.contains(&&*first.text))
    }

    /// The call that has these arguments.
    pub(crate) fn call<'a>(&self, arguments: &'a [Argument]) -> WrapperCall<'a> {
        let (mut options, mut rest) = options::leading(arguments, self.spec);
        let mut assigned = Vec::new();
        let mut operands = self.operands;
        while let Some(first) = rest.first() {
            if let Some((name, value)) = assignment(&first.text).filter(|_| self.assigns) {
                assigned.push((name.to_owned(), value.to_owned()));
            } else if operands > 0 {
                operands -= 1;
            } else if self.verbs.contains(&&*first.text) {
                // Its own options follow.
                let (more, after) = options::leading(&rest[1..], self.spec);
                options.extend(more);
                rest = after;
                continue;
            } else {
                break;
            }
            rest = &rest[1..];
        }
        WrapperCall {
            options,
            assigned,
            command: rest,
        }
    }

    /// The script that a call runs in place of a command.
    pub(crate) fn script<'a>(&self, call: &'a WrapperCall<'_>) -> Option<&'a Argument> {
        let own = options::value(&call.options, self.scripts);
        own.or_else(|| match call.command {
            // `flock /tmp/lock -c 'script'`.
            [option, script, ..] if self.is_script(&option.text) => Some(script),
            _ => None,
        })
    }

    /// Whether the argument after this one is a script.
    fn is_script(&self, option: &str) -> bool {
        let name = option
            .strip_prefix("--")
            .or_else(|| option.strip_prefix('-'));
        name.filter(|name| !name.is_empty()).is_some_and(|name| {
            self.scripts.iter().any(|one| {
                if option.starts_with("--") {
                    one.len() > 1 && one.starts_with(name)
                } else {
                    *one == name
                }
            })
        })
    }

    /// The directory in which the command is run, if it is another one.
    pub(crate) fn directory(&self, given: &[ParsedOption]) -> Option<Argument> {
        let mut named = given.iter().filter(|one| self.goes.contains(&&*one.name));
        let named = named.find_map(|one| {
            let value = one.value.as_ref()?;
            match &*one.name {
                "p" | "property" if self.start.is_some() => {
                    let path = value.text.strip_prefix("WorkingDirectory=")?;
                    Some(Argument::of(path))
                }
                // A new root is where it starts.
                "R" | "root" | "chroot" => Some(Argument::of("/")),
                _ => Some(value.clone()),
            }
        });
        let start = || match self.start {
            Some("") => Some(Argument::of(SOMETHING)),
            Some(start) => Some(Argument::of(start)),
            None => None,
        };
        let stays = options::has(given, self.stays);
        named.or_else(|| start().filter(|_| !stays))
    }
}

/// A call of a wrapper.
pub(crate) struct WrapperCall<'a> {
    pub(crate) options: Vec<ParsedOption>,
    /// The variables that are set for the command.
    pub(crate) assigned: Vec<(String, String)>,
    pub(crate) command: &'a [Argument],
}

/// A call of `env`.
pub(crate) struct EnvCall {
    /// The directory in which the command is run, if it is another one.
    pub(crate) directory: Option<Argument>,
    /// The variables that are set for the command.
    pub(crate) assigned: Vec<(String, String)>,
    pub(crate) command: Vec<Argument>,
}

impl EnvCall {
    /// The call that has these arguments.
    pub(crate) fn of(arguments: &[Argument]) -> Self {
        const OPTIONS: OptionSpec<'static> = OptionSpec {
            letters: "uCSa",
            long: &["unset", "chdir", "split-string", "argv0"],
        };
        const MOST_SPLITS: usize = 4;
        let mut words = arguments.to_vec();
        let (mut given, mut at, mut splits) = (Vec::new(), 0, 0);
        while let Some(rest) = options::first(&words[at..], OPTIONS, &mut given) {
            at = words.len() - rest.len();
            // `-S` holds several arguments in one, and options among them.
            let last = given
                .last()
                .filter(|one| matches!(&*one.name, "S" | "split-string"));
            if let Some(text) = last.and_then(|one| one.value.as_ref())
                && splits < MOST_SPLITS
            {
                splits += 1;
                words.splice(..at, argument::words(&text.text));
                at = 0;
                given.pop();
            }
        }
        for skipped in ["--", "-"] {
            at += usize::from(words.get(at).is_some_and(|one| one.text == skipped));
        }
        let assignments = words[at..].iter().map_while(|one| assignment(&one.text));
        let assigned: Vec<_> = assignments
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        words.drain(..at + assigned.len());
        Self {
            directory: options::value(&given, &["C", "chdir"]).cloned(),
            assigned,
            command: words,
        }
    }
}

/// Programs that run the commands of a text.
const SHELLS: &[&str] = &[
    "sh", "bash", "dash", "zsh", "ksh", "mksh", "ash", "rbash", "fish", "csh", "tcsh", "yash",
    "posh", "lksh",
];

/// The options before a container tool's subcommand, and before that of its `compose`.
pub(crate) const CONTAINER_OPTIONS: OptionSpec<'static> = OptionSpec {
    letters: "cHlanfp",
    long: &[
        "context",
        "host",
        "log-level",
        "config",
        "namespace",
        "address",
        "connection",
        "url",
        "root",
        "file",
        "project-name",
        "project-directory",
        "profile",
        "env-file",
        "parallel",
        "ansi",
        "progress",
    ],
};

/// Whether a program of this name is a shell.
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

/// Whether a file of this name is standard input.
pub(crate) fn is_standard_input(file: &str) -> bool {
    matches!(file, "-" | "/dev/stdin" | "/dev/fd/0" | "/proc/self/fd/0")
}

/// The command that a wrapper runs.
pub(crate) enum Wrapped<'a> {
    Words(Cow<'a, [Argument]>),
    Script(Cow<'a, str>),
}

/// The command that these words run if their program is a wrapper or a shell.
pub(crate) fn wrapped(words: &[Argument]) -> Option<Wrapped<'_>> {
    let (program, arguments) = words.split_first()?;
    match program.base_name() {
        "env" => Some(Wrapped::Words(EnvCall::of(arguments).command.into())),
        name if is_shell(name) => match ShellCall::of(arguments) {
            ShellCall::Script(script, ..) => Some(Wrapped::Script(script)),
            ShellCall::Input(_) | ShellCall::File(..) => None,
        },
        name => {
            let wrapper = Wrapper::named(name).filter(|one| !one.only_asks(arguments))?;
            let call = wrapper.call(arguments);
            Some(match wrapper.script(&call) {
                Some(script) => Wrapped::Script(script.text.clone().into()),
                None => Wrapped::Words(call.command.into()),
            })
        }
    }
}

/// The words without the plain wrappers before the command.
pub(crate) fn stripped(mut words: &[Argument]) -> &[Argument] {
    while let Some((program, rest)) = words.split_first() {
        match Wrapper::named(&program.text) {
            Some(wrapper) => words = wrapper.call(rest).command,
            None => break,
        }
    }
    words
}
