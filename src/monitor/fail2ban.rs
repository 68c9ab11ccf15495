//! The jails of Fail2Ban and the addresses that it has banned.

use serde::Serialize;

use super::Sections;
use crate::error::Error;
use crate::shell::quote;

const SCRIPT: &str = include_str!("fail2ban.sh");

/// The state of the jails.
#[derive(Debug, Serialize)]
pub struct Fail2Ban {
    jails: Vec<Jail>,
    /// The output of `fail2ban-client`.
    raw: String,
}

#[derive(Debug, Serialize)]
struct Jail {
    name: String,
    currently_failed: Option<u64>,
    total_failed: Option<u64>,
    currently_banned: Option<u64>,
    total_banned: Option<u64>,
    banned_addresses: Vec<String>,
}

/// The command of the probe, for one jail or for all.
pub fn command(jail: Option<&str>) -> Result<String, Error> {
    let jail = jail.unwrap_or_default();
    if jail.starts_with('-') {
        return Err(Error::invalid("jail", "begins with a dash, as options do"));
    }
    Ok(format!("set -- {}\n{SCRIPT}", quote(jail)))
}

/// Parses the output of the command.
pub fn parse(text: &str) -> Fail2Ban {
    let sections = Sections::of(text);
    let headings = text
        .lines()
        .filter_map(|line| line.strip_prefix("@@ jail "));
    let jails = headings.map(|name| jail(&sections, name.trim())).collect();
    let raw = text.lines().filter(|line| !line.starts_with("@@ "));
    Fail2Ban {
        jails,
        raw: raw.collect::<Vec<_>>().join("\n"),
    }
}

fn jail(sections: &Sections<'_>, name: &str) -> Jail {
    let section = format!("jail {name}");
    let value = |label: &str| {
        sections
            .lines(&section)
            .iter()
            .find_map(|line| Some(line.split_once(label)?.1.trim().to_owned()))
    };
    let number = |label: &str| value(label)?.parse().ok();
    let banned = value("Banned IP list:").unwrap_or_default();
    Jail {
        name: name.to_owned(),
        currently_failed: number("Currently failed:"),
        total_failed: number("Total failed:"),
        currently_banned: number("Currently banned:"),
        total_banned: number("Total banned:"),
        banned_addresses: banned.split_whitespace().map(ToOwned::to_owned).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jails_are_read() {
        let state = serde_json::to_value(parse(include_str!("captured/fail2ban.txt"))).unwrap();
        assert_eq!(state["jails"][0]["name"], "nginx-http-auth");
        let sshd = &state["jails"][1];
        assert_eq!(
            (&sshd["currently_failed"], &sshd["total_banned"]),
            (&1.into(), &7.into())
        );
        assert_eq!(
            sshd["banned_addresses"],
            serde_json::json!(["192.0.2.4", "2001:db8::7"])
        );
        assert!(
            state["raw"]
                .as_str()
                .unwrap()
                .contains("Number of jail:\t2")
        );
    }
}
