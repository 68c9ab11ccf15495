//! The Node original, as clients start it.

use std::path::Path;

use indexmap::IndexMap;
use serde_json::Value;

use super::launch::{FLAGS, Launch};
use crate::config::SETTINGS;

const PACKAGE: &str = "@fkom13/mcp-sftp-orchestrator";
const SCRIPT: &str = "server.js";

/// A place in a configuration where the original is registered.
#[derive(Debug)]
pub struct Registration {
    /// The keys that lead there; the last is its name.
    pub keys: Vec<String>,
    /// What it has set, wherever it has it from.
    pub settings: IndexMap<String, String>,
}

impl Registration {
    /// Its name.
    pub fn name(&self) -> &str {
        self.keys.last().map_or("", String::as_str)
    }

    /// Whether it stands directly under that key, and so holds for all that its client does.
    pub fn is_among(&self, servers: &str) -> bool {
        matches!(self.keys.as_slice(), [key, _] if key == servers)
    }
}

/// Every place in a configuration where the original is registered, for some project alone as well.
pub fn registrations(configuration: &Value) -> Vec<Registration> {
    let mut found = Vec::new();
    search(configuration, &mut Vec::new(), &mut found);
    found
}

fn search(value: &Value, keys: &mut Vec<String>, found: &mut Vec<Registration>) {
    if let Some(settings) = Launch::read(value).as_ref().and_then(settings) {
        found.push(Registration {
            keys: keys.clone(),
            settings,
        });
    }
    for (key, value) in value.as_object().into_iter().flatten() {
        keys.push(key.clone());
        search(value, keys, found);
        keys.pop();
    }
}

/// Whether an argument tells Node, or a starter of Node packages, to run the original.
pub fn is_named_by(argument: &str) -> bool {
    if let Some(version) = argument.strip_prefix(PACKAGE) {
        return version.is_empty() || version.starts_with('@');
    }
    let path = Path::new(argument);
    path.ends_with(SCRIPT) && is_its_directory(path.parent())
}

fn is_its_directory(directory: Option<&Path>) -> bool {
    let Some(directory) = directory else {
        return false;
    };
    let manifest = std::fs::read(directory.join("package.json"));
    let manifest = manifest.map(|text| serde_json::from_slice::<Value>(&text));
    match manifest {
        Ok(Ok(manifest)) => manifest["name"] == PACKAGE,
        // It may have been removed since.
        _ => directory.ends_with("mcp-sftp-orchestrator"),
    }
}

/// The original's settings if that is what is started: its arguments go before its variables, and
/// these before the `.env` file beside its script.
fn settings(launch: &Launch) -> Option<IndexMap<String, String>> {
    let named = launch
        .args
        .iter()
        .position(|argument| is_named_by(argument))?;
    let mut settings = launch.env.clone();
    for argument in &launch.args[named + 1..] {
        for (flag, variable) in FLAGS {
            if let Some(value) = argument.strip_prefix(flag) {
                settings.insert(variable.to_owned(), value.to_owned());
            }
        }
    }
    let script = Path::new(&launch.args[named]);
    let file = script.is_absolute().then(|| script.with_file_name(".env"));
    let lines = file.and_then(|file| dotenvy::from_path_iter(file).ok());
    for (name, value) in lines.into_iter().flatten().flatten() {
        if SETTINGS.iter().any(|setting| setting.name == name) && !settings.contains_key(&name) {
            settings.insert(name, value);
        }
    }
    Some(settings)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn it_is_known_however_it_is_started() {
        let directory = tempfile::tempdir().unwrap();
        let checkout = directory.path().join("sftp-mcp");
        std::fs::create_dir(&checkout).unwrap();
        let script = checkout.join("server.js");
        let script = script.to_str().unwrap();
        assert!(!is_named_by(script));
        std::fs::write(
            checkout.join("package.json"),
            format!("{{\"name\": \"{PACKAGE}\"}}"),
        )
        .unwrap();
        for argument in [
            "@fkom13/mcp-sftp-orchestrator",
            "@fkom13/mcp-sftp-orchestrator@8.1.0",
            "/home/u/node_modules/@fkom13/mcp-sftp-orchestrator/server.js",
            "/home/u/mcp-sftp-orchestrator/server.js",
            script,
        ] {
            assert!(is_named_by(argument), "{argument}");
        }
        for argument in [
            "-y",
            "server.js",
            "/x/other/server.js",
            "mcp-sftp-orchestrator",
        ] {
            assert!(!is_named_by(argument), "{argument}");
        }
    }

    #[test]
    fn settings_come_from_where_the_original_has_them() {
        let directory = tempfile::tempdir().unwrap();
        let checkout = directory.path().join("mcp-sftp-orchestrator");
        std::fs::create_dir(&checkout).unwrap();
        std::fs::write(
            checkout.join(".env"),
            "MCP_DATA_DIR=/file\nMAX_QUEUE_SIZE=7\nOTHER=x\n",
        )
        .unwrap();
        let script = checkout.join("server.js");
        let configuration = json!({"projects": {"/p": {"mcpServers": {
            "one": {"command": "node", "args": [script, "--data-dir=/argument"], "env": {"MCP_DATA_DIR": "/env", "A": "b"}},
            "two": {"command": "node", "args": [script]},
            "else": {"command": "node", "args": ["/other/server.js"]},
        }}}});
        let found = registrations(&configuration);
        assert_eq!(found.len(), 2);
        assert_eq!(found[0].keys, ["projects", "/p", "mcpServers", "one"]);
        let of = |registration: &Registration, name: &str| registration.settings.get(name).cloned();
        assert_eq!(of(&found[0], "MCP_DATA_DIR").unwrap(), "/argument");
        assert_eq!(of(&found[0], "A").unwrap(), "b");
        assert_eq!(of(&found[1], "MCP_DATA_DIR").unwrap(), "/file");
        assert_eq!(of(&found[1], "MAX_QUEUE_SIZE").unwrap(), "7");
        assert_eq!(of(&found[1], "OTHER"), None);
    }
}
