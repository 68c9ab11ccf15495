//! The parts of an expression for servers: terms, split at commas, and their conditions, split at `&`.

use globset::GlobMatcher;

use crate::error::Error;
use crate::text::{NameCase, is_glob, name_glob};

/// The word for every server.
const ALL: &str = "all";
/// Begins a tag.
pub(crate) const TAG: &str = "tag:";
/// Begins a condition that must not hold.
const NOT: char = '!';

/// A server, as a condition looks at it.
pub(super) struct TaggedServer<'s> {
    pub(super) alias: &'s str,
    pub(super) tags: Vec<String>,
}

/// Conditions that hold together.
pub(super) struct Term<'t> {
    pub(super) text: &'t str,
    pub(super) conditions: Vec<Condition<'t>>,
}

/// One condition on a server.
pub(super) struct Condition<'t> {
    pub(super) is_negated: bool,
    pub(super) selector: Selector<'t>,
}

/// The servers that a condition names.
pub(super) enum Selector<'t> {
    All,
    Alias(&'t str),
    /// A pattern of aliases.
    Pattern(&'t str, GlobMatcher),
    /// A pattern of tags.
    Tag(&'t str, GlobMatcher),
}

impl<'t> Term<'t> {
    /// Parses a term. Whatever `is_alias` knows is an alias, at every level.
    pub(super) fn parse(text: &'t str, is_alias: &impl Fn(&str) -> bool) -> Result<Self, Error> {
        let conditions = if is_alias(text) {
            vec![Condition::of_alias(text)]
        } else {
            let parts = text.split('&').map(str::trim);
            let conditions = parts.map(|part| Condition::parse(part, text, is_alias));
            conditions.collect::<Result<_, _>>()?
        };
        Ok(Self { text, conditions })
    }

    /// Returns whether it only takes servers away from what the other terms choose.
    pub(super) fn restricts(&self) -> bool {
        self.conditions.iter().all(|condition| condition.is_negated)
    }

    /// Returns whether all of its conditions hold.
    pub(super) fn takes(&self, candidate: &TaggedServer<'_>) -> bool {
        let mut conditions = self.conditions.iter();
        conditions.all(|condition| condition.selector.takes(candidate) != condition.is_negated)
    }

    /// The alias, if it is nothing else.
    pub(super) fn as_alias(&self) -> Option<&'t str> {
        match self.conditions.as_slice() {
            [
                Condition {
                    is_negated: false,
                    selector: Selector::Alias(alias),
                },
            ] => Some(alias),
            _ => None,
        }
    }
}

impl<'t> Condition<'t> {
    fn of_alias(alias: &'t str) -> Self {
        Self {
            is_negated: false,
            selector: Selector::Alias(alias),
        }
    }

    fn parse(text: &'t str, term: &str, is_alias: &impl Fn(&str) -> bool) -> Result<Self, Error> {
        if is_alias(text) {
            return Ok(Self::of_alias(text));
        }
        let negated = text.strip_prefix(NOT).map(str::trim_start);
        let selector = Selector::parse(negated.unwrap_or(text), is_alias);
        let selector = selector.map_err(|problem| {
            Error::invalid("alias", format!("has the part `{term}`, which {problem}"))
        })?;
        Ok(Self {
            is_negated: negated.is_some(),
            selector,
        })
    }
}

impl<'t> Selector<'t> {
    /// Parses a name. The error completes a sentence about it.
    fn parse(text: &'t str, is_alias: &impl Fn(&str) -> bool) -> Result<Self, String> {
        if is_alias(text) {
            return Ok(Self::Alias(text));
        }
        if text.is_empty() || text == TAG {
            return Err("lacks a name".to_owned());
        }
        if text.starts_with(NOT) {
            return Err(format!("has more than one `{NOT}` before a name"));
        }
        if text == ALL {
            return Ok(Self::All);
        }
        if let Some(tag) = text.strip_prefix(TAG) {
            return Ok(Self::Tag(text, name_glob(tag, NameCase::Counts)?));
        }
        if is_glob(text) {
            return Ok(Self::Pattern(text, name_glob(text, NameCase::Counts)?));
        }
        Ok(Self::Alias(text))
    }

    pub(super) fn takes(&self, candidate: &TaggedServer<'_>) -> bool {
        match self {
            Self::All => true,
            Self::Alias(alias) => candidate.alias == *alias,
            Self::Pattern(_, pattern) => pattern.is_match(candidate.alias),
            Self::Tag(_, pattern) => candidate.tags.iter().any(|tag| pattern.is_match(tag)),
        }
    }
}

/// Compiles a pattern of tags, as it stands in an expression or without its `tag:`.
pub(crate) fn tag_pattern(text: &str) -> Result<GlobMatcher, Error> {
    let tag = text.strip_prefix(TAG).unwrap_or(text);
    name_glob(tag, NameCase::Counts).map_err(|problem| Error::invalid("tag", problem))
}

/// The terms of a text: its parts between commas, but for commas in braces, which a pattern may have.
pub(super) fn terms(text: &str) -> impl Iterator<Item = &str> {
    let mut depth = 0_usize;
    let parts = text.split(move |character| {
        match character {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        character == ',' && depth == 0
    });
    parts.map(str::trim).filter(|part| !part.is_empty())
}
