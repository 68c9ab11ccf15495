//! Files that are written in place: `inPlace`, and what becomes of their old content.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};

use crate::helper::{Client, Fault, Fixture, SmallDisk, Sshd, directory, eventually, noise, text};

const MIB: usize = 1024 * 1024;

fn arguments(direction: &str, from: &Path, to: &Path) -> Value {
    let (local, remote) = if direction == "upload" {
        (from, to)
    } else {
        (to, from)
    };
    json!({
        "alias": "web1", "direction": direction, "local": text(local), "remote": text(remote),
        "inPlace": true,
    })
}

/// The paths of the old contents that are kept.
fn kept(data: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(data.join("kept")).into_iter().flatten();
    let paths = entries.map(|entry| entry.unwrap().path());
    paths
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "content")
        })
        .collect()
}

#[tokio::test]
async fn the_existing_file_is_written_itself_both_ways_and_again_by_a_retry() {
    let (sshd, data, folder) = (Sshd::start(), directory(), directory());
    let client = Client::spawned(data.path(), &[]).await;
    client.register(sshd.login("web1")).await;
    let (from, to) = (folder.path().join("from"), folder.path().join("to"));
    for direction in ["upload", "download"] {
        for length in [0, 5, 3 * MIB] {
            std::fs::write(&to, noise(MIB)).unwrap();
            let before = to.metadata().unwrap();
            // The first try fails: there is nothing to copy yet.
            let _ = std::fs::remove_file(&from);
            let failed = client
                .call("task_transfer", arguments(direction, &from, &to))
                .await;
            let id = failed.error("TRANSFER_FAILED")["details"]["taskId"].clone();
            assert_eq!(std::fs::read(&to).unwrap(), noise(MIB));
            std::fs::write(&from, noise(length)).unwrap();
            let ended = client.call("task_retry", json!({"id": id})).await.ok();
            ended.has(&json!({"status": "completed", "inPlace": true}));
            assert!(!ended.text().contains("Note"), "{}", ended.text());
            let after = to.metadata().unwrap();
            assert_eq!(
                (before.ino(), before.mode()),
                (after.ino(), after.mode()),
                "{direction}"
            );
            assert_eq!(std::fs::read(&to).unwrap(), noise(length));
        }
        let new = folder.path().join("new");
        let ended = client
            .call("task_transfer", arguments(direction, &from, &new))
            .await
            .ok();
        assert_eq!(ended.facts()["status"], "completed");
        assert_eq!(std::fs::read(&new).unwrap(), noise(3 * MIB));
        assert_eq!(
            new.metadata().unwrap().mode(),
            from.metadata().unwrap().mode()
        );
        std::fs::remove_file(new).unwrap();
    }
    let several = json!({
        "alias": "web1", "direction": "upload", "inPlace": true,
        "files": [{"local": text(&from), "remote": text(&to)}],
    });
    let before = to.metadata().unwrap().ino();
    client.call("task_transfer_multi", several).await.ok();
    assert_eq!(to.metadata().unwrap().ino(), before);
    assert_eq!(
        std::fs::read_dir(data.path().join("kept")).unwrap().count(),
        0
    );
}

#[tokio::test]
async fn a_failure_in_the_middle_puts_the_old_content_back() {
    let (sshd, data, folder) = (Sshd::start(), directory(), directory());
    let client = Client::spawned(data.path(), &[]).await;
    client.register(sshd.login("web1")).await;
    let from = folder.path().join("from");
    std::fs::write(&from, noise(9 * MIB)).unwrap();
    for direction in ["upload", "download"] {
        let disk = SmallDisk::of_mebibytes(4);
        let to = disk.path().join("to");
        let old = noise(2 * MIB + 1);
        std::fs::write(&to, &old).unwrap();
        let before = to.metadata().unwrap();
        let failed = client
            .call("task_transfer", arguments(direction, &from, &to))
            .await;
        let reason = failed.failed_file();
        assert!(reason.contains("its old content was put back"), "{reason}");
        assert!(reason.to_lowercase().contains("no space left"), "{reason}");
        let after = to.metadata().unwrap();
        assert_eq!(std::fs::read(&to).unwrap(), old, "{direction}");
        assert_eq!((before.ino(), before.mode()), (after.ino(), after.mode()));
        assert_eq!(before.mtime(), after.mtime());
        assert!(kept(data.path()).is_empty());
    }
}

