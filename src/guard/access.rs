//! What a tool may do: one value, from which its annotations, its guarding and its auditing follow.

use rmcp::model::ToolAnnotations;

/// What a tool may do at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Access {
    /// Reads what this program holds.
    ReadsHere,
    /// Asks a server, or an API, something.
    ReadsServer,
    /// Adds to what is configured, and takes nothing away.
    AddsHere,
    /// Replaces or removes what is configured.
    ChangesHere,
    /// Changes how a server is reached, and asks it who it is.
    ConfiguresServer,
    /// Copies files between this machine and a server.
    MovesFiles,
    /// Runs what the caller says on a server.
    RunsCommands,
    /// Ends what runs, and begins nothing.
    StopsTask,
}

impl Access {
    /// A few words for a table.
    pub fn words(self) -> &'static str {
        match self {
            Self::ReadsHere => "reads here",
            Self::ReadsServer => "asks servers",
            Self::AddsHere => "adds settings",
            Self::ChangesHere => "changes settings",
            Self::ConfiguresServer => "changes settings, asks servers",
            Self::MovesFiles => "moves files",
            Self::RunsCommands => "runs commands",
            Self::StopsTask => "stops tasks",
        }
    }

    /// The hints that clients get (MCP specification, server/tools: `ToolAnnotations`).
    pub fn annotations(self) -> ToolAnnotations {
        let reads = matches!(self, Self::ReadsHere | Self::ReadsServer);
        let adds = matches!(self, Self::AddsHere);
        let repeats = matches!(self, Self::MovesFiles | Self::RunsCommands);
        ToolAnnotations::from_raw(
            None,
            Some(reads),
            Some(!reads && !adds),
            Some(!repeats),
            Some(self.is_remote()),
        )
    }

    /// Whether calls stand in the audit trail.
    pub fn is_audited(self) -> bool {
        self != Self::ReadsHere
    }

    /// Whether it goes beyond this machine.
    fn is_remote(self) -> bool {
        !matches!(self, Self::ReadsHere | Self::AddsHere | Self::ChangesHere)
    }

    /// Whether it needs the right to change something.
    pub(super) fn changes(self) -> bool {
        self.changes_server()
            || matches!(
                self,
                Self::AddsHere | Self::ChangesHere | Self::ConfiguresServer
            )
    }

    /// Whether it changes the server that its `alias` names.
    pub(super) fn changes_server(self) -> bool {
        matches!(self, Self::MovesFiles | Self::RunsCommands)
    }
}
