//! Accepting a server's host key.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::declared::{self as rmcp, Toolset, declare, tool, tool_router};
use super::servers::check_fingerprint;
use super::shown_keys::{HostKeyReport, KeysOfSeveral};
use super::{Confirmation, IfUnasked, Json, Parameters, Person};
use crate::app::App;
use crate::error::Error;
use crate::fleet::{TargetExpression, Targets};
use crate::fs::blocking;
use crate::guard::Access;
use crate::ssh::host_key::HostKeys;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct TrustHostKey {
    /// Server alias.
    alias: TargetExpression,
    /// SHA256:… of the key to accept.
    fingerprint: Option<String>,
}

/// The answer about one server, or about several.
#[derive(Serialize, JsonSchema)]
struct HostKeyAnswer {
    #[serde(flatten)]
    one: Option<HostKeyReport>,
    #[serde(flatten)]
    several: Option<KeysOfSeveral>,
}

impl HostKeyAnswer {
    fn of_one(report: HostKeyReport) -> Result<Json<Self>, Error> {
        let text = report.text();
        let answer = Self {
            one: Some(report),
            several: None,
        };
        Json::new(text, &answer)
    }

    fn of_several(keys: KeysOfSeveral) -> Result<Json<Self>, Error> {
        let text = keys.text();
        let answer = Self {
            one: None,
            several: Some(keys),
        };
        Json::new(text, &answer)
    }
}

#[tool_router(router = trust_tools, vis = "pub(super)")]
impl App {
    /// Show the host keys of servers, or accept the one with this fingerprint for one. Have its owner confirm it first.
    #[tool(title = "Trust a host key", meta = declare(Access::ConfiguresServer, Toolset::Admin).only_if(|given| given.contains_key("fingerprint")).asking())]
    async fn server_trust(
        &self,
        Parameters(TrustHostKey { alias, fingerprint }): Parameters<TrustHostKey>,
        person: Person,
    ) -> Result<Json<HostKeyAnswer>, Error> {
        let targets = self.key_targets(&alias)?;
        let Some(wanted) = fingerprint else {
            if !targets.is_single() {
                let keys = self.keys_of_several(targets.aliases).await;
                return HostKeyAnswer::of_several(keys);
            }
            let (report, _) = self.shown_keys(targets.expression).await?;
            return HostKeyAnswer::of_one(report);
        };
        if !targets.is_single() {
            let problem = "names several servers, and a key is accepted for one at a time; nothing was changed";
            return Err(Error::invalid("alias", problem));
        }
        check_fingerprint("fingerprint", &wanted)?;
        let (mut report, keys) = self.shown_keys(targets.expression).await?;
        let guard = self.guard();
        guard
            .may_trust(&report.alias, &wanted, "server_trust")
            .await?;
        report.check_presented(&wanted)?;
        let question = self.replaces_known(&report, &wanted)?;
        report.trusted = Some(wanted.clone());
        let trust = self.trust(report, keys, wanted);
        match question {
            Some(question) => self.if_agreed(person, question, trust).await,
            None => trust.await,
        }
    }

    /// The servers whose keys are asked for: also a jump host that only the user's SSH configuration names, which
    /// has no entry.
    fn key_targets(&self, alias: &TargetExpression) -> Result<Targets, Error> {
        match alias {
            TargetExpression::Text(text) if self.pool().leads_to_server(text) => {
                Ok(Targets::single(text))
            }
            _ => alias.resolve(self.servers()),
        }
    }

    /// The question whether this key may take the place of the known ones; `None` if it takes none's.
    fn replaces_known(
        &self,
        report: &HostKeyReport,
        wanted: &str,
    ) -> Result<Option<Confirmation>, Error> {
        let pinned = match self.servers().get(&report.alias) {
            Ok(server) => server.host_key_fingerprint,
            // A jump host that only the user's SSH configuration names has no entry.
            Err(Error::UnknownAlias { .. }) => None,
            Err(error) => return Err(error),
        };
        let recorded = report.known.iter().map(|key| key.fingerprint.clone());
        let known: Vec<_> = pinned.into_iter().chain(recorded).collect();
        if known.is_empty() || known.iter().all(|key| key == wanted) {
            return Ok(None);
        }
        Ok(Some(Confirmation {
            text: format!(
                "The host key of the server `{}` at {} has changed. Trust the new one, {wanted}, in the place of \
                 {}? Only if `ssh-keygen -lf` on the server itself shows it, for somebody may stand in between.",
                report.alias,
                report.host,
                known.join(", ")
            ),
            if_unasked: IfUnasked::Wait,
        }))
    }

    /// Accepts the key with the fingerprint `wanted`, which the server presents.
    async fn trust(
        &self,
        report: HostKeyReport,
        keys: Arc<HostKeys>,
        wanted: String,
    ) -> Result<Json<HostKeyAnswer>, Error> {
        self.record(&report.alias, keys, &wanted).await?;
        self.pool().reconfigure(&report.alias);
        HostKeyAnswer::of_one(report)
    }

    /// Records one of these keys as known, and pins the server to it if it was pinned.
    async fn record(&self, alias: &str, keys: Arc<HostKeys>, wanted: &str) -> Result<(), Error> {
        let servers = Arc::clone(self.servers());
        let (alias, wanted) = (alias.to_owned(), wanted.to_owned());
        blocking(move || {
            keys.trust(&wanted)?;
            match servers.get(&alias) {
                Ok(mut server) if server.host_key_fingerprint.is_some() => {
                    server.host_key_fingerprint = Some(wanted);
                    servers.put(&alias, &server)?;
                }
                // A jump host that only the user's SSH configuration names has no entry.
                Ok(_) | Err(Error::UnknownAlias { .. }) => {}
                Err(error) => return Err(error),
            }
            Ok(())
        })
        .await
    }
}
