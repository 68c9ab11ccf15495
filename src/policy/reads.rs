//! Files that file tools read, without a command.

use std::sync::LazyLock;

use super::call::ProgramCall;
use super::judge::Judge;
use super::pattern::Pattern;
use super::{Policy, Refusal};
use crate::shell::argument::{Argument, HOME};

/// The program's name in rules about files that are read.
const PROGRAM: &str = "file_read";

/// The files that file tools do not read, unless an allow rule names them.
const PROTECTED: &[&str] = &["file_read @shadows", "file_read @keys !{~,}/**.pub"];

static PROTECTION: LazyLock<Vec<Pattern>> = LazyLock::new(|| {
    let rules = PROTECTED.iter().map(|rule| Pattern::parse(rule));
    let rules = rules.collect::<Result<_, _>>();
    rules.expect("the rules are constants")
});

impl Pattern {
    /// Returns true if the rule is about files that file tools read, and about nothing else.
    pub(super) fn is_about_reading(&self) -> bool {
        !self.is_about_any() && self.is_about(PROGRAM)
    }
}

impl Policy {
    /// Refuses to read a file that goes by these names: absolute paths, or such that begin with `~/`. It is
    /// judged as the command `file_read NAME`: no block rule may hold for any. Key and shadow files take an
    /// allow rule about `file_read` that describes one. `holds_key` says that it is a key by its content.
    pub fn judge_read(&self, names: &[String], holds_key: bool) -> Result<(), Refusal> {
        for name in names {
            judge(&self.block, name)?;
        }
        let is_allowed = |name: &String| {
            let call = call_of(name);
            self.readable.iter().any(|rule| rule.allows(&call))
        };
        if names.iter().any(is_allowed) {
            return Ok(());
        }
        let mut protected = names.iter().map(|name| judge(&PROTECTION, name));
        let refusal = protected.find_map(Result::err);
        let refusal = refusal.or_else(|| holds_key.then(|| of_key(names)));
        refusal.map_or(Ok(()), Err).map_err(|refusal| Refusal {
                hint: format!(
                    "It holds keys or passwords. Whoever runs this can allow it by the rule `{}` in the allowlist of policies.json.",
                    refusal.part
                ),
                ..refusal
            })
    }
}

fn judge(rules: &[Pattern], name: &str) -> Result<(), Refusal> {
    Judge::new(rules, &[]).blocked(&call_of(name))
}

/// The refusal of a file that holds a private key.
fn of_key(names: &[String]) -> Refusal {
    let part = call_of(names.first().map_or("", String::as_str)).part;
    Refusal {
        rule: Some(PROTECTED[1].to_owned()),
        part: part.to_string(),
        reason: "it is a private key".to_owned(),
        hint: String::new(),
    }
}

fn call_of(name: &str) -> ProgramCall {
    let place = match name.strip_prefix('~') {
        Some(rest) if rest.is_empty() || rest.starts_with('/') => format!("{HOME}{rest}"),
        _ => name.to_owned(),
    };
    ProgramCall {
        words: vec![Argument::of(PROGRAM), Argument::of(place)],
        part: format!("{PROGRAM} {name}").into(),
        ..ProgramCall::default()
    }
}

#[cfg(test)]
mod tests {
    use super::super::DEFAULT_BLOCKLIST;
    use super::*;

    fn rules(rules: &[&str]) -> Vec<Pattern> {
        let parsed = rules.iter().map(|rule| Pattern::parse(rule));
        parsed.collect::<Result<_, _>>().unwrap()
    }

    fn judge_all(policy: &Policy, names: &[&str]) -> Result<(), Refusal> {
        let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
        policy.judge_read(&names, false)
    }

    #[test]
    fn keys_and_shadow_files_are_not_read() {
        let policy = Policy::new(rules(DEFAULT_BLOCKLIST), Vec::new());
        for place in [
            "/etc/shadow",
            "/etc/shadow-",
            "/etc/../etc//gshadow",
            "/proc/1/root/etc/shadow",
            "/etc/master.passwd",
            "~/.ssh/id_ed25519",
            "/home/u/.ssh/id_rsa",
            "/home/u/.ssh/work_ed25519",
            "/root/.ssh/identity",
            "/etc/ssh/ssh_host_rsa_key",
            "/etc/ssl/private/web.key",
            "/etc/letsencrypt/live/example.org/privkey.pem",
            "/etc/letsencrypt/archive/example.org/privkey1.pem",
            "/root/.gnupg/private-keys-v1.d/A.key",
            "/etc/wireguard/wg0.conf",
        ] {
            let refusal = judge_all(&policy, &[place]).expect_err(place);
            assert!(refusal.rule.is_some(), "{refusal:?}");
            assert_eq!(refusal.part, format!("file_read {place}"));
            assert!(refusal.hint.contains("allowlist"), "{refusal:?}");
        }
        for place in [
            "/etc/passwd",
            "/etc/sudoers",
            "/srv/etc/shadow.txt",
            "~/.ssh/config",
            "~/.ssh/known_hosts",
            "~/.ssh/authorized_keys",
            "~/.ssh/id_ed25519.pub",
            "/etc/ssh/ssh_host_rsa_key.pub",
            "/etc/ssh/sshd_config",
            "/etc/ssl/certs/ca.pem",
            "/etc/letsencrypt/live/example.org/fullchain.pem",
            "/srv/id_card.txt",
            "/srv/a*b",
        ] {
            assert_eq!(judge_all(&policy, &[place]), Ok(()), "{place}");
        }
    }

    #[test]
    fn a_key_is_one_wherever_it_lies() {
        let key = ["/srv/deploy".to_owned()];
        let refusal = Policy::default().judge_read(&key, true).unwrap_err();
        assert_eq!(refusal.reason, "it is a private key");
        let allowed = Policy::new(Vec::new(), rules(&["file_read /srv/deploy"]));
        assert_eq!(allowed.judge_read(&key, true), Ok(()));
    }

    #[test]
    fn one_forbidden_name_is_enough_and_a_block_rule_adds_further_files() {
        let policy = Policy::new(rules(&["file_read /srv/private/**"]), Vec::new());
        assert!(judge_all(&policy, &["/tmp/x", "/etc/shadow"]).is_err());
        assert!(judge_all(&policy, &["/srv/private/a/b"]).is_err());
        assert_eq!(judge_all(&policy, &["/srv/public/a"]), Ok(()));
    }

    #[test]
    fn an_allow_rule_about_reading_opens_a_file_and_closes_no_command() {
        let policy = Policy::new(Vec::new(), rules(&["file_read /etc/shadow"]));
        assert_eq!(judge_all(&policy, &["/etc/shadow"]), Ok(()));
        assert!(judge_all(&policy, &["/etc/gshadow"]).is_err());
        assert_eq!(policy.judge("uptime"), Ok(()));
        let commands = Policy::new(Vec::new(), rules(&["ls *", "*"]));
        assert_eq!(judge_all(&commands, &["/etc/hosts"]), Ok(()));
        assert!(judge_all(&commands, &["/etc/shadow"]).is_err());
        let both = Policy::new(
            rules(&["file_read /etc/shadow"]),
            rules(&["file_read /etc/shadow"]),
        );
        assert!(judge_all(&both, &["/etc/shadow"]).is_err());
    }
}
