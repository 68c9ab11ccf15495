//! Login shells as earlier connections found them, in this process or another: where one is known, no probe goes
//! before the first command.

use std::time::Duration;

use serde::Deserialize;
use serde_json::json;

use super::ShellKind;
use crate::charset::Charset;
use crate::error::Error;
use crate::ssh::connection::Connection;
use crate::store::{DataDirectory, FoundFacts};

/// The time for which a shell counts as it was found.
const HOLDS: Duration = Duration::from_secs(7 * 24 * 3600);

/// The login shells of servers. Cheap to clone.
#[derive(Clone, Debug)]
pub(in crate::ssh) struct KnownShells(FoundFacts);

/// The name of the shell of one user of one server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::ssh) struct ShellName(String);

/// A POSIX shell. Others are asked each time.
#[derive(Debug, Deserialize)]
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
        Self([alias, user, software, connection.host_key()].join("\n"))
    }
}

impl KnownShells {
    pub(super) fn new(data: &DataDirectory) -> Self {
        Self(data.found_facts("shells"))
    }

    /// The shell, if it was found lately. Blocks.
    pub(in crate::ssh) fn get(&self, name: &ShellName) -> Option<ShellKind> {
        let shell: StoredShell = serde_json::from_slice(&self.0.get(&name.0, HOLDS)?).ok()?;
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
        let shell = json!({"restricted": kind.is_restricted, "charset": kind.charset.name()});
        self.0.put(&name.0, shell.to_string().as_bytes())
    }

    /// Forgets a shell. Blocks.
    pub(in crate::ssh) fn forget(&self, name: &ShellName) -> Result<(), Error> {
        self.0.remove(&name.0)
    }
}

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
    fn a_posix_shell_is_known_until_it_is_another() {
        let directory = tempfile::tempdir().unwrap();
        let shells = KnownShells::new(&DataDirectory::open(directory.path()).unwrap());
        let name = ShellName("web1".to_owned());
        for charset in ["utf-8", "gbk", "cp850"] {
            shells.put(&name, kind(true, charset)).unwrap();
            assert_eq!(shells.get(&name), Some(kind(true, charset)));
        }
        shells.put(&name, kind(false, "utf-8")).unwrap();
        assert_eq!(shells.get(&name), None);
    }

    #[test]
    fn one_that_was_cut_short_counts_as_none() {
        let directory = tempfile::tempdir().unwrap();
        let shells = KnownShells::new(&DataDirectory::open(directory.path()).unwrap());
        let name = ShellName("web1".to_owned());
        shells.put(&name, kind(true, "gbk")).unwrap();
        let text = shells.0.get(&name.0, HOLDS).unwrap();
        for length in 0..text.len() {
            shells.0.put(&name.0, &text[..length]).unwrap();
            assert_eq!(shells.get(&name), None);
        }
    }
}
