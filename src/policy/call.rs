//! A command as it would be run, which rules are held against.

use std::borrow::Cow;
use std::rc::Rc;

use super::environment::Mount;
use super::path;
use crate::shell::argument::{Argument, HOME, MANY, ONE, UNKNOWN, emptied, is_unknown};

/// Directories whose programs are what their names say.
const PROGRAMS: &[&str] = &[
    "/bin",
    "/sbin",
    "/usr/bin",
    "/usr/sbin",
    "/usr/local/bin",
    "/usr/local/sbin",
    "/snap/bin",
];

#[derive(Clone, Debug, Default)]
pub(super) struct Invocation {
    /// The program and its arguments; empty if there are only redirections.
    pub(super) words: Vec<Argument>,
    /// Files that are written to by redirection.
    pub(super) outputs: Vec<Argument>,
    /// Files that are read by redirection.
    pub(super) inputs: Vec<Argument>,
    /// Files that it writes itself, in a program's usual way.
    pub(super) writes: Vec<Argument>,
    /// Whether it is run on everything below its arguments.
    pub(super) recursive: bool,
    /// The possible working directories; none if that is not known.
    pub(super) directories: Vec<String>,
    /// Directories that are seen in other places, too.
    pub(super) mounts: Rc<Vec<Mount>>,
    /// Whether what its arguments assign is noted already.
    pub(super) is_declared: bool,
    /// Whether it reads back what it listed itself, with lines left out at most.
    pub(super) reads_own: bool,
    /// The simple command as it is written.
    pub(super) part: Rc<str>,
}

impl Invocation {
    /// The same with other words.
    pub(super) fn with(&self, words: Vec<Argument>) -> Self {
        Self {
            words,
            ..self.clone()
        }
    }

    /// The program as it is called.
    pub(super) fn program(&self) -> &str {
        self.words.first().map_or("", |program| &program.text)
    }

    /// The program's name without its directory; a variable in it is taken as empty.
    pub(super) fn name(&self) -> String {
        let program = emptied(self.program());
        let name = program.rsplit('/').next().unwrap_or_default();
        name.to_owned()
    }

    pub(super) fn arguments(&self) -> &[Argument] {
        self.words.get(1..).unwrap_or_default()
    }

    /// Whether nothing is known of the program.
    pub(super) fn is_unknown(&self) -> bool {
        self.words.first().is_some_and(Argument::is_unknown)
    }

    /// Whether the name alone says which program is called.
    pub(super) fn is_trusted(&self) -> bool {
        let program = self.program();
        if program.contains(HOME) || program.contains(is_unknown) {
            return false;
        }
        match program.rsplit_once('/') {
            Some((directory, _)) => PROGRAMS.contains(&path::normal(directory).as_str()),
            None => true,
        }
    }

    /// The options, with variables that may be empty taken as empty; what stands behind a `--` is none.
    pub(super) fn options(&self) -> impl Iterator<Item = Cow<'_, str>> {
        let arguments = self.arguments().iter();
        arguments
            .take_while(|argument| argument.text != "--")
            .map(|argument| {
                if argument.text.contains(UNKNOWN) {
                    emptied(&argument.text).into()
                } else {
                    Cow::from(&*argument.text)
                }
            })
            .filter(|text| text.len() > 1 && text.starts_with('-'))
    }

    /// Whether the argument at this place is an operand.
    pub(super) fn is_operand(&self, place: usize) -> bool {
        let arguments = self.arguments();
        let argument = &arguments[place];
        let ended = arguments[..place].iter().any(|one| one.text == "--");
        !argument.text.is_empty() && (ended || !argument.is_option())
    }
}

/// Under which names a call's program is looked up.
pub(super) struct ProgramNames {
    pub(super) name: String,
    /// The name without a version.
    pub(super) plain: String,
    pub(super) path: String,
    /// Whether the name is to be filled in with files that nobody would mean to name: `*.sh`, `/opt/*`.
    pub(super) is_open: bool,
}

impl ProgramNames {
    pub(super) fn of(call: &Invocation) -> Self {
        let name = call.name();
        Self {
            plain: version_less(&name).to_owned(),
            path: path::normal(&emptied(call.program())),
            is_open: name.starts_with([MANY, ONE])
                || name.contains([MANY, ONE]) && !call.program().contains('/'),
            name,
        }
    }
}

/// `python` of `python3.11`.
fn version_less(name: &str) -> &str {
    // Which of two implementations it is says no more than a version.
    let name = ["-legacy", "-nft"]
        .iter()
        .find_map(|end| name.strip_suffix(end))
        .unwrap_or(name);
    let plain = name.trim_end_matches(|one: char| one.is_ascii_digit() || one == '.');
    let plain = plain.strip_suffix('-').unwrap_or(plain);
    if plain.is_empty() { name } else { plain }
}
