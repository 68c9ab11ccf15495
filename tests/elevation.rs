//! Work as another user where sudo takes a terminal, or where there is only doas or su: real programs, with real
//! passwords, in a namespace of their own.

use serde_json::{Value, json};

use crate::helper::{
    Client, Elevator, Folder, ROOT_PASSWORD, SUDO_PASSWORD, Sshd, as_root, attempts, directory,
    elevating_host, eventually, set_password, set_rules, sudoer, text,
};

const REQUIRETTY: Elevator<'_> = Elevator::Sudo("deploy ALL=(ALL:ALL) ALL\nDefaults requiretty");
const DOAS: Elevator<'_> = Elevator::Doas("permit deploy");

/// The ways that take a terminal, each with its password.
const AT_TERMINAL: [(Elevator<'_>, &str); 3] = [
    (REQUIRETTY, SUDO_PASSWORD),
    (DOAS, SUDO_PASSWORD),
    (Elevator::Su, ROOT_PASSWORD),
];

/// A client and a server with such a program.
struct TerminalWay {
    sshd: Sshd,
    data: Folder,
    client: Client,
}

impl TerminalWay {
    async fn new(elevator: Elevator<'_>, password: Option<&str>) -> Option<Self> {
        let sshd = elevating_host(elevator)?;
        let data = directory();
        let client = Client::spawned(data.path(), &["--sync-timeout=20"]).await;
        client.register(sudoer(&sshd, password)).await;
        Some(Self { sshd, data, client })
    }

    async fn run(&self, tool: &'static str, arguments: Value) -> Value {
        let ran = self.client.call(tool, as_root(arguments)).await.ok();
        ran.facts().clone()
    }
}

#[tokio::test]
async fn what_runs_at_a_terminal_is_like_what_runs_without_one() {
    for (elevator, password) in AT_TERMINAL {
        let Some(scene) = TerminalWay::new(elevator, Some(password)).await else {
            return;
        };
        let ran = scene
            .run(
                "task_exec",
                json!({"cmd": "id -un; printf 'a\\tb\\n'; exit 3"}),
            )
            .await;
        assert_eq!(
            (&ran["output"], &ran["exitCode"]),
            (&json!("root\na\tb"), &json!(3)),
            "{elevator:?}"
        );
        // More than a terminal takes in a line, and what it would heed.
        let data = format!("{}\r\n\u{3}\u{4}\u{11}\n", "x".repeat(6000));
        let counted = json!({"cmd": "tail -c 8 | od -An -c | tr -d ' \\n'; id -u", "stdin": data});
        let ran = scene.run("task_exec", counted).await;
        assert_eq!(ran["output"], "xx\\r\\n003004021\\n0", "{elevator:?}");
        let ran = scene
            .run("task_exec", json!({"cmd": "cat; echo over"}))
            .await;
        assert_eq!(ran["output"], "over", "{elevator:?}");
        let script = json!({"cmd": "", "script": "id -u; echo \"$1\"; cat", "args": ["it's"], "stdin": "in"});
        let ran = scene.run("task_exec", script).await;
        assert_eq!(ran["output"], "0\nit's\nin", "{elevator:?}");
        let steps = json!({"commands": ["cd /usr", "pwd; id -u", "exit 4"]});
        let ran = scene
            .client
            .call("task_exec_sequence", as_root(steps))
            .await
            .ok();
        assert_eq!(ran.step_outputs(), ["", "/usr\n0", ""], "{elevator:?}");
        let asks =
            json!({"cmd": "read -p 'Name: ' name; echo \"$name.\"", "responses": {"Name": "bob"}});
        let ran = scene.run("task_exec_interactive", asks).await;
        assert!(
            ran["output"].as_str().unwrap().ends_with("bob."),
            "{elevator:?}: {ran}"
        );
        let asks = json!({"cmd": "id -un; read -p 'Name: ' name; echo \"$name.\"", "autoRespond": false, "background": true});
        let begun = scene.run("task_exec_interactive", asks).await;
        let waits = scene.client.wait(&begun["id"]).await.ok();
        assert!(
            waits.text().contains("waiting at: Name:"),
            "{}",
            waits.text()
        );
        let typed = json!({"id": begun["id"], "text": "bob"});
        scene.client.call("task_input", typed).await.ok();
        let ended = scene.client.wait(&begun["id"]).await.ok();
        ended.has(&json!({"output": "root\nName: bob\nbob.", "exitCode": 0, "detach": true}));
        let file = scene.sshd.directory.path().join("root/app.conf");
        let write = json!({"path": text(&file), "content": "port 80\n"});
        scene.run("file_write", write).await;
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "port 80\n");
        scene.run("get_system_resources", json!({})).await;
        let steps = json!({"commands": ["cd /usr", {"command": "pwd; cat", "stdin": "in"}], "background": true});
        let begun = scene.run("task_exec_sequence", steps).await;
        let ended = scene.client.wait(&begun["id"]).await.ok();
        assert_eq!(ended.step_outputs(), ["", "/usr\nin"], "{elevator:?}");
    }
}

