//! The checks of tunnels, when one is opened and for each connection that it carries.

use std::collections::HashMap;
use std::net::IpAddr;
use std::path::Path;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use tokio::net::lookup_host;
use tokio::time::timeout;

use super::{Guard, blocked};
use crate::error::Error;
use crate::policy::TunnelPlace;
use crate::ssh::{ForwardTarget, Pool};
use crate::sync::lock;

/// The tool that opens tunnels.
const TOOL: &str = "tunnel_open";

/// Time allowed for looking up a name here. The server looks it up for itself.
const LOOK_UP: Duration = Duration::from_secs(2);

/// Time for which the addresses of a name are kept.
const KEPT: Duration = Duration::from_secs(60);

/// Names that are kept at most.
const MOST_NAMES: usize = 1000;

/// The addresses of names, as far as they can be seen from here.
#[derive(Debug, Default)]
pub(super) struct SeenNames(Mutex<HashMap<String, (Instant, Vec<IpAddr>)>>);

impl Guard {
    /// Refuses a tunnel of a read-only server, or to a place that the policy forbids. `is_remote` says that it leads
    /// from the server to this machine.
    pub async fn may_tunnel(
        &self,
        alias: &str,
        to: &ForwardTarget,
        is_remote: bool,
    ) -> Result<(), Error> {
        self.holds.check(Some(alias))?;
        self.may_change(alias, TOOL)?;
        let addresses = match to {
            ForwardTarget::Port { host, .. } if !is_remote => self.names.addresses(host).await,
            _ => Vec::new(),
        };
        let place = TunnelPlace {
            to,
            is_remote,
            addresses: &addresses,
        };
        let policy = self.policies.current()?;
        policy.judge_tunnel(&place).map_err(blocked)
    }

    /// Refuses to let a server reach a socket of this machine outside the directories that transfers may touch.
    pub fn may_expose(&self, to: &ForwardTarget) -> Result<(), Error> {
        match to {
            ForwardTarget::Socket(path) => self.roots.check(Path::new(path)),
            ForwardTarget::Port { .. } => Ok(()),
        }
    }

    /// Connections of their own for a tunnel, none of which leads to a read-only server.
    pub(crate) async fn tunnel_pool(&self, alias: &str) -> Result<Pool, Error> {
        Ok(self.checked(alias, TOOL).await?.apart())
    }
}

impl SeenNames {
    /// The addresses of a name; none where they are not seen.
    async fn addresses(&self, name: &str) -> Vec<IpAddr> {
        if let Some((seen, addresses)) = lock(&self.0).get(name)
            && seen.elapsed() < KEPT
        {
            return addresses.clone();
        }
        let found = timeout(LOOK_UP, lookup_host((name, 0))).await;
        let addresses: Vec<_> = match found {
            Ok(Ok(found)) => found.map(|address| address.ip()).collect(),
            _ => Vec::new(),
        };
        let mut names = lock(&self.0);
        if names.len() >= MOST_NAMES {
            names.clear();
        }
        names.insert(name.to_owned(), (Instant::now(), addresses.clone()));
        addresses
    }
}
