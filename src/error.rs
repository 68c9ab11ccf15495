//! The one error type, and the one place where it becomes an MCP result.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use rmcp::handler::server::tool::IntoCallToolResult;
use rmcp::model::{CallToolResponse, CallToolResult, ContentBlock, ErrorData};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::time::Timestamp;

/// What can go wrong, with what a caller needs to act on it.
///
/// Messages are lower-case facts with the subject in backticks; the advice is [`Error::hint`].
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    /// No server is configured under this alias.
    #[error("server `{alias}` is not known")]
    UnknownAlias {
        /// The alias that was asked for.
        alias: String,
    },
    /// No API is configured under this alias.
    #[error("API `{alias}` is not known")]
    UnknownApi {
        /// The alias that was asked for.
        alias: String,
    },
    /// No job in the queue has this ID.
    #[error("task `{id}` is not known")]
    UnknownTask {
        /// The ID that was asked for.
        id: String,
    },
    /// An argument is missing, unknown, or not of its type.
    #[error("parameter `{parameter}` {problem}")]
    InvalidArgument {
        /// The parameter's path, such as `files[0].local`.
        parameter: String,
        /// What is wrong with it, as the rest of a sentence.
        problem: String,
        /// What it should have been.
        expected: Option<String>,
    },
    /// The server could not be reached, or the line to it was lost.
    #[error("cannot connect to server `{alias}` at {host}:{port}: {reason}")]
    Connection {
        /// The server's alias.
        alias: String,
        /// Its host.
        host: String,
        /// Its port.
        port: u16,
        /// The cause; the operating system's name for it where there is one.
        reason: String,
    },
    /// The line was lost while a command or transfer was under way.
    #[error("the line to server `{alias}` at {host}:{port} was lost: {reason}")]
    LineLost {
        /// The server's alias.
        alias: String,
        /// Its host.
        host: String,
        /// Its port.
        port: u16,
        /// The cause.
        reason: String,
    },
    /// The server refused every method offered, or a key could not be used.
    #[error("server `{alias}` did not authenticate `{user}`: {reason}")]
    Auth {
        /// The server's alias.
        alias: String,
        /// The user to log in as.
        user: String,
        /// Why.
        reason: String,
        /// The methods tried, by their names in RFC 4252.
        tried: Vec<String>,
    },
    /// The server's host key is not the one on record.
    #[error("server `{alias}` at {host}:{port} showed a host key that is not the known one")]
    HostKeyMismatch {
        /// The server's alias.
        alias: String,
        /// Its host.
        host: String,
        /// Its port.
        port: u16,
        /// SHA-256 fingerprint of the key that the server showed.
        presented: String,
        /// SHA-256 fingerprints of the keys on record.
        known: Vec<String>,
        /// The file and line of the first key on record.
        known_at: String,
    },
    /// A server cannot do what it takes to keep a detached job.
    #[error("server `{alias}` cannot keep a detached task: {reason}")]
    NotDetached {
        /// The server's alias.
        alias: String,
        /// What it complained of.
        reason: String,
    },
    /// A server offers no shell for what needs one.
    #[error("server `{alias}` offers no shell for this: {reason}")]
    NoShell {
        /// The server's alias.
        alias: String,
        /// What is in the way.
        reason: String,
    },
    /// A server did not say what it was asked.
    #[error("`{tool}` on server `{alias}`: {reason}")]
    Monitoring {
        /// The server's alias.
        alias: String,
        /// The tool that asked.
        tool: &'static str,
        /// What the server said instead.
        reason: String,
    },
    /// A command ran past its timeout.
    #[error("the command ran past its timeout of {} s and was {stopped}", limit.as_secs_f64())]
    CommandTimeout {
        /// The timeout.
        limit: Duration,
        /// What became of the remote process.
        stopped: Stopped,
    },
    /// Not one file of a transfer got through.
    #[error("no file was transferred: {}", first_failure(failed))]
    Transfer {
        /// Each file that failed, with its reason.
        failed: Vec<FailedFile>,
    },
    /// The queue holds as many unfinished jobs as it may.
    #[error("the queue is full: {limit} jobs are pending or running")]
    QueueFull {
        /// `MAX_QUEUE_SIZE`
        limit: usize,
    },
    /// A job has been retried as often as it may be.
    #[error("task `{id}` has been retried {retries} times, which is the limit")]
    RetryLimit {
        /// The job.
        id: String,
        /// How often it has been retried.
        retries: u32,
    },
    /// A job's state or kind does not allow a retry.
    #[error("task `{id}` cannot be retried: {reason}")]
    NotRetryable {
        /// The job.
        id: String,
        /// Why not.
        reason: String,
    },
    /// A data file could not be read or written.
    #[error("cannot {action} `{}`: {reason}", path.display())]
    Storage {
        /// The file.
        path: PathBuf,
        /// What was attempted: `read`, `write`, `lock`.
        action: &'static str,
        /// The operating system's words.
        reason: String,
    },
    /// A job is under way and could not be recorded, so that it would be lost with this process.
    #[error("task `{id}` is running, but could not be recorded: {reason}")]
    Unrecorded {
        /// The job.
        id: String,
        /// Why not.
        reason: String,
    },
    /// A fault in this program.
    #[error("internal fault: {reason}")]
    Internal {
        /// What is known of it.
        reason: String,
    },
}

