//! Unchanged files: those whose copies are the same already, and are left out of a plan.

use futures_util::stream::{self, StreamExt};

use crate::sftp::error::{Result, SftpError};
use crate::sftp::filesystem::metadata::{FileType, Metadata};
use crate::sftp::filesystem::{Filesystem, ServerShell};
use crate::sftp::plan::{FilePlan, TargetState, TransferPlan};
use crate::sftp::request::Comparison;

/// Symbolic links read at once.
const LINKS_AT_ONCE: usize = 64;

const WITHOUT_CHECKSUMS: &str =
    "the server computes no checksums, so that files were compared by size and time";
const WITHOUT_TIMES: &str = "no modification times are told, so that files count as changed";

/// Both sides of a comparison.
pub(crate) struct Sides<'a, S, T> {
    pub(crate) source: &'a S,
    pub(crate) target: &'a T,
    /// The shells that compute checksums, where a side is a server.
    pub(crate) source_shell: Option<ServerShell<'a>>,
    pub(crate) target_shell: Option<ServerShell<'a>>,
}

impl<S: Filesystem, T: Filesystem> TransferPlan<S, T> {
    /// Leaves out the files and links whose copies are the same. Returns notes for the user.
    pub(crate) async fn drop_unchanged(
        &mut self,
        sides: &Sides<'_, S, T>,
        comparison: Comparison,
    ) -> Result<Vec<String>> {
        let mut notes = Vec::new();
        let by_time: Vec<_> = self.files.iter().map(same_by_time).collect();
        let same = match comparison {
            Comparison::Time => by_time,
            Comparison::Checksum => {
                let by_checksum = self.same_by_checksum(sides).await?;
                if by_checksum.is_none() {
                    notes.push(WITHOUT_CHECKSUMS.to_owned());
                }
                by_checksum.unwrap_or(by_time)
            }
        };
        let is_untold = |file: &FilePlan<S, T>| match same_length(file) {
            Some(target) => target.modified.is_none() || file.metadata.modified.is_none(),
            None => false,
        };
        if comparison == Comparison::Time && self.files.iter().any(is_untold) {
            notes.push(WITHOUT_TIMES.to_owned());
        }
        let linked = self.same_links(sides).await?;
        self.unchanged += retain_others(&mut self.files, &same);
        self.unchanged += retain_others(&mut self.links, &linked);
        Ok(notes)
    }

    /// Tells of each file whether its copy has the same checksum; `None` where a server computes none.
    async fn same_by_checksum(&self, sides: &Sides<'_, S, T>) -> Result<Option<Vec<bool>>> {
        let candidates = self.files.iter().enumerate();
        let candidates = candidates.filter(|(_, file)| same_length(file).is_some());
        let numbers: Vec<_> = candidates.map(|(number, _)| number).collect();
        let files = || numbers.iter().map(|number| &self.files[*number]);
        let sources: Vec<_> = files()
            .map(|file| (file.from.clone(), file.metadata.length))
            .collect();
        let targets: Vec<_> = files()
            .map(|file| (file.to.clone(), file.metadata.length))
            .collect();
        let (source, target) = tokio::join!(
            sides.source.sha256_of_all(&sources, sides.source_shell),
            sides.target.sha256_of_all(&targets, sides.target_shell),
        );
        let (Some(source), Some(target)) = (source?, target?) else {
            return Ok(None);
        };
        let mut same = vec![false; self.files.len()];
        for ((number, source), target) in numbers.into_iter().zip(source).zip(target) {
            same[number] = source.is_some() && source == target;
        }
        Ok(Some(same))
    }

    /// Tells of each link whether its copy says the same.
    async fn same_links(&self, sides: &Sides<'_, S, T>) -> Result<Vec<bool>> {
        let read = |link: &FilePlan<S, T>| {
            let candidate = matches!(link.target_state, TargetState::Link)
                .then(|| (link.from.clone(), link.to.clone()));
            async move {
                let Some((from, to)) = candidate else {
                    return Ok(false);
                };
                match tokio::join!(sides.source.read_link(&from), sides.target.read_link(&to)) {
                    (Err(error), _) | (_, Err(error)) if error.is_connection_lost() => Err(error),
                    (Ok(from), Ok(to)) => Ok(from == to),
                    _ => Ok(false),
                }
            }
        };
        let reads: Vec<_> = self.links.iter().map(read).collect();
        let read: Vec<Result<bool>> = stream::iter(reads).buffered(LINKS_AT_ONCE).collect().await;
        read.into_iter().collect()
    }

    /// Leaves out files whose targets are known to be something else, with the reason.
    pub(crate) fn drop_impossible(&mut self) {
        let left_out = &mut self.left_out;
        self.files.retain(|file| {
            let TargetState::File(metadata) = file.target_state else {
                return true;
            };
            let shown = T::shown(&file.to);
            let checked = match metadata.file_type {
                FileType::Directory => Err(SftpError::failure(format!("`{shown}` is a directory"))),
                _ => metadata.check_kind(&shown),
            };
            let failed = checked.map_err(|error| error.failed_file(S::shown(&file.from)));
            failed.map_err(|failed| left_out.push(failed)).is_ok()
        });
    }
}

/// Metadata of the target, if it is a file as long as the source.
fn same_length<S: Filesystem, T: Filesystem>(file: &FilePlan<S, T>) -> Option<Metadata> {
    match file.target_state {
        TargetState::File(target) if target.length == file.metadata.length => {
            (target.file_type == FileType::File).then_some(target)
        }
        _ => None,
    }
}

fn same_by_time<S: Filesystem, T: Filesystem>(file: &FilePlan<S, T>) -> bool {
    same_length(file).is_some_and(|target| is_same_by_time(&file.metadata, &target))
}

/// Returns whether a file and its copy have the same length and modification time.
pub(crate) fn is_same_by_time(source: &Metadata, target: &Metadata) -> bool {
    let is_same = source.length == target.length && source.modified == target.modified;
    is_same && source.modified.is_some()
}

/// Keeps those that are not the same. Returns the number of the others.
fn retain_others<F>(files: &mut Vec<F>, same: &[bool]) -> usize {
    let before = files.len();
    let mut same = same.iter();
    files.retain(|_| !same.next().copied().unwrap_or(false));
    before - files.len()
}
