//! A request to change a file, as callers make it and records keep it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::edit::{TextEdit, apply};
use crate::error::{Error, FileFailure};
use crate::sftp::FileSnapshot;
use crate::ssh::AuthorizedKey;

/// The tool that asks for a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChangeTool {
    /// Replaces texts in an existing file.
    FileEdit,
    /// Writes a whole file, which may be new.
    FileWrite,
    /// Lets a key log in.
    ServerAuthorizeKey,
}

impl ChangeTool {
    /// Every tool.
    pub(super) const ALL: [Self; 3] = [Self::FileEdit, Self::FileWrite, Self::ServerAuthorizeKey];

    /// Its name.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::FileEdit => "file_edit",
            Self::FileWrite => "file_write",
            Self::ServerAuthorizeKey => "server_authorize_key",
        }
    }
}

/// A request to change a file, without the texts.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ChangeRequest {
    /// The tool.
    pub tool: ChangeTool,
    /// The path on the server.
    pub path: String,
    /// The SHA-256 that the file must have, or its beginning.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expected_hash: Option<String>,
    /// Permission bits of the file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mode: Option<u32>,
    /// User and group of the file, as `chown` takes them. In a record, `owner` is the process that runs it.
    #[serde(rename = "fileOwner", skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// True if missing directories above it are made.
    #[serde(default)]
    pub create_dirs: bool,
    /// True if it is only shown what would be done.
    #[serde(default)]
    pub dry_run: bool,
    /// A command that has to succeed afterwards.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub check: Option<String>,
    /// The contents that a person has seen before they agreed.
    #[serde(default, skip_serializing_if = "SeenContents::is_empty")]
    pub seen: SeenContents,
}

/// The SHA-256 of a file by the aliases of its servers; `None` where there was no file.
pub type SeenContents = BTreeMap<String, Option<String>>;

/// The file with the keys that may log in, in a user's home.
const AUTHORIZED_KEYS: &str = "~/.ssh/authorized_keys";

/// Takes away the rights with which sshd would not read that file (sshd_config(5), `StrictModes`).
const MEND_RIGHTS: &str = "chmod go-w ~ ~/.ssh";

/// Permission bits of that file.
const OWNER_ONLY: u32 = 0o600;

impl ChangeRequest {
    /// A request to let a key log in.
    pub fn to_authorize(dry_run: bool) -> Self {
        Self {
            tool: ChangeTool::ServerAuthorizeKey,
            path: AUTHORIZED_KEYS.to_owned(),
            expected_hash: None,
            mode: Some(OWNER_ONLY),
            owner: None,
            create_dirs: true,
            dry_run,
            check: Some(MEND_RIGHTS.to_owned()),
            seen: SeenContents::new(),
        }
    }

    /// Refuses a file that does not have the expected hash, or is another than the person has seen who agreed.
    pub(super) fn check_hash(&self, alias: &str, file: &FileSnapshot) -> Result<(), Error> {
        self.check_seen(alias, file)?;
        let Some(expected) = &self.expected_hash else {
            return Ok(());
        };
        let actual = file.sha256();
        if actual
            .as_ref()
            .is_some_and(|actual| actual.starts_with(expected))
        {
            return Ok(());
        }
        Err(Error::HashMismatch {
            path: self.path.clone(),
            expected: Some(expected.clone()),
            actual,
        })
    }

    /// Refuses a file that the person who agreed has not seen as it is.
    fn check_seen(&self, alias: &str, file: &FileSnapshot) -> Result<(), Error> {
        if self.seen.is_empty() {
            return Ok(());
        }
        let path = self.path.clone();
        match self.seen.get(alias) {
            Some(seen) if *seen == file.sha256() => Ok(()),
            Some(seen) => Err(Error::HashMismatch {
                path,
                expected: seen.clone(),
                actual: file.sha256(),
            }),
            None => Err(Error::File {
                path,
                failure: FileFailure::Changed,
                reason: "it could not be shown to the person who agreed".to_owned(),
            }),
        }
    }
}

/// The content that a file is to get.
#[derive(Debug, Serialize, Deserialize)]
pub enum NewContent {
    /// The old one, edited.
    Edits(Vec<TextEdit>),
    /// This one.
    Whole(String),
    /// The old one, with a key that may log in.
    Key(AuthorizedKey),
}

impl From<AuthorizedKey> for NewContent {
    fn from(key: AuthorizedKey) -> Self {
        Self::Key(key)
    }
}

impl NewContent {
    /// The change as lines that go and lines that come, as far as it is known before the file is read.
    pub(in crate::job) fn shown(&self) -> String {
        let with = |mark: &str, text: &str| -> String {
            let lines = text.lines();
            lines.flat_map(|line| [mark, line, "\n"]).collect()
        };
        match self {
            Self::Whole(content) => with("+ ", content),
            Self::Key(key) => with("+ ", key.fingerprint()),
            Self::Edits(edits) => {
                let edits = edits.iter();
                let edits = edits.map(|edit| with("- ", &edit.old) + &with("+ ", &edit.new));
                edits.collect::<Vec<_>>().join("\n")
            }
        }
    }

    /// Makes the new content of a file.
    pub(super) fn of(&self, path: &str, old: &FileSnapshot) -> Result<Vec<u8>, Error> {
        match self {
            Self::Whole(content) => Ok(content.clone().into_bytes()),
            Self::Key(key) => Ok(key.added_to(&old.content)),
            Self::Edits(edits) if old.exists() => apply(path, &old.content, edits),
            Self::Edits(_) => Err(Error::File {
                path: path.to_owned(),
                failure: FileFailure::NotFound,
                reason: "there is no such file; file_write makes one".to_owned(),
            }),
        }
    }
}
