//! Exact edits of a file's content, and the diffs that tell of changes.
//!
//! | module | what it holds |
//! |---|---|
//! | `apply` | edits, done one after another |
//! | `style`, `wide` | the encoding and the line ends of a content; contents in UTF-16 |
//! | `nearest` | the lines that resemble a text most |
//! | `diff` | unified diffs |

mod apply;
mod diff;
mod nearest;
mod style;
mod wide;

pub(crate) use apply::{TextEdit, apply};
pub(crate) use diff::Diff;
