//! Plans of trees, whose directories are created.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::path::{Path, PathBuf};

use crate::sftp::error::Result;
use crate::sftp::filesystem::entry_limit::EntryLimit;
use crate::sftp::filesystem::metadata::Metadata;
use crate::sftp::filesystem::{FILE_IN_THE_WAY, Filesystem, in_the_way};
use crate::sftp::path::local_of;
use crate::sftp::plan::destination::Destination;
use crate::sftp::plan::directories::{CreatedDirectories, DirectoryPlace, create};
use crate::sftp::plan::exclusion::Exclusion;
use crate::sftp::plan::listed::{ListedEntry, ListedTree};
use crate::sftp::plan::planner::Planner;
use crate::sftp::plan::removals::MirroredSource;
use crate::sftp::plan::tree::{Tree, WalkBounds, walk};
use crate::sftp::plan::unchanged::is_same_by_time;
use crate::sftp::plan::{FilePlan, TargetState};
use crate::sftp::request::Comparison;

/// A file or link of a tree, with its metadata, and whether it is a file.
pub(super) type TreeFile = (PathBuf, Metadata, bool);

/// The targets of a tree's files.
struct TreeTargets<'a, T: Filesystem> {
    to: &'a T::Path,
    created: &'a CreatedDirectories<T>,
    listed: Option<&'a ListedTree>,
    destination: &'a Destination<T>,
    /// True if the destination was not known when the files were judged.
    was_unclear: bool,
}

impl<S: Filesystem, T: Filesystem> Planner<'_, S, T> {
    /// Plans what a tree has to copy into the directory `to`.
    pub(super) async fn plan_tree(
        &mut self,
        base: &S::Path,
        (tree, exclusion): (Tree, Exclusion),
        to: &T::Path,
    ) -> Result<()> {
        let target = self.sides.target;
        let asked = tokio::join!(
            Destination::<T>::of(target, to),
            self.writes.fetch_home(target)
        );
        let mut destination = asked.0?;
        asked.1?;
        let Tree {
            directories,
            files,
            links,
            mut left_out,
            excluded: _,
        } = tree;
        let files = files
            .into_iter()
            .map(|(path, metadata)| (path, metadata, true));
        let links = links.into_iter().map(|path| (path, Metadata::LINK, false));
        let mut matches: Vec<TreeFile> = files.chain(links).collect();
        let (below, _) = directories_below(&directories, &matches);
        let mut listed = None;
        if self.options.compares() {
            listed = Some(self.list_target(to, &below, &exclusion).await?);
        }
        let allowed = self.allowed(base, &matches, listed.as_ref(), &destination);
        if !matches.is_empty() && !allowed.contains(&true) {
            self.leave(base, left_out);
            return Ok(());
        }
        if let (Some(listed), true) = (&mut listed, self.options.mirror) {
            let needed = self.needed(base, &matches, listed);
            let source = mirrored(&below, &matches, &left_out, needed);
            if !self
                .plan_removals(to, &source, listed, &destination)
                .await?
            {
                self.leave(base, left_out);
                return Ok(());
            }
        }
        let mut allowed = allowed.into_iter();
        matches.retain(|_| allowed.next() == Some(true));
        let (below, needed) = directories_below(&directories, &matches);
        let root_is_new = match (&listed, self.options.dry_run) {
            (Some(listed), true) => listed.is_missing,
            _ => self.create_dir_all(to).await?,
        };
        // A directory that was missing exists now; until then, `..` after it led nowhere.
        let was_unclear = destination.real().is_none() && !self.options.dry_run;
        if was_unclear {
            destination = Destination::of(target, to).await?;
        }
        let place = DirectoryPlace {
            target,
            root: to,
            root_is_new,
            listed: listed.as_ref(),
            follows: self.options.follow_directory_links,
            dry_run: self.options.dry_run,
        };
        let created = create(place, &below).await?;
        if !self.options.dry_run {
            for path in below.keys().filter(|path| created.is_new_directory(path)) {
                self.note_directory(&T::join(to, path)).await;
            }
        }
        for (path, metadata) in &created.kept {
            self.plan.directories.push((T::join(to, path), *metadata));
        }
        let targets = TreeTargets {
            to,
            created: &created,
            listed: listed.as_ref(),
            destination: &destination,
            was_unclear,
        };
        self.push_matches(base, &matches, &targets, &mut left_out);
        // An empty one would otherwise be missing without a word.
        for (path, reason) in created.refused() {
            if !needed.contains(path) {
                left_out.push((path.to_owned(), reason.to_owned()));
            }
        }
        self.leave(base, left_out);
        Ok(())
    }

    /// Plans the files and links of a tree, once its directories exist.
    fn push_matches(
        &mut self,
        base: &S::Path,
        matches: &[TreeFile],
        targets: &TreeTargets<'_, T>,
        left_out: &mut Vec<(PathBuf, String)>,
    ) {
        let destination_index = self.plan.destinations.len();
        self.plan.destinations.push(targets.destination.shown());
        for (path, metadata, is_file) in matches {
            if let Some(reason) = targets.created.refusal(path) {
                left_out.push((path.clone(), reason.to_owned()));
                continue;
            }
            let linked = targets.created.linked(path);
            let from = S::join(base, path);
            if targets.was_unclear && !self.is_allowed(&from, &targets.destination.below(path)) {
                continue;
            }
            if let Some((linked, rest)) = linked
                && !self.is_allowed(&from, &linked.below(rest))
            {
                continue;
            }
            let listed = targets.listed.filter(|_| linked.is_none());
            if let Some(reason) = listed.and_then(|listed| listed.obstacle(path)) {
                left_out.push((path.clone(), reason.to_owned()));
                continue;
            }
            let target_state = match listed {
                Some(listed) => state::<T>(listed, path),
                None => TargetState::in_directory(targets.created.is_new(path)),
            };
            let file = FilePlan {
                from,
                to: T::join(targets.to, path),
                metadata: *metadata,
                target_state,
                is_named_by_user: false,
                destination_index,
            };
            if *is_file {
                self.plan.files.push(file);
            } else {
                self.plan.links.push(file);
            }
        }
    }

    /// Lists the target tree: all of it for a mirror, otherwise the directories that the source has.
    async fn list_target(
        &self,
        to: &T::Path,
        below: &BTreeMap<&Path, Option<Metadata>>,
        exclusion: &Exclusion,
    ) -> Result<ListedTree> {
        let target = self.sides.target;
        match target.stat(to).await? {
            None => return Ok(ListedTree::missing()),
            Some(metadata) if metadata.is_directory() => {}
            Some(_) => return Err(in_the_way(&T::shown(to), FILE_IN_THE_WAY)),
        }
        let bounds = WalkBounds {
            depth: None,
            entered: (!self.options.mirror).then_some(below),
            limit: EntryLimit::new(self.plan.most_entries, 0),
            exclusion,
        };
        Ok(walk(target, to, bounds).await?.into())
    }

    /// Tells of each file of a tree whether it may be written. One that stays as it is need not be.
    fn allowed(
        &mut self,
        base: &S::Path,
        matches: &[TreeFile],
        listed: Option<&ListedTree>,
        destination: &Destination<T>,
    ) -> Vec<bool> {
        let listed = listed.filter(|_| self.options.comparison() == Some(Comparison::Time));
        let stays = |path: &Path, metadata: &Metadata| match listed?.entries.get(path)? {
            ListedEntry::File(target) => Some(is_same_by_time(metadata, target)),
            _ => None,
        };
        let judge = |(path, metadata, _): &TreeFile| {
            stays(path, metadata) == Some(true)
                || self.is_allowed(&S::join(base, path), &destination.below(path))
        };
        matches.iter().map(judge).collect()
    }
}

