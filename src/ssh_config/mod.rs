//! The settings of a host in the OpenSSH client's configuration files.

mod algorithms;
#[cfg(all(test, unix))]
mod compare;
mod condition;
#[cfg(all(test, unix))]
mod faults;
mod finish;
mod include;
mod jump;
mod keywords;
mod local;
mod names;
mod pattern;
mod resolver;
mod settings;
mod source;
#[cfg(all(test, unix))]
mod tests;
mod tokens;
mod values;
mod walk;
mod words;

use std::path::PathBuf;
use std::time::Duration;

pub use algorithms::Algorithms;
pub use jump::Jump;
pub use values::{AddressFamily, IdentityAgent, StrictHostKeyChecking};

use local::Local;

/// The locations of the files. A missing file counts as empty.
#[derive(Clone, Debug)]
pub struct ConfigFiles {
    /// The user's file: `~/.ssh/config`.
    pub user: PathBuf,
    /// The system's file: `/etc/ssh/ssh_config`.
    pub system: PathBuf,
    /// The directory that `~` stands for.
    pub home: PathBuf,
}

/// The settings of a host. `None` if the files do not set it.
///
/// Paths are as OpenSSH takes them: one without a directory is below the working directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SshHost {
    /// The name or address to connect to: `HostName`, or the name that was asked for.
    pub host_name: String,
    /// The user there: the one that was asked for, or `User`.
    pub user: Option<String>,
    /// `Port`.
    pub port: Option<u16>,
    /// `IdentityFile`, each once; an empty list if all that is said is `none`: then the usual
    /// files are not to be tried.
    pub identity_files: Option<Vec<PathBuf>>,
    /// `CertificateFile`, each once.
    pub certificate_files: Vec<PathBuf>,
    /// `IdentitiesOnly`: of the agent's keys, only those that the files name are to be tried.
    pub identities_only: bool,
    /// `IdentityAgent`.
    pub identity_agent: Option<IdentityAgent>,
    /// `ProxyJump`, first hop first. Empty if `proxy_command` is set.
    pub proxy_jump: Vec<Jump>,
    /// `ProxyCommand`, a line for the user's shell with its tokens replaced.
    pub proxy_command: Option<String>,
    /// `StrictHostKeyChecking`.
    pub strict_host_key_checking: Option<StrictHostKeyChecking>,
    /// `UserKnownHostsFile`; an empty list for `none`.
    pub user_known_hosts_files: Option<Vec<PathBuf>>,
    /// `GlobalKnownHostsFile`; an empty list for `none`.
    pub global_known_hosts_files: Option<Vec<PathBuf>>,
    /// `HostKeyAlias`: the name under which the host's keys are on record.
    pub host_key_alias: Option<String>,
    /// `HostKeyAlgorithms`.
    pub host_key_algorithms: Option<Algorithms>,
    /// `KexAlgorithms`.
    pub kex_algorithms: Option<Algorithms>,
    /// `Ciphers`.
    pub ciphers: Option<Algorithms>,
    /// `MACs`.
    pub macs: Option<Algorithms>,
    /// `PreferredAuthentications`, in order.
    pub preferred_authentications: Option<Vec<String>>,
    /// The login methods that a keyword of their own switches off, by their names in RFC 4252:
    /// `PubkeyAuthentication no` and its like.
    pub disabled_methods: Vec<&'static str>,
    /// `ConnectTimeout`; `None` for `none` and zero, too.
    pub connect_timeout: Option<Duration>,
    /// `ServerAliveInterval`; zero is off.
    pub server_alive_interval: Option<Duration>,
    /// `ServerAliveCountMax`.
    pub server_alive_count_max: Option<u32>,
    /// `AddressFamily`.
    pub address_family: Option<AddressFamily>,
    /// `BindAddress`.
    pub bind_address: Option<String>,
    /// Directives that were left out, a sentence each with file and line.
    pub notes: Vec<String>,
}

/// Reads what `files` say of `host`, and of `user` there if one is asked for.
///
/// `run` is given the command of a `Match exec` and says whether it succeeded; it may refuse to
/// run anything, and then such blocks do not apply.
///
/// # Errors
///
/// A file that cannot be read, or says what cannot be understood. The error is the reason, with
/// file and line, as the rest of a sentence.
pub fn resolve(
    files: &ConfigFiles,
    host: &str,
    user: Option<&str>,
    run: &dyn Fn(&str) -> bool,
) -> Result<SshHost, String> {
    resolver::resolve(files, &Local::HERE, host, user, run)
}

/// The name of the user of this process: its account's, or what the environment says.
pub fn user_name() -> Option<String> {
    local::user_name()
}

/// The names of hosts that `files` have blocks for, in order, each once. Patterns do not count.
///
/// # Errors
///
/// A file that cannot be read or taken apart, as for [`resolve`].
pub fn named_hosts(files: &ConfigFiles) -> Result<Vec<String>, String> {
    names::named_hosts(files, &Local::HERE)
}
