//! Servers from the user's own SSH configuration.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::declared::{self as rmcp, Toolset, declare, tool, tool_router};
use super::name_pattern::whole_name;
use super::{Json, Parameters};
use crate::app::App;
use crate::error::Error;
use crate::fs::blocking;
use crate::guard::Access;
use crate::ssh::target::user_config;
use crate::store::servers::Server;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ImportServers {
    /// Only these hosts: `web*`.
    pattern: Option<String>,
    /// Add them; taken aliases stay.
    #[serde(default)]
    add: bool,
}

#[derive(Serialize, JsonSchema)]
struct ImportedHosts {
    hosts: Vec<ImportedHost>,
}

#[derive(Serialize, JsonSchema)]
struct ImportedHost {
    name: String,
    /// Its address, user and jump hosts, or the problem with them.
    way: String,
    state: ImportState,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    notes: Vec<String>,
}

#[derive(Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum ImportState {
    /// It could be added.
    Found,
    Added,
    /// Its name is an alias already.
    Known,
    /// It cannot be added.
    Broken,
}

impl ImportedHost {
    fn text(&self) -> String {
        let state = match self.state {
            ImportState::Found => "",
            ImportState::Added => " (added)",
            ImportState::Known => " (the alias is taken)",
            ImportState::Broken => " (cannot be added)",
        };
        let notes = self.notes.iter().map(|note| format!("\n  Note: {note}"));
        let notes = notes.collect::<String>();
        format!("{}: {}{state}{notes}", self.name, self.way)
    }
}

#[tool_router(router = import_tools, vis = "pub(super)")]
impl App {
    /// List the hosts of ~/.ssh/config, or add them as servers that follow that file.
    #[tool(title = "Import servers", meta = declare(Access::AddsHere, Toolset::Admin).only_if(|given| given.get("add") == Some(&true.into())))]
    async fn server_import(
        &self,
        Parameters(ImportServers { pattern, add }): Parameters<ImportServers>,
    ) -> Result<Json<ImportedHosts>, Error> {
        let pattern = whole_name("pattern", pattern.as_deref().unwrap_or("*"))?;
        let files = self.config().ssh_files.clone();
        let names = blocking(move || user_config::hosts(&files)).await?;
        let mut hosts = Vec::new();
        for name in names.into_iter().filter(|name| pattern.is_match(name)) {
            hosts.push(self.import(name, add).await?);
        }
        let mut text = hosts
            .iter()
            .map(ImportedHost::text)
            .collect::<Vec<_>>()
            .join("\n");
        if text.is_empty() {
            text.push_str("no host of the SSH configuration matches");
        }
        Json::new(text, &ImportedHosts { hosts })
    }

    async fn import(&self, name: String, add: bool) -> Result<ImportedHost, Error> {
        let server = Server {
            ssh_config_host: Some(name.clone()),
            ..Server::default()
        };
        let broken = |name: &str, error: &Error| ImportedHost {
            name: name.to_owned(),
            way: error.to_string(),
            state: ImportState::Broken,
            notes: Vec::new(),
        };
        if let Err(error) = self.servers().check_alias(&name) {
            return Ok(broken(&name, &error));
        }
        let (way, notes) = match self.pool().route(&name, &server).await {
            Ok(told) => told,
            Err(error) => return Ok(broken(&name, &error)),
        };
        let state = match self.servers().get(&name) {
            Ok(_) => ImportState::Known,
            Err(Error::UnknownAlias { .. }) if add => {
                let guard = self.guard();
                if let Err(error) = guard.may_put(&name, &server, "server_import").await {
                    return Ok(broken(&name, &error));
                }
                self.put_server(name.clone(), server).await?;
                ImportState::Added
            }
            Err(Error::UnknownAlias { .. }) => ImportState::Found,
            Err(_) => ImportState::Broken,
        };
        Ok(ImportedHost {
            name,
            way,
            state,
            notes,
        })
    }
}
