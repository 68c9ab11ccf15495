//! Accepting a server's host key.

use std::sync::Arc;

use rmcp::{tool, tool_router};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Parameters;
use super::servers::fingerprinted;
use crate::error::Error;
use crate::fs::blocking;
use crate::reply::Reply;
use crate::server::Orchestrator;
use crate::ssh::host_key::{Presented, Recorded};

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Trust {
    /// Server alias.
    alias: String,
    /// SHA256:… of the key to accept, from the server's owner. Left out: only show.
    fingerprint: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    alias: String,
    host: String,
    presented: Vec<Presented>,
    known: Vec<Recorded>,
    trusted: Option<String>,
}

#[tool_router(router = trust_tools, vis = "pub(super)")]
impl Orchestrator {
    /// Show a server's host keys, or accept the one with this fingerprint in the place of the known one. Have its owner confirm it; never take it from an error message alone.
    #[tool(
        title = "Trust a host key",
        annotations(
            read_only_hint = false,
            destructive_hint = true,
            idempotent_hint = true,
            open_world_hint = true
        )
    )]
    async fn server_trust(
        &self,
        Parameters(Trust { alias, fingerprint }): Parameters<Trust>,
    ) -> Result<Reply, Error> {
        if let Some(fingerprint) = &fingerprint {
            fingerprinted("fingerprint", fingerprint)?;
            self.guard().may_configure("server_trust")?;
        }
        let shown = Arc::new(self.pool().host_keys(&alias).await?);
        let listed = |fingerprints: Vec<String>| match fingerprints.as_slice() {
            [] => "none".to_owned(),
            some => some.join(", "),
        };
        let presented = shown.presented();
        let presents = listed(
            presented
                .iter()
                .map(|key| format!("{} ({})", key.fingerprint, key.kind))
                .collect(),
        );
        let known = shown.known().to_vec();
        let knows = listed(
            known
                .iter()
                .map(|key| format!("{} ({})", key.fingerprint, key.known_at))
                .collect(),
        );
        let place = shown.endpoint();
        let mut text = format!("server `{alias}` at {place} presents {presents}; known: {knows}");
        if let Some(wanted) = &fingerprint {
            let guard = self.guard();
            guard.may_trust(&alias, wanted, "server_trust").await?;
            let (servers, shown) = (Arc::clone(self.servers()), Arc::clone(&shown));
            let (name, wanted) = (alias.clone(), wanted.clone());
            let is_trusted = blocking(move || {
                let is_trusted = shown.trust(&wanted)?;
                let server = match servers.get(&name) {
                    // A jump host that only the user's own configuration names has no pin.
                    Err(Error::UnknownAlias { .. }) => None,
                    found => Some(found?),
                };
                let pinned = server.filter(|server| server.host_key_fingerprint.is_some());
                if is_trusted && let Some(mut server) = pinned {
                    server.host_key_fingerprint = Some(wanted);
                    servers.put(&name, &server)?;
                }
                Ok(is_trusted)
            });
            if !is_trusted.await? {
                let problem = format!(
                    "is of no key that the server presents; nothing was changed. It presents {presents}"
                );
                return Err(Error::invalid("fingerprint", problem));
            }
            self.pool().reconfigure(&alias);
            text = format!(
                "{text}. Trusted from now on: {}",
                fingerprint.as_deref().unwrap_or_default()
            );
        }
        Reply::new(
            text,
            &Answer {
                alias,
                host: place,
                presented,
                known,
                trusted: fingerprint,
            },
        )
    }
}
