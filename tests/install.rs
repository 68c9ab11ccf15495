//! `install` and `uninstall`: one entry in a client's configuration, and all else as it was.

use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

use serde_json::{Value, json};

use crate::helper::{BINARY, MCP_CLIENTS, McpClient, UserHome, text};

async fn install(home: &UserHome, client: &McpClient) -> String {
    home.run(format!("install --client {}", client.name))
        .await
        .ok()
}

async fn uninstall(home: &UserHome, client: &McpClient) -> String {
    home.run(format!("uninstall --client {}", client.name))
        .await
        .ok()
}

/// The lines of `old`, in their order, are all in `new`; only a comma may have come to the end of one.
fn assert_kept(old: &str, new: &str) {
    let mut lines = new.lines();
    for old in old.lines() {
        let is_it =
            |new: &str| new.replace(',', "") == old.replace(',', "") && new.len() >= old.len();
        assert!(lines.any(is_it), "{old} is not in its place in:\n{new}");
    }
}

/// The forms in which the same text may lie on a disk.
fn forms(text: &str) -> Vec<String> {
    vec![
        text.to_owned(),
        text.replace('\n', "\r\n"),
        text.trim_end().to_owned(),
        format!("\u{feff}{text}"),
    ]
}

#[tokio::test]
async fn a_realistic_file_keeps_everything_else_and_is_given_back_to_the_byte() {
    for client in &MCP_CLIENTS {
        for before in forms(client.realistic) {
            let home = UserHome::create();
            home.write(client, &before);
            let file = home.file(client);
            std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o640)).unwrap();

            let preview = home.run(format!("install --client {} --dry-run", client.name));
            let preview = preview.await.ok();
            let adds = |line: &str| line.starts_with('+') && line.contains(BINARY);
            assert!(preview.lines().any(adds), "{preview}");
            assert!(home.read(client) == before && !home.backup(client).exists());

            let said = install(&home, client).await;
            for part in [text(&file), text(&home.backup(client)), BINARY.to_owned()] {
                assert!(said.contains(&part), "{part}: {said}");
            }
            let after = home.read(client);
            let mut expected = client.parse(&before);
            expected[client.servers]["orchestrator"] = client.plain_entry();
            assert_eq!(client.parse(&after), expected, "{after}");
            // A value on one line may now be on several.
            if client.name != "windsurf" {
                assert_kept(&before, &after);
            }
            assert_eq!(
                after.starts_with('\u{feff}'),
                before.starts_with('\u{feff}')
            );
            let ends = |text: &str, end: &str| text.matches(end).count();
            if before.contains("\r\n") {
                assert_eq!(ends(&after, "\n"), ends(&after, "\r\n"), "{after:?}");
            } else {
                assert_eq!(ends(&after, "\r"), 0, "{after:?}");
            }
            assert_eq!(
                std::fs::read_to_string(home.backup(client)).unwrap(),
                before
            );
            for file in [&file, &home.backup(client)] {
                let mode = file.metadata().unwrap().permissions().mode();
                assert_eq!(mode & 0o777, 0o640, "{}", file.display());
            }

            let files = home.files();
            let said = install(&home, client).await;
            assert!(said.contains("has it already"), "{said}");
            assert_eq!(home.files(), files, "nothing is touched");

            let preview = home.run(format!("uninstall --client {} --dry-run", client.name));
            let removes = |line: &str| line.starts_with('-') && line.contains(BINARY);
            assert!(preview.await.ok().lines().any(removes));
            assert_eq!(home.files(), files);
            uninstall(&home, client).await;
            assert_eq!(home.read(client), before, "{}", client.name);
            assert!(!home.backup(client).exists());
            assert!(uninstall(&home, client).await.contains("does not have it"));
            assert_eq!(home.read(client), before);
        }
    }
}

