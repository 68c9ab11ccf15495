//! Programs, and the options and operands with which they read.

use super::readers::{always_reads, is_among};
use super::{containers, forms, options, repositories, scripts};

/// A table of programs and words, both with spaces between.
type Rows = &'static [(&'static str, &'static str)];

/// Programs that say what they are by one of [`VERSION`] alone.
const VERSIONED: &str = "ansible bash cargo curl docker gcc git go java kubectl make mongod mysql nginx node npm \
        openssl php pip pip3 psql python python3 redis-server rsync ruby rustc ssh systemctl tar \
        terraform wget";
const VERSION: [&str; 2] = ["--version", "--help"];

/// Programs that read if their arguments are exactly one of these rows, which stand between `|`.
const EXACTLY: Rows = &[
    ("apachectl apache2ctl httpd", "configtest|-t|-S|-M|-v|-V"),
    ("at", "-l"),
    ("atq blkid env lsb_release mount", ""),
    ("fail2ban-client", "status|ping|version"),
    ("hostnamectl localectl timedatectl", "|status"),
    ("lsb_release", "-a|-d|-cs|-rs"),
    ("nginx", "-t|-T|-tq|-v|-V"),
    ("parted", "-l"),
    ("sshd", "-t|-T|-V"),
    ("sudo", "-l|-v"),
    ("swapon", "--show|-s|--summary"),
    ("ufw", "status|status verbose|status numbered"),
    ("ulimit", "|-a"),
    ("umask", "|-S"),
];

/// Programs that read if the first argument is one of these, and no later one is an option.
const SUBCOMMANDS: Rows = &[
    ("dnf yum", "list info search repolist provides"),
    ("dpkg", "-l -L -s -S --list --listfiles --status --search"),
    ("fail2ban-client", "status"),
    ("fdisk", "-l"),
    ("launchctl", "list print"),
    (
        "loginctl",
        "list-sessions list-users list-seats session-status user-status",
    ),
    ("mdadm", "--detail -D --examine -E"),
    ("networkctl", "list status"),
    ("npm", "ls list outdated view"),
    ("pip pip3", "list show freeze check"),
    ("rc-status", "-a --all"),
    ("resolvectl", "status query statistics"),
    ("snap", "list info find services version"),
    ("supervisorctl", "status"),
    ("systemd-analyze", "time blame critical-chain"),
    ("zpool", "status list get iostat history"),
];

/// Programs that read if the first argument is one of these, whatever follows.
const SUBCOMMANDS_AND_ALL: Rows = &[
    ("pm2", "list ls status jlist prettylist show describe logs"),
    ("timedatectl", "show status"),
    ("zfs", "list get"),
];

/// Returns whether a program of the tables only reads with these arguments.
pub(super) fn reads_with(name: &str, arguments: &[&str]) -> bool {
    let (first, rest) = match arguments {
        [first, rest @ ..] => (*first, rest),
        [] => ("", arguments),
    };
    if arguments.len() == 1 && VERSION.contains(&first) && is_known(name) {
        return true;
    }
    let row = |table: Rows| table.iter().filter(|(names, _)| is_among(names, name));
    let has_no_option = rest.iter().all(|one| !one.starts_with('-'));
    if is_exactly(row(EXACTLY).map(|(_, rows)| *rows), arguments)
        || row(SUBCOMMANDS_AND_ALL).any(|(_, words)| is_among(words, first))
        || has_no_option && row(SUBCOMMANDS).any(|(_, words)| is_among(words, first))
    {
        return true;
    }
    match name {
        "awk" | "gawk" | "mawk" => scripts::awk_reads(arguments),
        "docker" | "podman" => containers::docker_reads(arguments),
        "docker-compose" => containers::compose_reads(arguments),
        "git" => repositories::git_reads(arguments),
        "helm" => containers::helm_reads(arguments),
        "kubectl" => containers::kubectl_reads(arguments),
        other => options::reads(other, arguments).unwrap_or_else(|| forms::reads(other, arguments)),
    }
}

/// Returns whether the arguments are one of these rows, which stand between `|`.
fn is_exactly<'t>(mut rows: impl Iterator<Item = &'t str>, arguments: &[&str]) -> bool {
    // Joined, two arguments could look like one.
    let is_plain = !arguments
        .iter()
        .any(|one| one.is_empty() || one.contains([' ', '|']));
    let joined = arguments.join(" ");
    is_plain && rows.any(|rows| rows.split('|').any(|row| row == joined))
}

/// Returns whether a program is known to print its version, and to do nothing else then.
fn is_known(name: &str) -> bool {
    always_reads(name) || is_among(VERSIONED, name)
}
