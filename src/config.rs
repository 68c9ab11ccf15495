//! Settings: raw strings from the environment and `.env`, parsed into one validated [`Config`].

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tracing::Level;

/// One environment variable: the only place that names it.
pub struct Setting {
    /// The variable's name.
    pub name: &'static str,
    /// Its default, as a user would write it.
    pub default: &'static str,
    /// What it does, in a line.
    pub meaning: &'static str,
}

/// Every variable, in the order in which help and reference show them.
pub const SETTINGS: &[Setting] = &[
    Setting {
        name: "MCP_DATA_DIR",
        default: "~/.config/mcp-orchestrator",
        meaning: "data directory (a leading ~ is expanded)",
    },
    Setting {
        name: "MCP_SYNC_TIMEOUT_S",
        default: "30",
        meaning: "seconds before a job goes to the background",
    },
    Setting {
        name: "MCP_DEFAULT_CMD_TIMEOUT_MS",
        default: "300000",
        meaning: "a command's timeout in ms; 0 = none",
    },
    Setting {
        name: "MCP_DEFAULT_CMD_TIMEOUT_S",
        default: "",
        meaning: "the same in seconds, if the variable above is not set",
    },
    Setting {
        name: "MCP_INTERACTIVE_CMD_TIMEOUT_MS",
        default: "120000",
        meaning: "an interactive command's timeout in ms; 0 = none",
    },
    Setting {
        name: "MCP_INTERACTIVE_CMD_TIMEOUT_S",
        default: "",
        meaning: "the same in seconds, if the variable above is not set",
    },
    Setting {
        name: "MCP_MAX_WAIT_TIMEOUT_S",
        default: "600",
        meaning: "the longest that task_wait may wait, in seconds",
    },
    Setting {
        name: "MAX_CONNECTIONS_PER_SERVER",
        default: "5",
        meaning: "most connections per alias, never exceeded",
    },
    Setting {
        name: "MIN_CONNECTIONS_PER_SERVER",
        default: "1",
        meaning: "connections kept open per alias once used",
    },
    Setting {
        name: "IDLE_TIMEOUT",
        default: "300000",
        meaning: "ms before an idle connection closes",
    },
    Setting {
        name: "KEEP_ALIVE_INTERVAL",
        default: "30000",
        meaning: "ms between keep-alives; three unanswered close the connection",
    },
    Setting {
        name: "MAX_QUEUE_SIZE",
        default: "1000",
        meaning: "most jobs in the queue",
    },
    Setting {
        name: "MAX_OUTPUT_SIZE",
        default: "67108864",
        meaning: "most bytes kept on disk of each output stream of a task",
    },
    Setting {
        name: "MAX_OUTPUT_TOTAL",
        default: "1073741824",
        meaning: "most bytes kept on disk of all outputs; the oldest finished go first",
    },
    Setting {
        name: "SAVE_INTERVAL",
        default: "5000",
        meaning: "ms between coalesced saves",
    },
    Setting {
        name: "HISTORY_RETENTION",
        default: "2678400000",
        meaning: "ms that history is kept (31 days)",
    },
    Setting {
        name: "MCP_DEBUG",
        default: "false",
        meaning: "detailed log on stderr",
    },
    Setting {
        name: "LOG_LEVEL",
        default: "info",
        meaning: "what task_logs keeps and stderr shows: error, warn, info, debug",
    },
];

/// Long enough for a server to restart, or a laptop to find its network again.
const LINE_PATIENCE: Duration = Duration::from_secs(120);

/// The validated settings.
#[derive(Clone, Debug)]
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
    /// How long a connection may be unused before it closes.
    pub idle_timeout: Duration,
    /// Time between keep-alives.
    pub keep_alive: Duration,
    /// How long a transfer takes up a lost line again before it fails; not a setting.
    pub line_patience: Duration,
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
    /// The least severe level that is logged.
    pub log_level: Level,
    /// Settings that were not understood, for stderr and `system_diagnostics`.
    pub warnings: Vec<String>,
}

