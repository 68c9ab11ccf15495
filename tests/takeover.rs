//! Coming from the Node original: its place, its settings, its data.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::helper::{BINARY, MCP_CLIENTS, McpClient, RawProcess, UserHome, text};

/// A data directory that the original wrote.
fn data_of_original(home: &UserHome) -> PathBuf {
    let data = home.path.join("dâta of the original");
    std::fs::create_dir(&data).unwrap();
    let written = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/original");
    for entry in std::fs::read_dir(written).unwrap() {
        let path = entry.unwrap().path();
        std::fs::copy(&path, data.join(path.file_name().unwrap())).unwrap();
    }
    data
}

/// As its documentation has it registered.
fn by_npx(data: &Path) -> Value {
    json!({"command": "npx", "args": ["-y", "@fkom13/mcp-sftp-orchestrator"],
        "env": {"MCP_DATA_DIR": text(data), "MCP_SYNC_TIMEOUT_S": "45"}})
}

async fn server_names(mut process: RawProcess) -> Vec<String> {
    let listed = process.tool("server_list", json!({})).await.ok();
    listed.fact_names()
}

#[tokio::test]
async fn its_place_and_its_data_are_taken_over_and_given_back() {
    for client in &MCP_CLIENTS {
        let home = UserHome::create();
        let data = data_of_original(&home);
        let mut entry = by_npx(&data);
        entry["disabled"] = false.into();
        let before = client.only("sftp", &entry);
        home.write(client, &before);
        let said = home
            .run(format!("install --client {} --take-over", client.name))
            .await
            .ok();
        assert!(
            said.contains("as `sftp`") && said.contains(data.to_str().unwrap()),
            "{said}"
        );
        let mut expected = client.with_session(entry.clone());
        expected["command"] = BINARY.into();
        expected["args"] = json!([]);
        assert_eq!(home.servers(client), json!({"sftp": expected}));
        let process = home.start(&home.servers(client)["sftp"]).await;
        assert_eq!(server_names(process).await, ["prod", "staging"]);
        let again = home
            .run(format!("install --client {}", client.name))
            .await
            .ok();
        assert!(again.contains("has it already"), "{again}");
        let said = home
            .run(format!("uninstall --client {}", client.name))
            .await
            .ok();
        assert!(said.contains("has what stood there before"), "{said}");
        assert_eq!(home.read(client), before);
    }
}

#[tokio::test]
async fn it_is_given_back_although_the_file_has_changed_since() {
    let client = McpClient::named("claude-code");
    let home = UserHome::create();
    let entry = by_npx(Path::new("/d"));
    home.write(client, client.only("orchestrator", &entry));
    home.run("install --client claude-code --take-over")
        .await
        .ok();
    let mut whole = client.parse(&home.read(client));
    whole["numStartups"] = 7.into();
    home.write(client, whole.to_string());
    home.run("uninstall --client claude-code").await.ok();
    let after = client.parse(&home.read(client));
    assert_eq!(
        after,
        json!({"mcpServers": {"orchestrator": entry}, "numStartups": 7})
    );
}

/// Two of them in one file, each with settings of its own.
#[tokio::test]
async fn several_are_taken_over_and_given_back() {
    for client in &MCP_CLIENTS {
        let home = UserHome::create();
        let (one, two) = (by_npx(Path::new("/one")), by_npx(Path::new("/two")));
        let both = json!({client.servers: {"sftp": one, "sftp2": two}});
        let before = match client.name {
            "codex" => toml_edit::ser::to_string_pretty(&both).unwrap(),
            _ => serde_json::to_string_pretty(&both).unwrap(),
        };
        home.write(client, &before);
        let name = client.name;
        for server in ["sftp", "sftp2"] {
            home.run(format!(
                "install --client {name} --name {server} --take-over"
            ))
            .await
            .ok();
            assert_eq!(home.servers(client)[server]["command"], BINARY);
        }
        for server in ["sftp", "sftp2"] {
            let said = home
                .run(format!("uninstall --client {name} --name {server}"))
                .await
                .ok();
            assert!(said.contains("has what stood there before"), "{said}");
            assert!(said.contains("can no longer read its passwords"), "{said}");
        }
        // The first was given back without the certainty that it was the last.
        assert_eq!(client.parse(&home.read(client)), client.parse(&before));
        assert!(!home.backup(client).exists());
    }
}

