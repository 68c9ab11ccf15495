//! `permissions CLIENT --tier TIER`: a client's own list of the tools that it need not ask about, by what they do.

use std::io::Write;

use clap::ValueEnum;
use serde_json::{Value, json};

use super::clients;
use super::error::InstallError;
use super::request::NAME;
use crate::guard::Access;
use crate::tools::Tools;

/// The tools that a list lets through.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Tier {
    /// Those that only read
    Read,
    /// Also those that move and change files, open tunnels, and stop tasks
    Standard,
    /// All
    All,
}

impl Tier {
    fn has(self, access: Access) -> bool {
        match access {
            Access::ReadsHere | Access::ReadsServer => true,
            Access::RunsCommands | Access::ConfiguresServer | Access::ChangesHere => {
                self == Self::All
            }
            _ => self != Self::Read,
        }
    }
}

/// Prints a client's list.
pub fn permissions(
    client: &str,
    name: Option<&str>,
    tier: Tier,
    out: &mut impl Write,
) -> Result<(), InstallError> {
    let client =
        clients::named(client).ok_or_else(|| InstallError::UnknownClient(client.to_owned()))?;
    let server = name.unwrap_or(NAME);
    let tools = allowed(tier);
    let listed = |form: &dyn Fn(&String) -> String| -> Value {
        tools.iter().map(form).collect::<Vec<_>>().into()
    };
    let text = match client.name {
        "claude-code" => {
            let rules = listed(&|tool| format!("mcp__{server}__{tool}"));
            pretty(&json!({"permissions": {"allow": rules}}))
        }
        "cursor" => {
            let rules = listed(&|tool| format!("Mcp({server}, {tool})"));
            pretty(&json!({"permissions": {"allow": rules}}))
        }
        "gemini-cli" => {
            let names = listed(&String::clone);
            format!(
                "# A file of its own in ~/.gemini/policies, such as {server}.toml\n[[rule]]\nmcpName = {}\ntoolName = {names}\ndecision = \"allow\"\npriority = 100\n",
                json!(server)
            )
        }
        // A list of enabled tools would take the others away.
        "codex" => {
            let tables = tools.iter().map(|tool| {
                format!("[mcp_servers.{server}.tools.{tool}]\napproval_mode = \"approve\"\n")
            });
            let tables = tables.collect::<Vec<_>>().join("\n");
            format!("# At the end of ~/.codex/config.toml\n{tables}")
        }
        _ => return Err(InstallError::NoPermissions(client.title)),
    };
    super::say(out, &text)
}

/// The tool that changes a file by which others may log in.
const LETS_IN: &str = "server_authorize_key";

/// The tools of a tier, in the order in which they are listed.
fn allowed(tier: Tier) -> Vec<String> {
    let tools = Tools::new();
    let listed = tools.list_all().into_iter();
    let names = listed.map(|tool| tool.name.to_string());
    let has = |name: &String| {
        let declared = tools.declaration(name);
        let has = declared.is_some_and(|declared| tier.has(declared.access));
        has && (tier == Tier::All || name != LETS_IN)
    };
    names.filter(has).collect()
}

fn pretty(value: &Value) -> String {
    format!("{value:#}\n")
}