/// What the command line sets; it goes before every variable.
#[derive(Clone, Debug, Default)]
pub struct Overrides {
    /// `--data-dir`
    pub data_dir: Option<PathBuf>,
    /// `--sync-timeout`
    pub sync_timeout: Option<Duration>,
}

impl Config {
    /// Reads the environment, then `.env` in the working directory, then `.env` in the data directory.
    pub fn load(overrides: &Overrides) -> Self {
        let mut warnings = Vec::new();
        let mut layers = vec![
            std::env::vars_os()
                .filter_map(|(name, value)| {
                    Some((name.into_string().ok()?, value.into_string().ok()?))
                })
                .collect(),
        ];
        layers.push(read_env_file(Path::new(".env"), &mut warnings));
        let data_dir = overrides
            .data_dir
            .clone()
            .unwrap_or_else(|| data_dir_of(&layers));
        layers.push(read_env_file(&data_dir.join(".env"), &mut warnings));
        Self::resolve(layers, data_dir, overrides, warnings)
    }

    fn resolve(
        layers: Vec<Layer>,
        data_dir: PathBuf,
        overrides: &Overrides,
        warnings: Vec<String>,
    ) -> Self {
        let mut raw = Raw { layers, warnings };
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
            idle_timeout: raw.millis("IDLE_TIMEOUT", 1),
            keep_alive: raw.millis("KEEP_ALIVE_INTERVAL", 1),
            line_patience: LINE_PATIENCE,
            max_queue: raw.count("MAX_QUEUE_SIZE", 1),
            max_output: raw.whole("MAX_OUTPUT_SIZE", 0),
            max_output_total: raw.whole("MAX_OUTPUT_TOTAL", 0),
            save_interval: raw.millis("SAVE_INTERVAL", 1),
            history_retention: raw.millis("HISTORY_RETENTION", 0),
            log_level: if debug { Level::DEBUG } else { level },
            warnings: raw.warnings,
        }
    }

    /// A configuration with every default, for a data directory.
    pub fn with_defaults(data_dir: PathBuf) -> Self {
        Self::resolve(Vec::new(), data_dir, &Overrides::default(), Vec::new())
    }
}

/// A leading `~` replaced by the home directory, as a shell would.
pub fn expand_home(path: &str) -> PathBuf {
    match (path.strip_prefix('~'), dirs::home_dir()) {
        (Some(""), Some(home)) => home,
        (Some(rest), Some(home)) if rest.starts_with(['/', '\\']) => home.join(&rest[1..]),
        _ => PathBuf::from(path),
    }
}

type Layer = HashMap<String, String>;

fn default_of(name: &str) -> &'static str {
    SETTINGS
        .iter()
        .find(|setting| setting.name == name)
        .expect("every setting that is read stands in SETTINGS")
        .default
}

fn data_dir_of(layers: &[Layer]) -> PathBuf {
    let set = layers
        .iter()
        .find_map(|layer| set_in(layer, "MCP_DATA_DIR"));
    expand_home(set.unwrap_or(default_of("MCP_DATA_DIR")))
}

fn read_env_file(path: &Path, warnings: &mut Vec<String>) -> Layer {
    let mut layer = Layer::new();
    let Ok(lines) = dotenvy::from_path_iter(path) else {
        return layer;
    };
    for line in lines {
        match line {
            Ok((name, value)) => {
                layer.insert(name, value);
            }
            // The message would quote the line, which may hold somebody's secret.
            Err(_) => warnings.push(format!(
                "`{}` has a line that is not NAME=value; it was skipped",
                path.display()
            )),
        }
    }
    layer
}

/// A variable's value in one layer; an empty one counts as not set.
fn set_in<'a>(layer: &'a Layer, name: &str) -> Option<&'a str> {
    layer
        .get(name)
        .map(|value| value.trim())
        .filter(|value| !value.is_empty())
}

