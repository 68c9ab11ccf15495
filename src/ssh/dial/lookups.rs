//! Lookups of host names. No name is looked up twice at once, however many servers share it: each lookup takes a
//! thread for as long as the name server takes.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared};
use tokio::net::lookup_host;

use crate::sync::lock;

/// The addresses of a name, with port 0, or the reason why there are none.
type Addresses = Result<Arc<[SocketAddr]>, String>;

/// Lookups under way. Cheap to clone.
#[derive(Clone)]
pub(in crate::ssh) struct Lookups {
    under_way: Arc<Mutex<HashMap<String, Shared<BoxFuture<'static, Addresses>>>>>,
    look_up: fn(String) -> BoxFuture<'static, Addresses>,
}

impl Default for Lookups {
    fn default() -> Self {
        Self::by(|host| {
            async move {
                let found = lookup_host((host, 0)).await;
                found
                    .map(Iterator::collect)
                    .map_err(|error| error.to_string())
            }
            .boxed()
        })
    }
}

impl Lookups {
    fn by(look_up: fn(String) -> BoxFuture<'static, Addresses>) -> Self {
        Self {
            under_way: Arc::default(),
            look_up,
        }
    }

    /// The addresses of a host with this port. An error says why there are none.
    pub(super) async fn addresses(&self, host: &str, port: u16) -> Result<Vec<SocketAddr>, String> {
        if let Ok(address) = host.parse::<IpAddr>() {
            return Ok(vec![(address, port).into()]);
        }
        let found = self.of(host).await?;
        let at_port = |address: &SocketAddr| {
            let mut address = *address;
            address.set_port(port);
            address
        };
        Ok(found.iter().map(at_port).collect())
    }

    /// The lookup of this name that is under way, or a new one. It goes on when its callers have gone away, for
    /// its thread does, too.
    fn of(&self, host: &str) -> Shared<BoxFuture<'static, Addresses>> {
        let mut under_way = lock(&self.under_way);
        if let Some(lookup) = under_way.get(host) {
            return lookup.clone();
        }
        let (lookups, name) = (Arc::clone(&self.under_way), host.to_owned());
        let looking_up = (self.look_up)(name.clone());
        let task = tokio::spawn(async move {
            let found = looking_up.await;
            lock(&lookups).remove(&name);
            found
        });
        let lookup = task.map(|ended| ended.unwrap_or_else(|error| Err(error.to_string())));
        let lookup = lookup.boxed().shared();
        under_way.insert(host.to_owned(), lookup.clone());
        lookup
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use futures_util::future::join_all;
    use tokio::task::yield_now;

    use super::*;

    #[tokio::test]
    async fn a_name_is_looked_up_once_at_a_time() {
        static LOOKUPS: AtomicUsize = AtomicUsize::new(0);
        let lookups = Lookups::by(|host| {
            LOOKUPS.fetch_add(1, Ordering::Relaxed);
            async move {
                yield_now().await;
                let found = (host == "known").then(|| [([192, 0, 2, 7], 0).into()].into());
                found.ok_or_else(|| "no such name".to_owned())
            }
            .boxed()
        });
        let ports = 1..=50;
        let found = join_all(ports.clone().map(|port| lookups.addresses("known", port))).await;
        for (port, found) in ports.zip(found) {
            assert_eq!(found, Ok(vec![([192, 0, 2, 7], port).into()]));
        }
        assert_eq!(LOOKUPS.load(Ordering::Relaxed), 1);
        for expected in [2, 3] {
            assert!(lookups.addresses("unknown", 22).await.is_err());
            assert_eq!(LOOKUPS.load(Ordering::Relaxed), expected, "none is kept");
        }
        let literal = lookups.addresses("::1", 22).await;
        assert_eq!(literal, Ok(vec!["[::1]:22".parse().unwrap()]));
        assert_eq!(LOOKUPS.load(Ordering::Relaxed), 3);
    }
}
