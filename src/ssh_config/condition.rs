//! The conditions of `Match`.

use super::pattern;
use super::resolver::Resolver;
use super::source::LinePosition;
use super::tokens::COMMAND;
use super::values::lower;
use super::walk::unclosed;
use super::words::Words;

/// The result of checking a condition.
enum ConditionResult {
    Holds(bool),
    /// It does not matter any more.
    Idle,
    /// It is not understood, for this reason if it is not just unknown.
    Unknown(Option<String>),
}

impl Resolver<'_> {
    /// Returns whether all conditions hold. One that is not understood does not.
    pub(super) fn all_hold(
        &mut self,
        mut words: Words<'_>,
        place: &LinePosition,
    ) -> Result<bool, String> {
        let mut holds = true;
        let mut unknown = None;
        let mut count = 0;
        while let Some(name) = words.name() {
            count += 1;
            let (wanted, name) = match name.strip_prefix('!') {
                Some(name) => (false, name),
                None => (true, name),
            };
            let name = name.to_ascii_lowercase();
            let verdict = match name.as_str() {
                "all" => ConditionResult::Holds(true),
                "canonical" => ConditionResult::Holds(self.final_name.is_some()),
                "final" => {
                    self.wants_final = true;
                    ConditionResult::Holds(self.final_name.is_some())
                }
                _ => {
                    let argument = words.word().map_err(unclosed(place))?;
                    let argument = argument
                        .filter(|argument| !argument.is_empty() || name == "tagged")
                        .ok_or_else(|| format!("{place} has nothing after `{name}`"))?;
                    // A command is not run in vain.
                    let is_open = holds && unknown.is_none();
                    self.verdict(&name, &argument, is_open)?
                }
            };
            match verdict {
                ConditionResult::Holds(is_true) => holds = holds && is_true == wanted,
                ConditionResult::Idle => {}
                ConditionResult::Unknown(reason) => {
                    unknown.get_or_insert((name, reason));
                }
            }
        }
        if count == 0 {
            return Err(format!("{place} has no condition"));
        }
        let Some((name, reason)) = unknown.filter(|_| holds) else {
            return Ok(holds);
        };
        let because = reason.map_or(String::new(), |reason| format!(" (it {reason})"));
        self.add_note(format!(
            "`Match {name}` in {place} is not supported{because} and its block was left out"
        ));
        Ok(false)
    }

    fn verdict(
        &self,
        name: &str,
        argument: &str,
        is_open: bool,
    ) -> Result<ConditionResult, String> {
        // Only names of hosts are compared without regard to case.
        let is_host = |host: &str| pattern::any_of(&lower(argument), &lower(host));
        let is_name = |name: &str| pattern::any_of(argument, name);
        let local_user = || (self.local.user_name)().unwrap_or_default();
        Ok(ConditionResult::Holds(match name {
            "host" => is_host(&self.host_name()?),
            "originalhost" => is_host(self.asked),
            "user" => match self.user() {
                Some(user) => is_name(user),
                None => is_name(&local_user()),
            },
            "localuser" => is_name(&local_user()),
            "tagged" => is_name(self.settings.word("tag").unwrap_or_default()),
            "exec" if is_open => match self.facts()?.expand(argument, COMMAND) {
                Ok(command) => (self.run)(&command),
                Err(reason) => return Ok(ConditionResult::Unknown(Some(reason))),
            },
            "exec" => return Ok(ConditionResult::Idle),
            _ => return Ok(ConditionResult::Unknown(None)),
        }))
    }
}
