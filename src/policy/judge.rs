//! The judge of one text: its limits, and block rules.

use std::collections::HashMap;
use std::rc::Rc;

use super::call::{ProgramCall, ProgramNames};
use super::environment::Environment;
use super::pattern::Pattern;
use super::{MAX_STEPS, MAX_WORD, Refusal, default, text_fallback};
use crate::shell::argument::{Argument, SOMETHING, UNKNOWN, is_name, joined};
use crate::shell::parse::{ParseError, parse};
use crate::shell::{MAX_DEPTH, MAX_TEXT};

/// The context in which a command runs.
#[derive(Clone, Debug, Default)]
pub(super) struct CommandContext {
    pub(super) depth: usize,
    /// True if an allow rule covers the command already.
    pub(super) free: bool,
    /// True if the command is run on everything below its arguments.
    pub(super) recursive: bool,
    pub(super) input: CommandInput,
}

/// The standard input of a command, where it is known.
#[derive(Clone, Debug, Default)]
pub(super) struct CommandInput {
    pub(super) text: Option<Rc<str>>,
    /// The start directories of `find`, where the input is its whole list.
    pub(super) found: Option<Rc<[Argument]>>,
    /// The program whose listing it is, at most with lines left out.
    pub(super) listing: Option<&'static str>,
    pub(super) is_pipe: bool,
}

impl CommandContext {
    /// The context of a command that is run by this one.
    pub(super) fn inner(&self) -> Self {
        Self {
            depth: self.depth + 1,
            ..self.clone()
        }
    }

    /// The same with nothing to read.
    pub(super) fn silent(&self) -> Self {
        Self {
            input: CommandInput::default(),
            ..self.clone()
        }
    }
}

/// Judges one text.
pub(super) struct Judge<'p> {
    pub(super) block: &'p [Pattern],
    pub(super) allow: &'p [Pattern],
    left: usize,
    /// The depth of substitutions whose output is being computed.
    pub(super) printing: usize,
    /// The content of files that the text itself has written.
    pub(super) written: HashMap<String, String>,
}

impl<'p> Judge<'p> {
    pub(super) fn new(block: &'p [Pattern], allow: &'p [Pattern]) -> Self {
        Self {
            block,
            allow,
            left: MAX_STEPS,
            printing: 0,
            written: HashMap::new(),
        }
    }

    /// Judges a whole text whose commands read `input`.
    pub(super) fn text(&mut self, text: &str, input: Option<&str>) -> Result<(), Refusal> {
        if text.contains('\0') {
            return Err(Refusal::beyond(
                "it holds a NUL, where every shell reads something else",
            ));
        }
        let context = CommandContext {
            input: CommandInput {
                text: input.map(Into::into),
                ..CommandInput::default()
            },
            ..CommandContext::default()
        };
        self.script(text, &mut Environment::default(), &context)
    }

    /// Judges a text that a shell is given.
    pub(super) fn script(
        &mut self,
        text: &str,
        environment: &mut Environment,
        context: &CommandContext,
    ) -> Result<(), Refusal> {
        self.spend(1 + text.len() / 64)?;
        let has_endless_word = || text.split_whitespace().any(|word| word.len() > MAX_WORD);
        if text.len() > MAX_TEXT || has_endless_word() {
            return Err(Refusal::beyond("it is too long to judge"));
        }
        match parse(text, context.depth) {
            Ok(list) => self.list(&list, environment, context),
            Err(ParseError::TooComplex) => Err(Refusal::beyond("it is nested too deep to judge")),
            Err(ParseError::Syntax) => {
                for words in text_fallback::commands(text) {
                    let call = ProgramCall {
                        part: joined(&words).into(),
                        words,
                        ..ProgramCall::default()
                    };
                    // Allow rules are held against the whole, below.
                    let context = CommandContext {
                        free: true,
                        ..context.inner()
                    };
                    self.call(call, &mut Environment::default(), &context)?;
                }
                if self.allow.is_empty() || context.free {
                    return Ok(());
                }
                Err(Refusal {
                    rule: None,
                    part: text.chars().take(200).collect(),
                    reason: "it cannot be read as a POSIX shell's commands, and only listed commands are allowed".into(),
                    hint: "Write it for a POSIX shell.".into(),
                })
            }
        }
    }

    /// Counts steps; refuses when there were too many.
    pub(super) fn spend(&mut self, steps: usize) -> Result<(), Refusal> {
        self.left = self
            .left
            .checked_sub(steps)
            .ok_or_else(|| Refusal::beyond("it is too involved to judge"))?;
        Ok(())
    }

    pub(super) fn check_depth(context: &CommandContext) -> Result<(), Refusal> {
        if context.depth > MAX_DEPTH {
            return Err(Refusal::beyond("it is nested too deep to judge"));
        }
        Ok(())
    }

    /// Refuses a call for which a block rule holds.
    pub(super) fn blocked(&mut self, call: &ProgramCall) -> Result<(), Refusal> {
        let length: usize = call.words.iter().map(|word| 16 + word.text.len()).sum();
        let places = (1 + call.directories.len()) * (1 + call.mounts.len());
        self.spend(1 + length / 256 + call.words.len() * (places - 1) / 4)?;
        let names = ProgramNames::of(call);
        let (asks, tries) = (call.is_question(), call.is_trial());
        let spared = |rule: &Pattern| (asks || tries && rule.is_complete()) && !rule.is_about_any();
        let mut rules = self.block.iter().filter(|rule| !spared(rule));
        let Some(rule) = rules.find(|rule| rule.blocks(call, &names)) else {
            return Ok(());
        };
        Err(Refusal {
            rule: Some(rule.text().to_owned()),
            part: call.part.to_string(),
            reason: format!("the rule `{}` forbids it", rule.text()),
            hint: hint(rule, call),
        })
    }
}

/// The suggestion for a call that the rule forbids.
fn hint(rule: &Pattern, call: &ProgramCall) -> String {
    let full = |argument: &Argument| Argument {
        text: argument.text.replace(UNKNOWN, &SOMETHING.to_string()),
        ..argument.clone()
    };
    let set = ProgramCall {
        words: call.words.iter().map(full).collect(),
        outputs: call.outputs.iter().map(full).collect(),
        writes: call.writes.iter().map(full).collect(),
        directories: call
            .directories
            .iter()
            .map(|one| one.replace(UNKNOWN, &SOMETHING.to_string()))
            .collect(),
        ..call.clone()
    };
    if rule.blocks(&set, &ProgramNames::of(&set)) {
        return default::hint(rule.text()).to_owned();
    }
    let name = variable(&call.part).unwrap_or("NAME");
    format!(
        "A variable that may be empty makes it that. Write ${{{name}:?}} for ${name}: then an empty one stops the command."
    )
}

/// The first plain variable in a command.
fn variable(part: &str) -> Option<&str> {
    part.split('$').skip(1).find_map(|rest| {
        let rest = rest.strip_prefix('{').unwrap_or(rest);
        let end = rest.find(|one: char| !one.is_ascii_alphanumeric() && one != '_');
        let name = &rest[..end.unwrap_or(rest.len())];
        is_name(name).then_some(name)
    })
}