#[tokio::test]
async fn a_missing_file_and_an_empty_one_are_begun_and_given_back() {
    for client in &MCP_CLIENTS {
        for before in [None, Some(""), Some("\n"), Some("  \n\n")] {
            let home = UserHome::create();
            if let Some(before) = before {
                home.write(client, before);
            }
            install(&home, client).await;
            let expected = json!({client.servers: {"orchestrator": client.plain_entry()}});
            let after = home.read(client);
            assert_eq!(client.parse(&after), expected);
            if client.name != "codex" {
                // Not even a lenient reader is needed.
                assert_eq!(serde_json::from_str::<Value>(&after).unwrap(), expected);
            }
            if before.is_none() {
                let mode = home.file(client).metadata().unwrap().permissions().mode();
                assert_eq!(mode & 0o077, 0);
            }
            assert!(install(&home, client).await.contains("has it already"));
            uninstall(&home, client).await;
            let left = home
                .files()
                .pop()
                .map(|(.., bytes)| String::from_utf8(bytes).unwrap());
            assert_eq!(left.as_deref(), before, "{}", client.name);
        }
    }
}

#[tokio::test]
async fn an_object_with_nothing_in_it_is_given_back_as_well() {
    for client in MCP_CLIENTS.iter().filter(|client| client.name != "codex") {
        for before in [
            "{}".to_owned(),
            format!("{{\n  \"{}\": {{\n  }}\n}}\n", client.servers),
        ] {
            let home = UserHome::create();
            home.write(client, &before);
            install(&home, client).await;
            assert_eq!(home.servers(client)["orchestrator"], client.plain_entry());
            uninstall(&home, client).await;
            assert_eq!(home.read(client), before);
        }
    }
}

#[tokio::test]
async fn every_entry_starts_the_server() {
    for client in &MCP_CLIENTS {
        let home = UserHome::create();
        install(&home, client).await;
        let usual = home.path.join(".config/mcp-orchestrator");
        let entry = &home.servers(client)["orchestrator"];
        assert_eq!(home.data_directory(entry).await, usual);

        let said = home.run_with([
            "install",
            "--client",
            client.name,
            "--data-dir=dâta of mine",
            "--sync-timeout=7.5",
        ]);
        let said = said.await.ok();
        let own = home.path.join("dâta of mine");
        assert!(said.contains(own.to_str().unwrap()), "{said}");
        let entry = &home.servers(client)["orchestrator"];
        assert_eq!(
            entry["env"],
            client.env_with_session(
                &json!({"MCP_DATA_DIR": text(&own), "MCP_SYNC_TIMEOUT_S": "7.5"})
            )
        );
        assert_eq!(home.data_directory(entry).await, own);
        // It is kept where nothing is said of it.
        assert!(install(&home, client).await.contains("has it already"));
        uninstall(&home, client).await;
        assert!(!home.file(client).exists());
    }
}

/// An entry says where the data is, so that no file that lies about can.
#[tokio::test]
async fn the_data_is_where_it_is_for_whoever_installs() {
    for client in &MCP_CLIENTS {
        let home = UserHome::create();
        let (own, named) = (home.path.join("ôwn"), home.path.join("set.env"));
        let line = format!("install --client {}", client.name);
        let mut command = home.command(line.split(' '));
        command.env("MCP_DATA_DIR", "~/ôwn");
        assert!(command.output().await.unwrap().status.success());
        let entry = &home.servers(client)["orchestrator"];
        let env = client.env_with_session(&json!({"MCP_DATA_DIR": text(&own)}));
        assert_eq!(entry["env"], env);
        uninstall(&home, client).await;

        // A file of settings goes along, and what it says of it holds.
        std::fs::write(&named, "MCP_DATA_DIR=~/nâmed\nMAX_QUEUE_SIZE=7\n").unwrap();
        let line = format!("{line} --env-file=set.env");
        home.run(&line).await.ok();
        let entry = &home.servers(client)["orchestrator"];
        assert_eq!(
            entry["args"],
            json!([format!("--env-file={}", text(&named))])
        );
        let data = home.path.join("nâmed");
        let env = client.env_with_session(&json!({"MCP_DATA_DIR": text(&data)}));
        assert_eq!(entry["env"], env);
        assert_eq!(home.data_directory(entry).await, data);
        assert!(home.run(&line).await.ok().contains("has it already"));
        assert!(install(&home, client).await.contains("has it already"));
        uninstall(&home, client).await;

        // An older entry that names only an env file: the file is asked.
        let older =
            json!({"command": BINARY, "args": [format!("--env-file={}", text(&named))], "env": {}});
        home.write(client, client.only("orchestrator", &older));
        install(&home, client).await;
        let entry = &home.servers(client)["orchestrator"];
        let env = client.env_with_session(&json!({"MCP_DATA_DIR": text(&data)}));
        assert_eq!(entry["env"], env);
        assert_eq!(entry["args"], older["args"]);
        std::fs::remove_file(&named).unwrap();
        let refusal = home.run(&line).await.refusal();
        assert!(refusal.contains("cannot be read"), "{refusal}");
    }
}

