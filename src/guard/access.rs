//! Access classes of tools. Annotations, guard and audit follow from them.

use rmcp::model::ToolAnnotations;

/// The access class of a tool: the most that its calls may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Access {
    /// Reads data of this program.
    ReadsHere,
    /// Reads something from a server, or from an API.
    ReadsServer,
    /// Adds to the configuration, and removes nothing.
    AddsHere,
    /// Replaces or removes parts of the configuration.
    ChangesHere,
    /// Changes a server's entry, and connects to it.
    ConfiguresServer,
    /// Copies files between this machine and a server.
    MovesFiles,
    /// Changes files on a server.
    ChangesFiles,
    /// Runs the caller's commands on a server.
    RunsCommands,
    /// Opens tunnels to a server's network, or from a server to this machine.
    OpensTunnels,
    /// Closes tunnels.
    ClosesTunnels,
    /// Stops a running task.
    StopsTask,
}

impl Access {
    /// The class in a few words, for the guide's table.
    pub fn words(self) -> &'static str {
        match self {
            Self::ReadsHere => "reads here",
            Self::ReadsServer => "asks servers",
            Self::AddsHere => "adds settings",
            Self::ChangesHere => "changes settings",
            Self::ConfiguresServer => "changes settings, asks servers",
            Self::MovesFiles => "moves files",
            Self::ChangesFiles => "changes files",
            Self::RunsCommands => "runs commands",
            Self::OpensTunnels => "opens tunnels",
            Self::ClosesTunnels => "closes tunnels",
            Self::StopsTask => "stops tasks",
        }
    }

    /// The annotations for clients (MCP specification, server/tools: `ToolAnnotations`).
    pub fn annotations(self) -> ToolAnnotations {
        let reads = matches!(self, Self::ReadsHere | Self::ReadsServer);
        let adds = matches!(self, Self::AddsHere);
        let repeats = matches!(
            self,
            Self::MovesFiles | Self::ChangesFiles | Self::RunsCommands | Self::OpensTunnels
        );
        ToolAnnotations::from_raw(
            None,
            Some(reads),
            Some(!reads && !adds),
            Some(!repeats),
            Some(self.is_remote()),
        )
    }

    /// Returns true if calls are recorded in the audit trail.
    pub fn is_audited(self) -> bool {
        self != Self::ReadsHere
    }

    /// Returns true if calls may reach beyond this machine.
    fn is_remote(self) -> bool {
        !matches!(self, Self::ReadsHere | Self::AddsHere | Self::ChangesHere)
    }

    /// Returns true if calls do more than read.
    pub(crate) fn acts(self) -> bool {
        !matches!(self, Self::ReadsHere | Self::ReadsServer)
    }

    /// Returns true if calls start no task, which would wait for a person itself.
    pub(crate) fn is_asked_before(self) -> bool {
        matches!(
            self,
            Self::AddsHere | Self::ChangesHere | Self::ConfiguresServer | Self::OpensTunnels
        )
    }

    /// Returns true if calls may change which rules hold, or for which servers.
    pub(crate) fn weakens(self) -> bool {
        matches!(self, Self::ChangesHere | Self::ConfiguresServer)
    }

    /// Returns true if the argument `alias` of calls is a server's.
    pub(crate) fn is_about_server(self) -> bool {
        self.changes_server() || self == Self::ConfiguresServer
    }

    /// Returns true if a person who holds everything holds such calls.
    pub(super) fn is_held(self) -> bool {
        !matches!(
            self,
            Self::ReadsHere | Self::ClosesTunnels | Self::StopsTask
        )
    }

    /// Returns true if calls may change something, here or on a server.
    pub(crate) fn changes(self) -> bool {
        self.changes_server()
            || matches!(
                self,
                Self::AddsHere | Self::ChangesHere | Self::ConfiguresServer
            )
    }

    /// Returns true if calls may change the server that their `alias` names.
    pub(super) fn changes_server(self) -> bool {
        matches!(
            self,
            Self::MovesFiles | Self::ChangesFiles | Self::RunsCommands | Self::OpensTunnels
        )
    }
}
