//! An embedded SSH server with SFTP, and the tour that shows the tools at work on it.
//!
//! The tests use the same server: [`EmbeddedServer`] can be told to misbehave.

mod line;
mod login;
mod process;
mod seat;
mod server;
mod sftp;
mod tour;

pub use login::{Dialogue, Question, Turn, Words};
pub use server::{EmbeddedServer, Fault, PASSWORD, USER};
pub use tour::run;