#[tokio::test]
async fn changes_made_since_outlive_it() {
    for client in &MCP_CLIENTS {
        for had_file in [true, false] {
            let home = UserHome::create();
            if had_file {
                home.write(client, client.realistic);
            }
            install(&home, client).await;
            let more = if client.name == "codex" {
                "\n[since]\nadded = true # by hand\n".to_owned()
            } else {
                String::new()
            };
            let text = home.read(client);
            let text = match text.strip_prefix('{') {
                Some(rest) => format!("{{\"since\": {{\"added\": true}},{rest}"),
                None if client.name == "codex" => text + &more,
                // Zed's begins with comments.
                None => text.replacen("\n{", "\n{\"since\": {\"added\": true},", 1),
            };
            home.write(client, &text);
            let mut expected = client.parse(&text);
            expected[client.servers]
                .as_object_mut()
                .unwrap()
                .remove("orchestrator");
            if !had_file || client.parse(client.realistic).get(client.servers).is_none() {
                // The objects that it had to make for its entry go with it.
                expected.as_object_mut().unwrap().remove(client.servers);
            }
            uninstall(&home, client).await;
            let after = home.read(client);
            assert_eq!(client.parse(&after), expected, "{after}");
            assert_eq!(after.contains("# by hand"), client.name == "codex");
            if had_file && client.name != "windsurf" {
                assert_kept(
                    client.realistic,
                    &after.replace("\"since\": {\"added\": true},", ""),
                );
            }
            assert!(!home.backup(client).exists());
        }
    }
}

/// Each has its own entry, and what the file was before the first is what the last one leads back to.
#[tokio::test]
async fn several_names_come_and_go() {
    for client in &MCP_CLIENTS {
        let mut before = vec![Some(client.realistic.to_owned()), None];
        if client.name != "codex" {
            before.push(Some("{}\n".to_owned()));
            before.push(Some(format!("{{\n  \"{}\": {{}}\n}}\n", client.servers)));
        }
        for before in before {
            let home = UserHome::create();
            if let Some(before) = &before {
                home.write(client, before);
            }
            let name = client.name;
            for server in ["one", "two", "three"] {
                home.run(format!("install --client {name} --name {server}"))
                    .await
                    .ok();
                let servers = home.servers(client);
                assert_eq!(servers[server], client.plain_entry());
            }
            for command in ["install", "uninstall"] {
                let refusal = home
                    .run(format!("{command} --client {name}"))
                    .await
                    .refusal();
                assert!(
                    refusal.contains("`one`") && refusal.contains("`three`"),
                    "{refusal}"
                );
            }
            for server in ["two", "three", "one"] {
                home.run(format!("uninstall --client {name} --name {server}"))
                    .await
                    .ok();
            }
            let after = std::fs::read_to_string(home.file(client)).ok();
            // Only what is taken out last leads back to the byte.
            let parse = |text: &Option<String>| text.as_ref().map(|text| client.parse(text));
            assert_eq!(parse(&after), parse(&before), "{after:?}");
            assert!(!home.backup(client).exists());
        }
    }
}

/// One that is left from another time is not taken for what the file was.
#[tokio::test]
async fn an_old_backup_does_not_come_back() {
    for client in &MCP_CLIENTS {
        let home = UserHome::create();
        home.write(client, client.realistic);
        install(&home, client).await;
        std::fs::remove_file(home.file(client)).unwrap();
        let said = install(&home, client).await;
        assert!(!said.contains("as it was"), "{said}");
        uninstall(&home, client).await;
        assert!(home.files().is_empty());
    }
}

