//! The jails of Fail2Ban and the addresses that it has banned.

use schemars::JsonSchema;
use serde::Serialize;

use super::Sections;
use crate::error::Error;
use crate::shell::quote;
use crate::text::{beginning, table};

const SCRIPT: &str = include_str!("fail2ban.sh");

/// The most addresses of a jail that are shown among all jails.
const FEW_ADDRESSES: usize = 10;
/// The most addresses of a jail that are shown where only this jail was asked for.
const MOST_ADDRESSES: usize = 200;
/// The longest name of a jail, or address.
const LONGEST_NAME: usize = 64;

/// The state of the jails.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Fail2Ban {
    jails: Vec<Jail>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Jail {
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    currently_failed: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    total_failed: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    currently_banned: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    total_banned: Option<u64>,
    /// The first of them.
    banned_addresses: Vec<String>,
    /// The number of further addresses.
    #[serde(skip_serializing_if = "Option::is_none")]
    addresses_left_out: Option<usize>,
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
    let names: Vec<_> = headings.map(str::trim).collect();
    let most = match names.as_slice() {
        [_] => MOST_ADDRESSES,
        _ => FEW_ADDRESSES,
    };
    let jails = names.iter().map(|name| jail(&sections, name, most));
    Fail2Ban {
        jails: jails.collect(),
    }
}

fn jail(sections: &Sections<'_>, name: &str, most: usize) -> Jail {
    let section = format!("jail {name}");
    let value = |label: &str| {
        let mut lines = sections.lines(&section).iter();
        lines.find_map(|line| Some(line.split_once(label)?.1.trim()))
    };
    let number = |label: &str| value(label)?.parse().ok();
    let short = |text: &str| beginning(text, LONGEST_NAME).into_owned();
    let banned = value("Banned IP list:").unwrap_or_default();
    let addresses = banned.split_whitespace();
    let left_out = addresses.clone().count().saturating_sub(most);
    Jail {
        name: short(name),
        currently_failed: number("Currently failed:"),
        total_failed: number("Total failed:"),
        currently_banned: number("Currently banned:"),
        total_banned: number("Total banned:"),
        banned_addresses: addresses.take(most).map(short).collect(),
        addresses_left_out: Some(left_out).filter(|number| *number > 0),
    }
}

impl Fail2Ban {
    /// The jails for people, one in a line.
    pub fn text(&self) -> String {
        if self.jails.is_empty() {
            return "no jail".to_owned();
        }
        let rows: Vec<_> = self.jails.iter().map(Jail::row).collect();
        table(&rows)
    }
}

impl Jail {
    fn row(&self) -> [String; 4] {
        let numbers = |what: &str, now: Option<u64>, total: Option<u64>| {
            let known = |number: u64| number.to_string();
            let [now, total] =
                [now, total].map(|number| number.map_or_else(|| "?".to_owned(), known));
            format!("{now} {what} now, {total} in all")
        };
        let left_out = self.addresses_left_out;
        let left_out = left_out.map(|number| format!(" and {number} more"));
        [
            self.name.clone(),
            numbers("banned", self.currently_banned, self.total_banned),
            numbers("failed", self.currently_failed, self.total_failed),
            format!(
                "{}{}",
                self.banned_addresses.join(" "),
                left_out.unwrap_or_default()
            ),
        ]
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
        let text = parse(include_str!("captured/fail2ban.txt")).text();
        assert!(
            text.ends_with("sshd             2 banned now, 7 in all  1 failed now, 25 in all  192.0.2.4 2001:db8::7"),
            "{text}"
        );
    }
}