#[tokio::test]
async fn what_it_starts_is_stopped_truly() {
    for (elevator, password) in AT_TERMINAL {
        let Some(scene) = TerminalWay::new(elevator, Some(password)).await else {
            return;
        };
        let alive = scene.sshd.directory.path().join("root/alive");
        let endless = format!(
            "(while :; do date +%N >{}; sleep 0.1; done) & sleep 60; wait",
            text(&alive)
        );
        let is_still = || async {
            let read = || std::fs::read_to_string(&alive).unwrap_or_default();
            let before = read();
            tokio::time::sleep(std::time::Duration::from_millis(300)).await;
            !before.is_empty() && before == read()
        };
        let late = as_root(json!({"cmd": endless, "timeout": 1}));
        let late = scene.client.call("task_exec", late).await;
        let error = late.error("COMMAND_TIMEOUT");
        assert_eq!(
            error["details"]["process"], "stopped",
            "{elevator:?}: {error}"
        );
        assert!(is_still().await, "{elevator:?}");
        for detach in [true, false] {
            std::fs::remove_file(&alive).unwrap();
            let call = json!({"cmd": endless, "background": true, "detach": detach});
            let begun = scene.run("task_exec", call).await;
            eventually("it runs", || alive.exists()).await;
            let ended = scene
                .client
                .call("task_cancel", json!({"id": begun["id"]}))
                .await;
            ended.ok().has(&json!({"status": "cancelled"}));
            assert!(is_still().await, "{elevator:?}: {detach}");
        }
    }
}

#[tokio::test]
async fn a_wrong_password_is_typed_once_and_none_where_none_is_asked_for() {
    for (elevator, password, reason, asked) in [
        (
            REQUIRETTY,
            Some("wrong horse 8"),
            "sudo did not take the password",
            2,
        ),
        (
            DOAS,
            Some("wrong horse 8"),
            "doas did not take the password",
            1,
        ),
        (
            Elevator::Su,
            Some("wrong horse 8"),
            "su did not take the password",
            1,
        ),
        (
            DOAS,
            None,
            "doas asks for a password, and none is stored",
            1,
        ),
        (
            Elevator::Su,
            None,
            "su asks for a password, and none is stored",
            1,
        ),
        (
            Elevator::Doas("permit other"),
            Some(SUDO_PASSWORD),
            "doas said",
            0,
        ),
    ] {
        let Some(scene) = TerminalWay::new(elevator, password).await else {
            return;
        };
        let error = scene
            .client
            .call("task_exec", as_root(json!({"cmd": "id"})))
            .await;
        let error = error.error("AUTH_FAILED");
        let said = error["details"]["reason"].as_str().unwrap();
        assert!(said.contains(reason), "{elevator:?}: {said}");
        assert_eq!(attempts(&scene.sshd), asked, "{elevator:?}");
        let begun = json!({"cmd": "id", "background": true});
        let begun = scene.client.call("task_exec", as_root(begun)).await;
        begun.error("AUTH_FAILED");
        assert_eq!(attempts(&scene.sshd), 2 * asked, "{elevator:?}");
    }
    for elevator in [
        Elevator::Sudo("deploy ALL=(ALL) NOPASSWD: ALL\nDefaults requiretty"),
        Elevator::Doas("permit nopass deploy"),
        Elevator::Doas("permit nopass keepenv deploy as root\npermit nopass deploy as other"),
    ] {
        let Some(scene) = TerminalWay::new(elevator, None).await else {
            return;
        };
        let ran = scene
            .run("task_exec", json!({"cmd": "id -un; echo warning >&2"}))
            .await;
        assert!(
            ran["output"].as_str().unwrap().starts_with("root"),
            "{elevator:?}: {ran}"
        );
        if matches!(elevator, Elevator::Doas(rules) if rules.contains("other")) {
            let other = json!({"cmd": "id -un; echo bad >&2", "sudo": "other"});
            let ran = scene.run("task_exec", other).await;
            assert_eq!(
                (&ran["output"], &ran["stderr"]),
                (&json!("other"), &json!("bad"))
            );
        }
    }
}