/// An entry that somebody wrote by hand is brought up to date, and never comes back from a backup.
#[tokio::test]
async fn an_entry_of_another_hand_is_known_as_its_own() {
    for client in &MCP_CLIENTS {
        let home = UserHome::create();
        let by_hand = json!({"command": "/old/place/mcp-sftp-orchestrator", "args": ["--data-dir", "/old data"],
            "env": {"LOG_LEVEL": "debug"}, "timeout": 90});
        home.write(client, client.only("ssh", &by_hand));
        let said = install(&home, client).await;
        assert!(
            said.contains("as `ssh`") && said.contains("/old data"),
            "{said}"
        );
        let mut expected = client.with_session(by_hand.clone());
        expected["command"] = BINARY.into();
        assert_eq!(home.servers(client), json!({"ssh": expected}));
        // An argument would go before what is asked for now.
        home.run(format!("install --client {} --data-dir=/new", client.name))
            .await
            .ok();
        let servers = home.servers(client);
        assert_eq!(servers["ssh"]["args"], json!([]));
        assert_eq!(
            servers["ssh"]["env"],
            client.env_with_session(&json!({"LOG_LEVEL": "debug", "MCP_DATA_DIR": "/new"}))
        );
        uninstall(&home, client).await;
        assert!(home.servers(client).get("ssh").is_none());
    }
}

/// Variables that the user has passed on or set stay, in their form as well.
#[tokio::test]
async fn variables_that_are_passed_on_already_stay_as_they_are() {
    let codex = McpClient::named("codex");
    let home = UserHome::create();
    let before = "[mcp_servers.ssh]\ncommand = \"/old/mcp-sftp-orchestrator\"\nargs = [\"--data-dir=/d\"]\n\
        env_vars = [\n  \"OWN\", # mine\n  { name = \"XDG_RUNTIME_DIR\", source = \"local\" },\n]\n";
    home.write(codex, before);
    install(&home, codex).await;
    let after = home.read(codex);
    assert_kept(
        &before.replace("/old/mcp-sftp-orchestrator", BINARY),
        &after,
    );
    let mut expected =
        json!(["OWN", {"name": "XDG_RUNTIME_DIR", "source": "local"}, "SSH_AUTH_SOCK"]);
    if !cfg!(target_os = "macos") {
        let expected = expected.as_array_mut().unwrap();
        expected.push("DBUS_SESSION_BUS_ADDRESS".into());
    }
    assert_eq!(home.servers(codex)["ssh"]["env_vars"], expected);
    assert!(install(&home, codex).await.contains("has it already"));
    uninstall(&home, codex).await;
    assert_eq!(codex.parse(&home.read(codex)), json!({}));

    for name in ["gemini-cli", "cursor"] {
        let client = McpClient::named(name);
        let by_hand =
            json!({"command": BINARY, "args": ["--data-dir=/d"], "env": {"SSH_AUTH_SOCK": "/own"}});
        home.write(client, client.only("ssh", &by_hand));
        install(&home, client).await;
        let mut expected = client.with_session(by_hand.clone());
        expected["env"]["SSH_AUTH_SOCK"] = "/own".into();
        assert_eq!(home.servers(client)["ssh"], expected);
        assert!(install(&home, client).await.contains("has it already"));
        uninstall(&home, client).await;
    }
}

/// A configuration kept elsewhere, with a link where its client looks.
#[tokio::test]
async fn a_link_stays_a_link() {
    let client = McpClient::named("zed");
    let home = UserHome::create();
    let kept = home.path.join("dotfiles of mine/zed.json");
    std::fs::create_dir_all(kept.parent().unwrap()).unwrap();
    std::fs::write(&kept, client.realistic).unwrap();
    let file = home.file(client);
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    std::os::unix::fs::symlink("../../dotfiles of mine/zed.json", &file).unwrap();
    install(&home, client).await;
    assert!(file.is_symlink());
    assert!(std::fs::read_to_string(&kept).unwrap().contains(BINARY));
    uninstall(&home, client).await;
    assert!(file.is_symlink());
    assert_eq!(std::fs::read_to_string(&kept).unwrap(), client.realistic);

    // One that was made here, moved away and linked to.
    std::fs::remove_file(&file).unwrap();
    install(&home, client).await;
    std::fs::rename(&file, &kept).unwrap();
    std::os::unix::fs::symlink(&kept, &file).unwrap();
    uninstall(&home, client).await;
    assert!(file.is_symlink());
    assert_eq!(
        client.parse(&std::fs::read_to_string(&kept).unwrap()),
        json!({})
    );

    // Nobody knows what was meant by one that leads nowhere.
    std::fs::remove_file(&kept).unwrap();
    let refusal = home.run("install --client zed").await.refusal();
    assert!(refusal.contains("cannot read"), "{refusal}");
    assert!(file.is_symlink() && !kept.exists());
}