/// A file that a transfer could not move.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailedFile {
    /// The source path.
    pub file: String,
    /// Why it failed, in the words of whoever refused.
    pub error: String,
}

/// What is known of a remote process that was told to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stopped {
    /// The server reported its end.
    Stopped,
    /// It was sent a signal, and its end was not seen.
    Signalled,
    /// Nothing is known: it may still be running.
    Unknown,
}

impl fmt::Display for Stopped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Stopped => "stopped on the server",
            Self::Signalled => "sent a signal; whether it has ended is not known",
            Self::Unknown => "given up; it may still be running on the server",
        })
    }
}

fn first_failure(failed: &[FailedFile]) -> String {
    failed.first().map_or_else(
        || "there was nothing to transfer".to_owned(),
        |first| format!("`{}`: {}", first.file, first.error),
    )
}

impl Error {
    /// An `INVALID_ARGUMENT` for a value that has the right type and is still not acceptable.
    pub fn invalid(parameter: &str, problem: impl Into<String>) -> Self {
        Self::InvalidArgument {
            parameter: parameter.to_owned(),
            problem: problem.into(),
            expected: None,
        }
    }

    /// The code that programs match on.
    pub fn code(&self) -> &'static str {
        match self {
            Self::UnknownAlias { .. } | Self::UnknownApi { .. } => "UNKNOWN_ALIAS",
            Self::UnknownTask { .. } => "UNKNOWN_TASK",
            Self::InvalidArgument { .. } => "INVALID_ARGUMENT",
            Self::Connection { .. } | Self::LineLost { .. } => "CONNECTION_FAILED",
            Self::Auth { .. } => "AUTH_FAILED",
            Self::HostKeyMismatch { .. } => "HOST_KEY_MISMATCH",
            Self::NotDetached { .. } => "DETACH_FAILED",
            Self::NoShell { .. } => "NO_SHELL",
            Self::Monitoring { .. } => "MONITORING_ERROR",
            Self::CommandTimeout { .. } => "COMMAND_TIMEOUT",
            Self::Transfer { .. } => "TRANSFER_FAILED",
            Self::QueueFull { .. } => "QUEUE_FULL",
            Self::RetryLimit { .. } => "RETRY_LIMIT_EXCEEDED",
            Self::NotRetryable { .. } => "NOT_RETRYABLE",
            Self::Storage { .. } | Self::Unrecorded { .. } => "STORAGE_ERROR",
            Self::Internal { .. } => "INTERNAL_ERROR",
        }
    }

    /// What to do next, in a sentence.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::UnknownAlias { .. } => {
                "call server_list for the known aliases, or server_add to add one"
            }
            Self::UnknownApi { .. } => "call api_list for the known APIs, or api_add to add one",
            Self::UnknownTask { .. } => {
                "call task_queue for the known tasks; finished ones are kept for a day"
            }
            Self::InvalidArgument { .. } => "correct the argument and call again",
            Self::Connection { .. } => "check host, port and network, then call again",
            Self::LineLost { .. } => {
                "look on the server what was done before calling again: it may have run, or be running"
            }
            Self::Auth { .. } => {
                "check user, key and password; the key's public half belongs in the user's authorized_keys"
            }
            Self::HostKeyMismatch { .. } => {
                "nothing was sent; if the key was changed on purpose, remove the recorded line and call again"
            }
            Self::Monitoring { .. } => "see whether what was asked for is there and may be read",
            Self::NoShell { .. } => "run the commands one by one with task_exec",
            Self::NotDetached { .. } => {
                "it takes a POSIX shell and a home directory that can be written; or call without detach"
            }
            Self::CommandTimeout { .. } => {
                "raise the timeout, or run it by task_exec with detach: true"
            }
            Self::Transfer { .. } => {
                "check paths, permissions and free space, then call task_retry"
            }
            Self::QueueFull { .. } => "wait for running tasks to finish, or raise MAX_QUEUE_SIZE",
            Self::RetryLimit { .. } => "find the cause, then start it as a new task",
            Self::NotRetryable { .. } => "start it as a new task instead",
            Self::Storage { .. } => "check free space and permissions of the data directory",
            Self::Unrecorded { .. } => {
                "do not start it again: task_wait still finds it while this server runs; free space meanwhile"
            }
            Self::Internal { .. } => "this is a bug; task_logs has the details",
        }
    }

    /// The facts behind the message, as the contract names them.
    fn details(&self) -> Value {
        match self {
            Self::UnknownAlias { alias } | Self::UnknownApi { alias } => json!({ "alias": alias }),
            Self::UnknownTask { id } => json!({ "taskId": id }),
            Self::InvalidArgument {
                parameter,
                problem,
                expected,
            } => {
                json!({ "parameter": parameter, "reason": problem, "expected": expected })
            }
            Self::Connection {
                alias,
                host,
                port,
                reason,
            }
            | Self::LineLost {
                alias,
                host,
                port,
                reason,
            } => {
                json!({ "alias": alias, "host": host, "port": port, "reason": reason })
            }
            Self::Auth {
                alias,
                user,
                reason,
                tried,
            } => {
                json!({ "alias": alias, "user": user, "reason": reason, "tried": tried })
            }
            Self::HostKeyMismatch {
                alias,
                host,
                port,
                presented,
                known,
                known_at,
            } => json!({
                "alias": alias, "host": host, "port": port,
                "presented": presented, "known": known, "knownAt": known_at,
            }),
            Self::Monitoring {
                alias,
                tool,
                reason,
            } => json!({ "alias": alias, "tool": tool, "reason": reason }),
            Self::NotDetached { alias, reason } | Self::NoShell { alias, reason } => {
                json!({ "alias": alias, "reason": reason })
            }
            Self::CommandTimeout { limit, stopped } => {
                json!({ "timeout": limit.as_secs_f64(), "process": stopped })
            }
            Self::Transfer { failed } => json!({ "failedFiles": failed }),
            Self::QueueFull { limit } => json!({ "limit": limit }),
            Self::RetryLimit { id, retries } => json!({ "taskId": id, "retryCount": retries }),
            Self::NotRetryable { id, reason } | Self::Unrecorded { id, reason } => {
                json!({ "taskId": id, "reason": reason })
            }
            Self::Storage { path, reason, .. } => {
                json!({ "path": path.display().to_string(), "reason": reason })
            }
            Self::Internal { reason } => json!({ "reason": reason }),
        }
    }

    /// The error as it is kept in a job's record and sent to a client.
    pub fn report(&self) -> Report {
        let mut details = match self.details() {
            Value::Object(details) => details,
            _ => Map::new(),
        };
        details.retain(|_, value| !value.is_null());
        details.insert("hint".to_owned(), self.hint().into());
        Report {
            code: self.code().to_owned(),
            message: self.to_string(),
            details,
        }
    }
}

