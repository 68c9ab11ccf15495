//! Lines that break under a transfer, and transfers that go on.

use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use crate::helper::{
    Answer, EmbeddedHost, Fault, Fixture, Sshd, eventually, noise, part_bytes, sha256, write,
};

async fn begin(
    fixture: &Fixture<EmbeddedHost>,
    direction: &str,
    local: &str,
    remote: &str,
) -> Value {
    let arguments = json!({
        "alias": "web1", "direction": direction, "local": local, "remote": remote, "background": true,
    });
    let handed = fixture.client.call("task_transfer", arguments).await.ok();
    handed.facts()["id"].clone()
}

fn arrived(ended: &Answer, path: &str, sum: &[u8]) {
    assert_eq!(ended.facts()["status"], "completed", "{}", ended.text());
    assert_eq!(sha256(&std::fs::read(path).unwrap()), sum);
}

#[tokio::test]
async fn a_connection_that_is_cut_again_and_again_is_taken_up_where_it_was() {
    let fixture = Fixture::embedded().await;
    let content = noise(96 * 1024 * 1024);
    let sum = sha256(&content);
    for (direction, from, to, folder) in [
        (
            "upload",
            fixture.local("big"),
            fixture.remote("there/target"),
            fixture.server.home.path().join("there"),
        ),
        (
            "download",
            fixture.local("here/target"),
            fixture.remote("source"),
            Path::new(&fixture.local("here")).to_owned(),
        ),
    ] {
        let (source, target) = if direction == "upload" {
            (&from, &to)
        } else {
            (&to, &from)
        };
        write(source, &content);
        write(target, b"old");
        let id = begin(&fixture, direction, &from, &to).await;
        for share in [1_u64, 2, 3] {
            let mark = share * 16 * 1024 * 1024;
            eventually("so much of it has arrived", || {
                let target = std::fs::read(target).unwrap_or_default();
                assert!(
                    target == b"old" || target.len() == content.len(),
                    "never a part of it"
                );
                part_bytes(&folder) >= mark || target.len() == content.len()
            })
            .await;
            fixture.server.cut();
        }
        let ended = fixture.client.wait(&id).await.ok();
        arrived(&ended, target, &sum);
        assert_eq!(part_bytes(&folder), 0, "no litter");
        assert!(
            ended.facts()["resumedBytes"].as_u64() > Some(32 * 1024 * 1024),
            "{}",
            ended.text()
        );
    }
}

#[tokio::test]
async fn a_session_that_the_server_ends_is_opened_again_and_its_place_is_free_in_the_end() {
    let fixture = Fixture::embedded().await;
    let content = noise(64 * 1024 * 1024);
    write(fixture.local("big"), &content);
    let id = begin(
        &fixture,
        "upload",
        &fixture.local("big"),
        &fixture.remote("target"),
    )
    .await;
    eventually("the transfer is under way", || {
        part_bytes(fixture.server.home.path()) > 0
    })
    .await;
    fixture.server.end_sftp().await;
    let ended = fixture.client.wait(&id).await.ok();
    arrived(&ended, &fixture.remote("target"), &sha256(&content));
    let mut channels = None;
    while channels != Some(0) {
        let stats = fixture.client.call("pool_stats", json!({})).await.ok();
        channels = stats.facts()["byServer"]["web1"]["connections"][0]["channels"].as_u64();
    }
}

#[tokio::test]
async fn many_files_go_on_where_the_connection_was_cut() {
    let fixture = Fixture::embedded().await;
    for number in 0..600 {
        write(
            fixture.local(&format!("tree/{}/{number}", number % 7)),
            noise(number + 1),
        );
    }
    let id = begin(
        &fixture,
        "upload",
        &fixture.local("tree"),
        &fixture.remote("tree"),
    )
    .await;
    let count = || {
        let folders = std::fs::read_dir(fixture.remote("tree"))
            .into_iter()
            .flatten()
            .flatten();
        folders
            .map(|folder| std::fs::read_dir(folder.path()).unwrap().count())
            .sum::<usize>()
    };
    eventually("some have arrived", || count() >= 100).await;
    fixture.server.cut();
    let ended = fixture.client.wait(&id).await.ok();
    assert_eq!(ended.facts()["status"], "completed", "{}", ended.text());
    ended.has(&json!({"filesDone": 600, "filesTotal": 600}));
    for number in 0..600 {
        let name = format!("tree/{}/{number}", number % 7);
        assert_eq!(
            std::fs::read(fixture.remote(&name)).unwrap(),
            noise(number + 1),
            "{name}"
        );
    }
    assert_eq!(count(), 600, "no litter");
}

/// A fixture on which a lost connection is given up soon.
async fn impatient() -> Fixture<EmbeddedHost> {
    Fixture::embedded_with(|config| config.reconnect_patience = Duration::from_millis(300)).await
}

