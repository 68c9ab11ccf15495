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

/// Alternatives that are kept of one array.
const MOST_ALTERNATIVES: usize = 8;
/// Elements that are kept of one.
const MOST_ELEMENTS: usize = 256;
/// Directories on the stack of `pushd`, and directories that are seen in other places.
const MOST_PLACES: usize = 16;
/// Names that stand for each other.
const MOST_LINKS: usize = 8;

/// An array's elements, each with its key. A text's arguments are the array `@`, counted from 1.
pub(super) type Elements = Rc<[(String, Argument)]>;

/// A directory that is seen in another place, too.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Mount {
    pub(super) at: String,
    pub(super) of: String,
    /// Whether the place itself is not the directory: a link, which is removed alone.
    pub(super) is_link: bool,
}

/// Copies are cheap: parts are shared until one of them changes.
#[derive(Clone, Debug, Default)]
pub(super) struct Scope {
    variables: Rc<HashMap<String, Vec<String>>>,
    /// The alternatives of each array.
    arrays: Rc<HashMap<String, Vec<Elements>>>,
    /// Variables that stand for others.
    links: Rc<HashMap<String, String>>,
    functions: Rc<HashMap<String, Rc<Command>>>,
    aliases: Rc<HashMap<String, String>>,
    /// Functions that are being followed.
    pub(super) active: Vec<String>,
    /// The possible working directories; none if that is not known.
    pub(super) directories: Vec<String>,
    /// Those before the last change.
    before: Vec<String>,
    stack: Rc<Vec<Vec<String>>>,
    pub(super) mounts: Rc<Vec<Mount>>,
    /// Whether an unset variable ends the shell.
    pub(super) strict: bool,
    /// Whether what is done now may be done again.
    pub(super) loops: bool,
}

