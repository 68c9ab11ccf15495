//! The configured servers: `servers.json`.

use serde::{Deserialize, Serialize};

use super::catalogue::{Catalogue, Entry};
use crate::error::Error;
use crate::secret::{MASK, Secret};

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
    pub key_path: Option<String>,
    /// Password.
    pub password: Option<Secret>,
    /// Port, where it is not [`DEFAULT_PORT`].
    pub port: Option<u16>,
    /// Whether it gets commands exactly as they are and nothing else.
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

/// The configured servers of one data directory.
pub type Servers = Catalogue<Server>;

impl Entry for Server {
    const FILE: &'static str = "servers.json";
    const NOUN: &'static str = "server";

    fn unknown(alias: &str) -> Error {
        Error::UnknownAlias {
            alias: alias.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::DataDirectory;

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
