//! The output of a running job, in short.

/// The output of a running job so far, in short.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct SoFar {
    /// Whole lines of both streams.
    pub lines: u64,
    /// The last ones of standard output, or of standard error if that is all.
    pub last: String,
}
