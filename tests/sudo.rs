//! Work as another user through sudo: a real one, with real passwords, in a namespace of its own.

use std::path::PathBuf;

use serde_json::{Value, json};

use crate::helper::{
    Client, Folder, ROOT_PASSWORD, SUDO_PASSWORD, Sshd, as_root, directory, eventually, sudo_host,
    sudoer, text,
};

const ALL: &str = "deploy ALL=(ALL:ALL) ALL";

/// A client and a server with sudo.
struct SudoScene {
    sshd: Sshd,
    data: Folder,
    client: Client,
}

impl SudoScene {
    /// A scene with these rules and this password; `None` where sudo cannot be had.
    async fn new(rules: &str, password: Option<&str>) -> Option<Self> {
        let sshd = sudo_host(rules)?;
        let data = directory();
        let client = Client::spawned(data.path(), &["--sync-timeout=20"]).await;
        client.register(sudoer(&sshd, password)).await;
        Some(Self { sshd, data, client })
    }

    /// A file in the home of root, whom alone it belongs to.
    fn file(&self, name: &str) -> PathBuf {
        self.sshd.directory.path().join("root").join(name)
    }

    async fn output(&self, tool: &'static str, arguments: Value) -> String {
        let ran = self.client.call(tool, as_root(arguments)).await.ok();
        ran.facts()["output"]
            .as_str()
            .unwrap_or_else(|| panic!("{}", ran.text()))
            .to_owned()
    }
}

#[tokio::test]
async fn commands_run_as_root_and_tell_status_and_streams_apart() {
    let Some(scene) = SudoScene::new(ALL, Some(SUDO_PASSWORD)).await else {
        return;
    };
    let call = json!({"cmd": "id -un; echo warning >&2; exit 3"});
    for _ in 0..3 {
        let ran = scene
            .client
            .call("task_exec", as_root(call.clone()))
            .await
            .ok();
        ran.has(&json!({"output": "root", "stderr": "warning", "exitCode": 3, "sudo": "root"}));
    }
    let other = json!({"cmd": "id -un; cat", "sudo": "other", "stdin": "data"});
    assert_eq!(scene.output("task_exec", other).await, "other\ndata");
    let script =
        json!({"cmd": "", "script": "id -u; echo \"$1\"", "args": ["it's"], "cwd": "/usr"});
    assert_eq!(scene.output("task_exec", script).await, "0\nit's");
    let steps = json!({"commands": ["cd /usr", "pwd; id -u", {"command": "cat", "stdin": "in"}]});
    let ran = scene
        .client
        .call("task_exec_sequence", as_root(steps))
        .await
        .ok();
    assert_eq!(ran.step_outputs(), ["", "/usr\n0", "in"]);
    let asks = json!({"cmd": "id -un; read -p 'Name: ' name; echo \"$name.\"", "responses": {"Name": "bob"}});
    let printed = scene.output("task_exec_interactive", asks).await;
    assert!(
        printed.starts_with("root\n") && printed.ends_with("bob."),
        "{printed}"
    );
    let resources = as_root(json!({}));
    scene
        .client
        .call("get_system_resources", resources)
        .await
        .ok();
    // Without it, nothing is different.
    let plain = json!({"alias": "web1", "cmd": "id -un"});
    scene
        .client
        .call("task_exec", plain)
        .await
        .ok()
        .has(&json!({"output": "deploy"}));
}

#[tokio::test]
async fn files_are_read_written_moved_and_put_back_as_root() {
    let Some(scene) = SudoScene::new(ALL, Some(SUDO_PASSWORD)).await else {
        return;
    };
    let file = scene.file("app.conf");
    let path = text(&file);
    std::fs::write(&file, "port 80\n").unwrap();
    let read = scene
        .client
        .call("file_read", json!({"alias": "web1", "path": path}))
        .await;
    read.error("PERMISSION_DENIED");
    let read = scene
        .client
        .call("file_read", as_root(json!({"path": path})))
        .await
        .ok();
    assert!(read.text().contains("port 80"), "{}", read.text());
    let found = json!({"path": text(&scene.file("")), "pattern": "port"});
    let found = scene.client.call("file_search", as_root(found)).await.ok();
    assert!(found.text().contains("app.conf"), "{}", found.text());
    let listed = scene
        .client
        .call("file_list", as_root(json!({"path": text(&scene.file(""))})))
        .await
        .ok();
    assert!(listed.text().contains("app.conf"), "{}", listed.text());

    let edit = json!({"path": path, "edits": [{"old": "80", "new": "443"}]});
    let edited = scene.client.call("file_edit", as_root(edit)).await.ok();
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "port 443\n");
    // The undo knows that it takes sudo.
    let undo = json!({"id": edited.facts()["id"]});
    scene.client.call("undo", undo).await.ok();
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "port 80\n");

    let folder = directory();
    let (here, back) = (folder.path().join("here"), folder.path().join("back"));
    std::fs::write(&here, "uploaded\n").unwrap();
    let up =
        json!({"direction": "upload", "local": text(&here), "remote": text(&scene.file("new/up"))});
    scene.client.call("task_transfer", as_root(up)).await.ok();
    assert_eq!(
        std::fs::read_to_string(scene.file("new/up")).unwrap(),
        "uploaded\n"
    );
    let down = json!({"direction": "download", "local": text(&back), "remote": path});
    scene
        .client
        .call("task_transfer", as_root(down.clone()))
        .await
        .ok();
    assert_eq!(std::fs::read_to_string(back).unwrap(), "port 80\n");
    // A session of root's is not kept for others.
    let mut plain = down;
    plain["alias"] = "web1".into();
    assert!(scene.client.call("task_transfer", plain).await.is_error());
}

