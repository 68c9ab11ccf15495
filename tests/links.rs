//! Symbolic links at a target: followed only where the user named them, replaced everywhere else.

use std::os::unix::fs::symlink;
use std::path::Path;

use serde_json::json;

use crate::helper::{Answer, Fixture, text, write};

/// Transfers a tree through the directory links at its target.
async fn following(fixture: &Fixture, direction: &str, local: &str, remote: &str) -> Answer {
    let mut arguments = fixture.arguments(direction, local, remote);
    arguments["followDirectoryLinks"] = true.into();
    fixture.client.call("task_transfer", arguments).await
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap()
}

#[tokio::test]
async fn a_link_that_an_earlier_download_brought_leads_no_later_one_out() {
    let fixture = Fixture::start().await;
    let victim = fixture.here("bashrc");
    let ways: [(&str, &str, &str); 4] = [
        ("tree", "tree", "got"),
        ("tree/*", "tree/*", "got/"),
        ("tree/**/*", "tree/**/*", "got"),
        ("tree", "tree/cfg", "got/"),
    ];
    for (first, second, target) in ways {
        write(&victim, "mine\n");
        let cfg = fixture.there("tree/cfg");
        std::fs::create_dir_all(cfg.parent().unwrap()).unwrap();
        let _ = std::fs::remove_file(&cfg);
        symlink(&victim, &cfg).unwrap();
        let brought = fixture
            .transfer_all("download", &[(target, first)])
            .await
            .ok();
        assert_eq!(brought.facts()["status"], "completed", "{}", brought.text());
        assert!(fixture.here("got/cfg").is_symlink(), "{first}");
        std::fs::remove_file(&cfg).unwrap();
        std::fs::write(&cfg, "evil\n").unwrap();
        let again = fixture
            .transfer_all("download", &[(target, second)])
            .await
            .ok();
        assert_eq!(again.facts()["status"], "completed", "{}", again.text());
        assert_eq!(read(&victim), "mine\n", "{second}");
        let got = fixture.here("got/cfg");
        assert!(!got.is_symlink() && read(&got) == "evil\n", "{second}");
        assert!(
            again.text().contains("was a symbolic link"),
            "{}",
            again.text()
        );
        std::fs::remove_dir_all(fixture.here("got")).unwrap();
    }
}

#[tokio::test]
async fn the_path_that_the_user_named_is_followed() {
    let fixture = Fixture::start().await;
    write(fixture.here("real"), "old\n");
    symlink("real", fixture.here("link")).unwrap();
    write(fixture.there("new"), "new\n");
    fixture.transfer("download", "link", "new").await.ok();
    assert!(fixture.here("link").is_symlink());
    assert_eq!(read(&fixture.here("real")), "new\n");

    write(fixture.there("dir/real"), "old\n");
    symlink("real", fixture.there("dir/link")).unwrap();
    fixture.transfer("upload", "real", "dir/link").await.ok();
    assert!(fixture.there("dir/link").is_symlink());
    assert_eq!(read(&fixture.there("dir/real")), "new\n");

    // A directory that is a link may be named as well.
    symlink("dir", fixture.there("way")).unwrap();
    write(fixture.here("tree/x"), "x\n");
    fixture.transfer("upload", "tree", "way").await.ok();
    assert_eq!(read(&fixture.there("dir/x")), "x\n");
}

#[tokio::test]
async fn uploads_into_directories_replace_links_too() {
    let fixture = Fixture::start().await;
    write(fixture.there("victim"), "theirs\n");
    write(fixture.here("tree/cfg"), "new\n");
    let ways = [
        ("tree", "got"),
        ("tree/*", "got/"),
        ("tree/cfg", "got/"),
        ("tree/cfg", "got"),
    ];
    for (local, remote) in ways {
        std::fs::create_dir_all(fixture.there("got")).unwrap();
        symlink("../victim", fixture.there("got/cfg")).unwrap();
        let sent = fixture
            .transfer_all("upload", &[(local, remote)])
            .await
            .ok();
        assert_eq!(sent.facts()["status"], "completed", "{}", sent.text());
        assert!(
            sent.text().contains("was a symbolic link"),
            "{}",
            sent.text()
        );
        let got = fixture.there("got/cfg");
        assert!(!got.is_symlink() && read(&got) == "new\n", "{local}");
        assert_eq!(read(&fixture.there("victim")), "theirs\n", "{local}");
        std::fs::remove_dir_all(fixture.there("got")).unwrap();
    }
}

