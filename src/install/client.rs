//! The MCP clients whose configuration is known: where it lies, and how it is written.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use super::document::Format;
use super::launch::Launch;
use crate::login_session::VARIABLES;

/// An MCP client.
#[derive(Debug)]
pub struct Client {
    /// As `--client` takes it.
    pub name: &'static str,
    /// As people call it.
    pub title: &'static str,
    /// How its file is written.
    pub format: Format,
    /// The key under which its file has the servers.
    pub servers: &'static str,
    /// Whether an entry names its transport.
    names_transport: bool,
    /// Which of its own variables it passes on to a server; all without a list.
    passes_on: Option<&'static [&'static str]>,
    /// How an entry has it pass on more of them.
    asks: Asks,
    file: fn(&Places) -> PathBuf,
    /// The directory that is there where the client is.
    home: fn(&Places) -> PathBuf,
}

/// How an entry asks its client for further variables.
#[derive(Clone, Copy, Debug)]
enum Asks {
    /// It need not, or cannot.
    Never,
    /// By their names in a list of this key.
    ByName(&'static str),
    /// By a reference in `env`, with this before the name and that behind it.
    ByReference(&'static str, &'static str),
}

/// What a server gets of its client's environment on Windows: all clients that choose keep these.
const ON_WINDOWS: &[&str] = &[
    "APPDATA",
    "COMSPEC",
    "HOMEDRIVE",
    "HOMEPATH",
    "LOCALAPPDATA",
    "PATH",
    "PATHEXT",
    "PROGRAMFILES",
    "SYSTEMDRIVE",
    "SYSTEMROOT",
    "TEMP",
    "TMP",
    "USERNAME",
    "USERPROFILE",
    "WINDIR",
];

/// What MCP's own libraries for TypeScript and Python pass on.
const BY_SDK: &[&str] = choose(&["HOME", "LOGNAME", "PATH", "SHELL", "TERM", "USER"]);

/// What Codex passes on.
const BY_CODEX: &[&str] = choose(&[
    "HOME",
    "LOGNAME",
    "PATH",
    "SHELL",
    "USER",
    "__CF_USER_TEXT_ENCODING",
    "LANG",
    "LC_ALL",
    "TERM",
    "TMPDIR",
    "TZ",
]);

/// What Gemini CLI passes on where it is strictest. Elsewhere it leaves out what sounds like a secret, as
/// `SSH_AUTH_SOCK` does.
const BY_GEMINI: &[&str] = choose(&[
    "COLORTERM",
    "HOME",
    "LANG",
    "LOGNAME",
    "PATH",
    "SHELL",
    "TERM",
    "TMPDIR",
    "USER",
]);

const fn choose(on_unix: &'static [&'static str]) -> &'static [&'static str] {
    if cfg!(windows) { ON_WINDOWS } else { on_unix }
}

