//! The commands of devices that only read.
//!
//! Whatever is not known to read counts as a change. Words that write a file (`| redirect`, `> flash:x`, `file=x`) and
//! signs by which several commands stand in one line are among what is not known.

/// The commands that read, whatever follows: their first words.
const READERS: &[&str] = &[
    "show",
    "do show",
    "display",
    "get",
    "dir",
    "ping",
    "traceroute",
    "tracert",
    "terminal length",
    "terminal width",
    "terminal pager",
    "screen-length",
    "screen-width",
];

/// The filters behind a `|` that only choose lines, with their short forms.
const FILTERS: &[&str] = &[
    "include", "inc", "i", "exclude", "exc", "e", "begin", "beg", "b", "section", "sec", "count",
    "match", "except", "find", "grep", "egrep", "last", "head", "no-more",
];

/// The verbs of `RouterOS` that read, behind a path from its root. Elsewhere no command begins with a `/`, and such a
/// word may be an argument: `reload print` reloads a Cisco, for the reason `print`.
const VERBS: &[&str] = &["print", "export"];

/// Returns whether each line of a text is known to change nothing on a device.
pub(crate) fn only_reads(text: &str) -> bool {
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    !text.trim().is_empty() && lines.all(line_reads)
}

fn line_reads(line: &str) -> bool {
    let is_plain = |letter: char| letter.is_alphanumeric() || " -_./:,=*\"'|+@^".contains(letter);
    let mut parts = line.split('|');
    let command = parts.next().unwrap_or_default();
    line.chars().all(is_plain) && command_reads(command) && parts.all(filter_reads)
}

fn command_reads(command: &str) -> bool {
    let command = command.to_ascii_lowercase();
    let words: Vec<_> = command.split_whitespace().collect();
    let command = words.join(" ");
    let mut readers = READERS.iter();
    let is_reader = readers.any(|reader| {
        let rest = command.strip_prefix(reader);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
    });
    is_reader || path_reads(&words)
}

/// A path of `RouterOS` with a verb that reads, and what it is to show: `/ip/address/print where disabled=yes`.
fn path_reads(words: &[&str]) -> bool {
    let flat = words.join(" ");
    let Some(flat) = flat.strip_prefix('/') else {
        return false;
    };
    let steps: Vec<_> = flat
        .split([' ', '/'])
        .filter(|step| !step.is_empty())
        .collect();
    let is_step = |step: &&str| {
        step.chars()
            .all(|letter| letter.is_ascii_alphanumeric() || letter == '-')
    };
    let Some(verb) = steps.iter().position(|step| VERBS.contains(step)) else {
        return false;
    };
    let (path, shown) = steps.split_at(verb);
    path.iter().all(is_step) && !shown.iter().any(|word| word.starts_with("file"))
}

fn filter_reads(filter: &str) -> bool {
    let first = filter.split_whitespace().next().unwrap_or_default();
    FILTERS.contains(&first.to_ascii_lowercase().as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_known_to_read_counts_as_reading() {
        for text in [
            "show version",
            "show running-config | include hostname",
            "SHOW IP ROUTE",
            "do show vlan",
            "display current-configuration | begin aaa",
            "get system status",
            "/ip/address/print where interface=ether1",
            "/system resource print",
            "/export hide-sensitive",
            "ping 192.0.2.1",
            "terminal length 0\nshow clock\n",
        ] {
            assert!(only_reads(text), "{text}");
        }
        for text in [
            "",
            "reload",
            "configure terminal",
            "show version; reload",
            "show running-config > flash:copy",
            "show running-config | redirect tftp://192.0.2.9/x",
            "show tech | tee flash:x",
            "display version\nreboot",
            "/ip/address/print file=addresses",
            "/export file=all",
            "/ip address add address=192.0.2.1/24 interface=print",
            "/system reboot",
            "showx",
            "reload print",
            "ip domain name print",
            "terminal monitor",
            "show `x`",
            "show $(x)",
            ":put [/system reboot]",
            "print && reload",
            "write memory",
            "enable",
        ] {
            assert!(!only_reads(text), "{text}");
        }
    }
}
