//! Rules that ask: who is asked about what, the ways to answer, and what becomes of a task that waits.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use crate::helper::{
    Client, ERAS, Era, EraSession, Fixture, Fleet, Sshd, Terminal, directory, eventually, if_slow,
    read_json,
};

/// Writes rules that ask into a data directory.
fn write_rules(data: &Path, rules: &Value) {
    let mut file: Value = std::fs::read_to_string(data.join("policies.json"))
        .ok()
        .and_then(|text| serde_json::from_str(&text).ok())
        .unwrap_or_else(|| json!({}));
    let fields = rules.as_object().unwrap().clone();
    file.as_object_mut().unwrap().extend(fields);
    std::fs::write(data.join("policies.json"), file.to_string()).unwrap();
}

fn asks() -> Value {
    json!({"elicitation": {}})
}

fn yes() -> Value {
    json!({"action": "accept", "content": {"confirm": true}})
}

/// A session of a client with these capabilities whose calls wait a moment, with the server `web1` and these rules.
async fn session(
    era: Era,
    sshd: &Sshd,
    data: &Path,
    capabilities: Value,
    rules: &Value,
) -> EraSession {
    let settings = [("MCP_SYNC_TIMEOUT_S", "1")];
    let mut session = EraSession::begin_with(era, data, capabilities, &settings).await;
    let mut login = sshd.login("web1");
    login["verify"] = false.into();
    session.tool("server_add", login).await;
    write_rules(data, rules);
    session
}

fn text(result: &Value) -> &str {
    result["content"][0]["text"].as_str().unwrap()
}

/// The ID in `(task 1234abcd)`.
fn task_in(result: &Value) -> String {
    let (_, rest) = text(result).split_once("(task ").unwrap();
    rest.split(')').next().unwrap().to_owned()
}

fn run(cmd: &str) -> Value {
    json!({"alias": "web1", "cmd": cmd})
}

