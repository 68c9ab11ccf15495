//! Network devices and recorders: commands at their prompts, sequences, questions, and what they do not have.

use std::time::Duration;

use serde_json::{Value, json};

use crate::helper::{
    Answer, Client, Device, DeviceFamily, ENABLE, Fixture, SshServer, USER, eventually,
    eventually_so, if_slow,
};

/// The lines of a table that a device prints on several pages.
fn table(lines: usize) -> String {
    let lines: Vec<_> = (1..=lines)
        .map(|number| format!("line {number} of the table"))
        .collect();
    lines.join("\n")
}

async fn device(family: DeviceFamily) -> Fixture<Device> {
    Fixture::with(Device::start(family).await).await
}

/// The whole output of a task.
async fn output(client: &Client, task: &Answer) -> String {
    let id = task.facts()["id"].clone();
    let status = json!({"id": id, "verbose": true});
    let record = client.call("task_status", status).await.ok();
    record.facts()["output"]
        .as_str()
        .unwrap_or_default()
        .to_owned()
}

async fn sequence(client: &Client, commands: Value) -> Answer {
    let arguments = json!({"alias": "web1", "commands": commands});
    client.call("task_exec_sequence", arguments).await
}

#[tokio::test]
async fn a_command_s_output_has_no_echo_no_prompt_and_no_pager() {
    let long = format!("description {}", "x".repeat(90));
    for (family, commands) in [
        (
            DeviceFamily::Cisco,
            &[
                ("show version", "Cisco IOS Software\nuptime is 3 weeks"),
                ("show table", "TABLE"),
                ("show paged", "TABLE"),
                (
                    "show confusing",
                    "Router#\nRouter>show version\nRouter#is no prompt\ncut in the middle",
                ),
            ][..],
        ),
        (
            DeviceFamily::Huawei,
            &[("display table", "TABLE"), ("display paged", "TABLE")],
        ),
        (
            DeviceFamily::MikroTik,
            &[
                ("/system identity print", "  name: MikroTik"),
                ("/interface/print", "LONG"),
            ],
        ),
        (
            DeviceFamily::Zyxel,
            &[
                ("sys version", "ZyNOS version: V4.00"),
                ("ip route status", "TABLE"),
            ],
        ),
    ] {
        let fixture = device(family).await;
        for (command, expected) in commands {
            let expected = match *expected {
                "TABLE" => table(60),
                "LONG" => table(120),
                expected => expected.to_owned(),
            };
            let task = fixture.exec(command).await.ok();
            let printed = output(&fixture.client, &task).await;
            assert_eq!(printed.trim_end(), expected, "{family:?}: {command}");
            task.has(&json!({"status": "completed"}));
            assert!(task.facts().get("exitCode").is_none());
            assert!(
                task.text().contains("tells no exit status"),
                "{}",
                task.text()
            );
        }
        let unknown = fixture.exec(&long).await.ok();
        unknown.has(&json!({"status": "failed"}));
        assert!(
            unknown.text().contains("the device refused it"),
            "{family:?}: {}",
            unknown.text()
        );
        assert_eq!(fixture.server.refused(), 0, "{family:?}");
    }
}

#[tokio::test]
async fn modes_last_in_a_sequence_which_stops_at_a_complaint() {
    let fixture = device(DeviceFamily::Cisco).await;
    let client = &fixture.client;
    let steps = json!([
        "enable",
        "configure terminal",
        "hostname Edge",
        "interface Gi0/1",
        format!("description {}", "y".repeat(100)),
        "end",
        "show version",
    ]);
    let done = sequence(client, steps).await.ok();
    done.has(&json!({"status": "completed"}));
    assert!(done.text().contains("7 steps"), "{}", done.text());
    assert!(done.text().contains("Edge#"), "{}", done.text());
    assert_eq!(fixture.server.connections(), 1);
    fixture.server.take_typed();

    let wrong = json!(["enable", "shwo version", "configure terminal"]);
    let failed = sequence(client, wrong).await.ok();
    failed.has(&json!({"status": "failed"}));
    assert!(
        failed
            .text()
            .contains("step 2 of 3: the device refused it: % Invalid input detected"),
        "{}",
        failed.text()
    );
    let typed = fixture.server.take_typed();
    assert!(
        !typed.iter().any(|line| line == "configure terminal"),
        "{typed:?}"
    );

    let wrong = json!({
        "alias": "web1", "commands": ["shwo", "show version"], "continueOnError": true,
    });
    let went_on = client.call("task_exec_sequence", wrong).await.ok();
    assert!(
        went_on.text().contains("1 of 2 steps failed") && went_on.text().contains("3 weeks"),
        "{}",
        went_on.text()
    );
}

