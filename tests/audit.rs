//! The audit trail: a line for each call that acts, and what shows that nobody has changed one.

use std::path::{Path, PathBuf};

use indexmap::IndexMap;
use mcp_sftp_orchestrator::audit;
use mcp_sftp_orchestrator::guard::Access;
use mcp_sftp_orchestrator::hex::digits;
use rmcp::model::Tool;
use serde_json::{Value, json};

use crate::helper::{
    Fixture, RawProcess, SmallDisk, Sshd, access, assert_has, binary, directory, eventually,
    sha256, text,
};

/// Tells if a tool's calls stand in the trail.
fn acts(tool: &Tool) -> bool {
    access(&tool.name) != Access::ReadsHere
}

impl<S> Fixture<S, ()> {
    fn trail(&self) -> PathBuf {
        self.stored("audit.jsonl")
    }

    fn trail_lines(&self) -> Vec<Value> {
        let text = std::fs::read_to_string(self.trail()).unwrap();
        assert!(text.ends_with('\n'));
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    /// The calls in the order in which they began, each as its line before and its line after tell of it.
    fn trail_calls(&self) -> Vec<Value> {
        let mut calls: IndexMap<String, Value> = IndexMap::new();
        for mut line in self.trail_lines() {
            let (name, event) = (line["call"].take(), line["event"].take());
            let name = name.as_str().unwrap().to_owned();
            if event == "begun" {
                assert!(calls.insert(name, line).is_none());
                continue;
            }
            let call = calls[&name].as_object_mut().unwrap();
            if event == "finished" {
                assert!(call.contains_key("outcome"));
                call.insert("finished".to_owned(), line);
                continue;
            }
            assert_eq!(event, "ended");
            assert!(!call.contains_key("outcome"));
            for (field, value) in line.as_object().unwrap() {
                match field.as_str() {
                    "call" | "event" | "time" | "previous" => {}
                    "tool" | "alias" => assert_eq!(&call[field], value),
                    _ => {
                        call.insert(field.clone(), value.clone());
                    }
                }
            }
        }
        calls.into_values().collect()
    }

    /// The output of `audit verify`, which has to exit with this status.
    async fn verify_trail(&self, status: i32) -> String {
        let output = binary()
            .arg(format!("--data-dir={}", self.data.path().display()))
            .args(["audit", "verify"])
            .output()
            .await
            .unwrap();
        let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        assert_eq!(output.status.code(), Some(status), "{said}");
        said
    }

    async fn trail_in_order(&self) -> String {
        self.verify_trail(0).await
    }

    async fn trail_out_of_order(&self) -> String {
        self.verify_trail(1).await
    }
}

/// A process that knows a server, `web1`.
async fn with_server() -> (Fixture<Sshd, ()>, RawProcess) {
    let fixture = Fixture::of(Sshd::start());
    let mut server = fixture.serve(&[]).await;
    let login = fixture.server.login("web1");
    server.tool("server_add", login).await.ok();
    (fixture, server)
}

/// Has a process call `task_exec` with these arguments, and does not wait for the answer.
async fn begin(server: &mut RawProcess, id: u64, arguments: &Value) {
    let params = json!({"name": "task_exec", "arguments": arguments});
    let call = json!({"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": params});
    server.send(&call.to_string()).await;
}

#[tokio::test]
async fn a_line_says_who_did_what_where_and_what_came_of_it() {
    let (fixture, mut server) = with_server().await;
    let failing = json!({"alias": "web1", "cmd": "exit 3"});
    let failed = server.tool("task_exec", failing.clone()).await.ok();
    let detached = json!({"alias": "web1", "cmd": "sleep 1", "detach": true});
    let detached = server.tool("task_exec", detached).await.ok();
    let refused = json!({"alias": "web1", "cmd": "true; crontab -r"});
    server
        .tool("task_exec", refused)
        .await
        .error("POLICY_BLOCKED");
    let unknown = json!({"alias": "none", "cmd": "true"});
    server
        .tool("task_exec", unknown)
        .await
        .error("UNKNOWN_ALIAS");
    let misspelt =
        json!({"alias": "web1", "cmd": "true", "pass-word": "Zq-misspelt", "timeout": "x"});
    server
        .tool("task_exec", misspelt)
        .await
        .error("INVALID_ARGUMENT");
    let none = json!({
        "alias": "web1", "direction": "upload", "local": fixture.local("none"), "remote": "x",
    });
    server
        .tool("task_transfer", none)
        .await
        .error("TRANSFER_FAILED");
    let one = json!({"alias": "web1"});
    server.tool("get_system_resources", one).await.ok();

    let lines = fixture.trail_calls();
    let told: Vec<_> = lines
        .iter()
        .map(|line| {
            (
                line["tool"].as_str().unwrap(),
                line["outcome"].as_str().unwrap(),
            )
        })
        .collect();
    let live = detached.facts()["status"].as_str().unwrap();
    assert_eq!(
        told,
        [
            ("server_add", "ok"),
            ("task_exec", "failed"),
            ("task_exec", live),
            ("task_exec", "POLICY_BLOCKED"),
            ("task_exec", "UNKNOWN_ALIAS"),
            ("task_exec", "INVALID_ARGUMENT"),
            ("task_transfer", "failed"),
            ("get_system_resources", "ok"),
        ]
    );
    let exec = &lines[1];
    assert_has(
        exec,
        &json!({"alias": "web1", "arguments": failing, "exitCode": 3, "job": failed.facts()["id"]}),
    );
    assert_eq!(
        exec["digest"],
        digits(&sha256(failing.to_string().as_bytes()))
    );
    assert!(exec["time"].as_str().unwrap().ends_with('Z') && exec["durationMs"].is_u64());
    assert_eq!(exec["hostKey"], fixture.server.fingerprint());
    // Nothing had been asked of the server yet, or ever was.
    assert_eq!(
        (&lines[0]["hostKey"], &lines[4]["hostKey"]),
        (&Value::Null, &Value::Null)
    );
    assert!(lines[0]["job"].is_null() && lines[6]["job"].is_string());
    assert_eq!(lines[5]["arguments"]["pass-word"], "***");
    assert!(
        !std::fs::read_to_string(fixture.trail())
            .unwrap()
            .contains("Zq-misspelt")
    );
}

#[tokio::test]
async fn a_task_that_goes_on_after_its_call_has_its_end_told_of() {
    let (fixture, mut server) = with_server().await;
    let go = fixture.server.home("go");
    let cmd = format!("while [ ! -e '{go}' ]; do sleep 0.05; done; exit 7");
    let arguments = json!({"alias": "web1", "cmd": cmd, "background": true, "detach": false});
    let handed = server.tool("task_exec", arguments).await.ok();
    let last = || fixture.trail_calls().pop().unwrap();
    let job = &handed.facts()["id"];
    assert_has(&last(), &json!({"outcome": "running", "job": job}));
    assert!(last().get("finished").is_none(), "{}", last());
    std::fs::write(&go, "").unwrap();
    let is_told = || last().get("finished").is_some();
    eventually("its end stands in the trail", is_told).await;
    let end = json!({"outcome": "failed", "exitCode": 7, "job": job});
    assert_has(&last()["finished"], &end);
    let mut show = binary();
    show.arg(format!("--data-dir={}", fixture.data.path().display()));
    let shown = show.args(["audit", "show"]).output().await.unwrap();
    let shown = String::from_utf8(shown.stdout).unwrap();
    assert!(shown.contains("failed 7"), "{shown}");
    fixture.trail_in_order().await;
}

#[tokio::test]
async fn whatever_acts_is_told_of_also_where_it_is_refused() {
    let fixture = Fixture::of(());
    let mut server = fixture.serve(&[]).await;
    let tools: Vec<Tool> = server.tools().await;
    let mut acting = Vec::new();
    for tool in &tools {
        server
            .tool(&tool.name, json!({"nonsense": 1}))
            .await
            .error("INVALID_ARGUMENT");
        if acts(tool) {
            acting.push(tool.name.to_string());
        }
    }
    assert!(acting.len() > 20, "{acting:?}");
    let told: Vec<_> = fixture
        .trail_calls()
        .iter()
        .map(|line| line["tool"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(told, acting);
    drop(server);
    let mut server = fixture.serve(&[("MCP_READONLY", "true")]).await;
    let add = json!({"alias": "a", "host": "h", "user": "u", "password": "p"});
    server.tool("server_add", add).await.error("READ_ONLY");
    assert_eq!(
        fixture.trail_calls().last().unwrap()["outcome"],
        "READ_ONLY"
    );
}

#[tokio::test]
async fn verify_finds_what_was_changed_or_taken_out() {
    let fixture = Fixture::of(());
    let said = fixture.trail_in_order().await;
    assert!(said.contains("0 lines"), "{said}");
    let mut server = fixture.serve(&[]).await;
    for name in ["one", "two", "three", "four"] {
        let remove = json!({"alias": name});
        server
            .tool("server_remove", remove)
            .await
            .error("UNKNOWN_ALIAS");
    }
    let whole = std::fs::read_to_string(fixture.trail()).unwrap();
    let lines: Vec<_> = whole.lines().collect();
    let last = digits(&sha256(lines[7].as_bytes()));
    let said = fixture.trail_in_order().await;
    assert!(
        said.contains("8 lines in 1 files are in order") && said.contains(&last),
        "{said}"
    );

    let without = |gone: usize| {
        let rest = lines.iter().enumerate().filter(|(index, _)| *index != gone);
        rest.flat_map(|(_, line)| [line, "\n"]).collect::<String>()
    };
    for (text, place) in [
        (whole.replacen("\"two\"", "\"too\"", 1), "audit.jsonl:4"),
        (whole.replacen("UNKNOWN_ALIAS", "ok", 1), "audit.jsonl:3"),
        (without(0), "audit.jsonl:1"),
        (without(2), "audit.jsonl:3"),
        (format!("{whole}{{}}\n"), "audit.jsonl:9"),
        // A line that is cut off at the end does not show in the chain.
        (without(7), "audit.anchor"),
        (String::new(), "8 lines were written"),
    ] {
        std::fs::write(fixture.trail(), text).unwrap();
        let said = fixture.trail_out_of_order().await;
        assert!(said.contains(place), "{said}");
    }
    // Nor does a trail that is gone, or a beginning that an empty file goes before.
    std::fs::remove_file(fixture.trail()).unwrap();
    let said = fixture.trail_out_of_order().await;
    assert!(said.contains("8 lines were written"), "{said}");
    std::fs::write(fixture.trail(), without(0)).unwrap();
    let before = fixture.stored("audit-20200101T000000.000Z.jsonl");
    std::fs::write(&before, "").unwrap();
    let said = fixture.trail_out_of_order().await;
    assert!(said.contains("audit.jsonl:1"), "{said}");
    std::fs::remove_file(before).unwrap();
    std::fs::write(fixture.trail(), whole).unwrap();
    fixture.trail_in_order().await;
}

#[tokio::test]
async fn two_processes_write_one_chain() {
    const EACH: usize = 20;
    let fixture = Fixture::of(());
    let (mut one, mut other) = tokio::join!(fixture.serve(&[]), fixture.serve(&[]));
    let calls = async |server: &mut RawProcess| {
        for number in 0..EACH {
            let remove = json!({"alias": format!("none-{number}")});
            server
                .tool("server_remove", remove)
                .await
                .error("UNKNOWN_ALIAS");
        }
    };
    tokio::join!(calls(&mut one), calls(&mut other));
    assert_eq!(
        (fixture.trail_calls().len(), fixture.trail_lines().len()),
        (2 * EACH, 4 * EACH)
    );
    fixture.trail_in_order().await;
}

#[tokio::test]
async fn what_cannot_be_written_down_is_not_done() {
    let (fixture, mut server) = with_server().await;
    let kept = std::fs::read(fixture.trail()).unwrap();
    let servers = std::fs::read(fixture.stored("servers.json")).unwrap();
    let pwned = fixture.remote("pwned");
    let run = json!({"alias": "web1", "cmd": format!("touch {pwned}; echo done")});
    for (target, reason) in [
        // It would swallow every line.
        (Some("/dev/null"), "no regular file"),
        (Some("/dev/full"), "no regular file"),
        (None, "is a directory"),
    ] {
        std::fs::remove_file(fixture.trail()).unwrap();
        match target {
            Some(target) => std::os::unix::fs::symlink(target, fixture.trail()).unwrap(),
            None => std::fs::create_dir(fixture.trail()).unwrap(),
        }
        for tool in server.tools().await {
            let answer = server.tool(&tool.name, json!({"nonsense": 1})).await;
            if !acts(&tool) {
                answer.error("INVALID_ARGUMENT");
                continue;
            }
            let error = answer.error("STORAGE_ERROR");
            assert!(error.to_string().contains(reason), "{error}");
        }
        for (tool, arguments) in [
            ("task_exec", run.clone()),
            ("server_remove", json!({"alias": "web1"})),
            ("server_add", fixture.server.login("web2")),
        ] {
            server.tool(tool, arguments).await.error("STORAGE_ERROR");
        }
        match target {
            Some(_) => std::fs::remove_file(fixture.trail()).unwrap(),
            None => std::fs::remove_dir(fixture.trail()).unwrap(),
        }
        std::fs::write(fixture.trail(), &kept).unwrap();
    }
    let now = std::fs::read(fixture.stored("servers.json")).unwrap();
    assert_eq!((now, Path::new(&pwned).exists()), (servers, false));
    assert_eq!(fixture.server.accepted(), 0);
    server.tool("task_exec", run).await.ok();
    assert_eq!(fixture.trail_calls().len(), 2);
    fixture.trail_in_order().await;
}

#[tokio::test]
async fn on_a_full_disk_nothing_is_done_and_the_trail_stays_whole() {
    let (disk, sshd, place) = (SmallDisk::of_mebibytes(1), Sshd::start(), directory());
    let data = disk.path().join("data");
    let log = place.path().join("stderr");
    let mut server = RawProcess::serving(&data, &[], &log).await;
    server.tool("server_add", sshd.login("web1")).await.ok();
    let filling = disk.path().join("filling");
    let mut file = std::fs::File::create(&filling).unwrap();
    while std::io::Write::write_all(&mut file, &[0; 1024]).is_ok() {}
    let pwned = sshd.home("pwned");
    // A line that needs another page.
    let run = json!({"alias": "web1", "cmd": format!("touch {pwned} {}", "x".repeat(20_000)), "rappel": "9".repeat(2000)});
    let many = json!({"alias": "web1", "commands": vec![format!("touch {pwned}; : {}", "x".repeat(2000)); 15]});
    for (tool, arguments) in [("task_exec", run), ("task_exec_sequence", many)] {
        let error = server.tool(tool, arguments).await.error("STORAGE_ERROR");
        assert!(error.to_string().contains("No space left"), "{error}");
    }
    assert!(!Path::new(&pwned).exists());
    let verified = audit::verify(&data).unwrap();
    assert_eq!((verified.problem, verified.lines), (None, 2));
    drop(file);
    std::fs::remove_file(filling).unwrap();
    let run = json!({"alias": "web1", "cmd": format!("touch {pwned}")});
    server.tool("task_exec", run).await.ok();
    assert_eq!(audit::verify(&data).unwrap().problem, None);
}

#[tokio::test]
async fn an_end_that_cannot_be_written_is_said() {
    let (fixture, mut server) = with_server().await;
    let trail = text(&fixture.trail());
    let breaking = json!({"alias": "web1", "cmd": format!("mv {trail} {trail}.kept && mkdir {trail} && echo done")});
    let answer = server.tool("task_exec", breaking).await.ok();
    assert_eq!(answer.facts()["output"], "done");
    let note = answer.0.content.last().unwrap().as_text().unwrap();
    assert!(
        note.text
            .starts_with("Note: the audit trail lacks the end of this call of task_exec")
            && note.text.contains("is a directory"),
        "{note:?}"
    );
    fixture
        .until_said("lacks the end of this call of task_exec")
        .await;
    std::fs::remove_dir(fixture.trail()).unwrap();
    std::fs::rename(format!("{trail}.kept"), &trail).unwrap();
    server
        .tool("server_remove", json!({"alias": "web1"}))
        .await
        .ok();
    fixture.trail_in_order().await;
}

#[tokio::test]
async fn a_call_whose_process_is_killed_has_begun_and_is_told_of() {
    let (fixture, mut server) = with_server().await;
    let begun = fixture.remote("begun");
    let run = json!({"alias": "web1", "cmd": format!("touch {begun}; sleep 60")});
    begin(&mut server, 77, &run).await;
    eventually("it runs", || Path::new(&begun).exists()).await;
    let said = fixture.trail_in_order().await;
    assert!(said.contains("1 call is under way"), "{said}");
    server.child.kill().await.unwrap();
    let said = fixture.trail_in_order().await;
    assert!(said.contains("1 call has no end"), "{said}");
    let line = said
        .lines()
        .find(|line| line.starts_with("no end: "))
        .unwrap();
    assert!(line.ends_with(" task_exec on `web1`"), "{line}");
    let told = fixture.trail_calls();
    assert_eq!((told.len(), &told[1]["arguments"]), (2, &run));
    assert!(told[1].get("outcome").is_none());
    // Another process goes on in the same chain.
    let mut server = fixture.serve(&[]).await;
    server
        .tool("server_remove", json!({"alias": "web1"}))
        .await
        .ok();
    let said = fixture.trail_in_order().await;
    assert!(said.contains("1 call has no end"), "{said}");
}

#[tokio::test]
async fn whatever_was_done_by_killed_processes_had_begun_in_the_trail() {
    let (fixture, mut server) = with_server().await;
    for round in 0..8 {
        for number in 1..=12 {
            let run = json!({"alias": "web1", "cmd": format!("touch {}", fixture.remote(&format!("did-{round}-{number}")))});
            begin(&mut server, number, &run).await;
        }
        for _ in 0..round {
            server.receive().await;
        }
        server.child.kill().await.unwrap();
        server = fixture.serve(&[]).await;
    }
    server
        .tool("server_remove", json!({"alias": "web1"}))
        .await
        .ok();
    let told = serde_json::to_string(&fixture.trail_calls()).unwrap();
    let mut did = 0;
    for entry in std::fs::read_dir(fixture.there("")).unwrap().flatten() {
        let name = entry.file_name().into_string().unwrap();
        if name.starts_with("did-") {
            did += 1;
            assert!(told.contains(&format!("{name}\"")), "{name}");
        }
    }
    assert!(did > 0);
    fixture.trail_in_order().await;
}

#[tokio::test]
async fn a_client_that_goes_away_leaves_no_call_without_an_end() {
    let (fixture, mut server) = with_server().await;
    let begun = fixture.remote("begun");
    let run = json!({"alias": "web1", "cmd": format!("touch {begun}; sleep 60")});
    begin(&mut server, 77, &run).await;
    eventually("it runs", || Path::new(&begun).exists()).await;
    server.close_input();
    server.child.wait().await.unwrap();
    let told = fixture.trail_calls();
    // The task's own end may come before the call is given up.
    let last = told.last().unwrap();
    let outcome = last["outcome"].as_str().unwrap();
    assert!(["crashed", "interrupted"].contains(&outcome), "{outcome}");
    if outcome == "interrupted" {
        assert_eq!(last["cause"], "the client closed standard input");
    }
    let said = fixture.trail_in_order().await;
    assert!(!said.contains("no end"), "{said}");
}

#[tokio::test]
async fn no_arguments_break_the_chain() {
    const MEGABYTES: usize = 5_000_000;
    let fixture = Fixture::of(());
    let mut server = fixture.serve(&[]).await;
    let deep = (0..100).fold(json!("x".repeat(MEGABYTES)), |inner, _| json!([inner]));
    let keys: serde_json::Map<_, _> = (0..50_000)
        .map(|number| (format!("key-{number}"), number.into()))
        .collect();
    for arguments in [
        json!({"alias": "a".repeat(MEGABYTES)}),
        json!({"alias": "\u{1}".repeat(MEGABYTES / 6)}),
        json!({"alias": "web1", "x".repeat(MEGABYTES): 1}),
        json!({"alias": "web1", "cmd": "é".repeat(MEGABYTES / 2)}),
        json!({"alias": "web1", "cmd": deep}),
        json!({"alias": {"a": keys.clone()}, "cmd": keys}),
        json!({"alias": "web1", "cmd": vec![json!(["", {}, null]); 100_000]}),
        keys.clone().into(),
    ] {
        let answer = server.tool("task_exec", arguments).await;
        assert!(answer.is_error());
        server
            .tool("server_remove", json!({"alias": "none"}))
            .await
            .error("UNKNOWN_ALIAS");
    }
    let text = std::fs::read_to_string(fixture.trail()).unwrap();
    let longest = text.lines().map(str::len).max().unwrap();
    assert!(longest <= 64 * 1024, "{longest}");
    assert_eq!(fixture.trail_calls().len(), 16);
    fixture.trail_in_order().await;
    // Nor does what somebody else has put there.
    let mut file = std::fs::File::options()
        .append(true)
        .open(fixture.trail())
        .unwrap();
    std::io::Write::write_all(&mut file, &vec![b'x'; MEGABYTES]).unwrap();
    for _ in 0..3 {
        server
            .tool("server_remove", json!({"alias": "none"}))
            .await
            .error("UNKNOWN_ALIAS");
    }
    let said = fixture.trail_out_of_order().await;
    assert!(said.contains("audit.jsonl:33 is no line"), "{said}");
}

#[tokio::test]
async fn answers_are_counted_and_told_by_a_digest_that_gives_nothing_away() {
    let (fixture, mut server) = with_server().await;
    let ask = "printf 'Password: '; read -r answer; printf 'Sure? '; read -r sure; echo over";
    for password in ["Zq-hidden", "Zq-hidden", "Zq-other"] {
        let responses = json!({"Password:": password, "Sure?": "y"});
        let run = json!({"alias": "web1", "cmd": ask, "responses": responses});
        server.tool("task_exec_interactive", run).await.ok();
    }
    let run = json!({"alias": "web1", "cmd": "true"});
    server.tool("task_exec_interactive", run).await.ok();
    let calls = fixture.trail_calls();
    let told: Vec<_> = calls[1..].iter().map(|call| &call["responses"]).collect();
    assert_eq!((&told[0]["count"], told[3]), (&json!(2), &Value::Null));
    assert_eq!(told[0], told[1]);
    assert_ne!(told[0], told[2]);
    let plain = json!({"Password:": "Zq-hidden", "Sure?": "y"}).to_string();
    let plain = digits(&sha256(plain.as_bytes()));
    let text = std::fs::read_to_string(fixture.trail()).unwrap();
    assert!(!text.contains("Zq-") && !text.contains(&plain));
    assert_eq!(told[0]["digest"].as_str().unwrap().len(), 64);
}
