//! Registrations of the Node original in the configurations of clients.

use std::path::{Path, PathBuf};

use indexmap::IndexMap;
use serde_json::Value;

use super::launch::{FLAGS, Launch};
use crate::config::{SETTINGS, read_env_file};
use crate::fs::small_file;

const PACKAGE: &str = "@fkom13/mcp-sftp-orchestrator";
/// Its names in the `package.json` of a checkout, by version.
const MANIFEST_NAMES: [&str; 2] = [PACKAGE, "mcp-orchestrator-server"];
const SCRIPT: &str = "server.js";

/// An entry that starts the original.
#[derive(Debug)]
pub struct Registration {
    /// The keys that lead to it; the last is its name.
    pub keys: Vec<String>,
    /// Its settings, from arguments, variables and its `.env` file.
    pub settings: IndexMap<String, String>,
    /// A file of settings that could not be read completely.
    pub unread: Option<PathBuf>,
}

impl Registration {
    /// Its name.
    pub fn name(&self) -> &str {
        self.keys.last().map_or("", String::as_str)
    }

    /// Says whether it is directly under this key, and so applies to all projects of the client.
    pub fn is_among(&self, servers: &str) -> bool {
        matches!(self.keys.as_slice(), [key, _] if key == servers)
    }
}

/// All entries of a configuration that start the original, also those of single projects.
pub fn registrations(configuration: &Value) -> Vec<Registration> {
    let mut found = Vec::new();
    search(configuration, &mut Vec::new(), &mut found);
    found
}

fn search(value: &Value, keys: &mut Vec<String>, found: &mut Vec<Registration>) {
    let launch = Launch::read(value).filter(|launch| !launch.is_of_this_program());
    if let Some(launch) = launch
        && let Some(named) = launch
            .args
            .iter()
            .position(|argument| is_named_by(argument))
    {
        let (settings, unread) = settings(&launch, named);
        found.push(Registration {
            keys: keys.clone(),
            settings,
            unread,
        });
    }
    for (key, value) in value.as_object().into_iter().flatten() {
        keys.push(key.clone());
        search(value, keys, found);
        keys.pop();
    }
}

/// Says whether an argument tells Node or `npx` to run the original.
fn is_named_by(argument: &str) -> bool {
    let path = Path::new(argument);
    is_package(argument) || path.ends_with(SCRIPT) && path.parent().is_some_and(is_its_directory)
}

/// Says whether an argument to this program is left from an entry of the original, whose checkout may be gone.
pub fn is_left_over(argument: &str) -> bool {
    is_package(argument) || Path::new(argument).ends_with(SCRIPT)
}

fn is_package(argument: &str) -> bool {
    let version = argument.strip_prefix(PACKAGE);
    version.is_some_and(|version| version.is_empty() || version.starts_with('@'))
}

fn is_its_directory(directory: &Path) -> bool {
    let manifest = small_file::read(&directory.join("package.json")).unwrap_or_default();
    let manifest = serde_json::from_slice(&manifest).unwrap_or(Value::Null);
    let name = manifest["name"].as_str().unwrap_or_default();
    MANIFEST_NAMES.contains(&name) || directory.ends_with("mcp-sftp-orchestrator")
}

/// The original's settings: its arguments override its variables, and these the `.env` file beside its
/// script. Also returns that file if it could not be read completely.
fn settings(launch: &Launch, named: usize) -> (IndexMap<String, String>, Option<PathBuf>) {
    let mut settings = launch.env.clone();
    let mut own = Launch {
        args: launch.args[named + 1..].to_vec(),
        ..Launch::default()
    };
    for (flag, variable) in FLAGS {
        if let Some(value) = own.take_flag(flag) {
            settings.insert(variable.to_owned(), value);
        }
    }
    let script = Path::new(&launch.args[named]);
    if !script.is_absolute() {
        return (settings, None);
    }
    let file = script.with_file_name(".env");
    let mut warnings = Vec::new();
    let mut set = read_env_file(&file, &mut warnings);
    for setting in SETTINGS {
        if let Some(value) = set.remove(setting.name) {
            settings.entry(setting.name.to_owned()).or_insert(value);
        }
    }
    (settings, (!warnings.is_empty()).then_some(file))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use serde_json::json;

    use super::*;

    #[test]
    fn it_is_known_however_it_is_started() {
        let directory = tempfile::tempdir().unwrap();
        let checkout = directory.path().join("sftp-mcp");
        fs::create_dir(&checkout).unwrap();
        let script = checkout.join("server.js");
        let script = script.to_str().unwrap();
        assert!(!is_named_by(script) && is_left_over(script));
        for name in MANIFEST_NAMES {
            let manifest = json!({"name": name}).to_string();
            fs::write(checkout.join("package.json"), manifest).unwrap();
            assert!(is_named_by(script), "{name}");
        }
        for argument in [
            "@fkom13/mcp-sftp-orchestrator",
            "@fkom13/mcp-sftp-orchestrator@8.1.0",
            "/home/u/node_modules/@fkom13/mcp-sftp-orchestrator/server.js",
            "/home/u/mcp-sftp-orchestrator/server.js",
        ] {
            assert!(
                is_named_by(argument) && is_left_over(argument),
                "{argument}"
            );
        }
        for argument in [
            "-y",
            "server.js",
            "/x/other/server.js",
            "mcp-sftp-orchestrator",
            "--data-dir=/@fkom13/mcp-sftp-orchestrator",
        ] {
            assert!(!is_named_by(argument), "{argument}");
        }
    }

    #[test]
    fn settings_come_from_where_the_original_has_them() {
        let directory = tempfile::tempdir().unwrap();
        let checkout = directory.path().join("mcp-sftp-orchestrator");
        fs::create_dir(&checkout).unwrap();
        let file = checkout.join(".env");
        let text = "MAX_QUEUE_SIZE=6\nMCP_DATA_DIR=/file\nMAX_QUEUE_SIZE=7\nOTHER=x\n";
        fs::write(&file, text).unwrap();
        let script = checkout.join("server.js");
        let configuration = json!({"projects": {"/p": {"mcpServers": {
            "one": {"command": "node", "args": [script, "--data-dir=/argument"], "env": {"MCP_DATA_DIR": "/env", "A": "b"}},
            "two": {"command": "node", "args": [script]},
            "else": {"command": "node", "args": ["/other/server.js"]},
            "moved": {"command": "/bin/mcp-sftp-orchestrator", "args": [script]},
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
        assert!(found.iter().all(|found| found.unread.is_none()));

        fs::write(&file, "MCP_DATA_DIR=/home/me/My Data\n").unwrap();
        assert_eq!(registrations(&configuration)[1].unread, Some(file.clone()));
        fs::remove_file(&file).unwrap();
        fs::create_dir(&file).unwrap();
        assert_eq!(registrations(&configuration)[1].settings.len(), 0);
    }
}