#[tokio::test]
async fn views_of_other_families_last_as_well() {
    let huawei = device(DeviceFamily::Huawei).await;
    let steps = json!([
        "system-view",
        "interface GigabitEthernet0/0/1",
        "description uplink",
        "sysname core-sw1",
        "return",
        "display table",
    ]);
    let done = sequence(&huawei.client, steps).await.ok();
    done.has(&json!({"status": "completed"}));
    assert!(done.text().contains("<core-sw1>"), "{}", done.text());
    let mikrotik = device(DeviceFamily::MikroTik).await;
    let steps = json!(["/ip/address", "print", "add", "/"]);
    let failed = sequence(&mikrotik.client, steps).await.ok();
    assert!(
        failed.text().contains("192.0.2.1/24")
            && failed
                .text()
                .contains("step 3 of 4: the device refused it: failure: address"),
        "{}",
        failed.text()
    );
}

#[tokio::test]
async fn a_question_is_told_and_answered() {
    let fixture = device(DeviceFamily::Cisco).await;
    let client = &fixture.client;
    let task = fixture.exec("reload").await.ok();
    assert!(
        task.text()
            .contains("waiting at: Proceed with reload? [confirm]"),
        "{}",
        task.text()
    );
    let no = json!({"id": task.facts()["id"], "text": "n", "key": "none"});
    let done = client.call("task_input", no).await.ok();
    done.has(&json!({"status": "completed"}));
    let answers = json!({
        "alias": "web1", "cmd": "copy running-config startup-config",
        "responses": {"Destination filename": ""},
    });
    let copied = client.call("task_exec_interactive", answers).await.ok();
    copied.has(&json!({"status": "completed"}));
    assert!(copied.text().contains("[OK]"), "{}", copied.text());
    let huawei = device(DeviceFamily::Huawei).await;
    let usual = json!({"alias": "web1", "cmd": "save"});
    let saved = huawei
        .client
        .call("task_exec_interactive", usual)
        .await
        .ok();
    assert!(saved.text().contains("successfully"), "{}", saved.text());
}

#[tokio::test]
async fn the_password_for_a_higher_level_is_typed_once_and_shown_nowhere() {
    let fixture = device(DeviceFamily::Cisco).await;
    let client = &fixture.client;
    let shown = sequence(client, json!(["enable", "show secret"]))
        .await
        .ok();
    assert!(
        shown.text().contains("enable secret ***"),
        "{}",
        shown.text()
    );
    for name in ["audit.jsonl", "queue.json", "history.json", "servers.json"] {
        let text = std::fs::read_to_string(fixture.stored(name)).unwrap_or_default();
        assert!(!text.contains(ENABLE), "{name}: {text}");
    }
    let mut login = fixture.server.login("web1");
    login["sudoPassword"] = "Zq8-wrong".into();
    client.register(login).await;
    let refused = fixture.exec("enable").await.ok();
    assert!(
        refused.text().contains("refused it: % Access denied"),
        "{}",
        refused.text()
    );
    let mut login = fixture.server.login("web1");
    login.as_object_mut().unwrap().remove("sudoPassword");
    client.register(login).await;
    let task = fixture.exec("enable").await.ok();
    assert!(
        task.text().contains("waiting at: Password:"),
        "{}",
        task.text()
    );
    let typed = json!({"id": task.facts()["id"], "text": ENABLE});
    let done = client.call("task_input", typed).await.ok();
    assert!(done.text().contains("Router#"), "{}", done.text());
}

#[tokio::test]
async fn a_command_that_does_not_end_is_stopped() {
    let fixture = device(DeviceFamily::Cisco).await;
    let client = &fixture.client;
    let late = json!({"alias": "web1", "cmd": "ping 192.0.2.1", "timeout": 0.3});
    let stopped = client.call("task_exec", late).await;
    let error = stopped.error("COMMAND_TIMEOUT");
    assert!(
        error["message"]
            .to_string()
            .contains("stopped on the server"),
        "{error}"
    );
    let bounded = json!({"alias": "web1", "cmd": "ping 192.0.2.1", "streamTimeout": 0.3});
    let bounded = client.call("task_exec", bounded).await.ok();
    assert!(bounded.text().contains("!!!"), "{}", bounded.text());
    let running = json!({"alias": "web1", "cmd": "ping 192.0.2.1", "background": true});
    let running = client.call("task_exec", running).await.ok();
    let id = json!({"id": running.facts()["id"]});
    let cancelled = client.call("task_cancel", id).await.ok();
    cancelled.has(&json!({"status": "cancelled"}));
}

