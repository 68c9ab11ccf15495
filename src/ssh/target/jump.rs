//! Jump hosts that only the user's SSH configuration names.
//!
//! Such a jump host has an alias of its own in the pool, so that all routes through it share its
//! connections: a prefix, then the hops, of which it is the last.

use crate::ssh_config::Jump;
use crate::store::servers::Server;

const PREFIX: &str = "ssh_config:";

/// The alias of the last of these hops, reached through those before it.
pub(in crate::ssh) fn jump_alias(hops: &[Jump]) -> String {
    let hops: Vec<_> = hops.iter().map(text).collect();
    format!("{PREFIX}{}", hops.join(","))
}

/// The hops that an alias stands for, if it is of this kind.
pub(in crate::ssh) fn hops_from_config(alias: &str) -> Option<&str> {
    alias.strip_prefix(PREFIX)
}

/// The server that such an alias stands for.
pub(in crate::ssh) fn jump_server_from_config(alias: &str) -> Option<Server> {
    let hops = hops_from_config(alias)?;
    let (before, last) = match hops.rsplit_once(',') {
        Some((before, last)) => (Some(before), last),
        None => (None, hops),
    };
    let (user, address) = last.split_once('@').unwrap_or(("", last));
    let (host, port) = match address.rsplit_once(" port ") {
        Some((host, port)) => (host, port.parse().ok()),
        None => (address, None),
    };
    Some(Server {
        user: user.to_owned(),
        port,
        jump: before.map(|before| format!("{PREFIX}{before}")),
        ssh_config_host: Some(host.to_owned()),
        ..Server::default()
    })
}

/// The text of a hop. The port follows a word, for an address may have colons.
fn text(hop: &Jump) -> String {
    let user = hop.user.as_ref().map(|user| format!("{user}@"));
    let port = hop.port.map(|port| format!(" port {port}"));
    format!(
        "{}{}{}",
        user.unwrap_or_default(),
        hop.host,
        port.unwrap_or_default()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hops_are_reached_one_through_the_other() {
        let hop = |user: Option<&str>, host: &str, port| Jump {
            user: user.map(str::to_owned),
            host: host.to_owned(),
            port,
        };
        let alias = jump_alias(&[hop(None, "a", None), hop(Some("u"), "fe80::1", Some(2222))]);
        let last = jump_server_from_config(&alias).unwrap();
        assert_eq!(
            (
                last.ssh_config_host.as_deref(),
                last.user.as_str(),
                last.port
            ),
            (Some("fe80::1"), "u", Some(2222))
        );
        let first = jump_server_from_config(&last.jump.unwrap()).unwrap();
        assert_eq!(
            (first.ssh_config_host.as_deref(), first.jump),
            (Some("a"), None)
        );
        assert!(jump_server_from_config("web1").is_none());
    }
}
