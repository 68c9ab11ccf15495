//! Settings: the command line before the environment, that before files, and these before the defaults;
//! and which files count.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tokio::process::Command;

use crate::helper::{BINARY, Client, Folder, apart, binary, directory, text};

async fn diagnosis(client: &Client, verbose: bool) -> Value {
    client
        .call("system_diagnostics", json!({"verbose": verbose}))
        .await
        .ok()
        .facts()
        .clone()
}

fn write(directory: &Folder, text: &str) -> PathBuf {
    let path = directory.path().join(".env");
    std::fs::write(&path, text).unwrap();
    path
}

/// The standard error of a call that has to fail.
async fn refusal(command: &mut Command) -> String {
    let output = command.output().await.unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert!(output.stdout.is_empty());
    stderr
}

#[tokio::test]
async fn the_client_s_env_goes_before_the_files_and_those_before_the_defaults() {
    let (work, data) = (directory(), directory());
    let named = write(
        &work,
        &format!(
            "MCP_DATA_DIR=\"{}\"\nMAX_QUEUE_SIZE=11\nSAVE_INTERVAL=12 # comment\n",
            data.path().display()
        ),
    );
    let own = write(
        &data,
        "MCP_DATA_DIR=/elsewhere\nMAX_QUEUE_SIZE=21\nSAVE_INTERVAL=22\nIDLE_TIMEOUT=23\nMCP_DEFAULT_CMD_TIMEOUT_S=0\n",
    );
    let mut command = binary();
    command
        .current_dir(work.path())
        .env("MAX_QUEUE_SIZE", "31")
        .env("KEEP_ALIVE_INTERVAL", "never")
        .args(["--sync-timeout=7.5", "--env-file=.env"]);
    let client = Client::over(command).await;
    let told = diagnosis(&client, true).await;
    assert_eq!(told["dataDir"], data.path().to_str().unwrap());
    let settings = &told["settings"];
    assert_eq!(settings["maxQueueSize"], 31);
    assert_eq!(settings["saveInterval"], 12);
    assert_eq!(settings["idleTimeout"], 23);
    assert_eq!(settings["commandTimeout"], 0);
    assert_eq!(settings["keepAliveInterval"], 30000);
    assert_eq!(settings["syncTimeout"], 7500);
    let warnings = told["warnings"].as_array().unwrap();
    assert_eq!(warnings.len(), 2, "{warnings:?}");
    assert!(
        warnings[0].as_str().unwrap().contains("has no effect"),
        "{warnings:?}"
    );

    let (named, own) = (text(&named), text(&own));
    let mut set = json!({
        "MCP_SYNC_TIMEOUT_S": "command line", "MAX_QUEUE_SIZE": "environment", "MCP_KEYRING": "environment",
        "MCP_STRUCTURED": "environment", "MCP_DATA_DIR": named, "SAVE_INTERVAL": named, "IDLE_TIMEOUT": own, "MCP_DEFAULT_CMD_TIMEOUT_S": own,
    });
    assert_eq!(diagnosis(&client, false).await["origins"], set);
    // A setting that was not understood has its default, as the rest have.
    for setting in mcp_sftp_orchestrator::config::SETTINGS {
        let origins = set.as_object_mut().unwrap();
        origins.entry(setting.name).or_insert("default".into());
    }
    assert_eq!(told["origins"], set);
}

#[tokio::test]
async fn a_leading_tilde_is_the_home_directory() {
    let home = directory();
    let mut command = binary();
    command
        .env("HOME", home.path())
        .env("MCP_DATA_DIR", "~/kept here");
    let client = Client::over(command).await;
    let told = diagnosis(&client, true).await;
    assert_eq!(
        told["dataDir"],
        home.path().join("kept here").to_str().unwrap()
    );
    let mut command = binary();
    command.env("HOME", home.path()).current_dir(home.path());
    let client = Client::over(command).await;
    let told = diagnosis(&client, true).await;
    assert_eq!(
        told["dataDir"],
        home.path()
            .join(".config/mcp-orchestrator")
            .to_str()
            .unwrap()
    );
}

/// A repository with a configuration of its own, and a command that it would have run here.
fn hostile(project: &Folder) -> PathBuf {
    let ran = project.path().join("ran");
    let data = project.path().join("x");
    std::fs::create_dir(&data).unwrap();
    let password = format!("cmd:touch '{}'; echo x", ran.display());
    let server =
        json!({"evil": {"host": "127.0.0.1", "port": 1, "user": "u", "password": password}});
    std::fs::write(data.join("servers.json"), server.to_string()).unwrap();
    write(
        project,
        "MCP_DATA_DIR=./x\nMCP_READONLY=true\nDATABASE_URL=y\n",
    );
    ran
}