#[tokio::test]
async fn without_a_client_it_lists_those_that_are_here() {
    let home = UserHome::create();
    let said = home.run("install").await.ok();
    assert!(
        said.contains("No MCP client that is known was found"),
        "{said}"
    );
    for client in &MCP_CLIENTS {
        assert!(said.contains(client.name), "{said}");
    }
    assert!(home.files().is_empty());

    let named = McpClient::named;
    home.write(named("cursor"), named("cursor").realistic);
    home.write(named("claude-desktop"), "{");
    std::fs::create_dir_all(home.path.join(".gemini")).unwrap();
    install(&home, named("codex")).await;
    let original = json!({"command": "npx", "args": ["@fkom13/mcp-sftp-orchestrator"]});
    home.write(named("zed"), named("zed").only("sftp", &original));
    let files = home.files();
    for command in ["install", "uninstall"] {
        let said = home.run(command).await.ok();
        for (client, state) in [
            ("cursor", "not registered"),
            ("claude-desktop", "cannot be read"),
            ("gemini-cli", "not registered"),
            ("codex", "registered as `orchestrator`"),
            ("zed", "the Node original as `sftp`"),
        ] {
            let file = text(&home.file(named(client)));
            let is_it = |line: &str| {
                line.starts_with(client) && line.contains(state) && line.ends_with(&file)
            };
            assert!(said.lines().any(is_it), "{client}: {said}");
        }
        assert!(
            !said.lines().any(|line| line.starts_with("windsurf")),
            "{said}"
        );
    }
    // The options of the call are repeated in the lines to copy.
    let said = home.run_with(["install", "--data-dir=/d e"]).await.ok();
    let hint = if cfg!(windows) {
        " \"--data-dir=/d e\""
    } else {
        " '--data-dir=/d e'"
    };
    let hints = said.matches(hint);
    assert_eq!(hints.count(), 3, "{said}");
    assert_eq!(home.files(), files);
}

#[test]
fn the_guide_names_every_client() {
    let guide = include_str!("../src/guide/install.md");
    let names = guide
        .lines()
        .find(|line| line.starts_with("It knows `claude-desktop`"));
    for client in &MCP_CLIENTS {
        assert!(names.unwrap().contains(&format!("`{}`", client.name)));
    }
}

#[tokio::test]
async fn it_prints_what_each_client_takes() {
    let home = UserHome::create();
    for client in &MCP_CLIENTS {
        let printed = home.run(format!(
            "install --client {} --print --name fleet",
            client.name
        ));
        let expected = json!({client.servers: {"fleet": client.plain_entry()}});
        assert_eq!(client.parse(&printed.await.ok()), expected);
    }
    let printed = home.run("install --print --data-dir=/d").await.ok();
    let entry = &serde_json::from_str::<Value>(&printed).unwrap()["mcpServers"]["orchestrator"];
    assert_eq!(
        entry,
        &json!({"command": BINARY, "args": [], "env": {"MCP_DATA_DIR": "/d"}})
    );
    assert!(home.files().is_empty());
}

/// A place in `PATH` stays right when what it leads to is updated.
#[tokio::test]
async fn the_command_is_the_one_that_outlives_an_update() {
    let home = UserHome::create();
    let programs = home.path.join("prögrams");
    std::fs::create_dir(&programs).unwrap();
    let link = programs.join("mcp-sftp-orchestrator");
    std::os::unix::fs::symlink(BINARY, &link).unwrap();
    let mut command = home.command(["install", "--print"]);
    command.env("PATH", format!("relative:{}:/usr/bin", programs.display()));
    let printed = command.output().await.unwrap().stdout;
    let printed: Value = serde_json::from_slice(&printed).unwrap();
    let command = &printed["mcpServers"]["orchestrator"]["command"];
    assert_eq!(Path::new(command.as_str().unwrap()), link);
}

