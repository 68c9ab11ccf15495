//! The same call on several servers: a parent with a child on each.

use std::fs;

use serde_json::{Value, json};

use crate::helper::{Answer, Client, EmbeddedHost, Fault, Fleet, directory, eventually, login_of};

/// The state of each server in the record of a task on several.
fn statuses(answer: &Answer) -> Vec<String> {
    let children = answer.facts()["children"].as_array().unwrap().iter();
    let status = |child: &Value| child["status"].as_str().unwrap_or("none").to_owned();
    children.map(status).collect()
}

#[tokio::test]
async fn one_answer_tells_what_all_servers_said() {
    let fleet = Fleet::of(3).await;
    for servers in ["w1,w2,w3", "w*", "all", "[\"w1\",\"w2\",\"w3\"]"] {
        let answer = fleet
            .exec(servers, "echo same; exit 0", json!({}))
            .await
            .ok();
        let first = answer.text().lines().next().unwrap();
        assert!(first.starts_with("done on 3 of 3 servers in "), "{first}");
        let said = answer.text().lines().filter(|line| *line == "same");
        assert_eq!(said.count(), 1, "{}", answer.text());
        assert_eq!(statuses(&answer), ["completed"; 3]);
    }
    let array = json!({"alias": ["w2", "w3"], "cmd": "uname"});
    let answer = fleet.client.call("task_exec", array).await.ok();
    assert!(
        answer.text().starts_with("done on 2 of 2 servers in "),
        "{}",
        answer.text()
    );
    // A plain alias is answered as ever.
    let single = fleet.exec("w1", "echo same", json!({})).await.ok();
    assert!(single.text().starts_with("exit 0 in "), "{}", single.text());
}

#[tokio::test]
async fn the_parent_stands_for_its_children_in_lists() {
    let fleet = Fleet::of(3).await;
    let answer = fleet
        .exec(
            "all",
            "echo from $PWD; ls no-such-file",
            json!({"stopAfter": "100%"}),
        )
        .await
        .ok();
    assert!(
        answer
            .text()
            .starts_with("done on 0 of 3 servers, failed on 3 in "),
        "{}",
        answer.text()
    );
    let id = &answer.facts()["id"];
    let client = &fleet.client;
    let count = async |arguments: Value| {
        let listed = client.call("task_queue", arguments).await.ok();
        listed.facts()["total"].as_u64().unwrap()
    };
    assert_eq!(count(json!({})).await, 1);
    assert_eq!(count(json!({"parent": id})).await, 3);
    assert_eq!(count(json!({"alias": "w2"})).await, 1);
    let history = client.call("task_history", json!({})).await.ok();
    assert_eq!(history.facts()["total"], 1);
    assert_eq!(history.facts()["entries"][0]["alias"], "all");
    let stats = client.call("queue_stats", json!({})).await.ok();
    assert_eq!(stats.facts()["stats"]["total"], 1);
    let shown = client.call("task_status", json!({"id": id})).await.ok();
    assert_eq!(
        shown.facts()["servers"],
        "done on 0 of 3 servers, failed on 3"
    );
    assert_eq!(shown.facts()["children"][1]["alias"], "w2");
    assert_eq!(shown.facts()["children"][1]["state"], "failed");
    assert!(
        shown.text().contains("alias w2, state failed, task "),
        "{}",
        shown.text()
    );
}

