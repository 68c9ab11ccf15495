//! A change of several servers that stops early.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::helper::{Answer, Client, Fleet, directory, eventually};

fn first_line(answer: &Answer) -> &str {
    answer.text().lines().next().unwrap()
}

/// Runs a command that leaves `ran` on each server, and fails where `broken` is.
async fn roll_out(fleet: &Fleet, more: Value) -> Answer {
    fleet
        .exec("all", "touch ran; test ! -e broken", more)
        .await
        .ok()
}

fn break_server(fleet: &Fleet, number: usize) {
    fs::write(&fleet.paths("broken")[number - 1], "").unwrap();
}

#[tokio::test]
async fn a_change_of_more_than_five_begins_with_one() {
    let fleet = Fleet::of(6).await;
    break_server(&fleet, 1);
    let answer = roll_out(&fleet, json!({})).await;
    assert!(
        first_line(&answer).starts_with(
            "stopped after 1 failure: done on 0 of 6 servers, failed on 1, not begun on 5 in "
        ),
        "{}",
        answer.text()
    );
    assert_eq!(fleet.with_file("ran"), [1]);
    let answer = roll_out(&fleet, json!({"canary": 2, "stopAfter": 5})).await;
    assert!(
        first_line(&answer).starts_with("stopped, because 1 of the first 2 failed: done on 1 of 6 servers, failed on 1, not begun on 4"),
        "{}",
        answer.text()
    );
    assert_eq!(fleet.with_file("ran"), [1, 2]);
    fs::remove_file(&fleet.paths("broken")[0]).unwrap();
    let answer = roll_out(&fleet, json!({})).await;
    assert!(
        first_line(&answer).starts_with("done on 6 of 6 servers in "),
        "{}",
        answer.text()
    );
}

#[tokio::test]
async fn few_servers_and_questions_are_begun_at_once() {
    let fleet = Fleet::of(6).await;
    break_server(&fleet, 1);
    let few = fleet
        .exec("w1,w2,w3,w4,w5", "touch few; test ! -e broken", json!({}))
        .await
        .ok();
    assert!(
        first_line(&few).starts_with("done on 4 of 5 servers, failed on 1 in "),
        "{}",
        few.text()
    );
    assert_eq!(fleet.with_file("few"), [1, 2, 3, 4, 5]);
    let question = fleet.exec("all", "ls broken", json!({})).await.ok();
    assert!(
        first_line(&question).starts_with("done on 1 of 6 servers, failed on 5 in "),
        "{}",
        question.text()
    );
}

#[tokio::test]
async fn so_many_failures_are_borne() {
    let fleet = Fleet::of(6).await;
    for number in [1, 2, 4] {
        break_server(&fleet, number);
    }
    for (tolerance, ran) in [
        (json!("100%"), 6),
        (json!("50%"), 4),
        (json!(2), 2),
        (json!("20%"), 2),
        (json!("1%"), 1),
    ] {
        for path in fleet.paths("ran") {
            let _ = fs::remove_file(path);
        }
        let more = json!({"stopAfter": tolerance, "atOnce": 1, "canary": 0});
        let answer = roll_out(&fleet, more).await;
        assert_eq!(
            fleet.with_file("ran").len(),
            ran,
            "{tolerance}: {}",
            answer.text()
        );
    }
    for wrong in [
        json!(0),
        json!("0%"),
        json!("101%"),
        json!("some"),
        json!(-1),
    ] {
        let refused = fleet
            .exec("all", "touch x", json!({"stopAfter": wrong}))
            .await;
        assert_eq!(
            refused.error("INVALID_ARGUMENT")["details"]["parameter"],
            "stopAfter"
        );
    }
}

/// The servers of a test share this machine: each notes its beginning and its end in one file.
fn noting(log: &Path) -> String {
    format!(
        "echo begin >> '{0}'; sleep 0.2; echo end >> '{0}'",
        log.display()
    )
}

/// The most that were under way at a time.
fn most_at_once(log: &Path) -> i32 {
    let (mut now, mut most) = (0, 0);
    for line in fs::read_to_string(log).unwrap().lines() {
        now += if line == "begin" { 1 } else { -1 };
        most = most.max(now);
    }
    most
}