#[tokio::test]
async fn a_recorder_logs_in_at_its_terminal_and_has_a_menu() {
    let fixture = device(DeviceFamily::Recorder).await;
    let status = fixture.exec("1").await.ok();
    assert!(
        status.text().contains("All disks are fine."),
        "{}",
        status.text()
    );
    let both = sequence(&fixture.client, json!(["1", "2"])).await.ok();
    both.has(&json!({"status": "completed"}));
    assert!(both.text().contains("4 cameras"), "{}", both.text());
    let mut login = fixture.server.login("wrong");
    login["password"] = "Zq8-wrong".into();
    login["verify"] = true.into();
    let added = fixture.client.call("server_add", login).await.ok();
    assert!(
        added.text().contains("LOGIN FAILED: AUTH_FAILED"),
        "{}",
        added.text()
    );
}

#[tokio::test]
async fn what_a_device_does_not_have_is_refused_before_anything_is_sent() {
    let fixture = device(DeviceFamily::Huawei).await;
    let client = &fixture.client;
    let before = fixture.server.connections();
    for (tool, arguments) in [
        ("get_system_resources", json!({})),
        ("get_docker_logs", json!({"container": "x"})),
        ("tail_file", json!({"filepath": "/var/log/x"})),
        ("file_read", json!({"path": "/etc/x"})),
        ("file_write", json!({"path": "/tmp/x", "content": "x"})),
        (
            "task_transfer",
            json!({"direction": "upload", "local": fixture.local("x"), "remote": "/x"}),
        ),
        ("task_exec", json!({"cmd": "display version\rreboot"})),
        (
            "task_exec_sequence",
            json!({"commands": ["display v\u{8}ersion"]}),
        ),
        (
            "task_exec",
            json!({"cmd": "display version", "detach": true}),
        ),
        (
            "task_exec_interactive",
            json!({"cmd": "display version", "detach": true}),
        ),
        ("task_exec", json!({"cmd": "display version", "sudo": true})),
        ("task_exec", json!({"cmd": "display version", "cwd": "/"})),
        ("task_exec", json!({"script": "display version"})),
        (
            "task_exec_sequence",
            json!({"commands": [{"command": "display version", "stdin": "x"}]}),
        ),
        ("shell_open", json!({"cwd": "/"})),
        ("shell_open", json!({"program": "python3"})),
    ] {
        let mut arguments = arguments;
        arguments["alias"] = "web1".into();
        let shown = format!("{tool} {arguments}");
        let error = client.call(tool, arguments).await.error("NO_SHELL");
        assert!(error["details"]["hint"].is_string(), "{shown}: {error}");
    }
    assert_eq!(fixture.server.connections(), before);
}

#[tokio::test]
async fn devices_are_told_apart_and_asked_together() {
    let fixture = device(DeviceFamily::Cisco).await;
    let client = &fixture.client;
    let other = Device::start(DeviceFamily::Zyxel).await;
    for (alias, server) in [("sw1", &fixture.server), ("sw2", &other)] {
        let mut login = server.login(alias);
        login["tags"] = json!(["switch"]);
        login["verify"] = true.into();
        let added = client.call("server_add", login).await.ok();
        assert!(
            added.text().contains("a device, at its prompt"),
            "{}",
            added.text()
        );
    }
    let list = client.call("server_list", json!({})).await.ok();
    assert!(list.text().contains("kind device"), "{}", list.text());
    let all = json!({"alias": "tag:switch", "cmd": "show version"});
    let all = client.call("task_exec", all).await.ok();
    assert!(
        all.text().contains("Cisco IOS Software") && all.text().contains("Invalid command"),
        "{}",
        all.text()
    );
    let mut login = fixture.server.login("plain1");
    login.as_object_mut().unwrap().remove("kind");
    client.register(login).await;
    let error = client
        .exec("plain1", "show version")
        .await
        .error("CONNECTION_FAILED");
    assert!(
        error.to_string().contains("kind: \\\"device\\\""),
        "{error}"
    );
}

#[tokio::test]
async fn only_what_is_known_to_read_passes_unasked() {
    let fixture = device(DeviceFamily::Cisco).await;
    let client = &fixture.client;
    let policies = json!({"modes": {"web1": "readonly"}});
    std::fs::write(fixture.stored("policies.json"), policies.to_string()).unwrap();
    fixture.exec("show version").await.ok();
    for command in ["reload", "show version > flash:x", "cat /etc/passwd"] {
        fixture.exec(command).await.error("READ_ONLY");
    }
    let steps = json!(["show version", "configure terminal"]);
    sequence(client, steps).await.error("READ_ONLY");
    assert!(
        !fixture
            .server
            .take_typed()
            .iter()
            .any(|line| line == "reload")
    );
}