#[tokio::test]
async fn a_project_s_file_configures_nothing_and_that_is_said() {
    let (project, home) = (directory(), directory());
    let ran = hostile(&project);
    // Also not where a link leads from it to this program.
    let link = project.path().join("mcp-sftp-orchestrator");
    std::os::unix::fs::symlink(BINARY, &link).unwrap();
    for program in [Path::new(BINARY), &link] {
        let mut command = apart(Command::new(program));
        command.env("HOME", home.path()).current_dir(project.path());
        let client = Client::over(command).await;
        let told = diagnosis(&client, false).await;
        let usual = home.path().join(".config/mcp-orchestrator");
        assert_eq!(told["dataDir"], usual.to_str().unwrap());
        assert_eq!(told["servers"], json!({}));
        let set = json!({"MCP_KEYRING": "environment", "MCP_STRUCTURED": "environment"});
        assert_eq!(told["origins"], set);
        let warnings = told["warnings"].to_string();
        for part in [
            ".env` is not read",
            "MCP_DATA_DIR, MCP_READONLY",
            "--env-file",
        ] {
            assert!(warnings.contains(part), "{part}: {warnings}");
        }
        assert!(!warnings.contains("DATABASE_URL"), "{warnings}");
        client.exec("evil", "true").await.error("UNKNOWN_ALIAS");
        assert!(!ran.exists());
    }
    let mut command = binary();
    command.env("HOME", home.path()).current_dir(project.path());
    let output = command.arg("doctor").output().await.unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(
        said.contains(".env` is not read") && !said.contains("evil"),
        "{said}"
    );
    assert!(!ran.exists());

    // Variables of other programs are ignored.
    write(&project, "DATABASE_URL=y\nLOG_LEVEL=debug\n");
    let mut command = binary();
    command.env("HOME", home.path()).current_dir(project.path());
    let told = diagnosis(&Client::over(command).await, false).await;
    assert_eq!(told["warnings"], json!([]));
    // The data directory's own file is read, wherever this is started.
    write(&project, "MAX_QUEUE_SIZE=7\n");
    let mut command = binary();
    let data = format!("--data-dir={}", project.path().display());
    command.current_dir(project.path()).arg(data);
    let told = diagnosis(&Client::over(command).await, true).await;
    assert_eq!(told["settings"]["maxQueueSize"], 7);
    assert_eq!(told["warnings"], json!([]));
}

#[tokio::test]
async fn a_file_in_the_home_directory_is_a_project_s_too() {
    let home = directory();
    let program = home.path().join(".cargo/bin/mcp-sftp-orchestrator");
    install(&program);
    write(&home, "MAX_QUEUE_SIZE=7\n");
    let mut command = apart(Command::new(&program));
    command.env("HOME", home.path()).current_dir(home.path());
    let told = diagnosis(&Client::over(command).await, true).await;
    assert_eq!(told["settings"]["maxQueueSize"], 1000);
}

#[tokio::test]
async fn the_checkout_s_file_counts_where_the_program_lies_in_it() {
    let (checkout, home, data) = (directory(), directory(), directory());
    let program = checkout.path().join("target/debug/mcp-sftp-orchestrator");
    install(&program);
    let file = write(&checkout, "MAX_QUEUE_SIZE=7\nSAVE_INTERVAL=8\n");
    write(&data, "MAX_QUEUE_SIZE=9\nIDLE_TIMEOUT=10\n");
    let named = home.path().join("named");
    std::fs::write(&named, "SAVE_INTERVAL=11\n").unwrap();
    let mut command = apart(Command::new(&program));
    command
        .env("HOME", home.path())
        .current_dir(checkout.path())
        .arg("--env-file=~/named")
        .arg(format!("--data-dir={}", data.path().display()));
    let told = diagnosis(&Client::over(command).await, true).await;
    let settings = &told["settings"];
    assert_eq!(settings["maxQueueSize"], 7);
    assert_eq!(settings["saveInterval"], 11);
    assert_eq!(settings["idleTimeout"], 10);
    assert_eq!(
        told["origins"]["MAX_QUEUE_SIZE"],
        text(&file.canonicalize().unwrap())
    );
    assert_eq!(told["warnings"], json!([]));
}

/// A copy that is no link.
fn install(program: &Path) {
    std::fs::create_dir_all(program.parent().unwrap()).unwrap();
    if std::fs::hard_link(BINARY, program).is_err() {
        std::fs::copy(BINARY, program).unwrap();
    }
}

#[tokio::test]
async fn a_file_that_is_named_has_to_be_there() {
    let place = directory();
    let path = |name: &str| place.path().join(name);
    let pipe = std::process::Command::new("mkfifo")
        .arg(path("pipe"))
        .status();
    assert!(pipe.unwrap().success());
    std::fs::write(path("large"), "A=b\n".repeat(20_000)).unwrap();
    for (name, reason) in [
        ("none", "No such file"),
        ("pipe", "not a regular file"),
        (".", "not a regular file"),
        ("large", "more than 65536 bytes"),
    ] {
        let file = format!("--env-file={}", path(name).display());
        for words in [&[][..], &["doctor"], &["audit", "verify"]] {
            let mut command = binary();
            command.arg(&file).args(words).env("HOME", place.path());
            let said = refusal(&mut command).await;
            assert!(
                said.contains("--env-file") && said.contains(reason),
                "{name}: {said}"
            );
        }
    }
    let output = binary().arg("--env-file=").output().await.unwrap();
    assert_eq!(output.status.code(), Some(2));
}

/// Files that are there by themselves hold nobody up.
#[tokio::test]
async fn a_pipe_in_the_place_of_the_data_directory_s_file_is_not_waited_for() {
    let data = directory();
    let made = std::process::Command::new("mkfifo")
        .arg(data.path().join(".env"))
        .status();
    assert!(made.unwrap().success());
    let client = Client::spawned(data.path(), &[]).await;
    let told = diagnosis(&client, false).await;
    assert!(
        told["warnings"][0]
            .as_str()
            .unwrap()
            .contains("not a regular file")
    );
}
