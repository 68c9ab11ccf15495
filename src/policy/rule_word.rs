//! The words of a rule behind its program, and when they are met.

use super::call::ProgramCall;
use super::choice::Choices;
use super::default::LONG_OPTIONS;
use super::glob::RuleChar;
use super::rule_text::choices;
use crate::shell::argument::Argument;

/// Most letters of a cluster; more are one long name, as `find` has them.
const CLUSTER: usize = 3;

#[derive(Clone, Debug)]
pub(super) struct RuleWord {
    pub(super) requirement: Requirement,
    /// `!` before it: no argument may meet it.
    pub(super) is_negative: bool,
    /// `...` before it: an operand has to stand there.
    pub(super) after_operand: bool,
    /// True if an operand has to follow, false if none may, `None` if both are allowed.
    pub(super) before_operand: Option<bool>,
}

#[derive(Clone, Debug)]
pub(super) enum Requirement {
    /// A lone `*`.
    Any,
    /// `...` alone, which any operand meets.
    Operand,
    /// Options of one letter each, in any clusters.
    ShortOptions(Vec<char>),
    Word(Choices),
    /// `>PATH`.
    Output(Choices),
}

impl RuleWord {
    pub(super) fn of(word: &[RuleChar]) -> Result<Self, String> {
        let is_negative = word.len() > 1 && word[0] == ('!', false);
        let word = &word[usize::from(is_negative)..];
        let text: String = word.iter().map(|letter| letter.0).collect();
        let letters = text.strip_prefix('-').unwrap_or_default();
        let requirement = if word == [('*', false)] {
            Requirement::Any
        } else if word == [('.', false); 3] {
            Requirement::Operand
        } else if (1..=CLUSTER).contains(&letters.len())
            && letters.bytes().all(|one| one.is_ascii_alphabetic())
        {
            Requirement::ShortOptions(letters.chars().collect())
        } else if word.first() == Some(&('>', false)) {
            Requirement::Output(Choices::of(&choices(&word[1..])?))
        } else {
            Requirement::Word(Choices::of(&choices(word)?))
        };
        Ok(Self {
            requirement,
            is_negative,
            after_operand: false,
            before_operand: None,
        })
    }

    /// Returns true if only an argument can meet it.
    pub(super) fn needs_argument(&self) -> bool {
        !self.is_negative
            && match &self.requirement {
                Requirement::Any | Requirement::Output(_) => false,
                Requirement::Operand | Requirement::Word(_) => true,
                Requirement::ShortOptions(letters) => !letters.is_empty(),
            }
    }

    /// Returns true if the call meets it in some reading.
    pub(super) fn is_met(&self, call: &ProgramCall) -> bool {
        self.is_given(call) != self.is_negative
    }

    fn is_given(&self, call: &ProgramCall) -> bool {
        let arguments = call.arguments();
        let operand = |place: usize| call.is_operand(place);
        match &self.requirement {
            Requirement::Any => true,
            Requirement::Operand => (0..arguments.len()).any(operand),
            Requirement::ShortOptions(letters) => letters.iter().all(|one| has_option(call, *one)),
            Requirement::Output(choices) => call
                .outputs
                .iter()
                .chain(&call.writes)
                .any(|file| choices.may_write(file, call)),
            Requirement::Word(_) => arguments.iter().enumerate().any(|(place, argument)| {
                self.takes(argument, call)
                    && (!self.after_operand || (0..place).any(operand))
                    && self
                        .before_operand
                        .is_none_or(|wanted| (place + 1..arguments.len()).any(operand) == wanted)
            }),
        }
    }

    /// Returns true if this argument meets it in some reading.
    pub(super) fn takes(&self, argument: &Argument, call: &ProgramCall) -> bool {
        match &self.requirement {
            Requirement::Any => true,
            Requirement::Word(choices) => choices.may_take(argument, call),
            _ => false,
        }
    }

    /// Returns true if this argument meets it in every reading.
    pub(super) fn must_take(&self, argument: &Argument, call: &ProgramCall) -> bool {
        match &self.requirement {
            Requirement::Any => true,
            Requirement::ShortOptions(letters) => {
                let given = argument.text.strip_prefix('-');
                given.is_some_and(|given| given.chars().eq(letters.iter().copied()))
            }
            Requirement::Word(choices) => choices.iter().any(|one| one.must_take(argument, call)),
            Requirement::Operand | Requirement::Output(_) => false,
        }
    }

    /// Returns true if it can be met by several arguments.
    pub(super) fn repeats(&self) -> bool {
        match &self.requirement {
            Requirement::Any => true,
            Requirement::Word(choices) => choices.iter().any(|choice| choice.glob.is_open()),
            _ => false,
        }
    }

    pub(super) fn permits_output(&self, file: &Argument, call: &ProgramCall) -> bool {
        match &self.requirement {
            Requirement::Output(choices) => choices.iter().any(|one| one.must_take(file, call)),
            _ => false,
        }
    }
}

/// Returns true if an option is given by its letter or by its long name.
fn has_option(call: &ProgramCall, letter: char) -> bool {
    let name = call.name();
    let either = matches!(letter, 'r' | 'R') && (name == "rm" || call.is_unknown());
    let same = |one: char| one == letter || either && matches!(one, 'r' | 'R');
    if call.recursive && matches!(letter, 'r' | 'R') {
        return true;
    }
    call.options()
        .any(|option| match option.strip_prefix("--") {
            Some(long) => LONG_OPTIONS.iter().any(|(short, full, programs)| {
                let applies = programs.is_empty() || programs.contains(&name.as_str());
                let given = long.split('=').next().unwrap_or(long);
                // GNU programs take abbreviations of long options.
                same(*short) && applies && !given.is_empty() && full[2..].starts_with(given)
            }),
            None => option.chars().skip(1).any(same),
        })
}
