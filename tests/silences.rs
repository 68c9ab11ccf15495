//! A server whose SFTP goes silent while its connection lives: a transfer ends, and says why.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::helper::rogue::{Asked, FILE, Rogue, kind};
use crate::helper::{Fixture, eventually_so, noise};

/// The time that a server may be silent here.
const PATIENCE: Duration = Duration::from_millis(300);

/// A client that waits so long, a server with these answers, and files to send.
async fn scripted(
    patience: Duration,
    answers: impl Fn(&Asked) -> Option<Vec<u8>> + Send + Sync + 'static,
) -> Fixture<Rogue> {
    let fixture = Fixture::configured(Rogue::start(answers).await, |config| {
        config.sync_timeout = Duration::from_secs(100);
        config.answer_patience = patience;
        config.reconnect_patience = patience * 2;
    })
    .await;
    std::fs::write(fixture.here("small"), "ten bytes.").unwrap();
    std::fs::write(fixture.here("large"), noise(3_000_000)).unwrap();
    std::fs::create_dir(fixture.here("tree")).unwrap();
    std::fs::write(fixture.here("tree/file"), "ten bytes.").unwrap();
    fixture
}

/// Nothing at all.
const SILENCE: Option<Vec<u8>> = Some(Vec::new());

#[tokio::test]
async fn no_request_may_go_without_an_answer_for_ever() {
    let cases = [
        (kind::STAT, "download", "new", "/file"),
        (kind::LSTAT, "upload", "small", "/new"),
        (kind::OPEN, "download", "new", "/file"),
        (kind::OPEN, "upload", "small", "/new"),
        (kind::READ, "download", "new", "/file"),
        (kind::READ, "download", "new", "/large"),
        (kind::CLOSE, "upload", "small", "/new"),
        (kind::OPENDIR, "download", "new", "/dir"),
        (kind::READDIR, "download", "new", "/dir"),
        (kind::WRITE, "upload", "small", "/new"),
        (kind::WRITE, "upload", "large", "/new"),
        (kind::FSETSTAT, "upload", "small", "/new"),
        (kind::MKDIR, "upload", "tree", "/new"),
        (kind::RENAME, "upload", "small", "/new"),
    ];
    for (silent, direction, local, remote) in cases {
        let fixture = scripted(PATIENCE, move |asked| match asked.kind {
            kind if kind == silent => SILENCE,
            kind::STAT | kind::LSTAT if asked.name() == "/large" => {
                Some(asked.attributes(FILE, 10_000_000))
            }
            kind::READ if asked.name() == "/large" => {
                Some(asked.data(&vec![7; asked.range().1 as usize]))
            }
            _ => None,
        })
        .await;
        let arguments = fixture.arguments(direction, local, remote);
        let error = fixture.client.call("task_transfer", arguments).await;
        let reason = error.failed_file();
        assert!(
            reason.contains("answered no SFTP request for"),
            "{silent} {direction}: {reason}"
        );
    }
}

#[tokio::test]
async fn a_server_that_stops_in_the_middle_is_taken_up_again_and_at_last_given_up() {
    // Each session gives a part of a file, which is another file and another part each time.
    let sessions = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&sessions);
    let fixture = scripted(PATIENCE / 3, move |asked| match asked.kind {
        kind::INIT => {
            counted.fetch_add(1, Ordering::Relaxed);
            None
        }
        kind::STAT | kind::LSTAT => {
            Some(asked.attributes(FILE, 10_000_000 + counted.load(Ordering::Relaxed)))
        }
        kind::READ
            if asked.range().0 < 2_000_000 + counted.load(Ordering::Relaxed) % 2 * 1_500_000 =>
        {
            Some(asked.data(&vec![7; asked.range().1 as usize]))
        }
        kind::READ => SILENCE,
        _ => None,
    })
    .await;
    let arguments = fixture.arguments("download", "new", "/file");
    let error = fixture.client.call("task_transfer", arguments).await;
    let error = error.error("TRANSFER_FAILED");
    assert!(
        error.to_string().contains("answered no SFTP request for"),
        "{error}"
    );
    let sessions = sessions.load(Ordering::Relaxed);
    assert!((2..100).contains(&sessions), "{sessions} sessions");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_only_slow_is_waited_for() {
    // Each answer comes just in time, and all together much later than one may be waited for.
    let fixture = scripted(Duration::from_secs(2), |asked| {
        let waits = matches!(
            asked.kind,
            kind::STAT | kind::OPEN | kind::READ | kind::CLOSE
        );
        if waits {
            std::thread::sleep(Duration::from_millis(700));
        }
        None
    })
    .await;
    let arguments = fixture.arguments("download", "new", "/file");
    let began = Instant::now();
    let ended = fixture.client.call("task_transfer", arguments).await.ok();
    assert_eq!(ended.facts()["status"], "completed", "{}", ended.text());
    assert!(began.elapsed() > Duration::from_secs(2));
}

#[tokio::test]
async fn a_transfer_with_a_silent_server_can_be_cancelled() {
    let fixture = scripted(Duration::from_secs(60), |asked| {
        (asked.kind == kind::READ).then(Vec::new)
    })
    .await;
    let mut arguments = fixture.arguments("download", "new", "/file");
    arguments["background"] = json!(true);
    let handed = fixture.client.call("task_transfer", arguments).await.ok();
    let id = json!({"id": handed.facts()["id"]});
    eventually_so("it has begun", async || {
        let seen = fixture.client.call("task_status", id.clone()).await.ok();
        seen.facts()["status"] == "running"
    })
    .await;
    let began = Instant::now();
    fixture.client.call("task_cancel", id.clone()).await.ok();
    let ended = fixture.client.call("task_wait", id).await.ok();
    assert_eq!(ended.facts()["status"], "cancelled", "{}", ended.text());
    assert!(began.elapsed() < Duration::from_secs(20));
}
