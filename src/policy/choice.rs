//! The alternatives of a rule's word.

use std::collections::HashSet;
use std::rc::Rc;
use std::sync::Arc;

use super::call::ProgramCall;
use super::default::LONG_OPTIONS;
use super::glob::{Glob, RuleChar};
use super::path;
use crate::shell::argument::{Argument, HOME, MANY, ONE, emptied, is_name, is_unknown};

/// One alternative.
#[derive(Clone, Debug)]
pub(super) struct Choice {
    /// `of=` of `of=/dev/sda`.
    key: String,
    is_path: bool,
    pub(super) has_slash: bool,
    pub(super) glob: Glob,
    /// The text, if it stands only for itself.
    plain: Option<Arc<str>>,
}

/// The alternatives of a word. There may be hundreds, and as many files to hold against them.
#[derive(Clone, Debug, Default)]
pub(super) struct Choices {
    /// Those that take arguments as they stand.
    texts: ChoiceGroup,
    /// Those that take paths, by their keys.
    paths: Vec<(String, ChoiceGroup)>,
}

/// Alternatives that the same texts are held against.
#[derive(Clone, Debug, Default)]
struct ChoiceGroup {
    all: Vec<Choice>,
    /// The texts of those that stand only for themselves.
    plain: HashSet<Arc<str>>,
    /// The places of the others.
    open: Vec<usize>,
}

impl Choices {
    /// The choices for the alternatives of a word.
    pub(super) fn of(words: &[Vec<RuleChar>]) -> Self {
        let mut choices = Self::default();
        for choice in words.iter().map(|word| Choice::of(word)) {
            choices.group_of(&choice).add(choice);
        }
        choices
    }

    fn group_of(&mut self, choice: &Choice) -> &mut ChoiceGroup {
        if !choice.is_path {
            return &mut self.texts;
        }
        let known = self.paths.iter().position(|(key, _)| *key == choice.key);
        let place = known.unwrap_or_else(|| {
            self.paths
                .push((choice.key.clone(), ChoiceGroup::default()));
            self.paths.len() - 1
        });
        &mut self.paths[place].1
    }

    /// The alternatives, one by one.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Choice> {
        let of_paths = self.paths.iter().flat_map(|(_, group)| &group.all);
        self.texts.all.iter().chain(of_paths)
    }

    /// Returns true if the argument is one of them in some reading.
    pub(super) fn may_take(&self, argument: &Argument, call: &ProgramCall) -> bool {
        let text = emptied(&argument.text);
        if text.is_empty() {
            return false;
        }
        let is_long_option = |choice: &Choice| choice.is_long_option(&text);
        self.texts.may_be(&text)
            || text.starts_with('-') && self.texts.all.iter().any(is_long_option)
            || self.paths.iter().any(|(key, group)| {
                let value = argument.text.strip_prefix(key);
                let paths =
                    value.map(|value| path::candidates(value, &call.directories, &call.mounts));
                let mut paths = paths.iter().flatten();
                paths.any(|path| group.may_be(path))
            })
    }

    /// Returns true if a written file is one of them in some reading. An unknown working directory is taken for the
    /// home directory.
    pub(super) fn may_write(&self, file: &Argument, call: &ProgramCall) -> bool {
        let is_known = !call.directories.is_empty() || path::is_absolute(&file.text);
        if is_known && call.mounts.is_empty() {
            return self.may_take(file, call);
        }
        let mut mounts = Rc::clone(&call.mounts);
        if !matches!(&*call.name(), "ln" | "mv" | "install" | "rsync") {
            for mount in Rc::make_mut(&mut mounts) {
                // A link is written through; these put something in its place.
                mount.is_link = false;
            }
        }
        let directories = if is_known {
            call.directories.clone()
        } else {
            vec![HOME.into()]
        };
        let call = ProgramCall {
            directories,
            mounts,
            ..ProgramCall::default()
        };
        self.may_take(file, &call)
    }
}

