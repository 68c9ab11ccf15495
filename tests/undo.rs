//! The way back from what tasks have changed.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use crate::helper::{
    Answer, Client, EmbeddedHost, Fixture, Sshd, directory, eventually, login, noise, slow_rounds,
    text,
};

fn mode(path: &Path) -> u32 {
    path.metadata().unwrap().mode() & 0o7777
}

async fn write(client: &Client, path: &Path, content: &str) -> Value {
    let arguments = json!({"alias": "web1", "path": path, "content": content, "createDirs": true});
    let answer = client.call("file_write", arguments).await.ok();
    answer.facts()["id"].clone()
}

async fn undo(client: &Client, id: &Value) -> Answer {
    client.call("undo", json!({"id": id})).await
}

#[tokio::test]
async fn what_was_changed_or_made_is_put_back_and_the_undo_too() {
    let sshds = [
        Sshd::start(),
        Sshd::start_with("Subsystem sftp internal-sftp\nForceCommand internal-sftp"),
    ];
    for sshd in sshds {
        let (fixture, folder) = (Fixture::with(sshd).await, directory());
        let client = &fixture.client;
        let (path, new) = (folder.path().join("file"), folder.path().join("a/b/new"));
        fs::write(&path, "old\r\n\u{e9}").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o641)).unwrap();
        let arguments = json!({"alias": "web1", "path": path, "content": "new", "mode": "0600"});
        let changed = client.call("file_write", arguments).await.ok();
        let changed = &changed.facts()["id"];
        let trial = client
            .call("undo", json!({"id": changed, "dryRun": true}))
            .await
            .ok();
        assert!(
            trial
                .text()
                .starts_with("dry run, nothing was changed: 1 file to restore (task "),
            "{}",
            trial.text()
        );
        assert_eq!(fs::read(&path).unwrap(), b"new");
        let undone = undo(client, changed).await.ok();
        assert!(
            undone.text().starts_with("1 file restored (task "),
            "{}",
            undone.text()
        );
        assert!(!undone.text().contains("old"), "no content is shown");
        assert_eq!(
            (fs::read_to_string(&path).unwrap(), mode(&path)),
            ("old\r\n\u{e9}".into(), 0o641)
        );
        let again = undo(client, changed).await.ok();
        assert!(
            again.text().starts_with("1 file as before already (task "),
            "{}",
            again.text()
        );
        // The undo is a task like any other.
        undo(client, &undone.facts()["id"]).await.ok();
        assert_eq!(
            (fs::read(&path).unwrap(), mode(&path)),
            (b"new".to_vec(), 0o600)
        );
        let made = write(client, &new, "x").await;
        let removed = undo(client, &made).await.ok();
        assert!(
            removed
                .text()
                .starts_with("1 file removed, 2 directories removed (task "),
            "{}",
            removed.text()
        );
        assert!(
            !folder.path().join("a").exists(),
            "nor are the directories left"
        );
        undo(client, &removed.facts()["id"]).await.ok();
        assert_eq!(fs::read(&new).unwrap(), b"x");
    }
}

#[tokio::test]
async fn what_was_changed_since_is_left_alone_unless_forced() {
    let fixture = Fixture::embedded().await;
    let (client, path) = (&fixture.client, fixture.there("file"));
    fs::write(&path, "old").unwrap();
    let changed = write(client, &path, "new").await;
    fs::write(&path, "theirs").unwrap();
    undo(client, &changed).await.error("CHANGED_SINCE");
    assert_eq!(fs::read(&path).unwrap(), b"theirs");
    let trial = client
        .call("undo", json!({"id": changed, "dryRun": true}))
        .await
        .ok();
    assert!(
        trial.text().contains("was changed since"),
        "{}",
        trial.text()
    );
    let forced = client
        .call("undo", json!({"id": changed, "force": true}))
        .await
        .ok();
    assert_eq!(fs::read(&path).unwrap(), b"old");
    undo(client, &forced.facts()["id"]).await.ok();
    assert_eq!(fs::read(&path).unwrap(), b"theirs");
    // A file that is gone meanwhile is put back only if that is wanted.
    let changed = write(client, &path, "new").await;
    fs::remove_file(&path).unwrap();
    undo(client, &changed).await.error("CHANGED_SINCE");
    client
        .call("undo", json!({"id": changed, "force": true}))
        .await
        .ok();
    assert_eq!(fs::read(&path).unwrap(), b"theirs");
    undo(client, &json!("00000000")).await.error("UNKNOWN_TASK");
    let run = client.exec("web1", "true").await.ok();
    undo(client, &run.facts()["id"])
        .await
        .error("NOTHING_TO_UNDO");
}