/// Every client that is known.
pub const CLIENTS: &[Client] = &[
    Client {
        name: "claude-desktop",
        title: "Claude Desktop",
        format: Format::Json,
        servers: "mcpServers",
        names_transport: false,
        passes_on: Some(BY_SDK),
        asks: Asks::Never,
        file: claude_desktop,
        home: |places| directory_of(claude_desktop(places)),
    },
    Client {
        name: "claude-code",
        title: "Claude Code",
        format: Format::Json,
        servers: "mcpServers",
        names_transport: true,
        passes_on: None,
        asks: Asks::Never,
        file: |places| {
            let moved = (places.variable)("CLAUDE_CONFIG_DIR");
            moved.unwrap_or(places.home.clone()).join(".claude.json")
        },
        home: |places| {
            let moved = (places.variable)("CLAUDE_CONFIG_DIR");
            moved.unwrap_or_else(|| places.home.join(".claude"))
        },
    },
    Client {
        name: "cursor",
        title: "Cursor",
        format: Format::JsonWithComments,
        servers: "mcpServers",
        names_transport: false,
        passes_on: Some(BY_SDK),
        asks: Asks::ByReference("${env:", "}"),
        file: |places| places.home.join(".cursor/mcp.json"),
        home: |places| places.home.join(".cursor"),
    },
    Client {
        name: "vscode",
        title: "VS Code",
        format: Format::JsonWithComments,
        servers: "servers",
        names_transport: true,
        passes_on: None,
        asks: Asks::Never,
        file: |places| places.config.join("Code/User/mcp.json"),
        home: |places| places.config.join("Code"),
    },
    Client {
        name: "windsurf",
        title: "Windsurf",
        format: Format::JsonWithComments,
        servers: "mcpServers",
        names_transport: false,
        passes_on: None,
        asks: Asks::Never,
        file: |places| places.home.join(".codeium/windsurf/mcp_config.json"),
        home: |places| places.home.join(".codeium/windsurf"),
    },
    Client {
        name: "zed",
        title: "Zed",
        format: Format::JsonWithComments,
        servers: "context_servers",
        names_transport: false,
        passes_on: None,
        asks: Asks::Never,
        file: |places| zed(places).join("settings.json"),
        home: zed,
    },
    Client {
        name: "gemini-cli",
        title: "Gemini CLI",
        format: Format::JsonWithComments,
        servers: "mcpServers",
        names_transport: false,
        passes_on: Some(BY_GEMINI),
        asks: Asks::ByReference("$", ""),
        file: |places| gemini(places).join("settings.json"),
        home: gemini,
    },
    Client {
        name: "codex",
        title: "Codex",
        format: Format::Toml,
        servers: "mcp_servers",
        names_transport: false,
        passes_on: Some(BY_CODEX),
        asks: Asks::ByName("env_vars"),
        file: |places| codex(places).join("config.toml"),
        home: codex,
    },
];

/// What they are called, in a line.
pub fn names() -> String {
    let names: Vec<_> = CLIENTS.iter().map(|client| client.name).collect();
    names.join(", ")
}

impl Client {
    /// The client of that name.
    pub fn named(name: &str) -> Option<&'static Self> {
        CLIENTS.iter().find(|client| client.name == name)
    }

    /// Where its configuration lies, or would lie.
    pub fn file(&self, places: &Places) -> PathBuf {
        (self.file)(places)
    }

    /// Whether it is, or has been, on this machine.
    pub fn is_here(&self, places: &Places) -> bool {
        (self.home)(places).is_dir() || self.file(places).exists()
    }

    /// What an entry of its file is to have, in the order in which it is usually written. What is in its
    /// place, if anything, keeps the variables that it sets or asks for.
    pub fn entry(&self, launch: &Launch, present: Option<&Value>) -> Map<String, Value> {
        let mut fields = launch.fields();
        match self.asks {
            _ if VARIABLES.is_empty() => {}
            Asks::Never => {}
            Asks::ByName(key) => ask_by_name(&mut fields, key, present),
            Asks::ByReference(before, behind) => {
                let env = fields.entry("env").or_insert_with(|| Map::new().into());
                for name in VARIABLES {
                    let is_set = present.is_some_and(|entry| entry["env"].get(name).is_some());
                    if !is_set && env.get(name).is_none() {
                        env[name] = format!("{before}{name}{behind}").into();
                    }
                }
            }
        }
        let is_new = present.is_none();
        let transport = (self.names_transport && is_new).then(|| ("type".into(), "stdio".into()));
        transport.into_iter().chain(fields).collect()
    }

    /// Whether it passes on some of its variables only.
    pub fn chooses(&self) -> bool {
        self.passes_on.is_some()
    }

    /// The environment of a server that it starts by this entry, where its own is `own`.
    pub fn environment_of(
        &self,
        entry: &Value,
        own: &BTreeMap<String, OsString>,
    ) -> BTreeMap<String, OsString> {
        let mut environment = own.clone();
        if let Some(names) = self.passes_on {
            let asked = match self.asks {
                Asks::ByName(key) => entry[key].as_array(),
                _ => None,
            };
            let asked: Vec<_> = asked.into_iter().flatten().filter_map(name_of).collect();
            environment.retain(|name, _| {
                let mut passed_on = names.iter().chain(&asked);
                passed_on.any(|passed_on| is_same_variable(passed_on, name))
            });
        }
        let expands = matches!(self.asks, Asks::ByReference(..)) || !self.chooses();
        let launch = Launch::read(entry).unwrap_or_default();
        for (name, value) in launch.env {
            let meant = referred(&value).filter(|_| expands);
            let meant = meant.and_then(|name| own.get(name).cloned());
            environment.insert(name, meant.unwrap_or_else(|| value.into()));
        }
        environment
    }
}

