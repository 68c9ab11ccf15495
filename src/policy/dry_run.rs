//! Calls that change nothing: `--help`, `--version` and dry runs.

use super::call::ProgramCall;
use crate::shell::options::{self, OptionSpec};

/// The options of programs for a dry run.
struct DryRun {
    programs: &'static [&'static str],
    /// The options that take a value.
    spec: OptionSpec<'static>,
    options: &'static [&'static str],
}

const fn dry_run(
    programs: &'static [&'static str],
    letters: &'static str,
    options: &'static [&'static str],
) -> DryRun {
    DryRun {
        programs,
        spec: OptionSpec { letters, long: &[] },
        options,
    }
}

/// The options of `mkfs.ext2`, `ext3` and `ext4` that take a value.
const EXT: &str = "bCdEegGiIJlLmMNoOrtTUz";

const DRY_RUNS: &[DryRun] = &[
    dry_run(
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
    dry_run(&["mkfs.xfs"], "bcdilLmnprs", &["N", "V"]),
    dry_run(
        &["mkfs.ntfs", "mkntfs"],
        "cHLpsSz",
        &["n", "no-action", "V"],
    ),
    dry_run(&["mkfs.btrfs"], "AbdlLmnOrsU", &["V"]),
    dry_run(&["blkdiscard"], "lops", &["V"]),
    DryRun {
        programs: &["wipefs"],
        spec: OptionSpec {
            letters: "toO",
            long: &["types", "offset", "output"],
        },
        options: &["n", "no-act", "V"],
    },
    dry_run(&["shutdown"], "t", &["k", "show"]),
    dry_run(&["reboot", "halt", "poweroff"], "", &["w", "wtmp-only"]),
    DryRun {
        programs: &["systemctl"],
        spec: OptionSpec {
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
    DryRun {
        programs: &["apt", "apt-get", "aptitude"],
        spec: OptionSpec {
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
    dry_run(&["dnf", "yum"], "cdexR", &["assumeno"]),
    DryRun {
        programs: &["nft"],
        spec: OptionSpec {
            letters: "fID",
            long: &["file", "includepath", "define"],
        },
        options: &["c", "check"],
    },
    dry_run(&["ufw"], "", &["dry-run"]),
    DryRun {
        programs: &["rsync"],
        spec: OptionSpec {
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
    dry_run(&["kill", "killall", "pkill"], "sngupGPtU", &["0"]),
    dry_run(&["iptables", "ip6tables"], "tWsdpijogm", &["V"]),
];

/// Programs that answer to a `--help` behind their subcommand.
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

impl ProgramCall {
    /// Returns true if it only asks for help or the version.
    pub(super) fn is_question(&self) -> bool {
        let (last, before) = match self.arguments().split_last() {
            Some((last, before)) if matches!(&*last.text, "--help" | "--version") => (last, before),
            _ => return false,
        };
        // Behind an option it may be that option's value.
        let is_free = before.iter().all(|one| !one.text.starts_with('-'));
        before.is_empty() || last.text == "--help" && is_free && ANSWERING.contains(&&*self.name())
    }

    /// Returns true if it is a dry run, or a `crontab` that changes lines of its own listing.
    pub(super) fn is_trial(&self) -> bool {
        let name = self.name();
        if self.reads_own && name == "crontab" {
            return true;
        }
        let file_system = (name == "mkfs").then(|| self.file_system());
        let name = file_system.as_deref().unwrap_or(&name);
        DRY_RUNS
            .iter()
            .filter(|dry_run| dry_run.programs.contains(&name))
            .any(|dry_run| {
                let (given, _) = options::everywhere(self.arguments(), dry_run.spec);
                options::has(&given, dry_run.options)
            })
    }

    /// The program to which `mkfs` hands its options.
    fn file_system(&self) -> String {
        let spec = OptionSpec {
            letters: EXT,
            long: &["type"],
        };
        let (given, operands) = options::everywhere(self.arguments(), spec);
        let kind = options::value(&given, &["t", "type"]).map_or("ext2", |kind| &kind.text);
        if operands.is_empty() && self.arguments().len() == 1 {
            // `mkfs -V`.
            return "mkfs.ext2".into();
        }
        // For `mkfs` itself, `-V` is no dry run.
        if options::has(&given, &["V"]) {
            return "mkfs".into();
        }
        format!("mkfs.{kind}")
    }
}
