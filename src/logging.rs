//! The log: on standard error for the operator, with the last lines in memory for `task_logs`.

use std::collections::VecDeque;
use std::fmt::{self, Write as _};
use std::sync::{Arc, Mutex, OnceLock};

use schemars::JsonSchema;
use serde::Serialize;
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::layer::{Context, SubscriberExt};
use tracing_subscriber::{Layer, Registry};

use crate::secret::hide;
use crate::stderr::Stderr;
use crate::sync::lock;
use crate::text::beginning;
use crate::time::Timestamp;

/// The number of lines kept for `task_logs`.
const KEPT_LINES: usize = 500;

/// The longest message in bytes. A message may quote a server.
const LONGEST_MESSAGE: usize = 8 * 1024;

/// The log's second destination besides memory.
static STDERR: OnceLock<Stderr> = OnceLock::new();

/// The target of events that are logged: this crate's alone, because libraries log whole requests and packets
/// with the secrets in them.
const OWN_TARGET: &str = env!("CARGO_CRATE_NAME");

/// One line of the log.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct LogLine {
    /// `error`, `warn`, `info` or `debug`.
    pub level: &'static str,
    /// The event.
    pub message: String,
    /// The time of the event.
    #[schemars(with = "String")]
    pub timestamp: Timestamp,
}

/// The last lines of the log, shared by the subscriber and `task_logs`.
#[derive(Clone, Debug, Default)]
pub struct MemoryLog(Arc<Mutex<VecDeque<LogLine>>>);

impl MemoryLog {
    /// Starts logging for the whole process. Further calls change nothing and return an unconnected log.
    pub fn install(least: Level) -> Self {
        let log = Self::default();
        STDERR.get_or_init(Stderr::start);
        let subscriber = Registry::default().with(Recorder {
            log: log.clone(),
            least,
        });
        // A second installation fails; in one process the first log stays the log.
        let _ = tracing::subscriber::set_global_default(subscriber);
        log
    }

    /// The kept lines, oldest first.
    pub fn lines(&self) -> Vec<LogLine> {
        lock(&self.0).iter().cloned().collect()
    }

    fn push(&self, line: LogLine) {
        let mut lines = lock(&self.0);
        if lines.len() == KEPT_LINES {
            lines.pop_front();
        }
        lines.push_back(line);
    }
}

/// Waits a moment until all lines are written to standard error.
pub fn flush() {
    if let Some(stderr) = STDERR.get() {
        stderr.flush();
    }
}

/// Logs panics like all else, with secrets masked.
pub fn log_panics() {
    std::panic::set_hook(Box::new(|panic| {
        tracing::error!("{panic}");
        // The process may end now.
        flush();
    }));
}

struct Recorder {
    log: MemoryLog,
    least: Level,
}

impl<S: Subscriber> Layer<S> for Recorder {
    fn enabled(&self, metadata: &Metadata<'_>, _: Context<'_, S>) -> bool {
        *metadata.level() <= self.least && metadata.target().starts_with(OWN_TARGET)
    }

    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut message = EventText(String::new());
        event.record(&mut message);
        let line = LogLine {
            level: level_name(*event.metadata().level()),
            message: beginning(&hide(&message.0), LONGEST_MESSAGE).into_owned(),
            timestamp: Timestamp::now(),
        };
        if let Some(stderr) = STDERR.get() {
            stderr.line(format!(
                "{} {:5} {}\n",
                line.timestamp, line.level, line.message
            ));
        }
        self.log.push(line);
    }
}

fn level_name(level: Level) -> &'static str {
    match level {
        Level::ERROR => "error",
        Level::WARN => "warn",
        Level::INFO => "info",
        _ => "debug",
    }
}

/// Collects an event's message, then its fields as ` name=value`.
struct EventText(String);

impl Visit for EventText {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        // Writing to a string cannot fail.
        let _ = if field.name() == "message" {
            write!(self.0, "{value:?}")
        } else {
            write!(self.0, " {}={value:?}", field.name())
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_the_last_lines() {
        let log = MemoryLog::default();
        for number in 0..KEPT_LINES + 3 {
            log.push(LogLine {
                level: "info",
                message: number.to_string(),
                timestamp: Timestamp::now(),
            });
        }
        let lines = log.lines();
        assert_eq!(lines.len(), KEPT_LINES);
        assert_eq!(lines[0].message, "3");
    }

    #[test]
    fn libraries_are_not_recorded() {
        let log = MemoryLog::default();
        let subscriber = Registry::default().with(Recorder {
            log: log.clone(),
            least: Level::DEBUG,
        });
        tracing::subscriber::with_default(subscriber, || {
            tracing::info!(target: "rmcp::service", "a request with a password");
            tracing::info!(alias = "web1", "connected");
            tracing::trace!("too fine");
        });
        let messages: Vec<_> = log.lines().into_iter().map(|line| line.message).collect();
        assert_eq!(messages, ["connected alias=\"web1\""]);
    }
}