/// The directories of a tree with their metadata, and those that its files need.
fn directories_below<'t>(
    directories: &'t [(PathBuf, Metadata)],
    matches: &'t [TreeFile],
) -> (BTreeMap<&'t Path, Option<Metadata>>, BTreeSet<&'t Path>) {
    let mut below: BTreeMap<&Path, Option<Metadata>> = directories
        .iter()
        .map(|(path, metadata)| (path.as_path(), Some(*metadata)))
        .collect();
    // Matches of a pattern need their parent directories.
    let mut needed: BTreeSet<&Path> = BTreeSet::new();
    for (path, ..) in matches {
        let above = path.ancestors().skip(1);
        let mut above = above.filter(|path| !path.as_os_str().is_empty());
        // Once a directory is known, so are its parents.
        while above.next().is_some_and(|path| needed.insert(path)) {}
    }
    for directory in &needed {
        below.entry(directory).or_insert(None);
    }
    (below, needed)
}

/// The path at which an interrupted replacement may have left a file, below the same root.
pub(super) fn aside<T: Filesystem>(path: &Path) -> Option<PathBuf> {
    let aside = T::aside(&T::join(&T::path("."), path))?;
    let name = T::file_name(&aside)?;
    Some(path.with_file_name(local_of(&name)))
}

/// The state of a listed target.
fn state<T: Filesystem>(listed: &ListedTree, path: &Path) -> TargetState {
    match listed.state(path) {
        // It is moved back first.
        TargetState::Absent
            if aside::<T>(path).is_some_and(|aside| listed.entries.contains_key(&aside)) =>
        {
            TargetState::Unknown
        }
        state => state,
    }
}

/// The source as a mirror compares the target with it.
fn mirrored<'t>(
    below: &BTreeMap<&'t Path, Option<Metadata>>,
    matches: &'t [TreeFile],
    left_out: &'t [(PathBuf, String)],
    needed: HashSet<PathBuf>,
) -> MirroredSource<'t> {
    let directories = below.keys().map(|path| (*path, true));
    let files = matches.iter().map(|(path, ..)| (path.as_path(), false));
    MirroredSource {
        entries: directories.chain(files).collect(),
        unknown: left_out.iter().map(|(path, _)| path.as_path()).collect(),
        needed,
    }
}
