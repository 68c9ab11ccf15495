//! The error type of the whole crate, with a code, details and a hint for each error.

mod advice;
mod file_failure;
mod known_aliases;
mod sudo_failure;

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::task::JoinError;

use crate::host_key::Problem;
pub(crate) use advice::{OF_THE_KERNEL, is_of_kernel};
pub use file_failure::{FileFailure, NearestLine};
pub use known_aliases::KnownAliases;
pub use sudo_failure::SudoFailure;

/// Ends the reason of a connection that took longer than `connectTimeout`; the hint depends on it.
pub(crate) const CONNECT_TIMEOUT: &str = "(connectTimeout)";
/// The option in a reason that allows the algorithms of an old server; the hint depends on it.
pub(crate) const LEGACY: &str = "legacyAlgorithms: true";
/// The reason why a server runs no command; the hint depends on it.
pub(crate) const NO_COMMANDS: &str = "the server refuses to run commands for this user";
/// Begins the reason of a login whose password has expired; the hint depends on it.
pub(crate) const EXPIRED: &str = "the password has expired and is to be changed";

/// The servers that a message names.
const SERVERS_NAMED: usize = 10;

/// An error that a caller can act on.
///
/// A message is a lower-case fact with its subject in backticks; [`Error::hint`] is the advice.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    /// No server is configured under this alias.
    #[error("server `{alias}` is not known{}", known.suggestion())]
    UnknownAlias {
        /// The alias that was asked for.
        alias: String,
        /// The aliases that there are.
        known: KnownAliases,
    },
    /// A tag, a pattern, or what is left of an expression, stands for no server.
    #[error("`{part}` stands for no server{}", tags.suggestion())]
    NoTargets {
        /// The part of the expression, or all of it.
        part: Box<str>,
        /// The aliases that there are.
        aliases: Box<KnownAliases>,
        /// The tags that there are, each as an expression.
        tags: Box<KnownAliases>,
    },
    /// No API is configured under this alias.
    #[error("API `{alias}` is not known{}", known.suggestion())]
    UnknownApi {
        /// The alias that was asked for.
        alias: String,
        /// The aliases that there are.
        known: KnownAliases,
    },
    /// No job in the queue has this ID.
    #[error("task `{id}` is not known")]
    UnknownTask {
        /// The ID that was asked for.
        id: String,
    },
    /// No resource has this address.
    #[error("resource `{uri}` is not known")]
    UnknownResource {
        /// The address that was asked for.
        uri: String,
    },
    /// An argument is missing, unknown, or not of its type.
    #[error("parameter `{parameter}` {problem}")]
    InvalidArgument {
        /// The parameter's path, such as `files[0].local`.
        parameter: String,
        /// The problem, which completes a sentence.
        problem: String,
        /// The expected type or value.
        expected: Option<String>,
    },
    /// A reference to a secret that only a person may make.
    #[error("parameter `{parameter}` {problem}")]
    OnlyByHand {
        /// The parameter.
        parameter: String,
        /// The problem, which completes a sentence.
        problem: String,
        /// The advice.
        advice: String,
    },
    /// The server could not be reached, or the connection to it was lost.
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
    /// The connection was lost while a command or transfer was under way.
    #[error("the connection to server `{alias}` at {host}:{port} was lost: {reason}")]
    ConnectionLost {
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
        /// The cause.
        reason: String,
        /// The methods tried, by their names in RFC 4252.
        tried: Vec<String>,
        /// Messages of the server during the login.
        said: Vec<String>,
    },
    /// The server did not let a command run as another user.
    #[error(transparent)]
    Sudo(Box<SudoFailure>),
    /// The server's host key is not to be trusted.
    #[error("server `{alias}` at {host}:{port} showed a host key that {problem}")]
    HostKeyMismatch {
        /// The server's alias.
        alias: String,
        /// Its host.
        host: String,
        /// Its port.
        port: u16,
        /// SHA-256 fingerprint of the key that the server showed.
        presented: Box<str>,
        /// SHA-256 fingerprints of the keys on record.
        known: Vec<String>,
        /// File and line of the first key on record.
        known_at: Option<Box<str>>,
        /// The problem with the key.
        problem: Problem,
    },
    /// A stored secret cannot be decrypted, or its reference leads to none.
    #[error("{secret} could not be read: {reason}")]
    SecretUnavailable {
        /// A form of the secret that may be shown.
        secret: String,
        /// The cause.
        reason: String,
    },
    /// The user's own SSH configuration cannot be read, or has not all that a connection needs.
    #[error("the SSH configuration does not tell how to reach `{name}`: {reason}")]
    SshConfig {
        /// The server's alias; empty if there is none.
        alias: String,
        /// The host that was looked up.
        name: String,
        /// The cause.
        reason: String,
    },
    /// The policy refuses a command.
    #[error("the policy refuses `{part}`: {reason}")]
    Blocked {
        /// The rule that matches, if one does.
        rule: Option<String>,
        /// The refused part of the command.
        part: String,
        /// The cause.
        reason: String,
        /// A way that passes.
        advice: String,
    },
    /// The person said no to what the call would do, or nothing.
    #[error("the person did not agree: {reason}")]
    Declined {
        /// The question.
        question: String,
        /// The cause.
        reason: String,
    },
    /// A person has to agree first, and the client cannot ask them.
    #[error("pending: a person has to agree first")]
    ApprovalPending {
        /// The ID under which the question waits.
        id: String,
        /// The question.
        question: String,
        /// The way to answer it.
        advice: String,
    },
    /// Nobody has answered in time whether a task may begin.
    #[error("nobody agreed to task `{id}` within ten minutes")]
    ApprovalExpired {
        /// The task.
        id: String,
    },
    /// A person has stopped a server, or everything.
    #[error("{subject} is held by {by} since {since}")]
    Held {
        /// The server, or everything.
        subject: String,
        /// The one who has stopped it.
        by: String,
        /// When they did.
        since: String,
        /// The way to go on.
        advice: String,
    },
    /// A server, or everything, is read-only.
    #[error("{subject} is read-only, and `{tool}` would run or change something")]
    ReadOnly {
        /// The read-only server, or everything.
        subject: String,
        /// The tool that was called.
        tool: String,
        /// The person who can change that.
        advice: String,
    },
    /// A change of many servers that some of them do not allow.
    #[error("nothing was begun, because it is refused on {} of {of} servers ({}): {reason}", servers.len(), named(servers))]
    RefusedOn {
        /// The servers that do not allow it.
        servers: Vec<String>,
        /// The number of all servers.
        of: usize,
        /// The cause on one of them.
        reason: Box<Error>,
    },
    /// A local path that transfers may not touch.
    #[error("`{path}` is outside the directories that transfers may touch")]
    OutsideRoots {
        /// The path as it was given.
        path: String,
        /// The directories.
        roots: Vec<String>,
    },
    /// A local path in the data directory.
    #[error("`{path}` is among this program's own files, which transfers leave alone")]
    OwnFile {
        /// The path as it was given.
        path: String,
    },
    /// A server cannot run a detached job.
    #[error("server `{alias}` cannot keep a detached task: {reason}")]
    NotDetached {
        /// The server's alias.
        alias: String,
        /// The cause, in the server's words.
        reason: String,
    },
    /// A server has no shell, and the call needs one.
    #[error("server `{alias}` offers no shell for this: {reason}")]
    NoShell {
        /// The server's alias.
        alias: String,
        /// The cause.
        reason: String,
    },
    /// A device showed no prompt at its terminal.
    #[error("server `{alias}` shows no prompt for commands: {reason}")]
    NoPrompt {
        /// The server's alias.
        alias: String,
        /// The cause.
        reason: String,
    },
    /// A call needs what a device does not have.
    #[error("server `{alias}` is a device, which has no {lacks}")]
    NotOnDevice {
        /// The server's alias.
        alias: String,
        /// The thing that it does not have.
        lacks: &'static str,
        /// The way that is left.
        instead: &'static str,
    },
    /// A server did not answer a monitoring tool's question.
    #[error("`{tool}` failed on server `{alias}`: {reason}")]
    Monitoring {
        /// The server's alias.
        alias: String,
        /// The tool that asked.
        tool: &'static str,
        /// The server's answer.
        reason: String,
    },
    /// A tunnel's far end could not be reached.
    #[error("the tunnel of server `{alias}` to {to} could not be opened: {reason}")]
    Tunnel {
        /// The server's alias.
        alias: String,
        /// The place that it was to lead to.
        to: String,
        /// The cause.
        reason: String,
    },
    /// A command ran past its timeout.
    #[error("the command ran past its timeout of {} s and was {stopped}", limit.as_secs_f64())]
    CommandTimeout {
        /// The timeout.
        limit: Duration,
        /// The state of the remote process.
        stopped: Stopped,
    },
    /// A file of a server could not be read or changed.
    #[error("`{path}` could not be read or changed: {reason}")]
    File {
        /// The file.
        path: String,
        /// The kind of failure.
        failure: FileFailure,
        /// The cause, in the words of the server where there are any.
        reason: String,
    },
    /// A text that is to be replaced does not stand in the file.
    #[error("`{path}` does not have the text of `{parameter}`")]
    OldNotFound {
        /// The file.
        path: String,
        /// The parameter with the text.
        parameter: String,
        /// The lines that resemble it most.
        nearest: Vec<NearestLine>,
    },
    /// A text that is to be replaced stands in the file more than once.
    #[error("`{path}` has the text of `{parameter}` {count} times")]
    NotUnique {
        /// The file.
        path: String,
        /// The parameter with the text.
        parameter: String,
        /// The number of places.
        count: usize,
        /// The lines of the first places.
        lines: Vec<usize>,
    },
    /// A file does not have the content that it is to have.
    #[error("`{path}` is not as expected: {}", differing_hashes(expected.as_deref(), actual.as_deref()))]
    HashMismatch {
        /// The file.
        path: String,
        /// The expected SHA-256, or its beginning; `None` where no file was expected.
        expected: Option<String>,
        /// The SHA-256; `None` where there is no file.
        actual: Option<String>,
    },
    /// A file, or a server's address, is not as the task left it that is to be undone.
    #[error("`{path}` was changed since: {}", differing_hashes(left.as_deref(), actual.as_deref()))]
    ChangedSince {
        /// The file.
        path: String,
        /// Its SHA-256 as the task left it; `None` where it had removed the file.
        left: Option<String>,
        /// The SHA-256 now; `None` where there is no file.
        actual: Option<String>,
    },
    /// A task has changed no file, or its versions are not kept any more.
    #[error("nothing of task `{id}` can be undone")]
    NothingToUndo {
        /// The task.
        id: String,
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
    /// A job has reached the limit of retries.
    #[error("task `{id}` has been retried {retries} times, which is the limit")]
    RetryLimit {
        /// The job.
        id: String,
        /// The number of retries.
        retries: u32,
    },
    /// A job's state or kind does not allow a retry.
    #[error("task `{id}` cannot be retried: {reason}")]
    NotRetryable {
        /// The job.
        id: String,
        /// The cause.
        reason: String,
    },
    /// A data file could not be read or written.
    #[error("cannot {action} `{}`: {reason}", path.display())]
    Storage {
        /// The file.
        path: PathBuf,
        /// The action that failed: `read`, `write`, `lock`.
        action: &'static str,
        /// The operating system's words.
        reason: String,
    },
    /// A running job could not be recorded, so that it would be lost with this process.
    #[error("task `{id}` is running, but could not be recorded: {reason}")]
    Unrecorded {
        /// The job.
        id: String,
        /// The cause.
        reason: String,
    },
    /// A fault in this program.
    #[error("internal fault: {reason}")]
    Internal {
        /// The cause.
        reason: String,
    },
}

