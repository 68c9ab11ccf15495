//! The server that an alias leads to, by its address and by its host keys.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::time::timeout;

use super::{ChannelPurpose, IdentityCheck, LEAST_PATIENCE, Pool};
use crate::error::Error;
use crate::ssh::connection::Connection;
use crate::ssh::host_key::{Identity, KeyKind};
use crate::ssh::target::endpoint::{Endpoint, Hop, HostPort};
use crate::ssh::target::{MAX_JUMPS, Route, Target};
use crate::store::servers::Server;

/// Time in which an older connection has to show that it lives: less than a login takes.
const SIGN_OF_LIFE: Duration = Duration::from_secs(2);

impl Pool {
    /// The same pool, in which commands, transfers and callers' tunnels get only connections that pass a check.
    /// Connections to further servers are not checked.
    #[must_use]
    pub fn checked(&self, check: IdentityCheck) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
            check: Some(check),
            elevation: self.elevation.clone(),
        }
    }

    /// The endpoint of a server, were it configured as `alias`.
    pub async fn endpoint(&self, alias: &str, server: &Server) -> Result<Endpoint, Error> {
        let target = self.shared.dialer.target(alias, server).await?;
        let mut endpoint = Endpoint {
            address: host_port(&target),
            route: Vec::new(),
        };
        let mut route = target.route;
        while endpoint.route.len() < MAX_JUMPS {
            let jump = match route {
                Route::Direct => break,
                Route::Command(command) => {
                    endpoint.route.push(Hop::Command(command));
                    break;
                }
                Route::Jump(jump) => jump,
            };
            let target = self
                .shared
                .dialer
                .target(&jump, &self.reached(&jump)?)
                .await?;
            endpoint.route.push(Hop::Server(host_port(&target)));
            route = target.route;
        }
        Ok(endpoint)
    }

    /// The host keys by which a server is known, were it configured as `alias`: the pinned one, or else
    /// those on record, and the one that it has shown. Sends nothing.
    pub async fn known_keys(&self, alias: &str, server: &Server) -> Result<Vec<Identity>, Error> {
        let verifier = self.shared.dialer.target(alias, server).await?.verifier;
        let recorded = verifier.known_hosts.keys(&verifier.name)?;
        // With one pinned, the others may be another server's of the same name.
        let mut known: Vec<_> = recorded
            .iter()
            .map(Identity::from)
            .filter(|key| {
                verifier
                    .pin
                    .as_ref()
                    .is_none_or(|pin| *pin == key.fingerprint)
            })
            .collect();
        let more = verifier.pin.into_iter().chain(self.host_key(alias));
        for fingerprint in more {
            if !known.iter().any(|key| key.fingerprint == fingerprint) {
                let kind = KeyKind::Other;
                known.push(Identity { fingerprint, kind });
            }
        }
        Ok(known)
    }

    /// The host under whose name its keys are on record.
    pub async fn recorded_host(&self, alias: &str) -> Result<String, Error> {
        let server = self.reached(alias)?;
        Ok(self
            .shared
            .dialer
            .target(alias, &server)
            .await?
            .verifier
            .name
            .host)
    }

    /// Every host key that the server shows. It is asked for each kind of them, and nothing else is sent.
    pub async fn shown_keys(&self, alias: &str) -> Result<Vec<Identity>, Error> {
        let server = self.reached(alias)?;
        let (_, keys) = self.shared.dialer.host_keys(alias, &server).await?;
        Ok(keys.iter().map(Identity::from).collect())
    }

    /// A connection to `alias` that lives, made if need be.
    pub(in crate::ssh) async fn live_connection(
        &self,
        alias: &str,
    ) -> Result<Arc<Connection>, Error> {
        let since = Instant::now();
        loop {
            let lease = self
                .lease(alias, ChannelPurpose::Command, LEAST_PATIENCE, true)
                .await?;
            let connection = Arc::clone(&lease.connection);
            let is_new = connection.opened >= since;
            if is_new || timeout(SIGN_OF_LIFE, connection.answers()).await == Ok(true) {
                return Ok(connection);
            }
            lease.retire();
        }
    }

    /// The host key that a connection to `alias` was made with, making one if need be.
    pub async fn identity(&self, alias: &str, patience: Duration) -> Result<Identity, Error> {
        let connection = self.connection(alias, patience).await?;
        Ok(connection.identity().clone())
    }

    /// A connection to `alias`, made if need be. One that was there may have been lost meanwhile.
    pub(in crate::ssh) async fn connection(
        &self,
        alias: &str,
        patience: Duration,
    ) -> Result<Arc<Connection>, Error> {
        let lease = self
            .lease(alias, ChannelPurpose::Command, patience, true)
            .await?;
        Ok(Arc::clone(&lease.connection))
    }
}

fn host_port(target: &Target) -> HostPort {
    HostPort::new(&target.server.host, target.server.port())
}
