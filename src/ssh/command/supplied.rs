//! A program with what it gets besides its command line: a directory, variables, an input.
//!
//! A shell reads one line from its standard input, and runs that. So nothing of it stands on a command line, where
//! every user of the server would see it, and no limit of an argument's length matters. What follows the line is the
//! input of the program.

use crate::charset::Charset;
use crate::random;
use crate::shell::{quote, quote_path};

/// Reads the line and runs it.
pub(super) const READ: &str = "IFS= read -r mcp && eval \"$mcp\"";

/// The command line of a detached program, which every login shell reads alike: `sh` reads the line and runs it.
pub(super) const DETACHED_READER: &str =
    "exec sh -c 'IFS= read -r mcp && eval \"$mcp\" </dev/null' \"$SHELL\"";

/// Sets the variable that stands for a newline.
const NEWLINE: &str = "mcp_n=$(printf '\\n.') && mcp_n=${mcp_n%.}";

/// The most characters of one argument of `printf`: not every shell has it built in, and a command line is bounded.
const LONGEST_PART: usize = 4000;

/// A program, and what it gets.
#[derive(Debug)]
pub struct Supplied<'a> {
    /// The directory that it runs in, as a person writes it; the home directory if absent.
    pub directory: Option<&'a str>,
    /// Environment variables.
    pub variables: Vec<(&'a str, String)>,
    /// The program.
    pub program: SuppliedProgram<'a>,
    /// Its standard input; empty by default.
    pub input: Option<ProgramInput<'a>>,
}

/// A program that gets more than a command line.
#[derive(Debug)]
pub enum SuppliedProgram<'a> {
    /// A command line, for the login shell.
    Line(&'a str),
    /// The text of a script.
    Script {
        /// The text.
        text: &'a str,
        /// The words of the command that runs it, before the name of its file.
        interpreter: Vec<&'a str>,
        /// Its arguments.
        arguments: &'a [String],
    },
}

/// The standard input of a program.
#[derive(Debug)]
pub enum ProgramInput<'a> {
    /// Text, in the encoding of the server.
    Text(&'a str),
    /// Bytes as they are.
    Bytes(Vec<u8>),
}

/// The shell that reads the line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ReadingShell {
    /// The one for which a command line is meant.
    Login,
    /// `sh`, whose `$0` is the path of the login shell.
    Sh,
}

/// Says how the program gets its input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum InputPlace {
    /// It follows the line.
    Behind,
    /// It stands in the line.
    Within,
}

impl Supplied<'_> {
    /// The shell that reads it.
    pub(super) fn reader(&self, is_login_posix: bool) -> ReadingShell {
        match self.program {
            SuppliedProgram::Line(_) if is_login_posix => ReadingShell::Login,
            _ => ReadingShell::Sh,
        }
    }

    /// All that is sent: the line, and the input.
    pub(super) fn all_input(&self, reader: ReadingShell, charset: Charset) -> Vec<u8> {
        let mut all = charset.encode(&self.line(reader, InputPlace::Behind));
        all.push(b'\n');
        match &self.input {
            Some(ProgramInput::Text(text)) => all.extend(charset.encode(text)),
            Some(ProgramInput::Bytes(bytes)) => all.extend_from_slice(bytes),
            None => {}
        }
        all
    }

    /// The text that does the same as a step of a sequence. Directory and variables last.
    pub fn step(&self) -> String {
        self.line(ReadingShell::Login, InputPlace::Within)
    }

    /// The line for a detached program.
    pub(super) fn detached(&self) -> String {
        self.line(ReadingShell::Sh, InputPlace::Within)
    }

    /// The line without its end. It leaves the exit status of the program, or that of the first part that fails.
    fn line(&self, shell: ReadingShell, place: InputPlace) -> String {
        let mut parts = vec!["mcp=".to_owned(), NEWLINE.to_owned(), name_files()];
        let exports = self.variables.iter();
        parts.extend(exports.map(|(name, value)| format!("export {name}={}", word(value))));
        parts.extend(self.directory.map(enter));
        let mut run = match &self.program {
            SuppliedProgram::Line(line) => match shell {
                ReadingShell::Login => format!("eval {}", word(line)),
                ReadingShell::Sh => format!("exec \"$0\" -c {}", word(line)),
            },
            SuppliedProgram::Script {
                text,
                interpreter,
                arguments,
            } => {
                parts.push(write_file(SCRIPT, &escaped(text)));
                run_script(interpreter, arguments)
            }
        };
        if let (Some(input), InputPlace::Within) = (&self.input, place) {
            parts.push(write_file(INPUT, &input.escaped()));
            run = format!("{{ rm -f {INPUT}; {run}; }} <{INPUT}");
        }
        parts.push(run);
        parts.join(" && ")
    }
}

impl ProgramInput<'_> {
    fn escaped(&self) -> Vec<String> {
        match self {
            Self::Text(text) => escaped(text),
            Self::Bytes(bytes) => {
                let octal: Vec<_> = bytes.iter().map(|byte| format!("\\{byte:03o}")).collect();
                octal.chunks(LONGEST_PART / 4).map(<[_]>::concat).collect()
            }
        }
    }
}

/// Files on the server that only their owner reads.
const SCRIPT: &str = "\"$mcp_f.s\"";
const INPUT: &str = "\"$mcp_f.i\"";