/// Adds the session's variables to those that an entry asks for already.
fn ask_by_name(fields: &mut Map<String, Value>, key: &str, present: Option<&Value>) {
    let mut asked = match present.and_then(|entry| entry.get(key)) {
        None => Vec::new(),
        Some(Value::Array(asked)) => asked.clone(),
        // Whatever it is, it is not this program's to change.
        Some(_) => return,
    };
    for name in VARIABLES {
        if !asked.iter().any(|asked| name_of(asked) == Some(name)) {
            asked.push((*name).into());
        }
    }
    fields.insert(key.to_owned(), asked.into());
}

/// The name in an element of Codex's list: a text, or a table that has it and its source.
fn name_of(asked: &Value) -> Option<&str> {
    asked.as_str().or_else(|| asked.get("name")?.as_str())
}

/// The variable that a value stands for as a whole.
fn referred(value: &str) -> Option<&str> {
    let name = value.strip_prefix('$')?;
    let braced = name
        .strip_prefix('{')
        .and_then(|name| name.strip_suffix('}'));
    let name = braced.map_or(name, |name| name.strip_prefix("env:").unwrap_or(name));
    let is_name = |name: &&str| {
        name.bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    };
    Some(name).filter(is_name)
}

fn is_same_variable(one: &str, other: &str) -> bool {
    if cfg!(windows) {
        one.eq_ignore_ascii_case(other)
    } else {
        one == other
    }
}

/// Where this machine keeps what belongs to a user.
#[derive(Debug)]
pub struct Places {
    /// Whose rules hold.
    pub system: System,
    /// The user's home directory.
    pub home: PathBuf,
    /// `$XDG_CONFIG_HOME`, `~/Library/Application Support` or `%APPDATA%`.
    pub config: PathBuf,
    /// `%LOCALAPPDATA%`; of no use elsewhere.
    pub local: PathBuf,
    /// Directories that variables name.
    pub variable: fn(&str) -> Option<PathBuf>,
}

/// An operating system, as far as places depend on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum System {
    /// Windows.
    Windows,
    /// macOS.
    Mac,
    /// Linux, and what is like it.
    Unix,
}

impl Places {
    /// Those of the user who runs this; `None` without a home.
    pub fn of_user() -> Option<Self> {
        Some(Self {
            system: if cfg!(windows) {
                System::Windows
            } else if cfg!(target_os = "macos") {
                System::Mac
            } else {
                System::Unix
            },
            home: dirs::home_dir()?,
            config: dirs::config_dir()?,
            local: dirs::data_local_dir()?,
            variable: |name| {
                let value = std::env::var_os(name).filter(|value| !value.is_empty());
                value.map(PathBuf::from)
            },
        })
    }
}

fn directory_of(file: PathBuf) -> PathBuf {
    file.parent().map(Path::to_owned).unwrap_or(file)
}

/// On Windows the packaged application sees its own copy of `%APPDATA%`, once it has one.
fn claude_desktop(places: &Places) -> PathBuf {
    let name = "Claude/claude_desktop_config.json";
    let plain = places.config.join(name);
    if places.system != System::Windows {
        return plain;
    }
    let installed = places.local.join("Packages").read_dir();
    let mut packaged: Vec<_> = installed
        .into_iter()
        .flatten()
        .flatten()
        .filter(|package| is_claude(&package.file_name()))
        .map(|package| package.path().join("LocalCache/Roaming").join(name))
        .collect();
    packaged.sort();
    let own_copy = packaged.iter().position(|file| file.exists());
    match own_copy.or((!plain.exists() && !packaged.is_empty()).then_some(0)) {
        Some(chosen) => packaged.swap_remove(chosen),
        None => plain,
    }
}

fn is_claude(package: &OsStr) -> bool {
    package.to_string_lossy().starts_with("Claude_")
}

