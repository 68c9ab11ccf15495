//! An embedded SSH server with SFTP, and the tour that shows the tools at work on it.

mod client;
mod connection;
mod cuts;
mod permit;
mod process;
mod server;
mod sftp;
mod steps;
mod tour;

pub use connection::{PASSWORD, ServerConnection, USER};
pub use permit::SessionPermit;
pub use server::{EmbeddedServer, configuration};
pub use sftp::SftpHandler;
pub use tour::run;

pub use crate::ssh::ConnectionStream;