impl Scope {
    /// The possible values of a variable.
    pub(super) fn values(&self, name: &str) -> Vec<String> {
        let name = self.meant(name);
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

    /// The alternatives of what an array holds; a plain variable is an array of one.
    pub(super) fn elements(&self, name: &str) -> Vec<Elements> {
        let name = self.meant(name);
        if let Some(alternatives) = self.arrays.get(name) {
            return alternatives.clone();
        }
        let alone = |value| Rc::new([("0".to_owned(), Argument::of(value))]) as Elements;
        self.values(name).into_iter().map(alone).collect()
    }

    pub(super) fn is_array(&self, name: &str) -> bool {
        self.arrays.contains_key(self.meant(name))
    }

    /// The alternatives of an array to which something is added: an empty one if it is no array yet.
    pub(super) fn known_elements(&self, name: &str) -> Vec<Elements> {
        let is_known = self.arrays.contains_key(self.meant(name))
            || self.variables.contains_key(self.meant(name));
        if is_known {
            self.elements(name)
        } else {
            vec![Rc::new([])]
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

    /// Where values are split into words.
    pub(super) fn separators(&self) -> String {
        let blanks = " \t\n";
        let Some(values) = self.variables.get("IFS") else {
            return blanks.into();
        };
        let unknown = values.iter().any(|value| value.contains(is_unknown));
        let all = values.iter().map(String::as_str);
        all.chain(unknown.then_some(blanks)).collect()
    }

    /// The text's arguments, where they are known.
    pub(super) fn positional(&self) -> Option<Vec<Elements>> {
        self.arrays.get("@").cloned()
    }

    /// Sets what [`Self::positional`] gives.
    pub(super) fn restore_positional(&mut self, alternatives: Option<Vec<Elements>>) {
        match alternatives {
            Some(alternatives) => {
                Rc::make_mut(&mut self.arrays).insert("@".into(), alternatives);
            }
            None if self.arrays.contains_key("@") => {
                Rc::make_mut(&mut self.arrays).remove("@");
            }
            None => {}
        }
    }

    pub(super) fn set_positional(&mut self, arguments: Option<&[Argument]>) {
        self.restore_positional(arguments.map(|arguments| vec![numbered(arguments, 1)]));
    }

    /// Leaves out so many of the text's first arguments; in a loop, nobody knows how often.
    pub(super) fn shift(&mut self, count: usize) {
        let Some(alternatives) = self.positional() else {
            return;
        };
        let times = if self.loops { MOST_ALTERNATIVES } else { 1 };
        let mut shifted: Vec<Elements> = Vec::new();
        for elements in alternatives {
            for time in 1..=times {
                let rest = elements.iter().skip(count.saturating_mul(time));
                let rest: Vec<_> = rest.map(|(_, one)| one.clone()).collect();
                let rest = numbered(&rest, 1);
                if !shifted.contains(&rest) && shifted.len() < 2 * MOST_ALTERNATIVES {
                    shifted.push(rest);
                }
            }
        }
        self.restore_positional(Some(shifted));
    }

    /// How many entries a change would copy.
    pub(super) fn weight(&self) -> usize {
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
            // It is said, not gone to.
            return;
        }
        let name = self.meant(name).to_owned();
        if self.arrays.contains_key(&name) {
            Rc::make_mut(&mut self.arrays).remove(&name);
        }
        let values = values.into_iter().map(bounded).collect();
        Rc::make_mut(&mut self.variables).insert(name, values);
    }

    /// Sets an array to one of these.
    pub(super) fn set_array(&mut self, name: &str, mut alternatives: Vec<Elements>) {
        let name = self.meant(name).to_owned();
        alternatives.truncate(MOST_ALTERNATIVES);
        for elements in &mut alternatives {
            if elements.len() > MOST_ELEMENTS {
                *elements = elements[..MOST_ELEMENTS].into();
            }
        }
        if self.variables.contains_key(&name) {
            Rc::make_mut(&mut self.variables).remove(&name);
        }
        Rc::make_mut(&mut self.arrays).insert(name, alternatives);
    }

    /// Makes a name stand for another.
    pub(super) fn link(&mut self, name: &str, other: &str) {
        if name != other {
            Rc::make_mut(&mut self.links).insert(name.to_owned(), other.to_owned());
        }
    }

    fn meant<'n>(&'n self, mut name: &'n str) -> &'n str {
        for _ in 0..MOST_LINKS {
            match self.links.get(name) {
                Some(other) => name = other,
                None => break,
            }
        }
        name
    }

    pub(super) fn forget(&mut self, name: &str) {
        self.set(name, vec![UNKNOWN.into()]);
    }

    /// Notes that the text looks at whether the variable is empty.
    pub(super) fn guard(&mut self, name: &str) {
        if self.is_array(name) || is_number(name) && self.is_array("@") {
            return;
        }
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
        let before = self.directories.clone();
        let Some(target) = target else {
            self.directories = vec![HOME.into()];
            self.before = before;
            return;
        };
        let text = target.text.as_str();
        if text == "-" {
            self.directories = std::mem::take(&mut self.before);
        } else if text.starts_with(SOMETHING) || target.is_unknown() {
            self.directories = Vec::new();
        } else if path::is_absolute(text) || text.starts_with(is_unknown) {
            self.directories = vec![bounded(text.to_owned())];
        } else {
            let mut directories = std::mem::take(&mut self.directories);
            // Where a relative name is looked for first.
            if !text.starts_with('.') {
                let places = self.variables.get("CDPATH").into_iter().flatten();
                let places = places.flat_map(|place| place.split(':'));
                directories.extend(
                    places
                        .filter(|place| path::is_absolute(place))
                        .map(str::to_owned),
                );
            }
            directories.truncate(MOST_VALUES);
            self.directories = directories
                .iter()
                .map(|directory| bounded(format!("{directory}/{text}")))
                .collect();
        }
        for directory in &mut self.directories {
            if !directory.contains(is_unknown) {
                *directory = path::normal(directory);
            }
        }
        self.before = before;
    }

    /// Goes to a directory, to come back from it.
    pub(super) fn push_directory(&mut self, target: Option<&Argument>) {
        let from = self.directories.clone();
        match target {
            Some(target) if target.text.starts_with('+') => self.directories = Vec::new(),
            Some(target) => self.enter(Some(target)),
            None => self.directories = Rc::make_mut(&mut self.stack).pop().unwrap_or_default(),
        }
        let stack = Rc::make_mut(&mut self.stack);
        stack.push(from);
        if stack.len() > MOST_PLACES {
            stack.remove(0);
        }
    }

    pub(super) fn pop_directory(&mut self) {
        self.directories = Rc::make_mut(&mut self.stack).pop().unwrap_or_default();
    }

    /// Notes that a directory is seen in another place, too.
    pub(super) fn mount(&mut self, mount: Mount) {
        let mounts = Rc::make_mut(&mut self.mounts);
        if mount.at != mount.of && mounts.len() < MOST_PLACES {
            mounts.push(mount);
        }
    }

    /// Whether both say the same of variables and directories, as far as a glance tells.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        self.directories == other.directories
            && (Rc::ptr_eq(&self.variables, &other.variables) || self.variables == other.variables)
            && (Rc::ptr_eq(&self.arrays, &other.arrays) || self.arrays == other.arrays)
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

    fn merge_arrays(&mut self, other: &Self) {
        if Rc::ptr_eq(&self.arrays, &other.arrays) {
            return;
        }
        for (name, alternatives) in other.arrays.iter() {
            let own = self.arrays.get(name);
            if own == Some(alternatives) {
                continue;
            }
            let mut all = match own {
                Some(own) => own.clone(),
                None => self.elements(name),
            };
            for elements in alternatives {
                if !all.contains(elements) {
                    all.push(Rc::clone(elements));
                }
            }
            self.set_array(name, all);
        }
    }
}

/// The arguments as elements, counted from `first`.
pub(super) fn numbered(arguments: &[Argument], first: usize) -> Elements {
    arguments
        .iter()
        .take(MOST_ELEMENTS)
        .enumerate()
        .map(|(at, argument)| ((first + at).to_string(), argument.clone()))
        .collect()
}

/// The text of the element that has this key.
fn element(elements: &[(String, Argument)], key: &str) -> Option<String> {
    let mut elements = elements.iter();
    elements
        .find(|(own, _)| own == key)
        .map(|(_, one)| one.text.clone())
}

fn joined_elements(elements: &[(String, Argument)]) -> String {
    let texts: Vec<_> = elements.iter().map(|(_, one)| one.text.as_str()).collect();
    texts.join(" ")
}

fn is_number(name: &str) -> bool {
    name.bytes().all(|one| one.is_ascii_digit()) && !name.is_empty()
}
