//! The things that are shipped: the crate, the archives' names, the registry's entry, the client's one-liner.

use std::path::Path;
use std::process::Command;

use mcp_sftp_orchestrator::config::SETTINGS;
use serde_json::{Value, json};

use crate::helper::directory;

const NAME: &str = env!("CARGO_PKG_NAME");
const VERSION: &str = env!("CARGO_PKG_VERSION");
const README: &str = include_str!("../README.md");
const INSTALL_GUIDE: &str = include_str!("../src/guide/install.md");

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn printed(command: &mut Command) -> String {
    let output = command.current_dir(root()).output().unwrap();
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {complaint}");
    String::from_utf8(output.stdout).unwrap()
}

fn cargo() -> Command {
    Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

/// This package as cargo reads it.
fn package() -> Value {
    let arguments = [
        "metadata",
        "--format-version=1",
        "--no-deps",
        "--offline",
        "--locked",
    ];
    let metadata: Value = serde_json::from_str(&printed(cargo().args(arguments))).unwrap();
    metadata["packages"][0].clone()
}

#[test]
fn the_crate_holds_what_is_built_and_nothing_else() {
    let arguments = [
        "package",
        "--list",
        "--offline",
        "--locked",
        "--allow-dirty",
    ];
    let listed = printed(cargo().args(arguments));
    // The first is there only where no file waits for its commit.
    let around = [
        ".cargo_vcs_info.json",
        "Cargo.lock",
        "Cargo.toml",
        "Cargo.toml.orig",
        "LICENSE",
        "README.md",
    ];
    for path in listed.lines().map(|path| path.replace('\\', "/")) {
        assert!(
            path.starts_with("src/") || around.contains(&path.as_str()),
            "{path}"
        );
    }
    for path in around[1..].iter().chain(&["src/main.rs", "src/lib.rs"]) {
        assert!(listed.lines().any(|line| line.replace('\\', "/") == *path));
    }
    let package = package();
    for field in [
        "description",
        "license",
        "readme",
        "repository",
        "rust_version",
    ] {
        assert!(package[field].is_string(), "{field}");
    }
    assert!(!package["keywords"].as_array().unwrap().is_empty());
    assert!(!package["categories"].as_array().unwrap().is_empty());
}

/// cargo-binstall asks for the very files that the release script makes.
#[cfg(unix)]
#[test]
fn the_archive_has_the_name_that_binstall_asks_for() {
    let package = package();
    let binstall = &package["metadata"]["binstall"];
    for target in [
        "x86_64-unknown-linux-gnu",
        "aarch64-unknown-linux-musl",
        "aarch64-apple-darwin",
        "x86_64-pc-windows-msvc",
    ] {
        let of_target = &binstall["overrides"][target];
        let setting = |name: &str| {
            let value = of_target.get(name).unwrap_or(&binstall[name]);
            value.as_str().unwrap().to_owned()
        };
        let expanded = |template: String| {
            template
                .replace("{ repo }", package["repository"].as_str().unwrap())
                .replace("{ name }", NAME)
                .replace("{ bin }", NAME)
                .replace("{ version }", VERSION)
                .replace("{ target }", target)
        };
        let release = root().join(".ci/release");
        let archive = printed(Command::new("sh").arg(release).args(["--name", target]));
        let archive = archive.trim();
        let (kind, suffix) = if target.contains("windows") {
            ("zip", ".zip")
        } else {
            ("tgz", ".tar.gz")
        };
        let stem = archive.strip_suffix(suffix).unwrap();
        assert_eq!(setting("pkg-fmt"), kind);
        assert_eq!(
            expanded(setting("pkg-url")),
            format!(
                "https://github.com/fkom13/{NAME}/releases/download/v{VERSION}/{NAME}-{target}-v{VERSION}{suffix}"
            )
        );
        assert!(expanded(setting("pkg-url")).ends_with(&format!("/{archive}")));
        assert_eq!(
            expanded(setting("bin-dir")),
            format!("{stem}/{NAME}{{ binary-ext }}")
        );
    }
}

/// The schema beside this is the registry's own, as it stands at its `$id`.
#[test]
fn the_registry_s_entry_is_valid_and_says_what_the_crate_says() {
    let entry: Value = serde_json::from_str(include_str!("../server.json")).unwrap();
    let schema: Value = serde_json::from_str(include_str!("data/server.schema.json")).unwrap();
    assert_eq!(entry["$schema"], schema["$id"]);
    let validator = jsonschema::options()
        .should_validate_formats(true)
        .build(&schema)
        .unwrap();
    let faults: Vec<_> = validator
        .iter_errors(&entry)
        .map(|fault| fault.to_string())
        .collect();
    assert!(faults.is_empty(), "{faults:?}");
    // A validator that refuses nothing would prove nothing.
    let mut wrong = entry.clone();
    wrong["description"] = json!("x".repeat(101));
    assert!(!validator.is_valid(&wrong));

    let name = entry["name"].as_str().unwrap();
    assert_eq!(name, format!("io.github.fkom13/{NAME}"));
    // The registry looks for this line in the README that crates.io shows, which has no comments.
    let token = format!("mcp-name: {name}");
    assert!(README.lines().any(|line| line == token));
    assert_eq!(entry["repository"]["url"], package()["repository"]);
    let shipped = &entry["packages"][0];
    assert_eq!(
        (
            &entry["version"],
            &shipped["version"],
            &shipped["identifier"]
        ),
        (&json!(VERSION), &json!(VERSION), &json!(NAME))
    );

    let variables = shipped["environmentVariables"].as_array().unwrap();
    assert_eq!(variables.len(), SETTINGS.len());
    for (variable, setting) in variables.iter().zip(SETTINGS) {
        assert_eq!(variable["name"], setting.name);
        let meaning = variable["description"].as_str().unwrap();
        assert_eq!(
            meaning.to_lowercase(),
            setting.plain_meaning().to_lowercase()
        );
        // As a `default`, clients would send it, and it would go before what a `.env` file says.
        assert_eq!(
            variable["placeholder"].as_str().unwrap_or_default(),
            setting.default
        );
        assert!(variable.get("default").is_none());
    }
    let secret = variables
        .iter()
        .find(|variable| variable["name"] == "MCP_SECRET_KEY");
    assert_eq!(secret.unwrap()["isSecret"], true);
}

/// The client's entry in the guide that has this command.
fn one_liner(command: &str) -> Vec<String> {
    let blocks = INSTALL_GUIDE.split("```json\n").skip(1);
    let blocks = blocks.map(|rest| rest.split("```").next().unwrap());
    let entry = blocks
        .filter_map(|block| serde_json::from_str::<Value>(block).ok())
        .map(|block| block["mcpServers"]["orchestrator"].clone())
        .find(|entry| entry["command"] == command)
        .unwrap();
    let arguments = entry["args"].as_array().unwrap().iter();
    arguments
        .map(|argument| argument.as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn the_one_liner_for_powershell_needs_no_quoting_on_windows() {
    let arguments = one_liner("powershell");
    assert!(arguments.iter().all(|argument| !argument.contains('"')));
    let script = arguments.last().unwrap();
    for part in [
        "cargo-binstall --no-confirm --locked --force $n|say",
        "cargo install --locked --force $n|say",
    ] {
        assert!(script.contains(part), "{part}");
    }
}

#[cfg(unix)]
mod unix {
    use std::path::PathBuf;
    use std::process::Stdio;

    use super::{NAME, Path, directory, json, one_liner};
    use crate::helper::{Folder, RawProcess, apart, program, text};

    /// A machine with a home of an awkward name, and no more programs than it is given.
    struct BareMachine {
        _folder: Folder,
        home: PathBuf,
        programs: PathBuf,
    }

    impl BareMachine {
        fn set() -> Self {
            let folder = directory();
            let home = folder.path().join("hôme of ünd 家");
            let programs = home.join("programs");
            std::fs::create_dir_all(&programs).unwrap();
            for name in ["ln", "mkdir"] {
                let path = std::env::split_paths(&std::env::var_os("PATH").unwrap())
                    .map(|place| place.join(name))
                    .find(|path| path.is_file())
                    .unwrap();
                std::os::unix::fs::symlink(path, programs.join(name)).unwrap();
            }
            Self {
                _folder: folder,
                home,
                programs,
            }
        }

        /// A program that notes how it was called, talks, eats its input, and installs the server.
        fn give_installer(&self, name: &str) {
            let script = format!(
                "echo \"$*\" >> \"$HOME/{name}.calls\"\necho \"installing $*\"\n\
                 while read -r line; do echo \"$line\"; done\n\
                 mkdir -p \"$HOME/.cargo/bin\"\nln -s '{}' \"$HOME/.cargo/bin/{NAME}\"",
                env!("CARGO_BIN_EXE_mcp-sftp-orchestrator")
            );
            program(&self.programs, name, &script);
        }

        fn calls(&self, installer: &str) -> String {
            std::fs::read_to_string(self.home.join(format!("{installer}.calls")))
                .unwrap_or_default()
        }

        fn one_liner(&self) -> tokio::process::Command {
            let mut command = apart(tokio::process::Command::new("/bin/sh"));
            command
                .args(one_liner("sh"))
                .env_remove("CARGO_HOME")
                .env("HOME", &self.home)
                .env("PATH", &self.programs);
            command
        }

        async fn drive(&self) {
            // Every line of its output has to be the server's.
            let mut process = RawProcess::spawn(self.one_liner());
            let greeting = process.initialize("2025-06-18").await;
            assert_eq!(
                greeting["result"]["serverInfo"]["version"],
                env!("CARGO_PKG_VERSION"),
                "{greeting}"
            );
            let answer = process.call(1, "system_diagnostics", json!({})).await;
            let data = self.home.join(".config/mcp-orchestrator");
            assert_eq!(
                answer["result"]["structuredContent"]["dataDir"],
                text(&data)
            );
            // It did not start the server: it became it.
            let pid = process.child.id().unwrap();
            if let Ok(program) = std::fs::read_link(Path::new("/proc").join(format!("{pid}/exe"))) {
                assert_eq!(
                    program,
                    Path::new(env!("CARGO_BIN_EXE_mcp-sftp-orchestrator"))
                );
            }
            process.close_input();
            assert!(process.child.wait().await.unwrap().success());
        }
    }

    #[tokio::test]
    async fn the_one_liner_installs_once_and_becomes_the_server() {
        let machine = BareMachine::set();
        machine.give_installer("cargo");
        machine.give_installer("cargo-binstall");
        for _ in 0..2 {
            machine.drive().await;
        }
        assert_eq!(
            machine.calls("cargo-binstall"),
            format!("--no-confirm --locked --force {NAME}\n")
        );
        assert_eq!(machine.calls("cargo"), "");
    }

    #[tokio::test]
    async fn the_one_liner_compiles_where_there_is_no_binstall() {
        let machine = BareMachine::set();
        machine.give_installer("cargo");
        machine.drive().await;
        assert_eq!(
            machine.calls("cargo"),
            format!("install --locked --force {NAME}\n")
        );
    }

    #[tokio::test]
    async fn the_one_liner_says_what_is_missing() {
        let machine = BareMachine::set();
        let output = machine
            .one_liner()
            .stdin(Stdio::null())
            .output()
            .await
            .unwrap();
        assert_eq!(output.status.code(), Some(127));
        assert!(output.stdout.is_empty());
        let complaint = String::from_utf8(output.stderr).unwrap();
        assert!(
            complaint.contains("install cargo-binstall or Rust first"),
            "{complaint}"
        );
    }
}
