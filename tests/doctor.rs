//! `doctor`: each thing that is wrong is a line with what to do; it takes nobody's tasks over.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use serde_json::{Value, json};

use crate::helper::{
    Client, EmbeddedServer, Folder, PASSWORD, RawProcess, Sshd, binary, closed_port, directory,
    eventually_so, login, read_json,
};

/// What doctor says, line by line.
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
        let text = String::from_utf8(output.stdout).unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
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

    /// How many things are wrong.
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

struct Scene {
    sshd: Sshd,
    embedded: EmbeddedServer,
    data: Folder,
    _home: Folder,
}

impl Scene {
    /// A key's server, a password's, and an API.
    async fn set() -> Self {
        let (data, home) = (directory(), directory());
        let embedded = EmbeddedServer::start(home.path(), None).await.unwrap();
        let sshd = Sshd::start();
        let client = Client::spawned(data.path(), &[]).await;
        client.register(sshd.login("keyed")).await;
        client.add("locked", &embedded).await;
        let api = json!({"alias": "shop", "url": "http://192.0.2.7", "auth_method": "api_key", "api_key": PASSWORD});
        client.call("api_add", api).await.ok();
        assert!(client.leave().await.success());
        Self {
            sshd,
            embedded,
            data,
            _home: home,
        }
    }

    /// Changes a data file as a person would.
    fn edit(&self, name: &str, change: impl FnOnce(&mut Value)) {
        let path = self.data.path().join(name);
        let mut content = read_json(&path);
        change(&mut content);
        std::fs::write(path, content.to_string()).unwrap();
    }
}

#[tokio::test]
async fn all_is_well() {
    let scene = Scene::set().await;
    let report = Report::of(scene.data.path(), &[]).await;
    assert!(report.is_well && report.problems() == 0, "{}", report.text);
    report.assert_good("settings", "understood");
    report.assert_good("MCP_DATA_DIR", "from: command line");
    report.assert_good("MCP_KEYRING", "from: environment");
    report.assert_good("settings", "variables have their defaults");
    report.assert_good("data directory", scene.data.path().to_str().unwrap());
    report.assert_good("secrets", "2 stored");
    report.assert_good("command policy", "understood");
    report.assert_good("audit trail", "6 lines in order");
    report.assert_good("keyed", "host key SHA256:");
    report.assert_good("locked", "logged in");
    // Where there is nothing yet, nothing is wrong, and no keyring is said to keep what it does not.
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
}

#[tokio::test]
async fn whatever_is_wrong_is_said_with_what_to_do() {
    let scene = Scene::set().await;
    // A key that another server had there before.
    let other = scene.sshd.authorize("other", &["-t", "ed25519"]);
    let key = std::fs::read_to_string(other.with_extension("pub")).unwrap();
    let known = format!("[127.0.0.1]:{} {key}", scene.sshd.port);
    std::fs::write(scene.data.path().join("known_hosts"), known).unwrap();
    let closed = closed_port();
    scene.edit("servers.json", |servers| {
        servers["gone"] = json!({"host": "127.0.0.1", "port": closed, "user": "u", "password": "env:PATH"});
        servers["clear"] = login("clear", scene.embedded.address().port());
        servers["wrong"] = login("wrong", scene.embedded.address().port());
        servers["wrong"]["password"] = "not that one".into();
        servers["unset"] = json!({"host": "127.0.0.1", "port": closed, "user": "u", "password": "env:NOT_SET_HERE"});
        servers["odd"] = json!({"host": 5});
    });
    scene.edit("apis.json", |apis| {
        apis["unset"] = json!({"url": "http://192.0.2.7", "api_key": "file:/nowhere"});
    });
    std::fs::write(
        scene.data.path().join("policies.json"),
        r#"{"blocklist": ["-r"]}"#,
    )
    .unwrap();
    let trail = scene.data.path().join("audit.jsonl");
    let told = std::fs::read_to_string(&trail).unwrap();
    std::fs::write(&trail, told.replacen("keyed", "caged", 1)).unwrap();
    let rights = std::fs::Permissions::from_mode(0o750);
    std::fs::set_permissions(scene.data.path(), rights).unwrap();

    let report = Report::of(scene.data.path(), &[("MAX_QUEUE_SIZE", "lots")]).await;
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
    let scene = Scene::set().await;
    std::fs::remove_file(scene.data.path().join("secret.key")).unwrap();
    let report = Report::of(scene.data.path(), &[]).await;
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
    assert!(!scene.data.path().join("secret.key").exists());
}

#[tokio::test]
async fn a_file_that_was_set_aside_is_not_forgotten() {
    let scene = Scene::set().await;
    std::fs::write(scene.data.path().join("servers.json"), "{\"keyed\"").unwrap();
    for _ in 0..2 {
        let report = Report::of(scene.data.path(), &[]).await;
        report.assert_bad("servers.json.broken-", "set aside", "mend it");
        assert_eq!(report.problems(), 1, "{}", report.text);
    }
}

#[tokio::test]
async fn it_leaves_everybody_s_tasks_alone() {
    let scene = Scene::set().await;
    let log = scene.data.path().join("stderr");
    let mut one = RawProcess::serving(scene.data.path(), &[], &log).await;
    let mut other = RawProcess::serving(scene.data.path(), &[], &log).await;
    let go = scene.sshd.home("go");
    let wait = format!("until [ -e {go} ]; do sleep 0.05; done; echo done");
    let mut ids = Vec::new();
    for (is_one, more) in [
        (true, "background"),
        (false, "background"),
        (false, "detach"),
    ] {
        let server = if is_one { &mut one } else { &mut other };
        let mut run = json!({"alias": "keyed", "cmd": wait});
        run[more] = true.into();
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
    let queue = || std::fs::read(scene.data.path().join("queue.json")).unwrap();
    let before = queue();
    let report = Report::of(scene.data.path(), &[]).await;
    assert!(report.is_well, "{}", report.text);
    assert_eq!(queue(), before);

    let mut next = RawProcess::serving(scene.data.path(), &[], &log).await;
    for (id, status) in ids.iter().zip(["crashed", "crashed", "running"]) {
        let task = next.tool("task_status", id.clone()).await.ok();
        assert_eq!(task.facts()["status"], status, "{}", task.text());
    }
    let begun = json!({"alias": "keyed", "cmd": wait, "background": true});
    let begun = next.tool("task_exec", begun).await.ok();
    let report = Report::of(scene.data.path(), &[]).await;
    assert!(report.is_well, "{}", report.text);
    std::fs::write(&go, "").unwrap();
    for id in [&ids[2], &json!({"id": begun.facts()["id"]})] {
        let ended = next.tool("task_wait", id.clone()).await.ok();
        assert_eq!(ended.facts()["output"], "done", "{}", ended.text());
    }
}
