//! Servers that go on for ever, or say too much: a transfer ends, with a clear reason and a small answer.

use std::path::Path;
use std::time::Duration;

use mcp_sftp_orchestrator::config::Config;
use serde_json::{Value, json};

use crate::helper::rogue::{Asked, DIRECTORY, FILE, LINK, Rogue, kind, packet, string};
use crate::helper::{
    Answer, Client, Fixture, SmallDisk, assert_has, directory, login, memory, text,
};

/// A client, and a server with these answers.
async fn scripted(
    answers: impl Fn(&Asked) -> Option<Vec<u8>> + Send + Sync + 'static,
) -> Fixture<Rogue> {
    scripted_with(|_| {}, answers).await
}

async fn scripted_with(
    change: impl FnOnce(&mut Config),
    answers: impl Fn(&Asked) -> Option<Vec<u8>> + Send + Sync + 'static,
) -> Fixture<Rogue> {
    Fixture::configured(Rogue::start(answers).await, |config| {
        config.sync_timeout = Duration::from_secs(100);
        change(config);
    })
    .await
}

async fn download(fixture: &Fixture<Rogue>, remote: &str) -> Answer {
    fixture.transfer("download", "target", remote).await
}

/// The reason of a download's first file, which has to fail.
async fn refused(fixture: &Fixture<Rogue>, remote: &str) -> String {
    let error = download(fixture, remote).await.error("TRANSFER_FAILED");
    assert_eq!(entries(fixture.files.path()), 0, "nothing is left: {error}");
    reason(&error)
}

fn entries(folder: &Path) -> usize {
    std::fs::read_dir(folder).unwrap().count()
}

/// The reason in an error's first failed file.
fn reason(error: &Value) -> String {
    let failed = &error["details"]["failedFiles"][0];
    failed["error"].as_str().unwrap().to_owned()
}

/// Answers reads of a file with content that never ends.
fn endless(asked: &Asked) -> Option<Vec<u8>> {
    (asked.kind == kind::READ).then(|| asked.data(&vec![7; asked.range().1 as usize]))
}

#[tokio::test]
async fn a_file_that_never_ends_fails_whatever_length_it_said() {
    for (said, portion) in [(0, 10_000), (10, 5), (1_000_000, 10_000)] {
        let fixture = scripted_with(
            |config| config.max_growth = 4 * 1024 * 1024,
            move |asked| match asked.kind {
                kind::STAT | kind::LSTAT => Some(asked.attributes(FILE, said)),
                // The first read brings less than was said, as of a file of /proc.
                kind::READ if asked.earlier == 0 => Some(asked.data(&vec![7; portion])),
                _ => endless(asked),
            },
        )
        .await;
        let reason = refused(&fixture, "/file").await;
        let expected = format!("said a length of {said}: it may never end");
        assert!(reason.contains(&expected), "{reason}");
    }
}

