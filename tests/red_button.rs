//! The red button: `stop` ends what runs, in every process, and nothing begins until `resume`.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::helper::{Client, Fixture, Fleet, Sshd, Terminal, binary, directory, eventually};

/// Runs `stop`, and returns what it says, and whether all has ended.
async fn stop(data: &Path, words: &[&str]) -> (String, bool) {
    run(data, &[&["stop"], words].concat()).await
}

/// Runs a command, and returns what it says, and whether all is well.
async fn run(data: &Path, words: &[&str]) -> (String, bool) {
    let mut command = binary();
    command.args(words);
    command.arg(format!("--data-dir={}", data.display()));
    let done = command.output().await.unwrap();
    let said = format!(
        "{}{}",
        String::from_utf8_lossy(&done.stdout),
        String::from_utf8_lossy(&done.stderr)
    );
    (said, done.status.success())
}

/// A command that notes its process ID, and does not end by itself.
fn endless(name: &str) -> String {
    format!("echo $$ > {name}; exec sleep 600")
}

/// The process that has noted its ID there; `None` before that.
fn process(path: &Path) -> Option<u32> {
    std::fs::read_to_string(path).ok()?.trim().parse().ok()
}

fn runs(process: u32) -> bool {
    let state = std::fs::read_to_string(format!("/proc/{process}/stat"));
    // One that has ended may wait for its parent to notice.
    state.is_ok_and(|state| !state.contains(") Z "))
}

async fn in_background(client: &Client, alias: &str, cmd: &str) -> Value {
    let run = json!({"alias": alias, "cmd": cmd, "background": true, "detach": false});
    client.call("task_exec", run).await.ok().facts()["id"].clone()
}

#[tokio::test]
async fn fifty_tasks_on_twenty_servers_are_stopped_truly_and_nothing_begins() {
    let fleet = Fleet::of(20).await;
    let mut notes: Vec<PathBuf> = Vec::new();
    for task in 0..50 {
        let (server, name) = (task % 20, format!("pid{task}"));
        in_background(&fleet.client, &format!("w{}", server + 1), &endless(&name)).await;
        notes.push(fleet.hosts[server].home.path().join(name));
    }
    let all_begun = || notes.iter().all(|note| process(note).is_some());
    eventually("all tasks run", all_begun).await;
    let processes: Vec<_> = notes.iter().filter_map(|note| process(note)).collect();

    let (said, is_done) = stop(fleet.data.path(), &["--all"]).await;
    assert!(is_done, "{said}");
    assert!(said.starts_with("held from now on: everything"), "{said}");
    assert_eq!(said.matches("  cancelled on w").count(), 50, "{said}");
    let left: Vec<_> = processes.into_iter().filter(|id| runs(*id)).collect();
    assert_eq!(left, Vec::<u32>::new(), "{said}");

    let calls = [
        ("task_exec", json!({"alias": "w1", "cmd": "true"})),
        ("task_exec", json!({"alias": "all", "cmd": "touch begun"})),
        ("get_system_resources", json!({"alias": "w1"})),
        ("file_read", json!({"alias": "w1", "path": "pid0"})),
        (
            "server_add",
            json!({"alias": "w99", "host": "192.0.2.7", "user": "a"}),
        ),
        ("tunnel_open", json!({"alias": "w1", "to": "127.0.0.1:22"})),
    ];
    for (tool, arguments) in calls {
        let held = fleet.client.call(tool, arguments).await.error("HELD");
        let hint = held["details"]["hint"].as_str().unwrap();
        assert!(hint.contains("resume --all --data-dir="), "{tool}: {hint}");
        let message = held["message"].as_str().unwrap();
        assert!(message.contains("(terminal) since 20"), "{tool}: {message}");
    }
    assert_eq!(fleet.with_file("begun"), Vec::<usize>::new());
    // Calls that only look here, or stop something, are not held.
    fleet.client.call("task_queue", json!({})).await.ok();

    let terminal = Terminal::open().await;
    let refused = terminal.types_for(fleet.data.path(), "resume", "no").await;
    assert!(refused.contains("nothing was resumed"), "{refused}");
    fleet.client.exec("w1", "true").await.error("HELD");
    let resumed = terminal.types_for(fleet.data.path(), "resume", "yes").await;
    assert!(resumed.contains("released: everything"), "{resumed}");
    fleet.client.exec("w1", "true").await.ok();
    let verified = terminal
        .types_for(fleet.data.path(), "audit verify", "")
        .await;
    assert!(verified.contains("are in order"), "{verified}");
}

