//! The servers that a call is for, as its `alias` says.
//!
//! | expression | servers |
//! |---|---|
//! | `web1` | the server of that alias |
//! | `web1,web2` | each of them, in that order |
//! | `web*`, `web[1-5]`, `{web,db}?` | those whose alias matches, capital letters told from small ones |
//! | `all` | every server |
//! | `tag:prod`, `tag:eu-*` | those with such a tag |
//! | `tag:prod&tag:eu`, `tag:prod&!tag:eu` | those for which all conditions hold |
//! | `all,!web3`, `web*,!tag:old` | what the other terms choose, without these |
//! | `!web3` | all without it |
//! | `["web1", "tag:eu"]` | the same as `web1,tag:eu` |
//!
//! - An existing alias wins over every other reading of the same text: of the whole expression, an element of the
//!   array, a term or a condition. One that holds a comma is meant where it is the whole expression or an
//!   element.
//! - A term chooses; one in which everything is negated takes away from what the others choose, wherever it stands.
//! - Terms choose in their order, each in the order of `servers.json`. No server comes twice.
//! - Every name has to be that of a server, also behind a `!`, and every tag, pattern and term has to stand for a
//!   server at least: a misspelt one never makes a call run on fewer servers, or more, than it says.

use std::borrow::Cow;
use std::fmt;

use indexmap::IndexSet;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::term::{Selector, TAG, TaggedServer, Term, terms};
use crate::error::{Error, KnownAliases};
use crate::secret::hide;
use crate::store::CatalogueView;
use crate::store::servers::{Server, Servers};

/// The most terms of an expression.
const MOST_TERMS: usize = 4096;

/// An expression for servers, as it was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum TargetExpression {
    Text(String),
    List(Vec<String>),
}

/// The servers that an expression stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Targets {
    /// The expression as a text.
    pub(crate) expression: String,
    /// Their aliases, one at least.
    pub(crate) aliases: Vec<String>,
    is_single: bool,
}

impl Targets {
    /// Returns whether the expression is one plain alias. A tag or a pattern with one match is none.
    pub(crate) fn is_single(&self) -> bool {
        self.is_single
    }

    /// One server by its plain alias.
    pub(crate) fn single(alias: &str) -> Self {
        Self {
            expression: alias.to_owned(),
            aliases: vec![alias.to_owned()],
            is_single: true,
        }
    }

    /// The servers of an expression that may name several, also where it names one at present.
    pub(crate) fn several(expression: &str, aliases: Vec<String>) -> Self {
        Self {
            expression: expression.to_owned(),
            aliases,
            is_single: false,
        }
    }
}

impl TargetExpression {
    /// Finds the servers that are meant. Refuses a name that is not known, and what stands for no server.
    pub(crate) fn resolve(&self, servers: &Servers) -> Result<Targets, Error> {
        let view = servers.view()?;
        let found = self.find(&view);
        found.map_err(|refusal| self.refusal_of_secret(&view).unwrap_or(refusal))
    }

    /// The refusal of an expression with a secret in it, by mistake. Other refusals quote a part of the expression,
    /// and a part of a secret would not be masked.
    fn refusal_of_secret(&self, view: &CatalogueView<'_, Server>) -> Option<Error> {
        let whole = match self {
            Self::Text(text) => Cow::Borrowed(text),
            Self::List(elements) => Cow::Owned(elements.join(",")),
        };
        let has_secret = matches!(hide(&whole), Cow::Owned(_));
        has_secret.then(|| view.unknown(&whole))
    }

    fn find(&self, view: &CatalogueView<'_, Server>) -> Result<Targets, Error> {
        match self {
            Self::Text(text) if view.has(text) => Ok(Targets::single(text)),
            Self::Text(text) => match serde_json::from_str::<Vec<String>>(text) {
                Ok(listed) => of_elements(&listed, view),
                Err(_) => of_elements(std::slice::from_ref(text), view),
            },
            Self::List(elements) => of_elements(elements, view),
        }
    }
}