/// Hostile files in the place of a configuration: each is refused at once, and nothing is changed.
#[tokio::test]
async fn a_file_that_is_no_configuration_is_left_as_it_is() {
    let deep = |open: &str, close: &str| open.repeat(10_000) + &close.repeat(10_000);
    for client in &MCP_CLIENTS {
        let (start, end) = match client.name {
            "codex" => ("a = ", ""),
            _ => ("{\"a\": ", "}"),
        };
        let texts = [
            (b"\x7fELF\x02\x01\x01\0\xff\xfe".to_vec(), "not UTF-8"),
            (b"\xff\xfe{\0}\0".to_vec(), "not UTF-8"),
            (b"\0\0\0\0".to_vec(), "line 1"),
            (
                format!("{start}{}{end}", deep("[", "]")).into_bytes(),
                "left as it is",
            ),
        ];
        for (bytes, reason) in texts {
            let home = UserHome::create();
            home.write(client, &bytes);
            let files = home.files();
            for line in ["install --client", "uninstall --client", "doctor --as"] {
                let refusal = home.run(format!("{line} {}", client.name)).await.refusal();
                assert!(refusal.contains(reason), "{line}: {refusal}");
                assert!(refusal.contains("by hand"), "{line}: {refusal}");
            }
            assert_eq!(home.files(), files, "{}", client.name);
        }
    }
}

fn make_hostile(kind: &str, path: &Path) {
    match kind {
        "pipe" => {
            let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
            rustix::fs::mkfifoat(rustix::fs::CWD, path, mode).unwrap();
        }
        "endless" => std::os::unix::fs::symlink("/dev/zero", path).unwrap(),
        "directory" => std::fs::create_dir(path).unwrap(),
        "loop" => std::os::unix::fs::symlink(path, path).unwrap(),
        // It takes no room on the disk.
        "huge" => std::fs::File::create(path)
            .unwrap()
            .set_len(1 << 40)
            .unwrap(),
        other => panic!("{other} is not known"),
    }
}

#[tokio::test]
async fn a_configuration_that_is_no_file_holds_nobody_up() {
    let client = McpClient::named("cursor");
    for (kind, reason) in [
        ("pipe", "not a regular file"),
        ("endless", "not a regular file"),
        ("directory", "not a regular file"),
        ("loop", "cannot read"),
        ("huge", "more than 67108864 bytes"),
    ] {
        let home = UserHome::create();
        let file = home.file(client);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        make_hostile(kind, &file);
        let before = file.symlink_metadata().unwrap().ino();
        for line in ["install --client", "uninstall --client", "doctor --as"] {
            let refusal = home.run(format!("{line} {}", client.name)).await.refusal();
            assert!(refusal.contains(reason), "{line}: {refusal}");
        }
        assert_eq!(file.symlink_metadata().unwrap().ino(), before);
        let entries = std::fs::read_dir(file.parent().unwrap()).unwrap();
        assert_eq!(entries.count(), 1, "nothing is beside it");
    }
}

/// Somebody who took the right to write from a file does not want it changed.
#[tokio::test]
async fn a_read_only_configuration_stays_as_it_is() {
    for client in &MCP_CLIENTS {
        let home = UserHome::create();
        home.write(client, client.realistic);
        let read_only = std::fs::Permissions::from_mode(0o444);
        std::fs::set_permissions(home.file(client), read_only).unwrap();
        let files = home.files();
        let preview = home.run(format!("install --client {} --dry-run", client.name));
        assert!(preview.await.ok().contains(BINARY));
        let refusal = home.run(format!("install --client {}", client.name)).await;
        let refusal = refusal.refusal();
        assert!(refusal.contains("it is read-only"), "{refusal}");
        assert_eq!(home.files(), files, "{}", client.name);
    }
}

/// A symbolic link with the backup's name leads to a file that is no backup.
#[tokio::test]
async fn a_backup_is_written_through_no_link() {
    let client = McpClient::named("cursor");
    let home = UserHome::create();
    home.write(client, client.realistic);
    let other = home.path.join("other");
    std::fs::write(&other, "other").unwrap();
    std::os::unix::fs::symlink(&other, home.backup(client)).unwrap();
    install(&home, client).await;
    assert_eq!(std::fs::read_to_string(&other).unwrap(), "other");
    assert!(!home.backup(client).is_symlink());
    uninstall(&home, client).await;
    assert_eq!(home.read(client), client.realistic);
}
