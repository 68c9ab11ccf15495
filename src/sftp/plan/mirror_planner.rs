//! Plans of mirrors: what they remove of their targets, and the removals without which nothing can be copied.

use std::collections::HashSet;
use std::path::PathBuf;

use crate::sftp::error::Result;
use crate::sftp::filesystem::Filesystem;
use crate::sftp::hidden_name::{is_beside, part_name};
use crate::sftp::path::{bytes_of, local_of};
use crate::sftp::plan::approval::MirrorRules;
use crate::sftp::plan::clearing::cannot_remove;
use crate::sftp::plan::destination::Destination;
use crate::sftp::plan::listed::ListedTree;
use crate::sftp::plan::planner::Planner;
use crate::sftp::plan::removals::{MirroredSource, Removals, needs_token};
use crate::sftp::plan::tree_planner::{TreeFile, aside};

impl<S: Filesystem, T: Filesystem> Planner<'_, S, T> {
    /// Hidden files at the target that the transfer itself needs.
    pub(super) fn needed(
        &self,
        base: &S::Path,
        matches: &[TreeFile],
        listed: &ListedTree,
    ) -> HashSet<PathBuf> {
        let mut needed = HashSet::new();
        if !listed.entries.keys().any(|path| is_beside(path)) {
            return needed;
        }
        for (path, ..) in matches {
            let Some(name) = path.file_name() else {
                continue;
            };
            let name = bytes_of(name);
            let part = part_name(self.token, &name, &S::bytes(&S::join(base, path)));
            needed.insert(path.with_file_name(local_of(&part)));
            needed.extend(aside::<T>(path));
        }
        needed
    }

    /// Plans the removals of a mirror, and makes those that are in the way. Returns false if they are
    /// refused as a whole.
    pub(super) async fn plan_removals(
        &mut self,
        to: &T::Path,
        source: &MirroredSource<'_>,
        listed: &mut ListedTree,
        destination: &Destination<T>,
    ) -> Result<bool> {
        let (target, follows) = (self.sides.target, self.options.follow_directory_links);
        let Some(MirrorRules { removes, approval }) = &self.mirror else {
            return Ok(true);
        };
        if listed.is_missing {
            return Ok(true);
        }
        removes.fetch_home(target).await?;
        let kept = &mut self.plan.kept;
        let entries = source.removals(listed, follows, |path| {
            let judged = removes.judge(&destination.below(path));
            let shown = || T::shown(&T::join(to, path));
            judged
                .map_err(|refusal| kept.push((shown(), refusal)))
                .is_ok()
        });
        let root = destination.shown();
        if !self.options.dry_run
            && let Err(refusal) = approval.check(&root, &entries)
        {
            self.plan.refused.push((root, refusal));
            return Ok(false);
        }
        let is_many = needs_token(&entries);
        self.plan.token = is_many.then(|| approval.token(&root, &entries));
        let mut removals = Removals {
            root: to.clone(),
            real_root: target.real_path(to).await?,
            entries,
        };
        let (first, later): (Vec<_>, Vec<_>) = removals
            .entries
            .iter()
            .cloned()
            .partition(|removal| removal.is_in_the_way);
        for removal in &first {
            listed.entries.remove(&removal.path);
        }
        if !self.options.dry_run {
            removals.entries = first;
            self.clear_the_way(&mut removals).await?;
            removals.entries = later;
        }
        self.plan.removals = Some(removals);
        Ok(true)
    }

    /// Makes the removals without which nothing can be copied to their places.
    async fn clear_the_way(&mut self, removals: &mut Removals<T>) -> Result<()> {
        while let Some(ended) = removals.next(self.sides.target, self.keeper).await? {
            for (removal, outcome) in ended {
                match outcome {
                    Ok(_) => self.plan.removed += 1,
                    Err(error) => {
                        let shown = T::shown(&T::join(&removals.root, &removal.path));
                        self.plan
                            .left_out
                            .push(cannot_remove(&error).failed_file(shown));
                    }
                }
            }
        }
        Ok(())
    }
}
