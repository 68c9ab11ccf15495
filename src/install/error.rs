//! Errors of `install` and `uninstall`.

use std::path::PathBuf;

use super::clients::names;
use crate::error::Error;

/// An obstacle to a registration. Nothing has been changed.
#[derive(Debug, thiserror::Error)]
pub enum InstallError {
    /// No client has this name.
    #[error("`{0}` is not a client that is known; it knows {known}", known = names())]
    UnknownClient(String),
    /// No client was named.
    #[error("name a client; it knows {known}", known = names())]
    NoClient,
    /// The home directory of the user is not known.
    #[error("the home directory is not known; set HOME")]
    NoHome,
    /// A path is not UTF-8, so that a configuration cannot contain it.
    #[error("`{}` is not UTF-8, and a configuration cannot name it", .0.display())]
    NotText(PathBuf),
    /// Clients do not accept this name.
    #[error("`{0}` is no name for a server: use letters, digits, `-` and `_`")]
    BadName(String),
    /// The configuration cannot be parsed, or cannot be changed safely.
    #[error("`{}` is left as it is: {reason}. Mend it and run this again, or change it by hand; `install --print` shows the entry", path.display())]
    Broken {
        /// The file.
        path: PathBuf,
        /// The problem with it.
        reason: String,
    },
    /// The file was changed between reading and writing.
    #[error("`{}` has just been changed by another program; run this again", .0.display())]
    Changed(PathBuf),
    /// The name belongs to another server.
    #[error("`{name}` in `{}` starts something else, `{command}`; choose another name with --name", path.display())]
    Taken {
        /// The name.
        name: String,
        /// The file.
        path: PathBuf,
        /// The command of that server.
        command: String,
    },
    /// Several entries match.
    #[error("`{}` has several: {}; choose one with --name", path.display(), names.join(", "))]
    Ambiguous {
        /// The file.
        path: PathBuf,
        /// Their names.
        names: Vec<String>,
    },
    /// The original is registered, and nobody has said whether to take over its entry and settings.
    #[error("{0}\nsay --take-over or --no-take-over")]
    Undecided(String),
    /// The original is to be taken over, and is not registered.
    #[error("no registration of the Node original is found; leave --take-over out")]
    NoOriginal,
    /// The data directory of the original is not certain.
    #[error("where the Node original has its data is not clear from {0}; say it with --data-dir")]
    Unclear(String),
    /// The settings could not be read.
    #[error("{0}")]
    Settings(String),
    /// The client documents no rules against commands.
    #[error(
        "{0} documents no rules of its own against commands; claude-code, cursor, gemini-cli and codex do"
    )]
    NoDenyRules(&'static str),
    /// The client documents no list of tools.
    #[error(
        "{0} documents no list of tools of its own; claude-code, cursor, gemini-cli and codex do"
    )]
    NoPermissions(&'static str),
    /// A file could not be read or written.
    #[error(transparent)]
    Storage(#[from] Error),
}
