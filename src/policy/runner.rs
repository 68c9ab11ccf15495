//! Judges one call, then the commands that it runs, and applies its changes.

use std::rc::Rc;

use super::call::ProgramCall;
use super::environment::Environment;
use super::judge::{CommandContext, Judge};
use super::wrapper::{self, InnerCommand, InnerText, Unwrapped};
use super::{Judgement, Refusal};
use super::{redundant, script, writes};
use crate::shell::argument::{SOMETHING, words};
use crate::shell::syntax::ShellCommand;
use crate::shell::wrapper::RunsIn;

/// Most nested calls of functions that are followed.
const MOST_ACTIVE: usize = 5;

impl Judge<'_> {
    pub(super) fn call(
        &mut self,
        mut call: ProgramCall,
        environment: &mut Environment,
        context: &CommandContext,
    ) -> Judgement {
        Self::check_depth(context)?;
        call.directories.clone_from(&environment.directories);
        call.mounts = Rc::clone(&environment.mounts);
        self.spend(1 + call.words.len() / 4)?;
        let name = call.name();
        call.writes = writes::of(&name, &call);
        call.reads_own = context.input.listing.is_some_and(|program| program == name);
        self.spend(call.writes.len() / 4)?;
        let plain = redundant::plain(&name, &call, &context.input);
        self.blocked(plain.as_ref().unwrap_or(&call))?;
        if call.words.len() > 1 && call.words[0].loose {
            // If the variable is empty, the next word is the program.
            let context = CommandContext {
                free: true,
                ..context.inner()
            };
            let rest = call.with(call.words[1..].to_vec());
            self.call(rest, &mut environment.clone(), &context)?;
        }
        if let Some(text) = environment.clone().take_alias(&name) {
            let call = call.with([&words(&text), call.arguments()].concat());
            let mut inner = environment.clone();
            inner.take_alias(&name);
            return self.call(call, &mut inner, &context.inner());
        }
        let function = environment.function(call.program());
        let Unwrapped {
            mut inner,
            is_transparent,
            assigned,
        } = wrapper::unwrap(&name, &call, &context.input);
        inner.extend(script::run(&call));
        for (variable, _) in &assigned {
            self.permit_assignment(variable, true, &call, context)?;
        }
        let passes_on = inner
            .iter()
            .all(|one| matches!(one.what, InnerText::Words(_)));
        let starts = function.is_some() || is_transparent && !inner.is_empty();
        let is_written = function.is_some() || !passes_on;
        let is_transparent = starts && (call.outputs.is_empty() || !is_written);
        let covers = self.permit(&call, is_transparent, context)?;
        let context = CommandContext {
            free: context.free || covers,
            ..context.inner()
        };
        if let Some(body) = function {
            return self.call_function(&call, &body, environment, &context);
        }
        self.apply_builtin(&name, &call, environment, &context.input)?;
        if assigned.is_empty() {
            return self.all_inner(inner, &call, environment, &context);
        }
        let mut own = environment.clone();
        for (variable, value) in assigned {
            self.set(&mut own, &variable, vec![value])?;
        }
        self.all_inner(inner, &call, &mut own, &context)
    }

    fn all_inner(
        &mut self,
        inner: Vec<InnerCommand>,
        call: &ProgramCall,
        environment: &mut Environment,
        context: &CommandContext,
    ) -> Judgement {
        for one in inner {
            self.spend(1)?;
            self.inner(one, call, environment, context)?;
        }
        Ok(())
    }

    fn inner(
        &mut self,
        inner: InnerCommand,
        call: &ProgramCall,
        environment: &mut Environment,
        context: &CommandContext,
    ) -> Judgement {
        let mut context = if inner.reads {
            context.clone()
        } else {
            context.silent()
        };
        context.recursive = call.recursive || inner.recursive;
        context.free |= inner.is_implied;
        let mut other = match inner.shell {
            RunsIn::Same => None,
            RunsIn::Child => Some(environment.clone()),
            RunsIn::Elsewhere => Some(Environment::default()),
        };
        let environment = other.as_mut().unwrap_or(environment);
        if inner.directory.is_some() {
            environment.change_directory(inner.directory.as_ref());
        }
        for mount in inner.mounts {
            environment.mount(mount);
        }
        match inner.what {
            InnerText::Words(words) => {
                let call = ProgramCall {
                    recursive: context.recursive,
                    is_declared: false,
                    ..call.with(words)
                };
                self.call(call, environment, &context)
            }
            InnerText::Script { text, arguments } => {
                if let Some((zero, arguments)) = arguments {
                    self.set(environment, "0", vec![zero.unwrap_or(SOMETHING.into())])?;
                    environment.set_positional(Some(&arguments));
                }
                // A script that came on standard input leaves nothing to read there.
                if context.input.text.as_deref() == Some(&*text) {
                    context = context.silent();
                }
                self.script(&text, environment, &context)
            }
        }
    }

    /// Follows a function, unless it is being followed already.
    fn call_function(
        &mut self,
        call: &ProgramCall,
        body: &Rc<ShellCommand>,
        environment: &mut Environment,
        context: &CommandContext,
    ) -> Judgement {
        let name = call.program().to_owned();
        if environment.active.contains(&name) {
            return Ok(());
        }
        if environment.active.len() >= MOST_ACTIVE {
            // Its body was judged where it is defined; only its arguments are left out.
            return match self.allow[..] {
                [] => Ok(()),
                _ => Err(Refusal::beyond(
                    "its functions call each other too deep to judge",
                )),
            };
        }
        let before = environment.positional();
        environment.set_positional(Some(call.arguments()));
        environment.active.push(name);
        let verdict = self.command(body, environment, context);
        environment.active.pop();
        environment.restore_positional(before);
        verdict
    }
}
