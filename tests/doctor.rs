//! `doctor`: each thing that is wrong is a line with what to do; it takes nobody's tasks over.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Output;

use serde_json::json;

use crate::helper::{
    Agent, BINARY, Client, Device, DeviceFamily, EmbeddedHost, Fixture, McpClient, PASSWORD,
    SshServer, Sshd, UserHome, binary, closed_port, directory, eventually_so, user,
};

/// The lines that doctor prints.
struct Report {
    is_well: bool,
    text: String,
}

impl Report {
    async fn of(data: &Path, settings: &[(&str, &str)]) -> Self {
        let output = binary()
            .arg(format!("--data-dir={}", data.display()))
            .arg("doctor")
            .envs(settings.iter().copied())
            .output()
            .await
            .unwrap();
        Self::read(&output)
    }

    fn read(output: &Output) -> Self {
        let text = String::from_utf8(output.stdout.clone()).unwrap();
        let stderr = String::from_utf8(output.stderr.clone()).unwrap();
        for secret in [PASSWORD, "sealed:"] {
            assert!(
                !text.contains(secret) && !stderr.contains(secret),
                "{text}{stderr}"
            );
        }
        let code = output.status.code();
        assert!(matches!(code, Some(0 | 1)), "{code:?}: {text}{stderr}");
        assert_eq!(code == Some(0), text.contains("All is well."), "{text}");
        Self {
            is_well: code == Some(0),
            text,
        }
    }

    /// The number of things that are wrong.
    fn problems(&self) -> usize {
        let bad = self.text.lines().filter(|line| line.starts_with("BAD "));
        bad.count()
    }

    /// Asserts that something is wrong with `what`, and what the advice says.
    fn assert_bad(&self, what: &str, problem: &str, advice: &str) {
        let mut lines = self.text.lines();
        let is_it =
            |line: &str| line.starts_with(&format!("BAD  {what}")) && line.contains(problem);
        assert!(lines.any(is_it), "{what}, {problem}: {}", self.text);
        let next = lines.next().unwrap_or_default();
        assert!(
            next.contains("→ ") && next.contains(advice),
            "{what}: {}",
            self.text
        );
    }

    fn assert_good(&self, what: &str, said: &str) {
        let mut lines = self.text.lines();
        let is_it = |line: &str| line.starts_with(&format!("ok   {what} ")) && line.contains(said);
        assert!(lines.any(is_it), "{what}, {said}: {}", self.text);
    }
}

/// A server for a key, and one for a password.
struct CheckedServers {
    keyed: Sshd,
    locked: EmbeddedHost,
}

/// Both servers, and an API, are registered.
async fn fixture() -> Fixture<CheckedServers, ()> {
    let fixture = Fixture::of(CheckedServers {
        keyed: Sshd::start(),
        locked: EmbeddedHost::start().await,
    });
    let client = Client::spawned(fixture.data.path(), &[]).await;
    client.register(fixture.server.keyed.login("keyed")).await;
    client.register(fixture.server.locked.login("locked")).await;
    let api = json!({"alias": "shop", "url": "http://192.0.2.7", "auth_method": "api_key", "api_key": PASSWORD});
    client.call("api_add", api).await.ok();
    assert!(client.leave().await.success());
    fixture
}

#[tokio::test]
async fn all_is_well() {
    let fixture = fixture().await;
    let report = Report::of(fixture.data.path(), &[]).await;
    assert!(report.is_well && report.problems() == 0, "{}", report.text);
    report.assert_good("settings", "understood");
    report.assert_good("MCP_DATA_DIR", "from: command line");
    report.assert_good("MCP_KEYRING", "from: environment");
    report.assert_good("settings", "variables have their defaults");
    report.assert_good("data directory", fixture.data.path().to_str().unwrap());
    report.assert_good("secrets", "2 stored");
    report.assert_good("command policy", "understood");
    report.assert_good("audit trail", "6 lines in order");
    report.assert_good("keyed", "host key SHA256:");
    report.assert_good("locked", "logged in");
    // An empty data directory has nothing wrong, and no keyring is said to keep what it does not.
    let new = directory();
    let new = new.path().join("not there");
    let no_keyring = [
        ("MCP_KEYRING", "true"),
        ("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nowhere"),
    ];
    let report = Report::of(&new, &no_keyring).await;
    assert!(report.is_well, "{}", report.text);
    report.assert_good("secrets", new.join("secret.key").to_str().unwrap());
    report.assert_good("secrets", "there is no keyring here");
    report.assert_good("SSH agent", "SSH_AUTH_SOCK is not set");

    // One that accepts and says nothing holds nobody up.
    let place = directory();
    let socket = place.path().join("hung");
    let _hung = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    let report = Report::of(&new, &[("SSH_AUTH_SOCK", socket.to_str().unwrap())]).await;
    report.assert_good("SSH agent", "does not answer");
}

