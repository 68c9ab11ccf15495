//! Every environment variable, named once.

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
        name: "MAX_TRANSFER_ENTRIES",
        default: "1000000",
        meaning: "most files, directories and links that one transfer lists",
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
        name: "MCP_HOST_KEY_POLICY",
        default: "accept-new",
        meaning: "what becomes of a host whose key is not known: accept-new records it, strict refuses it",
    },
    Setting {
        name: "MCP_READONLY",
        default: "false",
        meaning: "refuse every tool that runs or changes something on a server",
    },
    Setting {
        name: "MCP_ALLOWED_ROOTS",
        default: "",
        meaning: "local directories that transfers stay inside, separated as in PATH or by commas; all if empty",
    },
    Setting {
        name: "MCP_SECRET_KEY",
        default: "",
        meaning: "what the stored secrets are encrypted with, instead of the keyring or the key file",
    },
    Setting {
        name: "MCP_KEYRING",
        default: "true",
        meaning: "keep that key in the operating system's keyring where there is one, else in a file",
    },
    Setting {
        name: "MCP_KEEP_CLEAR_SECRETS",
        default: "false",
        meaning: "when clear-text secrets are encrypted, keep the old file beside the new one",
    },
    Setting {
        name: "MCP_ALLOW_CMD_SECRETS",
        default: "false",
        meaning: "let tools take cmd: secrets, which run here, and file: ones outside the home directory",
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
