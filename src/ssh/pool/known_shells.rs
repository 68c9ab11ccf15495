//! Login shells as earlier connections found them, in this process or another: where one is known, no probe goes
//! before the first command.

use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::ShellKind;
use crate::charset::Charset;
use crate::error::Error;
use crate::fs::{private, small_file};
use crate::hex::digits;
use crate::ssh::connection::Connection;
use crate::store::DataDirectory;

/// The time for which a shell counts as it was found.
const HOLDS: Duration = Duration::from_secs(7 * 24 * 3600);

/// The login shells of servers, a file each: none is written often, and one that is lost costs a probe.
#[derive(Clone, Debug)]
pub(in crate::ssh) struct KnownShells(DataDirectory);

/// The name of the shell of one user of one server.
#[derive(Clone, Debug)]
pub(in crate::ssh) struct ShellName(String);

/// A POSIX shell. Others are asked each time.
#[derive(Debug, Serialize, Deserialize)]
struct StoredShell {
    restricted: bool,
    /// Absent for UTF-8.
    charset: Option<String>,
}

impl ShellName {
    /// The name of the shell behind a connection to `alias`. It is another one where the host key or the server's
    /// version is.
    pub(in crate::ssh) fn of(alias: &str, connection: &Connection) -> Self {
        let Connection { user, software, .. } = connection;
        let whole = [alias, user, software, connection.host_key()].join("\n");
        Self(digits(&Sha256::digest(whole))[..32].to_owned())
    }
}

impl KnownShells {
    pub(super) fn new(data: &DataDirectory) -> Self {
        Self(data.clone())
    }

    /// The shell, if it was found lately. Blocks.
    pub(in crate::ssh) fn get(&self, name: &ShellName) -> Option<ShellKind> {
        let path = self.path(name);
        let age = path.metadata().ok()?.modified().ok()?.elapsed().ok()?;
        if age > HOLDS {
            return None;
        }
        let shell: StoredShell = serde_json::from_slice(&small_file::read(&path).ok()?).ok()?;
        let charset = shell.charset.as_deref().map(Charset::named);
        Some(ShellKind {
            is_posix: true,
            is_restricted: shell.restricted,
            charset: charset.unwrap_or(Some(Charset::Utf8))?,
        })
    }

    /// Keeps a shell that was found, or forgets the one before. Blocks.
    pub(in crate::ssh) fn put(&self, name: &ShellName, kind: ShellKind) -> Result<(), Error> {
        if !kind.is_posix {
            return self.forget(name);
        }
        self.0.subdirectory(DIRECTORY)?;
        let shell = StoredShell {
            restricted: kind.is_restricted,
            charset: kind.charset.name(),
        };
        let path = self.path(name);
        let write = || {
            let mut options = OpenOptions::new();
            let mut file = private(options.create(true).truncate(true).write(true)).open(&path)?;
            file.write_all(&serde_json::to_vec(&shell)?)
        };
        write().map_err(|error| Error::storage(&path, "write", error))
    }

    /// Forgets a shell. Blocks.
    pub(in crate::ssh) fn forget(&self, name: &ShellName) -> Result<(), Error> {
        let path = self.path(name);
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(Error::storage(&path, "remove", error))
            }
            _ => Ok(()),
        }
    }

    fn path(&self, name: &ShellName) -> PathBuf {
        self.0.path().join(DIRECTORY).join(&name.0)
    }
}

const DIRECTORY: &str = "shells";

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(is_posix: bool, charset: &str) -> ShellKind {
        ShellKind {
            is_posix,
            is_restricted: true,
            charset: Charset::named(charset).unwrap(),
        }
    }

    #[test]
    fn a_posix_shell_is_known_until_it_is_old_or_another() {
        let directory = tempfile::tempdir().unwrap();
        let shells = KnownShells::new(&DataDirectory::open(directory.path()).unwrap());
        let name = ShellName("0123".to_owned());
        assert_eq!(shells.get(&name), None);
        for charset in ["utf-8", "gbk", "cp850"] {
            shells.put(&name, kind(true, charset)).unwrap();
            assert_eq!(shells.get(&name), Some(kind(true, charset)));
        }
        let file = OpenOptions::new()
            .write(true)
            .open(shells.path(&name))
            .unwrap();
        let old = std::time::SystemTime::now() - HOLDS - Duration::from_secs(1);
        file.set_modified(old).unwrap();
        assert_eq!(shells.get(&name), None);
        shells.put(&name, kind(true, "utf-8")).unwrap();
        shells.put(&name, kind(false, "utf-8")).unwrap();
        assert_eq!(shells.get(&name), None);
    }

    #[test]
    fn a_file_that_was_cut_counts_as_none() {
        let directory = tempfile::tempdir().unwrap();
        let shells = KnownShells::new(&DataDirectory::open(directory.path()).unwrap());
        let name = ShellName("0123".to_owned());
        shells.put(&name, kind(true, "gbk")).unwrap();
        let text = std::fs::read(shells.path(&name)).unwrap();
        for length in 0..text.len() {
            std::fs::write(shells.path(&name), &text[..length]).unwrap();
            assert_eq!(shells.get(&name), None);
        }
    }
}
