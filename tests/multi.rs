//! `task_transfer_multi`: patterns on either side, and what comes of each file.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::{Value, json};

use crate::helper::{Answer, Client, Sshd, assert_has, directory, text};

async fn on_sshd() -> (Sshd, Client, crate::helper::Folder) {
    let (sshd, data) = (Sshd::start(), directory());
    let client = Client::spawned(data.path(), &[]).await;
    client.register(sshd.login("web1")).await;
    (sshd, client, data)
}

async fn transfer(client: &Client, direction: &str, files: Value) -> Answer {
    let arguments = json!({"alias": "web1", "direction": direction, "files": files});
    client.call("task_transfer_multi", arguments).await
}

/// The files below a directory, by relative path, each with its content.
fn files_below(root: &Path) -> BTreeSet<(String, String)> {
    let mut found = BTreeSet::new();
    let mut pending = vec![root.to_owned()];
    while let Some(directory) = pending.pop() {
        for entry in std::fs::read_dir(directory).unwrap().flatten() {
            if entry.path().is_dir() {
                pending.push(entry.path());
            } else {
                let name = entry
                    .path()
                    .strip_prefix(root)
                    .unwrap()
                    .to_str()
                    .unwrap()
                    .to_owned();
                found.insert((name, std::fs::read_to_string(entry.path()).unwrap()));
            }
        }
    }
    found
}

fn make(root: &Path, names: &[&str]) {
    for name in names {
        let path = root.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, format!("content of {name}")).unwrap();
    }
}

fn expected(names: &[&str]) -> BTreeSet<(String, String)> {
    names
        .iter()
        .map(|name| ((*name).to_owned(), format!("content of {name}")))
        .collect()
}

const NAMES: [&str; 7] = [
    "app.log",
    "db.log",
    "notes.txt",
    "sub/deep.log",
    "a.json",
    "x/y/b.json",
    ".hidden.json",
];

#[tokio::test]
async fn the_documented_patterns_go_both_ways() {
    let (sshd, client, _data) = on_sshd().await;
    let here = directory();
    make(here.path(), &NAMES);
    let (logs, configs) = (sshd.home("up/logs/"), sshd.home("up/configs/"));
    let source = text(here.path());
    let files = json!([
        {"local": format!("{source}/*.log"), "remote": logs},
        {"local": format!("{source}/**/*.json"), "remote": configs},
    ]);
    let sent = transfer(&client, "upload", files).await.ok();
    sent.has(&json!({"status": "completed", "filesDone": 4}));
    assert_eq!(
        files_below(Path::new(&logs)),
        expected(&["app.log", "db.log"])
    );
    assert_eq!(
        files_below(Path::new(&configs)),
        expected(&["a.json", "x/y/b.json"])
    );
    assert_eq!(sent.facts()["files"][0]["remote"], logs);

    let back = directory();
    let target = format!("{}/", text(back.path()));
    let files =
        json!([{"local": target, "remote": format!("{}/{{*.txt,**/*.json}}", text(here.path()))}]);
    let fetched = transfer(&client, "download", files).await.ok();
    assert_eq!(fetched.facts()["filesDone"], 3, "{}", fetched.text());
    assert_eq!(
        files_below(back.path()),
        expected(&["a.json", "notes.txt", "x/y/b.json"])
    );
}

#[tokio::test]
async fn plain_paths_and_trees_are_taken_as_they_are() {
    let (sshd, client, _data) = on_sshd().await;
    let here = directory();
    make(here.path(), &["tree/a", "tree/b/c", "what[1]?"]);
    let (tree, odd) = (sshd.home("tree"), sshd.home("odd/"));
    let source = text(here.path());
    let files = json!([
        {"local": format!("{source}/tree"), "remote": tree},
        {"local": format!("{source}/what[1]?"), "remote": odd},
    ]);
    transfer(&client, "upload", files).await.ok();
    assert_eq!(files_below(Path::new(&tree)).len(), 2);
    assert_eq!(files_below(Path::new(&odd)), expected(&["what[1]?"]));
    let back = directory();
    let files =
        json!([{"local": format!("{}/", text(back.path())), "remote": format!("{odd}what[1]?")}]);
    transfer(&client, "download", files).await.ok();
    assert_eq!(files_below(back.path()), expected(&["what[1]?"]));
}

#[tokio::test]
async fn what_fails_is_named_and_the_rest_arrives() {
    let (sshd, client, _data) = on_sshd().await;
    let here = directory();
    make(here.path(), &["a.txt"]);
    let target = sshd.home("some/");
    let source = text(here.path());
    let none = format!("{source}/*.none");
    let files = json!([
        {"local": format!("{source}/*.txt"), "remote": target},
        {"local": none, "remote": target},
        {"local": format!("{source}/[a"), "remote": target},
    ]);
    let partly = transfer(&client, "upload", files).await.ok();
    let facts = partly.facts();
    assert_has(facts, &json!({"status": "partial", "filesDone": 1}));
    let failed = facts["failedFiles"].as_array().unwrap();
    assert_eq!(
        (&failed[0]["file"], &failed[0]["error"]),
        (&json!(none), &json!("no file matches"))
    );
    assert_eq!(failed.len(), 2);
    let retried = client
        .call("task_retry", json!({"id": facts["id"]}))
        .await
        .ok();
    assert_eq!(retried.facts()["status"], "partial");
    let files = json!([{"local": target, "remote": "/none/*"}]);
    transfer(&client, "download", files)
        .await
        .error("TRANSFER_FAILED");
    transfer(&client, "upload", json!([]))
        .await
        .error("INVALID_ARGUMENT");
    let misspelt = json!([{"local": "a", "remot": "b"}]);
    transfer(&client, "upload", misspelt)
        .await
        .error("INVALID_ARGUMENT");
}
