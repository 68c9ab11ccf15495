//! What a transfer is going to do: every file with its way, and the directories made for them.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::io;
use std::path::{Path, PathBuf};

use super::entry_limit::EntryLimit;
use super::facts::{Facts, Kind};
use super::in_place::is_untold;
use super::path::local_of;
use super::pattern::Pattern;
use super::side::Side;
use super::tree::{Tree, is_lost, walk};
use crate::error::FailedFile;

/// The ways of one direction.
pub(super) struct Plan<S: Side, T: Side> {
    pub(super) files: Vec<Way<S, T>>,
    pub(super) links: Vec<Way<S, T>>,
    /// Directories that were made, and what they are to be once nothing is written into them any more.
    pub(super) directories: Vec<(T::Path, Facts)>,
    pub(super) left_out: Vec<FailedFile>,
    /// The most entries that are listed for it.
    pub(super) most_entries: usize,
    /// Whether targets are written in place, without asking what they are where that is refused.
    pub(super) in_place: bool,
}

/// From where to where a file goes.
pub(super) struct Way<S: Side, T: Side> {
    pub(super) from: S::Path,
    pub(super) to: T::Path,
    /// What the source was when it was found.
    pub(super) facts: Facts,
    /// What was at the target then.
    pub(super) there: There,
}

/// What is known to be at a target.
#[derive(Clone, Copy, Debug)]
pub(super) enum There {
    Nothing,
    /// A file itself, no link.
    File(Facts),
    Unknown,
}

impl There {
    fn in_directory(is_new: bool) -> Self {
        if is_new { Self::Nothing } else { Self::Unknown }
    }
}

impl<S: Side, T: Side> Default for Plan<S, T> {
    fn default() -> Self {
        Self {
            files: Vec::new(),
            links: Vec::new(),
            directories: Vec::new(),
            left_out: Vec::new(),
            most_entries: usize::MAX,
            in_place: false,
        }
    }
}

/// What stands for a link, whose own facts nobody needs.
const NOTHING: Facts = Facts {
    kind: Kind::Link,
    length: 0,
    mode: None,
    owner: None,
    modified: None,
};

impl<S: Side, T: Side> Plan<S, T> {
    /// What a further listing may bring beside what is planned already.
    fn entry_limit(&self) -> EntryLimit {
        let planned = self.files.len() + self.links.len() + self.directories.len();
        EntryLimit::new(self.most_entries, planned + self.left_out.len())
    }

    /// Plans one entry, and makes its directories. What cannot be done is left out by name; an error
    /// is that the line was lost.
    pub(super) async fn add(
        &mut self,
        (source, target): (&S, &T),
        (from, to): (&str, &str),
        patterns: bool,
    ) -> io::Result<()> {
        let planned = self.plan(source, target, (from, to), patterns).await;
        match planned {
            Err(error) if !is_lost(&error) => {
                self.left_out.push(FailedFile {
                    file: S::shown(&S::path(from)),
                    error: error.to_string(),
                });
                Ok(())
            }
            planned => planned,
        }
    }

