//! The report about a call on one server.

/// The report about a call on one server.
#[derive(Clone, Debug)]
pub struct ChildReport {
    /// The server.
    pub alias: String,
    /// Its address or host name. Where outputs differ by nothing else, a placeholder stands for it.
    pub host: Option<String>,
    /// The ID of the child task, which its output may name.
    pub task: Option<String>,
    /// The outcome.
    pub outcome: ChildOutcome,
    /// The output as an answer about the child alone shows it, without that answer's first line.
    pub output: String,
    /// A hash of the whole output where `output` shows parts of it: such outputs are the same only if their hashes
    /// are.
    pub digest: Option<[u8; 32]>,
}

/// The outcome of a call on one server. Reasons are sentences without a full stop.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ChildOutcome {
    /// It did what was asked.
    Succeeded,
    /// It did not, such as a command with another exit status than 0.
    Failed {
        /// The reason, such as `exit status 2`.
        reason: String,
    },
    /// There was no connection to the server.
    Unreachable {
        /// The reason.
        reason: String,
    },
    /// The policy, or a read-only server, does not allow it.
    Refused {
        /// The reason.
        reason: String,
    },
    /// It was not begun, and will not be.
    NotBegun {
        /// The reason.
        reason: String,
    },
    /// It goes on.
    Running,
}
