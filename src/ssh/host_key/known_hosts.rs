//! The host keys on record: `known_hosts` in the data directory, in OpenSSH's format.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use russh::keys::ssh_key::known_hosts::{Entry, HostPatterns};
use russh::keys::{Algorithm, HashAlg, PublicKey};

use crate::error::Error;
use crate::store::private;
use crate::store::servers::DEFAULT_PORT;

/// The file of known host keys.
#[derive(Clone, Debug)]
pub struct KnownHosts {
    path: PathBuf,
}

/// What the record says of a key that a server shows.
#[derive(Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is on record for this host.
    Known,
    /// Nothing is on record for this host.
    New,
    /// Other keys are on record for this host, and this is none of them.
    Changed {
        /// Their SHA-256 fingerprints.
        known: Vec<String>,
        /// File and line of the first of them.
        known_at: String,
    },
}

impl KnownHosts {
    /// The record of a data directory.
    pub fn open(data_dir: &Path) -> Self {
        Self {
            path: data_dir.join("known_hosts"),
        }
    }

    /// Judges `key`, shown by `host` on `port`.
    ///
    /// A key of another type than the recorded ones is a change, not a new host: otherwise an
    /// impostor need only offer a type that is not on record.
    pub fn judge(&self, host: &str, port: u16, key: &PublicKey) -> Result<Verdict, Error> {
        let recorded = self.recorded(host, port)?;
        let Some((first_line, _)) = recorded.first() else {
            return Ok(Verdict::New);
        };
        if recorded
            .iter()
            .any(|(_, known)| known.key_data() == key.key_data())
        {
            return Ok(Verdict::Known);
        }
        Ok(Verdict::Changed {
            known: recorded
                .iter()
                .map(|(_, known)| fingerprint(known))
                .collect(),
            known_at: format!("{}:{first_line}", self.path.display()),
        })
    }

    /// The algorithms of the keys on record, to be asked for first: a server with several host
    /// keys would else show one that was never recorded.
    pub fn algorithms(&self, host: &str, port: u16) -> Result<Vec<Algorithm>, Error> {
        Ok(self
            .recorded(host, port)?
            .into_iter()
            .map(|(_, key)| key.algorithm())
            .collect())
    }

    /// Records a key, durably.
    pub fn learn(&self, host: &str, port: u16, key: &PublicKey) -> Result<(), Error> {
        let append = || -> io::Result<()> {
            let bare = PublicKey::new(key.key_data().clone(), "");
            let line = bare.to_openssh().map_err(io::Error::other)?;
            let begun = fs::read(&self.path)
                .is_ok_and(|bytes| bytes.last().is_some_and(|byte| *byte != b'\n'));
            let separator = if begun { "\n" } else { "" };
            let mut file =
                private(OpenOptions::new().create(true).append(true)).open(&self.path)?;
            // One write: lines of several processes do not mix.
            file.write_all(
                format!("{separator}{} {}\n", name_of(host, port), line.trim_end()).as_bytes(),
            )?;
            file.sync_all()
        };
        append().map_err(|error| self.failed("write", &error))
    }

    fn recorded(&self, host: &str, port: u16) -> Result<Vec<(usize, PublicKey)>, Error> {
        let text = match fs::read_to_string(&self.path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(self.failed("read", &error)),
        };
        let name = name_of(host, port);
        let mut recorded = Vec::new();
        for (index, line) in text.lines().enumerate() {
            let Ok(entry) = line.trim().parse::<Entry>() else {
                continue;
            };
            let HostPatterns::Patterns(patterns) = entry.host_patterns() else {
                continue;
            };
            if entry.marker().is_none() && patterns.contains(&name) {
                recorded.push((index + 1, entry.public_key().clone()));
            }
        }
        Ok(recorded)
    }

    fn failed(&self, action: &'static str, error: &io::Error) -> Error {
        Error::Storage {
            path: self.path.clone(),
            action,
            reason: error.to_string(),
        }
    }
}

/// The fingerprint as `ssh-keygen -l` prints it: `SHA256:…`.
pub fn fingerprint(key: &PublicKey) -> String {
    key.fingerprint(HashAlg::Sha256).to_string()
}

/// The name that stands for a host: `host`, or `[host]:port` off the default port.
fn name_of(host: &str, port: u16) -> String {
    let host = host.to_ascii_lowercase();
    if port == DEFAULT_PORT {
        host
    } else {
        format!("[{host}]:{port}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: &str =
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILM+rvN+ot98qgEN796jTiQfZfG1KaT0PtFDJ/XFSqti";
    const SECOND: &str =
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJdD7y3aLq454yWBdwLWbieU1ebz9/cu7/QEXn9OIeZJ";

    fn key(text: &str) -> PublicKey {
        PublicKey::from_openssh(text).unwrap()
    }

    #[test]
    fn a_learnt_key_is_known_and_another_is_a_change() {
        let directory = tempfile::tempdir().unwrap();
        let hosts = KnownHosts::open(directory.path());
        assert_eq!(
            hosts.judge("web1", 2222, &key(FIRST)).unwrap(),
            Verdict::New
        );
        hosts.learn("web1", 2222, &key(FIRST)).unwrap();
        assert_eq!(
            hosts.judge("WEB1", 2222, &key(FIRST)).unwrap(),
            Verdict::Known
        );
        assert_eq!(hosts.judge("web1", 22, &key(FIRST)).unwrap(), Verdict::New);
        let Verdict::Changed { known, known_at } = hosts.judge("web1", 2222, &key(SECOND)).unwrap()
        else {
            panic!("a second key is a change");
        };
        assert_eq!(known, [fingerprint(&key(FIRST))]);
        assert!(known_at.ends_with("known_hosts:1"));
    }

    #[test]
    fn comments_and_stale_lines_do_not_hide_a_good_one() {
        let directory = tempfile::tempdir().unwrap();
        let text = format!("# mine\nweb1 {SECOND} old\nnonsense\nother,web1 {FIRST} a comment");
        fs::write(directory.path().join("known_hosts"), text).unwrap();
        let hosts = KnownHosts::open(directory.path());
        assert_eq!(
            hosts.judge("web1", 22, &key(FIRST)).unwrap(),
            Verdict::Known
        );
        hosts.learn("web2", 22, &key(FIRST)).unwrap();
        assert_eq!(
            hosts.judge("web2", 22, &key(FIRST)).unwrap(),
            Verdict::Known
        );
        assert_eq!(
            hosts.algorithms("web1", 22).unwrap(),
            [Algorithm::Ed25519, Algorithm::Ed25519]
        );
    }
}
