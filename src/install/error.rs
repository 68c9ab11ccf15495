//! Why a registration is left as it is.

use std::path::PathBuf;

use super::client::names;
use crate::error::Error;

/// What stands in the way, and what to do about it. Nothing has been changed.
#[derive(Debug, thiserror::Error)]
pub enum InstallError {
    /// No client has this name.
    #[error("`{0}` is not a client that is known; it knows {known}", known = names())]
    UnknownClient(String),
    /// None was named.
    #[error("name a client; it knows {known}", known = names())]
    NoClient,
    /// The system does not say where the user's files are.
    #[error("the home directory is not known; set HOME")]
    NoHome,
    /// A path that a configuration cannot hold.
    #[error("`{}` is not UTF-8, and a configuration cannot name it", .0.display())]
    NotText(PathBuf),
    /// A name that clients do not take.
    #[error("`{0}` is no name for a server: use letters, digits, `-` and `_`")]
    BadName(String),
    /// A configuration that its client could not read either, or that cannot be changed safely.
    #[error("`{}` is left as it is: {reason}. Mend it and run this again, or change it by hand; `install --print` shows the entry", path.display())]
    Broken {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The file was changed between reading and writing.
    #[error("`{}` has just been changed by another program; run this again", .0.display())]
    Changed(PathBuf),
    /// The name stands for another server.
    #[error("`{name}` in `{}` starts something else, `{command}`; choose another name with --name", path.display())]
    Taken {
        /// The name.
        name: String,
        /// The file.
        path: PathBuf,
        /// What it starts.
        command: String,
    },
    /// There is more than one entry that may be meant.
    #[error("`{}` has several: {}; choose one with --name", path.display(), names.join(", "))]
    Ambiguous {
        /// The file.
        path: PathBuf,
        /// Their names.
        names: Vec<String>,
    },
    /// The original is registered, and nobody said what is to become of its place and settings.
    #[error("{0}\nsay --take-over or --no-take-over")]
    Undecided(String),
    /// The original was to be taken over, and is not there.
    #[error("no registration of the Node original is found; leave --take-over out")]
    NoOriginal,
    /// The original's data may be elsewhere than it seems.
    #[error("where the Node original has its data is not clear from {0}; say it with --data-dir")]
    Unclear(String),
    /// The settings do not tell where the data is.
    #[error("{0}")]
    Settings(String),
    /// A file could not be read or written.
    #[error(transparent)]
    Storage(#[from] Error),
}