/// Settings that cannot be carried over are not lost in silence.
#[tokio::test]
async fn data_that_cannot_be_found_is_asked_for() {
    let (cursor, vscode) = (McpClient::named("cursor"), McpClient::named("vscode"));
    let home = UserHome::create();
    let checkout = home.path.join("mcp-sftp-orchestrator");
    std::fs::create_dir(&checkout).unwrap();
    std::fs::write(checkout.join(".env"), "MCP_DATA_DIR=/home/me/My Data\n").unwrap();
    let entry = json!({"command": "node", "args": [text(&checkout.join("server.js"))]});
    home.write(cursor, cursor.only("orchestrator", &entry));
    let files = home.files();
    let refusal = home
        .run("install --client cursor --take-over")
        .await
        .refusal();
    for part in [".env", "--data-dir"] {
        assert!(refusal.contains(part), "{part}: {refusal}");
    }
    assert_eq!(home.files(), files);
    home.run("install --client cursor --take-over --data-dir=/mine")
        .await
        .ok();
    let env = &home.servers(cursor)["orchestrator"]["env"];
    let expected = json!({"MCP_DATA_DIR": "/mine"});
    assert_eq!(env, &cursor.env_with_session(&expected));
    home.run("uninstall --client cursor").await.ok();
    std::fs::remove_file(home.file(cursor)).unwrap();

    // A client's own placeholders mean nothing to another, and other variables are not the server's.
    let mut entry = by_npx(Path::new("${userHome}/data"));
    home.write(vscode, vscode.only("orchestrator", &entry));
    let refusal = home
        .run("install --client cursor --take-over")
        .await
        .refusal();
    assert!(
        refusal.contains("`MCP_DATA_DIR` in servers › orchestrator"),
        "{refusal}"
    );
    entry["env"] = json!({"MCP_DATA_DIR": "/d", "TOKEN": "${input:key}"});
    home.write(vscode, vscode.only("orchestrator", &entry));
    home.run("install --client cursor --take-over").await.ok();
    let env = &home.servers(cursor)["orchestrator"]["env"];
    let expected = json!({"MCP_DATA_DIR": "/d"});
    assert_eq!(env, &cursor.env_with_session(&expected));
}

#[tokio::test]
async fn settings_are_found_where_the_original_keeps_them() {
    let home = UserHome::create();
    let data = data_of_original(&home);
    let checkout = home.path.join("sftp-mcp");
    std::fs::create_dir(&checkout).unwrap();
    let manifest = r#"{"name": "@fkom13/mcp-sftp-orchestrator", "version": "8.1.0"}"#;
    std::fs::write(checkout.join("package.json"), manifest).unwrap();
    let settings = format!(
        "MCP_DATA_DIR=\"{}\"\nMAX_QUEUE_SIZE=77\nEDITOR=vi\n",
        data.display()
    );
    std::fs::write(checkout.join(".env"), settings).unwrap();
    let script = text(&checkout.join("server.js"));
    for client in ["claude-desktop", "codex"].map(McpClient::named) {
        let entry = json!({"command": "node", "args": [script, "--sync-timeout=9"]});
        home.write(client, client.only("orchestrator", &entry));
        home.run(format!("install --client {} --take-over", client.name))
            .await
            .ok();
        let entry = &home.servers(client)["orchestrator"];
        let settings =
            json!({"MCP_SYNC_TIMEOUT_S": "9", "MCP_DATA_DIR": text(&data), "MAX_QUEUE_SIZE": "77"});
        assert_eq!(entry["env"], client.env_with_session(&settings));
        let process = home.start(entry).await;
        assert_eq!(server_names(process).await, ["prod", "staging"]);
        std::fs::remove_file(home.file(client)).unwrap();
    }
}

#[tokio::test]
async fn nobody_is_taken_by_surprise() {
    let client = McpClient::named("cursor");
    let home = UserHome::create();
    home.write(
        client,
        client.only("orchestrator", &by_npx(Path::new("/d"))),
    );
    let files = home.files();
    let refusal = home.run("install --client cursor").await.refusal();
    for part in [
        "Node original as `orchestrator`",
        "/d",
        "--take-over",
        "--no-take-over",
    ] {
        assert!(refusal.contains(part), "{part}: {refusal}");
    }
    // Under its name there is no place for another.
    let refusal = home
        .run("install --client cursor --no-take-over")
        .await
        .refusal();
    assert!(
        refusal.contains("`npx`") && refusal.contains("--name"),
        "{refusal}"
    );
    assert_eq!(home.files(), files);
    let said = home
        .run("install --client cursor --no-take-over --name rust")
        .await
        .ok();
    assert!(
        said.contains("still registered with Cursor: mcpServers › orchestrator"),
        "{said}"
    );
    let servers = home.servers(client);
    assert_eq!(servers["orchestrator"], by_npx(Path::new("/d")));
    // The entry names the data directory even if it says nothing else.
    let env = json!({"MCP_DATA_DIR": "~/.config/mcp-orchestrator"});
    assert_eq!(servers["rust"]["env"], client.env_with_session(&env));
}