#[tokio::test]
async fn what_a_killed_process_left_half_written_is_mended_by_the_next() {
    for (direction, succeeds) in [
        ("upload", true),
        ("download", true),
        ("upload", false),
        ("download", false),
    ] {
        let (sshd, data, folder) = (Sshd::start(), directory(), directory());
        let disk = SmallDisk::of_mebibytes(180);
        let client = Client::spawned(data.path(), &[]).await;
        client.register(sshd.login("web1")).await;
        let (from, to) = (folder.path().join("from"), disk.path().join("to"));
        std::fs::write(&from, noise(120 * MIB)).unwrap();
        let old = noise(MIB + 7);
        std::fs::write(&to, &old).unwrap();
        let mut begun = arguments(direction, &from, &to);
        begun["background"] = json!(true);
        let id = client.call("task_transfer", begun).await.ok().facts()["id"].clone();
        let length = || to.metadata().unwrap().len();
        eventually("it is being written", || length() > 4 * MIB as u64).await;
        client.kill().await;
        assert_ne!(
            std::fs::read(&to).unwrap(),
            noise(120 * MIB),
            "it was not whole yet"
        );
        let [content] = &kept(data.path())[..] else {
            panic!("the old content is kept");
        };
        assert_eq!(std::fs::read(content).unwrap(), old);
        for path in [content, content.parent().unwrap()] {
            assert_eq!(
                path.metadata().unwrap().mode() & 0o077,
                0,
                "nobody else reads it"
            );
        }
        let client = Client::spawned(data.path(), &[]).await;
        if succeeds {
            let ended = client.call("task_retry", json!({"id": id})).await.ok();
            let ended = client.wait(&ended.facts()["id"]).await.ok();
            assert_eq!(ended.facts()["status"], "completed", "{}", ended.text());
            assert!(
                ended.text().contains("its old content was still kept in"),
                "{}",
                ended.text()
            );
            assert_eq!(std::fs::read(&to).unwrap(), noise(120 * MIB), "{direction}");
        } else {
            // Another file that does not fit, and a transfer that was not asked to write in place.
            std::fs::write(&from, noise(190 * MIB)).unwrap();
            let mut another = arguments(direction, &from, &to);
            another.as_object_mut().unwrap().remove("inPlace");
            another["background"] = json!(true);
            let handed = client.call("task_transfer", another).await.ok();
            let reason = client.wait(&handed.facts()["id"]).await.failed_file();
            assert!(reason.contains("its old content was put back"), "{reason}");
            assert_eq!(std::fs::read(&to).unwrap(), old, "{direction}");
        }
        assert!(kept(data.path()).is_empty());
    }
}

#[tokio::test]
async fn a_connection_that_is_lost_leaves_the_old_content_to_be_found() {
    let fixture =
        Fixture::embedded_with(|config| config.reconnect_patience = Duration::from_millis(300))
            .await;
    let from = PathBuf::from(fixture.local("from"));
    let to = fixture.server.home.path().join("to");
    std::fs::write(&from, noise(96 * MIB)).unwrap();
    let old = noise(MIB + 7);
    for is_given_up in [false, true] {
        std::fs::write(&to, &old).unwrap();
        let mut begun = arguments("upload", &from, &to);
        begun["background"] = json!(true);
        let id = fixture
            .client
            .call("task_transfer", begun)
            .await
            .ok()
            .facts()["id"]
            .clone();
        eventually("it is being written", || {
            to.metadata().unwrap().len() > 4 * MIB as u64
        })
        .await;
        if is_given_up {
            fixture.server.set_fault(Fault::HangUp);
        }
        fixture.server.cut();
        let ended = fixture.client.wait(&id).await;
        let ended = if is_given_up {
            let [content] = &kept(fixture.data.path())[..] else {
                panic!("the old content is kept");
            };
            let reason = ended.failed_file();
            assert!(
                reason.contains(&text(content)),
                "it is said where: {reason}"
            );
            assert_eq!(std::fs::read(content).unwrap(), old);
            fixture.server.set_fault(Fault::None);
            fixture
                .client
                .call("task_retry", json!({"id": id}))
                .await
                .ok()
        } else {
            ended.ok()
        };
        assert_eq!(ended.facts()["status"], "completed", "{}", ended.text());
        assert_eq!(std::fs::read(&to).unwrap(), noise(96 * MIB));
        assert!(kept(fixture.data.path()).is_empty());
    }
}

#[tokio::test]
async fn a_connection_that_breaks_every_time_is_given_up_in_the_end() {
    let fixture = Fixture::embedded().await;
    let from = PathBuf::from(fixture.local("from"));
    let to = fixture.server.home.path().join("to");
    std::fs::write(&from, noise(96 * MIB)).unwrap();
    std::fs::write(&to, "the old content").unwrap();
    let mut begun = arguments("upload", &from, &to);
    begun["background"] = json!(true);
    let id = fixture
        .client
        .call("task_transfer", begun)
        .await
        .ok()
        .facts()["id"]
        .clone();
    for attempt in 1..=6 {
        let accepted = || fixture.server.accepted() >= attempt;
        eventually("it is taken up again", accepted).await;
        let length = || to.metadata().unwrap().len();
        eventually("it begins anew", || length() < 4 * MIB as u64).await;
        eventually("it is being written", || length() > 4 * MIB as u64).await;
        fixture.server.cut();
    }
    let reason = fixture.client.wait(&id).await.failed_file();
    assert!(reason.contains("again and again"), "{reason}");
    let [content] = &kept(fixture.data.path())[..] else {
        panic!("the old content is kept");
    };
    assert!(reason.contains(&text(content)), "{reason}");
    assert_eq!(std::fs::read(content).unwrap(), b"the old content");
}

