//! Accepting a server's host key.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Parameters;
use super::declared::{self as rmcp, AnyObject, Toolset, declare, tool, tool_router};
use super::servers::check_fingerprint;
use crate::app::App;
use crate::error::Error;
use crate::fs::blocking;
use crate::guard::Access;
use crate::reply::Reply;
use crate::ssh::host_key::{HostKeys, PresentedKey, RecordedKey};

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct TrustHostKey {
    /// Server alias.
    alias: String,
    /// SHA256:… of the key to accept, from the server's owner. Left out: only show.
    fingerprint: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct HostKeyReport {
    alias: String,
    host: String,
    presented: Vec<PresentedKey>,
    known: Vec<RecordedKey>,
    trusted: Option<String>,
}

impl HostKeyReport {
    fn presents(&self) -> String {
        let keys = self.presented.iter();
        listed(keys.map(|key| (&key.fingerprint, &key.kind)))
    }

    fn text(&self) -> String {
        let known = self.known.iter();
        let known = listed(known.map(|key| (&key.fingerprint, &key.known_at)));
        let text = format!(
            "server `{}` at {} presents {}; known: {known}",
            self.alias,
            self.host,
            self.presents()
        );
        match &self.trusted {
            Some(trusted) => format!("{text}. Trusted from now on: {trusted}"),
            None => text,
        }
    }
}

#[tool_router(router = trust_tools, vis = "pub(super)")]
impl App {
    /// Show a server's host keys, or accept the one with this fingerprint in the place of the known one. Have its owner confirm it; never take it from an error message alone.
    #[tool(title = "Trust a host key", meta = declare(Access::ConfiguresServer, Toolset::Core).returns::<AnyObject>().only_if(|given| given.contains_key("fingerprint")))]
    async fn server_trust(
        &self,
        Parameters(TrustHostKey { alias, fingerprint }): Parameters<TrustHostKey>,
    ) -> Result<Reply, Error> {
        if let Some(fingerprint) = &fingerprint {
            check_fingerprint("fingerprint", fingerprint)?;
        }
        let keys = Arc::new(self.pool().host_keys(&alias).await?);
        let report = HostKeyReport {
            host: keys.endpoint(),
            presented: keys.presented(),
            known: keys.known().to_vec(),
            alias,
            trusted: fingerprint,
        };
        if let Some(wanted) = &report.trusted {
            self.trust(&report, keys, wanted).await?;
        }
        Reply::new(report.text(), &report)
    }

    /// Accepts the key with the fingerprint `wanted`, if the server presents it.
    async fn trust(
        &self,
        report: &HostKeyReport,
        keys: Arc<HostKeys>,
        wanted: &str,
    ) -> Result<(), Error> {
        let (guard, alias) = (self.guard(), &report.alias);
        guard.may_trust(alias, wanted, "server_trust").await?;
        if !self.record(alias, keys, wanted).await? {
            let problem = format!(
                "is of no key that the server presents; nothing was changed. It presents {}",
                report.presents()
            );
            return Err(Error::invalid("fingerprint", problem));
        }
        self.pool().reconfigure(alias);
        Ok(())
    }

    /// Records one of these keys as known, and pins the server to it if it was pinned. Returns false if `wanted` is
    /// none of them.
    async fn record(&self, alias: &str, keys: Arc<HostKeys>, wanted: &str) -> Result<bool, Error> {
        let servers = Arc::clone(self.servers());
        let (alias, wanted) = (alias.to_owned(), wanted.to_owned());
        blocking(move || {
            if !keys.trust(&wanted)? {
                return Ok(false);
            }
            match servers.get(&alias) {
                Ok(mut server) if server.host_key_fingerprint.is_some() => {
                    server.host_key_fingerprint = Some(wanted);
                    servers.put(&alias, &server)?;
                }
                // A jump host that only the user's SSH configuration names has no entry.
                Ok(_) | Err(Error::UnknownAlias { .. }) => {}
                Err(error) => return Err(error),
            }
            Ok(true)
        })
        .await
    }
}

/// Fingerprints, each with a remark.
fn listed<'k>(keys: impl Iterator<Item = (&'k String, &'k String)>) -> String {
    let shown: Vec<_> = keys
        .map(|(fingerprint, remark)| format!("{fingerprint} ({remark})"))
        .collect();
    match shown.as_slice() {
        [] => "none".to_owned(),
        some => some.join(", "),
    }
}
