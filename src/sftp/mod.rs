//! SFTP: files and trees, both ways (draft-ietf-secsh-filexfer-02).
//!
//! | module | what it is |
//! |---|---|
//! | [`transfer`] | a transfer from its plan to its summary, over as many lines as it takes |
//! | `spelling`, `expansion` | paths as people write them |
//! | `plan`, `planner`, `tree`, `pattern`, `omitted`, `entry_limit` | what goes where, how much of it, and what does not |
//! | `destination`, `directories` | where that is in the end, and what is made for it |
//! | `side`, `local`, `remote` | files here and on a server, alike |
//! | `roots`, `local_entry` | where those here have to lie, and how they are reached there |
//! | `progress`, `notes` | how far it has come, what the user should know of it |
//! | `course`, `upload`, `stream`, `download`, `disk`, `free_space`, `link`, `file`, `part` | one file, whole or not at all: what both ways share first |
//! | `in_place`, `kept`, `rename`, `listing` | files that are replaced: what they keep, and how nothing of them is lost |
//! | `lanes`, `session`, `client`, `waiting`, `wire` | sessions, their operations, requests outstanding, packets |
//! | `start`, `by_shell` | how a session begins, and what stands in for one |

mod by_shell;
mod client;
mod course;
mod destination;
mod directories;
mod disk;
mod download;
mod entry_limit;
mod expansion;
mod facts;
mod file;
mod free_space;
mod in_place;
mod kept;
mod lanes;
mod link;
mod listing;
mod local;
mod local_entry;
mod notes;
mod omitted;
mod part;
mod path;
mod pattern;
mod plan;
mod planner;
mod progress;
mod remote;
mod rename;
mod roots;
mod session;
mod side;
pub mod spelling;
mod start;
mod stream;
pub mod transfer;
mod tree;
mod upload;
mod waiting;
mod wire;

pub use destination::MayWrite;
pub use notes::Notes;
pub use path::RemotePath;
pub use progress::{Progress, Whole};
pub use roots::Roots;
