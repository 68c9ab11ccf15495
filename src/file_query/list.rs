//! A question about the entries of a directory.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use serde::{Deserialize, Serialize};

use super::context::QueryContext;
use super::entries::{FoundEntries, FoundEntry, SortKey};
use super::list_report::Listing;
use super::name_pattern::NamePattern;
use super::problem::check_there;
use super::report::{FileReport, call};
use crate::error::Error;
use crate::sftp::{FileType, RemoteFiles, RemotePath, spelling};

/// Entries that an answer shows, unless asked for otherwise.
const LIMIT: u64 = 200;
/// The most that it shows.
const LARGEST_LIMIT: u64 = 2000;
/// The most levels of a tree.
const DEEPEST: u64 = 64;
/// The most entries that are looked at.
const MOST_ENTRIES: usize = 200_000;
/// The time after which no further directory is looked at.
const LONGEST: Duration = Duration::from_secs(30);
/// The most entries that are looked at to add up lengths.
const MOST_MEASURED: usize = 20_000;
/// Directories that are read at once.
const READ_AT_ONCE: usize = 16;
/// Entries beyond the limit that are kept before they are sorted.
const SLACK: usize = 4096;

/// Asks for the entries of a directory, or of a tree.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ListQuery {
    /// The path on the server.
    pub path: String,
    /// Levels of the tree; 1 is the directory alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub depth: Option<u64>,
    /// A pattern of names; with a `/` in it, of paths below the directory.
    #[serde(rename = "match", skip_serializing_if = "Option::is_none")]
    pub pattern: Option<String>,
    /// The order.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sort: Option<SortKey>,
    /// Most entries to show.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<u64>,
    /// True to measure the trees in it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub sizes: bool,
}

impl ListQuery {
    /// Refuses arguments that are wrong.
    pub fn check(&self) -> Result<(), Error> {
        spelling::shell_word(&self.path).map_err(|problem| Error::invalid("path", problem))?;
        self.name_pattern().map(drop)
    }

    fn name_pattern(&self) -> Result<Option<NamePattern>, Error> {
        self.pattern.as_deref().map(NamePattern::of).transpose()
    }

    pub(super) fn most(&self) -> usize {
        let limit = self.limit.unwrap_or(LIMIT).clamp(1, LARGEST_LIMIT);
        usize::try_from(limit).expect("it is small")
    }

    /// Asks it over SFTP, which gives every name as it is.
    pub(super) async fn ask_over_sftp(
        &self,
        files: &RemoteFiles<'_>,
        context: QueryContext<'_>,
    ) -> Result<FileReport, Error> {
        let path = self.path.as_str();
        let (own, target) = (files.lstat(path).await?, files.stat(path).await?);
        let there = check_there(path, own, target.or(own))?;
        let mut directory = files.remote_path(path).await?;
        let mut found = if there.is_directory() {
            self.walk(files, &directory).await?
        } else {
            let below = directory.file_name().unwrap_or_default().to_vec();
            directory = directory.with_file_name(b"");
            FoundEntries::of_one(FoundEntry::new(below, own.unwrap_or(there)))
        };
        if self.sizes {
            measure(files, &directory, &mut found).await;
            self.cut(&mut found);
        }
        let owners = found.shown.iter().filter_map(|entry| entry.metadata.owner);
        let listing = Listing {
            path: files.real_path(path).await?,
            owners: files.owner_names(owners).await?,
            targets: targets(files, &directory, &found).await,
            is_measured: self.sizes,
            found,
        };
        let more = self
            .limit
            .is_none_or(|limit| limit < LARGEST_LIMIT)
            .then(|| {
                let mut more = self.clone();
                more.limit = Some(LARGEST_LIMIT.min(listing.found.total as u64));
                call("file_list", context.alias, &more)
            });
        Ok(listing.report(self.limit.is_some(), more.as_deref()))
    }

