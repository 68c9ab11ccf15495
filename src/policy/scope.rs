//! What a text has said so far about variables, functions and the working directory.

use std::collections::HashMap;
use std::rc::Rc;

use super::path;
use super::syntax::Command;
use super::text::{Argument, HOME, SOMETHING, UNKNOWN, bounded, is_unknown};

/// Values that are kept of one variable.
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

/// Copies are cheap: parts are shared until one of them changes.
#[derive(Clone, Debug, Default)]
pub(super) struct Scope {
    variables: Rc<HashMap<String, Vec<String>>>,
    functions: Rc<HashMap<String, Rc<Command>>>,
    aliases: Rc<HashMap<String, String>>,
    /// Functions that are being followed.
    pub(super) active: Vec<String>,
    /// The possible working directories; none if that is not known.
    pub(super) directories: Vec<String>,
    /// A function's or script's arguments, where these are known.
    pub(super) positional: Option<Rc<[Argument]>>,
    /// Whether an unset variable ends the shell.
    pub(super) strict: bool,
}

impl Scope {
    /// The possible values of a variable.
    pub(super) fn values(&self, name: &str) -> Vec<String> {
        if let Some(values) = self.variables.get(name) {
            return values.clone();
        }
        let one = |text: String| vec![text];
        match (name, &self.positional) {
            ("HOME", _) => one(HOME.into()),
            ("PWD", _) if !self.directories.is_empty() => self.directories.clone(),
            ("PWD", _) => one(SOMETHING.into()),
            ("@" | "*", Some(arguments)) => one(super::text::joined(arguments)),
            (number, Some(arguments)) if number != "0" && number.parse::<usize>().is_ok() => {
                let place = number.parse::<usize>().unwrap_or(1) - 1;
                one(arguments
                    .get(place)
                    .map(|one| one.text.clone())
                    .unwrap_or_default())
            }
            _ if ALWAYS_SET.contains(&name) => one(SOMETHING.into()),
            ("@" | "*", None) => one(UNKNOWN.into()),
            _ if self.strict => one(SOMETHING.into()),
            _ => one(UNKNOWN.into()),
        }
    }

    /// How many entries a change would copy.
    pub(super) fn weight(&self) -> usize {
        if Rc::strong_count(&self.variables) > 1 {
            self.variables.len()
        } else {
            1
        }
    }

    pub(super) fn set(&mut self, name: &str, mut values: Vec<String>) {
        if values.len() > MOST_VALUES {
            values.truncate(MOST_VALUES);
            values.push(SOMETHING.into());
        }
        if name == "PWD" {
            // It is said, not gone to.
            return;
        }
        let values = values.into_iter().map(bounded).collect();
        Rc::make_mut(&mut self.variables).insert(name.to_owned(), values);
    }

    pub(super) fn forget(&mut self, name: &str) {
        self.set(name, vec![UNKNOWN.into()]);
    }

    /// Notes that the text looks at whether the variable is empty.
    pub(super) fn guard(&mut self, name: &str) {
        let mut values = self.values(name);
        for value in &mut values {
            *value = value.replace(UNKNOWN, &SOMETHING.to_string());
        }
        self.set(name, values);
    }

    pub(super) fn define(&mut self, name: &str, body: &Rc<Command>) {
        Rc::make_mut(&mut self.functions).insert(name.to_owned(), Rc::clone(body));
    }

    pub(super) fn function(&self, name: &str) -> Option<Rc<Command>> {
        self.functions.get(name).cloned()
    }

    pub(super) fn alias(&mut self, name: &str, text: &str) {
        Rc::make_mut(&mut self.aliases).insert(name.to_owned(), text.to_owned());
    }

    /// The alias of this name, which is no longer one for what it stands for.
    pub(super) fn take_alias(&mut self, name: &str) -> Option<String> {
        self.aliases.contains_key(name).then(|| {
            let aliases = Rc::make_mut(&mut self.aliases);
            aliases.remove(name).unwrap_or_default()
        })
    }

    /// Goes to a directory.
    pub(super) fn enter(&mut self, target: Option<&Argument>) {
        let Some(target) = target else {
            self.directories = vec![HOME.into()];
            return;
        };
        let text = target.text.as_str();
        if text == "-" || text.starts_with(SOMETHING) || target.is_unknown() {
            self.directories = Vec::new();
        } else if path::is_absolute(text) || text.starts_with(is_unknown) {
            self.directories = vec![bounded(text.to_owned())];
        } else {
            for directory in &mut self.directories {
                *directory = bounded(format!("{directory}/{text}"));
            }
        }
        for directory in &mut self.directories {
            if !directory.contains(is_unknown) {
                *directory = path::normal(directory);
            }
        }
    }

    /// Whether both say the same of variables and directories, as far as a glance tells.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        self.directories == other.directories
            && (Rc::ptr_eq(&self.variables, &other.variables) || self.variables == other.variables)
    }

    /// Takes in what another way through the text may have changed.
    pub(super) fn merge(&mut self, other: &Self) {
        if self.directories.is_empty() != other.directories.is_empty() {
            // One of the possible ones is not known.
            self.directories.push(SOMETHING.into());
        }
        for directory in &other.directories {
            if !self.directories.contains(directory) && self.directories.len() < MOST_VALUES {
                self.directories.push(directory.clone());
            }
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