/// A transfer that has failed in its middle, because the server was gone: its ID.
async fn failed(
    fixture: &Fixture<EmbeddedHost>,
    direction: &str,
    local: &str,
    remote: &str,
    folder: &Path,
) -> Value {
    let id = begin(fixture, direction, local, remote).await;
    eventually("a good part has arrived", || {
        part_bytes(folder) > 40 * 1024 * 1024
    })
    .await;
    fixture.server.set_fault(Fault::HangUp);
    fixture.server.cut();
    let error = fixture.client.wait(&id).await.error("TRANSFER_FAILED");
    fixture.server.set_fault(Fault::None);
    assert!(
        part_bytes(folder) > 32 * 1024 * 1024,
        "what a retry needs is kept: {error}"
    );
    id
}

#[tokio::test]
async fn a_retry_goes_on_from_the_part_if_it_still_matches() {
    let fixture = impatient().await;
    let mut content = noise(96 * 1024 * 1024);
    write(fixture.local("big"), &content);
    write(fixture.remote("target"), b"old");
    let home = fixture.server.home.path();
    let ends = (fixture.local("big"), fixture.remote("target"));
    let id = failed(&fixture, "upload", &ends.0, &ends.1, home).await;
    assert_eq!(std::fs::read(fixture.remote("target")).unwrap(), b"old");
    let retry = fixture
        .client
        .call("task_retry", json!({"id": id}))
        .await
        .ok();
    arrived(&retry, &ends.1, &sha256(&content));
    assert_eq!(part_bytes(home), 0);
    assert!(
        retry.facts()["resumedBytes"].as_u64() > Some(16 * 1024 * 1024),
        "{}",
        retry.text()
    );

    // A source that has changed begins anew.
    let id = failed(&fixture, "upload", &ends.0, &ends.1, home).await;
    content[5] ^= 1;
    write(&ends.0, &content);
    let retry = fixture
        .client
        .call("task_retry", json!({"id": id}))
        .await
        .ok();
    arrived(&retry, &ends.1, &sha256(&content));
    assert_eq!(part_bytes(home), 0);
}

#[tokio::test]
async fn a_retried_download_goes_on_from_its_part() {
    let fixture = impatient().await;
    let content = noise(96 * 1024 * 1024);
    write(fixture.remote("source"), &content);
    let here = fixture.local("here/target");
    write(&here, b"old");
    let folder = Path::new(&here).parent().unwrap().to_owned();
    let id = failed(
        &fixture,
        "download",
        &here,
        &fixture.remote("source"),
        &folder,
    )
    .await;
    assert_eq!(std::fs::read(&here).unwrap(), b"old");
    let retry = fixture
        .client
        .call("task_retry", json!({"id": id}))
        .await
        .ok();
    arrived(&retry, &here, &sha256(&content));
    assert!(
        retry.facts()["resumedBytes"].as_u64() > Some(16 * 1024 * 1024),
        "{}",
        retry.text()
    );
    assert_eq!(part_bytes(&folder), 0);
}

#[tokio::test]
async fn checksums_are_compared_where_that_is_asked_for() {
    let (fixture, sshd) = (Fixture::embedded().await, Sshd::start());
    fixture.client.register(sshd.login("real")).await;
    for length in [0, 1000, 5 * 1024 * 1024] {
        write(fixture.local("file"), noise(length));
        for (alias, remote) in [
            ("web1", fixture.remote("file")),
            ("real", sshd.home("file")),
        ] {
            for (direction, local) in [("upload", "file"), ("download", "back")] {
                let arguments = json!({
                    "alias": alias, "direction": direction, "local": fixture.local(local), "remote": remote,
                    "verify": true,
                });
                let ended = fixture.client.call("task_transfer", arguments).await.ok();
                ended.has(&json!({"status": "completed", "verify": true}));
            }
            assert_eq!(std::fs::read(fixture.local("back")).unwrap(), noise(length));
        }
    }
}

#[tokio::test]
async fn a_file_whose_checksums_differ_fails_and_replaces_nothing() {
    let fixture = Fixture::embedded().await;
    write(fixture.remote("target"), b"old");
    fixture.server.set_fault(Fault::LieInWrites);
    for length in [1000, 3 * 1024 * 1024] {
        write(fixture.local("file"), noise(length));
        let arguments = json!({
            "alias": "web1", "direction": "upload", "local": fixture.local("file"),
            "remote": fixture.remote("target"), "verify": true,
        });
        let reason = fixture
            .client
            .call("task_transfer", arguments)
            .await
            .failed_file();
        assert!(reason.contains("checksums differ"), "{reason}");
        assert_eq!(std::fs::read(fixture.remote("target")).unwrap(), b"old");
        assert_eq!(part_bytes(fixture.server.home.path()), 0, "no litter");
    }
}
