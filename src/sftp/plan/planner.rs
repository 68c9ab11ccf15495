//! How a transfer's plan comes about: what each entry stands for, and what is made for it.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};

use crate::error::FailedFile;
use crate::sftp::filesystem::Side;
use crate::sftp::filesystem::entry_limit::EntryLimit;
use crate::sftp::filesystem::metadata::{Facts, Kind};
use crate::sftp::path::local_of;
use crate::sftp::plan::destination::{Destination, Writes};
use crate::sftp::plan::directories::make;
use crate::sftp::plan::pattern::Pattern;
use crate::sftp::plan::tree::{Tree, is_lost, walk};
use crate::sftp::plan::{Plan, There, Way};
use crate::sftp::spelling::doubt;
use crate::sftp::transfer::file_transfer::in_place::is_untold;

/// What stands for a link, whose own facts nobody needs.
const NOTHING: Facts = Facts {
    kind: Kind::Link,
    length: 0,
    mode: None,
    owner: None,
    modified: None,
};

/// Plans entry after entry.
pub(crate) struct Planner<'a, S: Side, T: Side> {
    pub(crate) source: &'a S,
    pub(crate) target: &'a T,
    /// Whether a source may be a pattern.
    pub(crate) patterns: bool,
    /// Whether directories of a tree are gone through that are links at the target.
    pub(crate) follows: bool,
    pub(crate) writes: Writes<'a, T>,
    pub(crate) plan: Plan<S, T>,
}

