//! One rule.

use super::call::{Call, Called};
use super::choice::{Choice, choices_of};
use super::path;
use super::rule_text::{choices, split};
use super::rule_word::{Clause, Need};
use crate::shell::argument::Argument;

/// The rule that stands for every function that starts itself twice.
const BOMB: &str = ":(){ :|:& };:";
const LONGEST: usize = 4096;

/// One rule of a block or allow list; the module describes the language.
#[derive(Clone, Debug)]
pub struct Pattern {
    text: String,
    program: Vec<Choice>,
    clauses: Vec<Clause>,
}

impl Pattern {
    /// The rule that `text` is. An error says what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.len() > LONGEST {
            return Err(format!("it is longer than {LONGEST} bytes"));
        }
        let mut rule = Self {
            text: text.trim().to_owned(),
            program: Vec::new(),
            clauses: Vec::new(),
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
        rule.program = choices_of(&choices(program)?);
        let mut operand_before = false;
        for word in rest {
            if word[..] == [('.', false); 3] {
                if let Some(clause) = rule.clauses.last_mut() {
                    clause.before_operand = Some(true);
                }
                operand_before = true;
                continue;
            }
            let mut clause = Clause::of(word)?;
            clause.after_operand = std::mem::take(&mut operand_before);
            rule.clauses.push(clause);
        }
        // What stands behind all others is the target.
        if let Some(last) = rule.clauses.last_mut()
            && last.after_operand
        {
            last.before_operand.get_or_insert(false);
        }
        Ok(rule)
    }

    /// The rule as it was written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether the rule is about functions that multiply.
    pub(super) fn is_bomb(&self) -> bool {
        let signs = |text: &str| -> String { text.split_whitespace().collect() };
        signs(&self.text) == signs(BOMB)
    }

    /// Whether it says all that a command it matches does: no lone `*` in it.
    pub(super) fn is_complete(&self) -> bool {
        !self
            .clauses
            .iter()
            .any(|clause| matches!(clause.need, Need::Any))
    }

    /// Whether the rule is about every program.
    pub(super) fn is_about_any(&self) -> bool {
        self.program.iter().any(Choice::is_any)
    }

    /// Whether the rule is about the program of this name.
    pub(super) fn is_about(&self, name: &str) -> bool {
        self.program.iter().any(|choice| choice.is_named(name))
    }

    /// Whether the call is one that the rule forbids, in some reading.
    pub(super) fn blocks(&self, call: &Call, called: &Called) -> bool {
        let named = self.is_called(called);
        (named || self.is_telling(call)) && self.clauses.iter().all(|one| one.is_met(call))
    }

    fn is_called(&self, called: &Called) -> bool {
        self.program.iter().any(|choice| {
            if choice.has_slash {
                choice.may_be(&called.path)
            } else if called.is_open {
                choice.is_any()
            } else {
                choice.may_be(&called.name)
                    || called.plain != called.name && choice.may_be(&called.plain)
            }
        })
    }

    /// Whether an unknown program with these arguments is most likely the rule's: every operand is the rule's.
    fn is_telling(&self, call: &Call) -> bool {
        let options = |clause: &Clause| matches!(clause.need, Need::Letters(_));
        let arguments = call.arguments();
        let mut operands = (0..arguments.len()).filter(|&place| call.is_operand(place));
        call.is_unknown()
            && self.clauses.iter().any(options)
            && operands.clone().next().is_some()
            && operands.all(|place| {
                let clauses = self.clauses.iter().filter(|clause| !options(clause));
                let mut clauses = clauses.filter(|clause| !clause.is_negative);
                clauses.any(|clause| clause.takes(&arguments[place], call))
            })
    }

    /// Whether every reading of the call is one that the rule describes from end to end.
    pub(super) fn allows(&self, call: &Call) -> bool {
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

    fn describes(&self, call: &Call) -> bool {
        let outputs = |file: &Argument| {
            let mut clauses = self.clauses.iter();
            clauses.any(|clause| clause.permits_output(file, call))
        };
        if !call.outputs.iter().all(outputs) || !self.negatives().all(|clause| clause.is_met(call))
        {
            return false;
        }
        let steps: Vec<_> = self
            .clauses
            .iter()
            .filter(|clause| !clause.is_negative && !matches!(clause.need, Need::Output(_)))
            .collect();
        // At which clauses the arguments so far may have arrived.
        let mut places = vec![false; steps.len() + 1];
        places[0] = true;
        let skip = |places: &mut [bool]| {
            for (place, clause) in steps.iter().enumerate() {
                places[place + 1] |= places[place] && matches!(clause.need, Need::Any);
            }
        };
        for argument in call.arguments().iter().chain(&call.inputs) {
            skip(&mut places);
            let mut next = vec![false; places.len()];
            for (place, clause) in steps.iter().enumerate() {
                let again = places[place + 1] && clause.repeats();
                next[place + 1] = (places[place] || again) && clause.must_take(argument, call);
            }
            places = next;
        }
        skip(&mut places);
        places[steps.len()]
    }

    fn negatives(&self) -> impl Iterator<Item = &Clause> {
        self.clauses.iter().filter(|clause| clause.is_negative)
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
