//! Commands that only read, as far as a short list of programs tells.
//!
//! Whatever is not known to read counts as a change: a roll-out that begins with one server costs a little time, and
//! one that does not may cost all of them.

use super::argument::{Argument, is_unknown};
use super::parse::parse;
use super::syntax::{
    CommandKind, CommandList, Redirect, RedirectKind, ShellCommand, runs_commands,
};

/// Programs that only read, whatever their arguments.
const READERS: &[&str] = &[
    "arch",
    "basename",
    "cat",
    "cksum",
    "column",
    "cut",
    "df",
    "dirname",
    "du",
    "echo",
    "egrep",
    "false",
    "fgrep",
    "findmnt",
    "free",
    "getconf",
    "getent",
    "grep",
    "groups",
    "head",
    "id",
    "last",
    "ls",
    "lsblk",
    "lscpu",
    "lsmod",
    "lsof",
    "lspci",
    "lsusb",
    "md5sum",
    "netstat",
    "nl",
    "nproc",
    "pgrep",
    "printenv",
    "printf",
    "ps",
    "pwd",
    "readlink",
    "realpath",
    "sha1sum",
    "sha256sum",
    "sha512sum",
    "stat",
    "tac",
    "tail",
    "tr",
    "true",
    "uname",
    "uptime",
    "vmstat",
    "w",
    "wc",
    "whereis",
    "which",
    "who",
    "whoami",
    "zcat",
    "zgrep",
];

/// Programs that only read unless an argument begins with one of these, or is a cluster that holds such a letter.
const READERS_WITHOUT: &[(&str, &[&str])] = &[
    (
        "date",
        &[
            "-s", "--s", "0", "1", "2", "3", "4", "5", "6", "7", "8", "9",
        ],
    ),
    ("dmesg", &["-c", "-C", "-D", "-E", "-n", "--c", "--r"]),
    (
        "journalctl",
        &[
            "--vacuum",
            "--rotate",
            "--flush",
            "--sync",
            "--setup",
            "--update",
            "--relinquish",
            "--smart",
        ],
    ),
    ("sort", &["-o", "--o", "--compress"]),
    ("ss", &["-K", "--kill"]),
];

/// Programs of which some subcommands only read: those that come first among their arguments.
const READING_SUBCOMMANDS: &[(&str, &[&str])] = &[
    ("apt-cache", &["policy", "search", "show"]),
    ("crontab", &["-l"]),
    ("docker", CONTAINERS),
    (
        "dpkg",
        &[
            "-l",
            "-L",
            "-s",
            "-S",
            "--list",
            "--listfiles",
            "--status",
            "--search",
        ],
    ),
    (
        "dpkg-query",
        &["-l", "-L", "-s", "-S", "-W", "--list", "--show", "--status"],
    ),
    ("launchctl", &["list", "print"]),
    ("podman", CONTAINERS),
    ("pm2", &["list", "ls", "status", "jlist", "show"]),
    ("rc-status", &["", "-a", "--all"]),
    ("rpm", &["-q", "-qa", "-qi", "-ql", "-qf", "--query"]),
    (
        "systemctl",
        &[
            "cat",
            "get-default",
            "is-active",
            "is-enabled",
            "is-failed",
            "list-dependencies",
            "list-jobs",
            "list-sockets",
            "list-timers",
            "list-unit-files",
            "list-units",
            "show",
            "status",
            "--failed",
        ],
    ),
    ("timedatectl", &["", "show", "status"]),
    ("hostnamectl", &["", "status"]),
];
const CONTAINERS: &[&str] = &[
    "diff", "images", "info", "inspect", "logs", "port", "ps", "stats", "top", "version",
];

/// Programs that only read without an argument, or with options alone of these.
const READERS_BY_OPTIONS: &[(&str, &[&str])] = &[
    (
        "hostname",
        &[
            "-f",
            "-s",
            "-i",
            "-I",
            "-d",
            "--fqdn",
            "--short",
            "--ip-address",
            "--all-ip-addresses",
        ],
    ),
    ("mount", &[]),
    ("umask", &[]),
];

/// The only arguments with which any program says what it is.
const VERSION: [&str; 2] = ["--version", "--help"];

/// Returns whether a text is known to change nothing where it runs.
pub(crate) fn only_reads(text: &str) -> bool {
    parse(text, 0).is_ok_and(|list| !list.is_empty() && list_reads(&list))
}

fn list_reads(list: &CommandList) -> bool {
    list.iter().all(|pipeline| {
        let mut commands = pipeline.commands.iter();
        !pipeline.background && commands.all(command_reads)
    })
}

fn command_reads(command: &ShellCommand) -> bool {
    if !command.redirects.iter().all(redirect_reads) {
        return false;
    }
    match &command.kind {
        CommandKind::Simple { assignments, words } if assignments.is_empty() => {
            let is_plain = !words.iter().any(|word| runs_commands(word));
            let words: Vec<_> = words
                .iter()
                .map(|word| Argument::unexpanded(word))
                .collect();
            is_plain && words_read(&words)
        }
        CommandKind::Group(list) | CommandKind::Subshell(list) => list_reads(list),
        _ => false,
    }
}

