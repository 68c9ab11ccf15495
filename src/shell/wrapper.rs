//! Wrappers that differ only in their options.

use super::argument::{Argument, SOMETHING, assignment, words};
use super::options::{self, OptionSpec, ParsedOption};

/// In which shell something is run.
#[derive(Clone, Copy, Debug)]
pub(crate) enum RunsIn {
    Same,
    /// One that knows what this one knows.
    Child,
    /// On another machine or in another file system.
    Elsewhere,
}

pub(crate) struct Wrapper {
    names: &'static [&'static str],
    /// Options that take a value.
    spec: OptionSpec<'static>,
    /// Operands before the command.
    operands: usize,
    /// Words that may stand there, too.
    verbs: &'static [&'static str],
    /// Whether `NAME=value` may stand before the command.
    assigns: bool,
    pub(crate) is_transparent: bool,
    pub(crate) runs_in: RunsIn,
    /// Options with which it only tells something.
    asks: &'static [&'static str],
    /// Whether it starts a shell if no command is named.
    pub(crate) starts_shell: bool,
    /// Options whose value is a script.
    pub(crate) scripts: &'static [&'static str],
    /// Options whose value is the directory in which the command is run.
    goes: &'static [&'static str],
    /// Options with which it stays where it is.
    stays: &'static [&'static str],
    /// The directory in which it runs the command if nothing else is said; empty if that is not known.
    start: Option<&'static str>,
}

/// A transparent one with short options only.
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

/// One that an allow rule has to name.
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

/// A transparent one with long options, too.
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

    /// Whether the argument after this one is a script.
    pub(crate) fn is_script(&self, option: &str) -> bool {
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

    /// The options, the command among the arguments, and the variables that are set for it.
    pub(crate) fn command<'a>(
        &self,
        arguments: &'a [Argument],
    ) -> (Vec<ParsedOption>, &'a [Argument], Vec<(String, String)>) {
        let (mut given, mut rest) = options::leading(arguments, self.spec);
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
                given.extend(more);
                rest = after;
                continue;
            } else {
                break;
            }
            rest = &rest[1..];
        }
        (given, rest, assigned)
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
        let mut rest = arguments.to_vec();
        let mut given = Vec::new();
        let mut splits = 0;
        while let Some(after) = options::first(&rest, OPTIONS, &mut given) {
            // `-S` holds several arguments in one, and options among them.
            let last = given
                .last()
                .filter(|one| matches!(&*one.name, "S" | "split-string"));
            rest = match last.and_then(|one| one.value.as_ref()) {
                Some(text) if splits < MOST_SPLITS => {
                    splits += 1;
                    let split = [&words(&text.text), after].concat();
                    given.pop();
                    split
                }
                _ => after.to_vec(),
            };
        }
        for skipped in ["--", "-"] {
            if rest.first().is_some_and(|one| one.text == skipped) {
                rest.remove(0);
            }
        }
        let assignments = rest.iter().map_while(|one| assignment(&one.text));
        let assigned: Vec<_> = assignments
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        rest.drain(..assigned.len());
        Self {
            directory: options::value(&given, &["C", "chdir"]).cloned(),
            assigned,
            command: rest,
        }
    }
}

/// What a command is once the plain wrappers before it are taken off.
pub(crate) fn stripped(mut words: &[Argument]) -> &[Argument] {
    while let Some((program, rest)) = words.split_first() {
        match Wrapper::named(&program.text) {
            Some(wrapper) => words = wrapper.command(rest).1,
            None => break,
        }
    }
    words
}
