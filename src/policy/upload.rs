//! Files that an upload writes, without a command.

use super::call::ProgramCall;
use super::environment::Environment;
use super::judge::{CommandContext, Judge};
use super::{Policy, Refusal};
use crate::shell::argument::{Argument, HOME};

impl Policy {
    /// Refuses to write a file that goes by these names: absolute paths, or such that begin with `~/`. It is
    /// judged as a redirection to each of them: no block rule may hold for any, and an allow rule has to
    /// describe one.
    pub fn judge_write(&self, names: &[String]) -> Result<(), Refusal> {
        for name in names {
            let judged = write(Judge::new(&self.block, &[]), name);
            judged.map_err(|refusal| Refusal {
                hint:
                    "Upload it to another place, or have it put there by whoever keeps the rules."
                        .into(),
                ..refusal
            })?;
        }
        let permitted = names
            .iter()
            .map(|name| write(Judge::new(&[], &self.allow), name));
        let refused =
            permitted.reduce(|first, next| if first.is_ok() { first } else { next.or(first) });
        refused.unwrap_or(Ok(())).map_err(|refusal| Refusal {
            hint: format!(
                "An upload takes an allow rule for its target, such as `* >/srv/app/**`. {}",
                refusal.hint
            ),
            ..refusal
        })
    }
}

fn write(mut judge: Judge<'_>, name: &str) -> Result<(), Refusal> {
    let place = match name.strip_prefix('~') {
        Some(rest) if rest.is_empty() || rest.starts_with('/') => format!("{HOME}{rest}"),
        _ => name.to_owned(),
    };
    let call = ProgramCall {
        outputs: vec![Argument::of(place)],
        part: format!(">{name}").into(),
        ..ProgramCall::default()
    };
    judge.call(
        call,
        &mut Environment::default(),
        &CommandContext::default(),
    )
}

#[cfg(test)]
mod tests {
    use super::super::{DEFAULT_BLOCKLIST, Pattern};
    use super::*;

    fn rules(rules: &[&str]) -> Vec<Pattern> {
        let parsed = rules.iter().map(|rule| Pattern::parse(rule));
        parsed.collect::<Result<_, _>>().unwrap()
    }

    fn judge(policy: &Policy, names: &[&str]) -> Result<(), Refusal> {
        let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
        policy.judge_write(&names)
    }

    #[test]
    fn the_default_rules_hold_for_what_is_written() {
        let policy = Policy::new(rules(DEFAULT_BLOCKLIST), Vec::new());
        for place in [
            "/etc/passwd",
            "/etc/../etc//shadow",
            "/etc/sudoers",
            "/dev/sda",
            "/dev/disk/by-id/x",
            "/proc/sysrq-trigger",
        ] {
            let refusal = judge(&policy, &[place]).unwrap_err();
            assert!(refusal.rule.is_some(), "{refusal:?}");
            assert_eq!(refusal.part, format!(">{place}"));
        }
        for place in [
            "/etc/passwd.new",
            "/srv/etc/passwd",
            "~/passwd",
            "/dev/null",
            "/etc/*",
            "/etc/pass?d",
            "/srv/$HOME",
        ] {
            assert_eq!(judge(&policy, &[place]), Ok(()), "{place}");
        }
    }

    #[test]
    fn one_forbidden_name_is_enough() {
        let policy = Policy::new(rules(&["* >~/.ssh/**", "cat >/srv/x"]), Vec::new());
        assert!(judge(&policy, &["/home/u/.ssh/config", "~/.ssh/config"]).is_err());
        assert_eq!(judge(&policy, &["/home/u/x", "~/x"]), Ok(()));
        assert_eq!(judge(&policy, &["/srv/x"]), Ok(()), "the rule is about cat");
    }

    #[test]
    fn an_allow_list_has_to_name_the_place() {
        let policy = Policy::new(Vec::new(), rules(&["ls *", "* >/srv/app/**", "* >~/up/**"]));
        assert_eq!(judge(&policy, &["/srv/app/a/b"]), Ok(()));
        assert_eq!(judge(&policy, &["/home/u/up/x", "~/up/x"]), Ok(()));
        for place in ["/srv/app", "/srv/app/../x", "/srv/b", "~/x"] {
            let refusal = judge(&policy, &[place]).unwrap_err();
            assert_eq!(refusal.rule, None);
            assert!(refusal.hint.contains("* >/srv/app/**"), "{refusal:?}");
        }
        let silent = Policy::new(Vec::new(), rules(&["*", "ls *", "tee *"]));
        assert!(judge(&silent, &["/srv/x"]).is_err());
    }
}