#[tokio::test]
async fn the_output_of_one_server_is_shown_by_its_alias() {
    let fleet = Fleet::of(2).await;
    for (path, content) in fleet.paths("name").iter().zip(["one", "two"]) {
        fs::write(path, content).unwrap();
    }
    let answer = fleet.exec("all", "cat name", json!({})).await.ok();
    let id = &answer.facts()["id"];
    let output = |arguments: Value| fleet.client.call("task_output", arguments);
    let second = output(json!({"id": id, "alias": "w2"})).await.ok();
    assert_eq!(second.facts()["text"], "two");
    let whole = output(json!({"id": id})).await.ok();
    assert_eq!(whole.text(), answer.text());
    for (alias, problem) in [
        ("w3", "none of the servers"),
        ("all", "none of the servers"),
    ] {
        let refused = output(json!({"id": id, "alias": alias})).await;
        let message = refused.error("INVALID_ARGUMENT")["message"].to_string();
        assert!(message.contains(problem), "{message}");
    }
    let child = answer.facts()["children"][0]["task"].clone();
    let refused = output(json!({"id": child, "alias": "w2"})).await;
    let message = refused.error("INVALID_ARGUMENT")["message"].to_string();
    assert!(message.contains("ran on `w1`"), "{message}");
    output(json!({"id": child, "alias": "w1"})).await.ok();
}

#[tokio::test]
async fn one_refused_server_stops_a_change_and_not_a_question() {
    let fleet = Fleet::of(2).await;
    let extra = EmbeddedHost::start().await;
    let mut seen = login_of(0, &extra);
    seen["alias"] = "seen".into();
    seen["readonly"] = true.into();
    fleet.client.register(seen).await;
    let refused = fleet.exec("w1,seen,w2", "touch made", json!({})).await;
    let error = refused.error("READ_ONLY");
    let message = error["message"].as_str().unwrap();
    assert!(
        message.starts_with("nothing was begun, because it is refused on 1 of 3 servers (`seen`)"),
        "{message}"
    );
    assert_eq!(fleet.with_file("made"), Vec::<usize>::new());
    let asked = fleet.exec("w1,seen,w2", "uname", json!({})).await.ok();
    assert!(
        asked
            .text()
            .starts_with("done on 2 of 3 servers, refused on 1 in "),
        "{}",
        asked.text()
    );
    assert!(asked.text().contains("read-only"), "{}", asked.text());
    let blocked = fleet.exec("all", "rm -rf /", json!({})).await;
    blocked.error("POLICY_BLOCKED");
    let unknown = fleet.exec("w1,w9", "uname", json!({})).await;
    unknown.error("UNKNOWN_ALIAS");
    let check = fleet
        .exec("w1,w2", "touch made", json!({"check": "rm -rf /"}))
        .await;
    check.error("POLICY_BLOCKED");
    assert_eq!(fleet.with_file("made"), Vec::<usize>::new());
}

#[tokio::test]
async fn a_silent_server_keeps_nobody_from_the_answers_of_the_others() {
    let fleet = Fleet::of(4).await;
    fleet.hosts[2].set_fault(Fault::Mute);
    let mut login = login_of(2, &fleet.hosts[2]);
    login["connectTimeout"] = 1.into();
    fleet.client.register(login).await;
    fleet.hosts[3].set_fault(Fault::HangUp);
    let answer = fleet.exec("all", "echo hello", json!({})).await.ok();
    assert!(
        answer
            .text()
            .starts_with("done on 2 of 4 servers, failed on 2 in "),
        "{}",
        answer.text()
    );
    assert!(answer.text().contains("hello"), "{}", answer.text());
    let children = &answer.facts()["children"];
    assert_eq!(children[2]["errorCode"], "CONNECTION_FAILED");
    assert_eq!(children[3]["errorCode"], "CONNECTION_FAILED");
}

#[tokio::test]
async fn cancelling_the_parent_stops_every_child() {
    let fleet = Fleet::of(3).await;
    let begun = fleet
        .exec(
            "all",
            "touch begun; sleep 600",
            json!({"background": true, "detach": false}),
        )
        .await
        .ok();
    assert!(begun.text().starts_with("running for "), "{}", begun.text());
    let id = &begun.facts()["id"];
    eventually("all have begun", || fleet.with_file("begun").len() == 3).await;
    let cancelled = fleet
        .client
        .call("task_cancel", json!({"id": id}))
        .await
        .ok();
    assert!(
        cancelled
            .text()
            .starts_with("cancelled: done on 0 of 3 servers, cancelled on 3 in "),
        "{}",
        cancelled.text()
    );
    assert!(
        cancelled
            .text()
            .contains("the command was stopped on the server"),
        "{}",
        cancelled.text()
    );
    assert_eq!(cancelled.facts()["status"], "cancelled");
}