#[tokio::test]
async fn a_password_is_typed_once_and_a_wrong_one_is_said() {
    for (rules, password, reason, attempts) in [
        (
            ALL,
            Some("wrong horse 8"),
            "sudo did not take the password",
            1,
        ),
        (
            "deploy ALL=(ALL:ALL) ALL\nDefaults rootpw",
            Some(SUDO_PASSWORD),
            "sudo did not take the password",
            1,
        ),
        (ALL, None, "a password is required", 0),
        (
            "other ALL=(ALL) ALL",
            Some(SUDO_PASSWORD),
            "not in the sudoers",
            0,
        ),
        (
            "deploy ALL=(root) /bin/true",
            Some(SUDO_PASSWORD),
            "not allowed",
            0,
        ),
    ] {
        let log = directory();
        let log = log.path().join("sudo");
        let rules = format!("{rules}\nDefaults logfile={}", text(&log));
        let Some(scene) = SudoScene::new(&rules, password).await else {
            return;
        };
        let error = scene
            .client
            .call("task_exec", as_root(json!({"cmd": "id"})))
            .await
            .error("AUTH_FAILED");
        let said = error["details"]["reason"].as_str().unwrap();
        assert!(said.contains(reason), "{rules}: {said}");
        let logged = || std::fs::read_to_string(&log).unwrap_or_default();
        // sudo writes it once its input has ended.
        eventually("sudo has logged it", || {
            attempts == 0 || logged().contains("incorrect")
        })
        .await;
        assert_eq!(
            logged().matches("1 incorrect password attempt").count(),
            attempts,
            "{}",
            logged()
        );
        let error = scene
            .client
            .call("file_read", as_root(json!({"path": "/etc/hosts"})))
            .await
            .error("AUTH_FAILED");
        assert_eq!(error["details"]["user"], "root");
    }
}

#[tokio::test]
async fn the_password_that_sudo_asks_for_is_given() {
    let rules = format!("{ALL}\nDefaults rootpw");
    let Some(scene) = SudoScene::new(&rules, Some(ROOT_PASSWORD)).await else {
        return;
    };
    assert_eq!(
        scene.output("task_exec", json!({"cmd": "id -un"})).await,
        "root"
    );
    // The login's own is not typed where another user's is asked for.
    let mut login = sudoer(&scene.sshd, None);
    login["password"] = SUDO_PASSWORD.into();
    scene.client.register(login).await;
    let error = scene
        .client
        .call("task_exec", as_root(json!({"cmd": "id"})))
        .await
        .error("AUTH_FAILED");
    assert!(
        error["details"]["reason"]
            .as_str()
            .unwrap()
            .contains("password of `root`"),
        "{error}"
    );
    let Some(scene) = SudoScene::new("deploy ALL=(ALL) NOPASSWD: ALL", None).await else {
        return;
    };
    assert_eq!(
        scene.output("task_exec", json!({"cmd": "id -un"})).await,
        "root"
    );
}

#[tokio::test]
async fn what_root_runs_is_stopped_truly() {
    for rules in [ALL.to_owned(), format!("{ALL}\nDefaults use_pty")] {
        let Some(scene) = SudoScene::new(&rules, Some(SUDO_PASSWORD)).await else {
            return;
        };
        let alive = text(&scene.file("alive"));
        let endless = format!("(while :; do date +%N >{alive}; sleep 0.1; done) & sleep 60; wait");
        let is_still = || async {
            let read = || std::fs::read_to_string(scene.file("alive")).unwrap_or_default();
            let before = read();
            tokio::time::sleep(std::time::Duration::from_millis(400)).await;
            !before.is_empty() && before == read()
        };
        let call = as_root(json!({"cmd": endless, "timeout": 1}));
        let error = scene
            .client
            .call("task_exec", call)
            .await
            .error("COMMAND_TIMEOUT");
        assert_eq!(error["details"]["process"], "stopped", "{rules}: {error}");
        assert!(is_still().await, "{rules}");
        for (tool, arguments) in [
            ("task_exec", json!({"cmd": endless, "background": true})),
            ("task_exec", json!({"cmd": endless, "detach": true})),
            (
                "task_exec_interactive",
                json!({"cmd": endless, "detach": true}),
            ),
            (
                "task_exec_sequence",
                json!({"commands": [endless, "true"], "background": true}),
            ),
        ] {
            std::fs::remove_file(scene.file("alive")).unwrap();
            let begun = scene
                .client
                .call(tool, as_root(arguments.clone()))
                .await
                .ok();
            eventually("it runs", || scene.file("alive").exists()).await;
            let id = &begun.facts()["id"];
            let ended = scene
                .client
                .call("task_cancel", json!({"id": id}))
                .await
                .ok();
            ended.has(&json!({"status": "cancelled"}));
            assert!(is_still().await, "{rules}: {arguments}");
        }
    }
}

