//! The host keys on record: `known_hosts` in the data directory and, only read, those of other
//! SSH clients, all in OpenSSH's format.

use std::io;
use std::path::{Path, PathBuf};

use russh::keys::ssh_key::certificate::CertType;
use russh::keys::ssh_key::known_hosts::{Entry, Marker};
use russh::keys::{Algorithm, Certificate, HashAlg, PublicKey, PublicKeyOrCertificate};

use super::name::{HostName, matches};
use super::{Problem, bare, fingerprint};
use crate::error::Error;
use crate::fs::small_file;
use crate::store::{DataDirectory, TextDocument};

/// Most bytes that are read of such a file: some hundred thousand hosts.
const LONGEST: usize = 64 * 1024 * 1024;

/// The files of known host keys.
#[derive(Clone, Debug)]
pub struct KnownHosts {
    own: TextDocument,
    others: Vec<PathBuf>,
}

/// The verdict of the record on a key that a server presents.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::ssh) enum KeyVerdict {
    /// It is on record for this host, or signed by an authority that is.
    Known,
    /// Nothing is on record for this host.
    New,
    /// It is not to be trusted.
    Refused {
        problem: Problem,
        /// The SHA-256 fingerprints on record.
        known: Vec<String>,
        /// File and line of the first of them.
        known_at: String,
    },
}

/// A line that concerns a host.
struct RecordedLine {
    /// File and line number.
    location: String,
    marker: Option<Marker>,
    key: PublicKey,
    is_own: bool,
}

impl KnownHosts {
    /// The record of a data directory, and further ones that are only read, the nearest first.
    pub fn open(data: &DataDirectory, others: Vec<PathBuf>) -> Self {
        Self {
            own: data.text_document("known_hosts", LONGEST),
            others,
        }
    }

    /// The same with other files to read.
    #[must_use]
    pub(in crate::ssh) fn with_others(&self, others: Vec<PathBuf>) -> Self {
        Self {
            own: self.own.clone(),
            others,
        }
    }

    /// Judges the key that a host presents.
    ///
    /// A key of another type than the recorded ones is a change, not a new host: otherwise an impostor
    /// need only present a type that is not on record. If the data directory's own file knows the host,
    /// the others count only for revoked keys and authorities.
    pub(in crate::ssh) fn judge(
        &self,
        name: &HostName,
        presented: &PublicKeyOrCertificate,
    ) -> Result<KeyVerdict, Error> {
        let verdict = judge(name, presented, &self.lines(name)?);
        // As in OpenSSH, a key of the plain name counts on every port.
        if verdict == KeyVerdict::New
            && let Some(plain) = name.without_port()
        {
            let elsewhere = judge(&plain, presented, &self.lines(&plain)?);
            let counts = match &elsewhere {
                KeyVerdict::Known => true,
                KeyVerdict::Refused { problem, .. } => *problem == Problem::Revoked,
                KeyVerdict::New => false,
            };
            if counts {
                return Ok(elsewhere);
            }
        }
        Ok(verdict)
    }

    /// The algorithms of the keys on record, to be offered first: a server with several host keys would
    /// else present one that was never recorded.
    pub(in crate::ssh) fn algorithms(&self, name: &HostName) -> Result<Vec<Algorithm>, Error> {
        let lines = self.lines(name)?;
        let (own, others): (Vec<_>, Vec<_>) = lines
            .iter()
            .filter(|line| line.marker.is_none())
            .partition(|line| line.is_own);
        let counted = if own.is_empty() { others } else { own };
        Ok(counted.iter().map(|line| line.key.algorithm()).collect())
    }

    /// Returns whether an authority is on record for a host: only then are certificates offered.
    pub(in crate::ssh) fn has_authority(&self, name: &HostName) -> Result<bool, Error> {
        let mut lines = self.lines(name)?;
        if let Some(plain) = name.without_port() {
            lines.extend(self.lines(&plain)?);
        }
        let is_authority = |line: &RecordedLine| line.marker == Some(Marker::CertAuthority);
        Ok(lines.iter().any(is_authority))
    }

    /// The SHA-256 fingerprints on record, each with its file and line.
    pub(in crate::ssh) fn recorded(&self, name: &HostName) -> Result<Vec<(String, String)>, Error> {
        let lines = self.lines(name)?.into_iter();
        Ok(lines
            .filter(|line| line.marker.is_none())
            .map(|line| (fingerprint(&line.key), line.location))
            .collect())
    }

    /// The keys on record for a host, also those under its plain name.
    pub(in crate::ssh) fn keys(&self, name: &HostName) -> Result<Vec<PublicKey>, Error> {
        let mut lines = self.lines(name)?;
        if let Some(plain) = name.without_port() {
            lines.extend(self.lines(&plain)?);
        }
        let keys = lines.into_iter().filter(|line| line.marker.is_none());
        Ok(keys.map(|line| line.key).collect())
    }

    /// Records a key, durably.
    pub(in crate::ssh) fn learn(&self, name: &HostName, key: &PublicKey) -> Result<(), Error> {
        self.own.add_line(&line_of(name, key)?)
    }