/// An error in the form that outlives the process: code, sentence, facts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// One of the contract's codes.
    pub code: String,
    /// One sentence.
    pub message: String,
    /// What is needed to act.
    pub details: Map<String, Value>,
}

impl Report {
    /// The object that the contract promises as a failed call's text.
    pub fn to_json(&self) -> Value {
        json!({
            "error": true,
            "code": self.code,
            "message": self.message,
            "details": self.details,
            "timestamp": Timestamp::now(),
        })
    }

    /// The failed call's result, with `structured` (a job's record) as its structured content.
    pub fn to_result(&self, structured: Option<Value>) -> CallToolResult {
        let object = self.to_json();
        let mut result = CallToolResult::error(vec![ContentBlock::text(object.to_string())]);
        result.structured_content = Some(structured.unwrap_or(object));
        result
    }
}

impl IntoCallToolResult for Error {
    fn into_call_tool_result(self) -> Result<CallToolResponse, ErrorData> {
        Ok(self.report().to_result(None).into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_has_the_contract_s_fields() {
        let error = Error::Connection {
            alias: "web1".into(),
            host: "192.0.2.7".into(),
            port: 22,
            reason: "ECONNREFUSED".into(),
        };
        let json = error.report().to_json();
        assert_eq!(json["error"], true);
        assert_eq!(json["code"], "CONNECTION_FAILED");
        assert_eq!(json["details"]["alias"], "web1");
        assert_eq!(json["details"]["reason"], "ECONNREFUSED");
        assert!(json["details"]["hint"].is_string());
        assert!(json["timestamp"].as_str().unwrap().ends_with('Z'));
    }

    #[test]
    fn absent_facts_are_left_out() {
        let report = Error::invalid("alias", "is empty").report();
        assert!(!report.details.contains_key("expected"));
    }
}