#[tokio::test]
async fn a_detached_command_of_root_is_followed_and_cleared_away() {
    let Some(scene) = SudoScene::new(ALL, Some(SUDO_PASSWORD)).await else {
        return;
    };
    let call = json!({"cmd": "sleep 1; id -un; cat", "detach": true, "stdin": "data"});
    let begun = scene.client.call("task_exec", as_root(call)).await.ok();
    let ended = scene.client.wait(&begun.facts()["id"]).await.ok();
    ended.has(&json!({"status": "completed", "output": "root\ndata"}));
    let base = scene.file(".mcp-sftp-orchestrator");
    eventually("it is cleared away", || {
        std::fs::read_dir(&base).unwrap().count() == 0
    })
    .await;
}

#[tokio::test]
async fn rules_on_sudo_hold_and_no_place_has_the_password() {
    let Some(scene) = SudoScene::new(ALL, Some(SUDO_PASSWORD)).await else {
        return;
    };
    // The whole command lines of the server while it runs, and sudo's environment.
    let look = "ps -eo args | grep -c '[c]orrect horse'; grep -l '[c]orrect horse' /proc/[0-9]*/environ 2>/dev/null | wc -l";
    assert_eq!(
        scene.output("task_exec", json!({"cmd": look})).await,
        "0\n0"
    );
    let shown = json!({"cmd": format!("echo '{SUDO_PASSWORD}' | rev | rev")});
    let shown = scene.client.call("task_exec", as_root(shown)).await;
    assert!(!shown.text().contains(SUDO_PASSWORD), "{}", shown.text());
    for entry in std::fs::read_dir(scene.data.path()).unwrap().flatten() {
        let content = std::fs::read(entry.path()).unwrap_or_default();
        let content = String::from_utf8_lossy(&content);
        assert!(
            !content.contains(SUDO_PASSWORD),
            "{}",
            entry.path().display()
        );
    }
    let audit = std::fs::read_to_string(scene.data.path().join("audit.jsonl")).unwrap();
    assert!(audit.contains("\"sudo\":\"root\""), "{audit}");

    let rule = json!({"pattern": "sudo *"});
    scene.client.call("policy_blocklist_add", rule).await.ok();
    for (tool, arguments) in [
        ("task_exec", json!({"cmd": "id"})),
        ("task_exec_sequence", json!({"commands": ["id"]})),
        ("file_read", json!({"path": "/etc/hosts"})),
        ("get_system_resources", json!({})),
    ] {
        scene
            .client
            .call(tool, as_root(arguments))
            .await
            .error("POLICY_BLOCKED");
    }
    let error = scene
        .client
        .call("task_exec", as_root(json!({"cmd": "id", "sudo": "-s"})))
        .await;
    error.error("INVALID_ARGUMENT");
}

#[tokio::test]
async fn a_shell_is_another_user_s() {
    let Some(scene) = SudoScene::new(ALL, Some(SUDO_PASSWORD)).await else {
        return;
    };
    let client = &scene.client;
    for (name, program, user) in [
        ("root", None, "root"),
        ("other", None, "other"),
        ("program", Some("bash --norc"), "root"),
    ] {
        let open = json!({"alias": "web1", "name": name, "sudo": user, "program": program});
        client.call("shell_open", open).await.ok();
        let typed = json!({"shell": name, "input": "id -un"});
        let typed = client.call("shell_send", typed).await.ok();
        typed.has(&json!({"output": user}));
    }
    let audit = std::fs::read_to_string(scene.data.path().join("audit.jsonl")).unwrap();
    assert!(!audit.contains(SUDO_PASSWORD));
    client
        .register(sudoer(&scene.sshd, Some("wrong password 3")))
        .await;
    let wrong = json!({"alias": "web1", "sudo": true});
    let wrong = client.call("shell_open", wrong).await.error("AUTH_FAILED");
    assert!(
        wrong.to_string().contains("did not take the password"),
        "{wrong}"
    );
}
