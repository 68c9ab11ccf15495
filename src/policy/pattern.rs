//! One rule.

use super::call::{ProgramCall, ProgramNames};
use super::choice::{Choice, Choices};
use super::path;
use super::rule_text::{choices, split};
use super::rule_word::{Requirement, RuleWord};
use crate::shell::argument::Argument;

/// The rule against every function that starts itself twice.
const BOMB: &str = ":(){ :|:& };:";
const LONGEST: usize = 4096;

/// One rule of a block or allow list; the module describes the language.
#[derive(Clone, Debug)]
pub struct Pattern {
    text: String,
    program: Choices,
    words: Vec<RuleWord>,
    /// True if no call without arguments can meet it, nor one that has only written files.
    needs_argument: bool,
}

impl Pattern {
    /// Parses a rule. The error says the problem.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.len() > LONGEST {
            return Err(format!("it is longer than {LONGEST} bytes"));
        }
        let mut rule = Self {
            text: text.trim().to_owned(),
            program: Choices::default(),
            words: Vec::new(),
            needs_argument: false,
        };
        if rule.is_bomb() {
            return Ok(rule);
        }
        let words = split(text)?;
        let Some((program, rest)) = words.split_first() else {
            return Err("it is empty".into());
        };
        if matches!(program.first(), Some(('>' | '!' | '-', false))) {
            return Err("it must begin with a program's name, or `*` for any".into());
        }
        rule.program = Choices::of(&choices(program)?);
        let mut operand_before = false;
        for word in rest {
            if word[..] == [('.', false); 3] {
                if let Some(word) = rule.words.last_mut() {
                    word.before_operand = Some(true);
                }
                operand_before = true;
                continue;
            }
            let mut word = RuleWord::of(word)?;
            word.after_operand = std::mem::take(&mut operand_before);
            rule.words.push(word);
        }
        // A last word behind `...` is the target.
        if let Some(last) = rule.words.last_mut()
            && last.after_operand
        {
            last.before_operand.get_or_insert(false);
        }
        rule.needs_argument = rule.words.iter().any(RuleWord::needs_argument);
        Ok(rule)
    }

    /// The rule as it was written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Returns true for the rule about functions that start themselves twice.
    pub(super) fn is_bomb(&self) -> bool {
        let signs = |text: &str| -> String { text.split_whitespace().collect() };
        signs(&self.text) == signs(BOMB)
    }

    /// Returns true if it describes a command from end to end: it has no lone `*`.
    pub(super) fn is_complete(&self) -> bool {
        !self
            .words
            .iter()
            .any(|word| matches!(word.requirement, Requirement::Any))
    }

    /// Returns true if the rule is about every program.
    pub(super) fn is_about_any(&self) -> bool {
        self.program.iter().any(Choice::is_any)
    }

    /// Returns true if the rule is about the program of this name.
    pub(crate) fn is_about(&self, name: &str) -> bool {
        self.program.iter().any(|choice| choice.is_named(name))
    }

    /// Returns true if the rule forbids the call in some reading.
    pub(super) fn blocks(&self, call: &ProgramCall, names: &ProgramNames) -> bool {
        if self.needs_argument && call.words.is_empty() && !call.recursive {
            return false;
        }
        let is_called = self.is_called(names);
        (is_called || self.is_telling(call)) && self.words.iter().all(|one| one.is_met(call))
    }

    fn is_called(&self, names: &ProgramNames) -> bool {
        self.program.iter().any(|choice| {
            if choice.has_slash {
                choice.may_be(&names.path)
            } else if names.is_open {
                choice.is_any()
            } else {
                choice.may_be(&names.name)
                    || names.plain != names.name && choice.may_be(&names.plain)
            }
        })
    }

    /// Returns true if an unknown program is most likely the rule's, because all its operands are.
    fn is_telling(&self, call: &ProgramCall) -> bool {
        let options = |word: &RuleWord| matches!(word.requirement, Requirement::ShortOptions(_));
        let arguments = call.arguments();
        let mut operands = (0..arguments.len()).filter(|&place| call.is_operand(place));
        call.is_unknown()
            && self.words.iter().any(options)
            && operands.clone().next().is_some()
            && operands.all(|place| {
                let words = self.words.iter().filter(|word| !options(word));
                let mut words = words.filter(|word| !word.is_negative);
                words.any(|word| word.takes(&arguments[place], call))
            })
    }

    /// Returns true if the rule describes the call from end to end in every reading.
    pub(super) fn allows(&self, call: &ProgramCall) -> bool {
        let is_called = if call.program().contains('/') && !call.is_trusted() {
            let slashed = || self.program.iter().filter(|choice| choice.has_slash);
            let own = path::normal(call.program());
            let full = path::absolute(call.program(), &call.directories);
            slashed().any(|choice| choice.must_be(&own))
                || !full.is_empty()
                    && full
                        .iter()
                        .all(|one| slashed().any(|choice| choice.must_be(&path::normal(one))))
        } else {
            let name = call.name();
            let full = path::normal(call.program());
            call.is_trusted()
                && self
                    .program
                    .iter()
                    .any(|choice| choice.must_be(if choice.has_slash { &full } else { &name }))
        };
        is_called && self.describes(call)
    }

    fn describes(&self, call: &ProgramCall) -> bool {
        let outputs = |file: &Argument| {
            let mut words = self.words.iter();
            words.any(|word| word.permits_output(file, call))
        };
        if !call.outputs.iter().all(outputs) || !self.negatives().all(|word| word.is_met(call)) {
            return false;
        }
        let steps: Vec<_> = self
            .words
            .iter()
            .filter(|word| !word.is_negative && !matches!(word.requirement, Requirement::Output(_)))
            .collect();
        // The positions in the rule that the arguments so far may have reached.
        let mut places = vec![false; steps.len() + 1];
        places[0] = true;
        let skip = |places: &mut [bool]| {
            for (place, word) in steps.iter().enumerate() {
                places[place + 1] |= places[place] && matches!(word.requirement, Requirement::Any);
            }
        };
        for argument in call.arguments().iter().chain(&call.inputs) {
            skip(&mut places);
            let mut next = vec![false; places.len()];
            for (place, word) in steps.iter().enumerate() {
                let again = places[place + 1] && word.repeats();
                next[place + 1] = (places[place] || again) && word.must_take(argument, call);
            }
            places = next;
        }
        skip(&mut places);
        places[steps.len()]
    }

    fn negatives(&self) -> impl Iterator<Item = &RuleWord> {
        self.words.iter().filter(|word| word.is_negative)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_rule() {
        for text in [
            "",
            "  ",
            "> x",
            "-r",
            "rm 'x",
            "rm \\",
            "!rm",
            &"x".repeat(5000),
        ] {
            assert!(Pattern::parse(text).is_err(), "{text}");
        }
        let many = format!("rm {}", "{a,b}".repeat(20));
        assert!(Pattern::parse(&many).is_err());
        assert_eq!(Pattern::parse(" rm -r / ").unwrap().text(), "rm -r /");
    }
}
