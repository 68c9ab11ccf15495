//! Scripts that a text writes to a file before it runs them.

use super::Refusal;
use super::call::ProgramCall;
use super::environment::Environment;
use super::judge::{CommandContext, Judge};
use super::path;
use super::wrapper::InnerCommand;
use super::writes;
use crate::shell::argument::{Argument, is_unknown};
use crate::shell::syntax::{CommandKind, ShellCommand, Word, bare};
use crate::shell::wrapper::stripped;

/// Most files whose content is kept.
const MOST_FILES: usize = 32;
/// Most bytes that are kept of one file.
const LONGEST: usize = 64 * 1024;

impl Judge<'_> {
    /// Notes what a command writes to files, where that is known.
    pub(super) fn note_written(
        &mut self,
        command: &ShellCommand,
        call: &ProgramCall,
        environment: &Environment,
        context: &CommandContext,
    ) -> Result<(), Refusal> {
        // The likely content of a file is enough to refuse a command, not to allow one.
        if !self.allow.is_empty() {
            return Ok(());
        }
        let mut files = call.outputs.clone();
        let is_tee = |word: &Word| bare(word).is_some_and(|name| name.ends_with("tee"));
        if let CommandKind::Simple { words, .. } = &command.kind
            && words.iter().take(8).any(is_tee)
        {
            let words = self.arguments_of(words, environment)?;
            let words = stripped(&words);
            if words.first().is_some_and(|one| one.text == "tee") {
                files.extend(writes::of("tee", &call.with(words.to_vec())));
            }
        }
        files.retain(|file| !file.text.contains(is_unknown));
        if files.is_empty() {
            return Ok(());
        }
        let Some(text) = self.output_reading(command, environment, &context.input)? else {
            return Ok(());
        };
        self.spend(1 + files.len() * text.len() / 256)?;
        for file in files {
            let key = key(&file, environment);
            if self.written.len() < MOST_FILES || self.written.contains_key(&key) {
                let kept = self.written.entry(key).or_default();
                if kept.len() + 2 * text.len() > LONGEST {
                    continue;
                }
                // It may be appended to the content, or replace it.
                if !kept.is_empty() && !kept.ends_with('\n') {
                    kept.push_str(&text);
                    kept.push('\n');
                }
                kept.push_str(&text);
            }
        }
        Ok(())
    }

    /// Gives an argument the content of the file that it names, where that is known.
    pub(super) fn recall(&self, argument: &mut Argument, environment: &Environment) {
        if !self.written.is_empty() && argument.printed.is_none() {
            argument.printed = self.written.get(&key(argument, environment)).cloned();
        }
    }
}

fn key(file: &Argument, environment: &Environment) -> String {
    match &path::absolute(&file.text, &environment.directories)[..] {
        [path] => path::normal(path),
        _ => path::normal(&file.text),
    }
}

/// The script that a call runs whose program is such a file.
pub(super) fn run(call: &ProgramCall) -> Option<InnerCommand> {
    let program = call.words.first()?;
    let text = program.printed.as_deref()?;
    let first = text.lines().next().unwrap_or_default();
    let is_shell = match first.strip_prefix("#!") {
        Some(interpreter) => interpreter.trim_end().ends_with("sh"),
        None => true,
    };
    (is_shell && program.text.contains('/'))
        .then(|| InnerCommand::of_file(text, program, call.arguments()))
}
