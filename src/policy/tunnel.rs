//! Rules for tunnels: the places that they may lead to.

use std::net::IpAddr;
use std::ops::RangeInclusive;

use globset::{GlobBuilder, GlobMatcher};

use super::metadata::{address, is_metadata_address, is_metadata_name};
use super::{Judgement, Policy, Refusal};
use crate::ssh::ForwardTarget;

/// A rule about tunnels: `HOST:PORT` or the path of a socket, as patterns.
///
/// `*` stands for any host or port, `8000-8099` for the ports between. A rule that begins with `!` refuses; one that
/// begins with `remote ` is about tunnels that lead from a server to this machine.
#[derive(Clone, Debug)]
pub struct TunnelRule {
    written: String,
    refuses: bool,
    is_remote: bool,
    place: PlacePattern,
}

#[derive(Clone, Debug)]
enum PlacePattern {
    Port {
        host: GlobMatcher,
        /// Set if the pattern stands for one host alone.
        only: Option<String>,
        ports: RangeInclusive<u16>,
    },
    Socket(GlobMatcher),
}

/// A tunnel's place, as it is judged.
pub struct TunnelPlace<'a> {
    /// The place that it leads to.
    pub to: &'a ForwardTarget,
    /// True if it leads from the server to this machine.
    pub is_remote: bool,
    /// The addresses that the host's name stands for, as far as they are known.
    pub addresses: &'a [IpAddr],
}

impl TunnelRule {
    /// Parses a rule. The error completes the sentence "it is no rule: …".
    pub fn parse(written: &str) -> Result<Self, String> {
        let text = written.trim();
        let (text, refuses) = match text.strip_prefix('!') {
            Some(rest) => (rest.trim_start(), true),
            None => (text, false),
        };
        let (text, is_remote) = match text.strip_prefix("remote ") {
            Some(rest) => (rest.trim_start(), true),
            None => (text, false),
        };
        Ok(Self {
            written: written.to_owned(),
            refuses,
            is_remote,
            place: PlacePattern::parse(text)?,
        })
    }
}

impl PlacePattern {
    fn parse(text: &str) -> Result<Self, String> {
        if text.starts_with('/') {
            return Ok(Self::Socket(glob(text)?));
        }
        let expected = "expected HOST:PORT or the path of a socket";
        let (host, ports) = text.rsplit_once(':').ok_or(expected)?;
        let bare = host
            .strip_prefix('[')
            .and_then(|host| host.strip_suffix(']'));
        let host = plain(bare.unwrap_or(host));
        let is_open = host.contains(['*', '?', '[', '{']);
        Ok(Self::Port {
            host: glob(&host)?,
            only: (!is_open).then_some(host),
            ports: port_range(ports).ok_or(expected)?,
        })
    }

    fn matches(&self, to: &ForwardTarget, addresses: &[IpAddr]) -> bool {
        match (self, to) {
            (Self::Port { host, ports, .. }, ForwardTarget::Port { host: name, port }) => {
                let is_host = host.is_match(plain(name))
                    || addresses
                        .iter()
                        .any(|address| host.is_match(address.to_string()));
                ports.contains(port) && is_host
            }
            (Self::Socket(pattern), ForwardTarget::Socket(path)) => pattern.is_match(path),
            _ => false,
        }
    }

    /// Returns true if it names this very host.
    fn names(&self, to: &ForwardTarget) -> bool {
        match (self, to) {
            (Self::Port { only, .. }, ForwardTarget::Port { host, .. }) => {
                only.as_ref().is_some_and(|only| *only == plain(host))
            }
            _ => false,
        }
    }
}

impl Policy {
    /// The same policy with rules for tunnels. Where some of them permit, all other places are refused.
    #[must_use]
    pub fn with_tunnels(self, tunnels: Vec<TunnelRule>) -> Self {
        Self { tunnels, ..self }
    }

    /// Refuses a tunnel to a place that the rules forbid. A cloud's metadata service has to be named by a rule.
    pub fn judge_tunnel(&self, place: &TunnelPlace<'_>) -> Judgement {
        let TunnelPlace { to, addresses, .. } = *place;
        let about = |rule: &&TunnelRule| rule.is_remote == place.is_remote;
        let rules = || self.tunnels.iter().filter(about);
        let refusing = rules().find(|rule| rule.refuses && rule.place.matches(to, addresses));
        if let Some(rule) = refusing {
            return Err(refusal(to, Some(rule), "a rule refuses tunnels there"));
        }
        let permits = |rule: &&TunnelRule| !rule.refuses && rule.place.matches(to, &[]);
        if !place.is_remote && is_metadata(to, addresses) {
            let is_named = rules().filter(permits).any(|rule| rule.place.names(to));
            let reason = "a cloud gives the machine's credentials there";
            return if is_named {
                Ok(())
            } else {
                Err(refusal(to, None, reason))
            };
        }
        let is_restricted = self.tunnels.iter().any(|rule| !rule.refuses);
        if is_restricted && !rules().any(|rule| permits(&rule)) {
            return Err(refusal(to, None, "no rule lets tunnels through there"));
        }
        Ok(())
    }
}

