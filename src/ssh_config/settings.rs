//! The directives that were read for a host, before values are made of them.

use std::collections::HashMap;

use super::jump::{self, Jump};
use super::keywords::Shape;
use super::source::LinePosition;

/// The most lines that count of a directive that may be given several times, as in OpenSSH.
const MAX_EACH: usize = 100;

/// A directive that applies.
#[derive(Debug)]
pub(super) struct Directive {
    /// As it is written.
    pub(super) keyword: String,
    /// Never empty.
    pub(super) words: Vec<String>,
    pub(super) place: LinePosition,
}

impl Directive {
    /// The error that it is wrong for `reason`, the rest of a sentence.
    pub(super) fn wrong(&self, reason: &str) -> String {
        format!("`{}` in {} {reason}", self.keyword, self.place)
    }
}

/// All that applies. Names are those of the table of keywords.
#[derive(Debug, Default)]
pub(super) struct Settings {
    first: HashMap<&'static str, Directive>,
    each: Vec<(&'static str, Directive)>,
}

impl Settings {
    /// Keeps a setting, unless an earlier one counts. Returns whether it was kept.
    pub(super) fn add(&mut self, name: &'static str, shape: Shape, setting: Directive) -> bool {
        if shape == Shape::Each {
            self.each.push((name, setting));
            return true;
        }
        let is_new = !self.first.contains_key(name);
        self.first.entry(name).or_insert(setting);
        is_new
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.first.contains_key(name)
    }

    pub(super) fn word(&self, name: &str) -> Option<&str> {
        Some(self.first.get(name)?.words[0].as_str())
    }

    /// Has `make` convert a setting. Its error is the rest of a sentence about the directive.
    pub(super) fn made<T>(
        &self,
        name: &str,
        make: impl FnOnce(&[String]) -> Result<T, String>,
    ) -> Result<Option<T>, String> {
        let Some(setting) = self.first.get(name) else {
            return Ok(None);
        };
        make(&setting.words)
            .map(Some)
            .map_err(|reason| setting.wrong(&reason))
    }

    /// A setting of one word, which `parse` understands.
    pub(super) fn parsed<T>(
        &self,
        name: &str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Result<Option<T>, String> {
        self.made(name, |words| {
            let word = &words[0];
            parse(word).ok_or_else(|| format!("has a value that is not understood: `{word}`"))
        })
    }

    /// Has `make` convert each setting of a name, without repetitions and `none`. `None` if there is no
    /// such setting.
    pub(super) fn each<T: PartialEq>(
        &self,
        name: &str,
        make: impl Fn(&str) -> Result<T, String>,
    ) -> Result<Option<Vec<T>>, String> {
        let mut list = None;
        for (_, setting) in self.each.iter().filter(|(other, _)| *other == name) {
            let list = list.get_or_insert_with(Vec::new);
            let word = &setting.words[0];
            if word.eq_ignore_ascii_case("none") {
                continue;
            }
            let item = make(word).map_err(|reason| setting.wrong(&reason))?;
            if list.contains(&item) {
                continue;
            }
            if list.len() == MAX_EACH {
                return Err(setting.wrong(&format!("is one more than {MAX_EACH}")));
            }
            list.push(item);
        }
        Ok(list)
    }

    /// The hosts of `ProxyJump`, with their tokens.
    pub(super) fn jumps(&self) -> Result<Vec<Jump>, String> {
        let jumps = self.made("proxyjump", |words| {
            let word = words[0].as_str();
            jump::parse(word).ok_or_else(|| format!("names no hosts to go through: `{word}`"))
        });
        Ok(jumps?.unwrap_or_default())
    }
}
