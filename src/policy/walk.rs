//! The way through a text's commands, in the order in which a shell would run them.

use std::rc::Rc;

use super::Refusal;
use super::call::Call;
use super::judge::{Input, Judge, Place};
use super::scope::Scope;
use super::syntax::{Command, Kind, List, Piece, Word};

type Verdict = Result<(), Refusal>;

impl Judge<'_> {
    pub(super) fn list(&mut self, list: &List, scope: &mut Scope, place: &Place) -> Verdict {
        for item in list {
            self.spend(1)?;
            if item.otherwise || item.background {
                let mut other = scope.clone();
                self.pipeline(&item.commands, &mut other, place)?;
                if !item.background {
                    self.merge(scope, &[other])?;
                }
            } else {
                self.pipeline(&item.commands, scope, place)?;
            }
        }
        Ok(())
    }

    fn merge(&mut self, scope: &mut Scope, others: &[Scope]) -> Verdict {
        for other in others {
            self.spend(scope.weight() / 4 + other.weight() / 4)?;
            scope.merge(other);
        }
        Ok(())
    }

    fn pipeline(&mut self, commands: &[Command], scope: &mut Scope, place: &Place) -> Verdict {
        if let [command] = commands {
            return self.command(command, scope, place);
        }
        let mut place = place.clone();
        for command in commands {
            self.command(command, &mut scope.clone(), &place)?;
            place.input = Input {
                text: self.output(command, scope)?.map(Into::into),
                found: self.found(command, scope)?.map(Into::into),
            };
        }
        Ok(())
    }

    pub(super) fn command(
        &mut self,
        command: &Command,
        scope: &mut Scope,
        place: &Place,
    ) -> Verdict {
        Self::check_depth(place)?;
        let mut call = Call {
            part: Rc::clone(&command.part),
            ..Call::default()
        };
        let mut place = place.inner();
        for redirect in &command.redirects {
            self.redirect(redirect, &mut call, scope, &mut place)?;
        }
        let place = &place;
        if let Kind::Simple { assignments, words } = &command.kind {
            return self.simple(assignments, words, call, scope, place);
        }
        if !call.outputs.is_empty() {
            self.call(call, scope, place)?;
        }
        match &command.kind {
            Kind::Group(list) => self.list(list, scope, place),
            Kind::Subshell(list) => self.list(list, &mut scope.clone(), place),
            Kind::If(branches, otherwise) => {
                let mut ends = Vec::new();
                for (condition, body) in branches {
                    self.list(condition, scope, place)?;
                    ends.push(self.aside(body, scope, place)?);
                }
                ends.push(self.aside(otherwise, scope, place)?);
                self.merge(scope, &ends)
            }
            Kind::While(condition, body) => self.again(scope, |judge, scope| {
                judge.list(condition, scope, place)?;
                let end = judge.aside(body, scope, place)?;
                judge.merge(scope, &[end])
            }),
            Kind::For(name, words, body) => {
                let values = match words {
                    Some(words) => {
                        self.visit_all(words, scope, place)?;
                        let values = self.flat(words, scope)?;
                        values.into_iter().map(|value| value.text).collect()
                    }
                    None => scope.values("@"),
                };
                let mut inner = scope.clone();
                self.again(&mut inner, |judge, scope| {
                    judge.set(scope, name, values.clone())?;
                    judge.list(body, scope, place)
                })?;
                self.merge(scope, &[inner])
            }
            Kind::Case(subject, arms) => {
                self.visit(subject, scope, place)?;
                let mut ends = Vec::new();
                for (patterns, body) in arms {
                    self.visit_all(patterns, scope, place)?;
                    ends.push(self.aside(body, scope, place)?);
                }
                self.merge(scope, &ends)
            }
            Kind::Function(name, body) => self.function(name, body, command, scope, place),
            Kind::Test(words) => {
                self.visit_all(words, scope, place)?;
                guard(words, scope);
                Ok(())
            }
            Kind::Simple { .. } => Ok(()),
        }
    }

    /// Judges a loop's round, and another one if the first changes what the second sees.
    fn again(
        &mut self,
        scope: &mut Scope,
        mut round: impl FnMut(&mut Self, &mut Scope) -> Verdict,
    ) -> Verdict {
        let mut before = scope.clone();
        round(self, scope)?;
        self.spend(scope.weight() / 4)?;
        if scope.is_like(&before) {
            return Ok(());
        }
        self.merge(&mut before, std::slice::from_ref(scope))?;
        round(self, &mut before)?;
        self.merge(scope, &[before])
    }

    /// Judges a list that may not be run, and gives the scope it would leave.
    fn aside(&mut self, list: &List, scope: &Scope, place: &Place) -> Result<Scope, Refusal> {
        let mut inner = scope.clone();
        self.list(list, &mut inner, place)?;
        Ok(inner)
    }

    pub(super) fn set(&mut self, scope: &mut Scope, name: &str, values: Vec<String>) -> Verdict {
        self.spend(1 + scope.weight() / 4)?;
        scope.set(name, values);
        Ok(())
    }

    fn function(
        &mut self,
        name: &str,
        body: &Rc<Command>,
        command: &Command,
        scope: &mut Scope,
        place: &Place,
    ) -> Verdict {
        if super::builtin::multiplies(name, body)
            && let Some(rule) = self.block.iter().find(|rule| rule.is_bomb())
        {
            return Err(Refusal {
                rule: Some(rule.text().to_owned()),
                part: command.part.to_string(),
                reason:
                    "the function starts itself twice each time, until no process can be started"
                        .into(),
                hint: "Call the function no more than once in itself.".into(),
            });
        }
        let mut inner = scope.clone();
        inner.active.push(name.to_owned());
        inner.positional = None;
        self.command(body, &mut inner, &place.silent())?;
        self.spend(1 + scope.weight() / 4)?;
        scope.define(name, body);
        Ok(())
    }

    fn simple(
        &mut self,
        assignments: &[(String, Word)],
        words: &[Word],
        call: Call,
        scope: &mut Scope,
        place: &Place,
    ) -> Verdict {
        if words.is_empty() {
            self.assign(assignments, false, &call, scope, place)?;
            if call.outputs.is_empty() {
                return Ok(());
            }
            return self.call(call, scope, place);
        }
        // They hold for this command alone.
        let mut own = scope.clone();
        self.assign(assignments, true, &call, &mut own, place)?;
        self.visit_all(words, scope, place)?;
        if words
            .first()
            .and_then(|word| super::syntax::bare(word))
            .is_some_and(|name| matches!(&*name, "test" | "["))
        {
            guard(words, scope);
        }
        // Each reading of the first word may be another program.
        let (mut rest, mut programs) = (words, Vec::new());
        while let (true, Some((word, others))) = (programs.is_empty(), rest.split_first()) {
            programs = self.readings(word, scope, true)?;
            programs.retain(|reading| !reading.is_empty());
            rest = others;
        }
        let rest = self.flat(rest, scope)?;
        for program in programs {
            let call = call.with([&program[..], &rest].concat());
            let scope = if assignments.is_empty() {
                &mut *scope
            } else {
                &mut own
            };
            self.call(call, scope, place)?;
        }
        Ok(())
    }

    fn assign(
        &mut self,
        assignments: &[(String, Word)],
        for_command: bool,
        call: &Call,
        scope: &mut Scope,
        place: &Place,
    ) -> Verdict {
        for (name, word) in assignments {
            self.visit(word, scope, place)?;
            let values = self.texts(word, scope)?;
            self.permit_assignment(name, for_command, call, place)?;
            self.set(scope, name, values)?;
        }
        Ok(())
    }
}

/// Notes which variables a test looks at.
fn guard(words: &[Word], scope: &mut Scope) {
    for piece in words.iter().flatten() {
        if let Piece::Variable { name, .. } = piece {
            scope.guard(name);
        }
    }
}