fn is_metadata(to: &ForwardTarget, addresses: &[IpAddr]) -> bool {
    let ForwardTarget::Port { host, .. } = to else {
        return false;
    };
    let host = plain(host);
    is_metadata_name(&host)
        || address(&host).is_some_and(is_metadata_address)
        || addresses.iter().copied().any(is_metadata_address)
}

fn refusal(to: &ForwardTarget, rule: Option<&TunnelRule>, reason: &str) -> Refusal {
    Refusal {
        rule: rule.map(|rule| rule.written.clone()),
        part: format!("a tunnel to {to}"),
        reason: reason.to_owned(),
        hint: "Use another place, or ask the person who runs this, who alone can change that, in `tunnels` of policies.json.".to_owned(),
    }
}

/// A host in one spelling.
fn plain(host: &str) -> String {
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    address(&host).map_or(host, |address| address.to_string())
}

fn glob(pattern: &str) -> Result<GlobMatcher, String> {
    let glob = GlobBuilder::new(pattern).literal_separator(true).build();
    glob.map(|glob| glob.compile_matcher())
        .map_err(|error| error.kind().to_string())
}

/// The ports of `*`, `80` or `8000-8099`.
fn port_range(text: &str) -> Option<RangeInclusive<u16>> {
    if text == "*" {
        return Some(0..=u16::MAX);
    }
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    Some(first.parse().ok()?..=last.parse().ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(rules: &[&str]) -> Policy {
        let rules = rules.iter().map(|rule| TunnelRule::parse(rule).unwrap());
        Policy::default().with_tunnels(rules.collect())
    }

    fn allows(policy: &Policy, host: &str, port: u16) -> bool {
        let to = ForwardTarget::port_of(host, port);
        let place = TunnelPlace {
            to: &to,
            is_remote: false,
            addresses: &[],
        };
        policy.judge_tunnel(&place).is_ok()
    }

    #[test]
    fn without_rules_all_but_metadata_services_may_be_reached() {
        let policy = policy(&[]);
        assert!(allows(&policy, "127.0.0.1", 5432) && allows(&policy, "db.internal", 1));
        for host in ["169.254.169.254", "0xa9fea9fe", "Metadata.Google.Internal."] {
            assert!(!allows(&policy, host, 80), "{host}");
        }
        let to = ForwardTarget::port_of("harmless.test", 80);
        let rebound = TunnelPlace {
            to: &to,
            is_remote: false,
            addresses: &["169.254.169.254".parse().unwrap()],
        };
        assert!(policy.judge_tunnel(&rebound).is_err());
    }

    #[test]
    fn a_rule_that_permits_refuses_all_else() {
        let policy = policy(&[
            "127.0.0.1:5432",
            "db-*.test:8000-8099",
            "[::1]:*",
            "!db-9.test:*",
        ]);
        assert!(allows(&policy, "127.1", 5432) && allows(&policy, "DB-1.test", 8050));
        assert!(allows(&policy, "0:0::1", 9));
        for (host, port) in [
            ("127.0.0.1", 5433),
            ("db-1.test", 8100),
            ("db-9.test", 8000),
            ("x", 5432),
        ] {
            assert!(!allows(&policy, host, port), "{host}:{port}");
        }
    }

    #[test]
    fn a_metadata_service_has_to_be_named() {
        assert!(!allows(&policy(&["*:*"]), "169.254.169.254", 80));
        assert!(allows(&policy(&["169.254.169.254:80"]), "2852039166", 80));
    }

    #[test]
    fn sockets_and_tunnels_to_this_machine_have_rules_of_their_own() {
        let policy = policy(&["/run/*/x.sock", "remote 127.0.0.1:3000"]);
        let judged = |to: ForwardTarget, is_remote| {
            let place = TunnelPlace {
                to: &to,
                is_remote,
                addresses: &[],
            };
            policy.judge_tunnel(&place).is_ok()
        };
        let port = || ForwardTarget::port_of("127.0.0.1", 3000);
        assert!(judged(ForwardTarget::Socket("/run/a/x.sock".into()), false));
        assert!(!judged(
            ForwardTarget::Socket("/run/a/b/x.sock".into()),
            false
        ));
        assert!(judged(port(), true) && !judged(port(), false));
    }

    #[test]
    fn a_text_that_is_no_rule_is_refused() {
        for rule in ["db", "db:", "db:x", "db:1-", "[:80"] {
            assert!(TunnelRule::parse(rule).is_err(), "{rule}");
        }
    }
}
