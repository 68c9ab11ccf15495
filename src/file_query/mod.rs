//! Questions about the files of a server: what file tools read, list and look for.
//!
//! A server that has a shell is asked by a script of this program's own, any other over SFTP.
//!
//! | module | what it is |
//! |---|---|
//! | `query`, `context` | the questions, as a record holds them; the server that they are put to |
//! | `read`, `read_report` | a part of a file: the question, and the answer in words |
//! | `list`, `entries`, `list_report` | the entries of a directory or a tree: the question, and the answer in words |
//! | `search`, `found_lines`, `search_report` | the lines of files that match a pattern: the question, the lines, and the answer in words |
//! | `name`, `name_pattern` | names of files, as answers show them; patterns of names |
//! | `content` | a file as far as it was read |
//! | `parts` | the parts of a script's answer |
//! | `problem` | the reasons for which a path cannot be read |
//! | `lines`, `over_sftp`, `search_over_sftp` | choosing lines of files without a shell |
//! | `text` | the text of a file, as an answer shows it |
//! | `report` | what a query has found, in words |

mod content;
mod context;
mod entries;
mod found_lines;
mod lines;
mod list;
mod list_report;
mod name;
mod name_pattern;
mod over_sftp;
mod parts;
mod problem;
mod query;
mod read;
mod read_report;
mod report;
mod search;
mod search_over_sftp;
mod search_report;
mod text;

pub(crate) use content::holds_private_key;
pub use context::QueryContext;
pub use entries::SortKey;
pub use list::ListQuery;
pub(crate) use name::shown_name;
pub use query::FileQuery;
pub use read::ReadQuery;
pub use report::FileReport;
pub use search::SearchQuery;
