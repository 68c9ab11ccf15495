//! Comparisons of files and trees of several places.
//!
//! | module | what it holds |
//! |---|---|
//! | `source` | places as callers write them |
//! | `verdict` | the entries in which trees differ, and the majority |
//! | `report` | the words for them |

mod report;
mod source;
mod verdict;

pub(crate) use report::{difference, heading, name};
pub(crate) use source::{labels, on_each, place};
pub(crate) use verdict::{EntryAspect, TreeComparison};
