//! The servers that a rule or a mode is for: `web1`, `web*`, `tag:prod`, `all`, or several with commas between.

use globset::GlobMatcher;

use crate::text::{NameCase, name_glob};

/// The aliases and tags by which one server is known.
#[derive(Debug, Default)]
pub(super) struct ServerNames {
    aliases: Vec<String>,
    tags: Vec<String>,
}

impl ServerNames {
    pub(super) fn add(&mut self, alias: &str, tags: &[String]) {
        self.aliases.push(alias.to_owned());
        self.tags.extend_from_slice(tags);
    }
}

/// A choice of servers.
#[derive(Debug)]
pub(super) struct ServerChoice(Vec<ServerTerm>);

#[derive(Debug)]
enum ServerTerm {
    All,
    Alias(GlobMatcher),
    Tag(GlobMatcher),
}

impl ServerChoice {
    /// Parses a choice. The error completes a sentence about it.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let terms = text.split(',').map(str::trim).map(|term| match term {
            "" => Err("names no server".to_owned()),
            "all" => Ok(ServerTerm::All),
            term => match term.strip_prefix("tag:") {
                Some(tag) => name_glob(tag, NameCase::Counts).map(ServerTerm::Tag),
                None => name_glob(term, NameCase::Counts).map(ServerTerm::Alias),
            },
        });
        terms.collect::<Result<_, _>>().map(Self)
    }

    /// Its terms that name none of these servers, as they are written.
    pub(super) fn that_name_none<'a>(
        &'a self,
        servers: &'a [ServerNames],
    ) -> impl Iterator<Item = String> + 'a {
        let terms = self.0.iter();
        let idle = terms.filter(|term| servers.iter().all(|names| term.closeness(names).is_none()));
        idle.filter_map(ServerTerm::text)
    }

    pub(super) fn holds_for(&self, names: &ServerNames) -> bool {
        self.closeness(names).is_some()
    }

    /// The closeness of the term that is closest to a server: 2 for its alias, 1 for a tag, 0 for all.
    pub(super) fn closeness(&self, names: &ServerNames) -> Option<u8> {
        let terms = self.0.iter();
        terms.filter_map(|term| term.closeness(names)).max()
    }
}

impl ServerTerm {
    fn closeness(&self, names: &ServerNames) -> Option<u8> {
        match self {
            Self::All => Some(0),
            Self::Tag(tag) => names.tags.iter().any(|one| tag.is_match(one)).then_some(1),
            Self::Alias(alias) => {
                let is_named = names.aliases.iter().any(|one| alias.is_match(one));
                is_named.then_some(2)
            }
        }
    }

    /// Its text, if it names some servers and not all.
    fn text(&self) -> Option<String> {
        match self {
            Self::All => None,
            Self::Tag(tag) => Some(format!("tag:{}", tag.glob().glob())),
            Self::Alias(alias) => Some(alias.glob().glob().to_owned()),
        }
    }
}
