//! The system, its packages, a reboot that is due, and who is logged in.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Serialize;

use super::{first_line, short};
use crate::monitor::Sections;

/// The most units, users or packages that are named.
const MOST: usize = 20;

/// A user who is logged in.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub(super) struct User {
    pub(super) name: String,
    pub(super) sessions: usize,
    /// The addresses from which, without doubles.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) from: Vec<String>,
}

/// The package manager.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub(super) struct Packages {
    pub(super) manager: String,
    /// The number of pending updates where the server knows it without a look at the network.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) updates: Option<u64>,
}

/// The system's name, or its kernel's.
pub(super) fn name(sections: &Sections<'_>) -> String {
    let name = first_line(sections, "os");
    if name.is_empty() {
        let kernel = first_line(sections, "kernel");
        return kernel.split(' ').next().unwrap_or_default().to_owned();
    }
    name
}

/// The users, as `who` lists their sessions. Busybox writes a heading, and addresses without parentheses.
pub(super) fn users(sections: &Sections<'_>) -> Vec<User> {
    let lines = sections.lines("users");
    let is_busybox = lines.first().is_some_and(|line| line.starts_with("USER "));
    let mut users = IndexMap::<&str, User>::new();
    for line in lines.iter().skip(usize::from(is_busybox)) {
        let words: Vec<_> = line.split_whitespace().collect();
        let Some(name) = words.first() else {
            continue;
        };
        let from = if is_busybox {
            words.get(6).copied()
        } else {
            let last = words.last().and_then(|word| word.strip_prefix('('));
            last.and_then(|word| word.strip_suffix(')'))
        };
        let user = users.entry(name).or_insert_with(|| User {
            name: short(name),
            sessions: 0,
            from: Vec::new(),
        });
        user.sessions += 1;
        let from = from.map(short).filter(|from| !user.from.contains(from));
        user.from.extend(from);
    }
    let users = users.into_values().take(MOST);
    users.collect()
}

/// The units that have failed; `None` without systemd.
pub(super) fn failed_units(sections: &Sections<'_>) -> Option<Vec<String>> {
    let units = sections.lines("failed units").iter();
    let units = units.filter_map(|line| line.trim_start_matches(['●', '*', ' ']).split(' ').next());
    let units = units.filter(|unit| !unit.is_empty()).take(MOST).map(short);
    sections.has("failed units").then(|| units.collect())
}

/// The reason for a reboot that is due: packages ask for it, or a newer kernel is installed than runs.
pub(super) fn reboot_needed(sections: &Sections<'_>) -> Option<String> {
    if sections.has("reboot required") {
        let packages = sections.lines("reboot required").iter().take(MOST);
        let packages: Vec<_> = packages.copied().map(short).collect();
        let packages = packages.join(", ");
        return Some(match packages.as_str() {
            "" => "the system asks for it".to_owned(),
            packages => format!("asked for by {packages}"),
        });
    }
    let kernel = first_line(sections, "kernel");
    let mut words = kernel.split(' ');
    let (system, running) = (words.next()?, words.next()?);
    let installed = sections.lines("installed kernels");
    let newer = if system == "FreeBSD" {
        installed.iter().find(|installed| **installed != running)
    } else {
        newer_kernel(running, installed)
    };
    newer.map(|newer| format!("kernel {} is installed, {running} runs", short(newer)))
}

/// The newest of the installed kernels of the running one's flavour. Nothing is said where the running one is not
/// among them, as in containers.
fn newer_kernel<'a, 's>(running: &str, installed: &'a [&'s str]) -> Option<&'a &'s str> {
    let (version, flavour) = version_and_flavour(running);
    let newest = installed
        .iter()
        .map(|name| (version_and_flavour(name), name));
    let newest = newest.filter(|((_, other), _)| *other == flavour).max()?;
    let is_newer = installed.contains(&running) && newest.0.0 > version;
    is_newer.then_some(newest.1)
}

/// The numbers of `6.1.0-13-amd64`, and its last part without numbers.
fn version_and_flavour(kernel: &str) -> (Vec<u64>, String) {
    let letter = kernel.find(|one: char| one.is_ascii_alphabetic());
    let (version, flavour) = kernel.split_at(letter.unwrap_or(kernel.len()));
    let numbers = version.split(|one: char| !one.is_ascii_digit());
    let numbers = numbers.filter_map(|number| number.parse().ok());
    (
        numbers.collect(),
        flavour.replace(|one: char| one.is_ascii_digit(), ""),
    )
}

