//! The way back from transfers: what they replaced, deleted and created, on servers and on this machine.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};

use crate::helper::{
    Answer, Client, Fixture, SshServer, Sshd, directory, noise, slow_rounds, text, write,
};

/// Everything below a folder: modes with contents, or with what links say.
fn state(root: &Path) -> BTreeMap<PathBuf, (u32, Vec<u8>)> {
    let mut state = BTreeMap::new();
    let mut pending = vec![root.to_owned()];
    while let Some(folder) = pending.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten() {
            let path = entry.unwrap().path();
            let facts = path.symlink_metadata().unwrap();
            let content = if facts.is_symlink() {
                fs::read_link(&path)
                    .unwrap()
                    .into_os_string()
                    .into_encoded_bytes()
            } else if facts.is_dir() {
                pending.push(path.clone());
                Vec::new()
            } else {
                fs::read(&path).unwrap()
            };
            state.insert(path, (facts.permissions().mode(), content));
        }
    }
    state
}

/// A source and a target that differ in every way that a transfer levels.
fn plant(source: &Path, target: &Path) {
    for (name, content) in [
        ("same", "same"),
        ("changed", "new"),
        ("sub/added", "added"),
        ("now-file", "f"),
    ] {
        write(source.join(name), content);
    }
    fs::write(source.join("large"), noise(700_000)).unwrap();
    symlink("changed", source.join("link")).unwrap();
    for (name, content) in [
        ("same", "same"),
        ("changed", "old content"),
        ("now-file/inner/x", "in the way"),
        ("gone/deep/file", "gone"),
        ("large", "was small"),
        ("odd name $HOME 'x' ", "odd"),
    ] {
        write(target.join(name), content);
    }
    symlink("elsewhere", target.join("link")).unwrap();
    symlink("gone", target.join("old link")).unwrap();
    for (name, mode) in [
        ("changed", 0o604),
        ("gone/deep", 0o750),
        ("gone/deep/file", 0o400),
    ] {
        fs::set_permissions(target.join(name), fs::Permissions::from_mode(mode)).unwrap();
    }
}

async fn undo(client: &Client, id: &Value, options: Value) -> Answer {
    let mut arguments = json!({"id": id});
    for (name, value) in options.as_object().unwrap() {
        arguments[name] = value.clone();
    }
    client.call("undo", arguments).await
}

fn transfer(direction: &str, here: &Path, there: &Path, options: &Value) -> Value {
    let mut arguments =
        json!({"alias": "web1", "direction": direction, "local": here, "remote": there});
    for (name, value) in options.as_object().unwrap() {
        arguments[name] = value.clone();
    }
    arguments
}

/// Undoes a task, and the undo, and the undo of that.
async fn undo_thrice(
    client: &Client,
    id: &Value,
    target: &Path,
    before: &BTreeMap<PathBuf, (u32, Vec<u8>)>,
) {
    let after = state(target);
    assert_ne!(&after, before);
    let trial = undo(client, id, json!({"dryRun": true})).await.ok();
    assert!(
        trial.text().starts_with("dry run, nothing was changed: "),
        "{}",
        trial.text()
    );
    assert_eq!(state(target), after);
    let mut id = id.clone();
    for expected in [before, &after, before] {
        let undone = undo(client, &id, json!({})).await.ok();
        let is = state(target);
        for (path, was) in expected {
            assert!(
                is.get(path) == Some(was),
                "{}: {}",
                path.display(),
                undone.text()
            );
        }
        assert_eq!(is.len(), expected.len(), "{}", undone.text());
        id = undone.facts()["id"].clone();
    }
}

async fn everything_is_put_back(server: Sshd) {
    let (fixture, folders) = (Fixture::with(server).await, directory());
    let client = &fixture.client;
    let cases = [
        ("upload", json!({"mirror": true})),
        ("download", json!({"mirror": true})),
    ];
    for (direction, options) in cases {
        let (source, target) = (
            folders.path().join(direction),
            folders.path().join("to").join(direction),
        );
        plant(&source, &target);
        let before = state(&target);
        let (here, there) = match direction {
            "upload" => (&source, &target),
            _ => (&target, &source),
        };
        let moved = client
            .call("task_transfer", transfer(direction, here, there, &options))
            .await
            .ok();
        assert!(!moved.text().contains("undo"), "{}", moved.text());
        undo_thrice(client, &moved.facts()["id"], &target, &before).await;
    }
}

#[tokio::test]
async fn what_a_mirror_replaced_deleted_and_created_is_put_back_on_either_side() {
    everything_is_put_back(Sshd::start()).await;
}