#[tokio::test]
async fn whatever_is_wrong_is_said_with_what_to_do() {
    let fixture = fixture().await;
    // A key that another server had there before.
    let other = fixture.server.keyed.authorize("other", &["-t", "ed25519"]);
    let key = std::fs::read_to_string(other.with_extension("pub")).unwrap();
    let known = format!("[127.0.0.1]:{} {key}", fixture.server.keyed.port);
    std::fs::write(fixture.stored("known_hosts"), known).unwrap();
    let closed = closed_port();
    fixture.edit("servers.json", |servers| {
        servers["gone"] = json!({"host": "127.0.0.1", "port": closed, "user": "u", "password": "env:PATH"});
        servers["clear"] = fixture.server.locked.login("clear");
        servers["wrong"] = fixture.server.locked.login("wrong");
        servers["wrong"]["password"] = "not that one".into();
        servers["unset"] = json!({"host": "127.0.0.1", "port": closed, "user": "u", "password": "env:NOT_SET_HERE"});
        servers["odd"] = json!({"host": 5});
    });
    fixture.edit("apis.json", |apis| {
        apis["unset"] = json!({"url": "http://192.0.2.7", "api_key": "file:/nowhere"});
    });
    std::fs::write(fixture.stored("policies.json"), r#"{"blocklist": ["-r"]}"#).unwrap();
    let trail = fixture.stored("audit.jsonl");
    let told = std::fs::read_to_string(&trail).unwrap();
    std::fs::write(&trail, told.replacen("keyed", "caged", 1)).unwrap();
    let rights = std::fs::Permissions::from_mode(0o750);
    std::fs::set_permissions(fixture.data.path(), rights).unwrap();

    let report = Report::of(fixture.data.path(), &[("MAX_QUEUE_SIZE", "lots")]).await;
    report.assert_bad("settings", "MAX_QUEUE_SIZE", "correct the variable");
    report.assert_bad("data directory", "can be read by others", "chmod 700");
    report.assert_bad(
        "secret of server clear",
        "in clear in servers.json",
        "start the server once",
    );
    report.assert_bad(
        "secret of server unset",
        "env:NOT_SET_HERE",
        "see that it is where",
    );
    report.assert_bad(
        "secret of API unset",
        "file:/nowhere",
        "see that it is where",
    );
    report.assert_bad("servers.json", "`odd`", "correct what is wrong");
    report.assert_bad("command policy", "the rule `-r`", "correct what is wrong");
    report.assert_bad("audit trail", "audit.jsonl:2", "find out who");
    report.assert_bad("gone", "ECONNREFUSED", "check host, port");
    report.assert_bad("keyed", "host key", "server_trust");
    report.assert_bad(
        "wrong",
        "did not authenticate",
        "check user, key and password",
    );
    report.assert_good("locked", "logged in");
    // The passwords of `clear` and of `wrong` stand in clear.
    assert_eq!(report.problems(), 13, "{}", report.text);
    assert!(report.text.ends_with("\n13 problems.\n"), "{}", report.text);
    assert!(!report.text.contains("not that one"));
}

#[tokio::test]
async fn a_lost_key_is_said_of_every_secret() {
    let fixture = fixture().await;
    std::fs::remove_file(fixture.stored("secret.key")).unwrap();
    let report = Report::of(fixture.data.path(), &[]).await;
    for what in ["secret of server locked", "secret of API shop", "locked"] {
        report.assert_bad(
            what,
            "secret.key",
            "set it again with server_add or api_add",
        );
    }
    report.assert_good("keyed", "logged in");
    assert_eq!(report.problems(), 3, "{}", report.text);
    // Looking has made no new one.
    assert!(!fixture.stored("secret.key").exists());
}

#[tokio::test]
async fn a_file_that_was_set_aside_is_not_forgotten() {
    let fixture = fixture().await;
    std::fs::write(fixture.stored("servers.json"), "{\"keyed\"").unwrap();
    for _ in 0..2 {
        let report = Report::of(fixture.data.path(), &[]).await;
        report.assert_bad("servers.json.broken-", "set aside", "mend it");
        assert_eq!(report.problems(), 1, "{}", report.text);
    }
}

#[tokio::test]
async fn it_leaves_everybody_s_tasks_alone() {
    let fixture = fixture().await;
    let mut one = fixture.serve(&[]).await;
    let mut other = fixture.serve(&[]).await;
    let go = fixture.server.keyed.home("go");
    let wait = format!("until [ -e {go} ]; do sleep 0.05; done; echo done");
    let mut ids = Vec::new();
    for (is_one, detach) in [(true, false), (false, false), (false, true)] {
        let server = if is_one { &mut one } else { &mut other };
        let run = json!({"alias": "keyed", "cmd": wait, "background": true, "detach": detach});
        let begun = server.tool("task_exec", run).await.ok();
        ids.push(json!({"id": begun.facts()["id"]}));
    }
    eventually_so("they run", async || {
        let mut running = 0;
        for id in &ids {
            let task = one.tool("task_status", id.clone()).await.ok();
            running += usize::from(task.facts()["status"] == "running");
        }
        running == ids.len()
    })
    .await;
    // The other one's tasks are orphans: whoever serves next takes them over.
    other.child.kill().await.unwrap();
    one.child.kill().await.unwrap();
    let queue = || std::fs::read(fixture.stored("queue.json")).unwrap();
    let before = queue();
    let report = Report::of(fixture.data.path(), &[]).await;
    assert!(report.is_well, "{}", report.text);
    assert_eq!(queue(), before);

    let mut next = fixture.serve(&[]).await;
    for (id, status) in ids.iter().zip(["crashed", "crashed", "running"]) {
        let task = next.tool("task_status", id.clone()).await.ok();
        assert_eq!(task.facts()["status"], status, "{}", task.text());
    }
    let begun = json!({"alias": "keyed", "cmd": wait, "background": true});
    let begun = next.tool("task_exec", begun).await.ok();
    let report = Report::of(fixture.data.path(), &[]).await;
    assert!(report.is_well, "{}", report.text);
    std::fs::write(&go, "").unwrap();
    for id in [&ids[2], &json!({"id": begun.facts()["id"]})] {
        let ended = next.tool("task_wait", id.clone()).await.ok();
        assert_eq!(ended.facts()["output"], "done", "{}", ended.text());
    }
}

/// A client passes on what it likes, and what works in a terminal may not work there.
#[tokio::test]
async fn it_looks_as_a_client_starts_it() {
    let (home, sshd, place) = (UserHome::create(), Sshd::start(), directory());
    let agent = Agent::start(place.path());
    agent.add(&sshd.directory.path().join("user"));
    let command = |line: &str| {
        let mut command = home.command(line.split_whitespace());
        command.env("SSH_AUTH_SOCK", &agent.socket);
        command
    };
    let client = Client::over(command("")).await;
    let server = json!({"alias": "web1", "host": "127.0.0.1", "port": sshd.port, "user": user(), "agent": true});
    client.register(server).await;
    client.exec("web1", "true").await.ok();
    assert!(client.leave().await.success());
    let look = async |name: &str| {
        let output = command(&format!("doctor --as={name}")).output().await;
        Report::read(&output.unwrap())
    };
    let says = |report: &Report, line: &str, variable: &str| {
        let mut lines = report
            .text
            .lines()
            .filter(|said| said.trim().starts_with(line));
        lines.any(|said| said.contains(variable))
    };

    let report = look("codex").await;
    assert!(report.is_well, "{}", report.text);
    assert!(says(
        &report,
        "As Codex would start it",
        "does not have it yet"
    ));
    report.assert_good("web1", "logged in");

    // As somebody who knows nothing of it registers it by hand.
    let env = json!({"XDG_RUNTIME_DIR": "/nowhere", "MCP_KEYRING": "false"});
    for name in ["codex", "claude-desktop", "cursor", "gemini-cli"] {
        let client = McpClient::named(name);
        let entry = json!({"command": BINARY, "args": [], "env": env});
        home.write(client, client.only("ssh", &entry));
        let report = look(name).await;
        assert!(
            says(&report, "As ", "starts it by `ssh` in"),
            "{}",
            report.text
        );
        assert!(
            says(&report, "variables passed on", "HOME"),
            "{}",
            report.text
        );
        assert!(
            says(&report, "set by its entry", "MCP_KEYRING"),
            "{}",
            report.text
        );
        assert!(
            says(&report, "not passed on", "SSH_AUTH_SOCK"),
            "{}",
            report.text
        );
        report.assert_bad(
            "web1",
            "the client that started this program did not pass it on",
            "",
        );
        assert_eq!(report.problems(), 1, "{}", report.text);
    }
    for name in [
        "codex",
        "cursor",
        "gemini-cli",
        "claude-code",
        "vscode",
        "zed",
        "windsurf",
    ] {
        command(&format!("install --client {name}"))
            .output()
            .await
            .unwrap();
        let report = look(name).await;
        assert!(report.is_well, "{}", report.text);
        assert!(says(&report, "not passed on", "none"), "{}", report.text);
        report.assert_good("SSH agent", agent.socket.to_str().unwrap());
        report.assert_good("SSH agent", "keys: 1");
        report.assert_good("web1", "logged in");
    }

    let output = command("doctor --as=nobody").output().await.unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(
        !output.status.success() && said.contains("it knows claude-desktop"),
        "{said}"
    );
    for line in ["install --as=codex", "doctor --as=codex --print"] {
        let output = command(line).output().await.unwrap();
        assert_eq!(output.status.code(), Some(2), "{line}");
    }
}

#[tokio::test]
async fn what_settings_name_and_is_not_there_is_told() {
    let folder = directory();
    let data = folder.path().join("data");
    let missing = folder.path().join("missing");
    let missing = missing.to_str().unwrap();
    let absent = [
        ("MCP_NOTIFY_COMMAND", missing),
        ("MCP_ALLOWED_ROOTS", missing),
    ];
    let report = Report::of(&data, &absent).await;
    for variable in ["MCP_NOTIFY_COMMAND", "MCP_ALLOWED_ROOTS"] {
        let problem = format!("{variable}: there is no");
        report.assert_bad("settings", &problem, "correct the variable");
    }
    assert_eq!(report.problems(), 2, "{}", report.text);
    let present = folder.path().to_str().unwrap();
    let there = [
        ("MCP_NOTIFY_COMMAND", "sh -c true"),
        ("MCP_ALLOWED_ROOTS", present),
    ];
    let report = Report::of(&data, &there).await;
    assert_eq!(report.problems(), 0, "{}", report.text);
    // Its rights are nobody's to change.
    let report = Report::of(Path::new("/dev/null"), &[]).await;
    report.assert_bad("data directory", "is no directory", "set MCP_DATA_DIR");
    assert!(!report.text.contains("chmod"), "{}", report.text);
}

#[tokio::test]
async fn a_device_is_visited_at_its_prompt() {
    let fixture = Fixture::of(Device::start(DeviceFamily::Cisco).await);
    let client = Client::spawned(fixture.data.path(), &[]).await;
    client.register(fixture.server.login("router")).await;
    let mut wrong = fixture.server.login("locked");
    wrong["password"] = "Zq8-wrong".into();
    client.register(wrong).await;
    assert!(client.leave().await.success());
    let report = Report::of(fixture.data.path(), &[]).await;
    report.assert_good("router", "a device at its prompt Router>");
    report.assert_bad("locked", "", "");
    assert_eq!(report.problems(), 1, "{}", report.text);
    assert_eq!(fixture.server.refused(), 0);
    let typed = fixture.server.take_typed();
    let typed: Vec<_> = typed.iter().filter(|line| !line.is_empty()).collect();
    assert_eq!(typed, ["terminal length 0"], "nothing else is typed");
}
