//! The way through a text's commands, in the order in which a shell would run them.

use std::rc::Rc;

use super::Refusal;
use super::call::Call;
use super::environment::Scope;
use super::judge::{Input, Judge, Place};
use crate::shell::syntax::{Command, Kind, List, Piece, Word};

type Verdict = Result<(), Refusal>;

impl Judge<'_> {
    pub(super) fn list(&mut self, list: &List, scope: &mut Scope, place: &Place) -> Verdict {
        let mut before: Option<Scope> = None;
        for item in list {
            self.spend(1)?;
            let start = scope.clone();
            if item.otherwise || item.background {
                // A `cd` that fails goes nowhere.
                let stays = before.filter(|before| before.directories != scope.directories);
                if let Some(mut stays) = stays.filter(|_| item.otherwise) {
                    self.pipeline(&item.commands, &mut stays, place)?;
                }
                let mut other = scope.clone();
                self.pipeline(&item.commands, &mut other, place)?;
                if !item.background {
                    self.merge(scope, &[other])?;
                }
            } else {
                self.pipeline(&item.commands, scope, place)?;
            }
            before = Some(start);
        }
        Ok(())
    }

    pub(super) fn merge(&mut self, scope: &mut Scope, others: &[Scope]) -> Verdict {
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
                text: self.output(command, scope, &place.input)?.map(Into::into),
                found: self.found(command, scope, &place.input)?.map(Into::into),
                listing: self.listing(command, scope, &place.input)?,
                is_pipe: true,
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
            recursive: place.recursive,
            ..Call::default()
        };
        let mut place = place.inner();
        for redirect in &command.redirects {
            self.redirect(redirect, &mut call, scope, &mut place)?;
        }
        let place = &place;
        self.note_written(command, &call, scope, place)?;
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
                let values = if let Some(words) = words {
                    self.visit_all(words, scope, place)?;
                    self.set_defaults(words, scope)?;
                    self.flat(words, scope)?
                } else {
                    let alternatives = scope.elements("@");
                    let all = alternatives.iter().flat_map(|one| one.iter());
                    all.map(|(_, one)| one.clone()).collect()
                };
                let values: Vec<_> = values.into_iter().map(|value| value.text).collect();
                let mut inner = scope.clone();
                if name.is_empty() {
                    self.begin_count(words.iter().flatten(), &mut inner)?;
                }
                self.again(&mut inner, |judge, scope| {
                    judge.set(scope, name, values.clone())?;
                    judge.list(body, scope, place)
                })?;
                self.merge(scope, &[inner])
            }
            Kind::Case(subject, arms) => {
                self.visit(subject, scope, place)?;
                self.set_defaults(std::slice::from_ref(subject), scope)?;
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
                self.set_defaults(words, scope)?;
                guard(words, scope);
                Ok(())
            }
            Kind::Number(word) => {
                self.visit(word, scope, place)?;
                guard(std::slice::from_ref(word), scope);
                for text in self.texts(word, scope)? {
                    self.compute(&text, scope)?;
                }
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
        let within = std::mem::replace(&mut scope.loops, true);
        let verdict = self.rounds(scope, &mut before, &mut round);
        scope.loops = within;
        verdict
    }

    fn rounds(
        &mut self,
        scope: &mut Scope,
        before: &mut Scope,
        round: &mut impl FnMut(&mut Self, &mut Scope) -> Verdict,
    ) -> Verdict {
        round(self, scope)?;
        self.spend(scope.weight() / 4)?;
        if scope.is_like(before) {
            return Ok(());
        }
        before.loops = true;
        self.merge(before, std::slice::from_ref(scope))?;
        round(self, before)?;
        self.merge(scope, std::slice::from_ref(before))
    }

    /// What `for ((i = 6; …))` sets at first.
    fn begin_count<'w>(
        &mut self,
        words: impl Iterator<Item = &'w Word>,
        scope: &mut Scope,
    ) -> Verdict {
        for piece in words.flatten() {
            if let Piece::Number(word) = piece {
                for text in self.texts(word, scope)? {
                    self.compute(text.split(';').next().unwrap_or_default(), scope)?;
                }
            }
        }
        Ok(())
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
        inner.set_positional(None);
        self.command(body, &mut inner, &place.silent())?;
        self.spend(1 + scope.weight() / 4)?;
        scope.define(name, body);
        Ok(())
    }
}

/// Notes which variables a test looks at.
pub(super) fn guard(words: &[Word], scope: &mut Scope) {
    for piece in words.iter().flatten() {
        if let Piece::Variable(variable) = piece {
            scope.guard(&variable.name);
        }
    }
}
