//! The jump hosts of an inventory's hosts, as aliases.

use super::host::InventoryHost;
use crate::host_key::DEFAULT_PORT;
use crate::ssh::target::written::LoginAddress;
use crate::store::servers::Server;

/// A server that may be a jump host.
struct Known {
    alias: String,
    address: LoginAddress,
}

impl Known {
    fn of(alias: &str, server: &Server) -> Self {
        let host = server.ssh_config_host.as_ref().unwrap_or(&server.host);
        Self {
            alias: alias.to_owned(),
            address: LoginAddress {
                host: host.clone(),
                user: server.user.clone(),
                port: server.port,
            },
        }
    }

    /// Returns whether it is the server at this address, which may leave out the user and the port.
    fn is_at(&self, wanted: &LoginAddress) -> bool {
        let known = &self.address;
        let is_user = wanted.user.is_empty() || known.user.is_empty() || wanted.user == known.user;
        let is_port = wanted
            .port
            .is_none_or(|port| known.port.unwrap_or(DEFAULT_PORT) == port);
        (self.alias == wanted.host || known.host == wanted.host) && is_user && is_port
    }
}

/// Gives each host the alias of its jump host, which is a server already or a host of the inventory, and orders
/// them so that a jump host comes before the hosts behind it. Hosts for which there is none get a problem.
pub(crate) fn with_jumps(
    hosts: Vec<InventoryHost>,
    servers: &[(String, Server)],
) -> Vec<InventoryHost> {
    let mut known: Vec<_> = servers
        .iter()
        .map(|(alias, server)| Known::of(alias, server))
        .collect();
    let (mut ordered, mut waiting) = (Vec::new(), hosts);
    loop {
        let before = waiting.len();
        for mut host in std::mem::take(&mut waiting) {
            let jump = host.jump.as_deref().filter(|_| host.problem.is_none());
            let alias = jump.map(|jump| alias_of(jump, &known));
            if alias == Some(None) {
                waiting.push(host);
                continue;
            }
            host.server.jump = alias.flatten();
            if host.problem.is_none() {
                known.push(Known::of(&host.name, &host.server));
            }
            ordered.push(host);
        }
        if waiting.len() == before || waiting.is_empty() {
            break;
        }
    }
    for mut host in waiting {
        let jump = host.jump.as_deref().unwrap_or_default();
        host.problem = Some(format!(
            "its jump host `{jump}` is no server; server_add adds it"
        ));
        ordered.push(host);
    }
    ordered
}

fn alias_of(jump: &str, known: &[Known]) -> Option<String> {
    let address = LoginAddress::read(jump, "", None).ok()?;
    let mut known = known.iter();
    let found = known.find(|known| known.is_at(&address))?;
    Some(found.alias.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(name: &str, address: &str, jump: &str) -> InventoryHost {
        InventoryHost {
            name: name.to_owned(),
            server: Server {
                host: address.to_owned(),
                user: "u".to_owned(),
                ..Server::default()
            },
            jump: Some(jump.to_owned()).filter(|jump| !jump.is_empty()),
            ..InventoryHost::default()
        }
    }

    #[test]
    fn a_jump_host_comes_first_and_is_found_by_name_or_address() {
        let bastion = Server {
            host: "198.51.100.1".to_owned(),
            user: "me".to_owned(),
            port: Some(2222),
            ..Server::default()
        };
        let hosts = vec![
            host("web1", "10.0.0.1", "gate"),
            host("gate", "192.0.2.1", "me@198.51.100.1:2222"),
            host("web2", "10.0.0.2", "192.0.2.1"),
            host("web3", "10.0.0.3", "nobody"),
            host("web4", "10.0.0.4", "other@bastion"),
            host("web5", "10.0.0.5", "bastion:22"),
            host("web6", "10.0.0.6", "web7"),
            host("web7", "10.0.0.7", "web6"),
            host("db1", "10.0.1.1", ""),
        ];
        let ordered = with_jumps(hosts, &[("bastion".to_owned(), bastion)]);
        let found = ordered.iter().map(|host| {
            let jump = host.server.jump.as_deref().unwrap_or("-");
            (host.name.as_str(), jump, host.problem.is_some())
        });
        let expected = [
            ("gate", "bastion", false),
            ("web2", "gate", false),
            ("db1", "-", false),
            ("web1", "gate", false),
            ("web3", "-", true),
            ("web4", "-", true),
            ("web5", "-", true),
            ("web6", "-", true),
            ("web7", "-", true),
        ];
        assert_eq!(found.collect::<Vec<_>>(), expected);
    }
}
