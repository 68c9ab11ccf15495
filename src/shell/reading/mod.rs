//! Commands that only read, as far as tables of programs tell.
//!
//! Whatever is not known to read counts as a change: it asks a person where rules ask, and it is held back on many
//! servers. `tests/data/reading-table.txt` has a few hundred examples of both.
//!
//! | module | what it is |
//! |---|---|
//! | this | the walk through the syntax: every part of a text has to read |
//! | `readers` | programs that only read, whatever their arguments |
//! | `programs`, `options` | programs, and the arguments or options with which they read |
//! | `arguments` | arguments that are all of a list of allowed ones |
//! | `forms` | programs whose reading takes more than a list to tell |
//! | `wrapped` | programs that run another |
//! | `containers`, `repositories` | `docker`, `kubectl` and `git` |
//! | `scripts`, `queries` | scripts of `sed` and `awk`, and SQL |

mod arguments;
mod containers;
mod forms;
mod options;
mod programs;
mod queries;
mod readers;
mod repositories;
mod scripts;
mod wrapped;

use super::argument::{Argument, HOME, SOMETHING, UNKNOWN, is_unknown};
use super::parse::parse;
use super::syntax::{
    Assignment, CommandKind, CommandList, Modifier, Redirect, RedirectKind, ShellCommand,
    Subscript, Word, WordPart,
};

/// Scripts within scripts that are followed.
const DEEPEST: usize = 4;

/// Directories whose programs are those of the system.
const SYSTEM_DIRECTORIES: &[&str] = &["/bin/", "/sbin/", "/usr/bin/", "/usr/sbin/"];

/// Variables that change how something is shown, and nothing else.
const HARMLESS_VARIABLES: &[&str] = &["COLUMNS", "LANG", "LANGUAGE", "LINES", "NO_COLOR", "TZ"];

/// Returns whether a text is known to change nothing where it runs.
pub(crate) fn only_reads(text: &str) -> bool {
    script_reads(text, 0)
}

fn script_reads(text: &str, depth: usize) -> bool {
    let walk = Walk { depth };
    // The parser reads on behind this word, which has the command run beside the others.
    let is_beside = text.contains("coproc");
    depth < DEEPEST
        && !is_beside
        && parse(text, 0).is_ok_and(|list| !list.is_empty() && walk.list(&list))
}

/// The walk through a text.
#[derive(Clone, Copy)]
struct Walk {
    /// The scripts around it.
    depth: usize,
}

impl Walk {
    fn list(self, list: &CommandList) -> bool {
        list.iter().all(|pipeline| {
            let mut commands = pipeline.commands.iter();
            !pipeline.background && commands.all(|command| self.command(command))
        })
    }

    fn command(self, command: &ShellCommand) -> bool {
        if !command.redirects.iter().all(|one| self.redirect(one)) {
            return false;
        }
        match &command.kind {
            CommandKind::Simple { assignments, words } => {
                assignments.iter().all(|one| self.assignment(one)) && self.simple(words)
            }
            CommandKind::Group(list) | CommandKind::Subshell(list) => self.list(list),
            CommandKind::If(branches, other) => {
                let mut branches = branches.iter();
                branches.all(|(condition, branch)| self.list(condition) && self.list(branch))
                    && self.list(other)
            }
            CommandKind::While(condition, body) => self.list(condition) && self.list(body),
            CommandKind::For(name, words, body) => {
                // Such a variable may have a meaning of its own: `PATH`.
                let is_own = !name.contains(|letter: char| letter.is_ascii_uppercase());
                let mut words = words.iter().flatten();
                is_own && words.all(|word| self.argument(word).is_some()) && self.list(body)
            }
            CommandKind::Case(word, arms) => {
                let reads = |(patterns, list): &(Vec<Word>, CommandList)| {
                    let mut patterns = patterns.iter();
                    patterns.all(|word| self.argument(word).is_some()) && self.list(list)
                };
                self.argument(word).is_some() && arms.iter().all(reads)
            }
            CommandKind::Function(..) | CommandKind::Test(_) | CommandKind::Arithmetic(_) => false,
        }
    }

    fn simple(self, words: &[Word]) -> bool {
        let words: Option<Vec<_>> = words.iter().map(|word| self.argument(word)).collect();
        words.is_some_and(|words| self.words(&words))
    }