#[tokio::test]
async fn a_client_that_can_ask_is_told_to_once_in_both_eras() {
    for era in ERAS {
        let (sshd, data) = (Sshd::start(), directory());
        let rules = json!({"modes": {"web1": "ask"}});
        let mut session = session(era, &sshd, data.path(), asks(), &rules).await;
        let (questions, result) = session.asked("task_exec", run("uptime"), yes()).await;
        assert_eq!(
            (questions.len(), &result["isError"]),
            (0, &json!(false)),
            "it reads"
        );

        let mut change = run(&format!("touch {}", sshd.home("made")));
        change["reason"] = "to see".into();
        let (questions, result) = session.asked("task_exec", change, yes()).await;
        assert_eq!(questions.len(), 1, "{result}");
        assert!(text(&result).starts_with("exit 0"), "{result}");
        assert!(Path::new(&sshd.home("made")).exists());
        let says = questions[0]["message"].as_str().unwrap();
        for part in [
            "`web1`",
            "touch ",
            "rule: mode ask of ",
            "reason: to see",
            "asked by: ",
        ] {
            assert!(says.contains(part), "{says}");
        }
        assert_eq!(
            questions[0]["requestedSchema"]["required"],
            json!(["confirm"])
        );

        for no in [
            json!({"action": "decline"}),
            json!({"action": "accept", "content": {}}),
        ] {
            let change = run(&format!("touch {}", sshd.home("not")));
            let (questions, result) = session.asked("task_exec", change, no).await;
            assert_eq!(
                (questions.len(), &result["isError"]),
                (1, &json!(true)),
                "{result}"
            );
            assert!(text(&result).contains("DECLINED"), "{result}");
        }
        assert!(!Path::new(&sshd.home("not")).exists());
        let audit = std::fs::read_to_string(data.path().join("audit.jsonl")).unwrap();
        assert!(audit.contains(r#""reason":"to see""#), "{audit}");
        let open = read_json(&data.path().join("approvals.json"));
        assert_eq!(open, json!({}), "nothing is left open");
    }
}

#[tokio::test]
async fn a_client_that_cannot_ask_is_told_that_it_waits_and_takes_it_up() {
    for era in ERAS {
        let (sshd, terminal) = (Sshd::start(), Terminal::open().await);
        let data = terminal.data.path();
        let rules = json!({"ask": ["touch * on web*"]});
        let mut session = session(era, &sshd, data, json!({}), &rules).await;
        let change = run(&format!("touch {}", sshd.home("made")));
        let waiting = session.tool("task_exec", change.clone()).await;
        assert_eq!(waiting["isError"], false, "{waiting}");
        let id = task_in(&waiting);
        let says = text(&waiting);
        assert!(says.starts_with("pending for "), "{says}");
        assert!(says.contains("waits for a person's yes"), "{says}");
        assert!(
            says.contains(&format!("approve {id} --data-dir=")),
            "{says}"
        );
        assert!(!Path::new(&sshd.home("made")).exists());

        // Wherever one looks, it is said for whom it waits.
        let queue = session.tool("task_queue", json!({})).await;
        let status = session.tool("task_status", json!({"id": id})).await;
        let tasks = terminal.types("tasks", "").await;
        for told in [text(&queue), text(&status), &tasks] {
            assert!(told.contains("waits for a person's yes"), "{told}");
        }
        let listed = terminal.types("approve", "").await;
        assert!(
            listed.contains(&id) && listed.contains("rule: touch * on web*"),
            "{listed}"
        );
        let approved = terminal.types(&format!("approve {id}"), "yes").await;
        assert!(approved.contains("approved; the task begins"), "{approved}");
        let done = session.tool("task_wait", json!({"id": id})).await;
        assert!(text(&done).starts_with("exit 0"), "{done}");
        assert!(Path::new(&sshd.home("made")).exists());
        let record = session
            .tool("task_status", json!({"id": id, "verbose": true}))
            .await;
        let by = &record["structuredContent"]["approval"]["by"]["client"];
        assert_eq!(by, "terminal", "{record}");

        let again = session.tool("task_exec", change).await;
        let id = task_in(&again);
        let denied = terminal.types(&format!("deny {id}"), "").await;
        assert!(denied.contains("denied"), "{denied}");
        let declined = session.tool("task_wait", json!({"id": id})).await;
        assert!(text(&declined).contains("DECLINED"), "{declined}");
        let twice = terminal.types(&format!("approve {id}"), "yes").await;
        assert!(twice.contains("no question"), "{twice}");
    }
}

#[tokio::test]
async fn the_person_at_a_terminal_may_be_faster_than_the_form() {
    let (sshd, terminal) = (Sshd::start(), Terminal::open().await);
    let rules = json!({"ask": ["tool:task_exec"]});
    let data = terminal.data.path();
    let mut session = session(Era::Handshake, &sshd, data, asks(), &rules).await;
    let call = json!({
        "jsonrpc": "2.0", "id": 77, "method": "tools/call",
        "params": {"name": "task_exec", "arguments": run("echo through")},
    });
    session.process.send(&call.to_string()).await;
    let question = session.process.receive().await;
    assert_eq!(question["method"], "elicitation/create");
    let open = read_json(&data.join("approvals.json"));
    let id = open.as_object().unwrap().keys().next().unwrap().clone();
    terminal.types(&format!("approve {id}"), "yes").await;
    let (mut is_withdrawn, mut answers) = (false, Vec::new());
    while !is_withdrawn || answers.is_empty() {
        let message = session.process.receive().await;
        if message["method"] == "notifications/cancelled" {
            is_withdrawn = message["params"]["requestId"] == question["id"];
        } else {
            answers.push(message);
        }
    }
    let late = json!({"jsonrpc": "2.0", "id": question["id"], "result": {"action": "decline"}});
    session.process.send(&late.to_string()).await;
    let done = session.tool("task_wait", json!({"id": id})).await;
    assert!(text(&done).contains("through"), "{done}");
}

#[tokio::test]
async fn a_task_that_waits_outlives_its_process_and_begins_once() {
    let (sshd, terminal) = (Sshd::start(), Terminal::open().await);
    let data = terminal.data.path();
    let rules = json!({"modes": {"all": "ask"}});
    let cmd = format!("echo once >> {}", sshd.home("times"));
    let first = Client::spawned(data, &["--sync-timeout=1"]).await;
    first.person_goes_away();
    first.register(sshd.login("web1")).await;
    write_rules(data, &rules);
    let waiting = first.call("task_exec", run(&cmd)).await.ok();
    let id = waiting.facts()["id"].clone();
    first.kill().await;
    let approved = terminal
        .types(&format!("approve {}", id.as_str().unwrap()), "yes")
        .await;
    assert!(approved.contains("approved"), "{approved}");
    let (one, other) = tokio::join!(Client::spawned(data, &[]), Client::spawned(data, &[]));
    one.wait(&id)
        .await
        .ok()
        .has(&json!({"status": "completed"}));
    other
        .wait(&id)
        .await
        .ok()
        .has(&json!({"status": "completed"}));
    let times = std::fs::read_to_string(sshd.home("times")).unwrap();
    assert_eq!(times, "once\n");
    one.kill().await;
    let third = Client::spawned(data, &[]).await;
    third
        .wait(&id)
        .await
        .ok()
        .has(&json!({"status": "completed"}));
    assert_eq!(
        std::fs::read_to_string(sshd.home("times")).unwrap(),
        "once\n"
    );
}

/// A process may be killed at any moment beside the yes.
#[tokio::test]
async fn a_kill_beside_the_yes_begins_nothing_twice() {
    const AT_ONCE: usize = 10;
    let (sshd, data) = (Sshd::start(), directory());
    let mut client = Client::spawned(data.path(), &["--sync-timeout=0.01"]).await;
    client.register(sshd.login("web1")).await;
    write_rules(data.path(), &json!({"modes": {"all": "ask"}}));
    let questions = data.path().join("approvals.json");
    for round in 0..if_slow(200, 20) / AT_ONCE {
        client.person_goes_away();
        let mut waiting = Vec::new();
        for task in 0..AT_ONCE {
            let note = sshd.home(&format!("times{round}-{task}"));
            let cmd = format!("echo once >> {note}");
            let answer = client.call("task_exec", run(&cmd)).await.ok();
            waiting.push((answer.facts()["id"].clone(), note));
        }
        // One that was answered when its process was killed may still stand beside them.
        let all_open = || {
            if !questions.exists() {
                return false;
            }
            let open = read_json(&questions);
            waiting
                .iter()
                .all(|(id, _)| open.get(id.as_str().unwrap()).is_some())
        };
        eventually("all questions are open", all_open).await;
        let mut open = read_json(&questions);
        for (id, _) in &waiting {
            open[id.as_str().unwrap()]["answer"] = "yes".into();
        }
        let all_answered = questions.with_extension("new");
        std::fs::write(&all_answered, open.to_string()).unwrap();
        std::fs::rename(&all_answered, &questions).unwrap();
        let pause = u64::try_from(round % 20 * 25).unwrap();
        tokio::time::sleep(Duration::from_millis(pause)).await;
        client.kill().await;
        client = Client::spawned(data.path(), &["--sync-timeout=0.01"]).await;
        for (id, note) in waiting {
            client.wait(&id).await;
            let record = client.call("task_status", json!({"id": id})).await.ok();
            let times = std::fs::read_to_string(&note).unwrap_or_default();
            match record.facts()["status"].as_str().unwrap() {
                "completed" => assert_eq!(times, "once\n", "round {round}"),
                "crashed" => assert!(times.is_empty() || times == "once\n", "{times}"),
                other => panic!("round {round}: {other}"),
            }
        }
    }
}

#[tokio::test]
async fn a_yes_counts_for_ten_minutes() {
    let fixture = Fixture::embedded_with(|config| {
        config.sync_timeout = Duration::from_millis(300);
    })
    .await;
    fixture.client.person_goes_away();
    write_rules(fixture.data.path(), &json!({"modes": {"web1": "ask"}}));
    let waiting = fixture.exec("touch made").await.ok();
    let id = waiting.facts()["id"].clone();
    let path = fixture.data.path().join("approvals.json");
    let mut open = read_json(&path);
    open[id.as_str().unwrap()]["askedAt"] = "2026-01-01T00:00:00.000Z".into();
    open[id.as_str().unwrap()]["answer"] = "yes".into();
    std::fs::write(&path, open.to_string()).unwrap();
    let expired = fixture.client.wait(&id).await.error("APPROVAL_EXPIRED");
    assert!(
        expired["message"].as_str().unwrap().contains("ten minutes"),
        "{expired}"
    );
    assert!(!fixture.there("made").exists());
}

#[tokio::test]
async fn one_question_is_asked_about_several_servers_and_about_a_sequence() {
    let fleet = Fleet::configured(3, |config| {
        config.sync_timeout = Duration::from_millis(300);
    })
    .await;
    fleet.client.person_goes_away();
    write_rules(fleet.data.path(), &json!({"modes": {"w2": "ask"}}));
    let waiting = fleet.exec("all", "touch made", json!({})).await.ok();
    let id = waiting.facts()["id"].as_str().unwrap().to_owned();
    let open = read_json(&fleet.data.path().join("approvals.json"));
    assert_eq!(open.as_object().unwrap().len(), 1);
    assert_eq!(open[&id]["servers"], json!(["w1", "w2", "w3"]));
    assert_eq!(fleet.with_file("made"), Vec::<usize>::new());
    let terminal = Terminal::open().await;
    let approve = format!("approve {id}");
    terminal.types_for(fleet.data.path(), &approve, "yes").await;
    fleet.client.wait(&id.into()).await.ok();
    assert_eq!(fleet.with_file("made"), [1, 2, 3]);
    let open = read_json(&fleet.data.path().join("approvals.json"));
    assert_eq!(open, json!({}), "no child has asked");

    let steps = json!({"alias": "w2", "commands": ["cd /", "touch x"]});
    let waiting = fleet.client.call("task_exec_sequence", steps).await.ok();
    let id = waiting.facts()["id"].as_str().unwrap();
    let open = read_json(&fleet.data.path().join("approvals.json"));
    assert_eq!(open[id]["details"], "1. cd /\n2. touch x");
    let cancelled = fleet
        .client
        .call("task_cancel", json!({"id": id}))
        .await
        .ok();
    cancelled.has(&json!({"status": "cancelled"}));
    assert_eq!(
        read_json(&fleet.data.path().join("approvals.json")),
        json!({})
    );
}

#[tokio::test]
async fn rules_are_about_commands_paths_tools_tags_and_times() {
    let fixture = Fixture::embedded_with(|config| {
        config.sync_timeout = Duration::from_millis(200);
    })
    .await;
    fixture.client.person_goes_away();
    let data = fixture.data.path();
    let is_asked = async |tool: &'static str, mut arguments: Value| {
        arguments["alias"] = "web1".into();
        let answer = fixture.client.call(tool, arguments).await;
        let text = answer.text().to_owned();
        text.contains("waits for a person's yes")
    };
    let written = fixture.remote("x");
    let write = json!({"path": written, "content": "a"});
    let here = format!("* >{}/*", fixture.remote("").trim_end_matches('/'));
    for (rules, tool, arguments, expected) in [
        (
            json!(["rm -r *"]),
            "task_exec",
            json!({"cmd": "sudo -n rm -rf gone"}),
            true,
        ),
        (json!(["rm -r *"]), "task_exec", json!({"cmd": "ls"}), false),
        (json!([here]), "file_write", write.clone(), true),
        (json!(["* >/srv/*"]), "file_write", write.clone(), false),
        (json!(["tool:file_*"]), "file_write", write.clone(), true),
        (
            json!(["tool:file_*"]),
            "task_exec",
            json!({"cmd": "touch x"}),
            false,
        ),
        (
            json!(["on web*"]),
            "task_exec",
            json!({"cmd": "touch x"}),
            true,
        ),
        (
            json!(["on web*"]),
            "task_exec",
            json!({"cmd": "ls | wc -l"}),
            false,
        ),
        (
            json!(["on tag:prod"]),
            "task_exec",
            json!({"cmd": "touch x"}),
            false,
        ),
        (
            json!(["between 00:00 and 12:00", "after 12:00"]),
            "task_exec",
            json!({"cmd": "touch x"}),
            true,
        ),
        (
            json!(["between 00:00 and 00:00 on web1"]),
            "task_exec",
            json!({"cmd": "touch x"}),
            false,
        ),
        (
            json!(["tool:get_*"]),
            "get_system_resources",
            json!({}),
            true,
        ),
    ] {
        write_rules(data, &json!({"ask": rules}));
        let asked = is_asked(tool, arguments.clone()).await;
        assert_eq!(asked, expected, "{rules} {tool} {arguments}");
    }
    // Settings are asked about, too, before the tool runs.
    let server = json!({"alias": "new", "host": "192.0.2.7", "user": "a", "verify": false});
    fixture
        .client
        .call("server_add", server)
        .await
        .error("DECLINED");
    write_rules(data, &json!({"ask": ["after noon"]}));
    let refused = fixture
        .client
        .call("system_diagnostics", json!({}))
        .await
        .ok();
    assert!(
        refused.facts().to_string().contains("after noon"),
        "{}",
        refused.facts()
    );
}

#[tokio::test]
async fn rules_that_cannot_be_read_refuse_from_the_start() {
    for rules in [
        json!({"ask": ["after 25:00"]}),
        json!({"ask": "rm"}),
        json!({"modes": {"web1": "sometimes"}}),
        json!({"modes": {"": "ask"}}),
    ] {
        let data = directory();
        write_rules(data.path(), &rules);
        let client = Client::in_process(data.path(), |_| {}).await;
        let server = json!({"alias": "web1", "host": "192.0.2.7", "user": "a", "verify": false});
        let added = client.call("server_add", server).await;
        assert!(added.is_error(), "{rules}");
    }
}

#[tokio::test]
async fn only_reading_passes_where_the_mode_is_readonly() {
    let fixture = Fixture::embedded().await;
    write_rules(
        fixture.data.path(),
        &json!({"modes": {"all": "readonly", "tag:x": "free"}}),
    );
    fixture.exec("uname").await.ok();
    fixture.exec("touch x").await.error("READ_ONLY");
    let write = json!({"alias": "web1", "path": "x", "content": "a"});
    fixture
        .client
        .call("file_write", write)
        .await
        .error("READ_ONLY");
    write_rules(
        fixture.data.path(),
        &json!({"modes": {"all": "readonly", "web1": "free"}}),
    );
    fixture.exec("touch x").await.ok();
}

#[tokio::test]
async fn a_command_that_was_let_through_for_good_is_not_asked_about_again() {
    let (sshd, terminal) = (Sshd::start(), Terminal::open().await);
    let data = terminal.data.path();
    let rules = json!({"modes": {"web1": "ask"}});
    let mut session = session(Era::Handshake, &sshd, data, asks(), &rules).await;
    let always = json!({"action": "accept", "content": {"confirm": true, "remember": true}});
    let touch = |name: &str| run(&format!("touch {}", sshd.home(name)));
    let (questions, _) = session.asked("task_exec", touch("a"), always.clone()).await;
    assert!(
        questions[0]["requestedSchema"]["properties"]["remember"].is_object(),
        "{questions:?}"
    );
    // Program and first word: another file is another word.
    let (questions, _) = session.asked("task_exec", touch("b"), yes()).await;
    assert_eq!(questions.len(), 1);
    let (questions, _) = session.asked("task_exec", touch("a"), yes()).await;
    assert_eq!(questions.len(), 0);
    let both = format!("touch {} {}", sshd.home("a"), sshd.home("c"));
    let (questions, _) = session.asked("task_exec", run(&both), yes()).await;
    assert_eq!(questions.len(), 1, "more files than were let through");
    let remembered = format!("touch {}", sshd.home("a"));
    let rules = session.tool("policy_blocklist_list", json!({})).await;
    let known = &rules["structuredContent"]["always"]["web1"];
    assert_eq!(known, &json!([remembered]), "{rules}");
    for list in [
        "sh -c 'touch /x/y'",
        "touch /x/y; touch /x/z",
        "sudo touch /x/y",
    ] {
        let (questions, _) = session
            .asked("task_exec", run(list), json!({"action": "decline"}))
            .await;
        let properties = &questions[0]["requestedSchema"]["properties"];
        assert!(properties.get("remember").is_none(), "{list}: {properties}");
    }
    let forgotten = format!("approve --forget '{remembered}' web1");
    let said = terminal.types(&forgotten, "").await;
    assert!(said.contains("asked about again"), "{said}");
    let (questions, _) = session.asked("task_exec", touch("a"), yes()).await;
    assert_eq!(questions.len(), 1);
}

#[tokio::test]
async fn the_person_is_told_by_a_command_of_theirs() {
    let (data, notes) = (directory(), directory());
    let note = notes.path().join("note");
    let program = notes.path().join("tell it");
    let script = format!(
        "#!/bin/sh\nprintf '%s\\n' \"$@\" > {}.new\n",
        note.display()
    );
    let script = format!("{script}mv {0}.new {0}\n", note.display());
    std::fs::write(&program, script).unwrap();
    std::fs::set_permissions(&program, PermissionsExt::from_mode(0o700)).unwrap();
    let client = Client::in_process(data.path(), |config| {
        config.notify_command = Some(format!("'{}' -u critical", program.display()));
        config.sync_timeout = Duration::from_millis(200);
    })
    .await;
    let mut server = crate::helper::login("web1", crate::helper::closed_port());
    server["verify"] = false.into();
    client.call("server_add", server).await.ok();
    client.person_goes_away();
    write_rules(data.path(), &json!({"modes": {"web1": "ask"}}));
    client.exec("web1", "touch x").await.ok();
    eventually("the notice came", || note.exists()).await;
    let told = std::fs::read_to_string(&note).unwrap();
    assert!(
        told.starts_with("-u\ncritical\ntask_exec waits for your yes\n"),
        "{told}"
    );
    assert!(told.contains("touch x"), "{told}");
}

#[tokio::test]
async fn the_reason_is_listed_only_where_somebody_may_be_asked() {
    let fixture = Fixture::embedded().await;
    let has_reason = async || {
        let tools = fixture.client.tools().await;
        let exec = tools.iter().find(|tool| tool.name == "task_exec").unwrap();
        exec.input_schema["properties"].get("reason").is_some()
    };
    assert!(!has_reason().await);
    let given = json!({"alias": "web1", "cmd": "true", "reason": "why not"});
    let ran = fixture.client.call("task_exec", given).await.ok();
    let status = json!({"id": ran.facts()["id"], "verbose": true});
    let record = fixture.client.call("task_status", status).await.ok();
    record.has(&json!({"reason": "why not"}));
    write_rules(fixture.data.path(), &json!({"ask": ["rm *"]}));
    assert!(has_reason().await);
}

#[tokio::test]
async fn a_client_is_told_to_list_the_tools_again_when_rules_begin_to_ask() {
    let (sshd, data) = (Sshd::start(), directory());
    let mut session = session(Era::Handshake, &sshd, data.path(), json!({}), &json!({})).await;
    let list = json!({"jsonrpc": "2.0", "id": 70, "method": "tools/list"});
    session.process.send(&list.to_string()).await;
    session.process.receive().await;
    write_rules(data.path(), &json!({"ask": ["rm *"]}));
    let call = json!({
        "jsonrpc": "2.0", "id": 71, "method": "tools/call",
        "params": {"name": "task_exec", "arguments": run("uname")},
    });
    session.process.send(&call.to_string()).await;
    let told = [
        session.process.receive().await,
        session.process.receive().await,
    ];
    let is_told = |message: &Value| message["method"] == "notifications/tools/list_changed";
    assert!(told.iter().any(is_told), "{told:?}");
}

#[tokio::test]
async fn a_rule_about_a_tool_that_there_is_not_is_refused_with_the_one_that_was_meant() {
    let fixture = Fixture::embedded().await;
    write_rules(fixture.data.path(), &json!({"ask": ["tool:get_*"]}));
    fixture.exec("uname").await.ok();
    write_rules(
        fixture.data.path(),
        &json!({"ask": ["tool:file_edti on web1"]}),
    );
    let diagnostics = json!({});
    let told = fixture
        .client
        .call("system_diagnostics", diagnostics)
        .await
        .ok();
    let told = told.facts().to_string();
    assert!(
        told.contains("names no tool; did you mean `tool:file_edit`?"),
        "{told}"
    );
    // The rules that were read before still hold.
    fixture.exec("uname").await.ok();
    let data = directory();
    write_rules(data.path(), &json!({"ask": ["tool:nothing"]}));
    let client = Client::in_process(data.path(), |_| {}).await;
    let added = json!({"alias": "a", "host": "192.0.2.7", "user": "u", "verify": false});
    assert!(client.call("server_add", added).await.is_error());
}

#[tokio::test]
async fn a_shell_is_asked_about_and_so_is_what_is_typed_into_it() {
    let fixture = Fixture::start().await;
    fixture.client.person_goes_away();
    let open = json!({"alias": "web1", "name": "one"});
    fixture.client.call("shell_open", open).await.ok();
    write_rules(fixture.data.path(), &json!({"modes": {"web1": "ask"}}));
    let open = json!({"alias": "web1", "name": "two"});
    fixture
        .client
        .call("shell_open", open)
        .await
        .error("DECLINED");
    let reads = json!({"shell": "one", "input": "uname"});
    fixture.client.call("shell_send", reads).await.ok();
    let types = json!({"shell": "one", "input": format!("touch {}", fixture.remote("typed"))});
    fixture
        .client
        .call("shell_send", types)
        .await
        .error("DECLINED");
    assert!(!fixture.there("typed").exists());
}

/// A secret that calls hold.
const SECRET: &str = "correct-horse-battery-7";

/// The files below a directory that hold a text.
fn files_with(directory: &Path, text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory).unwrap().map(Result::unwrap) {
        let path = entry.path();
        if entry.file_type().unwrap().is_dir() {
            found.extend(files_with(&path, text));
        } else if String::from_utf8_lossy(&std::fs::read(&path).unwrap_or_default()).contains(text)
        {
            found.push(path.display().to_string());
        }
    }
    found
}

