//! Rules of MCP clients against walking around this program, and their lists of tools.

use serde_json::{Value, json};

use crate::helper::UserHome;

fn read(home: &UserHome, file: &str) -> String {
    std::fs::read_to_string(home.path.join(file)).unwrap()
}

fn json_of(home: &UserHome, file: &str) -> Value {
    serde_json::from_str(&read(home, file)).unwrap()
}

#[tokio::test]
async fn a_client_s_own_rules_are_added_once_and_the_rest_stays() {
    let home = UserHome::create();
    std::fs::create_dir(home.path.join(".claude")).unwrap();
    let before = r#"{"model": "x", "permissions": {"allow": ["Read"], "deny": ["Bash(ssh:*)"]}}"#;
    std::fs::write(home.path.join(".claude/settings.json"), before).unwrap();
    for _ in 0..2 {
        let said = home
            .run("install --client claude-code --deny-ssh".to_owned())
            .await
            .ok();
        assert!(said.contains("guard rail"), "{said}");
        let settings = json_of(&home, ".claude/settings.json");
        assert_eq!(settings["model"], "x");
        assert_eq!(settings["permissions"]["allow"], json!(["Read"]));
        let denied = settings["permissions"]["deny"].as_array().unwrap();
        assert_eq!(denied.len(), 7, "{denied:?}");
        for rule in ["Bash(ssh:*)", "Bash(mcp-sftp-orchestrator approve:*)"] {
            assert!(denied.contains(&rule.into()), "{denied:?}");
        }
    }
    let copy = read(&home, ".claude/settings.json.before-mcp-sftp-orchestrator");
    assert_eq!(copy, before);

    home.run("install --client gemini-cli --deny-ssh".to_owned())
        .await
        .ok();
    let settings = json_of(&home, ".gemini/settings.json");
    assert!(
        settings["mcpServers"]["orchestrator"].is_object(),
        "{settings}"
    );
    let excluded = settings["tools"]["exclude"].to_string();
    assert!(excluded.contains("run_shell_command(scp)"), "{excluded}");
    home.run("install --client cursor --deny-ssh".to_owned())
        .await
        .ok();
    let denied = json_of(&home, ".cursor/cli-config.json")["permissions"]["deny"].to_string();
    assert!(
        denied.contains("Shell(sftp)") && denied.contains("Shell(mcp-sftp-orchestrator)"),
        "{denied}"
    );
    home.run("install --client codex --deny-ssh".to_owned())
        .await
        .ok();
    let rules = read(&home, ".codex/rules/mcp-sftp-orchestrator.rules");
    assert_eq!(
        rules.matches("decision = \"forbidden\"").count(),
        7,
        "{rules}"
    );
    assert!(
        rules.contains(r#"pattern = ["mcp-sftp-orchestrator", "approve"]"#),
        "{rules}"
    );
}

#[tokio::test]
async fn uninstall_takes_out_the_rules_that_install_has_added_and_no_others() {
    let home = UserHome::create();
    std::fs::create_dir(home.path.join(".claude")).unwrap();
    let settings = ".claude/settings.json";
    let before = r#"{"permissions": {"allow": ["Read"], "deny": ["Bash(ssh:*)"]}}"#;
    std::fs::write(home.path.join(settings), before).unwrap();
    let install = async |client: &str| {
        let install = format!("install --client {client} --deny-ssh");
        home.run(install).await.ok();
    };
    let uninstall =
        async |client: &str| home.run(format!("uninstall --client {client}")).await.ok();
    install("claude-code").await;
    let said = uninstall("claude-code").await;
    assert!(said.contains("rules against ssh"), "{said}");
    assert_eq!(read(&home, settings), before, "to the byte");

    // Somebody has changed the file meanwhile.
    install("claude-code").await;
    let changed = read(&home, settings).replace("\"Read\"", "\"Write\"");
    std::fs::write(home.path.join(settings), changed).unwrap();
    uninstall("claude-code").await;
    let left = json!({"permissions": {"allow": ["Write"], "deny": ["Bash(ssh:*)"]}});
    assert_eq!(json_of(&home, settings), left);

    for (client, file) in [
        ("gemini-cli", ".gemini/settings.json"),
        ("cursor", ".cursor/cli-config.json"),
        ("codex", ".codex/rules/mcp-sftp-orchestrator.rules"),
    ] {
        install(client).await;
        let installed = read(&home, file);
        assert!(installed.contains("scp"), "{client}: {installed}");
        uninstall(client).await;
        let left = std::fs::read_to_string(home.path.join(file)).unwrap_or_default();
        assert!(
            !left.contains("scp") && !left.contains("exclude"),
            "{client}: {left}"
        );
    }
}

#[tokio::test]
async fn nothing_is_written_where_a_client_has_no_rules_or_they_are_broken() {
    let home = UserHome::create();
    let refused = home
        .run("install --client zed --deny-ssh".to_owned())
        .await
        .refusal();
    assert!(refused.contains("Zed documents no rules"), "{refused}");
    std::fs::create_dir(home.path.join(".claude")).unwrap();
    std::fs::write(
        home.path.join(".claude/settings.json"),
        r#"{"permissions": []}"#,
    )
    .unwrap();
    let refused = home
        .run("install --client claude-code --deny-ssh".to_owned())
        .await
        .refusal();
    assert!(
        refused.contains("`permissions` in it is not an object"),
        "{refused}"
    );
    assert_eq!(
        read(&home, ".claude/settings.json"),
        r#"{"permissions": []}"#
    );
    assert!(!home.path.join(".claude.json").exists());
    std::fs::write(home.path.join(".claude/settings.json"), "{}").unwrap();
    let preview = home
        .run("install --client claude-code --deny-ssh --dry-run".to_owned())
        .await
        .ok();
    assert!(
        preview.contains('+') && preview.contains("Bash(ssh:*)"),
        "{preview}"
    );
    assert!(preview.ends_with("Nothing was written.\n"), "{preview}");
    assert_eq!(read(&home, ".claude/settings.json"), "{}");
}

#[tokio::test]
async fn a_tier_lists_tools_by_what_they_do() {
    let home = UserHome::create();
    let listed = async |tier: &str| {
        let said = home
            .run(format!("permissions claude-code --tier {tier}"))
            .await
            .ok();
        let rules: Value = serde_json::from_str(&said).unwrap();
        rules["permissions"]["allow"].as_array().unwrap().clone()
    };
    let [read, standard, all] = [
        listed("read").await,
        listed("standard").await,
        listed("all").await,
    ];
    let has =
        |rules: &[Value], tool: &str| rules.contains(&format!("mcp__orchestrator__{tool}").into());
    assert!(has(&read, "file_read") && has(&read, "task_queue"));
    assert!(!has(&read, "file_edit") && !has(&read, "task_exec") && !has(&read, "task_cancel"));
    assert!(has(&standard, "file_edit") && has(&standard, "task_cancel"));
    assert!(!has(&standard, "task_exec") && !has(&standard, "server_remove"));
    assert!(!has(&standard, "server_authorize_key"));
    assert!(has(&all, "task_exec") && has(&all, "server_remove"));
    let codex = home
        .run("permissions codex --name ssh".to_owned())
        .await
        .ok();
    // A list of enabled tools would take the others away.
    assert!(
        codex.starts_with("# At the end of ~/.codex/config.toml\n"),
        "{codex}"
    );
    let table = "[mcp_servers.ssh.tools.file_read]\napproval_mode = \"approve\"\n";
    assert!(
        codex.contains(table) && !codex.contains("task_exec"),
        "{codex}"
    );
    let gemini = home.run("permissions gemini-cli".to_owned()).await.ok();
    assert!(
        gemini.contains("mcpName = \"orchestrator\"\ntoolName = [\"")
            && gemini.contains("decision = \"allow\""),
        "{gemini}"
    );
    let refused = home.run("permissions zed".to_owned()).await.refusal();
    assert!(refused.contains("no list of tools"), "{refused}");
}
