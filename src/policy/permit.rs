//! Allow rules.

use super::Refusal;
use super::call::ProgramCall;
use super::judge::{CommandContext, Judge};
use crate::shell::argument::Argument;

/// Variables that change only how a program writes.
const HARMLESS_VARIABLES: &[&str] = &[
    "LANG", "LANGUAGE", "TZ", "TERM", "COLUMNS", "LINES", "NO_COLOR",
];
/// Builtins that change nothing and print no more than they are given.
const HARMLESS_BUILTINS: &[&str] = &[
    "cd", ":", "true", "false", "test", "[", "echo", "pwd", "exit", "return", "break", "continue",
    "wait", "shift", "set",
];
const HARMLESS_FILES: &[&str] = &["/dev/null", "/dev/stdout", "/dev/stderr", "/dev/tty"];
/// Most rules that a hint names.
const MOST_NAMED: usize = 12;

impl Judge<'_> {
    /// Refuses a call that no allow rule describes. Returns true if the rule also covers the commands that
    /// the call runs.
    pub(super) fn permit(
        &mut self,
        call: &ProgramCall,
        is_transparent: bool,
        context: &CommandContext,
    ) -> Result<bool, Refusal> {
        if self.allow.is_empty() || context.free {
            return Ok(true);
        }
        let mut call = call.clone();
        let matters = |file: &Argument| !HARMLESS_FILES.contains(&&*file.text);
        call.outputs.retain(matters);
        call.inputs.retain(matters);
        self.spend(1 + call.words.len() / 8)?;
        let mut rules = self
            .allow
            .iter()
            .filter(|rule| rule.allows(&call))
            .peekable();
        if rules.peek().is_some() {
            return Ok(rules.any(super::pattern::Pattern::is_complete));
        }
        let name = call.name();
        let is_harmless = HARMLESS_BUILTINS.contains(&call.program()) && call.outputs.is_empty();
        if is_transparent || is_harmless {
            return Ok(false);
        }
        let what = match &*call.part {
            "" => "it".to_owned(),
            part => format!("`{part}`"),
        };
        let reason = match call.outputs.first() {
            Some(_) if self.is_allowed_unwritten(&call) => {
                format!("no rule of the allow list lets {what} write to a file")
            }
            _ => format!("no rule of the allow list lets {what} through"),
        };
        Err(Refusal {
            rule: None,
            part: call.part.to_string(),
            reason,
            hint: self.allowed(&name),
        })
    }

    fn is_allowed_unwritten(&self, call: &ProgramCall) -> bool {
        let call = ProgramCall {
            outputs: Vec::new(),
            ..call.clone()
        };
        self.allow.iter().any(|rule| rule.allows(&call))
    }

    /// Refuses to set a variable, before a command or for all that follow, unless that is harmless or allowed.
    pub(super) fn permit_assignment(
        &self,
        name: &str,
        for_command: bool,
        call: &ProgramCall,
        context: &CommandContext,
    ) -> Result<(), Refusal> {
        let is_own = !for_command
            && name.contains(|one: char| one.is_ascii_lowercase())
            && !name.ends_with("_proxy");
        let is_harmless = HARMLESS_VARIABLES.contains(&name) || name.starts_with("LC_");
        if self.allow.is_empty() || context.free || is_own || is_harmless {
            return Ok(());
        }
        Err(Refusal {
            rule: None,
            part: call.part.to_string(),
            reason: format!("it sets {name}, which may change what an allowed command does"),
            hint: "Leave it out; a variable of the script's own can have a lower-case name.".into(),
        })
    }

    fn allowed(&self, name: &str) -> String {
        let mut rules: Vec<_> = self
            .allow
            .iter()
            .filter(|rule| rule.is_about(name))
            .collect();
        if rules.is_empty() {
            rules = self.allow.iter().collect();
        }
        let named: Vec<_> = rules
            .iter()
            .take(MOST_NAMED)
            .map(|rule| format!("`{}`", rule.text()))
            .collect();
        let more = if rules.len() > MOST_NAMED {
            ", …"
        } else {
            ""
        };
        format!("Allowed are: {}{more}", named.join(", "))
    }
}
