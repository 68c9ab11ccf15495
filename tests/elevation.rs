//! Work as another user where sudo takes a terminal, or where there is only doas or su: real programs, with real
//! passwords, in a namespace of their own.

use serde_json::{Value, json};

use crate::helper::{
    Client, Elevator, Folder, ROOT_PASSWORD, SUDO_PASSWORD, Sshd, as_root, attempts, directory,
    elevating_host, eventually, sudoer, text,
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
    for (elevator, password) in AT_TERMINAL {
        let Some(scene) = TerminalWay::new(elevator, Some(password)).await else {
            return;
        };
        let first = password.split(' ').next().unwrap();
        let hidden = format!("[{}]{}", &first[..1], &first[1..]);
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
