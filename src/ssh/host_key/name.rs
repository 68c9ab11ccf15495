//! The name under which a host's keys are on record (sshd(8), "SSH_KNOWN_HOSTS FILE FORMAT").

use globset::GlobBuilder;
use hmac::{Hmac, KeyInit, Mac};
use russh::keys::ssh_key::known_hosts::HostPatterns;
use sha1::Sha1;

use crate::host_key::DEFAULT_PORT;

/// A host and its port, in lower case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::ssh) struct HostName {
    pub(in crate::ssh) host: String,
    pub(in crate::ssh) port: u16,
}

impl HostName {
    pub(in crate::ssh) fn new(host: &str, port: u16) -> Self {
        Self {
            host: host.to_ascii_lowercase(),
            port,
        }
    }

    /// The spelling in a file: `host`, or `[host]:port` with another port than the default one.
    pub(super) fn on_record(&self) -> String {
        if self.port == DEFAULT_PORT {
            self.host.clone()
        } else {
            format!("[{}]:{}", self.host, self.port)
        }
    }

    /// The same host on the default port, under which its keys may be on record as well.
    pub(super) fn without_port(&self) -> Option<Self> {
        (self.port != DEFAULT_PORT).then(|| Self::new(&self.host, DEFAULT_PORT))
    }

    pub(super) fn is_among(&self, patterns: &HostPatterns) -> bool {
        let name = self.on_record();
        match patterns {
            HostPatterns::Patterns(patterns) => {
                let (negated, wanted): (Vec<_>, Vec<_>) = patterns
                    .iter()
                    .map(String::as_str)
                    .partition(|pattern| pattern.starts_with('!'));
                let is_refused = negated.iter().any(|pattern| matches(&pattern[1..], &name));
                !is_refused && wanted.iter().any(|pattern| matches(pattern, &name))
            }
            HostPatterns::HashedName { salt, hash } => {
                let keyed = Hmac::<Sha1>::new_from_slice(salt);
                keyed.is_ok_and(|keyed| {
                    let named = keyed.chain_update(name.as_bytes());
                    named.verify_slice(hash).is_ok()
                })
            }
        }
    }
}

/// Returns whether a name matches a pattern with `*` and `?`.
pub(super) fn matches(pattern: &str, name: &str) -> bool {
    let pattern = pattern.to_ascii_lowercase();
    if !pattern.contains(['*', '?']) {
        return pattern == name;
    }
    // Nothing else is special here, least of all the brackets around a host with a port.
    let literal = pattern
        .chars()
        .flat_map(|character| {
            let escape = "[]{}\\!".contains(character).then_some('\\');
            escape.into_iter().chain([character])
        })
        .collect::<String>();
    GlobBuilder::new(&literal)
        .backslash_escape(true)
        .build()
        .is_ok_and(|glob| glob.compile_matcher().is_match(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_among(host: &str, port: u16, patterns: &str) -> bool {
        HostName::new(host, port).is_among(&patterns.parse().unwrap())
    }

    #[test]
    fn patterns_are_as_sshd_s_manual_says() {
        assert!(is_among("WEB1.example.org", 22, "a,*.Example.org"));
        assert!(!is_among("web1.example.org", 22, "*.example.org,!web1.*"));
        assert!(!is_among("web1.example.org", 22, "!db.*"));
        assert!(is_among("127.0.0.1", 2222, "[127.0.0.1]:2222"));
        assert!(is_among("127.0.0.1", 2222, "[127.0.0.?]:*"));
        assert!(!is_among("127.0.0.1", 22, "[127.0.0.1]:22"));
        assert!(!is_among("127.0.0.1", 2222, "127.0.0.1"));
        assert!(is_among("h{a}[1]", 22, "h{a}[1]*"));
        assert!(!is_among("ha", 22, "h{a}*") && !is_among("h1", 22, "h[1]*"));
    }

    /// The names are `ssh-keygen -H`'s.
    #[test]
    fn hashed_names_are_recognised() {
        let plain = "|1|TH1m7lzAikzj1CWBJfpCO9SWgC8=|gwUoVtiR6Lq666sMRU0iv12rjXU=";
        let with_port = "|1|dk0mLqAMfls0LsVX6v9mpafX8DA=|su3CwWHYVaYIzAemV7lR935xIPM=";
        assert!(is_among("Web1", 22, plain) && !is_among("web2", 22, plain));
        assert!(is_among("web1", 2222, with_port) && !is_among("web1", 22, with_port));
    }
}
