//! An embedded SSH server with SFTP, and the tour that shows the tools at work on it.

mod connection;
mod permit;
mod process;
mod server;
mod sftp;
mod tour;

pub use connection::{Connection, PASSWORD, USER};
pub use permit::SessionPermit;
pub use server::{EmbeddedServer, configuration};
pub use sftp::Files;
pub use tour::run;
