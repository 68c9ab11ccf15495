//! The configured servers: `servers.json`.

use std::time::Duration;

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

use super::catalogue::{Catalogue, CatalogueEntry};
use crate::error::{Error, KnownAliases};
use crate::host_key::{DEFAULT_PORT, HostKeyPolicy};
use crate::secret::{Secret, masked_host};

/// A kind of servers that are no computers with a shell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ServerKind {
    /// A network device or recorder: it has a terminal with a prompt of its own, and runs no commands beside that.
    Device,
}

/// Address and login of a server.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Server {
    /// Host name or address; empty if `ssh_config_host` gives it.
    pub host: String,
    /// User to log in as; empty if `ssh_config_host` gives it.
    pub user: String,
    /// Path of the private key.
    pub key_path: Option<String>,
    /// Passphrase of the private key.
    pub passphrase: Option<Secret>,
    /// Password.
    pub password: Option<Secret>,
    /// The password that sudo asks for, where it is not the one above.
    pub sudo_password: Option<Secret>,
    /// The secret that one-time codes are made from: base32, or an `otpauth://totp/` address.
    pub totp_secret: Option<Secret>,
    /// Answers to further prompts of a login, by a text of the prompt or an expression.
    pub login_responses: Option<IndexMap<String, Secret>>,
    /// True if the keys of the SSH agent are tried.
    pub agent: Option<bool>,
    /// Port, where it is not [`DEFAULT_PORT`].
    pub port: Option<u16>,
    /// Seconds that each phase of connecting may take.
    pub connect_timeout: Option<u32>,
    /// True if old algorithms are offered as well, which are weak.
    pub legacy_algorithms: Option<bool>,
    /// The SHA-256 fingerprint of the only host key that it may show.
    pub host_key_fingerprint: Option<String>,
    /// Policy for a host key that is not known.
    pub host_key_policy: Option<HostKeyPolicy>,
    /// The alias of the server through which it is reached.
    pub jump: Option<String>,
    /// The host of the user's SSH configuration that the other settings come from.
    pub ssh_config_host: Option<String>,
    /// Its kind, if it is no computer with a shell.
    pub kind: Option<ServerKind>,
    /// True if it gets commands exactly as they are and nothing else.
    pub plain: Option<bool>,
    /// True if nothing may run or change on it.
    pub readonly: Option<bool>,
    /// Its character encoding, if that is not UTF-8.
    pub encoding: Option<String>,
    /// Names of groups that it belongs to, sorted, each once.
    #[serde(default, deserialize_with = "readable")]
    pub tags: Option<Vec<String>>,
    /// Remarks of a person or a model.
    #[serde(default, deserialize_with = "readable")]
    pub notes: Option<String>,
}

/// Reads a field that files of earlier versions may hold in a form of their own, which counts as none.
fn readable<'de, D: Deserializer<'de>, T: DeserializeOwned>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    let value = Value::deserialize(deserializer)?;
    Ok(T::deserialize(value).ok())
}

impl Server {
    /// Returns whether it has a terminal and runs no commands beside that.
    pub fn is_device(&self) -> bool {
        self.kind == Some(ServerKind::Device)
    }

    /// Returns whether nothing but the commands themselves may be sent to it.
    pub fn is_plain(&self) -> bool {
        self.why_plain().is_some()
    }

    /// The reason why nothing but the commands themselves may be sent to it.
    pub fn why_plain(&self) -> Option<&'static str> {
        if self.is_device() {
            Some("it was added with kind: \"device\", which has a terminal alone")
        } else {
            (self.plain == Some(true)).then_some("it was added with plain: true")
        }
    }

    /// Returns whether its entry has something to log in with, besides an agent's keys.
    pub fn has_credentials(&self) -> bool {
        self.key_path.is_some()
            || self.password.is_some()
            || self.totp_secret.is_some()
            || self.login_responses.is_some()
    }

    /// User, host and port as one word.
    pub fn endpoint(&self) -> String {
        match &self.ssh_config_host {
            Some(name) if self.host.is_empty() => format!("{name} of the SSH configuration"),
            _ => format!("{}@{}:{}", self.user, self.host, self.port()),
        }
    }

    /// Returns whether old algorithms are offered as well.
    pub fn allows_old_algorithms(&self) -> bool {
        self.legacy_algorithms == Some(true)
    }

    /// Time for each phase of connecting, if that is configured.
    pub fn connect_timeout(&self) -> Option<Duration> {
        let seconds = self.connect_timeout?;
        Some(bounded(Duration::from_secs(seconds.into())))
    }

    /// Its tags.
    pub fn tags(&self) -> &[String] {
        self.tags.as_deref().unwrap_or_default()
    }

    /// The port to connect to.
    pub fn port(&self) -> u16 {
        self.port.unwrap_or(DEFAULT_PORT)
    }
}

/// A limit for connecting that makes sense, wherever it was written.
pub fn bounded(limit: Duration) -> Duration {
    limit.clamp(Duration::from_millis(100), Duration::from_secs(600))
}

/// A server as it may be shown: everything that was configured, secrets masked.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ServerView {
    host: String,
    port: u16,
    user: String,
    #[serde(flatten)]
    more: Map<String, Value>,
}

impl From<&Server> for ServerView {
    fn from(server: &Server) -> Self {
        let mut shown = server.clone();
        for secret in shown.secrets() {
            *secret = Secret::from(secret.shown().as_str());
        }
        let mut more = match serde_json::to_value(&shown) {
            Ok(Value::Object(fields)) => fields,
            _ => Map::new(),
        };
        more.retain(|name, value| {
            !value.is_null() && !["host", "port", "user"].contains(&name.as_str())
        });
        Self {
            host: masked_host(&shown.host).unwrap_or(shown.host),
            port: server.port(),
            user: shown.user,
            more,
        }
    }
}