#[tokio::test]
async fn no_place_has_the_password() {
    // Those of other tests stand in what they look with.
    let password = "own-7 of this test";
    for (elevator, _) in AT_TERMINAL {
        let Some(scene) = TerminalWay::new(elevator, None).await else {
            return;
        };
        let owner = if matches!(elevator, Elevator::Su) {
            "root"
        } else {
            "deploy"
        };
        set_password(&scene.sshd, owner, password);
        let login = sudoer(&scene.sshd, Some(password));
        scene.client.register(login).await;
        let hidden = "[o]wn-7 of this test";
        let look = format!(
            "ps -eo args | grep -c '{hidden}'; cat /proc/[0-9]*/environ 2>/dev/null | grep -ac '{hidden}'"
        );
        let ran = scene.run("task_exec", json!({"cmd": look})).await;
        assert_eq!(ran["output"], "0\n0", "{elevator:?}");
        let background = json!({"cmd": "id -un", "background": true});
        let begun = scene.run("task_exec", background).await;
        scene.client.wait(&begun["id"]).await.ok();
        let (here, there) = (scene.data.path(), scene.sshd.directory.path());
        let mut grep = std::process::Command::new("grep");
        let found = grep
            .args(["-rlaF", password])
            .args([here, there])
            .output()
            .unwrap();
        let found = String::from_utf8(found.stdout).unwrap();
        assert_eq!(found, "", "{elevator:?}");
    }
}

