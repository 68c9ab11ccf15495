//! The audit trail: a line for each call that acts, and what shows that nobody has changed one.

use std::path::{Path, PathBuf};

use indexmap::IndexMap;
use mcp_sftp_orchestrator::audit;
use mcp_sftp_orchestrator::guard::Access;
use mcp_sftp_orchestrator::hex::digits;
use rmcp::model::Tool;
use serde_json::{Value, json};

use crate::helper::{
    Folder, RawProcess, SmallDisk, Sshd, access, binary, directory, eventually, sha256, text,
};

/// Whether a tool's calls stand in the trail.
fn acts(tool: &Tool) -> bool {
    access(&tool.name) != Access::ReadsHere
}

struct Scene {
    data: Folder,
    place: Folder,
}

impl Scene {
    fn set() -> Self {
        Self {
            data: directory(),
            place: directory(),
        }
    }

    async fn serve(&self, settings: &[(&str, &str)]) -> RawProcess {
        RawProcess::serving(self.data.path(), settings, &self.log()).await
    }

    fn log(&self) -> PathBuf {
        self.place.path().join("stderr")
    }

    fn trail(&self) -> PathBuf {
        self.data.path().join("audit.jsonl")
    }

    fn lines(&self) -> Vec<Value> {
        let text = std::fs::read_to_string(self.trail()).unwrap();
        assert!(text.ends_with('\n'));
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    /// The calls in the order in which they began, each as its line before and its line after tell of it.
    fn calls(&self) -> Vec<Value> {
        let mut calls: IndexMap<String, Value> = IndexMap::new();
        for mut line in self.lines() {
            let (name, event) = (line["call"].take(), line["event"].take());
            let name = name.as_str().unwrap().to_owned();
            if event == "begun" {
                assert!(calls.insert(name, line).is_none());
                continue;
            }
            assert_eq!(event, "ended");
            let call = calls[&name].as_object_mut().unwrap();
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

    /// The exit status of `audit verify`, and what it says.
    async fn verify(&self) -> (Option<i32>, String) {
        let output = binary()
            .arg(format!("--data-dir={}", self.data.path().display()))
            .args(["audit", "verify"])
            .output()
            .await
            .unwrap();
        let said = [output.stdout, output.stderr].concat();
        (output.status.code(), String::from_utf8(said).unwrap())
    }
}

#[tokio::test]
async fn a_line_says_who_did_what_where_and_what_came_of_it() {
    let (scene, sshd) = (Scene::set(), Sshd::start());
    let mut server = scene.serve(&[]).await;
    server.tool("server_add", sshd.login("web1")).await.ok();
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
        "alias": "web1", "direction": "upload", "local": text(&scene.place.path().join("none")), "remote": "x",
    });
    server
        .tool("task_transfer", none)
        .await
        .error("TRANSFER_FAILED");
    let one = json!({"alias": "web1"});
    server.tool("get_system_resources", one).await.ok();

    let lines = scene.calls();
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
    assert_eq!(
        (
            &exec["alias"],
            &exec["arguments"],
            &exec["exitCode"],
            &exec["job"]
        ),
        (&json!("web1"), &failing, &json!(3), &failed.facts()["id"])
    );
    assert_eq!(
        exec["digest"],
        digits(&sha256(failing.to_string().as_bytes()))
    );
    assert!(exec["time"].as_str().unwrap().ends_with('Z') && exec["durationMs"].is_u64());
    let known = fingerprint(&sshd.home("host.pub")).await;
    assert_eq!(exec["hostKey"], known);
    // Nothing had been asked of the server yet, or ever was.
    assert_eq!(
        (&lines[0]["hostKey"], &lines[4]["hostKey"]),
        (&Value::Null, &Value::Null)
    );
    assert!(lines[0]["job"].is_null() && lines[6]["job"].is_string());
    assert_eq!(lines[5]["arguments"]["pass-word"], "***");
    assert!(
        !std::fs::read_to_string(scene.trail())
            .unwrap()
            .contains("Zq-misspelt")
    );
}

/// The fingerprint of a public key.
async fn fingerprint(path: &str) -> String {
    let shown = tokio::process::Command::new("ssh-keygen")
        .args(["-l", "-f", path])
        .output()
        .await
        .unwrap();
    let shown = String::from_utf8(shown.stdout).unwrap();
    shown.split(' ').nth(1).unwrap().to_owned()
}

#[tokio::test]
async fn whatever_acts_is_told_of_also_where_it_is_refused() {
    let scene = Scene::set();
    let mut server = scene.serve(&[]).await;
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
    let told: Vec<_> = scene
        .calls()
        .iter()
        .map(|line| line["tool"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(told, acting);
    drop(server);
    let mut server = scene.serve(&[("MCP_READONLY", "true")]).await;
    let add = json!({"alias": "a", "host": "h", "user": "u", "password": "p"});
    server.tool("server_add", add).await.error("READ_ONLY");
    assert_eq!(scene.calls().last().unwrap()["outcome"], "READ_ONLY");
}

#[tokio::test]
async fn verify_finds_what_was_changed_or_taken_out() {
    let scene = Scene::set();
    let (status, said) = scene.verify().await;
    assert_eq!(
        (status, said.contains("0 lines")),
        (Some(0), true),
        "{said}"
    );
    let mut server = scene.serve(&[]).await;
    for name in ["one", "two", "three", "four"] {
        let remove = json!({"alias": name});
        server
            .tool("server_remove", remove)
            .await
            .error("UNKNOWN_ALIAS");
    }
    let whole = std::fs::read_to_string(scene.trail()).unwrap();
    let lines: Vec<_> = whole.lines().collect();
    let last = digits(&sha256(lines[7].as_bytes()));
    let (status, said) = scene.verify().await;
    assert_eq!(status, Some(0), "{said}");
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
        // What is cut off at the end does not show in the chain.
        (without(7), "audit.anchor"),
        (String::new(), "8 lines were written"),
    ] {
        std::fs::write(scene.trail(), text).unwrap();
        let (status, said) = scene.verify().await;
        assert_eq!(status, Some(1), "{said}");
        assert!(said.contains(place), "{said}");
    }
    // Nor does a trail that is gone, or a beginning that an empty file goes before.
    std::fs::remove_file(scene.trail()).unwrap();
    let (status, said) = scene.verify().await;
    assert_eq!(
        (status, said.contains("8 lines were written")),
        (Some(1), true),
        "{said}"
    );
    std::fs::write(scene.trail(), without(0)).unwrap();
    let before = scene.data.path().join("audit-20200101T000000.000Z.jsonl");
    std::fs::write(&before, "").unwrap();
    let (status, said) = scene.verify().await;
    assert_eq!(
        (status, said.contains("audit.jsonl:1")),
        (Some(1), true),
        "{said}"
    );
    std::fs::remove_file(before).unwrap();
    std::fs::write(scene.trail(), whole).unwrap();
    assert_eq!(scene.verify().await.0, Some(0));
}

#[tokio::test]
async fn two_processes_write_one_chain() {
    const EACH: usize = 20;
    let scene = Scene::set();
    let (mut one, mut other) = tokio::join!(scene.serve(&[]), scene.serve(&[]));
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
        (scene.calls().len(), scene.lines().len()),
        (2 * EACH, 4 * EACH)
    );
    let (status, said) = scene.verify().await;
    assert_eq!(status, Some(0), "{said}");
}

#[tokio::test]
async fn what_cannot_be_written_down_is_not_done() {
    let (scene, sshd) = (Scene::set(), Sshd::start());
    let mut server = scene.serve(&[]).await;
    server.tool("server_add", sshd.login("web1")).await.ok();
    let kept = std::fs::read(scene.trail()).unwrap();
    let servers = std::fs::read(scene.data.path().join("servers.json")).unwrap();
    let pwned = sshd.home("pwned");
    let run = json!({"alias": "web1", "cmd": format!("touch {pwned}; echo done")});
    for (target, reason) in [
        // It would swallow every line.
        (Some("/dev/null"), "no regular file"),
        (Some("/dev/full"), "no regular file"),
        (None, "is a directory"),
    ] {
        std::fs::remove_file(scene.trail()).unwrap();
        match target {
            Some(target) => std::os::unix::fs::symlink(target, scene.trail()).unwrap(),
            None => std::fs::create_dir(scene.trail()).unwrap(),
        }
        for tool in server.tools().await {
            let answer = server.tool(&tool.name, json!({"nonsense": 1})).await;
            if !acts(&tool) {
                answer.error("INVALID_ARGUMENT");
                continue;
            }
            let error = answer.error("STORAGE_ERROR");
            assert!(
                error["message"].as_str().unwrap().contains(reason),
                "{error}"
            );
        }
        for (tool, arguments) in [
            ("task_exec", run.clone()),
            ("server_remove", json!({"alias": "web1"})),
            ("server_add", sshd.login("web2")),
        ] {
            server.tool(tool, arguments).await.error("STORAGE_ERROR");
        }
        match target {
            Some(_) => std::fs::remove_file(scene.trail()).unwrap(),
            None => std::fs::remove_dir(scene.trail()).unwrap(),
        }
        std::fs::write(scene.trail(), &kept).unwrap();
    }
    let now = std::fs::read(scene.data.path().join("servers.json")).unwrap();
    assert_eq!((now, Path::new(&pwned).exists()), (servers, false));
    assert_eq!(sshd.accepted(), 0);
    server.tool("task_exec", run).await.ok();
    assert_eq!(scene.calls().len(), 2);
    assert_eq!(scene.verify().await.0, Some(0));
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
        assert!(
            error["message"].as_str().unwrap().contains("No space left"),
            "{error}"
        );
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
    let (scene, sshd) = (Scene::set(), Sshd::start());
    let mut server = scene.serve(&[]).await;
    server.tool("server_add", sshd.login("web1")).await.ok();
    let trail = text(&scene.trail());
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
    let said = std::fs::read_to_string(scene.log()).unwrap();
    assert!(
        said.contains("lacks the end of this call of task_exec"),
        "{said}"
    );
    std::fs::remove_dir(scene.trail()).unwrap();
    std::fs::rename(format!("{trail}.kept"), &trail).unwrap();
    server
        .tool("server_remove", json!({"alias": "web1"}))
        .await
        .ok();
    assert_eq!(scene.verify().await.0, Some(0));
}

#[tokio::test]
async fn a_call_whose_process_is_killed_has_begun_and_is_told_of() {
    let (scene, sshd) = (Scene::set(), Sshd::start());
    let mut server = scene.serve(&[]).await;
    server.tool("server_add", sshd.login("web1")).await.ok();
    let begun = sshd.home("begun");
    let run = json!({"alias": "web1", "cmd": format!("touch {begun}; sleep 60")});
    let call = json!({"jsonrpc": "2.0", "id": 77, "method": "tools/call", "params": {"name": "task_exec", "arguments": run}});
    server.send(&call.to_string()).await;
    eventually("it runs", || Path::new(&begun).exists()).await;
    let (status, said) = scene.verify().await;
    assert_eq!(
        (status, said.contains("1 call is under way")),
        (Some(0), true),
        "{said}"
    );
    server.child.kill().await.unwrap();
    let (status, said) = scene.verify().await;
    assert_eq!(status, Some(0), "{said}");
    assert!(said.contains("1 call has no end"), "{said}");
    let line = said
        .lines()
        .find(|line| line.starts_with("no end: "))
        .unwrap();
    assert!(line.ends_with(" task_exec on `web1`"), "{line}");
    let told = scene.calls();
    assert_eq!((told.len(), &told[1]["arguments"]), (2, &run));
    assert!(told[1].get("outcome").is_none());
    // Another process goes on in the same chain.
    let mut server = scene.serve(&[]).await;
    server
        .tool("server_remove", json!({"alias": "web1"}))
        .await
        .ok();
    let (status, said) = scene.verify().await;
    assert_eq!(
        (status, said.contains("1 call has no end")),
        (Some(0), true),
        "{said}"
    );
}

#[tokio::test]
async fn whatever_was_done_by_killed_processes_had_begun_in_the_trail() {
    let (scene, sshd) = (Scene::set(), Sshd::start());
    let mut server = scene.serve(&[]).await;
    server.tool("server_add", sshd.login("web1")).await.ok();
    for round in 0..8 {
        for number in 1..=12 {
            let run = json!({"alias": "web1", "cmd": format!("touch {}", sshd.home(&format!("did-{round}-{number}")))});
            let call = json!({"jsonrpc": "2.0", "id": number, "method": "tools/call", "params": {"name": "task_exec", "arguments": run}});
            server.send(&call.to_string()).await;
        }
        for _ in 0..round {
            server.receive().await;
        }
        server.child.kill().await.unwrap();
        server = scene.serve(&[]).await;
    }
    server
        .tool("server_remove", json!({"alias": "web1"}))
        .await
        .ok();
    let told = serde_json::to_string(&scene.calls()).unwrap();
    let mut did = 0;
    for entry in std::fs::read_dir(sshd.directory.path()).unwrap().flatten() {
        let name = entry.file_name().into_string().unwrap();
        if name.starts_with("did-") {
            did += 1;
            assert!(told.contains(&format!("{name}\"")), "{name}");
        }
    }
    assert!(did > 0);
    let (status, said) = scene.verify().await;
    assert_eq!(status, Some(0), "{said}");
}

#[tokio::test]
async fn a_client_that_goes_away_leaves_no_call_without_an_end() {
    let (scene, sshd) = (Scene::set(), Sshd::start());
    let mut server = scene.serve(&[]).await;
    server.tool("server_add", sshd.login("web1")).await.ok();
    let begun = sshd.home("begun");
    let run = json!({"alias": "web1", "cmd": format!("touch {begun}; sleep 60")});
    let call = json!({"jsonrpc": "2.0", "id": 77, "method": "tools/call", "params": {"name": "task_exec", "arguments": run}});
    server.send(&call.to_string()).await;
    eventually("it runs", || Path::new(&begun).exists()).await;
    server.close_input();
    server.child.wait().await.unwrap();
    let told = scene.calls();
    // The task's own end may come before the call is given up.
    let last = told.last().unwrap();
    let outcome = last["outcome"].as_str().unwrap();
    assert!(["crashed", "interrupted"].contains(&outcome), "{outcome}");
    if outcome == "interrupted" {
        assert_eq!(last["cause"], "the client closed standard input");
    }
    let (status, said) = scene.verify().await;
    assert_eq!(
        (status, said.contains("no end")),
        (Some(0), false),
        "{said}"
    );
}

#[tokio::test]
async fn no_arguments_break_the_chain() {
    const MEGABYTES: usize = 5_000_000;
    let scene = Scene::set();
    let mut server = scene.serve(&[]).await;
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
    let text = std::fs::read_to_string(scene.trail()).unwrap();
    let longest = text.lines().map(str::len).max().unwrap();
    assert!(longest <= 64 * 1024, "{longest}");
    assert_eq!(scene.calls().len(), 16);
    let (status, said) = scene.verify().await;
    assert_eq!(status, Some(0), "{said}");
    // Nor does what somebody else has put there.
    let mut file = std::fs::File::options()
        .append(true)
        .open(scene.trail())
        .unwrap();
    std::io::Write::write_all(&mut file, &vec![b'x'; MEGABYTES]).unwrap();
    for _ in 0..3 {
        server
            .tool("server_remove", json!({"alias": "none"}))
            .await
            .error("UNKNOWN_ALIAS");
    }
    let (status, said) = scene.verify().await;
    assert_eq!(
        (status, said.contains("audit.jsonl:33 is no line")),
        (Some(1), true),
        "{said}"
    );
}

#[tokio::test]
async fn answers_are_counted_and_told_by_a_digest_that_gives_nothing_away() {
    let (scene, sshd) = (Scene::set(), Sshd::start());
    let mut server = scene.serve(&[]).await;
    server.tool("server_add", sshd.login("web1")).await.ok();
    let ask = "printf 'Password: '; read -r answer; printf 'Sure? '; read -r sure; echo over";
    for password in ["Zq-hidden", "Zq-hidden", "Zq-other"] {
        let responses = json!({"Password:": password, "Sure?": "y"});
        let run = json!({"alias": "web1", "cmd": ask, "responses": responses});
        server.tool("task_exec_interactive", run).await.ok();
    }
    let run = json!({"alias": "web1", "cmd": "true"});
    server.tool("task_exec_interactive", run).await.ok();
    let calls = scene.calls();
    let told: Vec<_> = calls[1..].iter().map(|call| &call["responses"]).collect();
    assert_eq!((&told[0]["count"], told[3]), (&json!(2), &Value::Null));
    assert_eq!(told[0], told[1]);
    assert_ne!(told[0], told[2]);
    let plain = json!({"Password:": "Zq-hidden", "Sure?": "y"}).to_string();
    let plain = digits(&sha256(plain.as_bytes()));
    let text = std::fs::read_to_string(scene.trail()).unwrap();
    assert!(!text.contains("Zq-") && !text.contains(&plain));
    assert_eq!(told[0]["digest"].as_str().unwrap().len(), 64);
}
