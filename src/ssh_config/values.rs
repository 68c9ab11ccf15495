//! The values that directives take.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use super::tokens::Facts;

/// The treatment of a host key that is not on record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StrictHostKeyChecking {
    /// `yes`: refuse it.
    Yes,
    /// `accept-new`: record it; refuse one that changed.
    AcceptNew,
    /// `ask`: ask the user; refuse one that changed.
    Ask,
    /// `no` or `off`: record it, and go on even if it changed.
    No,
}

/// The family of addresses that is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AddressFamily {
    /// All.
    Any,
    /// IPv4.
    Inet,
    /// IPv6.
    Inet6,
}

/// The location of the agent that holds keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IdentityAgent {
    /// `none`: no agent is to be asked.
    Disabled,
    /// `SSH_AUTH_SOCK`: that variable says where, as if nothing were said.
    Environment,
    /// At this socket.
    Socket(PathBuf),
}

pub(super) fn yes_no(text: &str) -> Option<bool> {
    choice(
        text,
        &[
            ("yes", true),
            ("true", true),
            ("no", false),
            ("false", false),
        ],
    )
}

/// `PubkeyAuthentication`, of which two values say more than yes.
pub(super) fn pubkey(text: &str) -> Option<bool> {
    choice(text, &[("unbound", true), ("host-bound", true)]).or_else(|| yes_no(text))
}

pub(super) fn strict(text: &str) -> Option<StrictHostKeyChecking> {
    use StrictHostKeyChecking::{AcceptNew, Ask, No, Yes};

    choice(
        text,
        &[
            ("yes", Yes),
            ("true", Yes),
            ("accept-new", AcceptNew),
            ("ask", Ask),
            ("no", No),
            ("false", No),
            ("off", No),
        ],
    )
}

pub(super) fn family(text: &str) -> Option<AddressFamily> {
    use AddressFamily::{Any, Inet, Inet6};

    choice(text, &[("any", Any), ("inet", Inet), ("inet6", Inet6)])
}

fn choice<T: Copy>(text: &str, choices: &[(&str, T)]) -> Option<T> {
    let chosen = choices
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case(text))?;
    Some(chosen.1)
}

pub(super) fn port(text: &str) -> Option<u16> {
    text.parse().ok().filter(|port| *port != 0)
}

/// A time such as `90`, `1m30` or `2h`.
pub(super) fn time(text: &str) -> Option<Duration> {
    let mut total: u64 = 0;
    let mut rest = text;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let end = rest
            .find(|character: char| !character.is_ascii_digit())
            .unwrap_or(rest.len());
        let count: u64 = rest[..end].parse().ok()?;
        let mut after = rest[end..].chars();
        let unit = match after.next().map(|unit| unit.to_ascii_lowercase()) {
            None | Some('s') => 1,
            Some('m') => 60,
            Some('h') => 60 * 60,
            Some('d') => 24 * 60 * 60,
            Some('w') => 7 * 24 * 60 * 60,
            Some(_) => return None,
        };
        rest = after.as_str();
        total = total.checked_add(count.checked_mul(unit)?)?;
    }
    // Deadlines are computed from it, which must not overflow.
    (total <= u64::from(i32::MAX.unsigned_abs())).then(|| Duration::from_secs(total))
}

/// The same, or `none`, which is zero.
pub(super) fn time_or_none(text: &str) -> Option<Duration> {
    choice(text, &[("none", Duration::ZERO)]).or_else(|| time(text))
}

/// The names in a list with commas.
pub(super) fn names(text: &str) -> Vec<String> {
    let names = text.split(',').map(str::trim);
    names
        .filter(|name| !name.is_empty())
        .map(str::to_owned)
        .collect()
}

/// `IdentityAgent`. An error is the rest of a sentence about the directive.
pub(super) fn agent(text: &str, facts: &Facts<'_>) -> Result<IdentityAgent, String> {
    match text {
        "none" => Ok(IdentityAgent::Disabled),
        "SSH_AUTH_SOCK" => Ok(IdentityAgent::Environment),
        _ => match text.strip_prefix('$').filter(|name| !name.starts_with('{')) {
            Some(name) => {
                if name.is_empty()
                    || name.contains(|c: char| !c.is_ascii_alphanumeric() && c != '_')
                {
                    return Err(format!("names no environment variable: `{text}`"));
                }
                let socket = (facts.local.variable)(name);
                Ok(socket.map_or(IdentityAgent::Disabled, |path| {
                    IdentityAgent::Socket(path.into())
                }))
            }
            None => facts.path(text).map(IdentityAgent::Socket),
        },
    }
}

/// A host name as OpenSSH uses it: in lower case, unless it is an address.
pub(super) fn lower(host: &str) -> String {
    let address = host.split('%').next().unwrap_or_default();
    if address.parse::<IpAddr>().is_ok() {
        host.to_owned()
    } else {
        host.to_ascii_lowercase()
    }
}

/// Returns whether a host name is harmless in a command line, in which tokens may put it.
pub(super) fn is_host_name(host: &str) -> bool {
    !host.is_empty()
        && !host.starts_with('-')
        && !host.contains(|character: char| {
            "'`\"$\\;&<>|(){},".contains(character)
                || character.is_whitespace()
                || character.is_control()
        })
}

/// The same for a user name, which may hold a space or a backslash.
pub(super) fn is_user_name(user: &str) -> bool {
    !user.is_empty()
        && !user.starts_with('-')
        && !user.ends_with('\\')
        && !user.contains(" -")
        && !user.contains(|character: char| {
            "'`\";&<>|(){}".contains(character) || character.is_control()
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times() {
        for (text, seconds) in [
            ("0", Some(0)),
            ("90", Some(90)),
            ("1m30", Some(90)),
            ("1W2d", Some(777_600)),
            ("2h1s", Some(7201)),
            ("", None),
            ("-1", None),
            ("m", None),
            ("1x", None),
            ("1mé", None),
            ("99999999999999999999", None),
            ("999999999999w", None),
        ] {
            assert_eq!(time(text), seconds.map(Duration::from_secs), "{text}");
        }
        assert_eq!(time_or_none("none"), Some(Duration::ZERO));
    }

    #[test]
    fn words_in_any_case() {
        assert_eq!(yes_no("YES"), Some(true));
        assert_eq!(yes_no("1"), None);
        assert_eq!(pubkey("host-bound"), Some(true));
        assert_eq!(strict("off"), Some(StrictHostKeyChecking::No));
        assert_eq!(strict("maybe"), None);
        assert_eq!(family("INET6"), Some(AddressFamily::Inet6));
        assert_eq!(port("65536"), None);
        assert_eq!(port("0"), None);
    }

    #[test]
    fn names_that_a_shell_would_read_as_more() {
        for host in ["a b", "-oX", "a;b", "$(id)", "", "a\n", "`id`"] {
            assert!(!is_host_name(host), "{host}");
        }
        for host in ["web1", "fe80::1%eth0", "exämple.org", "a_b"] {
            assert!(is_host_name(host), "{host}");
        }
        assert!(is_user_name(r"DOMAIN\me") && is_user_name("a b"));
        assert!(!is_user_name("a;b") && !is_user_name("a -b") && !is_user_name("-a"));
    }

    #[test]
    fn addresses_keep_their_case() {
        assert_eq!(lower("FE80::1%Eth0"), "FE80::1%Eth0");
        assert_eq!(lower("WEB.example"), "web.example");
    }
}
