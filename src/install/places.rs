//! The user's directories on this machine.

use std::path::PathBuf;

/// The user's directories on this machine.
#[derive(Debug)]
pub struct Places {
    /// The operating system.
    pub system: System,
    /// The user's home directory.
    pub home: PathBuf,
    /// `$XDG_CONFIG_HOME`, `~/Library/Application Support` or `%APPDATA%`.
    pub config: PathBuf,
    /// `%LOCALAPPDATA%`; used on Windows alone.
    pub local: PathBuf,
    /// Looks up a directory that a variable names.
    pub variable: fn(&str) -> Option<PathBuf>,
}

/// An operating system, as far as directories depend on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum System {
    /// Windows.
    Windows,
    /// macOS.
    Mac,
    /// Linux and other Unix systems.
    Unix,
}

impl Places {
    /// The directories of the user who runs this program; `None` without a home directory.
    pub fn of_user() -> Option<Self> {
        Some(Self {
            system: if cfg!(windows) {
                System::Windows
            } else if cfg!(target_os = "macos") {
                System::Mac
            } else {
                System::Unix
            },
            home: dirs::home_dir()?,
            config: dirs::config_dir()?,
            local: dirs::data_local_dir()?,
            variable: |name| {
                let value = std::env::var_os(name).filter(|value| !value.is_empty());
                value.map(PathBuf::from)
            },
        })
    }
}