/// A file that a transfer could not move.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailedFile {
    /// The source path.
    pub file: String,
    /// The cause, in the words of the server or the operating system.
    pub error: String,
}

/// The state of a remote process that was told to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stopped {
    /// The server reported its end.
    Stopped,
    /// A signal was sent, and the server has not reported its end.
    Signalled,
    /// Nothing is known; it may still be running.
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

fn differing_hashes(expected: Option<&str>, actual: Option<&str>) -> String {
    let [expected, actual] = [expected, actual].map(|hash| match hash {
        Some(hash) => hash.to_owned(),
        None => "no file".to_owned(),
    });
    format!("{actual} instead of {expected}")
}

/// The first names of servers.
fn named(servers: &[String]) -> String {
    let named = servers.iter().take(SERVERS_NAMED);
    let named = named.map(|alias| format!("`{alias}`"));
    let named = named.collect::<Vec<_>>().join(", ");
    match servers.len().saturating_sub(SERVERS_NAMED) {
        0 => named,
        others => format!("{named} and {others} more"),
    }
}

fn first_failure(failed: &[FailedFile]) -> String {
    failed.first().map_or_else(
        || "there was nothing to transfer".to_owned(),
        |first| format!("`{}`: {}", first.file, first.error),
    )
}

impl Error {
    /// A `STORAGE_ERROR` in the words of the operating system.
    pub fn storage(
        path: impl Into<PathBuf>,
        action: &'static str,
        reason: impl fmt::Display,
    ) -> Self {
        Self::Storage {
            path: path.into(),
            action,
            reason: reason.to_string(),
        }
    }

    /// An `INVALID_ARGUMENT` for a value of the right type that cannot be accepted.
    pub fn invalid(parameter: &str, problem: impl Into<String>) -> Self {
        Self::InvalidArgument {
            parameter: parameter.to_owned(),
            problem: problem.into(),
            expected: None,
        }
    }
}

impl From<JoinError> for Error {
    fn from(error: JoinError) -> Self {
        Self::Internal {
            reason: error.to_string(),
        }
    }
}
