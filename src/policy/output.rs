//! What commands print, where the text itself says it.

use super::Refusal;
use super::call::Call;
use super::environment::Scope;
use super::find::Find;
use super::judge::{Input, Judge};
use super::printing::{echo, format};
use super::utility::{self, basename, directory, listed, one_known, passed, resolved};
use super::wrapper::{self, What};
use crate::shell::argument::{Argument, MANY, SOMETHING};
use crate::shell::parse::parse;
use crate::shell::syntax::{Command, Flow, Kind, List, Redirect};
use crate::shell::wrapper::stripped;

/// Programs that print something unless they fail.
const NEVER_EMPTY: &[&str] = &[
    "basename", "date", "dirname", "hostname", "id", "mktemp", "nproc", "pwd", "readlink",
    "realpath", "seq", "uname", "wc", "whoami",
];
/// Programs that print what they read, whole or in part.
const PASSING: &[&str] = &["cat", "head", "sort", "tac", "tail", "tee", "uniq"];
/// Substitutions and functions within each other whose output is followed.
const DEEPEST: usize = 12;

impl Judge<'_> {
    /// What a list prints, where that is known.
    pub(super) fn printed(
        &mut self,
        list: &List,
        scope: &Scope,
    ) -> Result<Option<String>, Refusal> {
        self.printed_from(list, &mut scope.clone(), &Input::default())
    }

    fn printed_from(
        &mut self,
        list: &List,
        scope: &mut Scope,
        input: &Input,
    ) -> Result<Option<String>, Refusal> {
        if self.printing >= DEEPEST {
            return Ok(None);
        }
        self.printing += 1;
        let printed = self.all_printed(list, scope, input);
        self.printing -= 1;
        printed
    }

    fn all_printed(
        &mut self,
        list: &List,
        scope: &mut Scope,
        input: &Input,
    ) -> Result<Option<String>, Refusal> {
        if list.len() > 1 && !self.allow.is_empty() {
            // What is only likely is enough to refuse a command, not to let one through.
            return Ok(None);
        }
        let mut text = String::new();
        for item in list {
            self.spend(1)?;
            let mut read = input.clone();
            let mut printed = None;
            for command in &item.commands {
                printed = self.output(command, scope, &read)?;
                read = Input {
                    text: printed.as_deref().map(Into::into),
                    ..Input::default()
                };
            }
            let Some(printed) = printed else {
                return Ok(None);
            };
            // Of two ways to print something, the first is taken.
            if !item.otherwise || text.is_empty() {
                text.push_str(&printed);
            }
            if text.len() > crate::shell::MAX_VALUE {
                return Ok(None);
            }
            if let ([command], false) = (&item.commands[..], item.background) {
                self.follow(command, scope)?;
            }
        }
        Ok(Some(text))
    }

    /// Notes what a command changes for those after it.
    fn follow(&mut self, command: &Command, scope: &mut Scope) -> Result<(), Refusal> {
        let Kind::Simple { assignments, words } = &command.kind else {
            return Ok(());
        };
        if words.is_empty() {
            for assignment in assignments {
                self.assign_one(assignment, scope)?;
            }
            return Ok(());
        }
        let call = Call {
            words: self.flat(words, scope)?,
            ..Call::default()
        };
        self.note(&call.name(), &call, scope, &Input::default())
    }

    /// What the command prints; `None` if that is not known.
    pub(super) fn output(
        &mut self,
        command: &Command,
        scope: &Scope,
        input: &Input,
    ) -> Result<Option<String>, Refusal> {
        self.spend(1)?;
        let read = self.read_from(&command.redirects, scope)?;
        self.output_reading(command, scope, read.as_ref().unwrap_or(input))
    }

    /// What the command prints that reads this.
    pub(super) fn output_reading(
        &mut self,
        command: &Command,
        scope: &Scope,
        input: &Input,
    ) -> Result<Option<String>, Refusal> {
        let goes_elsewhere = |one: &Redirect| matches!(one.flow, Flow::Output | Flow::Duplicate);
        if !self.allow.is_empty() && command.redirects.iter().any(goes_elsewhere) {
            return Ok(None);
        }
        match &command.kind {
            // `$(<file)` is what stands in the file.
            Kind::Simple { words, .. } if words.is_empty() => {
                let is_plain = command.redirects.is_empty();
                Ok(is_plain.then(String::new))
            }
            Kind::Simple { words, .. } => {
                let mut words = self.flat(words, scope)?;
                for word in &mut words {
                    self.recall(word, scope);
                }
                self.output_of(&words, scope, input)
            }
            // Where what follows is not known to be the same, nothing new is believed.
            Kind::Group(list) | Kind::Subshell(list) if self.allow.is_empty() => {
                self.printed_from(list, &mut scope.clone(), input)
            }
            Kind::Test(_) | Kind::Number(_) | Kind::Function(..) => Ok(Some(String::new())),
            _ => Ok(None),
        }
    }

    /// What is read by redirection, if it says that it is known.
    fn read_from(
        &mut self,
        redirects: &[Redirect],
        scope: &Scope,
    ) -> Result<Option<Input>, Refusal> {
        let mut input = None;
        for redirect in redirects {
            let word = match redirect.flow {
                Flow::Document => redirect.body.get(),
                Flow::Text => Some(&redirect.word),
                Flow::Input => None,
                _ => continue,
            };
            let text = match word {
                Some(word) => Some(self.lines(word, scope)?.into()),
                None => None,
            };
            input = Some(Input {
                text,
                ..Input::default()
            });
        }
        Ok(input)
    }

    fn output_of(
        &mut self,
        words: &[Argument],
        scope: &Scope,
        input: &Input,
    ) -> Result<Option<String>, Refusal> {
        let Some((program, arguments)) = words.split_first() else {
            return Ok(None);
        };
        let name = program.text.rsplit('/').next().unwrap_or_default();
        if let Some(body) = scope.function(&program.text) {
            if !self.allow.is_empty() || self.printing >= DEEPEST {
                return Ok(None);
            }
            let mut inner = scope.clone();
            inner.set_positional(Some(arguments));
            self.printing += 1;
            let printed = self.output(&body, &inner, input);
            self.printing -= 1;
            return printed;
        }
        let last = || arguments.last().map(|last| last.text.clone());
        Ok(match name {
            "echo" => Some(echo(arguments)),
            "printf" => Some(format(arguments)),
            "which" if !arguments.is_empty() => last(),
            "command" | "type" if arguments.len() > 1 && arguments[0].is_option() => last(),
            "pwd" => match &scope.directories[..] {
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
                let sum = super::value::evaluate(&sum.join(" "), scope);
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
            "realpath" => Some(one_known(arguments, |one| resolved(&one.text, scope))),
            "readlink" if arguments.len() > 1 => {
                Some(one_known(arguments, |one| resolved(&one.text, scope)))
            }
            "printenv" if arguments.len() == 1 => {
                Some(scope.values(&arguments[0].text).swap_remove(0))
            }
            name if NEVER_EMPTY.contains(&name) => Some(SOMETHING.into()),
            _ => return self.output_within(name, words, scope, input),
        })
    }

    /// What a command prints that runs another one.
    fn output_within(
        &mut self,
        name: &str,
        words: &[Argument],
        scope: &Scope,
        input: &Input,
    ) -> Result<Option<String>, Refusal> {
        if self.printing >= DEEPEST {
            return Ok(None);
        }
        let call = Call {
            words: words.to_vec(),
            ..Call::default()
        };
        let mut inner = wrapper::unwrap(name, &call, input).inner;
        let (Some(one), true) = (inner.pop(), inner.is_empty()) else {
            return Ok(None);
        };
        let mut scope = scope.clone();
        if let Some(directory) = &one.directory {
            scope.enter(Some(directory));
        }
        match one.what {
            What::Words(words) => {
                self.printing += 1;
                let printed = self.output_of(&words, &scope, input);
                self.printing -= 1;
                printed
            }
            What::Script { text, arguments } => {
                self.spend(1 + text.len() / 64)?;
                if let Some((zero, arguments)) = arguments {
                    scope.set("0", vec![zero.unwrap_or(SOMETHING.into())]);
                    scope.set_positional(Some(&arguments));
                }
                match parse(&text, crate::shell::MAX_DEPTH / 2) {
                    Ok(list) => self.printed_from(&list, &mut scope, input),
                    Err(_) => Ok(None),
                }
            }
        }
    }

    /// Where everything lies that the command lists, if it leaves nothing out.
    pub(super) fn found(
        &mut self,
        command: &Command,
        scope: &Scope,
        input: &Input,
    ) -> Result<Option<Vec<Argument>>, Refusal> {
        let Kind::Simple { words, .. } = &command.kind else {
            return Ok(None);
        };
        let words = self.flat(words, scope)?;
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
        command: &Command,
        scope: &Scope,
        input: &Input,
    ) -> Result<Option<&'static str>, Refusal> {
        let Kind::Simple { words, .. } = &command.kind else {
            return Ok(None);
        };
        let words = self.flat(words, scope)?;
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