#[tokio::test]
async fn a_file_that_says_no_length_is_read_to_its_end() {
    let fixture = scripted(|asked| match asked.kind {
        kind::STAT | kind::LSTAT => Some(asked.attributes(FILE, 0)),
        kind::READ => Some(match asked.range().0 {
            offset @ 0..2_000_000 => asked.data(&offset.to_be_bytes().repeat(125)),
            _ => asked.status(1, ""),
        }),
        _ => None,
    })
    .await;
    let ended = download(&fixture, "/proc/file").await.ok();
    assert_eq!(ended.facts()["bytes"], 2_000_000, "{}", ended.text());
    let expected: Vec<u8> = (0..2000_u64)
        .flat_map(|number| (number * 1000).to_be_bytes().repeat(125))
        .collect();
    assert!(std::fs::read(fixture.files.path().join("target")).unwrap() == expected);
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn what_never_ends_takes_no_memory_and_leaves_room_on_the_disk() {
    const MIB: u64 = 1024 * 1024;
    let (data, disk) = (directory(), SmallDisk::of_mebibytes(200));
    let server = Rogue::start(|asked| match asked.kind {
        kind::STAT | kind::LSTAT => Some(asked.attributes(FILE, 0)),
        _ => endless(asked),
    })
    .await;
    let client = Client::spawned(data.path(), &["--sync-timeout=100"]).await;
    client.register(login("web1", server.port)).await;
    let before = memory(client.process_id(), "VmHWM");
    let arguments = json!({
        "alias": "web1", "direction": "download", "local": text(&disk.path().join("file")),
        "remote": "/file",
    });
    // Its room shrinks to the reserve of one in a hundred, and no further.
    let filled = async {
        let mut least = u64::MAX;
        loop {
            let found = rustix::fs::statvfs(disk.path()).unwrap();
            least = least.min(found.f_bavail * found.f_frsize);
            tokio::time::sleep(Duration::from_millis(1)).await;
            if least == 0 {
                return least;
            }
        }
    };
    let error = tokio::select! {
        answer = client.call("task_transfer", arguments) => answer.error("TRANSFER_FAILED"),
        least = filled => panic!("{least} bytes are left"),
    };
    assert!(
        reason(&error).contains("no space left on this machine"),
        "{error}"
    );
    assert_eq!(entries(disk.path()), 0, "nothing is left");
    let more = memory(client.process_id(), "VmHWM") - before;
    assert!(more < 64 * MIB, "it took {more} bytes");
}

#[tokio::test]
async fn a_directory_that_never_ends_is_refused_and_the_setting_named() {
    let fixture = scripted_with(
        |config| config.max_entries = 5000,
        |asked| {
            (asked.kind == kind::READDIR).then(|| {
                let names: Vec<_> = (0..100)
                    .map(|name| format!("{}-{name}", asked.number))
                    .collect();
                let names: Vec<_> = names.iter().map(|name| (name.as_str(), FILE, 10)).collect();
                asked.names(&names)
            })
        },
    )
    .await;
    let local = text(&fixture.files.path().join("all"));
    let files = json!([{"local": local, "remote": "/dir/*.log"}]);
    let pattern = json!({"alias": "web1", "direction": "download", "files": files});
    for ended in [
        download(&fixture, "/dir").await,
        fixture.client.call("task_transfer_multi", pattern).await,
    ] {
        let reason = reason(&ended.error("TRANSFER_FAILED"));
        assert!(
            reason.contains("more than 5000 entries") && reason.contains("MAX_TRANSFER_ENTRIES"),
            "{reason}"
        );
    }
    assert_eq!(entries(fixture.files.path()), 0, "nothing is made");
}

#[tokio::test]
async fn as_many_entries_as_allowed_are_moved_and_one_more_is_not_on_either_side() {
    for (count, is_taken) in [(20, true), (21, false)] {
        for direction in ["upload", "download"] {
            let fixture = scripted_with(
                |config| config.max_entries = 20,
                move |asked| {
                    let names: Vec<_> = (0..count).map(|name| name.to_string()).collect();
                    let names: Vec<_> = names.iter().map(|name| (&**name, FILE, 10)).collect();
                    (asked.kind == kind::READDIR).then(|| asked.listing(&names))
                },
            )
            .await;
            let folder = fixture.files.path().join("tree");
            if direction == "upload" {
                std::fs::create_dir(&folder).unwrap();
                for name in 0..count {
                    std::fs::write(folder.join(name.to_string()), "ten bytes.").unwrap();
                }
            }
            let ended = fixture.transfer(direction, "tree", "/dir").await;
            let says_so = ended.text().contains("more than 20 entries");
            assert_eq!(
                (ended.is_error(), says_so),
                (!is_taken, !is_taken),
                "{direction}: {}",
                ended.text()
            );
        }
    }
}

#[tokio::test]
async fn a_listing_without_names_ends() {
    for names in [&[][..], &[(".", DIRECTORY, 0), ("..", DIRECTORY, 0)]] {
        let fixture =
            scripted(|asked| (asked.kind == kind::READDIR).then(|| asked.names(names))).await;
        let reason = refused(&fixture, "/dir").await;
        assert!(
            reason.contains("without names and without an end"),
            "{reason}"
        );
    }
}

#[tokio::test]
async fn a_tree_that_never_ends_is_left_where_its_paths_get_too_long() {
    let fixture = scripted(|asked| match asked.kind {
        kind::READDIR => {
            let deeper = format!("{}{}-dir", "d".repeat(90), asked.number);
            Some(asked.listing(&[(&deeper, DIRECTORY, 0), ("file", FILE, 10)]))
        }
        _ => None,
    })
    .await;
    let ended = download(&fixture, "/dir").await.ok();
    let facts = ended.facts();
    assert_eq!(facts["status"], "partial", "{facts}");
    assert!(facts["filesDone"].as_u64().unwrap() > 30, "{facts}");
    let failed = facts["failedFiles"].to_string();
    assert!(
        failed.contains("a path of more than 4096 bytes"),
        "{failed}"
    );
    // Three at most: the directory, and where this machine takes no longer path.
    assert!(
        facts["failedFiles"].as_array().unwrap().len() <= 3,
        "{facts}"
    );
}

#[tokio::test]
async fn names_links_and_words_without_measure_are_told_by_their_beginning() {
    let long = "n".repeat(900_000);
    let fixture = scripted(move |asked| match (asked.kind, asked.name()) {
        (kind::READDIR, "/names-dir") => {
            Some(asked.listing(&[(&long, FILE, 10), ("fine", FILE, 10)]))
        }
        (kind::READDIR, "/links-dir") => {
            Some(asked.listing(&[("link", LINK, 0), ("fine", FILE, 10)]))
        }
        (kind::READLINK, _) => Some(asked.names(&[(&long, LINK, 0)])),
        (kind::OPEN, "/words") => Some(asked.status(4, &long)),
        (kind::OPEN, "/handle") => Some(asked.handle(&long)),
        _ => None,
    })
    .await;
    for remote in ["/names-dir", "/links-dir"] {
        let ended = download(&fixture, remote).await.ok();
        let facts = ended.facts();
        assert_has(facts, &json!({"status": "partial", "filesDone": 1}));
        let failed = facts["failedFiles"].to_string();
        assert!(
            failed.contains("a path of more than 4096 bytes"),
            "{failed}"
        );
        assert!(
            ended.text().len() + facts.to_string().len() < 10_000,
            "{facts}"
        );
        std::fs::remove_dir_all(fixture.files.path().join("target")).unwrap();
    }
    for (remote, words) in [("/words", "nnn"), ("/handle", "no SFTP packet")] {
        let error = download(&fixture, remote).await.error("TRANSFER_FAILED");
        assert!(reason(&error).contains(words), "{error}");
        assert!(error.to_string().len() < 10_000, "{error}");
    }
}

#[tokio::test]
async fn lengths_beyond_all_numbers_are_only_wrong() {
    let fixture = scripted(|asked| match asked.kind {
        kind::READDIR => Some(asked.listing(&[("a", FILE, u64::MAX), ("b", FILE, u64::MAX)])),
        _ => None,
    })
    .await;
    let error = download(&fixture, "/dir").await.error("TRANSFER_FAILED");
    assert!(reason(&error).contains("shrank"), "{error}");
}

#[tokio::test]
async fn more_than_was_asked_for_is_refused_in_small_files_large_ones_and_checksums() {
    let more = |asked: &Asked| {
        (asked.kind == kind::READ).then(|| asked.data(&vec![7; asked.range().1 as usize + 1]))
    };
    for length in [10, 10_000_000] {
        let fixture = scripted(move |asked| match asked.kind {
            kind::STAT | kind::LSTAT => Some(asked.attributes(FILE, length)),
            _ => more(asked),
        })
        .await;
        let reason = refused(&fixture, "/file").await;
        assert!(
            reason.contains("more of a file than was asked for"),
            "{reason}"
        );
    }
    let fixture = scripted(more).await;
    std::fs::write(fixture.files.path().join("verified"), "ten bytes.").unwrap();
    let mut arguments = fixture.arguments("upload", "verified", "/new");
    arguments["verify"] = true.into();
    let error = fixture.client.call("task_transfer", arguments).await;
    let error = error.error("TRANSFER_FAILED");
    assert!(
        reason(&error).contains("more of a file than was asked for"),
        "{error}"
    );
}

#[tokio::test]
async fn what_breaks_the_protocol_ends_a_transfer_at_once_and_says_how() {
    type Breaks = fn(&Asked) -> Vec<u8>;
    let cases: [(u8, Breaks, &str); 9] = [
        (
            kind::STAT,
            |asked| packet(101, asked.number + 1000, &[&[0; 4]]),
            "was not made",
        ),
        (
            kind::READ,
            |asked| packet(103, 3_000_000_000, &[&string(&asked.number.to_be_bytes())]),
            "was not made",
        ),
        (kind::READ, |asked| asked.handle("h"), "of another kind"),
        (kind::READ, |asked| asked.data(b""), "shrank"),
        (kind::OPEN, |asked| asked.data(b""), "of another kind"),
        (
            kind::OPEN,
            |asked| packet(102, asked.number, &[&[0, 0, 0, 9]]),
            "no SFTP packet",
        ),
        (kind::OPEN, |_| vec![255; 100], "no SFTP packet"),
        (
            kind::STAT,
            |asked| packet(99, asked.number, &[]),
            "no SFTP packet",
        ),
        (
            kind::INIT,
            |_| b"Welcome to this host!\r\n".to_vec(),
            "no SFTP packet",
        ),
    ];
    for (number, (broken, breaks, said)) in cases.into_iter().enumerate() {
        let fixture = scripted(move |asked| (asked.kind == broken).then(|| breaks(asked))).await;
        let ended = download(&fixture, "/file").await;
        assert!(
            ended.is_error() && ended.text().contains(said),
            "{number}: {}",
            ended.text()
        );
        assert_eq!(entries(fixture.files.path()), 0, "nothing is left");
    }
}
