//! The work that a call wants to do, as rules that ask see it.

/// The work that a call wants to do.
#[derive(Clone, Copy, Debug)]
pub struct WantedWork<'a> {
    /// The servers that it is for; none if it changes settings here.
    pub servers: &'a [String],
    /// The tool that was called.
    pub tool: &'a str,
    /// False if it is known to read only.
    pub may_change: bool,
    /// True if the files that it writes are known only once it runs.
    pub writes_unknown: bool,
    /// The command that "always" may let through.
    pub usual: Option<&'a str>,
}
