//! The host keys by which servers are recognised under any alias.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use tokio::time::timeout;

use super::Guard;
use crate::error::Error;
use crate::ssh::host_key::Identity;
use crate::store::servers::Server;
use crate::sync::lock;

/// The time allowed for a read-only server without a known key to present one.
const SHOWS_WITHIN: Duration = Duration::from_secs(5);

/// The time after which a server that presented no key is asked again.
const ASKED_AGAIN: Duration = Duration::from_secs(600);

/// The host keys that servers were asked for, by alias.
#[derive(Debug, Default)]
pub(super) struct ShownKeys(Mutex<HashMap<String, ShownByServer>>);

/// The host keys that a server has presented.
#[derive(Debug)]
struct ShownByServer {
    /// The server's entry at that time.
    server: Server,
    when: Instant,
    /// Empty if it could not be asked.
    keys: Vec<Identity>,
}

impl Guard {
    /// The host keys of each of these servers. One without a known key is asked.
    pub(super) async fn keys(
        &self,
        servers: &[(String, Server)],
    ) -> Result<Vec<(String, Vec<Identity>)>, Error> {
        let keys = servers.iter().map(async |(name, server)| {
            let mut known = self.pool.known_keys(name, server).await.unwrap_or_default();
            if known.is_empty() {
                match timeout(SHOWS_WITHIN, self.all_keys(name, server)).await {
                    Ok(Ok(keys)) => known = keys,
                    Ok(Err(_)) | Err(_) => self.shown_keys.note(name, server, &[]),
                }
            }
            (name.clone(), known)
        });
        Ok(join_all(keys).await)
    }

    /// All host keys of a server. It is asked once.
    pub(super) async fn all_keys(
        &self,
        alias: &str,
        server: &Server,
    ) -> Result<Vec<Identity>, Error> {
        if let Some(known) = self.shown_keys.known(alias, server) {
            return Ok(known);
        }
        let shown = self.pool.shown_keys(alias).await?;
        self.shown_keys.note(alias, server, &shown);
        Ok(shown)
    }
}

impl ShownKeys {
    fn known(&self, alias: &str, server: &Server) -> Option<Vec<Identity>> {
        let shown_keys = lock(&self.0);
        let shown = shown_keys.get(alias)?;
        let counts = !shown.keys.is_empty() || shown.when.elapsed() < ASKED_AGAIN;
        (shown.server == *server && counts).then(|| shown.keys.clone())
    }

    fn note(&self, alias: &str, server: &Server, keys: &[Identity]) {
        let shown = ShownByServer {
            server: server.clone(),
            when: Instant::now(),
            keys: keys.to_vec(),
        };
        lock(&self.0).insert(alias.to_owned(), shown);
    }
}

/// The name of the server that has this host key.
pub(super) fn named_by<'k>(key: &Identity, keys: &'k [(String, Vec<Identity>)]) -> Option<&'k str> {
    let found = keys.iter().find(|(_, known)| is_among(key, known));
    found.map(|(name, _)| name.as_str())
}

pub(super) fn is_among(key: &Identity, known: &[Identity]) -> bool {
    known
        .iter()
        .any(|other| other.fingerprint == key.fingerprint)
}
