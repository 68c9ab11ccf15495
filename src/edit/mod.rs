//! Exact edits of a file's content, and the diffs that tell of changes.
//!
//! | module | what it holds |
//! |---|---|
//! | `apply` | edits, done one after another |
//! | `style` | the encoding and the line ends of a content |
//! | `nearest` | the lines that resemble a text most |
//! | `diff` | unified diffs |

mod apply;
mod diff;
mod nearest;
mod style;

pub(crate) use apply::{TextEdit, apply};
pub(crate) use diff::Diff;