    /// Records a key, and removes the others that the data directory's own file has for that very name.
    pub(in crate::ssh) fn replace(&self, name: &HostName, key: &PublicKey) -> Result<(), Error> {
        let new = line_of(name, key)?;
        let is_other = |line: &&str| {
            parse(line).is_none_or(|entry| {
                entry.marker().is_some() || !name.is_among(entry.host_patterns())
            })
        };
        self.own.update(|text| {
            let kept = text.lines().filter(is_other);
            kept.chain([new.as_str()])
                .flat_map(|line| [line, "\n"])
                .collect()
        })
    }

    /// The lines that concern a host, the data directory's own first.
    fn lines(&self, name: &HostName) -> Result<Vec<RecordedLine>, Error> {
        let mut found = lines_in(&self.own.read()?, &self.own.location(), name, true);
        for path in &self.others {
            // The usual name of a file that is to hold nothing.
            if path == Path::new("/dev/null") {
                continue;
            }
            match small_file::read_up_to(path, LONGEST) {
                Ok(bytes) => {
                    let (text, location) = (String::from_utf8_lossy(&bytes), path.display());
                    found.extend(lines_in(&text, &location.to_string(), name, false));
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => tracing::warn!("{}", Error::storage(path, "read", &error)),
            }
        }
        Ok(found)
    }
}

/// The lines of one text that concern a host.
fn lines_in(text: &str, location: &str, name: &HostName, is_own: bool) -> Vec<RecordedLine> {
    let mut found = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let location = || format!("{location}:{}", index + 1);
        let Some(entry) = parse(line) else {
            // The line may revoke a key, which is accepted as long as the line is not understood.
            if line.trim_start().starts_with('@') {
                tracing::warn!("{} is not understood and does not count", location());
            }
            continue;
        };
        if name.is_among(entry.host_patterns()) {
            found.push(RecordedLine {
                location: location(),
                marker: entry.marker().copied(),
                key: entry.public_key().clone(),
                is_own,
            });
        }
    }
    found
}

fn judge(
    name: &HostName,
    presented: &PublicKeyOrCertificate,
    lines: &[RecordedLine],
) -> KeyVerdict {
    let key = bare(presented);
    let certificate = match presented {
        PublicKeyOrCertificate::Certificate(certificate) => Some(certificate),
        PublicKeyOrCertificate::PublicKey { .. } => None,
    };
    let is_key = |line: &&RecordedLine| line.key.key_data() == key.key_data();
    let marked = |marker| lines.iter().filter(move |line| line.marker == Some(marker));
    let signed_by = |line: &&RecordedLine| {
        certificate.is_some_and(|certificate| certificate.signature_key() == line.key.key_data())
    };
    if let Some(line) = marked(Marker::Revoked).find(|line| is_key(line) || signed_by(line)) {
        return refused(Problem::Revoked, &[line]);
    }
    if let Some(certificate) = certificate
        && marked(Marker::CertAuthority).any(|line| vouches(line, certificate, name))
    {
        return KeyVerdict::Known;
    }
    let keys = || lines.iter().filter(|line| line.marker.is_none());
    let own_only = keys().any(|line| line.is_own);
    let counted: Vec<_> = keys().filter(|line| line.is_own || !own_only).collect();
    if counted.iter().any(is_key) {
        return KeyVerdict::Known;
    }
    let authorities: Vec<_> = marked(Marker::CertAuthority).collect();
    match (counted.as_slice(), authorities.as_slice()) {
        ([], []) => KeyVerdict::New,
        ([], authorities) => refused(Problem::Unvouched, authorities),
        (known, _) => refused(Problem::Changed, known),
    }
}

fn refused(problem: Problem, lines: &[&RecordedLine]) -> KeyVerdict {
    KeyVerdict::Refused {
        problem,
        known: lines.iter().map(|line| fingerprint(&line.key)).collect(),
        known_at: lines[0].location.clone(),
    }
}

/// Checks that a certificate is a host's, in force, for this name, and signed by this authority (OpenSSH's
/// PROTOCOL.certkeys).
fn vouches(authority: &RecordedLine, certificate: &Certificate, name: &HostName) -> bool {
    let principals = certificate.valid_principals();
    let is_named = principals.is_empty()
        || principals
            .iter()
            .any(|principal| matches(principal, &name.host));
    let authority = authority.key.fingerprint(HashAlg::Sha256);
    certificate.cert_type() == CertType::Host
        && is_named
        // It also checks the time and the signature, and that there are no conditions it does not know.
        && certificate.validate([&authority]).is_ok()
}

fn parse(line: &str) -> Option<Entry> {
    let words: Vec<_> = line.split_whitespace().collect();
    // The parser knows of single spaces only.
    words.join(" ").parse().ok()
}

