//! What a directory tree holds, on either side: directories and regular files, links named but not followed.

use std::io;
use std::path::{Path, PathBuf};

use super::path::RemotePath;
use super::session::Session;
use crate::error::FailedFile;

/// A tree's contents, as paths below its root.
#[derive(Debug, Default)]
pub(super) struct Tree {
    /// Directories, each after the one that holds it; the root itself is not among them.
    pub(super) directories: Vec<PathBuf>,
    pub(super) files: Vec<PathBuf>,
    /// Entries that are neither, with the reason for leaving them out.
    pub(super) left_out: Vec<FailedFile>,
}

impl Tree {
    fn leave_out(&mut self, path: &impl ToString, reason: &str) {
        self.left_out.push(FailedFile {
            file: path.to_string(),
            error: reason.to_owned(),
        });
    }
}

const LINK: &str = "is a symbolic link, which is not followed";
const SPECIAL: &str = "is neither a file nor a directory";

fn may_enter(directory: &Path, depth: Option<usize>) -> bool {
    depth.is_none_or(|depth| directory.components().count() <= depth)
}

/// Walks a local tree, at most `depth` directories deep; what lies deeper is left out in silence.
pub(super) async fn local(root: &Path, depth: Option<usize>) -> io::Result<Tree> {
    let root = root.to_owned();
    tokio::task::spawn_blocking(move || {
        let mut tree = Tree::default();
        let mut pending = vec![PathBuf::new()];
        while let Some(directory) = pending.pop() {
            for entry in std::fs::read_dir(root.join(&directory))? {
                let entry = entry?;
                let path = directory.join(entry.file_name());
                let kind = entry.file_type()?;
                if kind.is_dir() {
                    tree.directories.push(path.clone());
                    if may_enter(&path, depth) {
                        pending.push(path);
                    }
                } else if kind.is_file() {
                    tree.files.push(path);
                } else {
                    let reason = if kind.is_symlink() { LINK } else { SPECIAL };
                    tree.leave_out(&entry.path().display(), reason);
                }
            }
        }
        Ok(tree)
    })
    .await
    .map_err(io::Error::other)?
}

/// Walks a tree on the server, as [`local`] does.
pub(super) async fn remote(
    session: &Session,
    root: &RemotePath,
    depth: Option<usize>,
) -> io::Result<Tree> {
    let mut tree = Tree::default();
    let mut pending = vec![PathBuf::new()];
    while let Some(directory) = pending.pop() {
        let here = root.join_local(&directory);
        for (name, facts) in session.entries(&here).await? {
            let shown = here.join(&name);
            // A server may name an entry so that it would land elsewhere.
            if Path::new(&name).file_name() != Some(name.as_ref()) {
                tree.leave_out(&shown, "has a name that leads out of its directory");
                continue;
            }
            let path = directory.join(&name);
            if facts.kind.is_dir() {
                tree.directories.push(path.clone());
                if may_enter(&path, depth) {
                    pending.push(path);
                }
            } else if facts.kind.is_file() {
                tree.files.push(path);
            } else {
                let reason = if facts.kind.is_symlink() {
                    LINK
                } else {
                    SPECIAL
                };
                tree.leave_out(&shown, reason);
            }
        }
    }
    Ok(tree)
}