impl ChoiceGroup {
    fn add(&mut self, choice: Choice) {
        match &choice.plain {
            Some(plain) => drop(self.plain.insert(Arc::clone(plain))),
            None => self.open.push(self.all.len()),
        }
        self.all.push(choice);
    }

    /// Returns true if one of them may be this text.
    fn may_be(&self, text: &str) -> bool {
        if text.contains([MANY, ONE]) {
            return self.all.iter().any(|choice| choice.may_be(text));
        }
        let mut open = self.open.iter().map(|place| &self.all[*place]);
        self.plain.contains(text) || open.any(|choice| choice.may_be(text))
    }
}

impl Choice {
    fn of(word: &[RuleChar]) -> Self {
        let text: String = word.iter().map(|letter| letter.0).collect();
        let key = match text.split_once('=') {
            Some((key, value)) if value.starts_with(['/', '~']) && is_key(key) => key.len() + 1,
            _ => 0,
        };
        // A key is ASCII: as many letters as bytes.
        let mut value = word[key..].to_vec();
        let is_path = matches!(value.first(), Some(('/', _) | ('~', false)));
        if value.first() == Some(&('~', false)) {
            value[0] = (HOME, true);
        }
        while is_path && value.len() > 1 && value.last() == Some(&('/', false)) {
            value.pop();
        }
        if text.starts_with("./") {
            value.drain(..2);
        }
        let glob = Glob::new(&value);
        let plain: String = value.iter().map(|letter| letter.0).collect();
        Self {
            key: text[..key].to_owned(),
            is_path,
            has_slash: text.contains('/'),
            plain: (!glob.is_open()).then(|| plain.into()),
            glob,
        }
    }

    /// Returns true if any name is meant.
    pub(super) fn is_any(&self) -> bool {
        self.must_be(&MANY.to_string())
    }

    pub(super) fn is_named(&self, name: &str) -> bool {
        self.glob.must_match(name)
    }

    pub(super) fn may_be(&self, text: &str) -> bool {
        match &self.plain {
            Some(plain) if !text.contains([MANY, ONE]) => **plain == *text,
            _ => self.glob.may_match(text),
        }
    }

    pub(super) fn must_be(&self, text: &str) -> bool {
        self.glob.must_match(text)
    }

    /// Returns true if the text is this long option, with a value, or its letter.
    fn is_long_option(&self, text: &str) -> bool {
        let Some(own) = self
            .plain
            .as_deref()
            .filter(|own| own.starts_with("--") && !own.contains('='))
        else {
            return false;
        };
        // Programs take abbreviations of long options.
        let given = text.split('=').next().unwrap_or(text);
        let value = given.len() > 2 && own.starts_with(given);
        let is_letter = |&&(letter, long, _): &&(char, &str, &[&str])| {
            long == own && !text.starts_with("--") && text.starts_with('-') && text.contains(letter)
        };
        value || LONG_OPTIONS.iter().find(is_letter).is_some()
    }

    pub(super) fn must_take(&self, argument: &Argument, call: &ProgramCall) -> bool {
        let text = &argument.text;
        if argument.loose || text.contains(is_unknown) || has_hidden_glob(text) {
            return false;
        }
        if self.is_path {
            return text.strip_prefix(&self.key).is_some_and(|value| {
                let paths = path::absolute(value, &call.directories);
                !paths.is_empty() && paths.iter().all(|path| self.must_be(&path::normal(path)))
            });
        }
        // A glob stands for no option: those have to be named.
        if text.starts_with('-') && self.glob.starts_open() {
            return false;
        }
        if text.contains('/') && !text.contains("://") {
            return self.must_be(&path::normal(text));
        }
        self.must_be(text)
    }
}

fn is_key(key: &str) -> bool {
    is_name(&key.trim_start_matches('-').replace('-', "_"))
}

/// Returns true if it has a name such as `.*`, which also stands for the parent directory.
fn has_hidden_glob(text: &str) -> bool {
    text.split('/').any(|name| {
        let rest = name.trim_start_matches('.');
        rest.len() < name.len() && rest.starts_with([MANY, ONE])
    })
}