fn line_of(name: &HostName, key: &PublicKey) -> Result<String, Error> {
    let key = PublicKey::new(key.key_data().clone(), "");
    let text = key.to_openssh().map_err(|error| Error::Internal {
        reason: format!("a host key cannot be written: {error}"),
    })?;
    Ok(format!("{} {}", name.on_record(), text.trim_end()))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const FIRST: &str =
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILM+rvN+ot98qgEN796jTiQfZfG1KaT0PtFDJ/XFSqti";
    const SECOND: &str =
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJdD7y3aLq454yWBdwLWbieU1ebz9/cu7/QEXn9OIeZJ";

    fn key(text: &str) -> PublicKey {
        PublicKey::from_openssh(text).unwrap()
    }

    /// A record with this text of its own, and this text elsewhere.
    fn record(own: &str, other: &str) -> (tempfile::TempDir, KnownHosts) {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("known_hosts"), own).unwrap();
        let elsewhere = directory.path().join("elsewhere");
        fs::write(&elsewhere, other).unwrap();
        let data = DataDirectory::open(directory.path()).unwrap();
        let hosts = KnownHosts::open(&data, vec![elsewhere]);
        (directory, hosts)
    }

    fn judge(hosts: &KnownHosts, host: &str, port: u16, presented: &str) -> KeyVerdict {
        hosts
            .judge(&HostName::new(host, port), &key(presented).into())
            .unwrap()
    }

    fn problem(verdict: KeyVerdict) -> (Problem, String) {
        match verdict {
            KeyVerdict::Refused {
                problem, known_at, ..
            } => (problem, known_at.rsplit('/').next().unwrap().to_owned()),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_learnt_key_is_known_and_another_is_a_change() {
        let (_directory, hosts) = record("", "");
        assert_eq!(judge(&hosts, "web1", 2222, FIRST), KeyVerdict::New);
        hosts
            .learn(&HostName::new("web1", 2222), &key(FIRST))
            .unwrap();
        assert_eq!(judge(&hosts, "WEB1", 2222, FIRST), KeyVerdict::Known);
        assert_eq!(judge(&hosts, "web1", 22, FIRST), KeyVerdict::New);
        assert_eq!(
            problem(judge(&hosts, "web1", 2222, SECOND)),
            (Problem::Changed, "known_hosts:1".to_owned())
        );
    }

    #[test]
    fn comments_and_stale_lines_do_not_hide_a_good_one() {
        let text = format!("# mine\nweb1 {SECOND} old\nnonsense\nother,web1\t {FIRST}  a comment");
        let (_directory, hosts) = record(&text, "");
        assert_eq!(judge(&hosts, "web1", 22, FIRST), KeyVerdict::Known);
        hosts
            .learn(&HostName::new("web2", 22), &key(FIRST))
            .unwrap();
        assert_eq!(judge(&hosts, "web2", 22, FIRST), KeyVerdict::Known);
        assert_eq!(
            hosts.algorithms(&HostName::new("web1", 22)).unwrap(),
            [Algorithm::Ed25519, Algorithm::Ed25519]
        );
    }

    #[test]
    fn the_own_file_goes_before_the_others_but_not_before_a_revocation() {
        let elsewhere = format!("web1,web3 {SECOND}\n@revoked *.gone {FIRST}\n");
        let (_directory, hosts) = record(&format!("web1,a.gone {FIRST}\n"), &elsewhere);
        assert_eq!(judge(&hosts, "web1", 22, FIRST), KeyVerdict::Known);
        assert_eq!(
            problem(judge(&hosts, "web1", 22, SECOND)),
            (Problem::Changed, "known_hosts:1".to_owned())
        );
        assert_eq!(judge(&hosts, "web3", 22, SECOND), KeyVerdict::Known);
        assert_eq!(
            problem(judge(&hosts, "a.gone", 22, FIRST)),
            (Problem::Revoked, "elsewhere:2".to_owned())
        );
        assert_eq!(
            problem(judge(&hosts, "a.gone", 2222, FIRST)).0,
            Problem::Revoked
        );
    }

    #[test]
    fn a_key_of_the_plain_name_is_known_on_every_port() {
        let (_directory, hosts) = record(&format!("web1 {FIRST}\n"), "");
        assert_eq!(judge(&hosts, "web1", 2222, FIRST), KeyVerdict::Known);
        assert_eq!(judge(&hosts, "web1", 2222, SECOND), KeyVerdict::New);
    }

    #[test]
    fn a_replaced_key_leaves_every_other_line() {
        let text = format!("# mine\nweb1 {SECOND}\n@revoked * {SECOND}\nweb2 {SECOND}\n");
        let (directory, hosts) = record(&text, "");
        hosts
            .replace(&HostName::new("web1", 22), &key(FIRST))
            .unwrap();
        let written = fs::read_to_string(directory.path().join("known_hosts")).unwrap();
        let expected = format!("# mine\n@revoked * {SECOND}\nweb2 {SECOND}\nweb1 {FIRST}\n");
        assert_eq!(written, expected);
    }

    #[test]
    fn a_plain_key_is_refused_where_an_authority_is_expected() {
        let (_directory, hosts) = record(&format!("@cert-authority web* {SECOND}\n"), "");
        assert_eq!(
            problem(judge(&hosts, "web1", 22, FIRST)).0,
            Problem::Unvouched
        );
        assert!(hosts.has_authority(&HostName::new("web1", 2222)).unwrap());
        assert_eq!(judge(&hosts, "db1", 22, FIRST), KeyVerdict::New);
    }
}
