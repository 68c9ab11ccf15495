//! Sources of settings, as they are shown.

use std::fmt;
use std::path::PathBuf;

use serde::{Serialize, Serializer};

/// The source of a setting.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum SettingOrigin {
    /// An option on the command line.
    CommandLine,
    /// An environment variable, which a client's `env` block may have set.
    Environment,
    /// A file of settings.
    File(PathBuf),
    /// None: the setting has its default.
    #[default]
    Default,
}

impl fmt::Display for SettingOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CommandLine => f.write_str("command line"),
            Self::Environment => f.write_str("environment"),
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Default => f.write_str("default"),
        }
    }
}

impl Serialize for SettingOrigin {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
