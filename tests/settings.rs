//! Settings: environment before `.env` before default, and the command line before all.

use serde_json::{Value, json};

use crate::helper::{Client, binary, directory};

async fn settings(client: &Client) -> Value {
    client
        .call("system_diagnostics", json!({"verbose": true}))
        .await
        .ok()
        .facts()
        .clone()
}

#[tokio::test]
async fn the_client_s_env_goes_before_the_files_and_those_before_the_defaults() {
    let (work, data) = (directory(), directory());
    let file = |directory: &crate::helper::Folder, text: &str| {
        std::fs::write(directory.path().join(".env"), text).unwrap();
    };
    file(
        &work,
        &format!(
            "MCP_DATA_DIR=\"{}\"\nMAX_QUEUE_SIZE=11\nSAVE_INTERVAL=12 # comment\n",
            data.path().display()
        ),
    );
    file(
        &data,
        "MAX_QUEUE_SIZE=21\nSAVE_INTERVAL=22\nIDLE_TIMEOUT=23\nMCP_DEFAULT_CMD_TIMEOUT_S=0\n",
    );
    let mut command = binary();
    command
        .current_dir(work.path())
        .env("MAX_QUEUE_SIZE", "31")
        .env("KEEP_ALIVE_INTERVAL", "never")
        .arg("--sync-timeout=7.5");
    let client = Client::over(command).await;
    let diagnosis = settings(&client).await;
    assert_eq!(diagnosis["dataDir"], data.path().to_str().unwrap());
    let settings = &diagnosis["settings"];
    assert_eq!(settings["maxQueueSize"], 31);
    assert_eq!(settings["saveInterval"], 12);
    assert_eq!(settings["idleTimeout"], 23);
    assert_eq!(settings["commandTimeout"], 0);
    assert_eq!(settings["keepAliveInterval"], 30000);
    assert_eq!(settings["syncTimeout"], 7500);
    assert_eq!(diagnosis["warnings"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_leading_tilde_is_the_home_directory() {
    let home = directory();
    let mut command = binary();
    command
        .env("HOME", home.path())
        .env("MCP_DATA_DIR", "~/kept here");
    let client = Client::over(command).await;
    let diagnosis = settings(&client).await;
    assert_eq!(
        diagnosis["dataDir"],
        home.path().join("kept here").to_str().unwrap()
    );
    let mut command = binary();
    command.env("HOME", home.path()).current_dir(home.path());
    let client = Client::over(command).await;
    let diagnosis = settings(&client).await;
    assert_eq!(
        diagnosis["dataDir"],
        home.path()
            .join(".config/mcp-orchestrator")
            .to_str()
            .unwrap()
    );
}