#[tokio::test]
async fn no_more_than_asked_for_are_under_way() {
    let (fleet, here) = (Fleet::of(6).await, directory());
    for (name, more, most) in [
        ("two", json!({"atOnce": 2}), 2),
        ("one", json!({"check": "true"}), 1),
        ("waves", json!({"atOnce": 3, "pause": 0.01, "canary": 0}), 3),
    ] {
        let log = here.path().join(name);
        fleet.exec("all", &noting(&log), more).await.ok();
        assert!(
            most_at_once(&log) <= most,
            "{name}: {}",
            fs::read_to_string(&log).unwrap()
        );
        assert_eq!(fs::read_to_string(&log).unwrap().lines().count(), 12);
    }
    // A wave begins once the one before has ended.
    let waves = fs::read_to_string(here.path().join("waves")).unwrap();
    let first: Vec<_> = waves.lines().take(6).collect();
    assert_eq!(first.iter().filter(|line| **line == "end").count(), 3);
}

#[tokio::test]
async fn a_check_has_to_succeed_before_the_next_begins() {
    let fleet = Fleet::of(4).await;
    break_server(&fleet, 2);
    let more = json!({"check": "echo checked; test ! -e broken"});
    let answer = fleet.exec("all", "touch ran", more).await.ok();
    assert!(
        first_line(&answer).starts_with(
            "stopped after 1 failure: done on 1 of 4 servers, failed on 1, not begun on 2 in "
        ),
        "{}",
        answer.text()
    );
    assert!(
        answer.text().contains("the check failed"),
        "{}",
        answer.text()
    );
    assert_eq!(fleet.with_file("ran"), [1, 2]);
}

/// Writes a file on all servers, with more arguments.
async fn write(client: &Client, content: &str, more: Value) -> Answer {
    let mut arguments = json!({"alias": "all", "path": "app.conf", "content": content});
    let more = more.as_object().unwrap().clone();
    arguments.as_object_mut().unwrap().extend(more);
    client.call("file_write", arguments).await.ok()
}

fn contents(fleet: &Fleet) -> Vec<String> {
    fleet
        .paths("app.conf")
        .iter()
        .map(|path| fs::read_to_string(path).unwrap())
        .collect()
}

#[tokio::test]
async fn a_roll_out_that_fails_on_the_seventh_puts_seven_back() {
    let fleet = Fleet::of(20).await;
    for path in fleet.paths("app.conf") {
        fs::write(path, "workers = 4\nport = 80\n").unwrap();
    }
    break_server(&fleet, 7);
    let more = json!({"check": "test ! -e broken", "onFailure": "undo"});
    let answer = write(&fleet.client, "workers = 8\nport = 80\n", more).await;
    assert!(
        first_line(&answer).starts_with(
            "stopped after 1 failure: done on 6 of 20 servers, failed on 1, not begun on 13; put back on 7 in "
        ),
        "{}",
        answer.text()
    );
    assert!(answer.text().len() < 2048, "{}", answer.text());
    assert!(answer.text().contains("w7"), "{}", answer.text());
    assert_eq!(contents(&fleet), ["workers = 4\nport = 80\n"; 20]);
    // A server that was put back is not done: a retry would take it, had the record its text.
    let again = fleet
        .client
        .call("task_retry", json!({"id": answer.facts()["id"]}))
        .await;
    again.error("NOT_RETRYABLE");
}

#[tokio::test]
async fn a_roll_out_is_undone_as_one() {
    let fleet = Fleet::of(3).await;
    for path in fleet.paths("app.conf") {
        fs::write(path, "old\n").unwrap();
    }
    let changed = write(&fleet.client, "new\n", json!({})).await;
    assert!(
        first_line(&changed).starts_with("done on 3 of 3 servers in "),
        "{}",
        changed.text()
    );
    assert_eq!(contents(&fleet), ["new\n"; 3]);
    let list = fleet
        .client
        .call("task_history", json!({"changed": true}))
        .await
        .ok();
    assert_eq!(list.facts()["total"], 1);
    assert_eq!(list.facts()["entries"][0]["jobId"], changed.facts()["id"]);
    let undo = json!({"id": changed.facts()["id"]});
    let undone = fleet.client.call("undo", undo.clone()).await.ok();
    assert!(
        first_line(&undone).starts_with("done on 3 of 3 servers in "),
        "{}",
        undone.text()
    );
    assert_eq!(contents(&fleet), ["old\n"; 3]);
    fleet
        .client
        .call("undo", json!({"id": undone.facts()["id"]}))
        .await
        .ok();
    assert_eq!(contents(&fleet), ["new\n"; 3]);
}

