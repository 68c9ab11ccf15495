//! Files that a transfer writes or removes, without a command.

use super::call::ProgramCall;
use super::environment::Environment;
use super::judge::{CommandContext, Judge};
use super::{Policy, Refusal};
use crate::shell::argument::{Argument, HOME};

/// Advice on a refusal, by its cause.
struct RefusalHints {
    /// By a block rule.
    blocked: &'static str,
    /// For want of an allow rule.
    unlisted: &'static str,
}

impl Policy {
    /// Refuses to write a file that goes by these names: absolute paths, or such that begin with `~/`. It is
    /// judged as a redirection to each of them: no block rule may hold for any, and an allow rule has to
    /// describe one.
    pub fn judge_write(&self, names: &[String]) -> Result<(), Refusal> {
        let hints = RefusalHints {
            blocked: "Upload it to another place, or have it put there by whoever keeps the rules.",
            unlisted: "An upload takes an allow rule for its target, such as `* >/srv/app/**`.",
        };
        self.judge_file(names, write, &hints)
    }

    /// Refuses to remove a file that goes by these names. It is judged as `rm` of each of them, as
    /// [`Self::judge_write`] judges a redirection.
    pub fn judge_removal(&self, names: &[String]) -> Result<(), Refusal> {
        let hints = RefusalHints {
            blocked: "Leave it, or have it removed by whoever keeps the rules.",
            unlisted: "A removal takes an allow rule, such as `rm /srv/app/**`.",
        };
        self.judge_file(names, remove, &hints)
    }

    /// Judges what is done to a file of these names.
    fn judge_file(
        &self,
        names: &[String],
        call: fn(&str) -> ProgramCall,
        hints: &RefusalHints,
    ) -> Result<(), Refusal> {
        for name in names {
            let judged = judge(Judge::new(&self.block, &[]), call(name));
            judged.map_err(|refusal| Refusal {
                hint: hints.blocked.into(),
                ..refusal
            })?;
        }
        if self.allow.is_empty() {
            return Ok(());
        }
        let permitted = names
            .iter()
            .map(|name| judge(Judge::new(&[], &self.allow), call(name)));
        let refused =
            permitted.reduce(|first, next| if first.is_ok() { first } else { next.or(first) });
        refused.unwrap_or(Ok(())).map_err(|refusal| Refusal {
            hint: format!("{} {}", hints.unlisted, refusal.hint),
            ..refusal
        })
    }
}

fn write(name: &str) -> ProgramCall {
    ProgramCall {
        outputs: vec![place(name)],
        part: format!(">{name}").into(),
        ..ProgramCall::default()
    }
}

fn remove(name: &str) -> ProgramCall {
    ProgramCall {
        words: vec![Argument::of("rm".to_owned()), place(name)],
        part: format!("rm {name}").into(),
        ..ProgramCall::default()
    }
}

fn place(name: &str) -> Argument {
    Argument::of(match name.strip_prefix('~') {
        Some(rest) if rest.is_empty() || rest.starts_with('/') => format!("{HOME}{rest}"),
        _ => name.to_owned(),
    })
}

fn judge(mut judge: Judge<'_>, call: ProgramCall) -> Result<(), Refusal> {
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
    fn a_removal_is_judged_as_rm() {
        let names = |name: &str| [name.to_owned()];
        let policy = Policy::new(rules(&["rm /srv/keep/**", "* >/srv/x"]), Vec::new());
        let refusal = policy.judge_removal(&names("/srv/keep/a")).unwrap_err();
        assert_eq!(refusal.rule.as_deref(), Some("rm /srv/keep/**"));
        assert_eq!(policy.judge_removal(&names("/srv/x")), Ok(()));
        let policy = Policy::new(Vec::new(), rules(&["rm /srv/app/**", "* >/srv/**"]));
        assert_eq!(policy.judge_removal(&names("/srv/app/a")), Ok(()));
        let refusal = policy.judge_removal(&names("/srv/b")).unwrap_err();
        assert!(refusal.hint.contains("rm /srv/app/**"), "{refusal:?}");
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