impl<S: Side, T: Side> Planner<'_, S, T> {
    /// What a further listing may bring beside what is planned already.
    fn entry_limit(&self) -> EntryLimit {
        let Plan {
            files,
            links,
            directories,
            left_out,
            ..
        } = &self.plan;
        let planned = files.len() + links.len() + directories.len() + left_out.len();
        EntryLimit::new(self.plan.most_entries, planned)
    }

    /// Plans one entry, and makes its directories. What cannot be done is left out by name; an error
    /// is that the line was lost.
    pub(crate) async fn add(&mut self, from: &str, to: &str) -> io::Result<()> {
        match self.plan(from, to).await {
            Err(error) if !is_lost(&error) => {
                self.plan.left_out.push(FailedFile {
                    file: S::shown(&S::path(from)),
                    error: error.to_string(),
                });
                Ok(())
            }
            planned => planned,
        }
    }

    async fn plan(&mut self, from: &str, to: &str) -> io::Result<()> {
        let start = S::path(from);
        let facts = self.source.facts(&start).await?;
        // A name may hold what elsewhere makes a pattern.
        if self.patterns
            && facts.is_none()
            && let Some(pattern) = Pattern::of(&S::pattern(from))
                .map_err(|problem| io::Error::new(io::ErrorKind::InvalidInput, problem))?
        {
            self.check_target(from, to).await?;
            let base = S::path(match pattern.base.as_str() {
                "" => ".",
                base => base,
            });
            let found = walk(self.source, &base, pattern.depth, self.entry_limit()).await?;
            let (tree, omitted) = pattern.among(found);
            if tree.paths().next().is_none() {
                return Err(missing(&omitted.nothing(from, pattern.depth)));
            }
            let omitted = (base.clone(), from.to_owned(), pattern.depth, omitted);
            self.plan.omitted.push(omitted);
            return self.plan_tree(&base, tree, &T::path(to)).await;
        }
        let Some(facts) = facts else {
            let reason = doubt(from).map_or(String::new(), |doubt| {
                format!("; the path {}", doubt.reason)
            });
            return Err(missing(&format!("No such file or directory{reason}")));
        };
        self.check_target(from, to).await?;
        match facts.kind {
            Kind::Directory => {
                let tree = walk(self.source, &start, None, self.entry_limit()).await?;
                self.plan_tree(&start, tree, &T::path(to)).await
            }
            Kind::File => self.plan_file(start, facts, to).await,
            kind => Err(io::Error::other(format!(
                "is {}, not a file",
                kind.special().unwrap_or("a link")
            ))),
        }
    }

    /// Refuses a target that looks like a mistake, unless it is there, or the source is called so too.
    async fn check_target(&self, from: &str, to: &str) -> io::Result<()> {
        let Some(doubt) = doubt(to) else {
            return Ok(());
        };
        let is_meant = doubt.is_outer && S::file_name(&S::path(from)) == T::file_name(&T::path(to));
        if is_meant || self.target.own_facts(&T::path(doubt.upto)).await?.is_some() {
            return Ok(());
        }
        let reason = format!("the target `{}` {}", to.trim(), doubt.reason);
        Err(io::Error::new(io::ErrorKind::InvalidInput, reason))
    }

    async fn plan_file(&mut self, from: S::Path, facts: Facts, to: &str) -> io::Result<()> {
        let target = self.target;
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
        let (facts_there, own_facts, above, aside, destination, home) = tokio::join!(
            target.facts(&path),
            target.own_facts(&path),
            above,
            aside,
            Destination::<T>::of(target, &path),
            self.writes.ask_home(target),
        );
        let mut destination = destination?;
        home?;
        let (facts_there, own_facts) = match (facts_there, own_facts) {
            (Err(error), _) | (_, Err(error)) if is_untold(&error) => {
                let into = T::names_directory(to);
                return self.plan_untold((from, facts), (path, destination), into, &error);
            }
            (there, own) => (there?, own?),
        };
        let is_directory = |facts: Option<Facts>| facts.is_some_and(|facts| facts.is_directory());
        let into = T::names_directory(to) || is_directory(facts_there);
        let name = S::file_name(&from).filter(|_| into);
        if let Some(name) = &name {
            destination = destination.below(&local_of(name));
        } else if let (None, Some(_), Some(name)) = (facts_there, own_facts, T::file_name(&path)) {
            // A link that leads nowhere is replaced itself.
            let holder = parent.clone().unwrap_or_else(|| T::path("."));
            let holder = Destination::of(target, &holder).await?;
            destination = holder.below(&local_of(&name));
        }
        if !self.may_go(&from, &destination) {
            return Ok(());
        }
        let (to, there, is_named) = if let Some(name) = name {
            let is_new = target.make_root(&path).await?;
            let to = T::join(&path, &local_of(&name));
            (to, There::in_directory(is_new), false)
        } else {
            if let (Some(parent), false) = (parent, is_directory(above.ok().flatten())) {
                target.make_root(&parent).await?;
            }
            let (to, there) = match (facts_there, own_facts.map(|own| own.kind)) {
                // A replacement that was cut may have left it aside.
                (None, None) if aside.is_some() => (path, There::Unknown),
                (None, _) => (path, There::Nothing),
                // What was judged is what is written: where the link leads to now.
                (Some(facts), Some(Kind::Link)) => match destination.real() {
                    Some(real) => (real.clone(), There::File(facts)),
                    None => (path, There::Unknown),
                },
                (Some(facts), Some(_)) => (path, There::File(facts)),
                (Some(_), None) => (path, There::Unknown),
            };
            (to, there, true)
        };
        if destination.real().is_none() {
            // What was missing is there now, and may have hidden where `..` leads.
            destination = Destination::of(target, &to).await?;
            if !self.may_go(&from, &destination) {
                return Ok(());
            }
        }
        self.push((from, facts), (to, there), is_named, &destination);
        Ok(())
    }

    /// Plans a file whose target a server does not say anything of: it goes there only as it is asked.
    fn plan_untold(
        &mut self,
        (from, facts): (S::Path, Facts),
        (path, mut destination): (T::Path, Destination<T>),
        into: bool,
        error: &io::Error,
    ) -> io::Result<()> {
        if !self.plan.in_place {
            let shown = T::shown(&path);
            return Err(io::Error::new(
                error.kind(),
                format!(
                    "cannot find out what `{shown}` is: {error}; `inPlace: true` writes it without asking"
                ),
            ));
        }
        let to = match S::file_name(&from) {
            Some(name) if into => {
                destination = destination.below(&local_of(&name));
                T::join(&path, &local_of(&name))
            }
            _ => path,
        };
        if !self.may_go(&from, &destination) {
            return Ok(());
        }
        self.push((from, facts), (to, There::Unknown), !into, &destination);
        Ok(())
    }

    /// Adds a file that is an entry of its own.
    fn push(
        &mut self,
        (from, facts): (S::Path, Facts),
        (to, there): (T::Path, There),
        is_named: bool,
        destination: &Destination<T>,
    ) {
        let place = self.plan.places.len();
        self.plan.places.push(destination.shown());
        self.plan.files.push(Way {
            from,
            to,
            facts,
            there,
            is_named,
            place,
        });
    }

    async fn plan_tree(&mut self, base: &S::Path, tree: Tree, to: &T::Path) -> io::Result<()> {
        let target = self.target;
        let asked = tokio::join!(
            Destination::<T>::of(target, to),
            self.writes.ask_home(target)
        );
        let mut destination = asked.0?;
        asked.1?;
        let Tree {
            directories,
            files,
            links,
            mut left_out,
        } = tree;
        let files = files.into_iter().map(|(path, facts)| (path, facts, true));
        let links = links.into_iter().map(|path| (path, NOTHING, false));
        let mut matches: Vec<_> = files.chain(links).collect();
        let is_empty = matches.is_empty();
        matches.retain(|(path, ..)| self.may_go(&S::join(base, path), &destination.below(path)));
        if matches.is_empty() && !is_empty {
            self.leave(base, left_out);
            return Ok(());
        }
        let root_is_new = target.make_root(to).await?;
        if destination.real().is_none() {
            // What was missing is there now, and may have hidden where `..` leads.
            destination = Destination::of(target, to).await?;
            matches
                .retain(|(path, ..)| self.may_go(&S::join(base, path), &destination.below(path)));
        }
        let mut below: BTreeMap<&Path, Option<Facts>> = directories
            .iter()
            .map(|(path, facts)| (path.as_path(), Some(*facts)))
            .collect();
        // A pattern's matches bring their directories along.
        let mut needed: BTreeSet<&Path> = BTreeSet::new();
        for (path, ..) in &matches {
            let above = path.ancestors().skip(1);
            let mut above = above.filter(|path| !path.as_os_str().is_empty());
            // Once one is known, so are those above it.
            while above.next().is_some_and(|path| needed.insert(path)) {}
        }
        for directory in &needed {
            below.entry(directory).or_insert(None);
        }
        let made = make(target, to, &below, root_is_new, self.follows).await?;
        for (path, facts) in &made.kept {
            self.plan.directories.push((T::join(to, path), *facts));
        }
        let place = self.plan.places.len();
        self.plan.places.push(destination.shown());
        for (path, facts, is_file) in &matches {
            if let Some(reason) = made.refusal(path) {
                left_out.push((path.clone(), reason.to_owned()));
                continue;
            }
            if let Some((linked, rest)) = made.linked(path)
                && !self.may_go(&S::join(base, path), &linked.below(rest))
            {
                continue;
            }
            let way = Way {
                from: S::join(base, path),
                to: T::join(to, path),
                facts: *facts,
                there: There::in_directory(made.is_new(path)),
                is_named: false,
                place,
            };
            if *is_file {
                self.plan.files.push(way);
            } else {
                self.plan.links.push(way);
            }
        }
        // One that holds nothing would otherwise be missing in silence.
        for (path, reason) in made.refused() {
            if !needed.contains(path) {
                left_out.push((path.to_owned(), reason.to_owned()));
            }
        }
        self.leave(base, left_out);
        Ok(())
    }

    /// Whether a file of a tree may be written; if not, it is noted.
    fn may_go(&mut self, from: &S::Path, destination: &Destination<T>) -> bool {
        let judged = self.writes.judge(destination);
        judged
            .map_err(|refusal| self.plan.refused.push((S::shown(from), refusal)))
            .is_ok()
    }

    fn leave(&mut self, base: &S::Path, left_out: Vec<(PathBuf, String)>) {
        let left_out = left_out.into_iter().map(|(path, error)| FailedFile {
            file: S::shown(&S::join(base, &path)),
            error,
        });
        self.plan.left_out.extend(left_out);
    }

    /// The plan, with each target that two sources would fill left to the first. Gives with it what
    /// patterns match and nothing takes, a sentence each.
    pub(crate) fn finish(self) -> (Plan<S, T>, Vec<String>) {
        let mut plan = self.plan;
        plan.keep_apart();
        let notes = plan.untaken();
        (plan, notes)
    }
}

fn missing(reason: &str) -> io::Error {
    io::Error::new(io::ErrorKind::NotFound, reason)
}
