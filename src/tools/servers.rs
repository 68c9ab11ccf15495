//! Servers: add, list, remove.

use std::sync::Arc;

use indexmap::IndexMap;
use rmcp::{tool, tool_router};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Nothing, Parameters};
use crate::error::Error;
use crate::reply::Reply;
use crate::secret::Secret;
use crate::server::Orchestrator;
use crate::store::blocking;
use crate::store::servers::{Server, Shown};

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Add {
    /// Its name in the other tools.
    alias: String,
    /// Host name or IP address.
    host: String,
    /// User to log in as.
    user: String,
    /// Private key on this machine, OpenSSH or PEM, without passphrase.
    key_path: Option<String>,
    /// Password, if there is no key.
    password: Option<Secret>,
    /// 22 by default.
    #[schemars(range(min = 1))]
    port: Option<u16>,
    /// Send commands exactly as they are and nothing else, for network devices and forced commands. They stop by SSH signals only.
    plain: Option<bool>,
}

#[derive(Serialize)]
struct Put {
    alias: String,
    added: bool,
    server: Shown,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Remove {
    /// Server alias.
    alias: String,
}

#[derive(Serialize)]
struct Removed {
    alias: String,
}

impl Add {
    fn validated(self) -> Result<(String, Server), Error> {
        for (name, value) in [
            ("alias", &self.alias),
            ("host", &self.host),
            ("user", &self.user),
        ] {
            named(name, value)?;
        }
        if self.key_path.is_none() && self.password.is_none() {
            return Err(Error::invalid(
                "keyPath",
                "or `password` is needed: one way to log in",
            ));
        }
        if self.port == Some(0) {
            return Err(Error::invalid("port", "is 0; ports are 1 to 65535"));
        }
        let Self {
            alias,
            host,
            user,
            key_path,
            password,
            port,
            plain,
        } = self;
        Ok((
            alias,
            Server {
                host,
                user,
                key_path,
                password,
                port,
                plain,
            },
        ))
    }
}

/// Refuses what cannot name anything.
pub(super) fn named(parameter: &str, value: &str) -> Result<(), Error> {
    if value.trim().is_empty() {
        return Err(Error::invalid(parameter, "is empty"));
    }
    if value.chars().any(char::is_control) {
        return Err(Error::invalid(parameter, "holds a control character"));
    }
    Ok(())
}

#[tool_router(router = server_tools, vis = "pub(super)")]
impl Orchestrator {
    /// Add a server, or update the one with this alias. It needs keyPath or password.
    #[tool(
        title = "Add a server",
        annotations(
            read_only_hint = false,
            destructive_hint = true,
            idempotent_hint = true,
            open_world_hint = false
        )
    )]
    async fn server_add(&self, Parameters(add): Parameters<Add>) -> Result<Reply, Error> {
        let (alias, server) = add.validated()?;
        let added = {
            let (servers, alias, server) =
                (Arc::clone(self.servers()), alias.clone(), server.clone());
            blocking(move || servers.put(&alias, &server)).await?
        };
        self.pool().reconfigure(&alias);
        let text = format!(
            "server `{alias}` {}",
            if added { "added" } else { "updated" }
        );
        Reply::new(
            text,
            &Put {
                alias,
                added,
                server: Shown::from(&server),
            },
        )
    }

    /// List the configured servers by alias. Passwords show as ***.
    #[tool(
        title = "List servers",
        annotations(
            read_only_hint = true,
            destructive_hint = false,
            idempotent_hint = true,
            open_world_hint = false
        )
    )]
    async fn server_list(
        &self,
        Parameters(Nothing {}): Parameters<Nothing>,
    ) -> Result<Reply, Error> {
        Reply::json(&self.shown_servers()?)
    }

    /// Remove a server. Running tasks go on to their end.
    #[tool(
        title = "Remove a server",
        annotations(
            read_only_hint = false,
            destructive_hint = true,
            idempotent_hint = true,
            open_world_hint = false
        )
    )]
    async fn server_remove(
        &self,
        Parameters(Remove { alias }): Parameters<Remove>,
    ) -> Result<Reply, Error> {
        {
            let (servers, alias) = (Arc::clone(self.servers()), alias.clone());
            blocking(move || servers.remove(&alias)).await?;
        }
        self.pool().reconfigure(&alias);
        Reply::new(format!("server `{alias}` removed"), &Removed { alias })
    }

    /// Every server as it may be shown, by alias.
    pub(super) fn shown_servers(&self) -> Result<IndexMap<String, Shown>, Error> {
        let servers = self.servers().list()?;
        Ok(servers
            .into_iter()
            .map(|(alias, server)| (alias, Shown::from(&server)))
            .collect())
    }
}