#[tokio::test]
async fn a_retry_takes_only_the_servers_that_need_it() {
    let fleet = Fleet::of(7).await;
    fs::write(&fleet.paths("broken")[2], "").unwrap();
    let cmd = "echo run >> runs; test ! -e broken";
    let first = fleet.exec("all", cmd, json!({"atOnce": 1})).await.ok();
    assert!(
        first.text().starts_with(
            "stopped after 1 failure: done on 2 of 7 servers, failed on 1, not begun on 4 in "
        ),
        "{}",
        first.text()
    );
    assert_eq!(fleet.with_file("runs"), [1, 2, 3]);
    fs::remove_file(&fleet.paths("broken")[2]).unwrap();
    let again = fleet
        .client
        .call("task_retry", json!({"id": first.facts()["id"]}))
        .await
        .ok();
    assert!(
        again.text().starts_with("done on 5 of 5 servers in "),
        "{}",
        again.text()
    );
    assert_eq!(again.facts()["retriedFrom"], first.facts()["id"]);
    let runs = fleet.paths("runs").into_iter();
    let runs: Vec<_> = runs
        .map(|path| fs::read_to_string(&path).unwrap().lines().count())
        .collect();
    assert_eq!(runs, [1, 1, 2, 1, 1, 1, 1]);
    let done = fleet
        .client
        .call("task_retry", json!({"id": again.facts()["id"]}))
        .await;
    done.error("NOT_RETRYABLE");
}

#[tokio::test]
async fn each_child_goes_on_detached_on_its_server() {
    let fleet = Fleet::of(2).await;
    let begun = fleet
        .exec(
            "all",
            "while ! test -e go; do sleep 0.1; done; echo over",
            json!({"background": true}),
        )
        .await
        .ok();
    assert!(begun.text().starts_with("running for "), "{}", begun.text());
    let life = "go on detached on their servers";
    assert!(begun.text().contains(life), "{}", begun.text());
    for path in fleet.paths("go") {
        fs::write(path, "").unwrap();
    }
    let ended = fleet.client.wait(&begun.facts()["id"]).await.ok();
    assert!(
        ended.text().starts_with("done on 2 of 2 servers in "),
        "{}",
        ended.text()
    );
    assert!(ended.text().contains("over"), "{}", ended.text());
}

#[tokio::test]
async fn prompts_are_answered_by_server() {
    let fleet = Fleet::of(2).await;
    let cmd = "printf 'Name: '; read name; printf 'Sure? '; read sure; echo $name $sure > answers";
    let arguments = json!({
        "alias": "all", "cmd": cmd,
        "responses": {"Sure?": "yes", "w1": {"Name:": "one"}, "w2": {"Name:": "two", "Sure?": "no"}},
    });
    let answer = fleet
        .client
        .call("task_exec_interactive", arguments.clone())
        .await
        .ok();
    assert!(
        answer.text().starts_with("done on 2 of 2 servers in "),
        "{}",
        answer.text()
    );
    let written: Vec<_> = fleet
        .paths("answers")
        .iter()
        .map(|path| fs::read_to_string(path).unwrap())
        .collect();
    assert_eq!(written, ["one yes\n", "two no\n"]);
    for (servers, problem) in [
        ("w1", "names one"),
        ("w1,w1*", "none of the servers of this call"),
    ] {
        let mut arguments = arguments.clone();
        arguments["alias"] = servers.into();
        let refused = fleet.client.call("task_exec_interactive", arguments).await;
        let message = refused.error("INVALID_ARGUMENT")["message"].to_string();
        assert!(message.contains(problem), "{message}");
    }
}

