//! The options of `install`, `uninstall` and `doctor --as`.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use indexmap::IndexMap;

use super::client::Client;
use super::clients;
use super::error::InstallError;
use super::launch::{DATA_DIR, ENV_FILE, Launch, this_program};
use crate::config::{Config, Overrides, SettingOrigin, default_of};
use crate::shell::quote_to_type;

/// The default name of an entry.
pub const NAME: &str = "orchestrator";

/// The options on the command line.
#[derive(Debug, Default)]
pub struct InstallRequest {
    /// `--client`
    pub client: Option<String>,
    /// `--name`
    pub name: Option<String>,
    /// `--print`: show the entry and change nothing.
    pub prints: bool,
    /// `--dry-run`: show the changes and make none.
    pub is_dry: bool,
    /// `--deny-ssh`: also add the client's own rules against walking around this program.
    pub denies_ssh: bool,
    /// `--take-over`, `--no-take-over`
    pub takes_over: Option<bool>,
    /// The settings for the entry: `--data-dir`, `--sync-timeout`, `--env-file`
    pub overrides: Overrides,
}

impl InstallRequest {
    pub(super) fn client(&self) -> Result<Option<&'static Client>, InstallError> {
        let client = self.client.as_deref().map(|name| {
            clients::named(name).ok_or_else(|| InstallError::UnknownClient(name.to_owned()))
        });
        client.transpose()
    }

    /// Says whether an entry of this name matches `--name`.
    pub(super) fn means(&self, name: &str) -> bool {
        self.name.as_ref().is_none_or(|wanted| wanted == name)
    }

    /// The settings among the options, as a person types them.
    pub(super) fn typed_settings(&self) -> String {
        let directory = self.overrides.data_dir.as_ref().map(|directory| {
            let directory = directory.to_string_lossy();
            format!(" {}", quote_to_type(&format!("--data-dir={directory}")))
        });
        let timeout = self.overrides.sync_timeout;
        let timeout = timeout.map(|timeout| format!(" --sync-timeout={}", timeout.as_secs_f64()));
        let file = self.overrides.env_file.as_ref().map(|file| {
            let file = file.to_string_lossy();
            format!(" {}", quote_to_type(&format!("{ENV_FILE}={file}")))
        });
        directory.unwrap_or_default() + &timeout.unwrap_or_default() + &file.unwrap_or_default()
    }

    /// The settings among the options, as arguments.
    pub(super) fn arguments(&self) -> impl Iterator<Item = OsString> {
        let with = |option: &str, value: &OsStr| {
            let mut argument = OsString::from(option);
            argument.push(value);
            argument
        };
        let Overrides {
            data_dir,
            sync_timeout,
            env_file,
        } = &self.overrides;
        let data_dir = data_dir
            .as_ref()
            .map(|path| with("--data-dir=", path.as_os_str()));
        let timeout = sync_timeout.map(|timeout| timeout.as_secs_f64().to_string());
        let timeout = timeout.map(|seconds| with("--sync-timeout=", seconds.as_ref()));
        let env_file = env_file
            .as_ref()
            .map(|path| with("--env-file=", path.as_os_str()));
        data_dir.into_iter().chain(timeout).chain(env_file)
    }

    pub(super) fn checked_name(&self) -> Result<Option<&str>, InstallError> {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
        match self.name.as_deref() {
            Some(name) if name.is_empty() || !name.bytes().all(is_plain) => {
                Err(InstallError::BadName(name.to_owned()))
            }
            name => Ok(name),
        }
    }

    /// The command line and environment for an entry, with these settings and those of the options.
    pub(super) fn launch(
        &self,
        settings: IndexMap<String, String>,
    ) -> Result<Launch, InstallError> {
        let mut launch = self.own_launch(settings)?;
        if !launch.tells_data_directory() {
            let directory = self.usual_data_directory()?;
            launch.env.insert(DATA_DIR.to_owned(), directory);
        }
        Ok(launch)
    }

    /// The same without a default for the data directory.
    pub(super) fn own_launch(
        &self,
        mut settings: IndexMap<String, String>,
    ) -> Result<Launch, InstallError> {
        let Overrides {
            data_dir,
            sync_timeout,
            env_file,
        } = &self.overrides;
        if let Some(directory) = data_dir {
            settings.insert(DATA_DIR.to_owned(), text(from_here(directory))?);
        }
        if let Some(timeout) = sync_timeout {
            let seconds = timeout.as_secs_f64().to_string();
            settings.insert("MCP_SYNC_TIMEOUT_S".to_owned(), seconds);
        }
        let mut args = Vec::new();
        if let Some(file) = env_file {
            // A file that cannot be read would keep the server from starting.
            Config::load(&self.overrides).map_err(InstallError::Settings)?;
            args.push(format!("{ENV_FILE}={}", text(from_here(file))?));
        }
        Ok(Launch {
            command: text(this_program())?,
            args,
            env: settings,
        })
    }

    /// The data directory for an entry that nothing else sets: the one that this program would use if it were
    /// started here.
    pub(super) fn usual_data_directory(&self) -> Result<String, InstallError> {
        let config = Config::load(&self.overrides).map_err(InstallError::Settings)?;
        match config.origins.get(DATA_DIR) {
            None | Some(SettingOrigin::Default) => Ok(default_of(DATA_DIR).to_owned()),
            Some(_) => text(from_here(&config.data_dir)),
        }
    }
}

/// Makes a path absolute, because a client starts this program in another directory.
fn from_here(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

fn text(path: PathBuf) -> Result<String, InstallError> {
    let text = path.clone().into_os_string().into_string();
    text.map_err(|_| InstallError::NotText(path))
}
