//! Settings: raw strings from where they are set, parsed into one validated [`Config`].

mod origin;
mod raw;
mod settings;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tracing::Level;

use crate::login_session::LoginSession;
use crate::secret::Secret;
use crate::ssh::host_key::Policy;
pub use origin::Origin;
use origin::Sources;
pub(crate) use origin::read_env_file;
use raw::Raw;
pub(crate) use raw::{data_dir_of, default_of};
pub use settings::{SETTINGS, Setting};

/// Long enough for a server to restart, or a laptop to find its network again.
const LINE_PATIENCE: Duration = Duration::from_secs(120);

/// Longer than a busy disk or a hung mount of a server's takes, and half of what a lost line is given.
const ANSWER_PATIENCE: Duration = Duration::from_secs(60);

/// More than a file of `/proc`, which says that it is empty, has; and more than a log grows meanwhile.
const MAX_GROWTH: u64 = 1024 * 1024 * 1024;

/// The validated settings.
#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a setting by itself")]
pub struct Config {
    /// Where the data files lie.
    pub data_dir: PathBuf,
    /// How long a call waits for its job before handing it to the background.
    pub sync_timeout: Duration,
    /// How long a command may run; `None` is without limit.
    pub command_timeout: Option<Duration>,
    /// How long an interactive command may run; `None` is without limit.
    pub interactive_timeout: Option<Duration>,
    /// The longest that `task_wait` may wait.
    pub max_wait: Duration,
    /// Most connections per alias.
    pub max_connections: usize,
    /// Connections per alias that idleness does not close.
    pub min_connections: usize,
    /// How long each phase of connecting may take, where the server's entry says nothing.
    pub connect_timeout: Duration,
    /// How long a connection may be unused before it closes.
    pub idle_timeout: Duration,
    /// Time between keep-alives.
    pub keep_alive: Duration,
    /// How long a transfer takes up a lost line again before it fails; not a setting.
    pub line_patience: Duration,
    /// How long a server may leave every SFTP request without an answer; not a setting.
    pub answer_patience: Duration,
    /// Bytes that a downloaded file may have beyond twice the length that it said; not a setting.
    pub max_growth: u64,
    /// Most files, directories and links that are listed for a transfer.
    pub max_entries: usize,
    /// Most jobs in the queue.
    pub max_queue: usize,
    /// Most bytes kept on disk of each output stream of a job.
    pub max_output: u64,
    /// Most bytes kept on disk of all outputs.
    pub max_output_total: u64,
    /// Time between coalesced saves.
    pub save_interval: Duration,
    /// How long history is kept.
    pub history_retention: Duration,
    /// What becomes of a host whose key is not known.
    pub host_key_policy: Policy,
    /// Whether nothing may run or change on a server.
    pub read_only: bool,
    /// Where local files of transfers have to lie; anywhere if empty.
    pub allowed_roots: Vec<PathBuf>,
    /// What stored secrets are encrypted with, if the user says so.
    pub secret_key: Option<Secret>,
    /// Whether the operating system's keyring may keep their key.
    pub uses_keyring: bool,
    /// Whether a file with clear-text secrets is kept once they are encrypted.
    pub keep_clear_secrets: bool,
    /// Whether tools take references to secrets that only a person may make.
    pub allow_cmd_secrets: bool,
    /// The user's own SSH files, where they are to be read.
    pub ssh_files: SshFiles,
    /// Where the user's SSH agent and message bus are looked for.
    pub login_session: LoginSession,
    /// The least severe level that is logged.
    pub log_level: Level,
    /// Settings that were not understood, for stderr and `system_diagnostics`.
    pub warnings: Vec<String>,
    /// A file of settings in the working directory that does not count, and what to do about it.
    pub ignored: Option<String>,
    /// Where each setting comes from, by its variable.
    pub origins: BTreeMap<&'static str, Origin>,
}

/// What other SSH clients of this user have on record; none of it is ever written.
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
    /// Where OpenSSH has them.
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

/// What the command line sets; it goes before every variable.
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
    /// The variables that it goes before.
    fn names(&self) -> impl Iterator<Item = &'static str> {
        let data_dir = self.data_dir.as_ref().map(|_| "MCP_DATA_DIR");
        let sync_timeout = self.sync_timeout.map(|_| "MCP_SYNC_TIMEOUT_S");
        data_dir.into_iter().chain(sync_timeout)
    }
}

impl Config {
    /// Reads the settings from all places that count. An error is a sentence about the file that the
    /// command line names.
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

