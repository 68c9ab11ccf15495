//! The server that a question is put to, and the rules on its files.

use crate::charset::Charset;
use crate::error::Error;

/// Refuses files that may not be shown. It is given every name of a file, and whether it holds a private key.
pub type ReadCheck<'a> = dyn Fn(&[String], bool) -> Result<(), Error> + Send + Sync + 'a;

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
