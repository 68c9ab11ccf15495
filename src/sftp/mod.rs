//! SFTP: files and trees, both ways (draft-ietf-secsh-filexfer-02).
//!
//! | module | what it is |
//! |---|---|
//! | [`transfer`] | a transfer from its plan to its summary, over as many lines as it takes |
//! | `plan`, `tree`, `pattern`, `side` | what goes where |
//! | `course`, `upload`, `stream`, `download`, `link`, `file`, `part` | one file, whole or not at all |
//! | `lanes`, `session`, `client`, `wire` | sessions, their operations, requests outstanding, packets |

mod client;
mod course;
mod download;
mod facts;
mod file;
mod lanes;
mod link;
mod part;
mod path;
mod pattern;
mod plan;
mod progress;
mod session;
mod side;
mod stream;
pub mod transfer;
mod tree;
mod upload;
mod wire;

pub use path::RemotePath;
pub use progress::{Progress, Whole};
