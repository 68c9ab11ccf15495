//! Paths of a request: checked, and resolved on this machine and its server.

use std::path::{Path, PathBuf};

use crate::error::Error;
use crate::sftp::error::{Result, SftpError};
use crate::sftp::filesystem::Filesystem;
use crate::sftp::filesystem::local::LocalFilesystem;
use crate::sftp::path::RemotePath;
use crate::sftp::plan::exclusion::Exclusion;
use crate::sftp::plan::pattern::PathPattern;
use crate::sftp::request::{Direction, TransferEntry, TransferRequest};
use crate::sftp::session::SftpSession;
use crate::sftp::spelling::{self, other_home};
use crate::ssh::Pool;
use crate::ssh::script::home;

impl TransferRequest {
    /// Local paths that it starts from: of a pattern, the part before the first wildcard.
    pub fn local_bases(&self) -> Vec<PathBuf> {
        if self.direction == Direction::ServerToServer {
            return Vec::new();
        }
        let entries = self.entries.iter();
        entries.map(|entry| self.local_base(entry)).collect()
    }

    /// The local path that an entry starts from.
    pub(crate) fn local_base(&self, entry: &TransferEntry) -> PathBuf {
        let of_patterns = self.patterns && self.direction == Direction::Upload;
        let local = LocalFilesystem::pattern(&entry.local);
        match PathPattern::of(&local) {
            // A file's name may contain wildcards.
            Ok(Some(pattern)) if of_patterns && !Path::new(&local).exists() => {
                PathBuf::from(pattern.base)
            }
            _ => PathBuf::from(local),
        }
    }

    /// Refuses patterns that cannot be read, and paths that nothing here expands as their writer expects.
    pub fn check(&self) -> Result<(), Error> {
        Exclusion::of(&self.options)?;
        let on_peer = match self.direction {
            Direction::ServerToServer => spelling::on_server,
            Direction::Upload | Direction::Download => spelling::on_this_machine,
        };
        for (index, entry) in self.entries.iter().enumerate() {
            for (name, path, checked) in [
                ("local", &entry.local, on_peer(&entry.local)),
                ("remote", &entry.remote, spelling::on_server(&entry.remote)),
            ] {
                let name = if self.patterns {
                    format!("files[{index}].{name}")
                } else {
                    name.to_owned()
                };
                if path.is_empty() {
                    return Err(Error::invalid(&name, "is empty"));
                }
                checked.map_err(|problem| Error::invalid(&name, problem))?;
            }
        }
        Ok(())
    }

    /// Targets of an upload as far as the request alone tells: for each file named itself, where it
    /// goes unless that is a directory. `None` if it may write more.
    pub fn plain_targets(&self) -> Option<Vec<String>> {
        if self.direction != Direction::Upload {
            return None;
        }
        let bases = self.local_bases();
        let targets = self.entries.iter().zip(bases).map(|(entry, base)| {
            let remote = spelling::on_server(&entry.remote).ok()?;
            let is_plain = base.is_file() && other_home(&remote).is_none();
            let name = base.file_name()?.to_string_lossy();
            let name = if remote.ends_with('/') { &name } else { "" };
            let start = if remote.starts_with(['/', '~']) {
                ""
            } else {
                "~/"
            };
            is_plain.then(|| format!("{start}{remote}{name}"))
        });
        targets.collect()
    }
}

/// Resolves the home directory that a path on this machine begins with.
pub(crate) fn resolve_local(path: &str) -> Result<String> {
    let local = spelling::on_this_machine(path).map_err(advise)?;
    Ok(local.into_owned())
}

/// Resolves the home directory or drive that a path on a server begins with.
pub(crate) async fn resolve_remote(
    session: &SftpSession,
    pool: &Pool,
    alias: &str,
    path: &str,
) -> Result<String> {
    let remote = spelling::on_server(path).map_err(advise)?;
    let remote = match other_home(&remote) {
        Some((user, below)) => format!("{}{below}", home_of(session, pool, alias, user).await?),
        None => remote.into_owned(),
    };
    if let Some(letter) = spelling::drive(path)
        && session
            .stat(&RemotePath::new(&format!("/{letter}:/")))
            .await?
            .is_none()
    {
        let reason = format!("begins with the drive `{letter}:`, which this server does not have");
        return Err(advise(reason));
    }
    Ok(remote)
}

#[expect(clippy::needless_pass_by_value, reason = "passed to map_err")]
fn advise(reason: String) -> SftpError {
    SftpError::InvalidPath(format!("the path {reason}"))
}

async fn home_of(session: &SftpSession, pool: &Pool, alias: &str, user: &str) -> Result<String> {
    let said = match session.home_of(user).await {
        Err(error) if error.is_connection_lost() => return Err(error),
        Ok(Some(home)) => String::from_utf8(home.as_bytes().to_vec()).ok(),
        Ok(None) => home::of_user(pool, alias, user).await,
        Err(_) => None,
    };
    if let Some(home) = said
        && let Some(metadata) = session.stat(&RemotePath::new(&home)).await?
        && metadata.is_directory()
    {
        return Ok(home);
    }
    Err(SftpError::NotFound(format!(
        "the path begins with `~{user}`, and the server knows no home directory of such a user: write the path out, or `./~{user}` for a name that really begins so"
    )))
}
