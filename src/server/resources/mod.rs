//! Resources: tasks and their outputs, servers, the audit trail and the policy, for clients to read.
//!
//! | module | what it is |
//! |---|---|
//! | `list` | the resources that are there, page by page, and the templates of their addresses |
//! | `contents` | the contents of a resource |

mod contents;
mod list;

pub(super) use contents::contents;
pub(super) use list::{page, templates};

/// The MIME type of a record.
const JSON: &str = "application/json";
/// The MIME type of records, one in each line.
const JSON_LINES: &str = "application/x-ndjson";
/// The MIME type of an output.
const TEXT: &str = "text/plain";
