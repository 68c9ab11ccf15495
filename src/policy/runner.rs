//! One call: judged itself, then followed into what it runs and changes.

use std::rc::Rc;

use super::Refusal;
use super::call::Call;
use super::environment::Scope;
use super::judge::{Judge, Place};
use super::wrapper::{self, Inner, Unwrapped, What};
use super::{redundant, script, writes};
use crate::shell::argument::{SOMETHING, words};
use crate::shell::syntax::Command;
use crate::shell::wrapper::RunsIn;

/// Functions that are followed into each other.
const MOST_ACTIVE: usize = 5;

type Verdict = Result<(), Refusal>;

impl Judge<'_> {
    pub(super) fn call(&mut self, mut call: Call, scope: &mut Scope, place: &Place) -> Verdict {
        Self::check_depth(place)?;
        call.directories.clone_from(&scope.directories);
        call.mounts = Rc::clone(&scope.mounts);
        self.spend(1 + call.words.len() / 4)?;
        let name = call.name();
        call.writes = writes::of(&name, &call);
        call.reads_own = place.input.listing.is_some_and(|program| program == name);
        self.spend(call.writes.len() / 4)?;
        let plain = redundant::plain(&name, &call, &place.input);
        self.blocked(plain.as_ref().unwrap_or(&call))?;
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
            mut inner,
            is_transparent,
            assigned,
        } = wrapper::unwrap(&name, &call, &place.input);
        inner.extend(script::run(&call));
        for (variable, _) in &assigned {
            self.permit_assignment(variable, true, &call, place)?;
        }
        let passes_on = inner.iter().all(|one| matches!(one.what, What::Words(_)));
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
        self.note(&name, &call, scope, &place.input)?;
        if assigned.is_empty() {
            return self.all_inner(inner, &call, scope, &place);
        }
        let mut own = scope.clone();
        for (variable, value) in assigned {
            self.set(&mut own, &variable, vec![value])?;
        }
        self.all_inner(inner, &call, &mut own, &place)
    }

    fn all_inner(
        &mut self,
        inner: Vec<Inner>,
        call: &Call,
        scope: &mut Scope,
        place: &Place,
    ) -> Verdict {
        for one in inner {
            self.spend(1)?;
            self.inner(one, call, scope, place)?;
        }
        Ok(())
    }

    fn inner(&mut self, inner: Inner, call: &Call, scope: &mut Scope, place: &Place) -> Verdict {
        let mut place = if inner.reads {
            place.clone()
        } else {
            place.silent()
        };
        place.recursive = call.recursive || inner.recursive;
        place.free |= inner.is_implied;
        let mut other = match inner.shell {
            RunsIn::Same => None,
            RunsIn::Child => Some(scope.clone()),
            RunsIn::Elsewhere => Some(Scope::default()),
        };
        let scope = other.as_mut().unwrap_or(scope);
        if inner.directory.is_some() {
            scope.enter(inner.directory.as_ref());
        }
        for mount in inner.mounts {
            scope.mount(mount);
        }
        match inner.what {
            What::Words(words) => {
                let call = Call {
                    recursive: place.recursive,
                    is_declared: false,
                    ..call.with(words)
                };
                self.call(call, scope, &place)
            }
            What::Script { text, arguments } => {
                if let Some((zero, arguments)) = arguments {
                    self.set(scope, "0", vec![zero.unwrap_or(SOMETHING.into())])?;
                    scope.set_positional(Some(&arguments));
                }
                // A script that was read is not read again; any other leaves what there is to read.
                if place.input.text.as_deref() == Some(&*text) {
                    place = place.silent();
                }
                self.script(&text, scope, &place)
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
        let before = scope.positional();
        scope.set_positional(Some(call.arguments()));
        scope.active.push(name);
        let verdict = self.command(body, scope, place);
        scope.active.pop();
        scope.restore_positional(before);
        verdict
    }
}
