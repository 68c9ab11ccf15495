//! Settings: raw strings from several sources, parsed into one validated [`Config`].

mod kind;
mod origin;
mod raw;
mod settings;
mod sources;
mod structured;
mod toolset;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tracing::Level;

use crate::fs::expand_home;
use crate::login_session::LoginSession;
pub use origin::SettingOrigin;
use raw::Raw;
pub use settings::{Config, SETTINGS, Setting};
pub(crate) use settings::{data_dir_of, default_of};
use sources::Sources;
pub(crate) use sources::read_env_file;
pub use structured::Structured;
pub use toolset::Toolset;

/// Files of the user's other SSH clients. They are read and never written.
#[derive(Clone, Debug, Default)]
pub struct SshFiles {
    /// Files of known hosts, the nearest first.
    pub known_hosts: Vec<PathBuf>,
    /// The user's `config`.
    pub user_config: PathBuf,
    /// The machine's `ssh_config`.
    pub system_config: PathBuf,
}

impl SshFiles {
    /// The files of OpenSSH.
    fn of_user() -> Self {
        let own = expand_home("~/.ssh");
        let machine = Path::new("/etc/ssh");
        Self {
            known_hosts: vec![
                own.join("known_hosts"),
                own.join("known_hosts2"),
                machine.join("ssh_known_hosts"),
            ],
            user_config: own.join("config"),
            system_config: machine.join("ssh_config"),
        }
    }
}

/// Settings of the command line, which override all variables.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Overrides {
    /// `--data-dir`
    pub data_dir: Option<PathBuf>,
    /// `--sync-timeout`
    pub sync_timeout: Option<Duration>,
    /// `--env-file`
    pub env_file: Option<PathBuf>,
}

impl Overrides {
    /// The variables that are overridden.
    fn names(&self) -> impl Iterator<Item = &'static str> {
        let data_dir = self.data_dir.as_ref().map(|_| "MCP_DATA_DIR");
        let sync_timeout = self.sync_timeout.map(|_| "MCP_SYNC_TIMEOUT_S");
        data_dir.into_iter().chain(sync_timeout)
    }
}

impl Config {
    /// Reads the settings from all sources. Fails if the file of `--env-file` cannot be read.
    pub fn load(overrides: &Overrides) -> Result<Self, String> {
        let mut sources = Sources::read(overrides)?;
        let data_dir = overrides
            .data_dir
            .clone()
            .unwrap_or_else(|| data_dir_of(sources.layers.iter().map(|(_, layer)| layer)));
        sources.add_data_directory(&data_dir);
        Ok(Self {
            ssh_files: SshFiles::of_user(),
            login_session: LoginSession::of_user(),
            ..Self::resolve(sources, data_dir, overrides)
        })
    }

    /// Returns true if no setting leaves out tools.
    pub fn lists_all_tools(&self) -> bool {
        let mut all = Toolset::ALL.iter();
        !self.read_only && all.all(|toolset| self.toolsets.contains(toolset))
    }

    fn resolve(mut sources: Sources, data_dir: PathBuf, overrides: &Overrides) -> Self {
        let ignored = sources.ignored_file();
        let mut raw = Raw::new(sources.layers, sources.warnings);
        let read = Self::read(&mut raw);
        let known: Vec<_> = SETTINGS.iter().map(|setting| setting.name).collect();
        raw.warn_of_misspelt(&known);
        let names = SETTINGS.iter().map(|setting| setting.name);
        let mut origins: BTreeMap<_, _> = names.map(|name| (name, raw.origin(name))).collect();
        origins.extend(
            overrides
                .names()
                .map(|name| (name, SettingOrigin::CommandLine)),
        );
        Self {
            data_dir,
            sync_timeout: overrides.sync_timeout.unwrap_or(read.sync_timeout),
            min_connections: read.min_connections.min(read.max_connections),
            log_level: if read.debug {
                Level::DEBUG
            } else {
                read.log_level
            },
            warnings: raw.warnings,
            ignored,
            origins,
            ..read
        }
    }

    /// The defaults, with this data directory. Reads no file of the user's, and does not use the keyring.
    pub fn with_defaults(data_dir: PathBuf) -> Self {
        Self {
            uses_keyring: false,
            ..Self::resolve(Sources::default(), data_dir, &Overrides::default())
        }
    }
}

/// Parses a positive number of seconds, which may have a fraction.
pub fn parse_seconds(text: &str) -> Option<Duration> {
    let seconds = Duration::try_from_secs_f64(text.parse().ok()?).ok()?;
    (!seconds.is_zero()).then_some(seconds)
}

#[cfg(test)]
mod tests {
    use super::raw::Layer;
    use super::*;

    fn resolve(pairs: &[(&str, &str)]) -> Config {
        let layer = pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        resolve_layers(vec![layer])
    }