#[tokio::test]
async fn one_server_is_held_and_the_others_go_on() {
    let fleet = Fleet::of(2).await;
    for alias in ["w1", "w2"] {
        in_background(&fleet.client, alias, &endless("pid")).await;
    }
    let notes = fleet.paths("pid");
    eventually("both run", || {
        notes.iter().all(|note| process(note).is_some())
    })
    .await;
    let [first, second] = [0, 1].map(|index: usize| process(&notes[index]).unwrap());
    let (said, is_done) = stop(fleet.data.path(), &["w1"]).await;
    assert!(
        is_done && said.contains("held from now on: server `w1`"),
        "{said}"
    );
    assert!(!runs(first) && runs(second), "{said}");
    fleet.client.exec("w1", "true").await.error("HELD");
    fleet.client.exec("w2", "true").await.ok();
    let both = json!({"alias": "w1,w2", "cmd": "touch x"});
    fleet.client.call("task_exec", both).await.error("HELD");
    let (said, is_done) = stop(fleet.data.path(), &["nobody"]).await;
    assert!(!is_done && said.contains("`nobody` is not known"), "{said}");
    // It has an end in the trail.
    let (verified, is_well) = run(fleet.data.path(), &["audit", "verify"]).await;
    assert!(is_well && !verified.contains("no end"), "{verified}");
    let (said, is_done) = stop(fleet.data.path(), &[]).await;
    assert!(is_done && !runs(second), "{said}");
}

#[tokio::test]
async fn one_task_is_stopped_and_nothing_is_held() {
    let fixture = Fixture::embedded().await;
    let [one, other] = ["one", "other"].map(|name| (name, fixture.there(name)));
    let id = in_background(&fixture.client, "web1", &endless(one.0)).await;
    in_background(&fixture.client, "web1", &endless(other.0)).await;
    let both = || {
        [&one, &other]
            .iter()
            .all(|(_, note)| process(note).is_some())
    };
    eventually("both run", both).await;
    let (said, is_done) = stop(fixture.data.path(), &[id.as_str().unwrap()]).await;
    assert!(is_done && said.contains("  cancelled on web1"), "{said}");
    assert!(!runs(process(&one.1).unwrap()) && runs(process(&other.1).unwrap()));
    fixture.exec("true").await.ok();
}

/// Nobody looks after a detached task whose process was killed, until `stop` does.
#[tokio::test]
async fn a_detached_task_that_nobody_looks_after_is_stopped_truly() {
    let (sshd, data) = (Sshd::start(), directory());
    let client = Client::spawned(data.path(), &[]).await;
    client.register(sshd.login("web1")).await;
    let note = PathBuf::from(sshd.home("pid"));
    let cmd = endless(note.to_str().unwrap());
    let run = json!({"alias": "web1", "cmd": cmd, "detach": true});
    client.call("task_exec", run).await.ok();
    eventually("it runs", || process(&note).is_some()).await;
    client.kill().await;
    assert!(runs(process(&note).unwrap()));
    let (said, is_done) = stop(data.path(), &[]).await;
    assert!(is_done && said.contains("  cancelled on web1"), "{said}");
    let process = process(&note).unwrap();
    eventually("its process ends", || !runs(process)).await;
    // Another start changes nothing.
    let client = Client::spawned(data.path(), &[]).await;
    client.exec("web1", "true").await.error("HELD");
}

#[tokio::test]
async fn an_open_tunnel_is_closed() {
    let fixture = Fixture::start().await;
    let open = json!({"alias": "web1", "to": format!("127.0.0.1:{}", fixture.server.port)});
    fixture.client.call("tunnel_open", open).await.ok();
    stop(fixture.data.path(), &[]).await;
    let mut closed = false;
    for _ in 0..100 {
        let listed = fixture.client.call("tunnel_list", json!({})).await.ok();
        closed = listed.facts().to_string().contains("is held by");
        if closed {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    assert!(closed);
}

#[tokio::test]
async fn records_and_the_audit_trail_say_who_acted() {
    let (sshd, data) = (Sshd::start(), directory());
    let mut command = binary();
    command
        .arg(format!("--data-dir={}", data.path().display()))
        .env("MCP_ACTOR", "Ann");
    let client = Client::over(command).await;
    client.register(sshd.login("web1")).await;
    let ran = client.exec("web1", "true").await.ok();
    let id = ran.facts()["id"].clone();
    let status = json!({"id": id, "verbose": true});
    let status = client.call("task_status", status).await.ok();
    let actor = &status.facts()["actor"];
    assert_eq!(actor["name"], "Ann", "{}", status.facts());
    assert!(
        actor["user"].is_string() && actor["client"].is_string(),
        "{actor}"
    );
    let audit = std::fs::read_to_string(data.path().join("audit.jsonl")).unwrap();
    assert!(audit.contains(r#""name":"Ann""#), "{audit}");
}
