//! Code, facts and advice of an error.

use serde_json::{Value, json};

use super::{CONNECT_TIMEOUT, EXPIRED, Error, FailedFile, LEGACY, NO_COMMANDS, SERVERS_NAMED};

/// The advice on a server that offers old algorithms alone.
const OLD_ALGORITHMS: &str = "if the server cannot be updated, allow its old algorithms with legacyAlgorithms: true in server_add; they are weak";

/// The advice on a server that cannot be reached, or runs nothing.
fn hint_on_connection(reason: &str) -> &'static str {
    if reason.contains(LEGACY) {
        OLD_ALGORITHMS
    } else if reason.contains(CONNECT_TIMEOUT) {
        "a slow server, such as one that looks up names first, needs a longer connectTimeout (server_add); else check host, port and network"
    } else if reason == NO_COMMANDS {
        "a network device or recorder is added with kind: \"device\" (server_add): then its commands are typed at its prompt; else ask who runs it for a user that may run commands"
    } else {
        "check host, port and network, then call again"
    }
}

impl Error {
    /// The code that programs match on.
    pub fn code(&self) -> &'static str {
        match self {
            Self::UnknownAlias { .. } | Self::UnknownApi { .. } => "UNKNOWN_ALIAS",
            Self::NoTargets { .. } => "NO_TARGETS",
            Self::UnknownTask { .. } => "UNKNOWN_TASK",
            Self::UnknownResource { .. } => "UNKNOWN_RESOURCE",
            Self::InvalidArgument { .. } | Self::OnlyByHand { .. } => "INVALID_ARGUMENT",
            Self::Connection { .. } | Self::ConnectionLost { .. } => "CONNECTION_FAILED",
            Self::Auth { .. } | Self::Sudo(_) => "AUTH_FAILED",
            Self::HostKeyMismatch { .. } => "HOST_KEY_MISMATCH",
            Self::SecretUnavailable { .. } => "SECRET_UNAVAILABLE",
            Self::SshConfig { .. } => "SSH_CONFIG_ERROR",
            Self::Blocked { .. } => "POLICY_BLOCKED",
            Self::Declined { .. } => "DECLINED",
            Self::ApprovalPending { .. } => "APPROVAL_PENDING",
            Self::ApprovalExpired { .. } => "APPROVAL_EXPIRED",
            Self::Held { .. } => "HELD",
            Self::ReadOnly { .. } => "READ_ONLY",
            Self::RefusedOn { reason, .. } => reason.code(),
            Self::OutsideRoots { .. } | Self::OwnFile { .. } => "PATH_NOT_ALLOWED",
            Self::NotDetached { .. } => "DETACH_FAILED",
            Self::NoShell { .. } | Self::NoPrompt { .. } | Self::NotOnDevice { .. } => "NO_SHELL",
            Self::Monitoring { .. } => "MONITORING_ERROR",
            Self::Tunnel { .. } => "TUNNEL_FAILED",
            Self::CommandTimeout { .. } => "COMMAND_TIMEOUT",
            Self::File { failure, .. } => failure.code(),
            Self::OldNotFound { .. } => "OLD_NOT_FOUND",
            Self::NotUnique { .. } => "NOT_UNIQUE",
            Self::HashMismatch { .. } => "HASH_MISMATCH",
            Self::ChangedSince { .. } => "CHANGED_SINCE",
            Self::NothingToUndo { .. } => "NOTHING_TO_UNDO",
            Self::Transfer { .. } => "TRANSFER_FAILED",
            Self::QueueFull { .. } => "QUEUE_FULL",
            Self::RetryLimit { .. } => "RETRY_LIMIT_EXCEEDED",
            Self::NotRetryable { .. } => "NOT_RETRYABLE",
            Self::Storage { .. } | Self::Unrecorded { .. } => "STORAGE_ERROR",
            Self::Internal { .. } => "INTERNAL_ERROR",
        }
    }

    /// The advice, in a sentence.
    pub fn hint(&self) -> &str {
        match self {
            Self::UnknownAlias { .. } => "server_list shows all; server_add adds one",
            Self::NoTargets { .. } => {
                "nothing was begun; server_list shows all servers with their tags"
            }
            Self::RefusedOn { reason, .. } => reason.hint(),
            Self::UnknownApi { .. } => "api_list shows all; api_add adds one",
            Self::UnknownTask { .. } => {
                "call task_queue for the known tasks; finished ones are kept for a day"
            }
            Self::UnknownResource { .. } => {
                "list the resources for those that are there; tasks are kept for a day after their end"
            }
            Self::InvalidArgument { .. } => "correct it and call again",
            Self::Auth { reason, .. } if reason.contains(LEGACY) => OLD_ALGORITHMS,
            Self::Connection { reason, .. } => hint_on_connection(reason),
            Self::ConnectionLost { .. } => {
                "look on the server what was done before calling again: it may have run, or be running"
            }
            Self::Auth { reason, .. } if reason.starts_with(EXPIRED) => {
                "log in there with `ssh`, set a new password, and give that to server_add"
            }
            Self::Auth { .. } => {
                "check user, key and password; the key's public half belongs in the user's authorized_keys"
            }
            Self::Sudo(failure) => failure.advice,
            Self::HostKeyMismatch { .. } => {
                "nothing was sent; compare the fingerprint with the one that `ssh-keygen -lf` shows on the server itself, and call server_trust with it only if they are the same"
            }
            Self::SecretUnavailable { .. } => {
                "see that it is where it is said to be, or set it again with server_add or api_add"
            }
            Self::SshConfig { .. } => {
                "correct the file at that line, or give host and user instead"
            }
            Self::Blocked { advice, .. }
            | Self::Held { advice, .. }
            | Self::ReadOnly { advice, .. }
            | Self::OnlyByHand { advice, .. }
            | Self::ApprovalPending { advice, .. } => advice,
            Self::ApprovalExpired { .. } | Self::Declined { .. } => self.hint_on_agreement(),
            Self::OwnFile { .. } => {
                "copy what is wanted of it elsewhere first, or ask the person who runs this"
            }
            Self::OutsideRoots { .. } => {
                "use a path inside one of them, or ask the person who set MCP_ALLOWED_ROOTS"
            }
            Self::Monitoring { .. } => "see whether what was asked for is there and may be read",
            Self::NoShell { .. } => "run the commands one by one with task_exec",
            Self::NoPrompt { .. } => {
                "see with shell_open what its terminal shows; loginResponses of server_add answers questions at its login"
            }
            Self::NotOnDevice { instead, .. } => instead,
            Self::NotDetached { .. } => {
                "it takes a POSIX shell and a home directory that can be written; or call without detach"
            }
            Self::Tunnel { .. } => {
                "see with task_exec and `ss -ltn` on the server what listens there, and whether its sshd allows forwarding"
            }
            Self::CommandTimeout { .. } => "raise the timeout, or run it with detach: true",
            Self::File { path, .. } if is_of_kernel(path) => OF_THE_KERNEL,
            Self::File { failure, .. } => failure.hint(),
            Self::OldNotFound { .. } => {
                "nothing was changed; give the text exactly as it stands there, without line numbers; details.nearest has the lines that resemble it"
            }
            Self::NotUnique { .. } => {
                "nothing was changed; add lines around it until it stands there once, or give all: true"
            }
            Self::HashMismatch { .. } => {
                "nothing was changed; somebody else may have changed it: read it again, then call again"
            }
            Self::ChangedSince { .. } => {
                "nothing was undone; look at it first; force: true puts the old one back nevertheless"
            }
            Self::NothingToUndo { .. } => {
                "task_history with changed: true lists the tasks that can be undone"
            }
            Self::Transfer { failed } if failed.iter().any(is_pattern) => {
                "patterns are for task_transfer_multi, which takes files: [{local, remote}]"
            }
            Self::Transfer { .. } => {
                "check paths, permissions and free space, then call task_retry"
            }
            Self::QueueFull { .. } => "wait for running tasks to finish, or raise MAX_QUEUE_SIZE",
            Self::RetryLimit { .. } => "find the cause, then start it as a new task",
            Self::NotRetryable { .. } => "start it as a new task instead",
            Self::Storage { action: "read", .. } => {
                "correct what is wrong with the file, or with its permissions"
            }
            Self::Storage { .. } => "check free space and permissions of the data directory",
            Self::Unrecorded { .. } => {
                "do not start it again: task_wait still finds it while this server runs; free space meanwhile"
            }
            Self::Internal { .. } => "this is a bug; task_logs has the details",
        }
    }

    /// The advice where a person has not agreed.
    fn hint_on_agreement(&self) -> &'static str {
        match self {
            Self::ApprovalExpired { .. } => {
                "nothing was done; tell the person, and call again once they are there"
            }
            _ => "nothing was changed; leave it, and ask what they want instead",
        }
    }

    /// The facts behind the message, as the contract names them.
    pub(crate) fn details(&self) -> Value {
        match self {
            Self::UnknownAlias { .. }
            | Self::UnknownApi { .. }
            | Self::NoTargets { .. }
            | Self::UnknownTask { .. }
            | Self::UnknownResource { .. } => self.details_on_names(),
            Self::InvalidArgument {
                parameter,
                problem,
                expected,
            } => {
                json!({ "parameter": parameter, "reason": problem, "expected": expected })
            }
            Self::OnlyByHand {
                parameter, problem, ..
            } => json!({ "parameter": parameter, "reason": problem }),
            Self::Connection {
                alias,
                host,
                port,
                reason,
            }
            | Self::ConnectionLost {
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
                said,
            } => {
                json!({
                    "alias": alias, "user": user, "reason": reason, "tried": tried,
                    "serverSays": (!said.is_empty()).then_some(said),
                })
            }
            Self::Sudo(failure) => failure.details(),
            Self::HostKeyMismatch {
                alias,
                host,
                port,
                presented,
                known,
                known_at,
                problem,
            } => json!({
                "alias": alias, "host": host, "port": port,
                "presented": presented, "known": known, "knownAt": known_at,
                "reason": problem.to_string(),
            }),
            Self::SecretUnavailable { secret, reason } => {
                json!({ "secret": secret, "reason": reason })
            }
            Self::SshConfig {
                alias,
                name,
                reason,
            } => json!({ "alias": alias, "name": name, "reason": reason }),
            Self::Blocked {
                rule, part, reason, ..
            } => json!({ "rule": rule, "part": part, "reason": reason }),
            Self::Declined { question, .. } => json!({ "question": question }),
            Self::ApprovalPending { id, question, .. } => {
                json!({ "approval": id, "question": question })
            }
            Self::ReadOnly { subject, tool, .. } => json!({ "subject": subject, "tool": tool }),
            Self::NotDetached { alias, reason }
            | Self::NoShell { alias, reason }
            | Self::NoPrompt { alias, reason } => json!({ "alias": alias, "reason": reason }),
            Self::NotOnDevice { alias, lacks, .. } => json!({ "alias": alias, "lacks": lacks }),
            Self::CommandTimeout { limit, stopped } => {
                json!({ "timeout": limit.as_secs_f64(), "process": stopped })
            }
            Self::RefusedOn { .. }
            | Self::ApprovalExpired { .. }
            | Self::Held { .. }
            | Self::Monitoring { .. }
            | Self::QueueFull { .. }
            | Self::RetryLimit { .. }
            | Self::Tunnel { .. }
            | Self::File { .. }
            | Self::OldNotFound { .. }
            | Self::NotUnique { .. }
            | Self::HashMismatch { .. }
            | Self::ChangedSince { .. }
            | Self::NothingToUndo { .. }
            | Self::OwnFile { .. }
            | Self::OutsideRoots { .. }
            | Self::Storage { .. }
            | Self::NotRetryable { .. }
            | Self::Unrecorded { .. }
            | Self::Transfer { .. } => self.details_on_work(),
            Self::Internal { reason } => json!({ "reason": reason }),
        }
    }

    /// The facts behind a name that leads to nothing.
    fn details_on_names(&self) -> Value {
        match self {
            Self::UnknownAlias { alias, known } | Self::UnknownApi { alias, known } => {
                json!({ "alias": alias, "known": known.named, "more": known.more() })
            }
            Self::NoTargets {
                part,
                aliases,
                tags,
            } => json!({
                "part": part, "known": aliases.named, "more": aliases.more(),
                "tags": tags.named, "moreTags": tags.more(),
            }),
            Self::UnknownTask { id } => json!({ "taskId": id }),
            Self::UnknownResource { uri } => json!({ "uri": uri }),
            _ => Value::Null,
        }
    }

    /// The facts behind a failure on files, tasks or tunnels, or of monitoring.
    fn details_on_work(&self) -> Value {
        match self {
            Self::Monitoring {
                alias,
                tool,
                reason,
            } => json!({ "alias": alias, "tool": tool, "reason": reason }),
            Self::QueueFull { limit } => json!({ "limit": limit }),
            Self::RetryLimit { id, retries } => json!({ "taskId": id, "retryCount": retries }),
            Self::Tunnel { alias, to, reason } => {
                json!({ "alias": alias, "to": to, "reason": reason })
            }
            Self::RefusedOn {
                servers,
                of,
                reason,
            } => {
                let shown = &servers[..servers.len().min(SERVERS_NAMED)];
                json!({ "refusedOn": shown, "of": of, "reason": reason.to_string() })
            }
            Self::File { path, reason, .. } => json!({ "path": path, "reason": reason }),
            Self::OldNotFound {
                path,
                parameter,
                nearest,
            } => json!({ "path": path, "parameter": parameter, "nearest": nearest }),
            Self::NotUnique {
                path,
                parameter,
                count,
                lines,
            } => json!({ "path": path, "parameter": parameter, "count": count, "lines": lines }),
            Self::HashMismatch {
                path,
                expected,
                actual,
            } => json!({ "path": path, "expected": expected, "actual": actual }),
            Self::ChangedSince { path, left, actual } => {
                json!({ "path": path, "left": left, "actual": actual })
            }
            Self::Held {
                subject, by, since, ..
            } => json!({ "subject": subject, "heldBy": by, "since": since }),
            Self::ApprovalExpired { id } => json!({ "approval": id }),
            Self::NothingToUndo { id } => json!({ "undone": id }),
            Self::Storage { path, reason, .. } => {
                json!({ "path": path.display().to_string(), "reason": reason })
            }
            Self::NotRetryable { id, reason } | Self::Unrecorded { id, reason } => {
                json!({ "taskId": id, "reason": reason })
            }
            Self::OwnFile { path } => json!({ "path": path }),
            Self::OutsideRoots { path, roots } => json!({ "path": path, "roots": roots }),
            Self::Transfer { failed } => json!({ "failedFiles": failed }),
            _ => Value::Null,
        }
    }
}

/// The advice on files below /proc, /sys and /dev.
pub(crate) const OF_THE_KERNEL: &str = "what is below /proc, /sys and /dev is read in place and cannot be replaced; task_exec sets a value there, as with `tee`";

/// Returns whether a file is one by which the kernel shows and takes something.
pub(crate) fn is_of_kernel(path: &str) -> bool {
    ["/proc/", "/sys/", "/dev/"]
        .iter()
        .any(|directory| path.starts_with(directory))
}

/// Returns whether a pattern was given where a path was expected.
fn is_pattern(failed: &FailedFile) -> bool {
    let is_multi = failed.error.starts_with("no file matches");
    failed.file.contains(['*', '?', '{']) && !is_multi
}