#[tokio::test]
async fn versions_outlive_the_program_encrypted_and_the_history_lists_them() {
    let fixture = Fixture::of(EmbeddedHost::start().await);
    let client = Client::spawned(fixture.data.path(), &[]).await;
    client
        .register(login("web1", fixture.server.address().port()))
        .await;
    let path = fixture.there("file");
    fs::write(&path, "a needle in it").unwrap();
    let changed = write(&client, &path, "new").await;
    client.exec("web1", "true").await.ok();
    client.kill().await;
    let client = Client::spawned(fixture.data.path(), &[]).await;
    let listed = client
        .call("task_history", json!({"changed": true}))
        .await
        .ok();
    let entries = listed.facts()["entries"].as_array().unwrap().clone();
    assert_eq!(entries.len(), 1, "{entries:?}");
    assert_eq!(entries[0]["jobId"], changed);
    for entry in fs::read_dir(fixture.stored("versions")).unwrap() {
        let entry = entry.unwrap();
        let stored = fs::read(entry.path()).unwrap();
        assert!(!String::from_utf8_lossy(&stored).contains("needle"));
        assert_eq!(mode(&entry.path()), 0o600);
    }
    undo(&client, &changed).await.ok();
    assert_eq!(fs::read(&path).unwrap(), b"a needle in it");
}

#[tokio::test]
async fn a_change_that_did_not_come_about_leaves_nothing_to_undo() {
    let fixture = Fixture::embedded().await;
    let (client, path) = (&fixture.client, fixture.there("file"));
    fs::write(&path, "old").unwrap();
    let checked = json!({"alias": "web1", "path": path, "content": "new", "check": "false"});
    let failed = client.call("file_write", checked).await;
    undo(client, &failed.facts()["id"])
        .await
        .error("NOTHING_TO_UNDO");
    let listed = client
        .call("task_history", json!({"changed": true}))
        .await
        .ok();
    assert_eq!(listed.facts()["total"], 0);
    // Another server under the same name is not touched.
    let changed = write(client, &path, "new").await;
    let other = EmbeddedHost::start().await;
    client.register(login("web1", other.address().port())).await;
    undo(client, &changed).await.error("CHANGED_SINCE");
}

#[tokio::test]
async fn rules_hold_for_an_undo_as_well() {
    let fixture = Fixture::start().await;
    let (client, folder) = (&fixture.client, directory());
    let path = folder.path().join("file");
    let made = write(client, &path, "x").await;
    for rule in [format!("rm {}", text(&path)), format!("* >{}", text(&path))] {
        let rules = json!({"blocklist": [rule]});
        fs::write(fixture.stored("policies.json"), rules.to_string()).unwrap();
        undo(client, &made).await.error("POLICY_BLOCKED");
    }
    fs::write(fixture.stored("policies.json"), "{\"blocklist\": []}").unwrap();
    let mut login = fixture.server.login("web1");
    login["readonly"] = true.into();
    client.register(login).await;
    undo(client, &made).await.error("READ_ONLY");
    assert!(path.exists());
}

