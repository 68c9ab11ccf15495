//! The configured servers: `servers.json`.

use std::sync::{Arc, Mutex};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{DataDirectory, JsonFile, Signature};
use crate::error::Error;
use crate::secret::{MASK, Secret};
use crate::sync::lock;

/// SSH's registered port (RFC 4253, section 4.1).
pub const DEFAULT_PORT: u16 = 22;

/// How to reach a server and log in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Server {
    /// Host name or address.
    pub host: String,
    /// User to log in as.
    pub user: String,
    /// Path of the private key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_path: Option<String>,
    /// Password.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub password: Option<Secret>,
    /// Port, where it is not [`DEFAULT_PORT`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    /// Whether it gets commands exactly as they are and nothing else.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plain: Option<bool>,
}

impl Server {
    /// Whether nothing but the commands themselves may be sent to it.
    pub fn is_plain(&self) -> bool {
        self.plain == Some(true)
    }

    /// Where it is and who logs in, in a word.
    pub fn place(&self) -> String {
        format!("{}@{}:{}", self.user, self.host, self.port())
    }

    /// The port to connect to.
    pub fn port(&self) -> u16 {
        self.port.unwrap_or(DEFAULT_PORT)
    }
}

/// A server as it may be shown: everything that was configured, secrets masked.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Shown {
    host: String,
    port: u16,
    user: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    key_path: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    password: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    plain: Option<bool>,
}

impl From<&Server> for Shown {
    fn from(server: &Server) -> Self {
        Self {
            host: server.host.clone(),
            port: server.port(),
            user: server.user.clone(),
            key_path: server.key_path.clone(),
            password: server.password.as_ref().map(|_| MASK),
            plain: server.plain,
        }
    }
}

/// The file's shape. Entries stay as they are read, so that unknown fields outlive a change.
type Entries = Map<String, Value>;

/// The servers of one data directory, re-read when another process changes them.
#[derive(Debug)]
pub struct Servers {
    file: JsonFile,
    cache: Mutex<Option<(Option<Signature>, Arc<Entries>)>>,
}

impl Servers {
    /// The servers of a data directory.
    pub fn open(data: &DataDirectory) -> Self {
        Self {
            file: data.file("servers.json"),
            cache: Mutex::new(None),
        }
    }

    /// The server configured as `alias`.
    pub fn get(&self, alias: &str) -> Result<Server, Error> {
        let entries = self.entries()?;
        let entry = entries.get(alias).ok_or_else(|| Error::UnknownAlias {
            alias: alias.to_owned(),
        })?;
        Server::deserialize(entry).map_err(|error| self.unreadable(alias, &error))
    }

    /// Every server that can be read, by alias, in the order in which they were added.
    pub fn list(&self) -> Result<Vec<(String, Server)>, Error> {
        let mut servers = Vec::new();
        for (alias, entry) in self.entries()?.iter() {
            match Server::deserialize(entry) {
                Ok(server) => servers.push((alias.clone(), server)),
                Err(error) => tracing::warn!("{}", self.unreadable(alias, &error)),
            }
        }
        Ok(servers)
    }

    /// Adds or updates a server; fields that this version does not know are kept. Says whether it was new.
    pub fn put(&self, alias: &str, server: &Server) -> Result<bool, Error> {
        let Ok(Value::Object(new)) = serde_json::to_value(server) else {
            return Err(Error::Internal {
                reason: "a server is always an object".to_owned(),
            });
        };
        self.file.update(|entries: &mut Entries| {
            let added = !entries.contains_key(alias);
            match entries.get_mut(alias).and_then(Value::as_object_mut) {
                Some(entry) => {
                    for field in ["keyPath", "password", "port", "plain"] {
                        entry.remove(field);
                    }
                    entry.extend(new);
                }
                None => {
                    entries.insert(alias.to_owned(), Value::Object(new));
                }
            }
            added
        })
    }

    /// Removes a server.
    pub fn remove(&self, alias: &str) -> Result<(), Error> {
        let removed = self
            .file
            .update(|entries: &mut Entries| entries.shift_remove(alias))?;
        removed.map(|_| ()).ok_or_else(|| Error::UnknownAlias {
            alias: alias.to_owned(),
        })
    }

    fn entries(&self) -> Result<Arc<Entries>, Error> {
        let signature = self.file.signature();
        let mut cache = lock(&self.cache);
        match &*cache {
            Some((cached, entries)) if *cached == signature => Ok(Arc::clone(entries)),
            _ => {
                // The signature is older than what is read: at worst the file is read once more.
                let entries = Arc::new(self.file.read::<Entries>()?);
                *cache = Some((signature, Arc::clone(&entries)));
                Ok(entries)
            }
        }
    }

    fn unreadable(&self, alias: &str, error: &serde_json::Error) -> Error {
        Error::Storage {
            path: self.file.path().to_owned(),
            action: "read",
            reason: format!("the entry `{alias}` is not a server: {error}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(directory: &tempfile::TempDir) -> Servers {
        Servers::open(&DataDirectory::open(directory.path()).unwrap())
    }

    fn server() -> Server {
        Server {
            host: "192.0.2.7".into(),
            user: "deploy".into(),
            key_path: None,
            password: Some(Secret::from("hunter2")),
            port: None,
            plain: None,
        }
    }

    #[test]
    fn unknown_fields_outlive_an_update() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("servers.json");
        std::fs::write(
            &path,
            r#"{"a": {"host": "h", "user": "u", "keyPath": "/k", "colour": "red"}}"#,
        )
        .unwrap();
        let servers = open(&directory);
        assert_eq!(servers.get("a").unwrap().key_path.as_deref(), Some("/k"));
        assert!(!servers.put("a", &server()).unwrap());
        assert_eq!(servers.get("a").unwrap(), server());
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains("\"colour\": \"red\"") && !text.contains("keyPath"));
    }

    #[test]
    fn another_process_s_change_is_seen() {
        let directory = tempfile::tempdir().unwrap();
        let (here, there) = (open(&directory), open(&directory));
        assert!(here.list().unwrap().is_empty());
        assert!(there.put("a", &server()).unwrap());
        assert_eq!(here.get("a").unwrap(), server());
        there.remove("a").unwrap();
        assert!(matches!(here.get("a"), Err(Error::UnknownAlias { .. })));
    }

    #[test]
    fn one_bad_entry_does_not_hide_the_others() {
        let directory = tempfile::tempdir().unwrap();
        let text = r#"{"bad": {"host": 5}, "good": {"host": "h", "user": "u"}}"#;
        std::fs::write(directory.path().join("servers.json"), text).unwrap();
        let servers = open(&directory);
        assert!(matches!(servers.get("bad"), Err(Error::Storage { .. })));
        assert_eq!(servers.list().unwrap().len(), 1);
    }

    #[test]
    fn what_is_shown_has_no_secret() {
        let shown = serde_json::to_string(&Shown::from(&server())).unwrap();
        assert!(!shown.contains("hunter2"));
        assert!(shown.contains("\"password\":\"***\""));
    }
}
