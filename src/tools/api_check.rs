//! Health checks of HTTP APIs.

use std::time::Instant;

use futures_util::stream::{self, StreamExt};
use schemars::JsonSchema;
use serde::Deserialize;

use super::declared::{self as rmcp, Toolset, declare, tool, tool_router};
use super::fleet_facts::FactsByServer;
use super::{Call, Json, Parameters, ProgressSource};
use crate::api::{Health, HealthRequest};
use crate::app::App;
use crate::error::Error;
use crate::fleet::{TargetExpression, Targets};
use crate::guard::Access;
use crate::store::CatalogueEntry as _;

/// Servers that are asked at once.
const AT_ONCE: usize = 50;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct CheckApi {
    /// API alias.
    alias: String,
    /// Ask from this server.
    server_alias: Option<TargetExpression>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct CheckAddress {
    /// Server alias.
    alias: TargetExpression,
    /// HTTP address.
    url: String,
}

#[tool_router(router = api_check_tools, vis = "pub(super)")]
impl App {
    /// Ask whether an API is up: UP for a 2xx answer within 10 s, else DOWN.
    #[tool(title = "Check an API", meta = declare(Access::ReadsServer, Toolset::Apis))]
    async fn api_check(
        &self,
        Parameters(CheckApi {
            alias,
            server_alias,
        }): Parameters<CheckApi>,
        call: Call,
    ) -> Result<Json<Health>, Error> {
        let mut api = self.apis().get(&alias)?;
        self.vault().reveal_all(api.secrets()).await?;
        let request = HealthRequest::of(&api)?;
        match server_alias {
            Some(servers) => self.check_from(&call, &request, &servers).await,
            None => self.check(&call, &request, None).await,
        }
    }

    /// Ask from a server whether an address is up, as api_check does.
    #[tool(title = "Check an address", meta = declare(Access::ReadsServer, Toolset::Apis))]
    async fn check_api_health(
        &self,
        Parameters(CheckAddress { alias, url }): Parameters<CheckAddress>,
        call: Call,
    ) -> Result<Json<Health>, Error> {
        self.check_from(&call, &HealthRequest::get(&url)?, &alias)
            .await
    }

    async fn check_from(
        &self,
        call: &Call,
        request: &HealthRequest,
        servers: &TargetExpression,
    ) -> Result<Json<Health>, Error> {
        let servers = self.targets(servers)?;
        match servers.aliases.as_slice() {
            [alias] if servers.is_single() => self.check(call, request, Some(alias)).await,
            _ => self.check_from_all(call, request, servers).await,
        }
    }

    async fn check(
        &self,
        call: &Call,
        request: &HealthRequest,
        through: Option<&str>,
    ) -> Result<Json<Health>, Error> {
        let deadline = Instant::now() + self.config().sync_timeout;
        let waits = || self.pool().login_notice(through?);
        let through = through.map(|alias| (self.pool(), alias));
        let checked = Box::pin(self.checker().check(request, through, deadline));
        let health = call
            .reporting(
                &ProgressSource::Time("the API has been asked"),
                waits,
                checked,
            )
            .await?;
        Json::new(health.text(), &health)
    }

    /// Checks from several servers. Those that cannot ask are named beside the others.
    async fn check_from_all(
        &self,
        call: &Call,
        request: &HealthRequest,
        servers: Targets,
    ) -> Result<Json<Health>, Error> {
        let deadline = Instant::now() + self.config().sync_timeout;
        let mut checks = Vec::new();
        for alias in &servers.aliases {
            let through = Some((self.pool(), alias.as_str()));
            checks.push(Box::pin(self.checker().check(request, through, deadline)));
        }
        let checks = stream::iter(checks).buffered(AT_ONCE).collect::<Vec<_>>();
        let source = ProgressSource::Time("the API has been asked");
        let checked = call.reporting(&source, || None, checks).await;
        let mut facts = FactsByServer::default();
        for (alias, health) in servers.aliases.iter().zip(&checked) {
            match health {
                Ok(health) => drop(facts.servers.insert(alias.as_str(), health)),
                Err(error) => drop(facts.failed.insert(alias.as_str(), error.to_string())),
            }
        }
        facts.reply(&text_of(&facts))
    }
}

/// The results for people: first what is not up, then how many are.
fn text_of(facts: &FactsByServer<'_, &Health>) -> String {
    let all = facts.servers.len() + facts.failed.len();
    let (up, down): (Vec<_>, Vec<_>) = facts.servers.iter().partition(|(_, health)| health.is_up());
    let failed = facts.failed.iter();
    let failed = failed.map(|(alias, reason)| format!("{alias}  not asked: {reason}\n"));
    let down = down.into_iter();
    let down = down.map(|(alias, health)| format!("{alias}  {}\n", health.text()));
    let names: Vec<_> = up.iter().map(|(alias, _)| **alias).collect();
    let names = if names.is_empty() {
        String::new()
    } else {
        format!(": {}", names.join(", "))
    };
    let rest: String = failed.chain(down).collect();
    format!("{rest}UP from {} of {all} servers{names}", up.len())
}
