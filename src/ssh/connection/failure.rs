//! The errors of connections that were not made, and whether another attempt may help.

use std::time::Duration;

use russh::AlgorithmKind;

use super::algorithms::has_old;
use crate::error::{Error, LEGACY};
use crate::ssh::failure::{failed, os_reason, too_slow};
use crate::ssh::target::Target;
use crate::store::servers::Server;

/// The error of a connection that was not made.
#[derive(Debug)]
pub(in crate::ssh) enum ConnectError {
    /// Another attempt soon may help.
    Transient(Error),
    /// Another attempt will not help.
    Final(Error),
}

/// The error of a phase that took longer than it may.
pub(in crate::ssh) fn silent(target: &Target, phase: &str, limit: Duration) -> ConnectError {
    let reason = too_slow(phase, limit);
    ConnectError::Final(failed(&target.alias, &target.server, reason))
}

/// The error of a handshake that failed. A busy server drops some connections (`MaxStartups`), so another
/// attempt may help.
pub(in crate::ssh) fn unreachable(
    alias: &str,
    server: &Server,
    error: &russh::Error,
) -> ConnectError {
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
    let advice = if has_old(theirs) && !server.allows_old_algorithms() {
        format!(", which {LEGACY} allows")
    } else {
        String::new()
    };
    format!(
        "no {kind} in common; the server offers {}{advice}",
        offered.join(", ")
    )
}
