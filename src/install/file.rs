//! A client's configuration file, and the backup beside it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::client::Client;
use super::document::{ConfigDocument, Edit};
use super::error::InstallError;
use super::launch::is_own;
use super::places::Places;
use super::request::InstallRequest;
use crate::error::Error;
use crate::fs::{replace_file, sibling, small_file};

/// The most bytes that a configuration may have. Claude Code keeps its history in it, too.
const LONGEST: usize = 64 * 1024 * 1024;

/// The end of a backup's name.
const BEFORE: &str = "before-mcp-sftp-orchestrator";

/// A client's configuration file.
#[derive(Debug)]
pub struct Configuration {
    /// The client.
    pub client: &'static Client,
    /// The path of the file.
    pub path: PathBuf,
    /// The parsed content; empty if there is no file.
    pub document: ConfigDocument,
    text: Option<String>,
}

impl Configuration {
    /// Reads a client's file.
    pub fn read(client: &'static Client, places: &Places) -> Result<Self, InstallError> {
        let path = client.file(places);
        let text = read(&path)?;
        let document = ConfigDocument::parse(client.format, text.as_deref().unwrap_or_default());
        let document = document.map_err(|reason| broken(&path, reason))?;
        let servers = document.servers(client.servers);
        servers.map_err(|reason| broken(&path, reason))?;
        Ok(Self {
            client,
            path,
            document,
            text,
        })
    }

    /// The entries: name and fields.
    pub fn servers(&self) -> impl Iterator<Item = (&String, &Value)> {
        let servers = self.document.servers(self.client.servers);
        servers.ok().flatten().into_iter().flatten()
    }

    /// The entries of this program.
    pub fn own_entries(&self) -> impl Iterator<Item = (&String, &Value)> {
        self.servers().filter(|(_, entry)| is_own(entry))
    }

    /// The entry of this program that a request means.
    pub fn own_entry(
        &self,
        request: &InstallRequest,
    ) -> Result<Option<(&String, &Value)>, InstallError> {
        let meant: Vec<_> = self
            .own_entries()
            .filter(|(name, _)| request.means(name))
            .collect();
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

    /// The text of the file; empty if there is none.
    pub fn text(&self) -> &str {
        self.text.as_deref().unwrap_or_default()
    }

    /// The text with one entry changed.
    pub fn edited(&self, name: &str, edit: Edit<'_>) -> Result<String, InstallError> {
        let edited = self.document.edited(self.client.servers, name, edit);
        edited.map_err(|reason| broken(&self.path, reason))
    }

    /// The path of the backup.
    pub fn backup(&self) -> PathBuf {
        sibling(&self.path, BEFORE)
    }

    /// Says whether to keep the present text as the backup. The backup is the file without this program, so it
    /// is made before the first entry, and not for a file that this program has made.
    pub fn wants_backup(&self) -> bool {
        let own = self.own_entries().count();
        let top = self
            .document
            .value()
            .as_object()
            .map_or(0, serde_json::Map::len);
        let is_its_making = top == 1 && own == self.servers().count();
        own == 0 || !is_its_making && !self.backup().exists()
    }

    /// The file before this program was registered in it: the backup, or no file.
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

    /// Replaces the text, unless another program has changed the file meanwhile; `None` removes the file.
    /// Keeps the present text as the backup if `keeps` is set.
    pub fn replace(&self, text: Option<&str>, keeps: bool) -> Result<(), InstallError> {
        if read(&self.path)? != self.text {
            return Err(InstallError::Changed(self.path.clone()));
        }
        if fs::metadata(&self.path).is_ok_and(|file| file.permissions().readonly()) {
            return Err(broken(&self.path, "it is read-only"));
        }
        match &self.text {
            // A symbolic link in its place is not followed, but replaced.
            Some(present) if keeps => write(&self.backup(), present, &self.path)?,
            // An older backup would be mistaken for this file's.
            None if keeps => self.drop_backup(),
            _ => {}
        }
        match text {
            Some(text) => write(&resolved(&self.path)?, text, &self.path),
            None => {
                fs::remove_file(&self.path).map_err(|error| storage(&self.path, "remove", &error))
            }
        }
    }

    /// Removes the backup.
    pub fn drop_backup(&self) {
        let _ = fs::remove_file(self.backup());
    }
}

/// A configuration before this program was registered in it.
#[derive(Debug)]
pub struct Before {
    /// The parsed content.
    pub document: ConfigDocument,
    /// The text; `None` if there was no file.
    pub text: Option<String>,
}

/// A file of a client beside its configuration.
#[derive(Debug)]
pub struct TextFile {
    /// The path of the file.
    pub path: PathBuf,
    text: Option<String>,
}

impl TextFile {
    /// Reads a file, which may be missing.
    pub fn read(path: PathBuf) -> Result<Self, InstallError> {
        let text = read(&path)?;
        Ok(Self { path, text })
    }

