//! Walks the syntax tree in the order in which a shell would run its commands.

use std::rc::Rc;

use super::call::ProgramCall;
use super::environment::Environment;
use super::judge::{CommandContext, CommandInput, Judge};
use super::{Judgement, Refusal};
use crate::shell::syntax::{CommandKind, CommandList, Join, ShellCommand, Word, WordPart};

impl Judge<'_> {
    pub(super) fn list(
        &mut self,
        list: &CommandList,
        environment: &mut Environment,
        context: &CommandContext,
    ) -> Judgement {
        let mut before: Option<Environment> = None;
        for pipeline in list {
            self.spend(1)?;
            let start = environment.clone();
            let is_alternative = pipeline.join == Join::Or;
            if is_alternative || pipeline.background {
                // The command behind `||` runs where a `cd` has failed.
                let stays = before.filter(|before| before.directories != environment.directories);
                if let Some(mut stays) = stays.filter(|_| is_alternative) {
                    self.pipeline(&pipeline.commands, &mut stays, context)?;
                }
                let mut other = environment.clone();
                self.pipeline(&pipeline.commands, &mut other, context)?;
                if !pipeline.background {
                    self.merge(environment, &[other])?;
                }
            } else {
                self.pipeline(&pipeline.commands, environment, context)?;
            }
            before = Some(start);
        }
        Ok(())
    }

    pub(super) fn merge(
        &mut self,
        environment: &mut Environment,
        others: &[Environment],
    ) -> Judgement {
        for other in others {
            self.spend(environment.copy_cost() / 4 + other.copy_cost() / 4)?;
            environment.merge(other);
        }
        Ok(())
    }

    fn pipeline(
        &mut self,
        commands: &[ShellCommand],
        environment: &mut Environment,
        context: &CommandContext,
    ) -> Judgement {
        if let [command] = commands {
            return self.command(command, environment, context);
        }
        let mut context = context.clone();
        for command in commands {
            self.command(command, &mut environment.clone(), &context)?;
            context.input = CommandInput {
                text: self
                    .output(command, environment, &context.input)?
                    .map(Into::into),
                found: self
                    .found(command, environment, &context.input)?
                    .map(Into::into),
                listing: self.listing(command, environment, &context.input)?,
                is_pipe: true,
            };
        }
        Ok(())
    }

    pub(super) fn command(
        &mut self,
        command: &ShellCommand,
        environment: &mut Environment,
        context: &CommandContext,
    ) -> Judgement {
        Self::check_depth(context)?;
        let mut call = ProgramCall {
            part: Rc::clone(&command.part),
            recursive: context.recursive,
            ..ProgramCall::default()
        };
        let mut context = context.inner();
        for redirect in &command.redirects {
            self.redirect(redirect, &mut call, environment, &mut context)?;
        }
        let context = &context;
        self.note_written(command, &call, environment, context)?;
        if let CommandKind::Simple { assignments, words } = &command.kind {
            return self.simple(assignments, words, call, environment, context);
        }
        if !call.outputs.is_empty() {
            self.call(call, environment, context)?;
        }
        self.compound(command, environment, context)
    }

    /// Judges a compound command (POSIX, XCU 2.9.4), without its redirections.
    fn compound(
        &mut self,
        command: &ShellCommand,
        environment: &mut Environment,
        context: &CommandContext,
    ) -> Judgement {
        match &command.kind {
            CommandKind::Group(list) => self.list(list, environment, context),
            CommandKind::Subshell(list) => self.list(list, &mut environment.clone(), context),
            CommandKind::If(branches, otherwise) => {
                let mut ends = Vec::new();
                for (condition, body) in branches {
                    self.list(condition, environment, context)?;
                    ends.push(self.branch(body, environment, context)?);
                }
                ends.push(self.branch(otherwise, environment, context)?);
                self.merge(environment, &ends)
            }
            CommandKind::While(condition, body) => {
                self.loop_body(environment, |judge, environment| {
                    judge.list(condition, environment, context)?;
                    let end = judge.branch(body, environment, context)?;
                    judge.merge(environment, &[end])
                })
            }
            CommandKind::For(name, words, body) => {
                self.for_loop(name, words.as_deref(), body, environment, context)
            }
            CommandKind::Case(subject, arms) => {
                self.visit(subject, environment, context)?;
                self.set_defaults(std::slice::from_ref(subject), environment)?;
                let mut ends = Vec::new();
                for (patterns, body) in arms {
                    self.visit_all(patterns, environment, context)?;
                    ends.push(self.branch(body, environment, context)?);
                }
                self.merge(environment, &ends)
            }
            CommandKind::Function(name, body) => {
                self.function(name, body, command, environment, context)
            }
            CommandKind::Test(words) => {
                self.visit_all(words, environment, context)?;
                self.set_defaults(words, environment)?;
                note_tested(words, environment);
                Ok(())
            }
            CommandKind::Arithmetic(word) => {
                self.visit(word, environment, context)?;
                note_tested(std::slice::from_ref(word), environment);
                for text in self.texts(word, environment)? {
                    self.compute(&text, environment)?;
                }
                Ok(())
            }
            CommandKind::Simple { .. } => Ok(()),
        }
    }

    fn for_loop(
        &mut self,
        name: &str,
        words: Option<&[Word]>,
        body: &CommandList,
        environment: &mut Environment,
        context: &CommandContext,
    ) -> Judgement {
        let values = if let Some(words) = words {
            self.visit_all(words, environment, context)?;
            self.set_defaults(words, environment)?;
            self.arguments_of(words, environment)?
        } else {
            let alternatives = environment.elements("@");
            let all = alternatives.iter().flat_map(|one| one.iter());
            all.map(|(_, one)| one.clone()).collect()
        };
        let values: Vec<_> = values.into_iter().map(|value| value.text).collect();
        let mut inner = environment.clone();
        if name.is_empty() {
            self.begin_count(words.into_iter().flatten(), &mut inner)?;
        }
        self.loop_body(&mut inner, |judge, environment| {
            judge.set(environment, name, values.clone())?;
            judge.list(body, environment, context)
        })?;
        self.merge(environment, &[inner])
    }

    /// Judges a loop's body, and once more if the first round changes the environment of the second.
    fn loop_body(
        &mut self,
        environment: &mut Environment,
        mut round: impl FnMut(&mut Self, &mut Environment) -> Judgement,
    ) -> Judgement {
        let mut before = environment.clone();
        let within = std::mem::replace(&mut environment.loops, true);
        let verdict = self.rounds(environment, &mut before, &mut round);
        environment.loops = within;
        verdict
    }

    fn rounds(
        &mut self,
        environment: &mut Environment,
        before: &mut Environment,
        round: &mut impl FnMut(&mut Self, &mut Environment) -> Judgement,
    ) -> Judgement {
        round(self, environment)?;
        self.spend(environment.copy_cost() / 4)?;
        if environment.has_values_of(before) {
            return Ok(());
        }
        before.loops = true;
        self.merge(before, std::slice::from_ref(environment))?;
        round(self, before)?;
        self.merge(environment, std::slice::from_ref(before))
    }

    /// Applies the first expression of `for ((i = 6; …))`.
    fn begin_count<'w>(
        &mut self,
        words: impl Iterator<Item = &'w Word>,
        environment: &mut Environment,
    ) -> Judgement {
        for part in words.flatten() {
            if let WordPart::Arithmetic(word) = part {
                for text in self.texts(word, environment)? {
                    self.compute(text.split(';').next().unwrap_or_default(), environment)?;
                }
            }
        }
        Ok(())
    }

    /// Judges a list that may not be run. Gives the environment that it would leave.
    fn branch(
        &mut self,
        list: &CommandList,
        environment: &Environment,
        context: &CommandContext,
    ) -> Result<Environment, Refusal> {
        let mut inner = environment.clone();
        self.list(list, &mut inner, context)?;
        Ok(inner)
    }

    pub(super) fn set(
        &mut self,
        environment: &mut Environment,
        name: &str,
        values: Vec<String>,
    ) -> Judgement {
        self.spend(1 + environment.copy_cost() / 4)?;
        environment.set(name, values);
        Ok(())
    }

    fn function(
        &mut self,
        name: &str,
        body: &Rc<ShellCommand>,
        command: &ShellCommand,
        environment: &mut Environment,
        context: &CommandContext,
    ) -> Judgement {
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
        let mut inner = environment.clone();
        inner.active.push(name.to_owned());
        inner.set_positional(None);
        self.command(body, &mut inner, &context.silent())?;
        self.spend(1 + environment.copy_cost() / 4)?;
        environment.define(name, body);
        Ok(())
    }
}

/// Notes which variables a test checks.
pub(super) fn note_tested(words: &[Word], environment: &mut Environment) {
    for part in words.iter().flatten() {
        if let WordPart::Variable(variable) = part {
            environment.note_tested(&variable.name);
        }
    }
}