/// The text that gives them names that nobody guesses.
fn name_files() -> String {
    let name = random::hex::<16>();
    format!("mcp_f=${{TMPDIR:-/tmp}}/.mcp-{name}")
}

/// The text that makes a file and writes to it. It replaces none, and follows no link.
fn write_file(file: &str, parts: &[String]) -> String {
    let prints: Vec<_> = parts
        .iter()
        .map(|part| format!("printf '{part}'"))
        .collect();
    format!(
        "(umask 077 && set -C && : >{file}) && {{ {}; }} >>{file}",
        prints.join("; ")
    )
}

/// The text that runs a script, and removes it whatever becomes of that.
fn run_script(interpreter: &[&str], arguments: &[String]) -> String {
    let words = |words: &mut dyn Iterator<Item = &str>| words.map(word).collect::<Vec<_>>();
    let program = words(&mut interpreter.iter().copied()).join(" ");
    let mut command = vec![program, SCRIPT.to_owned()];
    command.extend(words(&mut arguments.iter().map(String::as_str)));
    let command = command.join(" ");
    format!("(trap 'rm -f {SCRIPT}' 0; trap 'exit 143' 1 2 15; {command})")
}

/// Text as one word of a POSIX shell, without a newline in it.
fn word(text: &str) -> String {
    in_a_line(&quote(text))
}

/// A quoted text without a newline in it.
fn in_a_line(quoted: &str) -> String {
    quoted.replace('\n', "'\"$mcp_n\"'")
}

/// A text of several lines in one, as [`READ`] takes it.
pub(super) fn in_one_line(text: &str) -> String {
    format!("{NEWLINE} && eval {}", word(text))
}

/// The text that enters a directory.
fn enter(directory: &str) -> String {
    let is_whole = directory == "~" || directory.starts_with("~/") || directory.starts_with('/');
    let path = if is_whole {
        in_a_line(&quote_path(directory))
    } else {
        // A name that begins with a dash, or one that CDPATH would look for elsewhere.
        word(&format!("./{directory}"))
    };
    format!("cd {path}")
}

/// A text as formats of `printf` that stand in single quotes.
fn escaped(text: &str) -> Vec<String> {
    let (mut parts, mut part) = (Vec::new(), String::new());
    for character in text.chars() {
        if part.len() > LONGEST_PART {
            parts.push(std::mem::take(&mut part));
        }
        match character {
            '\n' => part.push_str("\\n"),
            '\'' => part.push_str("\\047"),
            '\\' => part.push_str("\\\\"),
            '%' => part.push_str("%%"),
            // It would be an option.
            '-' if part.is_empty() => part.push_str("\\055"),
            other => part.push(other),
        }
    }
    parts.push(part);
    parts
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::process::{Command, Stdio};

    use super::*;

    fn supplied(program: SuppliedProgram<'_>) -> Supplied<'_> {
        Supplied {
            directory: Some("/"),
            variables: vec![("A", "it's\n\\ %s $HOME".to_owned())],
            program,
            input: Some(ProgramInput::Text("-one\n%d two\\n'\n")),
        }
    }

    /// Runs the line in a shell that reads it, and returns its output.
    fn run(line: &str, rest: &str) -> String {
        let mut shell = Command::new("sh");
        let shell = shell.args(["-c", READ, "/bin/sh"]);
        let mut child = shell
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut input = child.stdin.take().unwrap();
        input
            .write_all(format!("{line}\n{rest}").as_bytes())
            .unwrap();
        drop(input);
        let output = child.wait_with_output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    }

    #[test]
    fn a_program_gets_what_it_is_given() {
        let expected = "/.it's\n\\ %s $HOME.-one\n%d two\\n'\n";
        let text = "printf '%s.' \"$PWD\" \"$A\"\ncat";
        let script = || SuppliedProgram::Script {
            text,
            interpreter: vec!["sh"],
            arguments: &[],
        };
        let rest = "-one\n%d two\\n'\n";
        for shell in [ReadingShell::Login, ReadingShell::Sh] {
            for program in [SuppliedProgram::Line(text), script()] {
                let supplied = supplied(program);
                let line = supplied.line(shell, InputPlace::Behind);
                assert!(!line.contains('\n'), "{line}");
                assert_eq!(run(&line, rest), expected);
                let line = supplied.line(shell, InputPlace::Within);
                assert_eq!(run(&line, "not read"), expected);
            }
        }
    }

    #[test]
    fn bytes_are_written_as_they_are() {
        let bytes: Vec<_> = (0..=255).collect();
        let supplied = Supplied {
            directory: None,
            variables: Vec::new(),
            program: SuppliedProgram::Line("od -An -v -tu1"),
            input: Some(ProgramInput::Bytes(bytes.clone())),
        };
        let printed = run(&supplied.line(ReadingShell::Login, InputPlace::Within), "");
        let numbers = printed
            .split_whitespace()
            .map(|number| number.parse::<u8>().unwrap());
        assert_eq!(numbers.collect::<Vec<_>>(), bytes);
    }

    #[test]
    fn a_directory_is_entered_as_it_is_written() {
        assert_eq!(enter("~"), "cd \"$HOME\"");
        assert_eq!(enter("~/a b"), "cd \"$HOME\"'/a b'");
        assert_eq!(enter("-P"), "cd './-P'");
        assert_eq!(enter("/srv"), "cd '/srv'");
    }
}
