//! This program's own files: transfers neither give them away nor replace them.

use std::path::Path;

use serde_json::{Value, json};

use crate::helper::{Client, EmbeddedServer, Fixture, directory, text};

fn transfer(direction: &str, local: &Path, remote: &str) -> Value {
    json!({"alias": "web1", "direction": direction, "local": local, "remote": remote})
}

/// The contents of the data directory's files that decide what is allowed.
fn decisive(data: &Path) -> Vec<Option<Vec<u8>>> {
    ["servers.json", "secret.key", "policies.json", ".env", "new"]
        .map(|name| std::fs::read(data.join(name)).ok())
        .into()
}

#[tokio::test]
async fn they_stay_out_of_transfers_under_every_name() {
    let fixture = Fixture::embedded().await;
    let (data, names) = (fixture.data.path(), directory());
    let link = names.path().join("link");
    std::os::unix::fs::symlink(data, &link).unwrap();
    let key = names.path().join("key");
    std::os::unix::fs::symlink(data.join("servers.json"), &key).unwrap();
    std::fs::write(fixture.server.home.path().join("servers.json"), "{}").unwrap();
    let before = decisive(data);
    for local in [
        data.join("servers.json"),
        link.join("servers.json"),
        names
            .path()
            .join("..")
            .join(data.file_name().unwrap())
            .join("servers.json"),
        key,
        data.to_owned(),
        link.clone(),
    ] {
        for direction in ["upload", "download"] {
            let call = transfer(direction, &local, "servers.json");
            let error = fixture.client.call("task_transfer", call).await;
            let error = error.error("PATH_NOT_ALLOWED");
            let message = error["message"].as_str().unwrap();
            assert!(message.contains("own files"), "{local:?}: {message}");
        }
    }
    for name in ["policies.json", ".env", "new"] {
        let call = transfer("download", &link.join(name), "servers.json");
        fixture
            .client
            .call("task_transfer", call)
            .await
            .error("PATH_NOT_ALLOWED");
    }
    let files = json!([{"local": text(&data.join("*.json")), "remote": "stolen/"}]);
    let several = json!({"alias": "web1", "direction": "upload", "files": files});
    let answer = fixture.client.call("task_transfer_multi", several).await;
    answer.error("PATH_NOT_ALLOWED");
    assert_eq!(decisive(data), before);
    let there = std::fs::read(fixture.server.home.path().join("servers.json")).unwrap();
    assert_eq!(there, b"{}");
    assert!(!fixture.server.home.path().join("stolen").exists());
}

#[tokio::test]
async fn a_tree_around_them_goes_without_them() {
    let (around, there) = (directory(), directory());
    let data = around.path().join("data");
    std::fs::create_dir(&data).unwrap();
    std::fs::write(around.path().join("other"), "other").unwrap();
    let server = EmbeddedServer::start(there.path(), None).await.unwrap();
    let client = Client::in_process(&data, |_| {}).await;
    client.add("web1", &server).await;
    let call = transfer("upload", around.path(), "tree");
    let answer = client.call("task_transfer", call).await;
    assert_eq!(answer.facts()["status"], "partial", "{}", answer.text());
    let tree = there.path().join("tree");
    assert_eq!(std::fs::read(tree.join("other")).unwrap(), b"other");
    assert!(!tree.join("data/servers.json").exists());
    assert!(answer.text().contains("own files"), "{}", answer.text());

    let before = decisive(&data);
    std::fs::create_dir_all(tree.join("data/outputs")).unwrap();
    for name in ["data/servers.json", "data/new", "data/outputs/new", "other"] {
        std::fs::write(tree.join(name), "from the server").unwrap();
    }
    let call = transfer("download", around.path(), "tree");
    let answer = client.call("task_transfer", call).await;
    assert_eq!(answer.facts()["status"], "partial", "{}", answer.text());
    assert_eq!(decisive(&data), before);
    assert!(!data.join("outputs/new").exists());
    let other = std::fs::read(around.path().join("other")).unwrap();
    assert_eq!(other, b"from the server");
}

/// A hard link to one of them is neither read nor written.
#[tokio::test]
async fn they_stay_out_of_transfers_by_hard_links() {
    let fixture = Fixture::embedded().await;
    let (data, names) = (fixture.data.path(), directory());
    let link = names.path().join("link");
    std::fs::hard_link(data.join("servers.json"), &link).unwrap();
    std::fs::write(fixture.server.home.path().join("evil"), "{}").unwrap();
    let before = decisive(data);
    for (direction, remote, in_place) in [
        ("upload", "stolen", false),
        ("download", "evil", false),
        ("download", "evil", true),
    ] {
        let mut call = transfer(direction, &link, remote);
        call["inPlace"] = in_place.into();
        let error = fixture.client.call("task_transfer", call).await;
        let error = error.error("TRANSFER_FAILED").to_string();
        assert!(error.contains("own files"), "{direction}: {error}");
    }
    assert_eq!(decisive(data), before);
    assert!(!fixture.server.home.path().join("stolen").exists());
    // A file of the user's own may have two names.
    std::fs::write(names.path().join("one"), "mine").unwrap();
    std::fs::hard_link(names.path().join("one"), names.path().join("two")).unwrap();
    let call = transfer("upload", &names.path().join("two"), "mine");
    fixture.client.call("task_transfer", call).await.ok();
}
