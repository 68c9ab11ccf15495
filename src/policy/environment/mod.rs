//! The environment of the shell at one point of the judged text: the variables, functions, aliases and the
//! working directory that the text has set before.

mod array;
mod directory;

use std::collections::HashMap;
use std::rc::Rc;

pub(super) use array::{Elements, numbered};
use array::{element, joined_elements};

use super::mount::Mount;
use crate::shell::argument::{HOME, SOMETHING, UNKNOWN, bounded, is_unknown};
use crate::shell::syntax::ShellCommand;

/// Most values that are kept of one variable.
const MOST_VALUES: usize = 32;

/// Variables that every login sets, or the shell itself.
const ALWAYS_SET: &[&str] = &[
    "0",
    "#",
    "?",
    "$",
    "!",
    "-",
    "USER",
    "LOGNAME",
    "UID",
    "EUID",
    "PPID",
    "HOSTNAME",
    "RANDOM",
    "SECONDS",
    "LINENO",
    "OLDPWD",
    "SHELL",
    "PATH",
    "BASHPID",
    "OSTYPE",
    "HOSTTYPE",
    "EPOCHSECONDS",
];

/// Most name references that are followed.
const MOST_LINKS: usize = 8;

/// A shell execution environment (POSIX, XCU 2.12), as far as it is known.
///
/// Copies are cheap: parts are shared until one of them changes.
#[derive(Clone, Debug, Default)]
pub(super) struct Environment {
    variables: Rc<HashMap<String, Vec<String>>>,
    /// The alternatives of each array.
    arrays: Rc<HashMap<String, Vec<Elements>>>,
    /// Name references: variables that stand for others.
    links: Rc<HashMap<String, String>>,
    functions: Rc<HashMap<String, Rc<ShellCommand>>>,
    aliases: Rc<HashMap<String, String>>,
    /// Functions that are being followed.
    pub(super) active: Vec<String>,
    /// The possible working directories; none if that is not known.
    pub(super) directories: Vec<String>,
    /// The directories before the last change.
    before: Vec<String>,
    stack: Rc<Vec<Vec<String>>>,
    pub(super) mounts: Rc<Vec<Mount>>,
    /// True if an unset variable ends the shell: `set -u`.
    pub(super) strict: bool,
    /// True if the current commands stand in a loop.
    pub(super) loops: bool,
}

impl Environment {
    /// The possible values of a variable.
    pub(super) fn values(&self, name: &str) -> Vec<String> {
        let name = self.resolved_name(name);
        if let Some(values) = self.variables.get(name) {
            return values.clone();
        }
        if let Some(alternatives) = self.arrays.get(name) {
            return alternatives
                .iter()
                .map(|elements| match name {
                    "@" => joined_elements(elements),
                    _ => element(elements, "0").unwrap_or_default(),
                })
                .collect();
        }
        let one = |text: String| vec![text];
        match name {
            "HOME" => one(HOME.into()),
            "IFS" => one(" \t\n".into()),
            "PWD" if !self.directories.is_empty() => self.directories.clone(),
            "OLDPWD" if !self.before.is_empty() => self.before.clone(),
            "PWD" => one(SOMETHING.into()),
            "#" if self.arrays.contains_key("@") => self
                .elements("@")
                .iter()
                .map(|elements| elements.len().to_string())
                .collect(),
            number if is_number(number) && number != "0" => match self.arrays.get("@") {
                Some(alternatives) => alternatives
                    .iter()
                    .map(|elements| element(elements, number).unwrap_or_default())
                    .collect(),
                None => one(UNKNOWN.into()),
            },
            _ if ALWAYS_SET.contains(&name) => one(SOMETHING.into()),
            "@" => one(UNKNOWN.into()),
            _ if self.strict => one(SOMETHING.into()),
            _ => one(UNKNOWN.into()),
        }
    }