    fn assignment(self, assignment: &Assignment) -> bool {
        let Assignment {
            name, index, value, ..
        } = assignment;
        let is_harmless = name.starts_with("LC_") || HARMLESS_VARIABLES.contains(&&**name);
        is_harmless && index.is_none() && self.argument(value).is_some()
    }

    /// Reading a file, another descriptor, or writing nowhere.
    fn redirect(self, redirect: &Redirect) -> bool {
        let target = self.argument(&redirect.word);
        target.is_some_and(|target| match redirect.kind {
            RedirectKind::Input | RedirectKind::Duplicate => true,
            RedirectKind::Output => target.text == "/dev/null",
            RedirectKind::HereDocument | RedirectKind::HereString => false,
        })
    }

    /// The argument that a word makes; `None` if its value is not known to come about by reading alone. What may be
    /// an option, or several arguments, has a mark in it.
    fn argument(self, word: &[WordPart]) -> Option<Argument> {
        let mut text = String::new();
        if matches!(word.first(), Some(WordPart::Bare('*' | '?' | '['))) && word.len() > 1
            || matches!(word, [WordPart::Bare('*' | '?')])
            || is_brace_expansion(word)
        {
            text.push(SOMETHING);
        }
        for part in word {
            match part {
                WordPart::Bare(letter) | WordPart::Quoted(letter) => text.push(*letter),
                WordPart::Empty => {}
                WordPart::Tilde(_) => text.push(HOME),
                WordPart::Variable(variable) => {
                    let is_plain = matches!(variable.subscript, Subscript::None)
                        && matches!(variable.modifier, Modifier::None)
                        && !variable.is_indirect;
                    text.push(is_plain.then_some(UNKNOWN)?);
                }
                WordPart::Substitution(list, _) | WordPart::ProcessSubstitution(list) => {
                    text.push(self.list(list).then_some(UNKNOWN)?);
                }
                WordPart::Arithmetic(_) | WordPart::ExtendedGlob(_) | WordPart::Array(_) => {
                    return None;
                }
            }
        }
        Some(Argument::of(text))
    }

    /// Returns whether a program with its arguments only reads.
    fn words(self, words: &[Argument]) -> bool {
        let Some((program, arguments)) = words.split_first() else {
            return false;
        };
        let Some(name) = system_program(&program.text) else {
            return false;
        };
        if readers::always_reads(name) {
            return true;
        }
        if let Some(reads) = self.wrapper(name, arguments) {
            return reads;
        }
        let known = arguments.iter().all(|one| !one.text.contains(is_unknown));
        let texts: Vec<_> = arguments.iter().map(|one| one.text.as_str()).collect();
        known && programs::reads_with(name, &texts)
    }
}

/// Returns whether the shell makes several arguments of a word: `{a,b}`.
fn is_brace_expansion(word: &[WordPart]) -> bool {
    let has = |letter: char| {
        let mut parts = word.iter();
        parts.any(|part| matches!(part, WordPart::Bare(one) if *one == letter))
    };
    has('{') && (has(',') || has('.'))
}

/// The name of a program of the system; `None` where it may be another one of that name.
fn system_program(text: &str) -> Option<&str> {
    let mut directories = SYSTEM_DIRECTORIES.iter();
    let name = directories
        .find_map(|directory| text.strip_prefix(directory))
        .unwrap_or(text);
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "_.+-[".contains(letter);
    name.chars().all(is_plain).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_holds_and_nothing_wrong_passes() {
        let table = include_str!("../../../tests/data/reading-table.txt");
        let (mut rows, mut wrong) = (0, Vec::new());
        for (number, line) in table.lines().enumerate() {
            if line.is_empty() || line.starts_with(['#', '[']) {
                continue;
            }
            let (verdict, text) = line.split_once(" ::").unwrap();
            let text = text.strip_prefix(' ').unwrap_or(text).replace('⏎', "\n");
            let found = if only_reads(&text) { "reads" } else { "asks" };
            rows += 1;
            if found != verdict {
                wrong.push(format!("{}: {text} {found}", number + 1));
            }
        }
        assert!(wrong.is_empty(), "{wrong:#?}");
        assert!(rows > 700, "{rows}");
    }

    #[test]
    fn a_script_in_a_script_in_a_script_is_not_followed_for_ever() {
        let mut text = "ls".to_owned();
        for _ in 0..DEEPEST {
            text = format!("sh -c {}", crate::shell::quote(&text));
        }
        assert!(!only_reads(&text));
    }
}
