//! SFTP: files and trees, both ways (draft-ietf-secsh-filexfer-02).
//!
//! | module | what it is |
//! |---|---|
//! | [`transfer`] | a transfer from its plan to its summary, over as many lines as it takes |
//! | `plan`, `tree`, `pattern` | what goes where |
//! | `side`, `local`, `remote` | files here and on a server, alike |
//! | `roots` | where those here have to lie |
//! | `progress`, `notes` | how far it has come, what the user should know of it |
//! | `course`, `upload`, `stream`, `download`, `disk`, `link`, `file`, `part` | one file, whole or not at all: what both ways share first |
//! | `lanes`, `session`, `client`, `wire` | sessions, their operations, requests outstanding, packets |
//! | `start`, `by_shell` | how a session begins, and what stands in for one |

mod by_shell;
mod client;
mod course;
mod disk;
mod download;
mod facts;
mod file;
mod lanes;
mod link;
mod local;
mod notes;
mod part;
mod path;
mod pattern;
mod plan;
mod progress;
mod remote;
mod roots;
mod session;
mod side;
mod start;
mod stream;
pub mod transfer;
mod tree;
mod upload;
mod wire;

pub use notes::Notes;
pub use path::RemotePath;
pub use progress::{Progress, Whole};
pub use roots::Roots;