/// The configured servers of one data directory.
pub type Servers = Catalogue<Server>;

/// The parameter that answers at login stand in.
pub const RESPONSES: &str = "loginResponses";

impl Server {
    /// Its secrets, each with the parameter of `server_add` that gives it: those of [`CatalogueEntry::secrets`].
    pub fn named_secrets(&self) -> Vec<(&'static str, &Secret)> {
        let single = [
            ("passphrase", &self.passphrase),
            ("password", &self.password),
            ("sudoPassword", &self.sudo_password),
            ("totpSecret", &self.totp_secret),
        ];
        let single = single
            .into_iter()
            .filter_map(|(name, secret)| Some((name, secret.as_ref()?)));
        let responses = self.login_responses.iter().flat_map(IndexMap::values);
        single
            .chain(responses.map(|answer| (RESPONSES, answer)))
            .collect()
    }
}

impl CatalogueEntry for Server {
    const FILE: &'static str = "servers.json";
    const NOUN: &'static str = "server";

    fn unknown(alias: &str, known: KnownAliases) -> Error {
        Error::UnknownAlias {
            alias: alias.to_owned(),
            known,
        }
    }

    fn secrets(&mut self) -> Vec<&mut Secret> {
        let all = [
            &mut self.passphrase,
            &mut self.password,
            &mut self.sudo_password,
            &mut self.totp_secret,
        ];
        let responses = self.login_responses.iter_mut();
        let responses = responses.flat_map(IndexMap::values_mut);
        all.into_iter().flatten().chain(responses).collect()
    }

    fn names(&self) -> Vec<&str> {
        vec![&self.user, &self.host]
    }

    fn holder(alias: &str) -> Option<&str> {
        Some(alias)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Vault;
    use crate::store::DataDirectory;

    fn open(directory: &tempfile::TempDir) -> Servers {
        let vault = Vault::open(directory.path(), None, false);
        Servers::open(&DataDirectory::open(directory.path()).unwrap(), vault)
    }

    fn server() -> Server {
        Server {
            host: "192.0.2.7".into(),
            user: "deploy".into(),
            password: Some(Secret::from("env:WEB1_PASSWORD")),
            ..Server::default()
        }
    }

    #[test]
    fn no_secret_lacks_the_parameter_that_gives_it() {
        let mut server: Server = serde_json::from_value(serde_json::json!({
            "host": "h", "user": "u", "passphrase": "one", "password": "two", "sudoPassword": "six", "totpSecret": "three",
            "loginResponses": {"Code": "four", "Passcode": "five"},
        }))
        .unwrap();
        let all = server.clone();
        let named: Vec<_> = all
            .named_secrets()
            .into_iter()
            .map(|(_, secret)| secret)
            .collect();
        let held: Vec<_> = server
            .secrets()
            .into_iter()
            .map(|secret| &*secret)
            .collect();
        assert_eq!((named.len(), named), (6, held));
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
    fn a_limit_that_was_written_by_hand_is_bounded() {
        for (seconds, limit) in [(0, 0.1), (90, 90.0), (u32::MAX, 600.0)] {
            let server = Server {
                connect_timeout: Some(seconds),
                ..server()
            };
            let expected = Duration::from_secs_f64(limit);
            assert_eq!(server.connect_timeout(), Some(expected));
        }
        assert_eq!(bounded(Duration::MAX), Duration::from_secs(600));
    }

    #[test]
    fn what_is_shown_has_no_secret() {
        let server = Server {
            password: Some(Secret::from("hunter2")),
            ..server()
        };
        let shown = serde_json::to_string(&ServerView::from(&server)).unwrap();
        assert!(!shown.contains("hunter2"));
        assert!(shown.contains("\"password\":\"***\""));
        let server = Server {
            host: "ssh://root:hunter2@192.0.2.7".to_owned(),
            ..server
        };
        let shown = serde_json::to_value(ServerView::from(&server)).unwrap();
        assert_eq!(shown["host"], "***@192.0.2.7");
    }

    #[test]
    fn no_secret_is_written_in_clear() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("servers.json");
        std::fs::write(
            &path,
            r#"{"old": {"host": "h", "user": "u", "password": "hunter3", "port": "bad"},
                "a": {"host": "h", "user": "u", "password": "hunter2", "colour": "red"}}"#,
        )
        .unwrap();
        let servers = open(&directory);
        assert_eq!(servers.seal_clear(true).unwrap(), 1);
        assert_eq!(servers.seal_clear(true).unwrap(), 0);
        let new = Server {
            passphrase: Some(Secret::from("hunter4")),
            ..server()
        };
        servers.put("b", &new).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(
            !text.contains("hunter2") && !text.contains("hunter4"),
            "{text}"
        );
        assert!(text.contains("\"colour\": \"red\"") && text.contains("env:WEB1_PASSWORD"));
        let vault = Vault::open(directory.path(), None, false);
        let password = servers.get("a").unwrap().password.unwrap();
        assert_eq!(vault.unseal(&password).unwrap(), "hunter2");
        let kept = std::fs::read_dir(directory.path()).unwrap().flatten();
        let kept: Vec<_> = kept
            .filter(|entry| entry.file_name().to_string_lossy().contains("clear-"))
            .collect();
        assert_eq!(kept.len(), 1);
        assert!(
            std::fs::read_to_string(kept[0].path())
                .unwrap()
                .contains("hunter2")
        );
    }
}