#[tokio::test]
async fn a_sequence_runs_on_each() {
    let fleet = Fleet::of(2).await;
    let arguments = json!({"alias": "w1,w2", "commands": ["mkdir -p a", "cd a", "touch b"]});
    let answer = fleet
        .client
        .call("task_exec_sequence", arguments)
        .await
        .ok();
    assert!(
        answer.text().starts_with("done on 2 of 2 servers in "),
        "{}",
        answer.text()
    );
    assert_eq!(fleet.with_file("a/b"), [1, 2]);
}

#[tokio::test]
async fn files_go_to_all_and_come_back_to_a_place_for_each() {
    let fleet = Fleet::of(2).await;
    let here = directory();
    fs::write(here.path().join("up"), "up").unwrap();
    let transfer = |direction: &str, local: &str| {
        let local = here.path().join(local);
        let arguments =
            json!({"alias": "all", "direction": direction, "local": local, "remote": "up"});
        fleet.client.call("task_transfer", arguments)
    };
    let up = transfer("upload", "up").await.ok();
    assert!(
        up.text().starts_with("done on 2 of 2 servers in "),
        "{}",
        up.text()
    );
    assert_eq!(fleet.with_file("up"), [1, 2]);
    let refused = transfer("download", "down").await.error("INVALID_ARGUMENT");
    assert!(
        refused["message"].as_str().unwrap().contains("{alias}"),
        "{refused}"
    );
    transfer("download", "down/{alias}.txt").await.ok();
    let come: Vec<_> = ["w1", "w2"]
        .map(|name| fs::read_to_string(here.path().join(format!("down/{name}.txt"))).unwrap())
        .into();
    assert_eq!(come, ["up", "up"]);
}

#[tokio::test]
async fn the_audit_names_every_server_and_its_task() {
    let fleet = Fleet::of(2).await;
    let answer = fleet.exec("w*", "touch a", json!({})).await.ok();
    let trail = fs::read_to_string(fleet.data.path().join("audit.jsonl")).unwrap();
    let entry = |event: &str| -> Value {
        let lines = trail.lines().filter(|line| line.contains("\"task_exec\""));
        let mut entries = lines.map(|line| serde_json::from_str::<Value>(line).unwrap());
        entries.find(|entry| entry["event"] == event).unwrap()
    };
    assert_eq!(entry("begun")["servers"], json!(["w1", "w2"]));
    let ended = entry("ended");
    for child in answer.facts()["children"].as_array().unwrap() {
        let alias = child["alias"].as_str().unwrap();
        let expected = format!("done {}", child["task"].as_str().unwrap());
        assert_eq!(ended["children"][alias], expected);
    }
}

/// After `kill -9` the parent says how far it came: by the records of its children.
#[tokio::test]
async fn a_killed_parent_says_truly_how_far_it_came() {
    let fleet = Fleet::of(4).await;
    let client = Client::spawned(fleet.data.path(), &[]).await;
    let cmd = "echo run >> runs; test ! -e slow || sleep 600";
    fs::write(&fleet.paths("slow")[2], "").unwrap();
    let arguments =
        json!({"alias": "all", "cmd": cmd, "atOnce": 1, "background": true, "detach": false});
    let begun = client.call("task_exec", arguments).await.ok();
    eventually("the third has begun", || fleet.with_file("runs").len() == 3).await;
    client.kill().await;
    let parent = json!({"id": begun.facts()["id"]});
    let shown = fleet.client.call("task_status", parent.clone()).await.ok();
    shown.has(&json!({
        "status": "crashed",
        "servers": "done on 2 of 4 servers, under way when its process ended on 1, not begun on 1",
    }));
    let again = fleet.client.call("task_retry", parent);
    for path in fleet.paths("slow") {
        let _ = fs::remove_file(path);
    }
    let again = again.await.ok();
    assert!(
        again.text().starts_with("done on 2 of 2 servers in "),
        "{}",
        again.text()
    );
}
