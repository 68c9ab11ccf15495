//! Which server an alias leads to, by its place and by its host keys.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::time::timeout;

use super::{ChannelPurpose, Check, LEAST_PATIENCE, Pool};
use crate::error::Error;
use crate::ssh::connection::Connection;
use crate::ssh::host_key::{Identity, KeyKind};
use crate::ssh::target::endpoint::{Endpoint, Hop, LONGEST_WAY, Place};
use crate::ssh::target::{Route, Target};
use crate::store::servers::Server;

/// How long an older connection may take to show that it lives: less than the whole login may.
const SIGN_OF_LIFE: Duration = Duration::from_secs(2);

impl Pool {
    /// The same pool, in which commands and transfers get only connections that pass a check. Others, and
    /// ways to further servers, are as they were.
    #[must_use]
    pub fn checked(&self, check: Check) -> Self {
        Self(self.0.clone(), Some(check))
    }

    /// Where a server is, were it configured as `alias`.
    pub async fn endpoint(&self, alias: &str, server: &Server) -> Result<Endpoint, Error> {
        let target = self.0.dialer.target(alias, server).await?;
        let mut endpoint = Endpoint {
            place: place(&target),
            way: Vec::new(),
        };
        let mut route = target.route;
        while endpoint.way.len() < LONGEST_WAY {
            let jump = match route {
                Route::Direct => break,
                Route::Command(command) => {
                    endpoint.way.push(Hop::Command(command));
                    break;
                }
                Route::Jump(jump) => jump,
            };
            let target = self.0.dialer.target(&jump, &self.reached(&jump)?).await?;
            endpoint.way.push(Hop::Server(place(&target)));
            route = target.route;
        }
        Ok(endpoint)
    }

    /// The host keys by which a server is known, were it configured as `alias`: the pinned one, or else
    /// those on record, and the one that it has shown. Asks nobody.
    pub async fn known_keys(&self, alias: &str, server: &Server) -> Result<Vec<Identity>, Error> {
        let rule = self.0.dialer.target(alias, server).await?.rule;
        let recorded = rule.known_hosts.keys(&rule.name)?;
        // Where one is pinned, the others may be another server's of the same name.
        let mut known: Vec<_> = recorded
            .iter()
            .map(Identity::from)
            .filter(|key| rule.pin.as_ref().is_none_or(|pin| *pin == key.fingerprint))
            .collect();
        let more = rule.pin.into_iter().chain(self.host_key(alias));
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
        Ok(self.0.dialer.target(alias, &server).await?.rule.name.host)
    }

    /// Every host key that the server shows. It is asked for each kind of them, and nothing else is sent.
    pub async fn shown_keys(&self, alias: &str) -> Result<Vec<Identity>, Error> {
        let server = self.reached(alias)?;
        let (_, keys) = self.0.dialer.host_keys(alias, &server).await?;
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
        let lease = self
            .lease(alias, ChannelPurpose::Command, patience, true)
            .await?;
        Ok(lease.connection.identity().clone())
    }
}

fn place(target: &Target) -> Place {
    Place::new(&target.server.host, target.server.port())
}