    fn resolve_layers(layers: Vec<Layer>) -> Config {
        let layers = layers.into_iter().enumerate();
        let layers =
            layers.map(|(index, layer)| (SettingOrigin::File(index.to_string().into()), layer));
        let sources = Sources {
            layers: layers.collect(),
            ..Sources::default()
        };
        Config::resolve(sources, PathBuf::from("/data"), &Overrides::default())
    }

    #[test]
    fn defaults_are_the_contract() {
        let config = resolve(&[]);
        assert_eq!(config.sync_timeout, Duration::from_secs(30));
        assert_eq!(config.command_timeout, Some(Duration::from_secs(300)));
        assert_eq!(config.interactive_timeout, Some(Duration::from_secs(120)));
        assert_eq!((config.max_connections, config.min_connections), (5, 1));
        assert_eq!(
            config.history_retention,
            Duration::from_secs(31 * 24 * 3600)
        );
        assert_eq!(config.log_level, Level::INFO);
        assert!(config.warnings.is_empty());
    }

    #[test]
    fn a_bad_value_is_reported_and_defaulted() {
        let config = resolve(&[
            ("MAX_QUEUE_SIZE", "many"),
            ("MCP_SYNC_TIMEOUT_S", "-1"),
            ("MCP_DEBUG", "perhaps"),
        ]);
        assert_eq!(config.max_queue, 1000);
        assert_eq!(config.sync_timeout, Duration::from_secs(30));
        assert_eq!(config.warnings.len(), 3);
        assert!(
            config
                .warnings
                .iter()
                .any(|warning| warning.contains("`MAX_QUEUE_SIZE` is `many`"))
        );
    }

    #[test]
    fn timeouts_take_both_spellings_and_zero_is_none() {
        assert_eq!(
            resolve(&[("MCP_DEFAULT_CMD_TIMEOUT_S", "7")]).command_timeout,
            Some(Duration::from_secs(7))
        );
        assert_eq!(
            resolve(&[("MCP_DEFAULT_CMD_TIMEOUT_MS", "0")]).command_timeout,
            None
        );
        let both = resolve(&[
            ("MCP_DEFAULT_CMD_TIMEOUT_S", "7"),
            ("MCP_DEFAULT_CMD_TIMEOUT_MS", "1500"),
        ]);
        assert_eq!(both.command_timeout, Some(Duration::from_millis(1500)));
        let layer = |name: &str, value: &str| Layer::from([(name.to_owned(), value.to_owned())]);
        let layers = vec![
            layer("MCP_DEFAULT_CMD_TIMEOUT_S", "7"),
            layer("MCP_DEFAULT_CMD_TIMEOUT_MS", "300000"),
        ];
        let config = resolve_layers(layers);
        assert_eq!(config.command_timeout, Some(Duration::from_secs(7)));
    }

    #[cfg(unix)]
    #[test]
    fn roots_are_read_as_the_original_writes_them_too() {
        for (value, roots) in [
            ("/a:/b c", ["/a", "/b c"].as_slice()),
            ("/a, /b,/c,", &["/a", "/b", "/c"]),
            ("/a,b:/c", &["/a,b", "/c"]),
            ("", &[]),
        ] {
            let config = resolve(&[("MCP_ALLOWED_ROOTS", value)]);
            let roots: Vec<_> = roots.iter().map(PathBuf::from).collect();
            assert_eq!(config.allowed_roots, roots);
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_root_that_nothing_expands_is_warned_of() {
        let config = resolve(&[("MCP_ALLOWED_ROOTS", "$HOME/a:${HOME}/b:~/c")]);
        let home = dirs::home_dir().unwrap();
        assert_eq!(
            config.allowed_roots,
            ["a", "b", "c"].map(|name| home.join(name))
        );
        assert_eq!(config.warnings, [""; 0]);
        let config = resolve(&[("MCP_ALLOWED_ROOTS", "~other/a:$DATA/b")]);
        assert_eq!(config.warnings.len(), 2, "{:?}", config.warnings);
    }

    #[test]
    fn the_ceiling_bounds_the_floor() {
        let config = resolve(&[
            ("MAX_CONNECTIONS_PER_SERVER", "2"),
            ("MIN_CONNECTIONS_PER_SERVER", "4"),
        ]);
        assert_eq!(config.min_connections, 2);
    }

    #[test]
    fn earlier_layers_go_first() {
        let layer = |value: &str| Layer::from([("MAX_QUEUE_SIZE".to_owned(), value.to_owned())]);
        let layers = vec![layer("3"), layer("4")];
        let config = resolve_layers(layers);
        assert_eq!(config.max_queue, 3);
        assert_eq!(config.origins["MAX_QUEUE_SIZE"].to_string(), "0");
        assert_eq!(config.origins["MCP_READONLY"], SettingOrigin::Default);
        // A value that is refused has not set it.
        let config = resolve_layers(vec![layer("many")]);
        assert_eq!(config.origins["MAX_QUEUE_SIZE"], SettingOrigin::Default);
    }
}
