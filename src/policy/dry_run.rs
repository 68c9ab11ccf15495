//! Calls that only ask a program what it is, or have it say what it would do.

use super::call::Call;
use crate::shell::options::{self, Grammar};

/// Options with which programs try without doing.
struct Trial {
    programs: &'static [&'static str],
    /// Their options that take a value.
    grammar: Grammar<'static>,
    options: &'static [&'static str],
}

const fn trial(
    programs: &'static [&'static str],
    letters: &'static str,
    options: &'static [&'static str],
) -> Trial {
    Trial {
        programs,
        grammar: Grammar { letters, long: &[] },
        options,
    }
}

/// The options of `mkfs.ext4` and its brothers that take a value.
const EXT: &str = "bCdEegGiIJlLmMNoOrtTUz";

const TRIALS: &[Trial] = &[
    trial(
        &[
            "mke2fs",
            "mkfs.ext2",
            "mkfs.ext3",
            "mkfs.ext4",
            "mkfs.ext4dev",
        ],
        EXT,
        &["n", "V"],
    ),
    trial(&["mkfs.xfs"], "bcdilLmnprs", &["N", "V"]),
    trial(
        &["mkfs.ntfs", "mkntfs"],
        "cHLpsSz",
        &["n", "no-action", "V"],
    ),
    trial(&["mkfs.btrfs"], "AbdlLmnOrsU", &["V"]),
    trial(&["blkdiscard"], "lops", &["V"]),
    Trial {
        programs: &["wipefs"],
        grammar: Grammar {
            letters: "toO",
            long: &["types", "offset", "output"],
        },
        options: &["n", "no-act", "V"],
    },
    trial(&["shutdown"], "t", &["k", "show"]),
    trial(&["reboot", "halt", "poweroff"], "", &["w", "wtmp-only"]),
    Trial {
        programs: &["systemctl"],
        grammar: Grammar {
            letters: "tpnoHMsPC",
            long: &[
                "type",
                "state",
                "property",
                "lines",
                "output",
                "host",
                "machine",
                "signal",
                "root",
                "job-mode",
                "kill-who",
                "kill-whom",
                "what",
                "image",
                "message",
                "preset-mode",
                "check-inhibitors",
                "when",
                "timestamp",
            ],
        },
        options: &["dry-run"],
    },
    Trial {
        programs: &["apt", "apt-get", "aptitude"],
        grammar: Grammar {
            letters: "octa",
            long: &[
                "option",
                "config-file",
                "target-release",
                "host-architecture",
            ],
        },
        options: &["s", "simulate", "dry-run", "just-print", "recon", "no-act"],
    },
    trial(&["dnf", "yum"], "cdexR", &["assumeno"]),
    Trial {
        programs: &["nft"],
        grammar: Grammar {
            letters: "fID",
            long: &["file", "includepath", "define"],
        },
        options: &["c", "check"],
    },
    trial(&["ufw"], "", &["dry-run"]),
    Trial {
        programs: &["rsync"],
        grammar: Grammar {
            letters: "eBTfM@",
            long: &[
                "!partial",
                "!backup",
                "rsh",
                "rsync-path",
                "block-size",
                "temp-dir",
                "filter",
                "exclude",
                "include",
                "exclude-from",
                "include-from",
                "files-from",
                "compare-dest",
                "copy-dest",
                "link-dest",
                "backup-dir",
                "suffix",
                "partial-dir",
                "timeout",
                "bwlimit",
                "log-file",
                "chmod",
                "chown",
                "password-file",
                "max-size",
                "min-size",
                "port",
            ],
        },
        options: &["n", "dry-run", "list-only"],
    },
    trial(&["kill", "killall", "pkill"], "sngupGPtU", &["0"]),
    trial(&["iptables", "ip6tables"], "tWsdpijogm", &["V"]),
];

/// Programs with commands of their own, which answer to a `--help` behind these.
const ANSWERING: &[&str] = &[
    "apt",
    "apt-get",
    "dnf",
    "docker",
    "nerdctl",
    "podman",
    "systemctl",
    "yum",
];

impl Call {
    /// Whether it only asks the program what it is.
    pub(super) fn is_question(&self) -> bool {
        let (last, before) = match self.arguments().split_last() {
            Some((last, before)) if matches!(&*last.text, "--help" | "--version") => (last, before),
            _ => return false,
        };
        // Behind an option, it may be that option's value.
        let is_free = before.iter().all(|one| !one.text.starts_with('-'));
        before.is_empty() || last.text == "--help" && is_free && ANSWERING.contains(&&*self.name())
    }

    /// Whether the program only says what it would do, or changes no more than lines of its own.
    pub(super) fn is_trial(&self) -> bool {
        let name = self.name();
        if self.reads_own && name == "crontab" {
            return true;
        }
        let file_system = (name == "mkfs").then(|| self.file_system());
        let name = file_system.as_deref().unwrap_or(&name);
        TRIALS
            .iter()
            .filter(|trial| trial.programs.contains(&name))
            .any(|trial| {
                let (given, _) = options::everywhere(self.arguments(), trial.grammar);
                options::has(&given, trial.options)
            })
    }

    /// The program that `mkfs` hands its options to.
    fn file_system(&self) -> String {
        let grammar = Grammar {
            letters: EXT,
            long: &["type"],
        };
        let (given, operands) = options::everywhere(self.arguments(), grammar);
        let kind = options::value(&given, &["t", "type"]).map_or("ext2", |kind| &kind.text);
        if operands.is_empty() && self.arguments().len() == 1 {
            // `mkfs -V`.
            return "mkfs.ext2".into();
        }
        // For `mkfs` itself, it is no question.
        if options::has(&given, &["V"]) {
            return "mkfs".into();
        }
        format!("mkfs.{kind}")
    }
}
