//! Refusals of `install`, with every file left as it is.

use serde_json::json;

use crate::helper::{BINARY, MCP_CLIENTS, McpClient, UserHome};

#[tokio::test]
async fn a_broken_file_is_refused_and_not_touched() {
    for client in &MCP_CLIENTS {
        let whole = client.realistic.trim_end();
        let mut broken: Vec<(Vec<u8>, &str)> =
            vec![([client.realistic.as_bytes(), b"\xff"].concat(), "UTF-8")];
        if client.name == "codex" {
            broken.push((b"model = \"x\"\n[mcp_servers\n".to_vec(), "line 2"));
            broken.push((b"mcp_servers = 3\n".to_vec(), "`mcp_servers`"));
            broken.push((
                b"[mcp_servers.a]\ncommand = \"a\"\n[mcp_servers.a]\n".to_vec(),
                "line 3",
            ));
        } else {
            broken.push((whole.as_bytes()[..whole.len() - 1].to_vec(), "line "));
            broken.push((b"[1, 2]".to_vec(), "not an object"));
            broken.push((b"{'a': 1}".to_vec(), "line 1"));
            let servers = client.servers;
            broken.push((format!("{{\"{servers}\": []}}").into(), "is not an object"));
            broken.push((
                format!("{{\"{servers}\": null}}").into(),
                "is not an object",
            ));
            // A reader takes the last, and an entry in the first would be lost.
            broken.push((
                format!("{{\"{servers}\": {{}}, \"{servers}\": {{}}}}").into(),
                "cannot be changed",
            ));
        }
        if client.name.starts_with("claude") {
            broken.push((b"{ \"a\": 1 } // comment".to_vec(), "line 1"));
            broken.push((b"{ \"a\": 1, }".to_vec(), "line 1"));
        }
        for (text, reason) in broken {
            let home = UserHome::create();
            home.write(client, &text);
            let files = home.files();
            for command in ["install", "uninstall"] {
                if command == "uninstall" && reason == "cannot be changed" {
                    continue;
                }
                let refusal = home
                    .run(format!("{} --client {}", command, client.name))
                    .await
                    .refusal();
                let file = home.file(client);
                for part in [file.to_str().unwrap(), reason, "--print"] {
                    assert!(refusal.contains(part), "{part}: {refusal}");
                }
                assert_eq!(home.files(), files, "{}: {reason}", client.name);
            }
        }
    }
}

/// A part of a broken text, which parsers like to quote, may be somebody's secret.
#[tokio::test]
async fn a_refusal_quotes_nothing() {
    for client in &MCP_CLIENTS {
        let home = UserHome::create();
        home.write(client, "\"token\": = \"s3cr3t-t0ken\n");
        let refusal = home.run(format!("install --client {}", client.name)).await;
        assert!(!refusal.refusal().contains("s3cr3t"));
    }
}

#[tokio::test]
async fn a_name_that_stands_for_another_server_is_not_taken() {
    for client in &MCP_CLIENTS {
        let home = UserHome::create();
        let other = json!({"command": "other", "args": ["--x"]});
        home.write(client, client.only("orchestrator", &other));
        let files = home.files();
        let refusal = home
            .run(format!("install --client {}", client.name))
            .await
            .refusal();
        assert!(
            refusal.contains("`other`") && refusal.contains("--name"),
            "{refusal}"
        );
        assert_eq!(home.files(), files);
        let name = client.name;
        home.run(format!("install --client {name} --name fleet"))
            .await
            .ok();
        let servers = home.servers(client);
        assert_eq!(servers["fleet"], client.plain_entry());
        assert_eq!(servers["orchestrator"], other);
        let said = home.run(format!("uninstall --client {name} --name orchestrator"));
        assert!(said.await.ok().contains("does not have it"));
    }
    let home = UserHome::create();
    for name in ["", "a b", "ä"] {
        let refusal = home
            .run_with(["install", "--client", "cursor", "--name", name])
            .await;
        assert!(refusal.refusal().contains("no name for a server"));
    }
}

#[tokio::test]
async fn what_makes_no_sense_is_refused() {
    let home = UserHome::create();
    let refusal = home.run("install --client emacs").await.refusal();
    assert!(
        refusal.contains("`emacs`") && refusal.contains("claude-code"),
        "{refusal}"
    );
    for (line, word) in [
        ("--client=cursor --sync-timeout=1", "'--client'"),
        ("doctor --dry-run", "'--dry-run'"),
        ("uninstall --print", "'--print'"),
        ("uninstall --take-over", "'--take-over'"),
        ("uninstall --data-dir=/d", "settings go with `install`"),
        ("install --data-dir=", "it is empty"),
    ] {
        let said = home.run(line).await;
        assert_eq!(said.code, Some(2), "{said:?}");
        assert!(
            said.stderr.contains(word) && said.stdout.is_empty(),
            "{said:?}"
        );
    }
    let refusal = home
        .run("install --client cursor --take-over")
        .await
        .refusal();
    assert!(
        refusal.contains("no registration of the Node original"),
        "{refusal}"
    );
    // A script of that name is somebody's own.
    let cursor = McpClient::named("cursor");
    let wrapped = json!({"command": "/home/u/mcp-sftp-orchestrator.sh", "args": []});
    home.write(cursor, cursor.only("orchestrator", &wrapped));
    let refusal = home.run("install --client cursor").await.refusal();
    assert!(refusal.contains("mcp-sftp-orchestrator.sh"), "{refusal}");
    assert_eq!(home.files().len(), 1);
}

/// Writing fails, for real: the file stays as it was.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_full_disk_leaves_the_file_alone() {
    let client = McpClient::named("cursor");
    let home = UserHome::create();
    // With an entry and a backup there already, nothing is written but the file itself.
    home.write(client, client.realistic);
    home.run("install --client cursor").await.ok();
    let files = home.files();
    // No file may grow, as on a full disk.
    let mut command = tokio::process::Command::new("sh");
    command.args([
        "-c",
        "trap '' XFSZ; ulimit -f 0; exec \"$0\" install --client cursor --data-dir=/other",
        BINARY,
    ]);
    home.settle(&mut command);
    let output = command.output().await.unwrap();
    let complaint = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{complaint}");
    assert!(complaint.contains("cannot write"), "{complaint}");
    assert_eq!(home.files(), files, "and nothing is left behind");
}
