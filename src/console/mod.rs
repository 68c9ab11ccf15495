//! The commands with which a person at a terminal sees what goes on, and stops or undoes it. They work beside the
//! programs that serve the data directory.
//!
//! | module | what it is |
//! |---|---|
//! | `tasks`, `show`, `trail` | the commands that show: tasks, one task, the audit trail |
//! | `watch` | a live screen of all this, with keys to answer and to stop |
//! | `act`, `local` | the commands that act: they call the tools that clients call, as clients do |
//! | `style`, `table` | colours and widths; rows in columns |

mod act;
mod local;
mod show;
mod style;
mod table;
mod tasks;
mod trail;
mod watch;

use std::io;
use std::time::Duration;

use crate::error::Error;
pub use act::{CancelCommand, UndoCommand, text_of};
pub use local::call_locally;
pub use show::ShowCommand;
pub use tasks::TasksCommand;
pub use trail::TrailCommand;
pub use watch::WatchCommand;

/// The interval at which a command that follows something looks again.
const LOOK: Duration = Duration::from_millis(250);

/// A failure of such a command.
#[derive(Debug, thiserror::Error)]
pub enum ConsoleError {
    /// The data directory cannot be read, or a call failed.
    #[error(transparent)]
    Store(#[from] Error),
    /// A line cannot be written.
    #[error(transparent)]
    Output(#[from] io::Error),
}

impl ConsoleError {
    /// Returns whether only the reader of the output has gone, as `head` does.
    pub fn is_gone_reader(&self) -> bool {
        matches!(self, Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe)
    }
}