#[tokio::test]
async fn brakes_that_fit_nothing_are_refused() {
    let fleet = Fleet::of(2).await;
    let write = json!({"path": "x", "content": "x"});
    for (tool, servers, own, brake, value) in [
        (
            "task_exec",
            "w1",
            json!({"cmd": "touch x"}),
            "canary",
            json!(1),
        ),
        (
            "task_exec",
            "w1",
            json!({"cmd": "touch x"}),
            "check",
            json!("true"),
        ),
        (
            "task_exec",
            "all",
            json!({"cmd": "touch x"}),
            "atOnce",
            json!(0),
        ),
        (
            "task_exec",
            "all",
            json!({"cmd": "touch x"}),
            "onFailure",
            json!("undo"),
        ),
        (
            "task_exec",
            "all",
            json!({"cmd": "touch x"}),
            "onFailure",
            json!("panic"),
        ),
        (
            "task_exec",
            "all",
            json!({"cmd": "uname"}),
            "check",
            json!("true"),
        ),
        ("file_write", "w1", write, "onFailure", json!("undo")),
    ] {
        let mut arguments = own;
        arguments["alias"] = servers.into();
        arguments[brake] = value;
        let refused = fleet
            .client
            .call(tool, arguments)
            .await
            .error("INVALID_ARGUMENT");
        assert_eq!(refused["details"]["parameter"], brake, "{refused}");
    }
    assert_eq!(fleet.with_file("x"), Vec::<usize>::new());
}

/// A check of its own is no brake.
#[tokio::test]
async fn a_file_s_own_check_still_holds_on_one_server() {
    let fleet = Fleet::of(1).await;
    let arguments = json!({"alias": "w1", "path": "x", "content": "x", "check": "false"});
    let answer = fleet.client.call("file_write", arguments).await;
    assert!(answer.text().contains("check"), "{}", answer.text());
    assert_eq!(fleet.with_file("x"), Vec::<usize>::new());
}

#[tokio::test]
async fn a_roll_out_that_is_cancelled_begins_no_other() {
    let fleet = Fleet::of(3).await;
    let more = json!({"atOnce": 1, "background": true, "detach": false});
    let begun = fleet.exec("all", "touch ran; sleep 600", more).await.ok();
    eventually("the first has begun", || !fleet.with_file("ran").is_empty()).await;
    let id = json!({"id": begun.facts()["id"]});
    let ended = fleet.client.call("task_cancel", id).await.ok();
    assert!(
        first_line(&ended)
            .starts_with("cancelled: done on 0 of 3 servers, cancelled on 1, not begun on 2 in "),
        "{}",
        ended.text()
    );
    assert_eq!(fleet.with_file("ran"), [1]);
}

#[tokio::test]
async fn a_queue_with_room_for_few_tasks_takes_all_children() {
    let fleet = Fleet::configured(6, |config| config.max_queue = 3).await;
    let mut first = None;
    for _ in 0..3 {
        let answer = fleet.exec("all", "uname", json!({})).await.ok();
        assert!(
            first_line(&answer).starts_with("done on 6 of 6 servers in "),
            "{}",
            answer.text()
        );
        let id = &answer.facts()["id"];
        first.get_or_insert(id.clone());
        let output = json!({"id": id, "alias": "w6"});
        fleet.client.call("task_output", output).await.ok();
    }
    // Older ones have left with their children.
    let gone = json!({"id": first.unwrap(), "alias": "w1"});
    fleet
        .client
        .call("task_output", gone)
        .await
        .error("UNKNOWN_TASK");
}