#[tokio::test]
async fn the_same_holds_on_servers_without_a_shell() {
    let settings = "Subsystem sftp internal-sftp\nForceCommand internal-sftp";
    everything_is_put_back(Sshd::start_with(settings)).await;
}

#[tokio::test]
async fn what_an_upload_created_goes_unless_it_was_changed_since() {
    let (fixture, folder) = (Fixture::start().await, directory());
    let (client, target) = (&fixture.client, folder.path().join("new/target"));
    for number in 0..300 {
        write(
            fixture
                .here("tree")
                .join(format!("{}/f{number}", number % 7)),
            "content",
        );
    }
    let arguments = transfer("upload", &fixture.here("tree"), &target, &json!({}));
    let uploaded = client.call("task_transfer", arguments.clone()).await.ok();
    let id = &uploaded.facts()["id"];
    let undone = undo(client, id, json!({})).await.ok();
    let headline = "300 files removed, 9 directories removed (task ";
    assert!(undone.text().starts_with(headline), "{}", undone.text());
    assert!(!folder.path().join("new").exists());
    // One that was changed keeps all from being removed, and what others put there stays.
    let uploaded = client.call("task_transfer", arguments).await.ok();
    let id = &uploaded.facts()["id"];
    fs::write(target.join("3/f3"), "CONTENT").unwrap();
    fs::write(target.join("4/theirs"), "theirs").unwrap();
    undo(client, id, json!({})).await.error("CHANGED_SINCE");
    assert!(target.join("0/f0").exists());
    let trial = undo(client, id, json!({"dryRun": true})).await.ok();
    assert!(
        trial.text().contains("1 file that cannot be put back"),
        "{}",
        trial.text()
    );
    let forced = undo(client, id, json!({"force": true})).await.ok();
    assert!(
        forced
            .text()
            .contains("3 directories left, not being empty"),
        "{}",
        forced.text()
    );
    let left: Vec<_> = state(folder.path())
        .into_keys()
        .filter(|path| path.is_file())
        .collect();
    assert_eq!(left, [target.join("4/theirs")]);
    undo(client, &forced.facts()["id"], json!({})).await.ok();
    assert_eq!(fs::read(target.join("3/f3")).unwrap(), b"CONTENT");
}

#[tokio::test]
async fn several_files_of_one_call_and_copies_from_server_to_server_are_undone() {
    let (fixture, other) = (Fixture::start().await, Sshd::start());
    let client = &fixture.client;
    client.register(other.login("web2")).await;
    for name in ["a", "b"] {
        write(fixture.here(name), "new");
        write(fixture.there(name), "old");
    }
    let both = [("a", "a"), ("b", "b")];
    let uploaded = fixture.transfer_all("upload", &both).await.ok();
    undo(client, &uploaded.facts()["id"], json!({})).await.ok();
    for name in ["a", "b"] {
        assert_eq!(fs::read(fixture.there(name)).unwrap(), b"old");
    }
    let target = SshServer::path(&other, "copy");
    write(target.join("a"), "theirs");
    write(fixture.there("tree/a"), "copied");
    write(fixture.there("tree/b"), "copied");
    let arguments = json!({
        "alias": "web2", "source_alias": "web1", "direction": "upload",
        "local": fixture.there("tree"), "remote": target,
    });
    let copied = client.call("task_transfer", arguments).await.ok();
    assert_eq!(fs::read(target.join("a")).unwrap(), b"copied");
    undo(client, &copied.facts()["id"], json!({})).await.ok();
    assert_eq!(
        state(&target)
            .into_values()
            .map(|(_, content)| content)
            .collect::<Vec<_>>(),
        [b"theirs"]
    );
    assert!(fixture.there("tree/b").exists(), "the source is as it was");
}

#[tokio::test]
async fn a_download_is_undone_on_this_machine_alone_and_inside_its_roots() {
    let fixture = Fixture::rooted().await;
    let client = &fixture.client;
    write(fixture.here("inside/file"), "old");
    write(fixture.here("outside/file"), "new");
    write(fixture.there("file"), "new");
    let mut login = fixture.server.login("web1");
    login["readonly"] = true.into();
    client.register(login).await;
    let download = || fixture.transfer("download", "inside/file", "file");
    let downloaded = download().await.ok();
    assert_eq!(fs::read(fixture.here("inside/file")).unwrap(), b"new");
    undo(client, &downloaded.facts()["id"], json!({}))
        .await
        .ok();
    assert_eq!(fs::read(fixture.here("inside/file")).unwrap(), b"old");
    // A directory that leads elsewhere by now.
    let downloaded = download().await.ok();
    fs::rename(fixture.here("inside"), fixture.here("moved")).unwrap();
    symlink("outside", fixture.here("inside")).unwrap();
    let refused = undo(client, &downloaded.facts()["id"], json!({})).await;
    assert!(refused.is_error(), "{}", refused.text());
    assert_eq!(fs::read(fixture.here("outside/file")).unwrap(), b"new");
}

