//! The user's login session on this machine, with its SSH agent and its message bus.
//!
//! Variables name their sockets. Many MCP clients do not pass these on to the programs that they start; then
//! the sockets are looked for in their usual places.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// Names the socket of the SSH agent.
pub const AGENT_VARIABLE: &str = "SSH_AUTH_SOCK";

/// Gives the address of the session's bus (D-Bus specification, "Well-known Message Bus Instances").
pub const BUS_VARIABLE: &str = "DBUS_SESSION_BUS_ADDRESS";

/// Names the directory of the session's sockets (XDG Base Directory Specification).
const RUNTIME_VARIABLE: &str = "XDG_RUNTIME_DIR";

/// Variables of a login session that this program reads.
pub const VARIABLES: &[&str] = if cfg!(windows) {
    &[]
} else if cfg!(target_os = "macos") {
    &[AGENT_VARIABLE]
} else {
    &[AGENT_VARIABLE, BUS_VARIABLE, RUNTIME_VARIABLE]
};

/// Sockets of SSH agents below the runtime directory: GNOME's two, and those that systemd starts.
const AGENT_SOCKETS: [&str; 4] = [
    "keyring/ssh",
    "gcr/ssh",
    "ssh-agent.socket",
    "openssh_agent",
];

/// Sockets of 1Password's agent below the home directory, on Linux and on macOS.
const ONE_PASSWORD_SOCKETS: [&str; 2] = [
    ".1password/agent.sock",
    "Library/Group Containers/2BUA8C4S2C.com.1password/t/agent.sock",
];

/// A session variable's value. An empty value counts as not set, and so does a reference to the variable itself,
/// which a client without the variable passes on unexpanded.
pub fn variable(name: &str) -> Option<OsString> {
    let references = [
        String::new(),
        format!("${name}"),
        format!("${{{name}}}"),
        format!("${{env:{name}}}"),
    ];
    let is_set = |value: &OsString| {
        !references
            .iter()
            .any(|reference| value == reference.as_str())
    };
    env::var_os(name).filter(is_set)
}

/// The places in which the sockets of a login session are looked for; none by default.
#[derive(Clone, Debug, Default)]
pub struct LoginSession {
    runtime: Option<PathBuf>,
    home: Option<PathBuf>,
    has_launchd: bool,
}

impl LoginSession {
    /// The session of the user who runs this.
    pub fn of_user() -> Self {
        let runtime = variable(RUNTIME_VARIABLE).map(PathBuf::from);
        Self {
            // A runtime directory that is set stands for the whole session.
            has_launchd: cfg!(target_os = "macos") && runtime.is_none(),
            runtime: runtime.or_else(usual_runtime_directory),
            home: dirs::home_dir().filter(|_| cfg!(unix)),
        }
    }

    /// Sockets at which an SSH agent may listen, and that only this user can have made. Blocks.
    pub fn agent_sockets(&self) -> Vec<PathBuf> {
        let runtime = self.runtime.iter();
        let runtime = runtime.flat_map(|directory| AGENT_SOCKETS.map(|name| directory.join(name)));
        let launchd = self.has_launchd.then(agent_of_launchd).flatten();
        let home = self.home.iter();
        let home = home.flat_map(|home| ONE_PASSWORD_SOCKETS.map(|name| home.join(name)));
        runtime
            .chain(launchd)
            .chain(home)
            .filter(|socket| is_own_socket(socket))
            .collect()
    }

    /// The address of the session's bus if no variable gives it.
    pub fn missing_bus_address(&self) -> Option<String> {
        if variable(BUS_VARIABLE).is_some() {
            return None;
        }
        let socket = self.runtime.as_ref()?.join("bus");
        is_own_socket(&socket).then(|| format!("unix:path={}", bus_path(&socket)))
    }

    /// An error text for a missing SSH agent, with cause and advice.
    pub fn no_agent(&self) -> String {
        let mut places = Vec::new();
        if let Some(runtime) = &self.runtime {
            places.push(format!("in `{}`", runtime.display()));
        }
        if self.has_launchd {
            places.push("with launchd".to_owned());
        }
        if self.home.is_some() {
            places.push("with 1Password".to_owned());
        }
        let looked = match places.as_slice() {
            [] => String::new(),
            places => format!(", and no agent of yours is {}", places.join(" or ")),
        };
        format!(
            "there is no SSH agent ({AGENT_VARIABLE} is not set: the client that started this program \
             did not pass it on{looked}); {}",
            advice(AGENT_VARIABLE)
        )
    }
}

/// An error text for a missing session bus, with cause and advice.
pub fn no_bus() -> String {
    format!(
        "{BUS_VARIABLE} is not set: the client that started this program did not pass it on; {}",
        advice(BUS_VARIABLE)
    )
}

fn advice(variable: &str) -> String {
    format!(
        "run `{} install --client CLIENT`, which has the client pass it on if it can, or set {variable} in \
         the client's entry for this program",
        env!("CARGO_PKG_NAME")
    )
}

/// The runtime directory that systemd and elogind make (`pam_systemd`).
#[cfg(unix)]
fn usual_runtime_directory() -> Option<PathBuf> {
    let user = rustix::process::geteuid().as_raw();
    (!cfg!(target_os = "macos")).then(|| Path::new("/run/user").join(user.to_string()))
}

#[cfg(not(unix))]
fn usual_runtime_directory() -> Option<PathBuf> {
    None
}

/// The agent that macOS starts for every session.
fn agent_of_launchd() -> Option<PathBuf> {
    let asked = std::process::Command::new("launchctl")
        .args(["getenv", AGENT_VARIABLE])
        .output();
    let said = String::from_utf8(asked.ok()?.stdout).ok()?;
    let socket = said.trim();
    (!socket.is_empty()).then(|| PathBuf::from(socket))
}

/// Says whether this is the user's own socket, which no other user can replace.
#[cfg(unix)]
fn is_own_socket(path: &Path) -> bool {
    use std::os::unix::fs::{FileTypeExt, MetadataExt};

    let user = rustix::process::geteuid().as_raw();
    let is_closed = |directory: &Path| {
        directory.metadata().is_ok_and(|directory| {
            let is_open = directory.mode() & 0o022 != 0;
            let is_sticky = directory.mode() & 0o1000 != 0;
            [0, user].contains(&directory.uid()) && (!is_open || is_sticky)
        })
    };
    let Ok(path) = path.canonicalize() else {
        return false;
    };
    let is_own = path
        .metadata()
        .is_ok_and(|file| file.file_type().is_socket() && file.uid() == user);
    is_own && path.ancestors().skip(1).all(is_closed)
}

#[cfg(not(unix))]
fn is_own_socket(_: &Path) -> bool {
    false
}

/// Escapes a path for the address of a bus (D-Bus specification, "Server Addresses").
fn bus_path(path: &Path) -> String {
    use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode};

    const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC
        .remove(b'-')
        .remove(b'_')
        .remove(b'/')
        .remove(b'.');
    percent_encode(path.as_os_str().as_encoded_bytes(), ESCAPED).to_string()
}