fn of_elements(elements: &[String], view: &CatalogueView<'_, Server>) -> Result<Targets, Error> {
    let expression = elements.join(",");
    let terms = parse(elements, view)?;
    if terms.is_empty() {
        return Err(view.unknown(&expression));
    }
    if let [term] = terms.as_slice()
        && let Some(alias) = term.as_alias()
    {
        let is_known = view.has(alias);
        let target = is_known.then(|| Targets::single(alias));
        return target.ok_or_else(|| view.unknown(alias));
    }
    let servers = view.all().map(|(alias, server)| TaggedServer {
        alias,
        tags: server.and_then(|server| server.tags).unwrap_or_default(),
    });
    let choice = TargetChoice {
        servers: servers.collect(),
        view,
    };
    let aliases = choice.of(&terms, &expression)?;
    Ok(Targets {
        expression,
        aliases,
        is_single: false,
    })
}

fn parse<'e>(
    elements: &'e [String],
    view: &CatalogueView<'_, Server>,
) -> Result<Vec<Term<'e>>, Error> {
    let is_alias = |name: &str| view.has(name);
    let mut parsed = Vec::new();
    for element in elements {
        if is_alias(element) {
            parsed.push(Term::parse(element, &is_alias)?);
            continue;
        }
        for term in terms(element) {
            parsed.push(Term::parse(term, &is_alias)?);
            if parsed.len() > MOST_TERMS {
                let problem = format!("has more than {MOST_TERMS} parts");
                return Err(Error::invalid("alias", problem));
            }
        }
    }
    Ok(parsed)
}

/// A choice among the servers, as they stand at one look.
struct TargetChoice<'v> {
    servers: Vec<TaggedServer<'v>>,
    view: &'v CatalogueView<'v, Server>,
}

impl TargetChoice<'_> {
    fn of(&self, terms: &[Term<'_>], expression: &str) -> Result<Vec<String>, Error> {
        for condition in terms.iter().flat_map(|term| &term.conditions) {
            self.check(&condition.selector)?;
        }
        let (restricting, choosing): (Vec<_>, Vec<_>) =
            terms.iter().partition(|term| term.restricts());
        let mut chosen = IndexSet::new();
        for term in &choosing {
            let taken = self.indices(|server| term.takes(server));
            if taken.is_empty() {
                return Err(self.nothing(term.text));
            }
            chosen.extend(taken);
        }
        if choosing.is_empty() {
            chosen.extend(0..self.servers.len());
        }
        chosen.retain(|index| {
            restricting
                .iter()
                .all(|term| term.takes(&self.servers[*index]))
        });
        if chosen.is_empty() {
            return Err(self.nothing(expression));
        }
        let aliases = chosen.into_iter().map(|index| self.servers[index].alias);
        Ok(aliases.map(ToOwned::to_owned).collect())
    }

    /// Refuses a selector that stands for no server.
    fn check(&self, selector: &Selector<'_>) -> Result<(), Error> {
        match selector {
            Selector::Alias(alias) if self.view.has(alias) => Ok(()),
            Selector::Alias(alias) => Err(self.view.unknown(alias)),
            Selector::All => Ok(()),
            Selector::Pattern(text, _) | Selector::Tag(text, _) => {
                let is_known = self.servers.iter().any(|server| selector.takes(server));
                is_known.then_some(()).ok_or_else(|| self.nothing(text))
            }
        }
    }

    fn indices(&self, is_taken: impl Fn(&TaggedServer<'_>) -> bool) -> Vec<usize> {
        let servers = self.servers.iter().enumerate();
        let taken = servers.filter(|(_, server)| is_taken(server));
        taken.map(|(index, _)| index).collect()
    }

    fn nothing(&self, part: &str) -> Error {
        let tags = self.servers.iter().flat_map(|server| &server.tags);
        let tags: IndexSet<_> = tags.map(|tag| format!("{TAG}{tag}")).collect();
        Error::NoTargets {
            part: part.into(),
            aliases: Box::new(self.view.known_beside(part)),
            tags: Box::new(KnownAliases::beside(part, tags.iter())),
        }
    }
}

impl<'de> Deserialize<'de> for TargetExpression {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TextOrList;

        impl<'de> Visitor<'de> for TextOrList {
            type Value = TargetExpression;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a string")
            }

            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(TargetExpression::Text(text.to_owned()))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
                let mut elements = Vec::new();
                while let Some(element) = list.next_element()? {
                    elements.push(element);
                }
                Ok(TargetExpression::List(elements))
            }
        }

        deserializer.deserialize_any(TextOrList)
    }
}

/// Listed as a string, which is enough for every expression.
impl JsonSchema for TargetExpression {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "TargetExpression".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string" })
    }
}

#[cfg(test)]
mod tests;
