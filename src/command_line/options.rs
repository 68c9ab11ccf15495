//! The options of `install`, `uninstall`, `permissions`, `doctor`, `approve`, `stop` and `resume`.

use clap::Args;

use crate::config::Overrides;
use crate::install::{InstallRequest, NAME, Tier, client_names};

/// The client and the entry that a command is about.
#[derive(Debug, Args)]
struct EntryOptions {
    /// The client
    #[arg(long, help = format!("The client: {}", client_names()))]
    client: Option<String>,
    /// The server's name there
    #[arg(long, help = format!("The server's name there [default: {NAME}]"))]
    name: Option<String>,
    /// Show what would change, and change nothing
    #[arg(long)]
    dry_run: bool,
}

/// The options of `install`.
#[derive(Debug, Args)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is an option of the command line"
)]
pub struct InstallOptions {
    #[command(flatten)]
    entry: EntryOptions,
    /// Show the registration, and change nothing
    #[arg(long)]
    print: bool,
    /// Also add the client's own rules against raw ssh, scp and sftp, and against approve, deny and resume
    #[arg(long, requires = "client")]
    deny_ssh: bool,
    /// Take the place and settings of the Node original, unasked
    #[arg(long, conflicts_with = "no_take_over")]
    take_over: bool,
    /// Leave the Node original alone, unasked
    #[arg(long)]
    no_take_over: bool,
}

/// The options of `uninstall`.
#[derive(Debug, Args)]
pub struct UninstallOptions {
    #[command(flatten)]
    entry: EntryOptions,
}

/// The options of `permissions`.
#[derive(Debug, Args)]
pub struct PermissionsOptions {
    /// The client: claude-code, cursor, gemini-cli or codex
    pub(super) client: String,
    /// The tools that it need not ask about
    #[arg(long, value_enum, default_value_t = Tier::Read)]
    pub(super) tier: Tier,
    /// The server's name there
    #[arg(long, help = format!("The server's name there [default: {NAME}]"))]
    pub(super) name: Option<String>,
}

/// The options of `doctor`.
#[derive(Debug, Args)]
pub struct DoctorOptions {
    /// Check with what this MCP client gives it of the environment
    #[arg(long = "as", value_name = "CLIENT")]
    client: Option<String>,
    /// The server's name there
    #[arg(long, requires = "client")]
    name: Option<String>,
}

/// The options of `approve`.
#[derive(Debug, Args)]
pub struct ApproveOptions {
    /// The question's ID; with --forget, the server's alias
    pub(super) id: Option<String>,
    /// Let such commands through on that server from now on: the program with its first word if that is a verb, else this
    /// very command
    #[arg(long, requires = "id")]
    pub(super) always: bool,
    /// Ask again about such commands
    #[arg(
        long,
        value_name = "COMMAND",
        requires = "id",
        conflicts_with = "always"
    )]
    pub(super) forget: Option<String>,
}

/// The options of `stop`.
#[derive(Debug, Args)]
pub struct StopOptions {
    /// A server's alias, or a task's ID; everything without it
    pub(super) what: Option<String>,
    /// Everything
    #[arg(long, conflicts_with = "what")]
    all: bool,
}

/// The options of `resume`.
#[derive(Debug, Args)]
pub struct ResumeOptions {
    /// A server's alias; everything without it
    pub(super) alias: Option<String>,
    /// Everything
    #[arg(long, conflicts_with = "alias")]
    all: bool,
}

impl EntryOptions {
    fn request(self, overrides: Overrides) -> InstallRequest {
        InstallRequest {
            client: self.client,
            name: self.name,
            is_dry: self.dry_run,
            overrides,
            ..InstallRequest::default()
        }
    }
}

impl InstallOptions {
    pub(super) fn request(self, overrides: Overrides) -> InstallRequest {
        let decided = self.take_over || self.no_take_over;
        InstallRequest {
            prints: self.print,
            denies_ssh: self.deny_ssh,
            takes_over: decided.then_some(self.take_over),
            ..self.entry.request(overrides)
        }
    }
}

impl UninstallOptions {
    pub(super) fn request(self) -> InstallRequest {
        // An entry that goes has no settings.
        self.entry.request(Overrides::default())
    }
}

impl DoctorOptions {
    /// The request to look as a client does, or the settings to look with.
    pub(super) fn request(self, overrides: Overrides) -> Result<InstallRequest, Overrides> {
        match self.client {
            Some(client) => Ok(InstallRequest {
                client: Some(client),
                name: self.name,
                overrides,
                ..InstallRequest::default()
            }),
            None => Err(overrides),
        }
    }
}