    fn resolve(mut sources: Sources, data_dir: PathBuf, overrides: &Overrides) -> Self {
        let ignored = sources.left_out();
        let mut raw = Raw::new(sources.layers, sources.warnings);
        let command_timeout =
            raw.timeout("MCP_DEFAULT_CMD_TIMEOUT_MS", "MCP_DEFAULT_CMD_TIMEOUT_S");
        let interactive_timeout = raw.timeout(
            "MCP_INTERACTIVE_CMD_TIMEOUT_MS",
            "MCP_INTERACTIVE_CMD_TIMEOUT_S",
        );
        let max_connections = raw.count("MAX_CONNECTIONS_PER_SERVER", 1);
        let debug = raw.flag("MCP_DEBUG");
        let level = raw.level("LOG_LEVEL");
        Self {
            data_dir,
            sync_timeout: overrides
                .sync_timeout
                .unwrap_or_else(|| raw.seconds("MCP_SYNC_TIMEOUT_S")),
            command_timeout,
            interactive_timeout,
            max_wait: raw.seconds("MCP_MAX_WAIT_TIMEOUT_S"),
            max_connections,
            min_connections: raw
                .count("MIN_CONNECTIONS_PER_SERVER", 0)
                .min(max_connections),
            connect_timeout: raw.seconds("MCP_CONNECT_TIMEOUT_S"),
            idle_timeout: raw.millis("IDLE_TIMEOUT", 1),
            keep_alive: raw.millis("KEEP_ALIVE_INTERVAL", 1),
            line_patience: LINE_PATIENCE,
            answer_patience: ANSWER_PATIENCE,
            max_growth: MAX_GROWTH,
            max_entries: raw.count("MAX_TRANSFER_ENTRIES", 1),
            max_queue: raw.count("MAX_QUEUE_SIZE", 1),
            max_output: raw.whole("MAX_OUTPUT_SIZE", 0),
            max_output_total: raw.whole("MAX_OUTPUT_TOTAL", 0),
            save_interval: raw.millis("SAVE_INTERVAL", 1),
            history_retention: raw.millis("HISTORY_RETENTION", 0),
            host_key_policy: raw.host_key_policy("MCP_HOST_KEY_POLICY"),
            read_only: raw.flag("MCP_READONLY"),
            allowed_roots: raw.directories("MCP_ALLOWED_ROOTS"),
            secret_key: raw.secret("MCP_SECRET_KEY"),
            uses_keyring: raw.flag("MCP_KEYRING"),
            keep_clear_secrets: raw.flag("MCP_KEEP_CLEAR_SECRETS"),
            allow_cmd_secrets: raw.flag("MCP_ALLOW_CMD_SECRETS"),
            ssh_files: SshFiles::default(),
            login_session: LoginSession::default(),
            log_level: if debug { Level::DEBUG } else { level },
            origins: {
                let mut origins = raw.origins();
                origins.extend(overrides.names().map(|name| (name, Origin::CommandLine)));
                origins
            },
            warnings: raw.warnings,
            ignored,
        }
    }

    /// A configuration with every default, for a data directory, that reads no file of the user's
    /// and leaves the keyring alone.
    pub fn with_defaults(data_dir: PathBuf) -> Self {
        Self {
            uses_keyring: false,
            ..Self::resolve(Sources::default(), data_dir, &Overrides::default())
        }
    }
}

/// A leading `~` or `$HOME` replaced by the home directory, as a shell would.
pub fn expand_home(path: &str) -> PathBuf {
    let mut spelt = ["~", "$HOME", "${HOME}"].iter();
    let rest = spelt.find_map(|home| {
        let rest = path.strip_prefix(home)?;
        (rest.is_empty() || rest.starts_with(['/', '\\'])).then_some(rest)
    });
    match (rest, dirs::home_dir()) {
        (Some(""), Some(home)) => home,
        (Some(rest), Some(home)) => home.join(&rest[1..]),
        _ => PathBuf::from(path),
    }
}

/// A positive number of seconds, fractions allowed.
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
        let layers = layers.map(|(index, layer)| (Origin::File(index.to_string().into()), layer));
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
        assert_eq!(config.origins["MCP_READONLY"], Origin::Default);
        // What was not understood has not set it.
        let config = resolve_layers(vec![layer("many")]);
        assert_eq!(config.origins["MAX_QUEUE_SIZE"], Origin::Default);
    }
}
