//! The things that are shipped: the crate, the archives' names, the bundle, the registry's entry, the client's
//! one-liner.

use std::path::Path;
use std::process::Command;

use mcp_sftp_orchestrator::config::SETTINGS;
use serde_json::{Value, json};

use crate::helper::directory;

const NAME: &str = env!("CARGO_PKG_NAME");
const VERSION: &str = env!("CARGO_PKG_VERSION");
const README: &str = include_str!("../README.md");
const RELEASE: &str = include_str!("../.github/workflows/release.yml");
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

    for bundle in &entry["packages"].as_array().unwrap()[1..] {
        assert_eq!(bundle["registryType"], "mcpb");
        assert_eq!(bundle["version"], VERSION);
        let url = bundle["identifier"].as_str().unwrap();
        let released =
            format!("https://github.com/fkom13/{NAME}/releases/download/v{VERSION}/{NAME}-");
        let target = url.strip_prefix(&released);
        let target = target.and_then(|rest| rest.strip_suffix(&format!("-v{VERSION}.mcpb")));
        assert!(
            RELEASE.contains(&format!("target: {}", target.unwrap())),
            "{url}"
        );
    }

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

    use super::{NAME, Path, Value, directory, json, one_liner, package, root};
    use crate::helper::{Folder, RawProcess, apart, program, run_apart, test_tool, text};

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

    /// Packs this program for Linux, as a release does. A script stands for it, because packing a build for tests
    /// takes half a minute.
    fn bundle(place: &Path) -> PathBuf {
        let bundle = place.join("orchestrator.mcpb");
        let script = format!(
            "exec '{}' \"$@\"",
            env!("CARGO_BIN_EXE_mcp-sftp-orchestrator")
        );
        program(place, "executable", &script);
        let packed = std::process::Command::new(root().join(".ci/bundle"))
            .arg(place.join("executable"))
            .arg("x86_64-unknown-linux-gnu")
            .arg(&bundle)
            .status();
        assert!(packed.unwrap().success());
        bundle
    }

    #[tokio::test]
    async fn the_bundle_is_one_for_its_own_tool_and_serves_as_it_is_unpacked() {
        let Some(node) = test_tool("mcp/node_modules/.bin/node") else {
            return;
        };
        let Some(tool) = test_tool("mcp/node_modules/@anthropic-ai/mcpb/dist/cli/cli.js") else {
            return;
        };
        let folder = directory();
        let (place, tool) = (folder.path(), text(&tool));
        let (bundle, unpacked) = (bundle(place), place.join("unpacked"));
        let manifest = text(&unpacked.join("manifest.json"));
        for arguments in [
            vec![tool.as_str(), "unpack", &text(&bundle), &text(&unpacked)],
            vec![&tool, "validate", &manifest],
            vec![&tool, "info", &text(&bundle)],
        ] {
            let output = run_apart(&node, place, &arguments).await;
            let said = String::from_utf8_lossy(&output.stdout).into_owned()
                + &String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{arguments:?}: {said}");
        }
        let manifest: Value = serde_json::from_slice(&std::fs::read(&manifest).unwrap()).unwrap();
        let package = package();
        for name in ["name", "version", "license"] {
            assert_eq!(manifest[name], package[name], "{name}");
        }
        let entry: Value = serde_json::from_str(include_str!("../server.json")).unwrap();
        assert_eq!(manifest["description"], entry["description"]);
        assert_eq!(manifest["repository"]["url"], package["repository"]);
        assert_eq!(manifest["compatibility"], json!({"platforms": ["linux"]}));

        let config = &manifest["server"]["mcp_config"];
        let command = config["command"].as_str().unwrap();
        let command = command.replace("${__dirname}", &text(&unpacked));
        let mut command = apart(tokio::process::Command::new(command));
        let data = text(&place.join("data"));
        command.env("HOME", place);
        for (name, value) in config["env"].as_object().unwrap() {
            let value = value.as_str().unwrap();
            let value = value.replace("${user_config.data_dir}", &data);
            command.env(name, value.replace("${user_config.read_only}", "false"));
        }
        let mut process = RawProcess::spawn(command);
        let greeting = process.initialize("2025-06-18").await;
        assert_eq!(
            greeting["result"]["serverInfo"]["version"],
            package["version"]
        );
        let answer = process.call(1, "system_diagnostics", json!({})).await;
        let told = answer["result"]["content"][0]["text"].as_str().unwrap();
        assert!(told.contains(&data), "{told}");
        process.close_input();
        assert!(process.child.wait().await.unwrap().success());
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