    /// The text of the file; empty if there is none.
    pub fn text(&self) -> &str {
        self.text.as_deref().unwrap_or_default()
    }

    /// The error about a text that cannot be changed safely.
    pub fn broken(&self, reason: String) -> InstallError {
        broken(&self.path, reason)
    }

    /// The text before the first change, which is kept beside it; `None` if there was no file.
    pub fn before(&self) -> Result<Option<String>, InstallError> {
        read(&sibling(&self.path, BEFORE))
    }

    /// Replaces the text, unless another program has changed the file meanwhile; `None` removes the file. The text
    /// before goes with it, unless it is `shared` with the entry in this file.
    pub fn give_back(&self, text: Option<&str>, shared: bool) -> Result<(), InstallError> {
        self.refuse_if_changed()?;
        match text {
            Some(text) => write(&resolved(&self.path)?, text, &self.path)?,
            None => fs::remove_file(&self.path)
                .map_err(|error| storage(&self.path, "remove", &error))?,
        }
        if !shared {
            let _ = fs::remove_file(sibling(&self.path, BEFORE));
        }
        Ok(())
    }

    fn refuse_if_changed(&self) -> Result<(), InstallError> {
        if read(&self.path)? == self.text {
            return Ok(());
        }
        Err(InstallError::Changed(self.path.clone()))
    }

    /// Replaces the text, unless another program has changed the file meanwhile. The text before the first change is
    /// kept beside it.
    pub fn replace(&self, text: &str) -> Result<(), InstallError> {
        self.refuse_if_changed()?;
        let backup = sibling(&self.path, BEFORE);
        if let Some(present) = self.text.as_ref().filter(|_| !backup.exists()) {
            write(&backup, present, &self.path)?;
        }
        write(&resolved(&self.path)?, text, &self.path)
    }
}

fn read(path: &Path) -> Result<Option<String>, InstallError> {
    match small_file::read_up_to(path, LONGEST) {
        Ok(bytes) => match String::from_utf8(bytes) {
            Ok(text) => Ok(Some(text)),
            Err(_) => Err(broken(path, "it is not UTF-8")),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound && !path.is_symlink() => Ok(None),
        Err(error) if error.kind() == io::ErrorKind::InvalidData => {
            Err(broken(path, error.to_string()))
        }
        Err(error) => Err(storage(path, "read", &error)),
    }
}

/// Follows symbolic links to the file itself, whose directory is made if it is missing.
fn resolved(path: &Path) -> Result<PathBuf, InstallError> {
    let real = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let directory = real.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(directory).map_err(|error| storage(directory, "create", &error))?;
    Ok(real)
}

/// Writes a text with the permissions of the file at `like`.
fn write(path: &Path, text: &str, like: &Path) -> Result<(), InstallError> {
    let like = fs::metadata(like).ok();
    let written = replace_file(path, text.as_bytes(), like.as_ref());
    written.map_err(|error| storage(path, "write", &error))
}

fn broken(path: &Path, reason: impl Into<String>) -> InstallError {
    InstallError::Broken {
        path: path.to_owned(),
        reason: reason.into(),
    }
}

fn storage(path: &Path, action: &'static str, error: &io::Error) -> InstallError {
    Error::storage(path, action, error).into()
}
