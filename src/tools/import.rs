//! Servers from the user's own SSH configuration, or from an Ansible inventory.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::declared::{self as rmcp, Toolset, declare, tool, tool_router};
use super::name_pattern::whole_name;
use super::servers::read_key;
use super::{Json, Parameters};
use crate::ansible::{self, InventoryHost};
use crate::app::App;
use crate::error::Error;
use crate::fs::{blocking, expand_home};
use crate::guard::Access;
use crate::ssh::target::user_config;
use crate::store;
use crate::store::servers::Server;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ImportServers {
    /// Only these hosts: `web*`.
    pattern: Option<String>,
    /// Ansible inventory here, or what `ansible-inventory --list` printed.
    inventory: Option<String>,
    /// Add them; taken aliases stay.
    #[serde(default)]
    add: bool,
    /// Groups: prod, eu.
    tags: Option<Vec<String>>,
    /// Remarks, 2 KB at most.
    notes: Option<String>,
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

/// A host that may become a server.
struct Candidate {
    name: String,
    server: Server,
    /// Remarks on what was left out.
    notes: Vec<String>,
    /// The reason why it cannot.
    problem: Option<String>,
}

impl From<InventoryHost> for Candidate {
    fn from(host: InventoryHost) -> Self {
        Self {
            name: host.name,
            server: host.server,
            notes: host.notes,
            problem: host.problem,
        }
    }
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
    /// List the hosts of ~/.ssh/config or of an Ansible inventory, or add them as servers.
    #[tool(title = "Import servers", meta = declare(Access::AddsHere, Toolset::Admin).only_if(|given| given.get("add") == Some(&true.into())))]
    async fn server_import(
        &self,
        Parameters(import): Parameters<ImportServers>,
    ) -> Result<Json<ImportedHosts>, Error> {
        let pattern = whole_name("pattern", import.pattern.as_deref().unwrap_or("*"))?;
        let tags = store::tags(import.tags.unwrap_or_default())?;
        import.notes.as_deref().map_or(Ok(()), store::check_notes)?;
        let mut candidates = match import.inventory {
            Some(path) => self.inventory_hosts(&path).await?,
            None => self.config_hosts().await?,
        };
        candidates.retain(|candidate| pattern.is_match(&candidate.name));
        let mut hosts = Vec::new();
        for mut candidate in candidates {
            let server = &mut candidate.server;
            let all = store::tags([server.tags(), tags.as_slice()].concat())?;
            server.tags = Some(all).filter(|tags| !tags.is_empty());
            server.notes.clone_from(&import.notes);
            hosts.push(self.import(candidate, import.add).await);
        }
        let mut text = hosts
            .iter()
            .map(ImportedHost::text)
            .collect::<Vec<_>>()
            .join("\n");
        if text.is_empty() {
            text.push_str("no host matches");
        }
        Json::new(text, &ImportedHosts { hosts })
    }

    /// The hosts that the user's SSH configuration names.
    async fn config_hosts(&self) -> Result<Vec<Candidate>, Error> {
        let files = self.config().ssh_files.clone();
        let names = blocking(move || user_config::hosts(&files)).await?;
        let candidates = names.into_iter().map(|name| Candidate {
            server: Server {
                ssh_config_host: Some(name.clone()),
                ..Server::default()
            },
            name,
            notes: Vec::new(),
            problem: None,
        });
        Ok(candidates.collect())
    }

    /// The hosts of an inventory on this machine.
    async fn inventory_hosts(&self, path: &str) -> Result<Vec<Candidate>, Error> {
        let (roots, path) = (self.guard().roots().clone(), expand_home(path));
        let path = blocking(move || roots.check(&path).map(|()| path)).await?;
        let hosts = ansible::read(path).await?;
        let hosts = ansible::with_jumps(hosts, &self.servers().list()?);
        Ok(hosts.into_iter().map(Candidate::from).collect())
    }

    /// Adds a host as a server, or says what would come of that.
    async fn import(&self, candidate: Candidate, add: bool) -> ImportedHost {
        let (name, notes) = (candidate.name.clone(), candidate.notes.clone());
        let broken = |problem: String| ImportedHost {
            name,
            way: problem,
            state: ImportState::Broken,
            notes,
        };
        if let Some(problem) = candidate.problem {
            return broken(problem);
        }
        match self.imported(candidate, add).await {
            Ok(host) => host,
            Err(error) => broken(error.to_string()),
        }
    }

    async fn imported(&self, candidate: Candidate, add: bool) -> Result<ImportedHost, Error> {
        let Candidate {
            name,
            mut server,
            mut notes,
            ..
        } = candidate;
        self.servers().check_alias(&name)?;
        notes.extend(read_key(&mut server).await?);
        let (way, more) = self.pool().route(&name, &server).await?;
        notes.extend(more);
        let state = match self.servers().get(&name) {
            Ok(_) => ImportState::Known,
            Err(Error::UnknownAlias { .. }) if add => {
                let guard = self.guard();
                guard.may_put(&name, &server, "server_import").await?;
                self.check_server_secrets(&name, &server).await?;
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