/// The package manager, and the number of updates where it is known.
pub(super) fn packages(sections: &Sections<'_>) -> Option<Packages> {
    let manager = match first_line(sections, "package manager").as_str() {
        "" | "none" => return None,
        "apt-get" => "apt".to_owned(),
        other => other.to_owned(),
    };
    let updates = first_line(sections, "updates").parse().ok();
    Some(Packages { manager, updates })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read<T>(text: &str, read: impl FnOnce(&Sections<'_>) -> T) -> T {
        read(&Sections::of(text))
    }

    #[test]
    fn a_newer_kernel_of_the_same_flavour_asks_for_a_reboot() {
        let table = [
            ("6.1.0-13-amd64", "6.1.0-9-amd64 6.1.0-13-amd64", None),
            (
                "6.1.0-9-amd64",
                "6.1.0-9-amd64 6.1.0-13-amd64",
                Some("6.1.0-13-amd64"),
            ),
            ("6.1.0-9-amd64", "6.1.0-9-amd64 6.1.0-13-rt-amd64", None),
            ("6.1.0-9-amd64", "6.1.0-13-amd64", None),
            (
                "6.6.20+rpt-rpi-v8",
                "6.6.20+rpt-rpi-2712 6.6.20+rpt-rpi-v8",
                None,
            ),
            (
                "5.14.0-362.el9_3.x86_64",
                "5.14.0-362.el9_3.x86_64 5.14.0-427.el9_4.x86_64 0-rescue-0ab",
                Some("5.14.0-427.el9_4.x86_64"),
            ),
            ("6.10.1-arch1-1", "linux", None),
        ];
        for (running, installed, newer) in table {
            let installed: Vec<_> = installed.split(' ').collect();
            assert_eq!(
                newer_kernel(running, &installed).copied(),
                newer,
                "{running}"
            );
        }
    }

    #[test]
    fn a_reboot_has_its_reason() {
        let asked = "@@ kernel\nLinux 6.1.0 x86_64\n@@ reboot required\nlibc6\nlinux-image-amd64\n";
        assert_eq!(
            read(asked, reboot_needed).unwrap(),
            "asked for by libc6, linux-image-amd64"
        );
        let freebsd =
            "@@ kernel\nFreeBSD 14.1-RELEASE-p3 amd64\n@@ installed kernels\n14.1-RELEASE-p5\n";
        assert_eq!(
            read(freebsd, reboot_needed).unwrap(),
            "kernel 14.1-RELEASE-p5 is installed, 14.1-RELEASE-p3 runs"
        );
        assert_eq!(read("@@ kernel\nLinux 6.1.0 x86_64\n", reboot_needed), None);
    }

    #[test]
    fn users_are_listed_once() {
        let who = "@@ users\nroot     pts/0        2026-11-26 15:40 (192.0.2.7)\n\
            root     pts/1        2026-11-26 15:41 (192.0.2.7)\nada      tty1         2026-11-26 09:00\n";
        let busybox = "@@ users\nUSER       TTY             IDLE      TIME            HOST\n\
            root       pts/0           00:00     Nov 26 15:40:01  192.0.2.7\n";
        let listed = |text: &str| {
            let users = read(text, users).into_iter();
            let users = users.map(|user| (user.name, user.sessions, user.from.join(" ")));
            users.collect::<Vec<_>>()
        };
        let root = |sessions| ("root".to_owned(), sessions, "192.0.2.7".to_owned());
        assert_eq!(listed(who), [root(2), ("ada".to_owned(), 1, String::new())]);
        assert_eq!(listed(busybox), [root(1)]);
        assert!(listed("@@ users\n").is_empty());
    }

    #[test]
    fn units_without_systemd_are_not_counted_as_well() {
        assert_eq!(read("@@ os\n", failed_units), None);
        assert_eq!(read("@@ failed units\n\n", failed_units), Some(Vec::new()));
        let failed = "@@ failed units\n● nginx.service loaded failed failed A web server\n";
        assert_eq!(read(failed, failed_units).unwrap(), ["nginx.service"]);
    }
}