#[tokio::test]
async fn what_a_record_leaves_out_outlives_its_process_encrypted() {
    let (sshd, terminal) = (Sshd::start(), Terminal::open().await);
    let data = terminal.data.path();
    let first = Client::spawned(data, &["--sync-timeout=0.2"]).await;
    first.person_goes_away();
    first.register(sshd.login("web1")).await;
    // From now on it is masked wherever it stands.
    let mut spare = json!({"alias": "spare", "host": "192.0.2.7", "user": "u", "verify": false});
    spare["password"] = SECRET.into();
    first.call("server_add", spare).await.ok();
    write_rules(data, &json!({"modes": {"all": "ask"}}));
    let [note, written, edited] = ["note", "written", "edited"].map(|name| sshd.home(name));
    std::fs::write(&edited, "one\ntwo\n").unwrap();
    let printed = format!("printf '%s\\n' \"$DB_PASSWORD\" >> {note}");
    let given = format!("printf '%s\\n' --password={SECRET} >> {note}");
    let edits = json!([{"old": "two", "new": "three"}]);
    let mut ids = Vec::new();
    for (tool, arguments) in [
        (
            "task_exec",
            json!({"cmd": printed, "env": {"DB_PASSWORD": SECRET}}),
        ),
        ("task_exec", json!({"cmd": given})),
        (
            "file_write",
            json!({"path": written, "content": "a text of its own\n"}),
        ),
        ("file_edit", json!({"path": edited, "edits": edits})),
    ] {
        let mut arguments = arguments;
        arguments["alias"] = "web1".into();
        let waiting = first.call(tool, arguments).await.ok();
        let says = waiting.text();
        assert!(says.contains("waits for a person's yes"), "{says}");
        assert!(!says.contains("ends with this program"), "{says}");
        ids.push(waiting.facts()["id"].clone());
    }
    first.kill().await;
    assert_eq!(files_with(data, SECRET), Vec::<String>::new());
    assert_eq!(std::fs::read_dir(data.join("waiting")).unwrap().count(), 4);
    for id in &ids {
        let approve = format!("approve {}", id.as_str().unwrap());
        let approved = terminal.types(&approve, "yes").await;
        assert!(approved.contains("the task begins"), "{approved}");
    }
    let (one, other) = tokio::join!(Client::spawned(data, &[]), Client::spawned(data, &[]));
    for id in &ids {
        one.wait(id).await.ok().has(&json!({"status": "completed"}));
        let ended = other.wait(id).await.ok();
        ended.has(&json!({"status": "completed"}));
    }
    let noted = std::fs::read_to_string(&note).unwrap();
    let mut lines: Vec<_> = noted.lines().collect();
    lines.sort_unstable();
    assert_eq!(
        lines,
        [&*format!("--password={SECRET}"), SECRET],
        "once each"
    );
    let texts = [&written, &edited].map(|path| std::fs::read_to_string(path).unwrap());
    assert_eq!(texts, ["a text of its own\n", "one\nthree\n"]);
    assert_eq!(files_with(data, SECRET), Vec::<String>::new());
    let kept = std::fs::read_dir(data.join("waiting")).unwrap().count();
    assert_eq!(kept, 0, "nothing is kept beyond the answer");
}