struct Raw {
    layers: Vec<Layer>,
    warnings: Vec<String>,
}

impl Raw {
    fn get(&self, name: &str) -> Option<String> {
        self.layers
            .iter()
            .find_map(|layer| set_in(layer, name))
            .map(ToOwned::to_owned)
    }

    fn parse<T>(&mut self, name: &str, expected: &str, parse: impl Fn(&str) -> Option<T>) -> T {
        let default = default_of(name);
        if let Some(value) = self.get(name) {
            if let Some(parsed) = parse(&value) {
                return parsed;
            }
            self.warnings.push(format!(
                "`{name}` is `{value}`, expected {expected}; using {default}"
            ));
        }
        parse(default).expect("every default parses as its own kind")
    }

    fn whole(&mut self, name: &str, least: u64) -> u64 {
        let expected = format!("a whole number, at least {least}");
        self.parse(name, &expected, |text| {
            text.parse().ok().filter(|number| *number >= least)
        })
    }

    fn count(&mut self, name: &str, least: u64) -> usize {
        usize::try_from(self.whole(name, least)).unwrap_or(usize::MAX)
    }

    fn millis(&mut self, name: &str, least: u64) -> Duration {
        Duration::from_millis(self.whole(name, least))
    }

    fn seconds(&mut self, name: &str) -> Duration {
        self.parse(name, "a number of seconds above 0", parse_seconds)
    }

    /// Milliseconds, or seconds under the later name, whichever the first layer that has one says;
    /// 0 is no timeout.
    fn timeout(&mut self, millis: &str, seconds: &str) -> Option<Duration> {
        let layer = self
            .layers
            .iter()
            .find(|layer| set_in(layer, millis).or(set_in(layer, seconds)).is_some());
        let in_seconds = layer.filter(|layer| set_in(layer, millis).is_none());
        if let Some(value) = in_seconds.and_then(|layer| set_in(layer, seconds)) {
            let parsed = value
                .parse()
                .ok()
                .and_then(|number| Duration::try_from_secs_f64(number).ok());
            if let Some(duration) = parsed {
                return Some(duration).filter(|duration| !duration.is_zero());
            }
            let default = default_of(millis);
            let problem = format!(
                "`{seconds}` is `{value}`, expected a number of seconds; using {default} ms"
            );
            self.warnings.push(problem);
        }
        Some(self.millis(millis, 0)).filter(|duration| !duration.is_zero())
    }

    fn flag(&mut self, name: &str) -> bool {
        self.parse(name, "true or false", |text| {
            match text.to_ascii_lowercase().as_str() {
                "true" | "1" | "yes" | "on" => Some(true),
                "false" | "0" | "no" | "off" => Some(false),
                _ => None,
            }
        })
    }

    fn level(&mut self, name: &str) -> Level {
        self.parse(name, "error, warn, info or debug", |text| {
            match text.to_ascii_lowercase().as_str() {
                "error" => Some(Level::ERROR),
                "warn" => Some(Level::WARN),
                "info" => Some(Level::INFO),
                "debug" => Some(Level::DEBUG),
                _ => None,
            }
        })
    }
}

/// A positive number of seconds, fractions allowed.
pub fn parse_seconds(text: &str) -> Option<Duration> {
    let seconds = Duration::try_from_secs_f64(text.parse().ok()?).ok()?;
    (!seconds.is_zero()).then_some(seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve(pairs: &[(&str, &str)]) -> Config {
        let layer = pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        Config::resolve(
            vec![layer],
            PathBuf::from("/data"),
            &Overrides::default(),
            Vec::new(),
        )
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
        let config = Config::resolve(layers, PathBuf::new(), &Overrides::default(), Vec::new());
        assert_eq!(config.command_timeout, Some(Duration::from_secs(7)));
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
        let config = Config::resolve(layers, PathBuf::new(), &Overrides::default(), Vec::new());
        assert_eq!(config.max_queue, 3);
    }
}