    /// Takes the values of these variables from another scope.
    pub(super) fn borrow_values<'n>(&mut self, other: &Self, names: impl Iterator<Item = &'n str>) {
        for name in names {
            let variables = Rc::make_mut(&mut self.variables);
            match other.variables.get(name) {
                Some(values) => variables.insert(name.to_owned(), values.clone()),
                None => variables.remove(name),
            };
            let arrays = Rc::make_mut(&mut self.arrays);
            match other.arrays.get(name) {
                Some(values) => arrays.insert(name.to_owned(), values.clone()),
                None => arrays.remove(name),
            };
        }
    }

    /// The characters at which values are split into words.
    pub(super) fn separators(&self) -> String {
        let blanks = " \t\n";
        let Some(values) = self.variables.get("IFS") else {
            return blanks.into();
        };
        let unknown = values.iter().any(|value| value.contains(is_unknown));
        let all = values.iter().map(String::as_str);
        all.chain(unknown.then_some(blanks)).collect()
    }

    /// The number of entries that a change would copy.
    pub(super) fn copy_cost(&self) -> usize {
        let shared = |count: usize, entries: usize| if count > 1 { entries } else { 1 };
        shared(Rc::strong_count(&self.variables), self.variables.len())
            + shared(Rc::strong_count(&self.arrays), self.arrays.len())
    }

    pub(super) fn set(&mut self, name: &str, mut values: Vec<String>) {
        if values.len() > MOST_VALUES {
            values.truncate(MOST_VALUES);
            values.push(SOMETHING.into());
        }
        if name == "PWD" {
            // An assignment to it does not change the working directory.
            return;
        }
        let name = self.resolved_name(name).to_owned();
        if self.arrays.contains_key(&name) {
            Rc::make_mut(&mut self.arrays).remove(&name);
        }
        let values = values.into_iter().map(bounded).collect();
        Rc::make_mut(&mut self.variables).insert(name, values);
    }

    /// Makes one name a reference to another.
    pub(super) fn link(&mut self, name: &str, other: &str) {
        if name != other {
            Rc::make_mut(&mut self.links).insert(name.to_owned(), other.to_owned());
        }
    }

    fn resolved_name<'n>(&'n self, mut name: &'n str) -> &'n str {
        for _ in 0..MOST_LINKS {
            match self.links.get(name) {
                Some(other) => name = other,
                None => break,
            }
        }
        name
    }

    pub(super) fn set_unknown(&mut self, name: &str) {
        self.set(name, vec![UNKNOWN.into()]);
    }

    /// Notes that the text tests whether the variable is empty.
    pub(super) fn note_tested(&mut self, name: &str) {
        if self.is_array(name) || is_number(name) && self.is_array("@") {
            return;
        }
        let mut values = self.values(name);
        for value in &mut values {
            *value = value.replace(UNKNOWN, &SOMETHING.to_string());
        }
        self.set(name, values);
    }

    pub(super) fn define(&mut self, name: &str, body: &Rc<ShellCommand>) {
        Rc::make_mut(&mut self.functions).insert(name.to_owned(), Rc::clone(body));
    }

    pub(super) fn function(&self, name: &str) -> Option<Rc<ShellCommand>> {
        self.functions.get(name).cloned()
    }

    pub(super) fn alias(&mut self, name: &str, text: &str) {
        Rc::make_mut(&mut self.aliases).insert(name.to_owned(), text.to_owned());
    }

    /// Removes the alias of this name: it is not expanded within its own text.
    pub(super) fn take_alias(&mut self, name: &str) -> Option<String> {
        self.aliases.contains_key(name).then(|| {
            let aliases = Rc::make_mut(&mut self.aliases);
            aliases.remove(name).unwrap_or_default()
        })
    }

    /// Returns true if both have the same variables and directories.
    pub(super) fn has_values_of(&self, other: &Self) -> bool {
        self.directories == other.directories
            && (Rc::ptr_eq(&self.variables, &other.variables) || self.variables == other.variables)
            && (Rc::ptr_eq(&self.arrays, &other.arrays) || self.arrays == other.arrays)
    }

    /// Adds the values that another branch of the text may have set.
    pub(super) fn merge(&mut self, other: &Self) {
        if self.directories.is_empty() != other.directories.is_empty() {
            // On one of the branches the directory is not known.
            self.directories.push(SOMETHING.into());
        }
        for directory in &other.directories {
            if !self.directories.contains(directory) && self.directories.len() < MOST_VALUES {
                self.directories.push(directory.clone());
            }
        }
        if !Rc::ptr_eq(&self.stack, &other.stack) && self.stack != other.stack {
            self.stack = Rc::default();
        }
        if !Rc::ptr_eq(&self.variables, &other.variables) {
            for (name, values) in other.variables.iter() {
                if self.variables.get(name) == Some(values) {
                    continue;
                }
                let mut all = self.values(name);
                for value in values {
                    if !all.contains(value) {
                        all.push(value.clone());
                    }
                }
                self.set(name, all);
            }
        }
        self.merge_arrays(other);
        for mount in other.mounts.iter() {
            if !self.mounts.contains(mount) {
                self.mount(mount.clone());
            }
        }
        if !Rc::ptr_eq(&self.links, &other.links) {
            for (name, target) in other.links.iter() {
                self.link(name, target);
            }
        }
        if !Rc::ptr_eq(&self.functions, &other.functions) {
            for (name, body) in other.functions.iter() {
                self.define(name, body);
            }
        }
        if !Rc::ptr_eq(&self.aliases, &other.aliases) {
            for (name, text) in other.aliases.iter() {
                self.alias(name, text);
            }
        }
    }
}

fn is_number(name: &str) -> bool {
    name.bytes().all(|one| one.is_ascii_digit()) && !name.is_empty()
}