/// Answers a question as a person does, in the document itself.
fn approve(data: &Path, id: &Value) {
    let path = data.join("approvals.json");
    let mut open = read_json(&path);
    open[id.as_str().unwrap()]["answer"] = "yes".into();
    std::fs::write(&path, open.to_string()).unwrap();
}

#[tokio::test]
async fn a_yes_is_about_the_file_as_it_was_shown() {
    let fixture = Fixture::embedded_with(|config| {
        config.sync_timeout = Duration::from_millis(300);
    })
    .await;
    fixture.client.person_goes_away();
    let data = fixture.data.path();
    let file = fixture.there("x");
    std::fs::write(&file, "one\ntwo\nthree\n").unwrap();
    write_rules(data, &json!({"modes": {"web1": "ask"}}));
    let edit = |old: &str| {
        let edits = json!([{"old": old, "new": "2"}]);
        json!({"alias": "web1", "path": fixture.remote("x"), "edits": edits})
    };
    let waiting = fixture.client.call("file_edit", edit("two")).await.ok();
    let id = waiting.facts()["id"].clone();
    let open = read_json(&data.join("approvals.json"));
    let details = open[id.as_str().unwrap()]["details"].as_str().unwrap();
    assert!(details.contains(" one\n-two\n+2\n three"), "{details}");
    let before = std::fs::read(&file).unwrap();
    std::fs::write(&file, "one\ntwo\nfour\n").unwrap();
    approve(data, &id);
    let refused = fixture.client.wait(&id).await.error("HASH_MISMATCH");
    let message = refused["message"].as_str().unwrap();
    let hashes = message.split_once("as expected: ").unwrap().1;
    let (found, seen) = hashes.split_once(" instead of ").unwrap();
    assert!(
        found.len() == 64 && seen.len() == 64 && seen != found,
        "{refused}"
    );
    assert_eq!(std::fs::read(&file).unwrap(), b"one\ntwo\nfour\n");

    std::fs::write(&file, before).unwrap();
    let waiting = fixture.client.call("file_edit", edit("two")).await.ok();
    let id = waiting.facts()["id"].clone();
    approve(data, &id);
    fixture.client.wait(&id).await.ok();
    assert_eq!(std::fs::read(&file).unwrap(), b"one\n2\nthree\n");

    // Nobody is asked about a change that cannot be made.
    let refused = fixture.client.call("file_edit", edit("nowhere")).await;
    assert!(refused.is_error(), "{}", refused.text());
    assert_eq!(read_json(&data.join("approvals.json")), json!({}));
}

