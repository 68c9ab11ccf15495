//! The output of commands, where the text itself says what it is.

use super::Refusal;
use super::call::ProgramCall;
use super::environment::Environment;
use super::find::Find;
use super::judge::{CommandInput, Judge};
use super::printing::{echo, format};
use super::utility::{self, basename, directory, listed, one_known, passed, resolved};
use super::wrapper::{self, InnerText};
use crate::shell::argument::{Argument, MANY, SOMETHING};
use crate::shell::parse::parse;
use crate::shell::syntax::{CommandKind, CommandList, Join, Redirect, RedirectKind, ShellCommand};
use crate::shell::wrapper::stripped;

/// Programs that print something unless they fail.
const NEVER_EMPTY: &[&str] = &[
    "basename", "date", "dirname", "hostname", "id", "mktemp", "nproc", "pwd", "readlink",
    "realpath", "seq", "uname", "wc", "whoami",
];
/// Programs that print what they read, whole or in part.
const PASSING: &[&str] = &["cat", "head", "sort", "tac", "tail", "tee", "uniq"];
/// Nested substitutions and functions whose output is followed.
const DEEPEST: usize = 12;

impl Judge<'_> {
    /// The output of a list; `None` if it is not known.
    pub(super) fn printed(
        &mut self,
        list: &CommandList,
        environment: &Environment,
    ) -> Result<Option<String>, Refusal> {
        self.printed_from(list, &mut environment.clone(), &CommandInput::default())
    }

    fn printed_from(
        &mut self,
        list: &CommandList,
        environment: &mut Environment,
        input: &CommandInput,
    ) -> Result<Option<String>, Refusal> {
        if self.printing >= DEEPEST {
            return Ok(None);
        }
        self.printing += 1;
        let printed = self.all_printed(list, environment, input);
        self.printing -= 1;
        printed
    }

    fn all_printed(
        &mut self,
        list: &CommandList,
        environment: &mut Environment,
        input: &CommandInput,
    ) -> Result<Option<String>, Refusal> {
        if list.len() > 1 && !self.allow.is_empty() {
            // A likely output is enough to refuse a command, not to allow one.
            return Ok(None);
        }
        let mut text = String::new();
        for pipeline in list {
            self.spend(1)?;
            let mut read = input.clone();
            let mut printed = None;
            for command in &pipeline.commands {
                printed = self.output(command, environment, &read)?;
                read = CommandInput {
                    text: printed.as_deref().map(Into::into),
                    ..CommandInput::default()
                };
            }
            let Some(printed) = printed else {
                return Ok(None);
            };
            // Behind `||`, only the first output counts.
            if pipeline.join != Join::Or || text.is_empty() {
                text.push_str(&printed);
            }
            if text.len() > crate::shell::MAX_VALUE {
                return Ok(None);
            }
            if let ([command], false) = (&pipeline.commands[..], pipeline.background) {
                self.follow(command, environment)?;
            }
        }
        Ok(Some(text))
    }

    /// Applies the variables that a command sets for those after it.
    fn follow(
        &mut self,
        command: &ShellCommand,
        environment: &mut Environment,
    ) -> Result<(), Refusal> {
        let CommandKind::Simple { assignments, words } = &command.kind else {
            return Ok(());
        };
        if words.is_empty() {
            for assignment in assignments {
                self.assign_one(assignment, environment)?;
            }
            return Ok(());
        }
        let call = ProgramCall {
            words: self.arguments_of(words, environment)?,
            ..ProgramCall::default()
        };
        self.apply_builtin(&call.name(), &call, environment, &CommandInput::default())
    }

    /// The output of a command; `None` if it is not known.
    pub(super) fn output(
        &mut self,
        command: &ShellCommand,
        environment: &Environment,
        input: &CommandInput,
    ) -> Result<Option<String>, Refusal> {
        self.spend(1)?;
        let read = self.read_from(&command.redirects, environment)?;
        self.output_reading(command, environment, read.as_ref().unwrap_or(input))
    }

    /// The output of a command that reads this input.
    pub(super) fn output_reading(
        &mut self,
        command: &ShellCommand,
        environment: &Environment,
        input: &CommandInput,
    ) -> Result<Option<String>, Refusal> {
        let goes_elsewhere =
            |one: &Redirect| matches!(one.kind, RedirectKind::Output | RedirectKind::Duplicate);
        if !self.allow.is_empty() && command.redirects.iter().any(goes_elsewhere) {
            return Ok(None);
        }
        match &command.kind {
            // `$(<file)` is the file's content.
            CommandKind::Simple { words, .. } if words.is_empty() => {
                let is_plain = command.redirects.is_empty();
                Ok(is_plain.then(String::new))
            }
            CommandKind::Simple { words, .. } => {
                let mut words = self.arguments_of(words, environment)?;
                for word in &mut words {
                    self.recall(word, environment);
                }
                self.output_of(&words, environment, input)
            }
            // With allow rules, the output of a list counts as not known.
            CommandKind::Group(list) | CommandKind::Subshell(list) if self.allow.is_empty() => {
                self.printed_from(list, &mut environment.clone(), input)
            }
            CommandKind::Test(_) | CommandKind::Arithmetic(_) | CommandKind::Function(..) => {
                Ok(Some(String::new()))
            }
            _ => Ok(None),
        }
    }

    /// The text that the redirections give the command to read, where it is known.
    fn read_from(
        &mut self,
        redirects: &[Redirect],
        environment: &Environment,
    ) -> Result<Option<CommandInput>, Refusal> {
        let mut input = None;
        for redirect in redirects {
            let word = match redirect.kind {
                RedirectKind::HereDocument => redirect.body.get(),
                RedirectKind::HereString => Some(&redirect.word),
                RedirectKind::Input => None,
                _ => continue,
            };
            let text = match word {
                Some(word) => Some(self.lines(word, environment)?.into()),
                None => None,
            };
            input = Some(CommandInput {
                text,
                ..CommandInput::default()
            });
        }
        Ok(input)
    }

    fn output_of(
        &mut self,
        words: &[Argument],
        environment: &Environment,
        input: &CommandInput,
    ) -> Result<Option<String>, Refusal> {
        let Some((program, arguments)) = words.split_first() else {
            return Ok(None);
        };
        let name = program.text.rsplit('/').next().unwrap_or_default();
        if let Some(body) = environment.function(&program.text) {
            return self.output_of_function(&body, arguments, environment, input);
        }
        let last = || arguments.last().map(|last| last.text.clone());
        Ok(match name {
            "echo" => Some(echo(arguments)),
            "printf" => Some(format(arguments)),
            "which" if !arguments.is_empty() => last(),
            "command" | "type" if arguments.len() > 1 && arguments[0].is_option() => last(),
            "pwd" => match &environment.directories[..] {
                [directory] => Some(directory.clone()),
                _ => Some(SOMETHING.into()),
            },
            ":" | "true" | "false" | "test" | "[" | "cd" | "pushd" | "popd" | "set" | "export"
            | "read" | "shift" | "local" | "declare" => Some(String::new()),
            "cat" if !arguments.is_empty() && arguments.iter().all(|one| one.printed.is_some()) => {
                let texts = arguments.iter().filter_map(|one| one.printed.as_deref());
                Some(texts.collect())
            }
            "cat" | "tee" if arguments.iter().all(|one| one.text == "-" || name == "tee") => {
                input.text.as_deref().map(str::to_owned)
            }
            name if PASSING.contains(&name) && self.allow.is_empty() => {
                passed(name, arguments, input)
            }
            _ if !self.allow.is_empty() => NEVER_EMPTY.contains(&name).then(|| SOMETHING.into()),
            "rev" => input.text.as_deref().map(|text| {
                let lines = text
                    .lines()
                    .map(|line| line.chars().rev().collect::<String>() + "\n");
                lines.collect()
            }),
            "tr" => input
                .text
                .as_deref()
                .and_then(|text| utility::translated(text, arguments)),
            "expr" => {
                let sum: Vec<_> = arguments
                    .iter()
                    .map(|one| one.text.replace(MANY, "*"))
                    .collect();
                let sum = super::value::evaluate(&sum.join(" "), environment);
                Some(sum.map_or(SOMETHING.into(), |sum| sum.to_string()))
            }
            "seq" => Some(utility::counted(arguments)),
            "ls" => Some(listed(arguments)),
            "find" => {
                let find = Find::of(arguments);
                let starts: Vec<_> = find.starts.iter().map(|one| &*one.text).collect();
                (!find.is_narrow).then(|| starts.join("\n"))
            }
            "dirname" => Some(one_known(arguments, |one| directory(&one.text))),
            "basename" => Some(basename(arguments)),
            "realpath" => Some(one_known(arguments, |one| resolved(&one.text, environment))),
            "readlink" if arguments.len() > 1 => {
                Some(one_known(arguments, |one| resolved(&one.text, environment)))
            }
            "printenv" if arguments.len() == 1 => {
                Some(environment.values(&arguments[0].text).swap_remove(0))
            }
            name if NEVER_EMPTY.contains(&name) => Some(SOMETHING.into()),
            _ => return self.output_within(name, words, environment, input),
        })
    }

    fn output_of_function(
        &mut self,
        body: &ShellCommand,
        arguments: &[Argument],
        environment: &Environment,
        input: &CommandInput,
    ) -> Result<Option<String>, Refusal> {
        if !self.allow.is_empty() || self.printing >= DEEPEST {
            return Ok(None);
        }
        let mut inner = environment.clone();
        inner.set_positional(Some(arguments));
        self.printing += 1;
        let printed = self.output(body, &inner, input);
        self.printing -= 1;
        printed
    }

    /// The output of a command that runs another one.
    fn output_within(
        &mut self,
        name: &str,
        words: &[Argument],
        environment: &Environment,
        input: &CommandInput,
    ) -> Result<Option<String>, Refusal> {
        if self.printing >= DEEPEST {
            return Ok(None);
        }
        let call = ProgramCall {
            words: words.to_vec(),
            ..ProgramCall::default()
        };
        let mut inner = wrapper::unwrap(name, &call, input).inner;
        let (Some(one), true) = (inner.pop(), inner.is_empty()) else {
            return Ok(None);
        };
        let mut environment = environment.clone();
        if let Some(directory) = &one.directory {
            environment.change_directory(Some(directory));
        }
        match one.what {
            InnerText::Words(words) => {
                self.printing += 1;
                let printed = self.output_of(&words, &environment, input);
                self.printing -= 1;
                printed
            }
            InnerText::Script { text, arguments } => {
                self.spend(1 + text.len() / 64)?;
                if let Some((zero, arguments)) = arguments {
                    environment.set("0", vec![zero.unwrap_or(SOMETHING.into())]);
                    environment.set_positional(Some(&arguments));
                }
                match parse(&text, crate::shell::MAX_DEPTH / 2) {
                    Ok(list) => self.printed_from(&list, &mut environment, input),
                    Err(_) => Ok(None),
                }
            }
        }
    }

    /// The directories below which the command lists everything, if it leaves nothing out.
    pub(super) fn found(
        &mut self,
        command: &ShellCommand,
        environment: &Environment,
        input: &CommandInput,
    ) -> Result<Option<Vec<Argument>>, Refusal> {
        let CommandKind::Simple { words, .. } = &command.kind else {
            return Ok(None);
        };
        let words = self.arguments_of(words, environment)?;
        Ok(match stripped(&words).split_first() {
            Some((first, arguments)) if first.text == "find" => {
                let find = Find::of(arguments);
                (!find.is_narrow).then_some(find.starts)
            }
            Some((first, _)) if matches!(&*first.text, "cat" | "sort" | "tac" | "tee" | "uniq") => {
                input.found.as_deref().map(<[_]>::to_vec)
            }
            _ => None,
        })
    }

    /// The program whose own listing the command prints, at most with lines left out.
    pub(super) fn listing(
        &mut self,
        command: &ShellCommand,
        environment: &Environment,
        input: &CommandInput,
    ) -> Result<Option<&'static str>, Refusal> {
        let CommandKind::Simple { words, .. } = &command.kind else {
            return Ok(None);
        };
        let words = self.arguments_of(words, environment)?;
        let Some((first, arguments)) = stripped(&words).split_first() else {
            return Ok(None);
        };
        let deletes = |one: &Argument| one.is_option() || one.text.ends_with("/d");
        Ok(match &*first.text {
            "crontab" if arguments.iter().any(|one| one.text == "-l") => Some("crontab"),
            "grep" | "egrep" | "fgrep" => input.listing,
            "cat" | "head" | "tail" | "sort" | "uniq" | "tee"
                if arguments.iter().all(Argument::is_option) =>
            {
                input.listing
            }
            "sed" if arguments.iter().all(deletes) => input.listing,
            _ => None,
        })
    }
}
