//! The kinds of login shells.

use crate::charset::Charset;

/// The properties of a login shell that matter to commands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::ssh) struct ShellKind {
    /// It is a POSIX shell.
    pub(in crate::ssh) is_posix: bool,
    /// It restricts the commands that may be run.
    pub(in crate::ssh) is_restricted: bool,
    /// The encoding of its output.
    pub(in crate::ssh) charset: Charset,
}