#[tokio::test]
async fn a_question_about_several_servers_shows_where_the_difference_is_another() {
    let fleet = Fleet::configured(3, |config| {
        config.sync_timeout = Duration::from_millis(300);
    })
    .await;
    fleet.client.person_goes_away();
    let data = fleet.data.path();
    write_rules(data, &json!({"modes": {"all": "ask"}}));
    let write = json!({"alias": "all", "path": "a", "content": "new\n"});
    let waiting = fleet.client.call("file_write", write).await.ok();
    let id = waiting.facts()["id"].clone();
    // The files are read first, on each server.
    let approvals = data.join("approvals.json");
    eventually("the question is open", || approvals.exists()).await;
    let open = read_json(&approvals);
    let details = open[id.as_str().unwrap()]["details"].as_str().unwrap();
    assert!(details.contains("on `w1`, `w2`, `w3`:\n"), "{details}");
    approve(data, &id);
    fleet.client.wait(&id).await.ok();
    assert_eq!(fleet.with_file("a"), [1, 2, 3]);
}

#[tokio::test]
async fn what_is_typed_into_a_task_is_asked_about_and_a_secret_is_named() {
    let fixture = Fixture::start().await;
    fixture.client.person_goes_away();
    let talk =
        "printf 'Go on? '; read a; printf 'Say: '; read b; printf 'Password: '; read c; echo $a $b";
    let call = json!({"alias": "web1", "cmd": talk, "autoRespond": false});
    let waiting = fixture
        .client
        .call("task_exec_interactive", call)
        .await
        .ok();
    let id = waiting.facts()["id"].clone();
    write_rules(fixture.data.path(), &json!({"modes": {"web1": "ask"}}));
    let types = async |input: Value| {
        let mut input = input;
        input["id"] = id.clone();
        fixture.client.call("task_input", input).await
    };
    types(json!({"text": "y"})).await.ok();
    let refused = types(json!({"text": "rm -r /srv"})).await.error("DECLINED");
    let asked = refused.to_string();
    assert!(
        asked.contains("type `rm -r /srv` into") && asked.contains("waiting at: Say:"),
        "{asked}"
    );
    types(json!({"text": "uname"})).await.ok();
    let refused = types(json!({"text": SECRET})).await.error("DECLINED");
    let asked = refused.to_string();
    assert!(
        asked.contains("type a secret into") && !asked.contains(SECRET),
        "{asked}"
    );
}
