//! The endpoint of a server, by which two aliases of the same server are told.

use std::net::IpAddr;
use std::time::Duration;

use tokio::net::lookup_host;
use tokio::time::timeout;

use super::MAX_JUMPS;
use crate::store::servers::{Server, Servers};

/// Time to resolve a name.
const RESOLVES_WITHIN: Duration = Duration::from_secs(2);

/// The address at which a connection ends, and the route to it. The user is no part of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    pub(in crate::ssh) address: HostPort,
    /// The hops in between, the nearest to the end first. The same address behind two hops is two servers.
    pub(in crate::ssh) route: Vec<Hop>,
}

/// One part of a route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::ssh) enum Hop {
    Server(HostPort),
    /// A local command (`ProxyCommand`).
    Command(String),
}

/// A host and its port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::ssh) struct HostPort {
    host: HostAddress,
    port: u16,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum HostAddress {
    /// This machine, by any of its loopback names and addresses.
    Loopback,
    Address(IpAddr),
    Name(String),
}

impl Endpoint {
    /// The endpoint of a server by its entry; `None` if the user's SSH configuration has a part in it.
    pub fn configured(server: &Server, servers: &Servers) -> Option<Self> {
        let mut endpoint = Self {
            address: HostPort::configured(server)?,
            route: Vec::new(),
        };
        let mut next = server.jump.clone();
        while let Some(jump) = next.filter(|_| endpoint.route.len() < MAX_JUMPS) {
            let jump = servers.get(&jump).ok()?;
            endpoint
                .route
                .push(Hop::Server(HostPort::configured(&jump)?));
            next = jump.jump;
        }
        Some(endpoint)
    }

    /// Returns whether both are the same, also by the addresses that their names resolve to.
    pub async fn is_same(&self, other: &Self) -> bool {
        if self == other {
            return true;
        }
        let is_direct = self.route.is_empty() && other.route.is_empty();
        if !is_direct || self.address.port != other.address.port {
            return false;
        }
        let (here, there) = tokio::join!(self.address.addresses(), other.address.addresses());
        here.iter().any(|address| there.contains(address))
    }
}

impl HostPort {
    pub(in crate::ssh) fn new(host: &str, port: u16) -> Self {
        Self {
            host: HostAddress::of(host),
            port,
        }
    }

    fn configured(server: &Server) -> Option<Self> {
        let uses_ssh_config = server.ssh_config_host.is_some();
        (!uses_ssh_config).then(|| Self::new(&server.host, server.port()))
    }

    /// The addresses of its host; none if its name is not resolved in time.
    async fn addresses(&self) -> Vec<HostAddress> {
        let HostAddress::Name(name) = &self.host else {
            return vec![self.host.clone()];
        };
        let found = timeout(RESOLVES_WITHIN, lookup_host((name.as_str(), self.port))).await;
        let found = found.ok().and_then(Result::ok).into_iter().flatten();
        found.map(|address| HostAddress::at(address.ip())).collect()
    }
}

impl HostAddress {
    fn of(text: &str) -> Self {
        let text = text.trim().trim_start_matches('[').trim_end_matches(']');
        // An address may name the interface that it is reached through.
        let plain = text.split('%').next().unwrap_or_default();
        if let Ok(address) = plain.parse() {
            return Self::at(address);
        }
        let lower = text.to_lowercase();
        let name = normalized(&lower).unwrap_or(lower);
        let name = name.trim_end_matches('.');
        if let Ok(address) = name.parse() {
            return Self::at(address);
        }
        let names_of_itself = [
            "localhost",
            "localhost.localdomain",
            "ip6-localhost",
            "ip6-loopback",
        ];
        if names_of_itself.contains(&name) || name.ends_with(".localhost") {
            return Self::Loopback;
        }
        Self::Name(name.to_owned())
    }

    fn at(address: IpAddr) -> Self {
        let address = address.to_canonical();
        // A connection to no address in particular goes to this machine.
        if address.is_loopback() || address.is_unspecified() {
            Self::Loopback
        } else {
            Self::Address(address)
        }
    }
}

/// A name as the URL standard writes it: `0x7f.1` is 127.0.0.1, and letters beyond ASCII are encoded.
fn normalized(host: &str) -> Option<String> {
    if host.contains(['/', '\\', '?', '#', '@', ':']) {
        return None;
    }
    let url = reqwest::Url::parse(&format!("http://{host}/")).ok()?;
    url.host_str().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_the_same_however_it_is_written() {
        for (one, others) in [
            (
                "127.0.0.1",
                &[
                    "localhost",
                    "LOCALHOST.",
                    "::1",
                    "[::1]",
                    "127.1",
                    "0x7f.1",
                    "2130706433",
                    "0177.0.0.1",
                    "::ffff:127.0.0.1",
                    "0:0:0:0:0:0:0:1",
                    "127.0.0.2",
                    "0.0.0.0",
                    "::",
                    "0",
                    "a.localhost",
                    " localhost ",
                    "::1%lo",
                ][..],
            ),
            (
                "web1.example.org",
                &["WEB1.Example.ORG", "web1.example.org."][..],
            ),
            (
                "192.0.2.7",
                &["::ffff:192.0.2.7", "0xc0.0.2.7", "192.0.519", "192.0.2.7."][..],
            ),
            ("2001:db8::1", &["2001:DB8:0:0::1", "[2001:db8::0001]"][..]),
            (
                "bücher.example",
                &["xn--bcher-kva.example", "BÜCHER.example"][..],
            ),
        ] {
            for other in others {
                assert_eq!(
                    HostPort::new(one, 22),
                    HostPort::new(other, 22),
                    "{one} {other}"
                );
                assert_ne!(
                    HostPort::new(one, 22),
                    HostPort::new(other, 2222),
                    "{one} {other}"
                );
            }
        }
        let different = [
            "127.0.0.1",
            "web1",
            "web1.example.org",
            "192.0.2.7",
            "2001:db8::1",
            "a/b",
            "",
        ];
        for (index, one) in different.iter().enumerate() {
            for other in &different[index + 1..] {
                assert_ne!(
                    HostPort::new(one, 22),
                    HostPort::new(other, 22),
                    "{one} {other}"
                );
            }
        }
    }
}