/// A file that is read, another descriptor, or nowhere.
fn redirect_reads(redirect: &Redirect) -> bool {
    match redirect.kind {
        RedirectKind::Input | RedirectKind::Duplicate => !runs_commands(&redirect.word),
        RedirectKind::Output => Argument::unexpanded(&redirect.word).text == "/dev/null",
        RedirectKind::HereDocument | RedirectKind::HereString => false,
    }
}

fn words_read(words: &[Argument]) -> bool {
    let [program, arguments @ ..] = words else {
        return false;
    };
    // A variable may stand for an option.
    if words.iter().any(|word| word.text.contains(is_unknown)) {
        return false;
    }
    let (program, first) = (program.text.as_str(), arguments.first());
    let first = first.map_or("", |first| first.text.as_str());
    let mut texts = arguments.iter().map(|argument| argument.text.as_str());
    let of = |table: &[(&str, &'static [&'static str])]| {
        let mut rows = table.iter();
        rows.find(|(name, _)| *name == program)
            .map(|(_, words)| *words)
    };
    if arguments.len() == 1 && VERSION.contains(&first) {
        return true;
    }
    if READERS.contains(&program) {
        return true;
    }
    if let Some(changing) = of(READERS_WITHOUT) {
        return !texts.any(|text| changing.iter().any(|option| is_given(text, option)));
    }
    if let Some(reading) = of(READING_SUBCOMMANDS) {
        return reading.contains(&first);
    }
    of(READERS_BY_OPTIONS).is_some_and(|options| texts.all(|text| options.contains(&text)))
}

/// Returns whether an argument begins with `option`, or is a cluster of short ones that holds it.
fn is_given(argument: &str, option: &str) -> bool {
    let cluster = argument
        .strip_prefix('-')
        .filter(|rest| !rest.starts_with('-'));
    let letter = option.strip_prefix('-').filter(|letter| letter.len() == 1);
    argument.starts_with(option)
        || cluster
            .zip(letter)
            .is_some_and(|(cluster, letter)| cluster.contains(letter))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_known_to_read_is_told_from_the_rest() {
        let reading = [
            "uname -a",
            "uptime",
            "hostname",
            "hostname -f",
            "df -h /srv",
            "free -m",
            "cat /etc/os-release",
            "cat < /etc/hostname",
            "head -n 5 /var/log/syslog",
            "tail -n 50 /var/log/nginx/error.log",
            "ls -la ~ /srv/*",
            "stat -c '%a' /etc/passwd",
            "id",
            "whoami && date",
            "date +%F; date -u",
            "ps aux | grep nginx | wc -l",
            "ps aux | sort -rk 3 | head",
            "ss -tlnp",
            "systemctl status nginx",
            "systemctl is-active nginx || true",
            "systemctl --failed",
            "journalctl -u nginx -n 100 --no-pager",
            "dpkg -l",
            "dpkg -l | grep openssl",
            "rpm -qa",
            "docker ps",
            "docker logs --tail 5 web",
            "docker inspect web 2>/dev/null",
            "grep -r PermitRootLogin /etc/ssh 2>&1",
            "nginx --version",
            "node --version",
            "/opt/app/bin/tool --version",
            "(uname; uptime)",
            "{ uname; uptime; }",
            "mount",
            "crontab -l",
            "dmesg | tail",
            "timedatectl",
        ];
        for text in reading {
            assert!(only_reads(text), "{text}");
        }
        let others = [
            "",
            "echo \"$(true)\"",
            "   ",
            "# nothing",
            "rm -rf /srv",
            "sudo cat /etc/shadow",
            "cat /etc/hosts > /tmp/copy",
            "cat a >> b",
            "uname -a; reboot",
            "uptime & ",
            "ls $(cat list)",
            "ls `cat list`",
            "cat $FILE",
            "$PROGRAM",
            "FOO=1 uname",
            "PATH=/tmp uname",
            "hostname new-name",
            "hostname -F file",
            "date -s 12:00",
            "date --set=12:00",
            "date 010100002026",
            "journalctl --vacuum-time=1d",
            "journalctl --rotate",
            "dmesg -C",
            "sort -o file file",
            "sort --output=file file",
            "ss -K dst 10.0.0.1",
            "ss -tK dst 10.0.0.1",
            "systemctl restart nginx",
            "systemctl",
            "docker rm web",
            "docker exec web ls",
            "docker -H tcp://other ps",
            "dpkg -i package.deb",
            "rpm -e package",
            "mount /dev/sda1 /mnt",
            "crontab -r",
            "find / -delete",
            "find . -name x",
            "sed -i s/a/b/ file",
            "awk 1 file",
            "xargs rm",
            "tee file",
            "cat list | xargs rm",
            "curl https://example.org",
            "apt-get --version install",
            "if true; then uname; fi",
            "for x in a b; do echo $x; done",
            "f() { ls; }; f",
            "cat <<E\nx\nE",
            "ls 'unfinished",
            "sh -c uname",
            "env uname",
            "cat <(rm x)",
        ];
        for text in others {
            assert!(!only_reads(text), "{text}");
        }
    }
}
