//! The rules that ask and the modes of `policies.json`.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDateTime;
use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::rule::AskRule;
use super::servers::{ServerChoice, ServerNames};
use crate::shell::usual_form;

/// The way in which calls reach a server.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum AccessMode {
    /// Nobody is asked, but by rules.
    #[default]
    Free,
    /// Only what is known to read passes unasked.
    Ask,
    /// Only what is known to read passes.
    Readonly,
}

impl AccessMode {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Free => "free",
            Self::Ask => "ask",
            Self::Readonly => "readonly",
        }
    }
}

/// Rules, modes, and what a person has let through for good.
#[derive(Debug, Default)]
pub(in crate::guard) struct AskingRules {
    rules: Vec<AskRule>,
    /// The servers of each mode, also as they are written.
    modes: Vec<(String, ServerChoice, AccessMode)>,
    /// Programs with their first words, by alias.
    usual: BTreeMap<String, Vec<String>>,
}

impl AskingRules {
    /// Parses rules and modes. The error is about the first that is none.
    pub(in crate::guard) fn parse(
        rules: &[String],
        modes: &IndexMap<String, AccessMode>,
        usual: &BTreeMap<String, Vec<String>>,
    ) -> Result<Self, String> {
        let rules = rules.iter().map(|text| {
            let parsed = AskRule::parse(text);
            parsed.map_err(|problem| format!("the rule `{text}` that asks {problem}"))
        });
        let modes = modes.iter().map(|(servers, mode)| {
            let parsed = ServerChoice::parse(servers);
            let parsed = parsed.map(|choice| (servers.clone(), choice, *mode));
            parsed.map_err(|problem| format!("the mode of `{servers}` {problem}"))
        });
        Ok(Self {
            rules: rules.collect::<Result<_, _>>()?,
            modes: modes.collect::<Result<_, _>>()?,
            usual: usual.clone(),
        })
    }

    /// The names in rules and modes that none of these servers has, each once.
    pub(in crate::guard) fn that_name_none<'a>(
        &self,
        servers: impl Iterator<Item = (&'a str, &'a [String])>,
    ) -> Vec<String> {
        let servers: Vec<_> = servers
            .map(|(alias, tags)| {
                let mut names = ServerNames::default();
                names.add(alias, tags);
                names
            })
            .collect();
        let of_rules = self.rules.iter().filter_map(AskRule::servers);
        let choices = of_rules.chain(self.modes.iter().map(|(_, servers, _)| servers));
        let idle: BTreeSet<_> = choices
            .flat_map(|choice| choice.that_name_none(&servers))
            .collect();
        idle.into_iter().collect()
    }

    /// Refuses rules about tools of which there is none. The error is about the first.
    pub(in crate::guard) fn check_tools(&self, known: &[String]) -> Result<(), String> {
        self.rules.iter().try_for_each(|rule| {
            let checked = rule.check_tool(known);
            checked.map_err(|problem| format!("the rule `{}` that asks {problem}", rule.text()))
        })
    }

    pub(super) fn asks_anything(&self) -> bool {
        let mut modes = self.modes.iter();
        !self.rules.is_empty() || modes.any(|(_, _, mode)| *mode != AccessMode::Free)
    }

    /// The mode of a server, and the servers that it is written for: that of its alias goes before that of a tag, and
    /// a tag's before that of all. Of several that are as close, the strictest holds.
    pub(super) fn mode_of(&self, names: &ServerNames) -> (AccessMode, &str) {
        let modes = self.modes.iter();
        let close = modes.filter_map(|(text, servers, mode)| {
            Some((servers.closeness(names)?, *mode, text.as_str()))
        });
        let closest = close.max_by_key(|(closeness, mode, _)| (*closeness, *mode));
        closest.map_or_else(Default::default, |(_, mode, text)| (mode, text))
    }

    /// The rules that hold for a server now.
    pub(super) fn holding(&self, names: &ServerNames, now: &NaiveDateTime) -> Vec<&AskRule> {
        let rules = self.rules.iter();
        rules.filter(|rule| rule.holds(names, now)).collect()
    }

    /// Returns whether a person has let such commands through on this server.
    pub(super) fn is_usual(&self, alias: &str, command: &str) -> bool {
        let usual = self.usual.get(alias);
        usual.is_some_and(|usual| usual_form(command).is_some_and(|form| usual.contains(&form)))
    }
}
