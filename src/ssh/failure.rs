//! Why a server cannot be reached, and whether trying again may help.

use std::io;
use std::time::Duration;

use russh::AlgorithmKind;

use super::offer::has_old;
use super::target::Target;
use crate::error::{CONNECT_TIMEOUT, Error, LEGACY};
use crate::store::servers::Server;

/// Why a connection did not come about.
#[derive(Debug)]
pub(super) enum ConnectError {
    /// Trying again soon may help.
    Transient(Error),
    /// Trying again will not help.
    Final(Error),
}

/// The error that `server` cannot be reached, or does not do what was asked of it.
pub(super) fn failed(alias: &str, server: &Server, reason: impl Into<String>) -> Error {
    Error::Connection {
        alias: alias.to_owned(),
        host: server.host.clone(),
        port: server.port(),
        reason: reason.into(),
    }
}

/// The reason where a phase took longer than it may.
pub(super) fn too_slow(phase: &str, limit: Duration) -> String {
    format!(
        "ETIMEDOUT: {phase} within {} s {CONNECT_TIMEOUT}",
        limit.as_secs_f64()
    )
}

/// The error of a phase that took longer than it may.
pub(super) fn silent(target: &Target, phase: &str, limit: Duration) -> ConnectError {
    let reason = too_slow(phase, limit);
    ConnectError::Final(failed(&target.alias, &target.server, reason))
}

/// A line that broke during the handshake: a busy server does that (`MaxStartups`), so it may pass.
pub(super) fn unreachable(alias: &str, server: &Server, error: &russh::Error) -> ConnectError {
    match error {
        russh::Error::NoCommonAlgo { kind, theirs, .. } => ConnectError::Final(failed(
            alias,
            server,
            nothing_in_common(server, kind, theirs),
        )),
        russh::Error::IO(error) => ConnectError::Transient(failed(alias, server, os_reason(error))),
        russh::Error::Disconnect | russh::Error::HUP | russh::Error::SendError => {
            ConnectError::Transient(failed(
                alias,
                server,
                "the server closed the connection during the handshake",
            ))
        }
        other => ConnectError::Final(failed(alias, server, other.to_string())),
    }
}

fn nothing_in_common(server: &Server, kind: &AlgorithmKind, theirs: &[String]) -> String {
    let kind = match kind {
        AlgorithmKind::Kex => "key exchange",
        AlgorithmKind::Key => "host key algorithm",
        AlgorithmKind::Cipher => "cipher",
        AlgorithmKind::Compression => "compression",
        AlgorithmKind::Mac => "MAC",
    };
    let is_algorithm = |name: &&String| !name.starts_with("ext-info") && !name.starts_with("kex-");
    let offered: Vec<_> = theirs
        .iter()
        .filter(is_algorithm)
        .map(String::as_str)
        .collect();
    let way = if has_old(theirs) && !server.allows_old_algorithms() {
        format!(", which {LEGACY} allows")
    } else {
        String::new()
    };
    format!(
        "no {kind} in common; the server offers {}{way}",
        offered.join(", ")
    )
}

/// The operating system's name for an error, where it has one that users know.
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
