//! The way through a text's commands, in the order in which a shell would run them.

use std::rc::Rc;

use super::Refusal;
use super::call::Call;
use super::judge::{Input, Judge, Place};
use super::scope::Scope;
use super::syntax::{Change, Command, Flow, Kind, List, Piece, Redirect, Word};
use super::text::Argument;

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
            Kind::While(condition, body) => {
                self.list(condition, scope, place)?;
                let end = self.aside(body, scope, place)?;
                self.merge(scope, &[end])
            }
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
                self.set(&mut inner, name, values)?;
                self.list(body, &mut inner, place)?;
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

    fn redirect(
        &mut self,
        redirect: &Redirect,
        call: &mut Call,
        scope: &Scope,
        place: &mut Place,
    ) -> Verdict {
        self.visit(&redirect.word, scope, place)?;
        match redirect.flow {
            Flow::Output => call.outputs.extend(self.files(&redirect.word, scope)?),
            Flow::Input => {
                let files = self.files(&redirect.word, scope)?;
                place.input = Input {
                    text: files
                        .iter()
                        .find_map(|file| file.printed.as_deref().map(Into::into)),
                    found: None,
                };
                call.inputs.extend(files);
            }
            Flow::Document => {
                if let Some(body) = redirect.body.get() {
                    self.visit(body, scope, place)?;
                    let text = self.texts(body, scope)?.swap_remove(0);
                    place.input = Input {
                        text: Some(text.into()),
                        found: None,
                    };
                }
            }
            Flow::Text => {
                let text = self.texts(&redirect.word, scope)?.swap_remove(0);
                place.input = Input {
                    text: Some(text.into()),
                    found: None,
                };
            }
            Flow::Duplicate => {}
        }
        Ok(())
    }

    fn files(&mut self, word: &Word, scope: &Scope) -> Result<Vec<Argument>, Refusal> {
        Ok(self
            .readings(word, scope, true)?
            .into_iter()
            .flatten()
            .collect())
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
        let (mut rest, mut programs) = (&words[..], Vec::new());
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

    fn visit_all(&mut self, words: &[Word], scope: &Scope, place: &Place) -> Verdict {
        words
            .iter()
            .try_for_each(|word| self.visit(word, scope, place))
    }

    /// Judges what is run for a word's value.
    fn visit(&mut self, word: &[Piece], scope: &Scope, place: &Place) -> Verdict {
        for piece in word {
            match piece {
                Piece::Output(list, _) | Piece::Process(list) => {
                    self.list(list, &mut scope.clone(), &place.inner().silent())?;
                }
                Piece::Number(word) | Piece::Pattern(word) => self.visit(word, scope, place)?,
                Piece::Array(words) => self.visit_all(words, scope, place)?,
                Piece::Variable { change, .. } => match change {
                    Change::Default(word) | Change::Instead(word) | Change::Other(word) => {
                        self.visit(word, scope, place)?;
                    }
                    Change::None | Change::Demand => {}
                },
                Piece::Bare(_) | Piece::Quoted(_) | Piece::Nothing | Piece::Tilde(_) => {}
            }
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
