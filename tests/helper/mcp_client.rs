//! MCP clients, and the formats of their configurations.

use serde_json::{Value, json};

use super::BINARY;

/// A client, with the place and format of its configuration.
pub struct McpClient {
    pub name: &'static str,
    /// Its file, below the home directory.
    pub(super) file: &'static str,
    /// The key of its servers.
    pub servers: &'static str,
    /// True if its entries say that they speak over stdio.
    names_transport: bool,
    /// A realistic content of its file.
    pub realistic: &'static str,
}

pub const MCP_CLIENTS: [McpClient; 8] = [
    McpClient {
        name: "claude-desktop",
        file: "CONFIG/Claude/claude_desktop_config.json",
        servers: "mcpServers",
        names_transport: false,
        realistic: include_str!("../data/clients/claude-desktop.json"),
    },
    McpClient {
        name: "claude-code",
        file: ".claude.json",
        servers: "mcpServers",
        names_transport: true,
        realistic: include_str!("../data/clients/claude-code.json"),
    },
    McpClient {
        name: "cursor",
        file: ".cursor/mcp.json",
        servers: "mcpServers",
        names_transport: false,
        realistic: include_str!("../data/clients/cursor.json"),
    },
    McpClient {
        name: "vscode",
        file: "CONFIG/Code/User/mcp.json",
        servers: "servers",
        names_transport: true,
        realistic: include_str!("../data/clients/vscode.json"),
    },
    McpClient {
        name: "windsurf",
        file: ".codeium/windsurf/mcp_config.json",
        servers: "mcpServers",
        names_transport: false,
        realistic: include_str!("../data/clients/windsurf.json"),
    },
    McpClient {
        name: "zed",
        file: ".config/zed/settings.json",
        servers: "context_servers",
        names_transport: false,
        realistic: include_str!("../data/clients/zed.json"),
    },
    McpClient {
        name: "gemini-cli",
        file: ".gemini/settings.json",
        servers: "mcpServers",
        names_transport: false,
        realistic: include_str!("../data/clients/gemini-cli.json"),
    },
    McpClient {
        name: "codex",
        file: ".codex/config.toml",
        servers: "mcp_servers",
        names_transport: false,
        realistic: include_str!("../data/clients/codex.toml"),
    },
];

impl McpClient {
    pub fn named(name: &str) -> &'static Self {
        let mut all = MCP_CLIENTS.iter();
        all.find(|client| client.name == name).unwrap()
    }

    /// The value of a text, read by a parser that knows nothing of this program.
    pub fn parse(&self, text: &str) -> Value {
        let text = text.trim_start_matches('\u{feff}');
        if self.name == "codex" {
            return toml_edit::de::from_str(text).unwrap();
        }
        let lenient = jsonc_parser::ParseOptions::default();
        let root = jsonc_parser::cst::CstRootNode::parse(text, &lenient).unwrap();
        root.to_serde_value().unwrap()
    }

    /// The entry that it gets where nothing else is asked for.
    pub fn plain_entry(&self) -> Value {
        let env = json!({"MCP_DATA_DIR": "~/.config/mcp-orchestrator"});
        let mut entry = json!({"command": BINARY, "args": [], "env": env});
        if self.names_transport {
            entry["type"] = "stdio".into();
        }
        self.with_session(entry)
    }

    /// The entry with what has the client pass the login session's variables on, and with what suits the client.
    pub fn with_session(&self, mut entry: Value) -> Value {
        let names: &[&str] = if cfg!(target_os = "macos") {
            &["SSH_AUTH_SOCK"]
        } else {
            &[
                "SSH_AUTH_SOCK",
                "DBUS_SESSION_BUS_ADDRESS",
                "XDG_RUNTIME_DIR",
            ]
        };
        for name in names {
            match self.name {
                "codex" => entry["env_vars"] = json!(names),
                "cursor" => entry["env"][name] = format!("${{env:{name}}}").into(),
                "gemini-cli" => entry["env"][name] = format!("${name}").into(),
                _ => {}
            }
        }
        if ["claude-desktop", "gemini-cli"].contains(&self.name) {
            entry["env"]["MCP_STRUCTURED"] = "never".into();
        }
        entry
    }

    /// The same of its variables alone.
    pub fn env_with_session(&self, env: &Value) -> Value {
        self.with_session(json!({"env": env}))["env"].clone()
    }

    /// The text of a file that has only this server.
    pub fn only(&self, name: &str, entry: &Value) -> String {
        let whole = json!({self.servers: {name: entry}});
        if self.name == "codex" {
            return toml_edit::ser::to_string_pretty(&whole).unwrap();
        }
        serde_json::to_string_pretty(&whole).unwrap()
    }
}
