//! The known MCP clients, with their configuration files and the variables that they pass on.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use super::client::{Asks, Client};
use super::document::Format;
use super::places::{Places, System};

/// The variables that clients pass on to servers on Windows. All clients with such a list have these.
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

/// The variables that MCP's libraries for TypeScript and Python pass on.
const BY_SDK: &[&str] = choose(&["HOME", "LOGNAME", "PATH", "SHELL", "TERM", "USER"]);

/// The variables that Codex passes on.
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

/// The variables that Gemini CLI passes on where it is strictest. Elsewhere it withholds those whose names suggest
/// a secret, and `SSH_AUTH_SOCK` is one of them.
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

/// All known clients.
pub const CLIENTS: &[Client] = &[
    Client {
        name: "claude-desktop",
        title: "Claude Desktop",
        format: Format::Json,
        servers: "mcpServers",
        names_transport: false,
        passes_on: Some(BY_SDK),
        asks: Asks::Never,
        shows_text_alone: true,
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
        shows_text_alone: false,
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
        shows_text_alone: false,
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
        shows_text_alone: false,
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
        shows_text_alone: false,
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
        shows_text_alone: false,
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
        shows_text_alone: true,
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
        shows_text_alone: false,
        file: |places| codex(places).join("config.toml"),
        home: codex,
    },
];

/// The client of this name.
pub fn named(name: &str) -> Option<&'static Client> {
    CLIENTS.iter().find(|client| client.name == name)
}

/// The names of all clients, in one line.
pub fn names() -> String {
    let names: Vec<_> = CLIENTS.iter().map(|client| client.name).collect();
    names.join(", ")
}

fn directory_of(file: PathBuf) -> PathBuf {
    file.parent().map(Path::to_owned).unwrap_or(file)
}

/// The configuration of Claude Desktop. On Windows the packaged application has its own copy of `%APPDATA%`,
/// which it uses once it is there.
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

    /// Compares with the clients' own documentation, as of November 2026.
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
            let client = named(name).unwrap();
            let places = places(system, root.path());
            assert_eq!(client.file(&places), root.path().join(file), "{name}");
            assert!(!client.is_installed(&places), "{name}");
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
            let client = named(name).unwrap();
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
