//! SFTP: files and trees, both ways (draft-ietf-secsh-filexfer-02).
//!
//! | module | what it is |
//! |---|---|
//! | [`transfer`] | a transfer from its plan to its summary, over as many lines as it takes |
//! | `plan`, `tree`, `pattern`, `entry_limit` | what goes where, and how much of it |
//! | `side`, `local`, `remote` | files here and on a server, alike |
//! | `roots` | where those here have to lie |
//! | `progress`, `notes` | how far it has come, what the user should know of it |
//! | `course`, `upload`, `stream`, `download`, `disk`, `free_space`, `link`, `file`, `part` | one file, whole or not at all: what both ways share first |
//! | `in_place`, `kept`, `rename`, `listing` | files that are replaced: what they keep, and how nothing of them is lost |
//! | `lanes`, `session`, `client`, `waiting`, `wire` | sessions, their operations, requests outstanding, packets |

mod client;
mod course;
mod disk;
mod download;
mod entry_limit;
mod facts;
mod file;
mod free_space;
mod in_place;
mod kept;
mod lanes;
mod link;
mod listing;
mod local;
mod notes;
mod part;
mod path;
mod pattern;
mod plan;
mod progress;
mod remote;
mod rename;
mod roots;
mod session;
mod side;
mod stream;
pub mod transfer;
mod tree;
mod upload;
mod waiting;
mod wire;

pub use notes::Notes;
pub use path::RemotePath;
pub use progress::{Progress, Whole};
pub use roots::Roots;
