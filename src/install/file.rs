//! A client's configuration file, and the backup beside it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::client::{Client, Places};
use super::document::{ConfigDocument, Edit};
use super::error::InstallError;
use super::launch::is_own;
use super::request::InstallRequest;
use crate::error::Error;
use crate::fs::{replace_file, sibling};

/// What the name of a backup ends with.
const BEFORE: &str = "before-mcp-sftp-orchestrator";

/// A client's configuration as it stands.
#[derive(Debug)]
pub struct Configuration {
    /// Whose it is.
    pub client: &'static Client,
    /// Where it lies.
    pub path: PathBuf,
    /// What it says; nothing where there is no file.
    pub document: ConfigDocument,
    text: Option<String>,
}

impl Configuration {
    /// Reads it.
    pub fn read(client: &'static Client, places: &Places) -> Result<Self, InstallError> {
        let path = client.file(places);
        let text = read(&path)?;
        let broken = |reason| InstallError::Broken {
            path: path.clone(),
            reason,
        };
        let document = ConfigDocument::parse(client.format, text.as_deref().unwrap_or_default());
        let document = document.map_err(broken)?;
        document.servers(client.servers).map_err(broken)?;
        Ok(Self {
            client,
            path,
            document,
            text,
        })
    }

    /// The names of its servers, and what each is.
    pub fn servers(&self) -> impl Iterator<Item = (&String, &Value)> {
        let servers = self.document.servers(self.client.servers);
        servers.ok().flatten().into_iter().flatten()
    }

    /// The entries of this program.
    pub fn own(&self) -> impl Iterator<Item = (&String, &Value)> {
        self.servers().filter(|(_, entry)| is_own(entry))
    }

    /// The one that a request means.
    pub fn meant(
        &self,
        request: &InstallRequest,
    ) -> Result<Option<(&String, &Value)>, InstallError> {
        let meant: Vec<_> = self.own().filter(|(name, _)| request.means(name)).collect();
        match meant.as_slice() {
            [] => Ok(None),
            [one] => Ok(Some(*one)),
            several => Err(InstallError::Ambiguous {
                path: self.path.clone(),
                names: several
                    .iter()
                    .map(|(name, _)| format!("`{name}`"))
                    .collect(),
            }),
        }
    }

    /// Its text as it is written; empty where there is no file.
    pub fn text(&self) -> &str {
        self.text.as_deref().unwrap_or_default()
    }

    /// The text with one entry changed.
    pub fn edited(&self, name: &str, edit: Edit<'_>) -> Result<String, InstallError> {
        let edited = self.document.edited(self.client.servers, name, edit);
        edited.map_err(|reason| InstallError::Broken {
            path: self.path.clone(),
            reason,
        })
    }

    /// Where its backup lies, or would lie.
    pub fn backup(&self) -> PathBuf {
        sibling(&self.path, BEFORE)
    }

    /// Whether what it is now is to be kept. A backup shows the file without this program: one that was
    /// made before its first entry does so for every later one, and a file that it has made needs none.
    pub fn wants_backup(&self) -> bool {
        let own = self.own().count();
        let top = self
            .document
            .value()
            .as_object()
            .map_or(0, serde_json::Map::len);
        let is_its_making = top == 1 && own == self.servers().count();
        own == 0 || !is_its_making && !self.backup().exists()
    }

    /// What the file was before this program was registered in it: its backup, or no file at all.
    pub fn before(&self) -> Before {
        let parse = |text: &str| ConfigDocument::parse(self.client.format, text);
        let backup = read(&self.backup()).ok().flatten();
        let backup = backup.and_then(|text| Some((parse(&text).ok()?, text)));
        match backup {
            Some((document, text)) => Before {
                document,
                text: Some(text),
            },
            None => Before {
                document: parse("").expect("nothing is an empty configuration"),
                text: None,
            },
        }
    }

    /// Replaces the text, if nobody has done so meanwhile; `None` removes the file. What it has been is
    /// kept as the backup if `keeps` says so.
    pub fn replace(&self, text: Option<&str>, keeps: bool) -> Result<(), InstallError> {
        if read(&self.path)? != self.text {
            return Err(InstallError::Changed(self.path.clone()));
        }
        match &self.text {
            Some(present) if keeps => put(&self.backup(), present, &self.path)?,
            // An older one would be taken for what this file was.
            None if keeps => self.drop_backup(),
            _ => {}
        }
        match text {
            Some(text) => put(&self.path, text, &self.path),
            None => {
                fs::remove_file(&self.path).map_err(|error| storage(&self.path, "remove", &error))
            }
        }
    }

    /// Removes the backup, where it is of no more use.
    pub fn drop_backup(&self) {
        let _ = fs::remove_file(self.backup());
    }
}

/// A configuration before this program was registered in it.
#[derive(Debug)]
pub struct Before {
    /// What it said.
    pub document: ConfigDocument,
    /// Its text; `None` where there was no file.
    pub text: Option<String>,
}

fn read(path: &Path) -> Result<Option<String>, InstallError> {
    match fs::read(path) {
        Ok(bytes) => match String::from_utf8(bytes) {
            Ok(text) => Ok(Some(text)),
            Err(_) => Err(InstallError::Broken {
                path: path.to_owned(),
                reason: "it is not UTF-8".to_owned(),
            }),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound && !path.is_symlink() => Ok(None),
        Err(error) => Err(storage(path, "read", &error)),
    }
}

/// Writes a text with the rights of the file at `like`, through a link to where it leads.
fn put(path: &Path, text: &str, like: &Path) -> Result<(), InstallError> {
    let real = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let directory = real.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(directory).map_err(|error| storage(directory, "create", &error))?;
    let like = fs::metadata(like).ok();
    let written = replace_file(&real, text.as_bytes(), like.as_ref());
    written.map_err(|error| storage(path, "write", &error))
}

fn storage(path: &Path, action: &'static str, error: &io::Error) -> InstallError {
    Error::storage(path, action, error).into()
}