#[tokio::test]
async fn a_person_is_asked() {
    let client = McpClient::named("gemini-cli");
    let line = "install --client gemini-cli";
    for (answer, code) in [("", 0), ("y", 0), ("maybe\nyes", 0), ("n", 1)] {
        let home = UserHome::create();
        let before = client.only("orchestrator", &by_npx(Path::new("/d")));
        home.write(client, &before);
        let (status, screen) = home.ask(line, "[Y/n] ", || {}, answer).await;
        assert_eq!(status, Some(code), "{answer}: {screen}");
        assert!(screen.contains("Take over its place"), "{screen}");
        assert_eq!(home.read(client) == before, code == 1, "{screen}");
        assert_eq!(screen.contains("now starts it"), code == 0, "{screen}");
    }
}

/// The client itself may write its file while somebody thinks about the question.
#[tokio::test]
async fn a_file_that_changes_meanwhile_is_left_as_it_then_is() {
    let client = McpClient::named("claude-code");
    let home = UserHome::create();
    home.write(
        client,
        client.only("orchestrator", &by_npx(Path::new("/d"))),
    );
    let later = r#"{"numStartups": 8}"#;
    let line = "install --client claude-code";
    let (status, screen) = home
        .ask(line, "[Y/n] ", || home.write(client, later), "y")
        .await;
    assert_eq!(status, Some(1), "{screen}");
    assert!(
        screen.contains("has just been changed by another program"),
        "{screen}"
    );
    assert_eq!(home.read(client), later);
}

#[tokio::test]
async fn one_that_another_client_has_is_found_too() {
    let (cursor, code) = (McpClient::named("cursor"), McpClient::named("claude-code"));
    let home = UserHome::create();
    let data = data_of_original(&home);
    let entry = by_npx(&data);
    // As `claude mcp add` registers it, for one project.
    let whole = json!({"projects": {"/work": {"mcpServers": {"o": entry}}}});
    home.write(code, whole.to_string());
    let refusal = home.run("install --client cursor").await.refusal();
    assert!(
        refusal.contains("Claude Code has the Node original"),
        "{refusal}"
    );
    assert!(!home.file(cursor).exists());
    let said = home.run("install --client cursor --take-over").await.ok();
    for part in [
        "still registered with Claude Code: projects › /work › mcpServers › o",
        "take it out by hand",
        "can no longer read its passwords",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    let expected = cursor.env_with_session(&entry["env"]);
    assert_eq!(home.servers(cursor)["orchestrator"]["env"], expected);
    assert_eq!(home.read(code), whole.to_string());
    // With a data directory on the command line, nothing is asked.
    home.run("uninstall --client cursor").await.ok();
    home.run("install --client cursor --data-dir=/own")
        .await
        .ok();
    let env = &home.servers(cursor)["orchestrator"]["env"];
    let expected = json!({"MCP_DATA_DIR": "/own"});
    assert_eq!(env, &cursor.env_with_session(&expected));
}

/// Only the line with `command` is changed by hand; the arguments stay the original's.
#[tokio::test]
async fn one_line_of_the_configuration_is_enough() {
    let home = UserHome::create();
    let data = data_of_original(&home);
    // It need not be there any more.
    let checkout = home.path.join("sftp-mcp/server.js");
    for mut args in [
        vec!["@fkom13/mcp-sftp-orchestrator".to_owned()],
        vec![
            "-y".to_owned(),
            "@fkom13/mcp-sftp-orchestrator@8.1.0".to_owned(),
        ],
        vec![text(&checkout)],
    ] {
        let entry = json!({"command": BINARY, "args": args, "env": {"MCP_DATA_DIR": text(&data)}});
        let process = home.start(&entry).await;
        assert_eq!(server_names(process).await, ["prod", "staging"]);
        args.push(format!("--data-dir={}", data.display()));
        let entry = json!({"command": BINARY, "args": args});
        assert_eq!(home.data_directory(&entry).await, data);
        // It is this program now, whatever its arguments say.
        let cursor = McpClient::named("cursor");
        home.write(cursor, cursor.only("orchestrator", &entry));
        for client in ["cursor", "zed"] {
            let said = home.run(format!("install --client {client}")).await.ok();
            assert!(!said.contains("Node original"), "{said}");
        }
    }
}
