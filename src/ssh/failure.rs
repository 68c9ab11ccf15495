//! Errors of connections, in words that users know.

use std::io;
use std::time::Duration;

use crate::error::{CONNECT_TIMEOUT, Error};
use crate::store::servers::Server;

/// The error that `server` cannot be reached, or refuses a request.
pub(in crate::ssh) fn failed(alias: &str, server: &Server, reason: impl Into<String>) -> Error {
    // Before its entry in OpenSSH's configuration was read, the entry's name is all that is known.
    let host = match &server.ssh_config_host {
        Some(name) if server.host.is_empty() => name,
        _ => &server.host,
    };
    Error::Connection {
        alias: alias.to_owned(),
        host: host.clone(),
        port: server.port(),
        reason: reason.into(),
    }
}

/// The reason of an error that a phase took longer than `limit`.
pub(in crate::ssh) fn too_slow(phase: &str, limit: Duration) -> String {
    format!(
        "ETIMEDOUT: {phase} within {} s {CONNECT_TIMEOUT}",
        limit.as_secs_f64()
    )
}

/// The operating system's name for an error, if it has one that users know.
pub(crate) fn os_reason(error: &io::Error) -> String {
    use io::ErrorKind as Kind;
    let name = match error.kind() {
        Kind::ConnectionRefused => "ECONNREFUSED",
        Kind::ConnectionReset => "ECONNRESET",
        Kind::ConnectionAborted => "ECONNABORTED",
        Kind::TimedOut => "ETIMEDOUT",
        Kind::HostUnreachable => "EHOSTUNREACH",
        Kind::NetworkUnreachable => "ENETUNREACH",
        Kind::AddrNotAvailable => "EADDRNOTAVAIL",
        Kind::BrokenPipe => "EPIPE",
        _ => return error.to_string(),
    };
    name.to_owned()
}
