//! Rules that ask: calls that a person has to agree to, and servers on which only reading passes.
//!
//! | module | what it is |
//! |---|---|
//! | `rule`, `when` | a rule as it is written, and the times at which it holds |
//! | `servers` | the servers that a rule or a mode is for |
//! | `work` | the work that a call wants to do |
//! | `rules` | the rules and modes of `policies.json` |
//! | this | the judgement on a call |

mod rule;
mod rules;
mod servers;
mod when;
mod work;

use chrono::Local;

use super::Guard;
use crate::error::Error;
pub use rules::AccessMode;
pub(super) use rules::AskingRules;
use servers::ServerNames;
pub use work::WantedWork;

/// Judges the work on the server of an alias by the rules of a guard.
type JudgeWork<'a> = &'a dyn Fn(&str, &Guard) -> Result<(), Error>;

impl Guard {
    /// Returns true if there are rules that ask, or modes but `free`.
    pub fn asks_anything(&self) -> Result<bool, Error> {
        Ok(self.policies.asking()?.asks_anything())
    }

    /// The rule or mode by which a person has to agree to this work; `None` if nobody is asked. Refuses what changes a
    /// server on which only reading passes.
    pub fn rule_that_asks(
        &self,
        work: &WantedWork<'_>,
        judge: JudgeWork<'_>,
    ) -> Result<Option<String>, Error> {
        let rules = self.policies.asking()?;
        if !rules.asks_anything() {
            return Ok(None);
        }
        if work.servers.is_empty() {
            let nowhere = ServerNames::default();
            return Ok(self.rule_on(("", &nowhere), work, judge, &rules));
        }
        let servers = work.servers.iter();
        let named = servers.map(|alias| Ok((alias, self.names_of(alias)?)));
        let named = named.collect::<Result<Vec<_>, Error>>()?;
        for (alias, names) in &named {
            if work.may_change && rules.mode_of(names).0 == AccessMode::Readonly {
                return Err(read_only(alias, work.tool));
            }
        }
        let mut asks = named.iter().filter_map(|(alias, names)| {
            let rule = self.rule_on((alias, names), work, judge, &rules)?;
            let is_usual = work.usual.is_some_and(|usual| rules.is_usual(alias, usual));
            (!is_usual).then_some(rule)
        });
        Ok(asks.next())
    }

    fn rule_on(
        &self,
        (alias, names): (&str, &ServerNames),
        work: &WantedWork<'_>,
        judge: JudgeWork<'_>,
        rules: &AskingRules,
    ) -> Option<String> {
        if work.may_change
            && let (AccessMode::Ask, servers) = rules.mode_of(names)
        {
            return Some(format!("mode ask of {servers}"));
        }
        let holding = rules.holding(names, &Local::now().naive_local());
        if let Some(rule) = holding.iter().find(|rule| rule.is_about_call(work)) {
            return Some(rule.text().to_owned());
        }
        let of_commands: Vec<_> = holding.iter().filter_map(|rule| rule.pattern()).collect();
        if of_commands.is_empty() {
            return None;
        }
        if work.writes_unknown
            && let Some(rule) = holding.iter().find(|rule| rule.is_about_files())
        {
            return Some(rule.text().to_owned());
        }
        let asking = self.with_block_rules(of_commands.into_iter().cloned().collect());
        match judge(alias, &asking) {
            Err(Error::Blocked {
                rule: Some(rule), ..
            }) => {
                let written = holding.iter().find(|one| one.is_written(&rule));
                Some(written.map_or(rule, |written| written.text().to_owned()))
            }
            // A text that cannot be judged may be any.
            Err(Error::Blocked {
                rule: None, reason, ..
            }) => Some(reason),
            // Other refusals are the real guard's.
            _ => None,
        }
    }

    /// The aliases and tags of the server of this alias: also those of other entries that lead to the same place.
    fn names_of(&self, alias: &str) -> Result<ServerNames, Error> {
        let servers = self.servers.view()?;
        let here = servers.get(alias)?;
        let mut names = ServerNames::default();
        names.add(alias, here.tags());
        for (other, server) in self.others_at(&servers, alias, &here) {
            names.add(other, server.tags());
        }
        Ok(names)
    }
}

fn read_only(alias: &str, tool: &str) -> Error {
    Error::ReadOnly {
        subject: format!("server `{alias}`"),
        tool: tool.to_owned(),
        advice: "only what is known to read passes there; `modes` in policies.json says so, and only the person who runs this changes it"
            .to_owned(),
    }
}
