//! Redirections, and the substitutions in a command's words.

use super::call::ProgramCall;
use super::environment::Environment;
use super::judge::{CommandContext, CommandInput, Judge};
use super::{Judgement, Refusal};
use crate::shell::argument::Argument;
use crate::shell::syntax::{Redirect, RedirectKind, Word, WordPart};

impl Judge<'_> {
    /// Notes which files the command writes and reads, and its input.
    pub(super) fn redirect(
        &mut self,
        redirect: &Redirect,
        call: &mut ProgramCall,
        environment: &Environment,
        context: &mut CommandContext,
    ) -> Judgement {
        self.visit(&redirect.word, environment, context)?;
        match redirect.kind {
            RedirectKind::Output => call
                .outputs
                .extend(self.files(&redirect.word, environment)?),
            RedirectKind::Input => {
                let files = self.files(&redirect.word, environment)?;
                context.input = CommandInput {
                    text: files
                        .iter()
                        .find_map(|file| file.printed.as_deref().map(Into::into)),
                    ..CommandInput::default()
                };
                call.inputs.extend(files);
            }
            RedirectKind::HereDocument => {
                if let Some(body) = redirect.body.get() {
                    self.visit(body, environment, context)?;
                    context.input = CommandInput {
                        text: Some(self.lines(body, environment)?.into()),
                        ..CommandInput::default()
                    };
                }
            }
            RedirectKind::HereString => {
                context.input = CommandInput {
                    text: Some(self.lines(&redirect.word, environment)?.into()),
                    ..CommandInput::default()
                };
            }
            RedirectKind::Duplicate => {}
        }
        Ok(())
    }

    /// Every reading of a text, one on each line.
    pub(super) fn lines(
        &mut self,
        word: &Word,
        environment: &Environment,
    ) -> Result<String, Refusal> {
        Ok(self.texts(word, environment)?.join("\n"))
    }

    fn files(&mut self, word: &Word, environment: &Environment) -> Result<Vec<Argument>, Refusal> {
        let mut files: Vec<_> = self
            .readings(word, environment, true)?
            .into_iter()
            .flatten()
            .collect();
        for file in &mut files {
            self.recall(file, environment);
        }
        Ok(files)
    }

    pub(super) fn visit_all(
        &mut self,
        words: &[Word],
        environment: &Environment,
        context: &CommandContext,
    ) -> Judgement {
        words
            .iter()
            .try_for_each(|word| self.visit(word, environment, context))
    }

    /// Judges the commands that are run for a word's value.
    pub(super) fn visit(
        &mut self,
        word: &[WordPart],
        environment: &Environment,
        context: &CommandContext,
    ) -> Judgement {
        for part in word {
            match part {
                WordPart::Substitution(list, _) | WordPart::ProcessSubstitution(list) => {
                    self.list(list, &mut environment.clone(), &context.inner().silent())?;
                }
                other => {
                    for word in other.words() {
                        self.visit(word, environment, context)?;
                    }
                }
            }
        }
        Ok(())
    }
}