fn zed(places: &Places) -> PathBuf {
    match places.system {
        System::Windows => places.config.join("Zed"),
        System::Mac => places.home.join(".config/zed"),
        System::Unix => places.config.join("zed"),
    }
}

fn gemini(places: &Places) -> PathBuf {
    let moved = (places.variable)("GEMINI_CLI_HOME");
    moved.unwrap_or(places.home.clone()).join(".gemini")
}

fn codex(places: &Places) -> PathBuf {
    (places.variable)("CODEX_HOME").unwrap_or_else(|| places.home.join(".codex"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(system: System, root: &Path) -> Places {
        let config = match system {
            System::Windows => "AppData/Roaming",
            System::Mac => "Library/Application Support",
            System::Unix => ".config",
        };
        Places {
            system,
            home: root.to_owned(),
            config: root.join(config),
            local: root.join("AppData/Local"),
            variable: |_| None,
        }
    }

    /// From the clients' own documentation, as of November 2026.
    #[test]
    fn files_lie_where_their_clients_look() {
        let documented = [
            (
                "claude-desktop",
                System::Mac,
                "Library/Application Support/Claude/claude_desktop_config.json",
            ),
            (
                "claude-desktop",
                System::Unix,
                ".config/Claude/claude_desktop_config.json",
            ),
            (
                "claude-desktop",
                System::Windows,
                "AppData/Roaming/Claude/claude_desktop_config.json",
            ),
            ("claude-code", System::Unix, ".claude.json"),
            ("cursor", System::Windows, ".cursor/mcp.json"),
            (
                "vscode",
                System::Mac,
                "Library/Application Support/Code/User/mcp.json",
            ),
            ("vscode", System::Unix, ".config/Code/User/mcp.json"),
            (
                "vscode",
                System::Windows,
                "AppData/Roaming/Code/User/mcp.json",
            ),
            ("windsurf", System::Mac, ".codeium/windsurf/mcp_config.json"),
            ("zed", System::Mac, ".config/zed/settings.json"),
            ("zed", System::Unix, ".config/zed/settings.json"),
            ("zed", System::Windows, "AppData/Roaming/Zed/settings.json"),
            ("gemini-cli", System::Unix, ".gemini/settings.json"),
            ("codex", System::Mac, ".codex/config.toml"),
        ];
        let root = tempfile::tempdir().unwrap();
        for (name, system, file) in documented {
            let client = Client::named(name).unwrap();
            let places = places(system, root.path());
            assert_eq!(client.file(&places), root.path().join(file), "{name}");
            assert!(!client.is_here(&places), "{name}");
        }
    }

    #[test]
    fn variables_move_them() {
        let root = tempfile::tempdir().unwrap();
        let mut places = places(System::Unix, root.path());
        places.variable = |name| Some(PathBuf::from("/moved").join(name));
        for (name, file) in [
            ("claude-code", "/moved/CLAUDE_CONFIG_DIR/.claude.json"),
            ("gemini-cli", "/moved/GEMINI_CLI_HOME/.gemini/settings.json"),
            ("codex", "/moved/CODEX_HOME/config.toml"),
        ] {
            let client = Client::named(name).unwrap();
            assert_eq!(client.file(&places), Path::new(file));
        }
    }

    #[test]
    fn the_packaged_claude_desktop_reads_its_own_copy() {
        let root = tempfile::tempdir().unwrap();
        let places = places(System::Windows, root.path());
        let plain = places.config.join("Claude/claude_desktop_config.json");
        let package = places.local.join("Packages/Claude_pzs8sxrjxfjjc");
        let own = package.join("LocalCache/Roaming/Claude/claude_desktop_config.json");
        let other = places.local.join("Packages/Claude-Data");
        let write = |file: &Path| {
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(file, "{}").unwrap();
        };
        std::fs::create_dir_all(other).unwrap();
        assert_eq!(claude_desktop(&places), plain);
        std::fs::create_dir_all(package).unwrap();
        assert_eq!(claude_desktop(&places), own);
        // It sees this one for as long as it has none of its own.
        write(&plain);
        assert_eq!(claude_desktop(&places), plain);
        write(&own);
        assert_eq!(claude_desktop(&places), own);
    }
}
