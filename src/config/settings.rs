//! The table of settings: one row for each, from which everything else about a setting is made.
//!
//! A row has the variable, its default as a user writes it, the field of [`Config`] with its [`SettingKind`], the
//! name in `system_diagnostics`, and what it does, in a line. The settings' table in the guide,
//! `.env.example` and `server.json` are written by a test, in `tests/documents.rs`.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Map, Value};
use tracing::Level;

use super::SshFiles;
use super::kind::{
    Boolean, Directories, Directory, HostKeyChoice, IntegerFrom, ItemCount, LogLevel, Millis,
    PlainText, PositiveSeconds, Protection, SamplePeriod, SecretText, SettingKind,
    StructuredChoice, Timeout, Toolsets,
};
use super::origin::SettingOrigin;
use super::raw::{Layer, Raw, VariableSpec, set_in};
use super::structured::Structured;
use super::toolset::Toolset;
use crate::fs::expand_home;
use crate::host_key::HostKeyPolicy;
use crate::login_session::LoginSession;
use crate::secret::Secret;

/// One environment variable.
pub struct Setting {
    /// The variable's name.
    pub name: &'static str,
    /// Its default, as a user would write it.
    pub default: &'static str,
    /// Its meaning in one line, with names in backticks.
    pub meaning: &'static str,
    /// Its format in the MCP registry's schema of `server.json`.
    pub format: &'static str,
    /// The possible values, if there are few.
    pub choices: &'static [&'static str],
    /// Set if the value is never shown.
    pub is_secret: bool,
}

