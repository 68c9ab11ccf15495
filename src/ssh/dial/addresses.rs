//! A host with several addresses: the first that accepts is taken (Happy Eyeballs, RFC 8305).

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use futures_util::stream::{FuturesUnordered, StreamExt};
use tokio::net::{TcpSocket, TcpStream, lookup_host};
use tokio::time::sleep;

use super::lookups::Lookups;
use crate::ssh::failure::{os_reason, too_slow};
use crate::ssh_config::AddressFamily;

/// Time that an address has before the next one is tried as well (RFC 8305, section 5).
const HEAD_START: Duration = Duration::from_millis(250);

/// Addresses that an error names.
const SHOWN: usize = 8;

/// The attempts to connect to a host.
#[derive(Default)]
pub(in crate::ssh) struct Attempts {
    addresses: Vec<SocketAddr>,
    failures: Vec<(SocketAddr, io::Error)>,
}

impl Attempts {
    /// Looks up the addresses of a host.
    pub(in crate::ssh) async fn look_up(
        &mut self,
        (host, port): (&str, u16),
        family: Option<AddressFamily>,
        lookups: &Lookups,
    ) -> Result<(), String> {
        let found = lookups.addresses(host, port).await;
        let found = found.map_err(|error| format!("ENOTFOUND: {error}"))?;
        let is_wanted = |address: &SocketAddr| match family {
            Some(AddressFamily::Inet) => address.is_ipv4(),
            Some(AddressFamily::Inet6) => address.is_ipv6(),
            _ => true,
        };
        self.addresses = interleaved(found.into_iter().filter(is_wanted));
        if self.addresses.is_empty() {
            return Err("ENOTFOUND: it has no address of the wanted family".to_owned());
        }
        Ok(())
    }

    /// Connects to the first address that accepts; the other attempts are dropped. `None` once all
    /// have failed.
    pub(in crate::ssh) async fn connect(&mut self, local: Option<&str>) -> Option<TcpStream> {
        let mut waiting = self.addresses.clone().into_iter();
        let mut running = FuturesUnordered::new();
        loop {
            match waiting.next() {
                Some(address) => running.push(async move {
                    let connected = connect_from(local, address).await;
                    (address, connected)
                }),
                None if running.is_empty() => return None,
                None => {}
            }
            tokio::select! {
                Some((address, connected)) = running.next() => match connected {
                    Ok(stream) => return Some(stream),
                    Err(error) => self.failures.push((address, error)),
                },
                () = sleep(HEAD_START), if waiting.len() > 0 => {}
            }
        }
    }

    /// The reason of the failure; with `limit`, time ran out before every address had failed.
    pub(in crate::ssh) fn reason(&self, limit: Option<Duration>) -> String {
        let silent = limit.map(|limit| match self.addresses.as_slice() {
            [] => too_slow("its name was not resolved", limit),
            _ => too_slow("no connection", limit),
        });
        let mut reasons: Vec<(String, Vec<String>)> = Vec::new();
        for address in self.addresses.iter().take(SHOWN) {
            let failure = self.failures.iter().find(|(failed, _)| failed == address);
            let reason = match (failure, &silent) {
                (Some((_, error)), _) => os_reason(error),
                (None, Some(silent)) => silent.clone(),
                (None, None) => continue,
            };
            let address = address.ip().to_string();
            match reasons.iter_mut().find(|(known, _)| *known == reason) {
                Some((_, addresses)) => addresses.push(address),
                None => reasons.push((reason, vec![address])),
            }
        }
        if self.addresses.len() < 2 {
            let reason = reasons.into_iter().map(|(reason, _)| reason).next();
            return reason.or(silent).unwrap_or_default();
        }
        let reasons = reasons
            .iter()
            .map(|(reason, addresses)| format!("{reason} at {}", addresses.join(", ")));
        reasons.collect::<Vec<_>>().join("; ")
    }
}

/// The addresses without duplicates, the families in turn, beginning with that of the first (RFC 8305,
/// section 4).
fn interleaved(found: impl Iterator<Item = SocketAddr>) -> Vec<SocketAddr> {
    let mut unique = Vec::new();
    for address in found {
        if !unique.contains(&address) {
            unique.push(address);
        }
    }
    let Some(first) = unique.first().map(SocketAddr::is_ipv4) else {
        return unique;
    };
    let (near, far): (Vec<_>, Vec<_>) = unique
        .into_iter()
        .partition(|address| address.is_ipv4() == first);
    let count = near.len().max(far.len());
    let in_turn = |index| [near.get(index), far.get(index)];
    let all = (0..count).flat_map(in_turn).flatten();
    all.copied().collect()
}

/// Connects from this machine's address `local`, if there is one.
async fn connect_from(local: Option<&str>, address: SocketAddr) -> io::Result<TcpStream> {
    let Some(local) = local else {
        return TcpStream::connect(address).await;
    };
    let mut locals = lookup_host((local, 0)).await?;
    let local = locals.find(|local| local.is_ipv4() == address.is_ipv4());
    let local = local.ok_or(io::ErrorKind::AddrNotAvailable)?;
    let socket = if address.is_ipv4() {
        TcpSocket::new_v4()?
    } else {
        TcpSocket::new_v6()?
    };
    socket.bind(local)?;
    socket.connect(address).await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(addresses: &[&str]) -> Vec<SocketAddr> {
        let parsed = addresses.iter().map(|text| text.parse().unwrap());
        parsed.collect()
    }

    #[test]
    fn families_take_turns() {
        for (found, order) in [
            (
                ["[::1]:22", "[::2]:22", "1.1.1.1:22", "[::2]:22"].as_slice(),
                ["[::1]:22", "1.1.1.1:22", "[::2]:22"].as_slice(),
            ),
            (
                &["1.1.1.1:22", "[::1]:22", "[::2]:22", "[::3]:22"],
                &["1.1.1.1:22", "[::1]:22", "[::2]:22", "[::3]:22"],
            ),
            (&["1.1.1.1:22", "2.2.2.2:22"], &["1.1.1.1:22", "2.2.2.2:22"]),
            (&[], &[]),
        ] {
            assert_eq!(interleaved(at(found).into_iter()), at(order), "{found:?}");
        }
    }

    #[test]
    fn each_address_s_failure_is_in_the_reason() {
        let refused = || io::Error::from(io::ErrorKind::ConnectionRefused);
        let mut attempts = Attempts {
            addresses: at(&["1.1.1.1:22", "2.2.2.2:22", "[::1]:22"]),
            failures: Vec::new(),
        };
        attempts.failures.push((attempts.addresses[0], refused()));
        attempts.failures.push((attempts.addresses[2], refused()));
        assert_eq!(
            attempts.reason(Some(Duration::from_secs(5))),
            "ECONNREFUSED at 1.1.1.1, ::1; \
             ETIMEDOUT: no connection within 5 s (connectTimeout) at 2.2.2.2"
        );
        let one = Attempts {
            addresses: at(&["1.1.1.1:22"]),
            failures: vec![(at(&["1.1.1.1:22"])[0], refused())],
        };
        assert_eq!(one.reason(None), "ECONNREFUSED");
        let none = Attempts::default().reason(Some(Duration::from_secs(5)));
        assert!(none.contains("its name was not resolved within 5 s"));
    }
}
