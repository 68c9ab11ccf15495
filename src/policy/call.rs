//! A program with its arguments and files, against which the rules are held.

use std::borrow::Cow;
use std::rc::Rc;

use super::mount::Mount;
use super::path;
use crate::shell::argument::{Argument, HOME, MANY, ONE, UNKNOWN, emptied, is_unknown};

/// The directories in which programs are what their names say.
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
pub(super) struct ProgramCall {
    /// The program and its arguments; empty if there are only redirections.
    pub(super) words: Vec<Argument>,
    /// The files that redirections write.
    pub(super) outputs: Vec<Argument>,
    /// The files that redirections read.
    pub(super) inputs: Vec<Argument>,
    /// The files that the program itself writes.
    pub(super) writes: Vec<Argument>,
    /// True if the program is run on everything below its arguments.
    pub(super) recursive: bool,
    /// The possible working directories; none if that is not known.
    pub(super) directories: Vec<String>,
    /// The directories that are seen in a second place.
    pub(super) mounts: Rc<Vec<Mount>>,
    /// True if the assignments among its arguments are applied already.
    pub(super) is_declared: bool,
    /// True if it reads its own listing, perhaps with some lines removed.
    pub(super) reads_own: bool,
    /// The simple command as it is written.
    pub(super) part: Rc<str>,
}

impl ProgramCall {
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

    /// Returns true if the program is unknown.
    pub(super) fn is_unknown(&self) -> bool {
        self.words.first().is_some_and(Argument::is_unknown)
    }

    /// Returns true if the name alone says which program is called.
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

    /// Returns true if the argument at this position is an operand.
    pub(super) fn is_operand(&self, place: usize) -> bool {
        let arguments = self.arguments();
        let argument = &arguments[place];
        let ended = arguments[..place].iter().any(|one| one.text == "--");
        !argument.text.is_empty() && (ended || !argument.is_option())
    }
}

/// The names under which a program is looked up in the rules.
pub(super) struct ProgramNames {
    pub(super) name: String,
    /// The name without a version.
    pub(super) plain: String,
    pub(super) path: String,
    /// True if a glob stands for the name: `*.sh`, `/opt/*`.
    pub(super) is_open: bool,
}

impl ProgramNames {
    pub(super) fn of(call: &ProgramCall) -> Self {
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
    // The name of an implementation counts as a version.
    let name = ["-legacy", "-nft"]
        .iter()
        .find_map(|end| name.strip_suffix(end))
        .unwrap_or(name);
    let plain = name.trim_end_matches(|one: char| one.is_ascii_digit() || one == '.');
    let plain = plain.strip_suffix('-').unwrap_or(plain);
    if plain.is_empty() { name } else { plain }
}
