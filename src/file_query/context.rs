//! The server that a question is put to, and the rules on its files.

use crate::charset::Charset;
use crate::error::Error;
use crate::sftp::spelling;

/// Refuses files that may not be shown. It is given every name of a file, and whether it holds a private key.
pub type ReadCheck<'a> = dyn Fn(&[String], bool) -> Result<(), Error> + Send + Sync + 'a;

/// The names by which the policy judges a file: its path, and that below the home directory.
pub(super) fn judged_names(path: String, home: &str) -> Vec<String> {
    let in_home = spelling::in_home(&path, home);
    [path].into_iter().chain(in_home).collect()
}

/// The server that a question is put to, and the rules on its files.
#[derive(Clone, Copy)]
pub struct QueryContext<'a> {
    /// The server's alias.
    pub alias: &'a str,
    /// The encoding of the server's locale.
    pub charset: Charset,
    /// Refuses files that may not be shown.
    pub may_read: &'a ReadCheck<'a>,
}
