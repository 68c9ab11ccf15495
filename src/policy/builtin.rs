//! What a shell's own commands change for those after them.

use super::Refusal;
use super::call::Call;
use super::judge::Judge;
use super::scope::Scope;
use super::syntax::{Command, Kind, List, bare};
use super::text::{Argument, assignment, is_name};

impl Judge<'_> {
    /// Notes what a call changes in its shell.
    pub(super) fn note(
        &mut self,
        name: &str,
        call: &Call,
        scope: &mut Scope,
    ) -> Result<(), Refusal> {
        let arguments = call.arguments();
        let mut operands = arguments.iter().filter(|one| !one.is_option());
        match name {
            "cd" | "pushd" | "chdir" => scope.enter(operands.next()),
            "popd" => scope.directories = Vec::new(),
            "export" | "declare" | "typeset" | "local" | "readonly" => {
                for (variable, value) in operands.filter_map(|one| assignment(&one.text)) {
                    self.set(scope, variable, vec![value.to_owned()])?;
                }
            }
            "shift" => scope.positional = None,
            "set" => {
                if operands.next().is_some() || call.arguments().iter().any(|one| one.text == "--")
                {
                    scope.positional = None;
                }
                let unset = |one: &Argument| {
                    let letters = one.text.strip_prefix('-').unwrap_or_default();
                    !letters.starts_with('-') && letters.contains('u') || one.text == "nounset"
                };
                scope.strict |= arguments.iter().any(unset);
            }
            "alias" => {
                for (alias, text) in arguments.iter().filter_map(|one| one.text.split_once('=')) {
                    self.spend(1)?;
                    scope.alias(alias, text);
                }
            }
            "unset" | "read" | "mapfile" | "readarray" | "getopts" => {
                for variable in operands.filter(|one| is_name(&one.text)) {
                    self.spend(1 + scope.weight() / 4)?;
                    scope.forget(&variable.text);
                }
            }
            "printf" if arguments.first().is_some_and(|one| one.text == "-v") => {
                if let Some(variable) = arguments.get(1).filter(|one| is_name(&one.text)) {
                    scope.forget(&variable.text);
                }
            }
            _ => {}
        }
        Ok(())
    }
}

/// Whether a function of this name and body starts itself twice, side by side, whatever happens.
pub(super) fn multiplies(name: &str, body: &Command) -> bool {
    let (mut all, mut aside) = (0, 0);
    count(name, body, false, &mut all, &mut aside);
    all >= 2 && aside >= 1
}

fn count(name: &str, command: &Command, beside: bool, all: &mut usize, aside: &mut usize) {
    let lists = |list: &List, all: &mut usize, aside: &mut usize| {
        for item in list {
            let beside = beside || item.background || item.commands.len() > 1;
            for command in &item.commands {
                count(name, command, beside, all, aside);
            }
        }
    };
    match &command.kind {
        Kind::Simple { words, .. } => {
            let own = words.first().and_then(|word| bare(word));
            if own.as_deref() == Some(name) {
                *all += 1;
                *aside += usize::from(beside);
            }
        }
        Kind::Group(list) | Kind::Subshell(list) => lists(list, all, aside),
        // What is behind a condition may end.
        _ => {}
    }
}