#[tokio::test]
async fn nothing_is_made_behind_a_directory_that_is_a_link() {
    let fixture = Fixture::start().await;
    for (direction, outside) in [
        ("download", fixture.here("out")),
        ("upload", fixture.there("out")),
    ] {
        let (source, target) = match direction {
            "download" => (fixture.there("tree"), fixture.here("got")),
            _ => (fixture.here("tree"), fixture.there("got")),
        };
        for name in ["a/passwd", "a/deep/er/file", "b/file", "file"] {
            write(source.join(name), "new\n");
        }
        std::fs::create_dir_all(source.join("hollow")).unwrap();
        std::fs::create_dir_all(&outside).unwrap();
        std::fs::create_dir_all(&target).unwrap();
        symlink(&outside, target.join("a")).unwrap();
        symlink(&outside, target.join("hollow")).unwrap();
        let answer = fixture
            .transfer(
                direction,
                match direction {
                    "download" => "got",
                    _ => "tree",
                },
                match direction {
                    "download" => "tree",
                    _ => "got",
                },
            )
            .await
            .ok();
        let facts = answer.facts();
        assert_eq!(facts["status"], "partial", "{facts}");
        assert_eq!(
            std::fs::read_dir(&outside).unwrap().count(),
            0,
            "{direction}"
        );
        let failed = facts["failedFiles"].as_array().unwrap();
        let named: Vec<_> = failed
            .iter()
            .map(|failed| failed["file"].as_str().unwrap())
            .collect();
        for name in ["a/passwd", "a/deep/er/file", "hollow"] {
            let path = text(&source.join(name));
            assert!(named.contains(&path.as_str()), "{name}: {named:?}");
        }
        assert!(
            failed
                .iter()
                .all(|failed| failed["error"].as_str().unwrap().contains("symbolic link"))
        );
        assert_eq!(facts["filesDone"], 2);
        assert_eq!(read(&target.join("b/file")), "new\n");
    }
}

#[tokio::test]
async fn within_one_call_links_come_after_what_might_go_through_them() {
    let fixture = Fixture::start().await;
    std::fs::create_dir(fixture.here("out")).unwrap();
    std::fs::create_dir(fixture.there("one")).unwrap();
    symlink(fixture.here("out"), fixture.there("one/a")).unwrap();
    write(fixture.there("two/a/file"), "new\n");
    let pairs = [("got", "one"), ("got", "two")];
    let answer = fixture.transfer_all("download", &pairs).await;
    assert_eq!(
        std::fs::read_dir(fixture.here("out")).unwrap().count(),
        0,
        "{}",
        answer.text()
    );
    assert_eq!(read(&fixture.here("got/a/file")), "new\n");
}

#[tokio::test]
async fn an_upload_goes_through_directory_links_where_it_is_told_to() {
    let fixture = Fixture::start().await;
    std::fs::create_dir_all(fixture.there("app/releases/7")).unwrap();
    write(fixture.there("app/shared/keep"), "keep\n");
    symlink("releases/7", fixture.there("app/current")).unwrap();
    symlink("../../shared", fixture.there("app/releases/7/shared")).unwrap();
    write(fixture.there("victim"), "theirs\n");
    symlink("../../../victim", fixture.there("app/releases/7/cfg")).unwrap();
    for name in [
        "current/bin/app",
        "current/shared/new",
        "current/cfg",
        "readme",
    ] {
        write(fixture.here("tree").join(name), "new\n");
    }
    let refused = fixture.transfer("upload", "tree", "app").await.ok();
    assert_eq!(refused.facts()["status"], "partial");
    assert!(!fixture.there("app/releases/7/bin").exists());

    let sent = following(&fixture, "upload", "tree", "app").await.ok();
    assert_eq!(sent.facts()["status"], "completed", "{}", sent.text());
    assert_eq!(sent.facts()["followDirectoryLinks"], true);
    for name in [
        "releases/7/bin/app",
        "shared/new",
        "releases/7/cfg",
        "readme",
    ] {
        assert_eq!(read(&fixture.there("app").join(name)), "new\n", "{name}");
    }
    assert!(fixture.there("app/current").is_symlink());
    assert!(fixture.there("app/releases/7/shared").is_symlink());
    assert_eq!(read(&fixture.there("app/shared/keep")), "keep\n");
    // Files are still not written through links.
    assert_eq!(read(&fixture.there("victim")), "theirs\n");

    let down = following(&fixture, "download", "back", "app").await;
    let error = down.error("INVALID_ARGUMENT");
    assert_eq!(error["details"]["parameter"], "followDirectoryLinks");
}

#[tokio::test]
async fn a_retry_goes_through_the_same_links() {
    let fixture = Fixture::start().await;
    write(fixture.here("tree/current/new"), "new\n");
    write(fixture.here("tree/last"), "last\n");
    std::fs::create_dir_all(fixture.there("app/releases/7")).unwrap();
    symlink("releases/7", fixture.there("app/current")).unwrap();
    // In the way, so that the first try does not get through.
    std::fs::create_dir(fixture.there("app/last")).unwrap();
    let first = following(&fixture, "upload", "tree", "app").await.ok();
    assert_eq!(first.facts()["status"], "partial", "{}", first.text());
    std::fs::remove_dir(fixture.there("app/last")).unwrap();
    std::fs::remove_file(fixture.there("app/releases/7/new")).unwrap();
    let id = json!({"id": first.facts()["id"]});
    let again = fixture.client.call("task_retry", id).await.ok();
    assert_eq!(again.facts()["status"], "completed", "{}", again.text());
    assert_eq!(read(&fixture.there("app/releases/7/new")), "new\n");
}