#[tokio::test]
async fn an_upload_that_replaced_a_file_is_undone_as_well() {
    let fixture = Fixture::start().await;
    let (client, path) = (&fixture.client, fixture.there("file"));
    fs::write(fixture.here("new"), "new").unwrap();
    for in_place in [false, true] {
        fs::write(&path, "old").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        let mut upload = fixture.arguments("upload", "new", "file");
        upload["inPlace"] = in_place.into();
        let uploaded = client.call("task_transfer", upload).await.ok();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        let undone = undo(client, &uploaded.facts()["id"]).await.ok();
        assert!(
            undone.text().starts_with("1 file restored (task "),
            "{}",
            undone.text()
        );
        assert_eq!(
            (fs::read(&path).unwrap(), mode(&path)),
            (b"old".to_vec(), 0o640)
        );
    }
    // A large one is not kept, and that is said.
    fs::File::create(&path).unwrap().set_len(17 << 20).unwrap();
    let uploaded = fixture.transfer("upload", "new", "file").await.ok();
    assert!(
        uploaded.text().contains("there is no undo"),
        "{}",
        uploaded.text()
    );
    undo(client, &uploaded.facts()["id"])
        .await
        .error("NOTHING_TO_UNDO");
}

/// The content of a file that is either of two, whole.
fn which(path: &Path, either: [&[u8]; 2]) -> usize {
    let content = fs::read(path).unwrap();
    let found = either.iter().position(|one| *one == content);
    found.unwrap_or_else(|| panic!("{} bytes that are neither", content.len()))
}

/// Waits for a moment that is another in each round, up to the time that a change takes.
async fn pause(round: usize) {
    tokio::time::sleep(Duration::from_millis((round as u64 * 37) % 260)).await;
}

#[tokio::test]
async fn a_killed_program_leaves_the_old_file_or_the_new_one_and_a_way_back() {
    let fixture = Fixture::of(Sshd::start());
    let folder = directory();
    let path = folder.path().join("file");
    let (old, new) = (noise(200_000), "new line\n".repeat(30_000));
    let either = [&old, new.as_bytes()];
    for round in 0..slow_rounds(4) {
        fs::write(&path, &old).unwrap();
        let client = Client::spawned(fixture.data.path(), &["--sync-timeout=0.01"]).await;
        client.register(fixture.server.login("web1")).await;
        let changed = write(&client, &path, &new).await;
        let mut last = changed.clone();
        // In the middle of a change, or of its undo.
        if round % 2 == 1 {
            client.wait(&changed).await.ok();
            last = undo(&client, &changed).await.ok().facts()["id"].clone();
        }
        pause(round).await;
        client.kill().await;
        let client = Client::spawned(fixture.data.path(), &[]).await;
        which(&path, either);
        for (id, expected) in [(&last, round % 2), (&changed, 0)] {
            let undone = undo(&client, id).await;
            // It may not have come to keep anything.
            if undone.is_error() {
                undone.error("NOTHING_TO_UNDO");
            } else {
                assert_eq!(which(&path, either), expected, "round {round}");
            }
        }
        assert_eq!(which(&path, either), 0);
        client.leave().await;
    }
}

#[tokio::test]
async fn cut_connections_leave_the_old_file_or_the_new_one_and_a_way_back() {
    let fixture = Fixture::embedded_with(|config| config.sync_timeout = Duration::ZERO).await;
    let (client, path) = (&fixture.client, fixture.there("file"));
    let (old, new) = (noise(200_000), "new line\n".repeat(30_000));
    for round in 0..slow_rounds(4) {
        fs::write(&path, &old).unwrap();
        let id = write(client, &path, &new).await;
        pause(round).await;
        fixture.server.cut();
        let ended = client.wait(&id).await;
        let stands = which(&path, [&old, new.as_bytes()]);
        assert_eq!(stands == 1, !ended.is_error(), "{}", ended.text());
        let begun = undo(client, &id).await;
        if begun.is_error() {
            begun.error("NOTHING_TO_UNDO");
            continue;
        }
        pause(round).await;
        fixture.server.cut();
        let ended = client.wait(&begun.facts()["id"]).await;
        let stands = which(&path, [&old, new.as_bytes()]);
        assert_eq!(stands == 0, !ended.is_error(), "{}", ended.text());
        let again = undo(client, &id).await.ok();
        client.wait(&again.facts()["id"]).await.ok();
        assert_eq!(which(&path, [&old, new.as_bytes()]), 0);
    }
    eventually("nothing lies beside it", || {
        fs::read_dir(fixture.server.home.path()).unwrap().count() == 1
    })
    .await;
}