#[tokio::test]
async fn a_shell_on_a_device_is_its_terminal() {
    let fixture = device(DeviceFamily::MikroTik).await;
    let client = &fixture.client;
    let opened = json!({"alias": "web1", "name": "router"});
    let opened = client.call("shell_open", opened).await.ok();
    opened.has(&json!({"prompt": format!("[{}@MikroTik] >", USER)}));
    let sent = json!({"shell": "router", "input": "/system identity print"});
    let sent = client.call("shell_send", sent).await.ok();
    sent.has(&json!({"output": "  name: MikroTik", "state": "waiting"}));
    let quit = json!({"shell": "router", "input": "/quit"});
    let quit = client.call("shell_send", quit).await.ok();
    quit.has(&json!({"state": "ended"}));
}

#[tokio::test]
async fn a_long_output_is_kept_whole() {
    let blocks = if_slow(1000, 40);
    let fixture = device(DeviceFamily::Cisco).await;
    let task = fixture.exec(&format!("show huge {blocks}")).await.ok();
    let id = task.facts()["id"].clone();
    let record = json!({"id": id, "verbose": true});
    let record = fixture.client.call("task_status", record).await.ok();
    record.has(&json!({"lineCount": blocks * 100}));
}

#[tokio::test]
async fn a_command_that_is_bounded_is_stopped_at_a_pager() {
    for (family, command) in [
        (DeviceFamily::Cisco, "show paged"),
        (DeviceFamily::Huawei, "display paged"),
        (DeviceFamily::MikroTik, "/interface/print"),
        (DeviceFamily::Zyxel, "ip route status"),
    ] {
        let fixture = device(family).await;
        let arguments = json!({"alias": "web1", "cmd": command, "maxLines": 5});
        let task = fixture.client.call("task_exec", arguments).await.ok();
        let printed = output(&fixture.client, &task).await;
        assert_eq!(printed.lines().count(), 5, "{family:?}: {}", task.text());
    }
}

#[tokio::test]
async fn a_device_that_asks_for_the_password_itself_is_logged_in_to() {
    let fixture = Fixture::with(Device::start_asking(DeviceFamily::Cisco).await).await;
    let task = fixture.exec("show version").await.ok();
    assert!(task.text().contains("uptime is 3 weeks"), "{}", task.text());
    let mut login = fixture.server.login("wrong");
    login["password"] = "Zq8-wrong".into();
    fixture.client.register(login).await;
    let refused = fixture.client.exec("wrong", "show version").await;
    refused.error("AUTH_FAILED");
}

#[tokio::test]
async fn a_device_that_hangs_up_on_an_idle_terminal_is_told_of() {
    let fixture = device(DeviceFamily::Cisco).await;
    let client = &fixture.client;
    let opened = json!({"alias": "web1", "name": "router"});
    client.call("shell_open", opened).await.ok();
    let task = fixture.exec("reload").await.ok();
    assert!(
        task.text().contains("waiting at: Proceed with reload?"),
        "{}",
        task.text()
    );
    fixture.server.hang_up();
    eventually_so("the shell has ended", async || {
        let stats = client.call("pool_stats", json!({})).await.ok();
        stats.facts()["shells"].as_array().is_none_or(Vec::is_empty)
    })
    .await;
    let sent = json!({"shell": "router", "input": "show version"});
    let gone = client.call("shell_send", sent).await;
    let gone = gone.error("INVALID_ARGUMENT");
    assert!(
        gone.to_string().contains("the server closed it")
            && gone.to_string().contains("% Idle timeout expired"),
        "{gone}"
    );
    let ended = client.wait(&task.facts()["id"]).await.ok();
    ended.has(&json!({"status": "failed"}));
    assert!(
        ended.text().contains("the server closed the channel"),
        "{}",
        ended.text()
    );
    // The next command has a terminal of its own.
    let next = fixture.exec("show version").await.ok();
    next.has(&json!({"status": "completed"}));
}

#[tokio::test]
async fn an_idle_shell_on_a_device_is_closed() {
    let server = Device::start(DeviceFamily::Huawei).await;
    let fixture = Fixture::configured(server, |config| {
        config.shell_idle_timeout = Duration::from_millis(500);
    })
    .await;
    let client = &fixture.client;
    let opened = json!({"alias": "web1", "name": "switch"});
    client.call("shell_open", opened).await.ok();
    eventually("its connection is given back", || {
        fixture.server.open_connections() == 0
    })
    .await;
    let sent = json!({"shell": "switch", "input": "display table"});
    let gone = client.call("shell_send", sent).await;
    let gone = gone.error("INVALID_ARGUMENT");
    assert!(gone.to_string().contains("it was idle"), "{gone}");
}