/// Makes the table, and [`Config`] with a field for each row.
macro_rules! settings {
    ($(
        $name:literal $(or $in_seconds:literal)? = $default:literal
            => $field:ident: $type:ty as $kind:ty, $shown:literal, $meaning:literal;
    )*) => {
        /// Every variable, in the order in which help and documents show them.
        pub const SETTINGS: &[Setting] = &[$(
            Setting {
                name: $name,
                default: $default,
                meaning: $meaning,
                format: <$kind as SettingKind>::FORMAT,
                choices: <$kind as SettingKind>::CHOICES,
                is_secret: <$kind as SettingKind>::IS_SECRET,
            },
            $(Setting {
                name: $in_seconds,
                default: "",
                meaning: "the same in seconds, if the variable above is not set",
                format: <$kind as SettingKind>::FORMAT,
                choices: &[],
                is_secret: false,
            },)?
        )*];

        /// The validated settings.
        #[derive(Clone, Debug)]
        pub struct Config {
            $(#[doc = $meaning] pub $field: $type,)*
            /// The time during which a transfer takes up a lost connection again; not a setting.
            pub reconnect_patience: Duration,
            /// The time after which a server that answers no SFTP request is given up; not a setting.
            pub answer_patience: Duration,
            /// The time for which as many channels are kept open as a burst of commands used; not a setting.
            pub burst_holds: Duration,
            /// The bytes that a downloaded file may have beyond twice its announced length; not a setting.
            pub max_growth: u64,
            /// The user's own SSH files.
            pub ssh_files: SshFiles,
            /// The login session with the user's SSH agent and message bus.
            pub login_session: LoginSession,
            /// Warnings about settings that could not be parsed, for stderr and `system_diagnostics`.
            pub warnings: Vec<String>,
            /// A warning about a file of settings in the working directory that is not read.
            pub ignored: Option<String>,
            /// The source of each setting, by its variable.
            pub origins: BTreeMap<&'static str, SettingOrigin>,
        }

        impl Config {
            /// Reads each setting by itself.
            pub(super) fn read(raw: &mut Raw) -> Self {
                Self {
                    $($field: <$kind as SettingKind>::read(raw, &VariableSpec {
                        name: $name,
                        default: $default,
                        in_seconds: None $(.or(Some($in_seconds)))?,
                    }),)*
                    reconnect_patience: RECONNECT_PATIENCE,
                    answer_patience: ANSWER_PATIENCE,
                    burst_holds: BURST_HOLDS,
                    max_growth: MAX_GROWTH,
                    ssh_files: SshFiles::default(),
                    login_session: LoginSession::default(),
                    warnings: Vec::new(),
                    ignored: None,
                    origins: BTreeMap::new(),
                }
            }

            /// The settings in force, as `system_diagnostics` shows them: durations in ms, 0 for none.
            pub fn shown(&self) -> Map<String, Value> {
                let shown = [$(($shown, <$kind as SettingKind>::show(&self.$field)),)*];
                let shown = shown.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
                shown.collect()
            }
        }
    };
}

settings! {
    "MCP_DATA_DIR" = "~/.config/mcp-orchestrator" => data_dir: PathBuf as Directory, "dataDir",
        "data directory (a leading `~` is expanded)";
    "MCP_SYNC_TIMEOUT_S" = "30" => sync_timeout: Duration as PositiveSeconds, "syncTimeout",
        "seconds before a job goes to the background";
    "MCP_DEFAULT_CMD_TIMEOUT_MS" or "MCP_DEFAULT_CMD_TIMEOUT_S" = "300000" => command_timeout: Option<Duration> as Timeout, "commandTimeout",
        "a command's timeout in ms; 0 = none";
    "MCP_INTERACTIVE_CMD_TIMEOUT_MS" or "MCP_INTERACTIVE_CMD_TIMEOUT_S" = "120000" => interactive_timeout: Option<Duration> as Timeout, "interactiveTimeout",
        "an interactive command's timeout in ms; 0 = none";
    "MCP_MAX_WAIT_TIMEOUT_S" = "600" => max_wait: Duration as PositiveSeconds, "maxWait",
        "the longest that `task_wait` may wait, in seconds";
    "MAX_CONNECTIONS_PER_SERVER" = "5" => max_connections: usize as ItemCount<1>, "maxConnectionsPerServer",
        "most connections per alias, never exceeded";
    "MIN_CONNECTIONS_PER_SERVER" = "1" => min_connections: usize as ItemCount<0>, "minConnectionsPerServer",
        "connections kept open per alias once used";
    "MAX_CONNECTIONS_TOTAL" = "256" => max_connections_total: usize as ItemCount<1>, "maxConnectionsTotal",
        "most connections of all aliases together; at the ceiling the longest idle one makes room";
    "MCP_CONNECT_TIMEOUT_S" = "20" => connect_timeout: Duration as PositiveSeconds, "connectTimeout",
        "seconds that each phase of connecting may take: connection, greeting, key exchange";
    "IDLE_TIMEOUT" = "300000" => idle_timeout: Duration as Millis<1>, "idleTimeout",
        "ms before an idle connection closes";
    "SHELL_IDLE_TIMEOUT" = "1800000" => shell_idle_timeout: Duration as Millis<1>, "shellIdleTimeout",
        "ms without a call after which an open shell ends";
    "MCP_SAMPLE_INTERVAL" = "0" => sample_interval: Option<Duration> as SamplePeriod, "sampleInterval",
        "seconds between samples of servers' load, memory and disk; 0 = only while somebody looks";
    "KEEP_ALIVE_INTERVAL" = "30000" => keep_alive: Duration as Millis<1>, "keepAliveInterval",
        "ms between keep-alives; three unanswered close the connection";
    "MAX_QUEUE_SIZE" = "1000" => max_queue: usize as ItemCount<1>, "maxQueueSize",
        "most jobs in the queue, without the children of a running job on many servers";
    "MAX_OUTPUT_SIZE" = "67108864" => max_output: u64 as IntegerFrom<0>, "maxOutputSize",
        "most bytes kept on disk of each output stream of a task";
    "MAX_OUTPUT_TOTAL" = "1073741824" => max_output_total: u64 as IntegerFrom<0>, "maxOutputTotal",
        "most bytes kept on disk of all outputs; the oldest finished go first";
    "MAX_TRANSFER_ENTRIES" = "1000000" => max_entries: usize as ItemCount<1>, "maxTransferEntries",
        "most files, directories and links that one transfer lists";
    "SAVE_INTERVAL" = "5000" => save_interval: Duration as Millis<1>, "saveInterval",
        "ms between coalesced saves";
    "HISTORY_RETENTION" = "2678400000" => history_retention: Duration as Millis<0>, "historyRetention",
        "ms that history is kept (31 days)";
    "MCP_HOST_KEY_POLICY" = "accept-new" => host_key_policy: HostKeyPolicy as HostKeyChoice, "hostKeyPolicy",
        "what becomes of a host whose key is not known: `accept-new` records it, `strict` refuses it";
    "MCP_READONLY" = "false" => read_only: bool as Protection, "readOnly",
        "refuse every tool that runs or changes something on a server, and do not list those that do nothing else";
    "MCP_TOOLSETS" = "all" => toolsets: Vec<Toolset> as Toolsets, "toolsets",
        "the tools that are listed: `all`, or some of `core`, `files`, `monitoring`, `logs`, `fleet`, `apis`, `live`, `policy`, `admin`, separated by commas";
    "MCP_ACTOR" = "" => actor: Option<String> as PlainText, "actor",
        "the name under which tasks, the audit trail and answers to questions show who acts, beside the system user";
    "MCP_NOTIFY_COMMAND" = "" => notify_command: Option<String> as PlainText, "notifyCommand",
        "a program, with arguments if need be, that tells you of a question that waits for your yes: it gets a title and a text as its last arguments";
    "MCP_ALLOWED_ROOTS" = "" => allowed_roots: Vec<PathBuf> as Directories, "allowedRoots",
        "local directories that transfers stay inside, separated as in `PATH` or by commas; all but the data directory if empty";
    "MCP_SECRET_KEY" = "" => secret_key: Option<Secret> as SecretText, "secretKey",
        "what the stored secrets are encrypted with, instead of the keyring or the key file";
    "MCP_KEYRING" = "true" => uses_keyring: bool as Boolean, "keyring",
        "keep that key in the operating system's keyring where there is one, else in a file";
    "MCP_KEEP_CLEAR_SECRETS" = "false" => keep_clear_secrets: bool as Boolean, "keepClearSecrets",
        "when clear-text secrets are encrypted, keep the old file beside the new one";
    "MCP_ALLOW_CMD_SECRETS" = "false" => allow_cmd_secrets: bool as Boolean, "allowCmdSecrets",
        "let tools take `cmd:` secrets, which run here, and `file:` ones outside the home directory";
    "MCP_DEBUG" = "false" => debug: bool as Boolean, "debug",
        "detailed log on stderr";
    "LOG_LEVEL" = "info" => log_level: Level as LogLevel, "logLevel",
        "what `task_logs` keeps and stderr shows: `error`, `warn`, `info`, `debug`";
    "MCP_STRUCTURED" = "auto" => structured: Structured as StructuredChoice, "structured",
        "answers with structured content: `auto` those that are data, not text; `always` all, with the whole record, for programs; `never` none";
}

/// Enough for a server to restart, or for a laptop to find its network again.
const RECONNECT_PATIENCE: Duration = Duration::from_secs(120);

/// Longer than a busy disk or a stale mount takes, and half the time that a lost connection is given.
const ANSWER_PATIENCE: Duration = Duration::from_secs(60);

/// Bursts often come again within a minute.
const BURST_HOLDS: Duration = Duration::from_secs(60);

/// More than a file of `/proc` has, whose announced length is 0, and more than a log grows during a download.
const MAX_GROWTH: u64 = 1024 * 1024 * 1024;

impl Setting {
    /// Its meaning in one line of plain text.
    pub fn plain_meaning(&self) -> String {
        self.meaning.replace('`', "")
    }
}

/// The default of a setting.
pub(crate) fn default_of(name: &str) -> &'static str {
    SETTINGS
        .iter()
        .find(|setting| setting.name == name)
        .expect("every setting that is read stands in SETTINGS")
        .default
}

/// The data directory of a server with these settings.
pub(crate) fn data_dir_of<'a>(layers: impl IntoIterator<Item = &'a Layer>) -> PathBuf {
    let mut layers = layers.into_iter();
    let set = layers.find_map(|layer| set_in(layer, "MCP_DATA_DIR"));
    expand_home(set.unwrap_or(default_of("MCP_DATA_DIR")))
}
