//! The wrappers, with their options.

use super::super::options::OptionSpec;
use super::{RunsIn, Wrapper};

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

pub(super) const WRAPPERS: &[Wrapper] = &[
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