/// The output of a command as root, or the reason why it was not run.
async fn as_root_or_why(scene: &TerminalWay) -> String {
    let asked = as_root(json!({"cmd": "id -un"}));
    let asked = scene.client.call("task_exec", asked).await;
    if asked.is_error() {
        let error = asked.error("AUTH_FAILED");
        return error["details"]["reason"].as_str().unwrap().to_owned();
    }
    asked.facts()["output"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_way_that_has_led_there_and_does_not_any_more_is_told_of() {
    const RULES: &str = "deploy ALL=(ALL:ALL) ALL\nDefaults timestamp_timeout=0";
    for (elevator, password, owner) in [
        (Elevator::Sudo(RULES), SUDO_PASSWORD, "deploy"),
        (DOAS, SUDO_PASSWORD, "deploy"),
        (Elevator::Su, ROOT_PASSWORD, "root"),
    ] {
        let Some(scene) = TerminalWay::new(elevator, Some(password)).await else {
            return;
        };
        assert_eq!(as_root_or_why(&scene).await, "root", "{elevator:?}");
        // Of a session for files that was opened before.
        let mine = scene.sshd.directory.path().join("root/mine");
        let write = json!({"path": text(&mine), "content": "1"});
        scene.run("file_write", write).await;
        set_password(&scene.sshd, owner, "a new one 1");
        let tried = attempts(&scene.sshd);
        let said = as_root_or_why(&scene).await;
        assert!(
            said.contains("did not take the password"),
            "{elevator:?}: {said}"
        );
        // sudo asks again after a wrong one, which is not answered.
        assert!(attempts(&scene.sshd) <= tried + 2, "{elevator:?}");
        let marker = scene.sshd.directory.path().join("root/marker");
        let begun = json!({"cmd": format!("touch {}", text(&marker)), "background": true});
        let begun = scene.client.call("task_exec", as_root(begun)).await;
        begun.error("AUTH_FAILED");
        assert!(!marker.exists(), "{elevator:?}");
        // Once it is stored, work goes on.
        let login = sudoer(&scene.sshd, Some("a new one 1"));
        scene.client.register(login).await;
        assert_eq!(as_root_or_why(&scene).await, "root", "{elevator:?}");
    }
}

#[tokio::test]
async fn sudo_that_is_taken_away_is_told_of_and_another_way_is_found() {
    const RULES: &str = "deploy ALL=(ALL:ALL) ALL\nDefaults timestamp_timeout=0";
    let Some(scene) = TerminalWay::new(Elevator::Sudo(RULES), Some(SUDO_PASSWORD)).await else {
        return;
    };
    assert_eq!(as_root_or_why(&scene).await, "root");
    set_rules(&scene.sshd, "other ALL=(ALL:ALL) ALL");
    let said = as_root_or_why(&scene).await;
    assert!(said.contains("not in the sudoers"), "{said}");
    set_rules(&scene.sshd, &format!("{RULES}\nDefaults requiretty"));
    let said = as_root_or_why(&scene).await;
    assert!(said.contains("tty"), "{said}");
    // The call after that looks for another way.
    assert_eq!(as_root_or_why(&scene).await, "root");
    set_rules(&scene.sshd, RULES);
    assert_eq!(as_root_or_why(&scene).await, "root");
    scene.sshd.inside("umount -l /usr/bin");
    let said = as_root_or_why(&scene).await;
    assert!(said.contains("not found"), "{said}");
    let login = sudoer(&scene.sshd, Some(ROOT_PASSWORD));
    scene.client.register(login).await;
    assert_eq!(as_root_or_why(&scene).await, "root", "by su");
}

#[tokio::test]
async fn another_user_s_password_leads_to_them_by_su() {
    const PASSWORD: &str = "other horse 5";
    let Some(scene) = TerminalWay::new(Elevator::Su, Some(PASSWORD)).await else {
        return;
    };
    set_password(&scene.sshd, "other", PASSWORD);
    let ran = scene
        .run(
            "task_exec",
            json!({"cmd": "id -un; cat; exit 3", "stdin": "in", "sudo": "other"}),
        )
        .await;
    assert_eq!(
        (&ran["output"], &ran["exitCode"]),
        (&json!("other\nin"), &json!(3))
    );
    let open = json!({"alias": "web1", "name": "theirs", "sudo": "other"});
    scene.client.call("shell_open", open).await.ok();
    let typed = json!({"shell": "theirs", "input": "id -un"});
    let typed = scene.client.call("shell_send", typed).await.ok();
    typed.has(&json!({"output": "other"}));
    // It is not root's.
    let said = as_root_or_why(&scene).await;
    assert!(said.contains("su did not take the password"), "{said}");
    // By hand: the program asks, and the stored password is typed by its name.
    let by_hand = json!({"alias": "web1", "cmd": "su other -c 'id -un'"});
    let task = scene
        .client
        .call("task_exec_interactive", by_hand)
        .await
        .ok();
    assert!(
        task.text().contains("waiting at: Password:"),
        "{}",
        task.text()
    );
    let typed = json!({"id": task.facts()["id"], "secret": "server:web1/sudoPassword"});
    let done = scene.client.call("task_input", typed).await.ok();
    done.has(&json!({"state": "done", "exitCode": 0, "output": "other"}));
    for name in ["audit.jsonl", "queue.json", "history.json"] {
        let kept = std::fs::read_to_string(scene.data.path().join(name)).unwrap_or_default();
        assert!(!kept.contains(PASSWORD), "{name}");
    }
}
