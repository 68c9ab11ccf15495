//! Roll-outs of files: put back where one fails, taken up by a retry, and killed in the middle.

use std::fs;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use crate::helper::{
    Answer, Client, Fault, Fleet, directory, eventually, if_slow, noise, part_bytes, write,
};

/// Files of the tree that is rolled out.
const FILES: usize = 150;

/// A tree to roll out, of which every server has the old content, in `app`.
fn plant(fleet: &Fleet, tree: &Path) {
    for number in 0..FILES {
        write(tree.join(format!("f{number}")), "new");
        for path in fleet.paths(&format!("app/f{number}")) {
            write(path, "old content");
        }
    }
    write(tree.join("added"), "new");
}

fn roll_out(tree: &Path, more: &Value) -> Value {
    let mut arguments =
        json!({"alias": "all", "direction": "upload", "local": tree, "remote": "app"});
    let more = more.as_object().unwrap().clone();
    arguments.as_object_mut().unwrap().extend(more);
    arguments
}

/// Asserts that a server has the old content, and nothing else.
fn assert_old(fleet: &Fleet, said: &str) {
    for app in fleet.paths("app") {
        for number in 0..FILES {
            let is = fs::read_to_string(app.join(format!("f{number}"))).unwrap();
            assert_eq!(is, "old content", "{}: {said}", app.display());
        }
        // A killed process leaves part files, which are hidden.
        let names = fs::read_dir(&app).unwrap();
        let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let count = names.filter(|name| !name.starts_with('.')).count();
        assert_eq!(count, FILES, "{}: {said}", app.display());
    }
}

fn first_line(answer: &Answer) -> &str {
    answer.text().lines().next().unwrap()
}

#[tokio::test]
async fn transfers_are_put_back_where_a_check_fails() {
    let (fleet, here) = (Fleet::of(4).await, directory());
    plant(&fleet, here.path());
    fs::write(&fleet.paths("broken")[2], "").unwrap();
    let check = json!({"check": "test ! -e broken && test -e app/added", "onFailure": "undo"});
    let transfer = roll_out(here.path(), &check);
    let answer = fleet.client.call("task_transfer", transfer).await.ok();
    assert!(
        first_line(&answer).starts_with(
            "stopped after 1 failure: done on 2 of 4 servers, failed on 1, not begun on 1; put back on 3 in "
        ),
        "{}",
        answer.text()
    );
    assert_old(&fleet, answer.text());
}

#[tokio::test]
async fn transfers_are_put_back_where_one_comes_through_in_part() {
    let (fleet, here) = (Fleet::of(3).await, directory());
    plant(&fleet, here.path());
    // It takes no file of that name.
    let in_the_way = &fleet.paths("app/added")[1];
    fs::create_dir(in_the_way).unwrap();
    let transfer = roll_out(here.path(), &json!({"onFailure": "undo"}));
    let answer = fleet.client.call("task_transfer", transfer).await.ok();
    assert!(
        first_line(&answer).starts_with("done on 2 of 3 servers, failed on 1; put back on 3 in "),
        "{}",
        answer.text()
    );
    fs::remove_dir(in_the_way).unwrap();
    assert_old(&fleet, answer.text());
}

#[tokio::test]
async fn a_roll_out_that_is_killed_during_a_check_can_be_undone() {
    let here = directory();
    for by_transfer in [true, false] {
        let fleet = Fleet::of(3).await;
        plant(&fleet, here.path());
        fs::write(&fleet.paths("slow")[1], "").unwrap();
        let check = "test ! -e slow || { touch running; sleep 600; }";
        let more = json!({"check": check, "onFailure": "undo"});
        let (tool, mut arguments) = if by_transfer {
            ("task_transfer", roll_out(here.path(), &json!({})))
        } else {
            let change = json!({"alias": "all", "path": "app/f0", "content": "new"});
            ("file_write", change)
        };
        let more = more.as_object().unwrap().clone();
        arguments.as_object_mut().unwrap().extend(more);
        let client = Client::spawned(fleet.data.path(), &["--sync-timeout=0.01"]).await;
        let begun = client.call(tool, arguments).await.ok();
        let id = json!({"id": begun.facts()["id"]});
        eventually("the check runs", || !fleet.with_file("running").is_empty()).await;
        client.kill().await;
        let shown = fleet.client.call("task_status", id.clone()).await.ok();
        shown.has(&json!({
            "status": "crashed",
            "servers": "done on 1 of 3 servers, under way when its process ended on 1, not begun on 1",
        }));
        let changed = |number: usize| fs::read_to_string(&fleet.paths("app/f0")[number]).unwrap();
        assert_eq!([0, 1, 2].map(changed), ["new", "new", "old content"]);
        let undone = fleet.client.call("undo", id).await.ok();
        assert_old(&fleet, undone.text());
    }
}