    async fn plan(
        &mut self,
        source: &S,
        target: &T,
        (from, to): (&str, &str),
        patterns: bool,
    ) -> io::Result<()> {
        let start = S::path(from);
        let facts = source.facts(&start).await?;
        // A name may hold what elsewhere makes a pattern.
        if patterns
            && facts.is_none()
            && let Some(pattern) = Pattern::of(&S::pattern(from))
                .map_err(|problem| io::Error::new(io::ErrorKind::InvalidInput, problem))?
        {
            let base = S::path(match pattern.base.as_str() {
                "" => ".",
                base => base,
            });
            let tree = walk(source, &base, pattern.depth, self.entry_limit()).await?;
            let tree = pattern.among(tree)?;
            return self.plan_tree(target, &base, tree, &T::path(to)).await;
        }
        let facts = facts
            .ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "No such file or directory"))?;
        match facts.kind {
            Kind::Directory => {
                let tree = walk(source, &start, None, self.entry_limit()).await?;
                self.plan_tree(target, &start, tree, &T::path(to)).await
            }
            Kind::File => self.plan_file(target, start, facts, to).await,
            kind => Err(io::Error::other(format!(
                "is {}, not a file",
                kind.special().unwrap_or("a link")
            ))),
        }
    }

    async fn plan_file(
        &mut self,
        target: &T,
        from: S::Path,
        facts: Facts,
        to: &str,
    ) -> io::Result<()> {
        let path = T::path(to);
        let parent = T::parent(&path);
        let above = async {
            match &parent {
                Some(parent) => target.facts(parent).await,
                None => Ok(None),
            }
        };
        // All at once: on a far line each answer that is waited for costs a round trip.
        let aside = async {
            match T::aside(&path) {
                Some(aside) => target.own_facts(&aside).await.ok().flatten(),
                None => None,
            }
        };
        let (facts_there, own_facts, above, aside) =
            tokio::join!(target.facts(&path), target.own_facts(&path), above, aside);
        let asked = match (facts_there, own_facts, above) {
            (Err(error), ..) | (_, Err(error), _) if is_untold(&error) => {
                return self.plan_untold((from, facts), path, T::names_directory(to), &error);
            }
            asked => asked,
        };
        let (facts_there, own_facts, above) = (asked.0?, asked.1?, asked.2);
        let is_directory = |facts: Option<Facts>| facts.is_some_and(|facts| facts.is_directory());
        let into = T::names_directory(to) || is_directory(facts_there);
        let (to, there) = match S::file_name(&from) {
            Some(name) if into => {
                let is_new = target.make_root(&path).await?;
                let to = T::join(&path, &local_of(&name));
                (to, There::in_directory(is_new))
            }
            _ => {
                if let (Some(parent), false) = (parent, is_directory(above.ok().flatten())) {
                    target.make_root(&parent).await?;
                }
                let there = match (facts_there, own_facts) {
                    // A replacement that was cut may have left it aside.
                    (None, None) if aside.is_some() => There::Unknown,
                    (None, _) => There::Nothing,
                    (Some(facts), Some(own)) if own.kind != Kind::Link => There::File(facts),
                    _ => There::Unknown,
                };
                (path, there)
            }
        };
        self.files.push(Way {
            from,
            to,
            facts,
            there,
        });
        Ok(())
    }

    /// Plans a file whose target a server does not say anything of: it goes there only as it is asked.
    fn plan_untold(
        &mut self,
        (from, facts): (S::Path, Facts),
        path: T::Path,
        into: bool,
        error: &io::Error,
    ) -> io::Result<()> {
        if !self.in_place {
            let shown = T::shown(&path);
            return Err(io::Error::new(
                error.kind(),
                format!(
                    "cannot find out what `{shown}` is: {error}; `inPlace: true` writes it without asking"
                ),
            ));
        }
        let to = match S::file_name(&from) {
            Some(name) if into => T::join(&path, &local_of(&name)),
            _ => path,
        };
        self.files.push(Way {
            from,
            to,
            facts,
            there: There::Unknown,
        });
        Ok(())
    }

    async fn plan_tree(
        &mut self,
        target: &T,
        base: &S::Path,
        tree: Tree,
        to: &T::Path,
    ) -> io::Result<()> {
        let root_is_new = target.make_root(to).await?;
        let mut below: BTreeMap<&Path, Option<Facts>> = tree
            .directories
            .iter()
            .map(|(path, facts)| (path.as_path(), Some(*facts)))
            .collect();
        // A pattern's matches bring their directories along.
        let matches = tree.files.iter().map(|(file, _)| file).chain(&tree.links);
        let mut needed: BTreeSet<&Path> = BTreeSet::new();
        for path in matches {
            let above = path.ancestors().skip(1);
            let mut above = above.filter(|path| !path.as_os_str().is_empty());
            // Once one is known, so are those above it.
            while above.next().is_some_and(|path| needed.insert(path)) {}
        }
        for directory in needed {
            below.entry(directory).or_insert(None);
        }
        // In this order each comes after the one that holds it.
        let paths: Vec<_> = below.keys().map(|path| T::join(to, path)).collect();
        let made = target.make_directories(&paths).await;
        let mut new: HashSet<&Path> = HashSet::new();
        let mut refused: HashMap<&Path, String> = HashMap::new();
        for (((path, facts), there), made) in below.into_iter().zip(paths).zip(made) {
            match made {
                Ok(true) => {
                    new.insert(path);
                    self.directories
                        .extend(facts.map(|facts| (there.clone(), facts)));
                }
                Ok(false) => {}
                Err(error) if is_lost(&error) => return Err(error),
                Err(error) => {
                    refused.insert(path, error.to_string());
                }
            }
        }
        let root = Path::new("");
        if root_is_new {
            new.insert(root);
        }
        let way = |path: &PathBuf, facts| {
            let parent = path.parent().unwrap_or(root);
            if let Some(reason) = parent.ancestors().find_map(|above| refused.get(above)) {
                return Err(reason.clone());
            }
            Ok(Way {
                from: S::join(base, path),
                to: T::join(to, path),
                facts,
                there: There::in_directory(new.contains(parent)),
            })
        };
        let files = tree.files.iter().map(|(path, facts)| (path, *facts, true));
        let links = tree.links.iter().map(|path| (path, NOTHING, false));
        let mut left_out = tree.left_out.clone();
        for (path, facts, is_file) in files.chain(links) {
            match way(path, facts) {
                Ok(way) if is_file => self.files.push(way),
                Ok(way) => self.links.push(way),
                Err(reason) => left_out.push((path.clone(), reason)),
            }
        }
        let left_out = left_out.into_iter().map(|(path, error)| FailedFile {
            file: S::shown(&S::join(base, &path)),
            error,
        });
        self.left_out.extend(left_out);
        Ok(())
    }
}
