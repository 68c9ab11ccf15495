//! One call: judged itself, then followed into what it runs and changes.

use std::rc::Rc;

use super::Refusal;
use super::call::Call;
use super::judge::{Judge, Place};
use super::scope::Scope;
use super::syntax::Command;
use super::text::words;
use super::wrapper::{self, Inner, Shell, Unwrapped};

/// Functions that are followed into each other.
const MOST_ACTIVE: usize = 5;

type Verdict = Result<(), Refusal>;

impl Judge<'_> {
    pub(super) fn call(&mut self, mut call: Call, scope: &mut Scope, place: &Place) -> Verdict {
        Self::check_depth(place)?;
        call.directories.clone_from(&scope.directories);
        self.spend(1 + call.words.len() / 4)?;
        self.blocked(&call)?;
        let name = call.name();
        if call.words.len() > 1 && call.words[0].loose {
            // A variable that is empty leaves the next word to be the program.
            let place = Place {
                free: true,
                ..place.inner()
            };
            let rest = call.with(call.words[1..].to_vec());
            self.call(rest, &mut scope.clone(), &place)?;
        }
        if let Some(text) = scope.clone().take_alias(&name) {
            let call = call.with([&words(&text), call.arguments()].concat());
            let mut inner = scope.clone();
            inner.take_alias(&name);
            return self.call(call, &mut inner, &place.inner());
        }
        let function = scope.function(call.program());
        let Unwrapped {
            inner,
            is_transparent,
            assigned,
        } = wrapper::unwrap(&name, &call, &place.input);
        for variable in &assigned {
            self.permit_assignment(variable, true, &call, place)?;
        }
        let passes_on = inner.iter().all(|one| matches!(one, Inner::Words { .. }));
        let starts = function.is_some() || is_transparent && !inner.is_empty();
        let is_written = function.is_some() || !passes_on;
        let is_transparent = starts && (call.outputs.is_empty() || !is_written);
        let covers = self.permit(&call, is_transparent, place)?;
        let place = Place {
            free: place.free || covers,
            ..place.inner()
        };
        if let Some(body) = function {
            return self.enter(&call, &body, scope, &place);
        }
        self.note(&name, &call, scope)?;
        for one in inner {
            self.spend(1)?;
            self.inner(one, &call, scope, &place)?;
        }
        Ok(())
    }

    fn inner(&mut self, inner: Inner, call: &Call, scope: &mut Scope, place: &Place) -> Verdict {
        match inner {
            Inner::Words {
                words,
                shell,
                recursive,
                reads,
            } => {
                let place = if reads { place.clone() } else { place.silent() };
                let call = Call {
                    recursive: call.recursive || recursive,
                    ..call.with(words)
                };
                match shell {
                    Shell::Same => self.call(call, scope, &place),
                    Shell::Child => self.call(call, &mut scope.clone(), &place),
                    Shell::Elsewhere => self.call(call, &mut Scope::default(), &place),
                }
            }
            Inner::Script {
                text,
                shell,
                positional,
            } => {
                // A script that was read is not read again; any other leaves what there is to read.
                let place = match &place.input.text {
                    Some(read) if **read == *text => place.silent(),
                    _ => place.clone(),
                };
                let mut other = match shell {
                    Shell::Same => return self.script(&text, scope, &place),
                    Shell::Child => scope.clone(),
                    Shell::Elsewhere => Scope::default(),
                };
                other.positional = positional;
                self.script(&text, &mut other, &place)
            }
        }
    }

    /// Follows a function, unless it is being followed already.
    fn enter(
        &mut self,
        call: &Call,
        body: &Rc<Command>,
        scope: &mut Scope,
        place: &Place,
    ) -> Verdict {
        let name = call.program().to_owned();
        if scope.active.contains(&name) {
            return Ok(());
        }
        if scope.active.len() >= MOST_ACTIVE {
            // Its body was judged where it is defined; only its arguments are left out.
            return match self.allow[..] {
                [] => Ok(()),
                _ => Err(Refusal::beyond(
                    "its functions call each other too deep to judge",
                )),
            };
        }
        let before = scope.positional.replace(call.arguments().into());
        scope.active.push(name);
        let verdict = self.command(body, scope, place);
        scope.active.pop();
        scope.positional = before;
        verdict
    }
}
