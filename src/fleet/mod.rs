//! Several servers in one call.
//!
//! | module | what it is |
//! |---|---|
//! | `targets` | the servers that a call is for |
//! | `term` | the parts of an expression for them |
//! | `fold` | one text about what came of a call on each server, equal outputs once |

pub mod fold;
mod targets;
mod term;

pub(crate) use targets::{TargetExpression, Targets};
pub(crate) use term::{TAG, tag_pattern};
