//! The alternatives of a rule's word.

use std::rc::Rc;

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
    plain: Option<String>,
}

/// The choices for the alternatives of a word.
pub(super) fn choices_of(words: &[Vec<RuleChar>]) -> Vec<Choice> {
    words.iter().map(|word| Choice::of(word)).collect()
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
        let plain = value.iter().map(|letter| letter.0).collect();
        Self {
            key: text[..key].to_owned(),
            is_path,
            has_slash: text.contains('/'),
            plain: (!glob.is_open()).then_some(plain),
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
            Some(plain) if !text.contains([MANY, ONE]) => plain == text,
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

/// Returns true if the argument is one of the choices in some reading.
pub(super) fn may_take(choices: &[Choice], argument: &Argument, call: &ProgramCall) -> bool {
    let text = emptied(&argument.text);
    if text.is_empty() {
        return false;
    }
    // Resolved once for each key, since most choices of a word have the same.
    let mut paths: Option<(&str, Vec<String>)> = None;
    choices.iter().any(|choice| {
        if !choice.is_path {
            return choice.may_be(&text) || choice.is_long_option(&text);
        }
        if paths.as_ref().is_none_or(|(key, _)| *key != choice.key) {
            let value = argument.text.strip_prefix(&choice.key);
            let found = value.map(|value| path::candidates(value, &call.directories, &call.mounts));
            paths = Some((&choice.key, found.unwrap_or_default()));
        }
        let paths = paths.as_ref().map(|(_, paths)| &paths[..]);
        paths
            .unwrap_or_default()
            .iter()
            .any(|path| choice.may_be(path))
    })
}

/// Returns true if a written file is one of the choices in some reading. An unknown working directory is
/// taken for the home directory.
pub(super) fn may_write(choices: &[Choice], file: &Argument, call: &ProgramCall) -> bool {
    let is_known = !call.directories.is_empty() || path::is_absolute(&file.text);
    if is_known && call.mounts.is_empty() {
        return may_take(choices, file, call);
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
    may_take(choices, file, &call)
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
