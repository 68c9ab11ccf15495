//! What is asked of `install` and `uninstall`.

use std::path::PathBuf;

use indexmap::IndexMap;

use super::client::Client;
use super::launch::{Launch, quoted, this_program};
use super::refusal::Refusal;
use crate::config::Overrides;

/// The name of a registration where nothing else is said, and in every example.
pub const NAME: &str = "orchestrator";

/// What is asked for.
#[derive(Debug, Default)]
pub struct Request {
    /// `--client`
    pub client: Option<String>,
    /// `--name`
    pub name: Option<String>,
    /// `--print`: show the registration and do nothing.
    pub prints: bool,
    /// `--dry-run`: show what would change and do nothing.
    pub is_dry: bool,
    /// `--take-over`, `--no-take-over`
    pub takes_over: Option<bool>,
    /// What the entry sets: `--data-dir`, `--sync-timeout`
    pub overrides: Overrides,
}

impl Request {
    pub(super) fn client(&self) -> Result<Option<&'static Client>, Refusal> {
        let client = self
            .client
            .as_deref()
            .map(|name| Client::named(name).ok_or_else(|| Refusal::UnknownClient(name.to_owned())));
        client.transpose()
    }

    /// Whether an entry of this name may be meant.
    pub(super) fn means(&self, name: &str) -> bool {
        self.name.as_ref().is_none_or(|wanted| wanted == name)
    }

    /// The settings among its options, as they are typed.
    pub(super) fn typed_settings(&self) -> String {
        let directory = self.overrides.data_dir.as_ref().map(|directory| {
            let directory = directory.to_string_lossy();
            format!(" {}", quoted(&format!("--data-dir={directory}")))
        });
        let timeout = self.overrides.sync_timeout;
        let timeout = timeout.map(|timeout| format!(" --sync-timeout={}", timeout.as_secs_f64()));
        directory.unwrap_or_default() + &timeout.unwrap_or_default()
    }

    pub(super) fn checked_name(&self) -> Result<Option<&str>, Refusal> {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
        match self.name.as_deref() {
            Some(name) if name.is_empty() || !name.bytes().all(is_plain) => {
                Err(Refusal::BadName(name.to_owned()))
            }
            name => Ok(name),
        }
    }

    /// How a client is to start this program, with these settings and those of the command line.
    pub(super) fn launch(&self, mut settings: IndexMap<String, String>) -> Result<Launch, Refusal> {
        let text = |path: PathBuf| {
            let text = path.clone().into_os_string().into_string();
            text.map_err(|_| Refusal::NotText(path))
        };
        if let Some(directory) = &self.overrides.data_dir {
            // A client starts it in a directory of its own choice.
            let directory = std::path::absolute(directory).unwrap_or(directory.clone());
            settings.insert("MCP_DATA_DIR".to_owned(), text(directory)?);
        }
        if let Some(timeout) = self.overrides.sync_timeout {
            let seconds = timeout.as_secs_f64().to_string();
            settings.insert("MCP_SYNC_TIMEOUT_S".to_owned(), seconds);
        }
        Ok(Launch {
            command: text(this_program())?,
            args: Vec::new(),
            env: settings,
        })
    }
}
