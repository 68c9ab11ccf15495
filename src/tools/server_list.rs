//! The list of servers.

use globset::GlobMatcher;
use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::data::{fields, words};
use super::declared::{self as rmcp, Toolset, declare, tool, tool_router};
use super::name_pattern::part_of_name;
use super::{Json, Parameters};
use crate::app::App;
use crate::error::Error;
use crate::fleet::tag_pattern;
use crate::guard::Access;
use crate::store::servers::{Server, ServerView};
use crate::text::{beginning, table};

/// The most bytes of a server's notes in the text for people.
const NOTES_SHOWN: usize = 80;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ListServers {
    /// Only with it: eu*.
    tag: Option<String>,
    /// In alias or host: web*.
    #[serde(rename = "match")]
    name: Option<String>,
}

/// The servers as they may be shown, by alias.
pub(super) type ServersByAlias = IndexMap<String, ServerView>;

/// The servers that are asked for.
struct Wanted {
    tag: Option<GlobMatcher>,
    name: Option<GlobMatcher>,
}

impl Wanted {
    fn of(list: &ListServers) -> Result<Self, Error> {
        let name = list.name.as_deref().map(|name| part_of_name("match", name));
        Ok(Self {
            tag: list.tag.as_deref().map(tag_pattern).transpose()?,
            name: name.transpose()?,
        })
    }

    fn includes(&self, alias: &str, server: &Server) -> bool {
        let has_tag = |tag: &GlobMatcher| server.tags().iter().any(|own| tag.is_match(own));
        let names = [
            Some(alias),
            Some(&server.host),
            server.ssh_config_host.as_deref(),
        ];
        let has_name = |name: &GlobMatcher| names.iter().flatten().any(|own| name.is_match(own));
        self.tag.as_ref().is_none_or(has_tag) && self.name.as_ref().is_none_or(has_name)
    }
}

/// The servers for people, one in a line: alias, address, and what else is set.
fn text_of(servers: &ServersByAlias) -> String {
    let rows: Vec<_> = servers
        .iter()
        .map(|(alias, server)| {
            let mut fields = fields(server);
            let mut take = |name| match fields.shift_remove(name) {
                Some(Value::String(text)) => text,
                value => value.unwrap_or_default().to_string(),
            };
            let (user, host, port) = (take("user"), take("host"), take("port"));
            let place = if host.is_empty() {
                format!("{} of ~/.ssh/config", take("sshConfigHost"))
            } else {
                format!("{user}@{host}:{port}")
            };
            fields.values_mut().for_each(shorten);
            [alias.clone(), place, words(&fields)]
        })
        .collect();
    table(&rows)
}

/// Brings a value into a line's form: words for a list, the first line of a text.
fn shorten(value: &mut Value) {
    match value {
        Value::Array(items) => {
            let items: Vec<_> = items.iter().filter_map(Value::as_str).collect();
            *value = items.join(",").into();
        }
        Value::String(text) => {
            let line = text.lines().next().unwrap_or_default();
            *value = beginning(line, NOTES_SHOWN).into();
        }
        _ => {}
    }
}

fn shown(servers: Vec<(String, Server)>) -> ServersByAlias {
    let shown = servers
        .into_iter()
        .map(|(alias, server)| (alias, ServerView::from(&server)));
    shown.collect()
}

#[tool_router(router = server_list_tools, vis = "pub(super)")]
impl App {
    /// List the SSH servers.
    #[tool(title = "List servers", meta = declare(Access::ReadsHere, Toolset::Core))]
    async fn server_list(
        &self,
        Parameters(list): Parameters<ListServers>,
    ) -> Result<Json<ServersByAlias>, Error> {
        let wanted = Wanted::of(&list)?;
        let mut servers = self.servers().list()?;
        let none = if servers.is_empty() {
            "no server; server_add adds one"
        } else {
            "no server matches"
        };
        servers.retain(|(alias, server)| wanted.includes(alias, server));
        let servers = shown(servers);
        if servers.is_empty() {
            return Json::new(none, &servers);
        }
        Json::new(text_of(&servers), &servers)
    }

    /// Every server as it may be shown, by alias.
    pub(super) fn shown_servers(&self) -> Result<ServersByAlias, Error> {
        Ok(shown(self.servers().list()?))
    }
}