#[tokio::test]
async fn a_roll_out_that_is_killed_while_it_is_put_back_can_be_undone() {
    for _ in 0..if_slow(10, 1) {
        let (fleet, here) = (Fleet::of(3).await, directory());
        plant(&fleet, here.path());
        fs::write(&fleet.paths("broken")[2], "").unwrap();
        let client = Client::spawned(fleet.data.path(), &[]).await;
        let more = json!({"check": "test ! -e broken", "onFailure": "undo", "background": true});
        let transfer = roll_out(here.path(), &more);
        let begun = client.call("task_transfer", transfer).await.ok();
        let id = json!({"id": begun.facts()["id"]});
        let files: Vec<_> = (0..FILES)
            .map(|number| fleet.paths(&format!("app/f{number}"))[0].clone())
            .collect();
        let mut was_new = false;
        eventually("a file has its old content again", || {
            let is_new = |path| fs::read_to_string(path).unwrap() == "new";
            was_new |= files.iter().all(is_new);
            was_new && !files.iter().all(is_new)
        })
        .await;
        client.kill().await;
        let shown = fleet.client.call("task_status", id.clone()).await.ok();
        let servers = shown.facts()["servers"].as_str().unwrap();
        assert!(
            servers.starts_with("done on 2 of 3 servers, failed on 1; ")
                && servers.contains("put back on"),
            "{servers}"
        );
        let undone = fleet.client.call("undo", id).await.ok();
        assert_old(&fleet, undone.text());
    }
}

#[tokio::test]
async fn a_retried_roll_out_goes_on_from_the_parts_of_each_server() {
    let fleet = Fleet::configured(2, |config| {
        config.reconnect_patience = Duration::from_millis(300);
        config.sync_timeout = Duration::from_millis(1);
    })
    .await;
    let here = directory();
    let content = noise(96 * 1024 * 1024);
    fs::write(here.path().join("big"), &content).unwrap();
    let arguments = json!({
        "alias": "all", "direction": "upload", "local": here.path().join("big"), "remote": "target",
    });
    let homes: Vec<_> = fleet.hosts.iter().map(|host| host.home.path()).collect();
    let mut begun = fleet.client.call("task_transfer", arguments).await.ok();
    // The second try fails as well, and leaves more.
    for mark in [40, 64] {
        let mut is_cut = [false; 2];
        eventually("a good part has arrived on each", || {
            for (host, is_cut) in fleet.hosts.iter().zip(&mut is_cut) {
                if !*is_cut && part_bytes(host.home.path()) > mark * 1024 * 1024 {
                    host.set_fault(Fault::HangUp);
                    host.cut();
                    *is_cut = true;
                }
            }
            is_cut == [true; 2]
        })
        .await;
        let id = json!({"id": begun.facts()["id"]});
        let ended = fleet.client.call("task_wait", id.clone()).await.ok();
        ended.has(&json!({"status": "failed"}));
        for host in &fleet.hosts {
            host.set_fault(Fault::None);
        }
        begun = fleet.client.call("task_retry", id).await.ok();
    }
    let ended = fleet.client.wait(&begun.facts()["id"]).await.ok();
    assert!(
        first_line(&ended).starts_with("done on 2 of 2 servers in "),
        "{}",
        ended.text()
    );
    for (child, home) in ended.facts()["children"]
        .as_array()
        .unwrap()
        .iter()
        .zip(homes)
    {
        let child = json!({"id": child["task"], "verbose": true});
        let child = fleet.client.call("task_status", child).await.ok();
        assert!(
            child.facts()["resumedBytes"].as_u64() > Some(40 * 1024 * 1024),
            "{}",
            child.text()
        );
        assert!(fs::read(home.join("target")).unwrap() == content);
        assert_eq!(part_bytes(home), 0, "no litter");
    }
}