    /// Looks at a tree, and keeps those of its entries that are shown.
    async fn walk(
        &self,
        files: &RemoteFiles<'_>,
        root: &RemotePath,
    ) -> Result<FoundEntries, Error> {
        let (begun, deepest) = (Instant::now(), self.depth.unwrap_or(1).clamp(1, DEEPEST));
        let pattern = self.name_pattern()?;
        let mut found = FoundEntries::default();
        let (mut looked_at, mut left) = (0, VecDeque::from([(Vec::new(), 1)]));
        while !left.is_empty() {
            if looked_at > MOST_ENTRIES || begun.elapsed() > LONGEST {
                found.is_partial = true;
                break;
            }
            let next = left.drain(..left.len().min(READ_AT_ONCE));
            let read = next.map(|(below, depth)| async move {
                let directory = root.below(&below);
                let entries = files.read_directory(&directory, MOST_ENTRIES).await;
                (below, depth, entries)
            });
            for (below, depth, entries) in join_all(read).await {
                let entries = match entries {
                    Ok(entries) => entries,
                    Err(error) if below.is_empty() => return Err(error),
                    Err(_) => {
                        found.unreadable += 1;
                        continue;
                    }
                };
                looked_at += entries.len();
                for (name, metadata) in entries {
                    let below = if below.is_empty() {
                        name
                    } else {
                        [&below[..], b"/", &name].concat()
                    };
                    if metadata.is_directory() && depth < deepest {
                        left.push_back((below.clone(), depth + 1));
                    }
                    if pattern
                        .as_ref()
                        .is_none_or(|pattern| pattern.is_match(&below))
                    {
                        self.keep(&mut found, FoundEntry::new(below, metadata));
                    }
                }
            }
        }
        self.cut(&mut found);
        Ok(found)
    }

    /// Keeps an entry, and no more of the others than may be shown.
    fn keep(&self, found: &mut FoundEntries, entry: FoundEntry) {
        found.total += 1;
        found.shown.push(entry);
        if found.shown.len() > self.most() + SLACK {
            self.cut(found);
        }
    }

    fn cut(&self, found: &mut FoundEntries) {
        let sort = self.sort.unwrap_or_default();
        found.shown.sort_by(|one, other| sort.order(one, other));
        found.shown.truncate(self.most());
    }
}

/// The targets of the links among entries.
async fn targets(
    files: &RemoteFiles<'_>,
    directory: &RemotePath,
    found: &FoundEntries,
) -> Vec<Option<Vec<u8>>> {
    let targets = found.shown.iter().map(|entry| async move {
        if entry.metadata.file_type == FileType::Link {
            files.link_target(&directory.join(&entry.below)).await.ok()
        } else {
            None
        }
    });
    join_all(targets).await
}

/// Measures the trees among entries: the room that they take on disk, or without a shell the length of their files.
async fn measure(files: &RemoteFiles<'_>, directory: &RemotePath, found: &mut FoundEntries) {
    let entries = found.shown.iter_mut();
    let mut trees: Vec<_> = entries
        .filter(|entry| entry.metadata.is_directory())
        .collect();
    let paths: Vec<_> = trees
        .iter()
        .map(|tree| directory.join(&tree.below))
        .collect();
    if let Some(sizes) = files.disk_usage(&paths).await {
        for (tree, size) in trees.iter_mut().zip(sizes) {
            tree.tree_size = size;
        }
        return;
    }
    let mut left = MOST_MEASURED;
    for (tree, path) in trees.iter_mut().zip(&paths) {
        tree.tree_size = total_length(files, path, &mut left).await;
    }
}

/// The length of all files of a tree; `None` if more entries are in it than are left to look at.
async fn total_length(files: &RemoteFiles<'_>, tree: &RemotePath, left: &mut usize) -> Option<u64> {
    let (mut total, mut directories) = (0, vec![tree.clone()]);
    while let Some(directory) = directories.pop() {
        let entries = files.read_directory(&directory, MOST_ENTRIES).await.ok()?;
        *left = left.checked_sub(entries.len())?;
        for (name, metadata) in entries {
            if metadata.is_directory() {
                directories.push(directory.join(&name));
            } else if metadata.file_type == FileType::File {
                total += metadata.length;
            }
        }
    }
    Some(total)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sftp::Metadata;

    fn entry(name: &str, length: u64, modified: u32) -> FoundEntry {
        FoundEntry::new(
            name.into(),
            Metadata {
                file_type: FileType::File,
                length,
                mode: None,
                owner: None,
                modified: Some(modified),
            },
        )
    }

    #[test]
    fn however_many_there_are_only_those_that_are_shown_are_kept() {
        for (sort, first) in [
            (SortKey::Name, "000000"),
            (SortKey::Size, "019999"),
            (SortKey::Time, "000007"),
        ] {
            let query = ListQuery {
                sort: Some(sort),
                limit: Some(3),
                ..ListQuery::default()
            };
            let mut found = FoundEntries::default();
            for number in (0..20_000u32).rev() {
                let modified = if number == 7 { 2 } else { 1 };
                let entry = entry(&format!("{number:06}"), u64::from(number), modified);
                query.keep(&mut found, entry);
                assert!(found.shown.len() <= 3 + SLACK);
            }
            query.cut(&mut found);
            assert_eq!((found.total, found.shown.len()), (20_000, 3));
            assert_eq!(found.shown[0].below, first.as_bytes(), "{sort:?}");
        }
    }
}