#[tokio::test]
async fn it_is_said_beforehand_what_has_no_way_back() {
    let (fixture, folder) = (Fixture::start().await, directory());
    let (client, target) = (&fixture.client, folder.path());
    write(fixture.here("tree/file"), "new");
    write(fixture.here("tree/large"), "new");
    write(target.join("file"), "old");
    fs::File::create(target.join("large"))
        .unwrap()
        .set_len(17 << 20)
        .unwrap();
    let arguments = |options| transfer("upload", &fixture.here("tree"), target, &options);
    let planned = client
        .call("task_transfer", arguments(json!({"dryRun": true})))
        .await
        .ok();
    assert!(
        planned.text().contains("there is no undo for 1 of the"),
        "{}",
        planned.text()
    );
    let uploaded = client
        .call("task_transfer", arguments(json!({})))
        .await
        .ok();
    let said = format!("there is no undo for `{}`", text(&target.join("large")));
    assert!(uploaded.text().contains(&said), "{}", uploaded.text());
    let undone = undo(client, &uploaded.facts()["id"], json!({})).await;
    assert!(
        undone.text().contains("1 of 2 files were not put back"),
        "{}",
        undone.text()
    );
    assert_eq!(fs::read(target.join("file")).unwrap(), b"old");
    assert_eq!(fs::read(target.join("large")).unwrap(), b"new");
}

#[tokio::test]
async fn a_killed_mirror_can_be_undone() {
    let (fixture, folder) = (Fixture::of(Sshd::start()), directory());
    let (source, target) = (fixture.here("tree"), folder.path().join("target"));
    for number in 0..1500 {
        write(source.join(format!("{number}")), "new");
        write(target.join(format!("{number}")), "the old one");
    }
    let before = state(&target);
    let client = Client::spawned(fixture.data.path(), &["--sync-timeout=0.01"]).await;
    client.register(fixture.server.login("web1")).await;
    let arguments = transfer("upload", &source, &target, &json!({}));
    let id = client.call("task_transfer", arguments).await.ok().facts()["id"].clone();
    let is_under_way =
        || (0..1500).any(|number| fs::read(target.join(format!("{number}"))).unwrap() == b"new");
    crate::helper::eventually("the first file is replaced", is_under_way).await;
    client.kill().await;
    let client = Client::spawned(fixture.data.path(), &["--sync-timeout=50"]).await;
    let undone = undo(&client, &id, json!({})).await.ok();
    for (path, was) in &before {
        assert!(
            fs::read(path).unwrap() == was.1,
            "{}: {}",
            path.display(),
            undone.text()
        );
    }
}

#[tokio::test]
async fn a_file_of_several_names_is_put_back_after_a_kill_in_the_middle() {
    let fixture = Fixture::of(Sshd::start());
    let folder = directory();
    let (path, twin) = (folder.path().join("file"), folder.path().join("twin"));
    let (old, new) = (noise(9 << 20), noise(12 << 20));
    fs::write(fixture.here("new"), &new).unwrap();
    for round in 0..slow_rounds(3) {
        fs::write(&path, &old).unwrap();
        let _ = fs::remove_file(&twin);
        fs::hard_link(&path, &twin).unwrap();
        let client = Client::spawned(fixture.data.path(), &["--sync-timeout=0.01"]).await;
        client.register(fixture.server.login("web1")).await;
        let arguments = transfer("upload", &fixture.here("new"), &path, &json!({}));
        let begun = client.call("task_transfer", arguments).await.ok();
        tokio::time::sleep(Duration::from_millis(round as u64 * 61 % 400)).await;
        client.kill().await;
        let client = Client::spawned(fixture.data.path(), &["--sync-timeout=50"]).await;
        let undone = undo(&client, &begun.facts()["id"], json!({"force": true})).await;
        let said = undone.text().to_owned();
        if undone.is_error() {
            // It had not come to keep anything.
            undone.error("NOTHING_TO_UNDO");
        }
        assert!(fs::read(&path).unwrap() == old, "round {round}: {said}");
        assert!(
            fs::read(&twin).unwrap() == old,
            "the other name, round {round}"
        );
        client.leave().await;
    }
}
