//! The command policy: what is refused.

use std::sync::Arc;

use rmcp::{tool, tool_router};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Nothing, Parameters};
use crate::error::Error;
use crate::fs::blocking;
use crate::reply::Reply;
use crate::server::Orchestrator;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Rule {
    /// A program and what its arguments must have, such as `rm -r /srv/*` or `systemctl stop nginx`.
    pattern: String,
}

#[derive(Serialize)]
struct Changed {
    pattern: String,
    changed: bool,
}

#[tool_router(router = policy_tools, vis = "pub(super)")]
impl Orchestrator {
    /// List what the command policy refuses, or alone allows.
    #[tool(
        title = "List the command policy",
        annotations(
            read_only_hint = true,
            destructive_hint = false,
            idempotent_hint = true,
            open_world_hint = false
        )
    )]
    async fn policy_blocklist_list(
        &self,
        Parameters(Nothing {}): Parameters<Nothing>,
    ) -> Result<Reply, Error> {
        let guard = Arc::clone(self.guard());
        let rules = blocking(move || guard.policies().rules()).await?;
        Reply::json(&rules)
    }

    /// Refuse further commands on every server, also behind sudo, sh -c and the like.
    #[tool(
        title = "Refuse a command",
        annotations(
            read_only_hint = false,
            destructive_hint = false,
            idempotent_hint = true,
            open_world_hint = false
        )
    )]
    async fn policy_blocklist_add(
        &self,
        Parameters(Rule { pattern }): Parameters<Rule>,
    ) -> Result<Reply, Error> {
        let (guard, rule) = (Arc::clone(self.guard()), pattern.clone());
        let changed = blocking(move || {
            guard.may_configure("policy_blocklist_add")?;
            guard.policies().block(&rule)
        })
        .await?;
        let text = if changed {
            format!("`{pattern}` is refused from now on")
        } else {
            format!("`{pattern}` was refused already")
        };
        Reply::new(text, &Changed { pattern, changed })
    }

    /// Take away a rule that policy_blocklist_list shows. Only if a person wants it.
    #[tool(
        title = "Let a command through",
        annotations(
            read_only_hint = false,
            destructive_hint = true,
            idempotent_hint = true,
            open_world_hint = false
        )
    )]
    async fn policy_blocklist_remove(
        &self,
        Parameters(Rule { pattern }): Parameters<Rule>,
    ) -> Result<Reply, Error> {
        let (guard, rule) = (Arc::clone(self.guard()), pattern.clone());
        let changed = blocking(move || {
            guard.may_configure("policy_blocklist_remove")?;
            guard.policies().unblock(&rule)
        })
        .await?;
        if !changed {
            let problem = format!("is no rule: `{pattern}`; policy_blocklist_list has them");
            return Err(Error::invalid("pattern", problem));
        }
        let text = format!("`{pattern}` is no longer refused");
        Reply::new(text, &Changed { pattern, changed })
    }
}