#[tokio::test]
async fn a_cancelled_transfer_puts_the_old_content_back() {
    let fixture = Fixture::embedded().await;
    for direction in ["upload", "download"] {
        let (mut from, mut to) = (
            PathBuf::from(fixture.local("here")),
            fixture.server.home.path().join("there"),
        );
        if direction == "download" {
            std::mem::swap(&mut from, &mut to);
        }
        std::fs::write(&from, noise(120 * MIB)).unwrap();
        let old = noise(MIB + 7);
        std::fs::write(&to, &old).unwrap();
        let mut begun = arguments(direction, &from, &to);
        begun["background"] = json!(true);
        let id = fixture
            .client
            .call("task_transfer", begun)
            .await
            .ok()
            .facts()["id"]
            .clone();
        eventually("it is being written", || {
            to.metadata().unwrap().len() > 4 * MIB as u64
        })
        .await;
        let ended = fixture
            .client
            .call("task_cancel", json!({"id": id}))
            .await
            .ok();
        assert_eq!(ended.facts()["status"], "cancelled", "{}", ended.text());
        assert!(
            std::fs::read(&to).unwrap() == old,
            "{direction}: the old content is back"
        );
        assert!(kept(fixture.data.path()).is_empty());
    }
}

#[tokio::test]
async fn what_is_not_put_back_as_it_was_is_not_said_to_be() {
    let fixture = Fixture::embedded().await;
    let from = PathBuf::from(fixture.local("from"));
    let to = fixture.server.home.path().join("to");
    for length in [5, 3 * MIB] {
        std::fs::write(&from, "new").unwrap();
        let old = noise(length);
        std::fs::write(&to, &old).unwrap();
        fixture.server.set_fault(Fault::LieInWrites);
        fixture.server.end_sftp().await;
        let mut arguments = arguments("upload", &from, &to);
        arguments["verify"] = json!(true);
        let failed = fixture
            .client
            .call("task_transfer", arguments.clone())
            .await;
        let reason = failed.failed_file();
        assert!(reason.contains("could not be put back"), "{reason}");
        let [content] = &kept(fixture.data.path())[..] else {
            panic!("the old content is kept");
        };
        assert!(reason.contains(&text(content)), "{reason}");
        assert_eq!(std::fs::read(content).unwrap(), old);
        fixture.server.set_fault(Fault::None);
        fixture.server.end_sftp().await;
        let ended = fixture.client.call("task_transfer", arguments).await.ok();
        assert_eq!(ended.facts()["status"], "completed", "{}", ended.text());
        assert_eq!(std::fs::read(&to).unwrap(), b"new");
        assert!(kept(fixture.data.path()).is_empty());
    }
}

#[tokio::test]
async fn what_cannot_be_kept_is_not_written() {
    let (sshd, folder) = (Sshd::start(), directory());
    let disk = SmallDisk::of_mebibytes(24);
    let client = Client::spawned(&disk.path().join("data"), &[]).await;
    client.register(sshd.login("web1")).await;
    let (from, to) = (folder.path().join("from"), folder.path().join("to"));
    std::fs::write(&from, "new").unwrap();
    std::fs::write(&to, noise(20 * MIB)).unwrap();
    for direction in ["upload", "download"] {
        let failed = client
            .call("task_transfer", arguments(direction, &from, &to))
            .await;
        let reason = failed.failed_file();
        assert!(reason.contains("has to be kept in"), "{reason}");
        assert_eq!(std::fs::read(&to).unwrap(), noise(20 * MIB), "{direction}");
    }
    assert!(kept(&disk.path().join("data")).is_empty());
}

#[tokio::test]
async fn two_that_write_the_same_file_in_place_do_not_come_between_each_other() {
    let fixture = Fixture::embedded().await;
    let (from, small) = (
        PathBuf::from(fixture.local("from")),
        PathBuf::from(fixture.local("small")),
    );
    let to = fixture.server.home.path().join("to");
    std::fs::write(&from, noise(120 * MIB)).unwrap();
    std::fs::write(&small, "small").unwrap();
    std::fs::write(&to, noise(MIB)).unwrap();
    let mut begun = arguments("upload", &from, &to);
    begun["background"] = json!(true);
    let id = fixture
        .client
        .call("task_transfer", begun)
        .await
        .ok()
        .facts()["id"]
        .clone();
    eventually("it is being written", || {
        to.metadata().unwrap().len() > 4 * MIB as u64
    })
    .await;
    let refused = fixture
        .client
        .call("task_transfer", arguments("upload", &small, &to))
        .await;
    let reason = refused.failed_file();
    assert!(
        reason.contains("another transfer is just writing it"),
        "{reason}"
    );
    let ended = fixture.client.wait(&id).await.ok();
    assert_eq!(ended.facts()["status"], "completed", "{}", ended.text());
    assert_eq!(std::fs::read(&to).unwrap(), noise(120 * MIB));
}
