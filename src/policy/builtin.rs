//! Built-in utilities that change the environment of the commands after them.

use super::Refusal;
use super::call::ProgramCall;
use super::environment::Environment;
use super::judge::{CommandInput, Judge};
use super::modifier::cased;
use super::number;
use crate::shell::argument::{Argument, MANY, ONE, SOMETHING, assignment, is_name};
use crate::shell::syntax::{CaseChange, CommandKind, CommandList, ShellCommand, bare};

impl Judge<'_> {
    /// Notes what a call changes in its shell.
    pub(super) fn apply_builtin(
        &mut self,
        name: &str,
        call: &ProgramCall,
        environment: &mut Environment,
        input: &CommandInput,
    ) -> Result<(), Refusal> {
        let arguments = call.arguments();
        let mut operands = arguments.iter().filter(|one| !one.is_option());
        match name {
            "cd" | "chdir" => {
                let back = arguments.iter().find(|one| one.text == "-");
                environment.change_directory(back.or_else(|| operands.next()));
            }
            "pushd" => environment.push_directory(operands.next()),
            "popd" => environment.pop_directory(),
            "export" | "declare" | "typeset" | "local" | "readonly" => {
                self.declared(arguments, call.is_declared, environment)?;
            }
            "shift" => {
                let count = operands.next().map_or(Some(1), |one| one.text.parse().ok());
                match count {
                    Some(count) => environment.shift(count),
                    None => environment.set_positional(None),
                }
            }
            "set" => set(arguments, environment),
            "alias" => {
                for (alias, text) in arguments.iter().filter_map(|one| one.text.split_once('=')) {
                    self.spend(1)?;
                    environment.alias(alias, text);
                }
            }
            "hash" if arguments.first().is_some_and(|one| one.text == "-p") => {
                if let [_, path, name, ..] = arguments {
                    environment.alias(&name.text, &path.text);
                }
            }
            "unset" => {
                for variable in operands.filter(|one| is_name(&one.text)) {
                    self.spend(1 + environment.copy_cost() / 4)?;
                    environment.set_unknown(&variable.text);
                }
            }
            "read" => self.read_line(arguments, environment, input)?,
            "mapfile" | "readarray" => self.read_lines(arguments, environment, input)?,
            "getopts" => self.get_options(arguments, environment)?,
            "let" => {
                for expression in arguments {
                    let text = expression.text.replace(MANY, "*").replace(ONE, "?");
                    self.compute(&text, environment)?;
                }
            }
            "printf" if arguments.first().is_some_and(|one| one.text == "-v") => {
                if let [_, variable, rest @ ..] = arguments
                    && let Some(name) = variable.text.split('[').next().filter(|one| is_name(one))
                {
                    let text = super::printing::format(rest);
                    self.set(environment, name, vec![text])?;
                }
            }
            "mount" | "ln" => {
                for mount in super::writes::mounts(call) {
                    self.spend(1)?;
                    environment.mount(mount);
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn declared(
        &mut self,
        arguments: &[Argument],
        is_done: bool,
        environment: &mut Environment,
    ) -> Result<(), Refusal> {
        let letters: String = arguments
            .iter()
            .filter(|one| one.is_option())
            .map(|one| one.text.as_str())
            .collect();
        for argument in arguments {
            let Some((name, value)) = assignment(&argument.text) else {
                continue;
            };
            if letters.contains('n') && is_name(value) {
                self.spend(1)?;
                environment.link(name, value);
                continue;
            }
            if !is_done {
                self.set(environment, name, vec![value.to_owned()])?;
            }
            let case = match () {
                () if letters.contains('l') => CaseChange::Lower,
                () if letters.contains('u') => CaseChange::Upper,
                () => continue,
            };
            let values = environment.values(name);
            let values = values.iter().map(|value| cased(value, case)).collect();
            self.set(environment, name, values)?;
        }
        Ok(())
    }

    /// Sets the variable that an expression sets.
    pub(super) fn compute(
        &mut self,
        text: &str,
        environment: &mut Environment,
    ) -> Result<(), Refusal> {
        for part in text.split(',') {
            let Some((name, expression)) = number::assigned(part).filter(|one| is_name(one.0))
            else {
                continue;
            };
            let value = super::value::evaluate(&expression, environment);
            let value = value.map_or(SOMETHING.to_string(), |value| value.to_string());
            let name = name.to_owned();
            self.set(environment, &name, vec![value])?;
        }
        Ok(())
    }
}

/// `set`, with options and without.
fn set(arguments: &[Argument], environment: &mut Environment) {
    let mut rest = arguments;
    while let Some((first, others)) = rest.split_first() {
        let text = first.text.as_str();
        if matches!(text, "--" | "-") {
            if text == "--" || !others.is_empty() {
                environment.set_positional(Some(others));
            }
            return;
        }
        if text.len() < 2 || !text.starts_with(['-', '+']) {
            return environment.set_positional(Some(rest));
        }
        rest = others;
        let is_on = text.starts_with('-');
        environment.strict |= is_on && text.contains('u');
        if text.ends_with('o')
            && let Some((option, after)) = rest.split_first()
        {
            environment.strict |= is_on && option.text == "nounset";
            rest = after;
        }
    }
}

/// Returns true if a function of this name and body unconditionally starts itself twice, side by side.
pub(super) fn multiplies(name: &str, body: &ShellCommand) -> bool {
    let (mut all, mut aside) = (0, 0);
    count(name, body, false, &mut all, &mut aside);
    all >= 2 && aside >= 1
}

fn count(name: &str, command: &ShellCommand, beside: bool, all: &mut usize, aside: &mut usize) {
    let lists = |list: &CommandList, all: &mut usize, aside: &mut usize| {
        for pipeline in list {
            let beside = beside || pipeline.background || pipeline.commands.len() > 1;
            for command in &pipeline.commands {
                count(name, command, beside, all, aside);
            }
        }
    };
    match &command.kind {
        CommandKind::Simple { words, .. } => {
            let own = words.first().and_then(|word| bare(word));
            if own.as_deref() == Some(name) {
                *all += 1;
                *aside += usize::from(beside);
            }
        }
        CommandKind::Group(list) | CommandKind::Subshell(list) => lists(list, all, aside),
        // A call behind a condition may come to an end.
        _ => {}
    }
}
