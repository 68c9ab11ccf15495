//! What simple commands print, where the text itself says it.

use super::Refusal;
use super::find::Find;
use super::judge::Judge;
use super::scope::Scope;
use super::syntax::{Command, Flow, Kind};
use super::text::{Argument, SOMETHING, bounded, joined};
use super::wrapper::stripped;

/// Programs that print something unless they fail.
const NEVER_EMPTY: &[&str] = &[
    "basename", "date", "dirname", "hostname", "id", "mktemp", "nproc", "pwd", "seq", "uname",
    "whoami",
];

impl Judge<'_> {
    /// What the command prints; `None` if that is not known.
    pub(super) fn output(
        &mut self,
        command: &Command,
        scope: &Scope,
    ) -> Result<Option<String>, Refusal> {
        let Kind::Simple { words, .. } = &command.kind else {
            return Ok(None);
        };
        self.spend(1)?;
        let words = self.flat(words, scope)?;
        let Some((program, arguments)) = words.split_first() else {
            return Ok(None);
        };
        let name = program.text.rsplit('/').next().unwrap_or_default();
        Ok(match name {
            "echo" => Some(echo(arguments)),
            "printf" => Some(bounded(format(arguments))),
            "cat" if arguments.iter().all(|one| one.text == "-") => {
                let mut read = None;
                for redirect in &command.redirects {
                    let word = match redirect.flow {
                        Flow::Document => redirect.body.get(),
                        Flow::Text => Some(&redirect.word),
                        _ => None,
                    };
                    if let Some(word) = word {
                        read = Some(self.texts(word, scope)?.swap_remove(0));
                    }
                }
                read
            }
            "which" | "command" if arguments.len() > usize::from(name == "command") => {
                arguments.last().map(|last| last.text.clone())
            }
            "pwd" if !scope.directories.is_empty() => Some(scope.directories[0].clone()),
            ":" | "true" => Some(String::new()),
            name if NEVER_EMPTY.contains(&name) => Some(SOMETHING.into()),
            _ => None,
        })
    }

    /// Where everything lies that the command lists, if it leaves nothing out.
    pub(super) fn found(
        &mut self,
        command: &Command,
        scope: &Scope,
    ) -> Result<Option<Vec<Argument>>, Refusal> {
        let Kind::Simple { words, .. } = &command.kind else {
            return Ok(None);
        };
        let words = self.flat(words, scope)?;
        let Some((_, arguments)) = stripped(&words)
            .split_first()
            .filter(|(first, _)| first.text == "find")
        else {
            return Ok(None);
        };
        let find = Find::of(arguments);
        Ok((!find.is_narrow).then_some(find.starts))
    }
}

fn echo(arguments: &[Argument]) -> String {
    let flags = ["-n", "-e", "-E", "-ne", "-en"];
    let options = arguments
        .iter()
        .take_while(|one| flags.contains(&&*one.text))
        .count();
    // Some shells' `echo` knows escapes, others' does not.
    joined(&arguments[options..]).replace("\\n", "\n") + "\n"
}

fn format(arguments: &[Argument]) -> String {
    let Some((format, mut rest)) = arguments.split_first() else {
        return String::new();
    };
    let mut text = String::new();
    loop {
        let before = rest.len();
        let mut letters = format.text.chars();
        while let Some(letter) = letters.next() {
            match letter {
                '\\' => text.push(match letters.next() {
                    Some('n') | None => '\n',
                    Some('t') => '\t',
                    Some(other) => other,
                }),
                '%' => match letters.next() {
                    Some('s' | 'b' | 'q' | 'd') => {
                        if let Some((first, others)) = rest.split_first() {
                            text.push_str(&first.text);
                            rest = others;
                        }
                    }
                    Some('%') => text.push('%'),
                    _ => text.push(SOMETHING),
                },
                other => text.push(other),
            }
        }
        if rest.is_empty() || rest.len() == before || text.len() > super::MAX_VALUE {
            return text;
        }
    }
}
