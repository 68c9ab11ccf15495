//! Comparisons of files and trees of several places.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use crate::helper::{
    Answer, Client, EmbeddedHost, Fault, Fixture, SshServer, Sshd, noise, text, write,
};

async fn compare(client: &Client, sources: &[String]) -> Answer {
    compare_with(client, sources, json!({})).await
}

async fn compare_with(client: &Client, sources: &[String], options: Value) -> Answer {
    let mut arguments = json!({"sources": sources});
    let given = options.as_object().unwrap().clone();
    arguments.as_object_mut().unwrap().extend(given);
    client.call("compare", arguments).await
}

/// The first line without the task's ID, and the others.
fn lines(answer: &Answer) -> Vec<String> {
    let mut lines: Vec<_> = answer.text().lines().map(ToOwned::to_owned).collect();
    let first = &mut lines[0];
    first.truncate(first.find(" (task").unwrap());
    lines
}

/// A fixture whose server has the trees `a`, `b` and `c`, all alike; and the three as sources.
async fn alike(server: Sshd) -> (Fixture, Vec<String>) {
    let fixture = Fixture::with(server).await;
    for tree in ["a", "b", "c"] {
        let tree = fixture.there(tree);
        for name in [
            &b"plain"[..],
            b"new\nline",
            b"\xFF\xFE",
            b"-rf",
            b"back\\slash",
        ] {
            write(tree.join("sub").join(OsStr::from_bytes(name)), name);
        }
        write(tree.join("conf"), "one\ntwo\nthree\n");
        write(tree.join("empty"), "");
        write(tree.join(".git/big"), noise(1000));
        symlink("conf", tree.join("link")).unwrap();
    }
    let sources = ["a", "b", "c"].map(|name| format!("web1:{}", fixture.remote(name)));
    (fixture, sources.into())
}

fn set_mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

fn without_shell() -> Sshd {
    Sshd::start_with("ForceCommand internal-sftp")
}

#[tokio::test]
async fn what_differs_is_named_with_the_place_whatever_the_names() {
    for server in [Sshd::start(), without_shell()] {
        let (fixture, sources) = alike(server).await;
        let same = compare(&fixture.client, &sources).await.ok();
        assert_eq!(lines(&same), ["the same on 3 of 3: 8 files"]);

        let b = fixture.there("b");
        write(b.join("conf"), "one\n2\nthree\n");
        write(b.join("sub").join(OsStr::from_bytes(b"\xFF\xFE")), "other");
        set_mode(&b.join("empty"), 0o600);
        set_mode(&fixture.there("a/empty"), 0o644);
        set_mode(&fixture.there("c/empty"), 0o644);
        std::fs::remove_file(b.join("sub").join(OsStr::from_bytes(b"new\nline"))).unwrap();
        std::fs::remove_file(b.join("link")).unwrap();
        symlink("empty", b.join("link")).unwrap();
        write(b.join("more/one"), "");
        write(b.join("more/two"), "");
        write(b.join(".git/big"), "other");
        let on_b = &sources[1];
        let on_others = format!("{}, {}", sources[0], sources[2]);
        let options = json!({"ignore": [".git/"]});
        let differing = compare_with(&fixture.client, &sources, options).await.ok();
        assert_eq!(
            lines(&differing),
            [
                "the same on 2 of 3: 8 of 13 entries differ".to_owned(),
                format!("conf: content differs: 12 bytes on {on_b}, 14 bytes on {on_others}"),
                format!("empty: mode 0600 on {on_b}, 0644 on {on_others}"),
                format!(
                    "link: content differs: link to empty on {on_b}, link to conf on {on_others}"
                ),
                format!("more with 2 entries below it: only on {on_b}"),
                format!("\"sub/new\\nline\": missing on {on_b}"),
                format!(
                    "\"sub/\\xff\\xfe\": content differs: 5 bytes on {on_b}, 2 bytes on {on_others}"
                ),
            ]
        );
        differing.has(&json!({"status": "completed", "differing": 8}));
    }
}

#[tokio::test]
async fn texts_are_shown_line_by_line_and_keys_and_binary_data_are_not() {
    let (fixture, sources) = alike(Sshd::start()).await;
    let key = "-----BEGIN OPENSSH PRIVATE KEY-----\nb3Bl";
    for (name, one, other) in [
        ("conf", "one\ntwo\nthree\n", "one\n2\nthree\n"),
        ("bin", "a\0\u{1}b", "a\0\u{1}c"),
        ("key", &format!("{key}1\n"), &format!("{key}2\n")),
        (".ssh/id_rsa", "unmistakable1", "unmistakable2"),
    ] {
        write(fixture.there("a").join(name), one);
        write(fixture.there("b").join(name), other);
    }
    let options = json!({"diff": true});
    let answer = compare_with(&fixture.client, &sources[..2], options)
        .await
        .ok();
    let shown = answer.text();
    let [one, other] = [&sources[0], &sources[1]];
    let diff =
        format!("--- {one}: conf\n+++ {other}: conf\n@@ -1,3 +1,3 @@\n one\n-two\n+2\n three");
    assert!(shown.contains(&diff), "{shown}");
    assert!(shown.contains("(binary content, not shown)"), "{shown}");
    assert_eq!(
        shown.matches("(not shown: the policy refuses").count(),
        2,
        "{shown}"
    );
    assert!(
        !shown.contains("b3Bl") && !shown.contains("unmistakable"),
        "{shown}"
    );
}

#[tokio::test]
async fn places_here_and_files_are_compared_as_well() {
    let (fixture, mut sources) = alike(Sshd::start()).await;
    let copied = std::process::Command::new("cp")
        .args(["-a", &fixture.remote("a"), &fixture.local("copy")])
        .status();
    assert!(copied.unwrap().success());
    sources.push(format!("local:{}", fixture.local("copy")));
    let same = compare(&fixture.client, &sources).await.ok();
    assert_eq!(lines(&same), ["the same on 4 of 4: 8 files"]);

    write(fixture.here("copy/conf"), "other");
    let files: Vec<_> = sources
        .iter()
        .map(|source| format!("{source}/conf"))
        .collect();
    let differing = compare(&fixture.client, &files).await.ok();
    let expected = format!(
        ".: content differs: 5 bytes on {}, 14 bytes on {}, {}, {}",
        files[3], files[0], files[1], files[2]
    );
    assert_eq!(
        lines(&differing),
        ["the same on 3 of 4: 1 of 1 entries differ", &expected]
    );
}

#[tokio::test]
async fn a_place_that_is_missing_or_out_of_reach_is_a_difference() {
    let (fixture, sources) = alike(Sshd::start()).await;
    let gone = EmbeddedHost::start().await;
    fixture.client.add("gone", &gone).await;
    drop(gone.stop());
    let missing = format!("web1:{}", fixture.remote("none"));
    let places = [
        sources[0].clone(),
        sources[1].clone(),
        missing.clone(),
        "gone:/etc".to_owned(),
    ];
    let answer = compare(&fixture.client, &places).await.ok();
    let told = lines(&answer);
    assert_eq!(told[0], "the same on 2 of 4: 8 files");
    assert_eq!(told[1], format!("{missing}: nothing is there"));
    assert!(
        told[2].starts_with("gone:/etc: not compared: "),
        "{}",
        answer.text()
    );
    let alone = compare(&fixture.client, &[sources[0].clone(), missing])
        .await
        .ok();
    assert_eq!(lines(&alone)[0], format!("only {} has it", sources[0]));
    let failed = [sources[0].clone(), "gone:/etc".to_owned()];
    compare(&fixture.client, &failed)
        .await
        .error("CONNECTION_FAILED");
}

#[tokio::test]
async fn owners_count_between_servers_and_read_only_ones_are_compared() {
    let from = Fixture::with(EmbeddedHost::start().await).await;
    let to = EmbeddedHost::start().await;
    from.client.register(to.login("web2")).await;
    for file in [from.there("file"), to.path("file")] {
        write(&file, "content");
        set_mode(&file, 0o644);
    }
    from.edit("servers.json", |servers| {
        servers["web1"]["readonly"] = json!(true);
        servers["web2"]["readonly"] = json!(true);
    });
    let sources = [
        format!("web1:{}", from.remote("file")),
        format!("web2:{}", text(&to.path("file"))),
    ];
    let same = compare(&from.client, &sources).await.ok();
    assert_eq!(lines(&same), ["the same on 2 of 2: 1 file"]);
    if std::os::unix::fs::chown(to.path("file"), Some(1), Some(1)).is_ok() {
        let differing = compare(&from.client, &sources).await.ok();
        let told = lines(&differing);
        assert_eq!(told[0], "the same on 1 of 2: 1 of 1 entries differ");
        assert!(
            told[1].starts_with(".: owner ") && told[1].ends_with(" on web1"),
            "{}",
            told[1]
        );
    }
}

#[tokio::test]
async fn one_place_on_several_servers_is_named_as_in_other_tools() {
    let (fixture, _) = alike(Sshd::start()).await;
    for alias in ["web2", "web3"] {
        let mut server = fixture.server.login(alias);
        server["tags"] = json!(["twin"]);
        fixture.client.register(server).await;
    }
    let tree = fixture.remote("a");
    for (servers, count) in [("tag:twin", 2), ("web*,!web2", 2), ("all", 3)] {
        let same = compare(&fixture.client, &[format!("{servers}:{tree}")]).await;
        let said = format!("the same on {count} of {count}: 8 files");
        assert_eq!(lines(&same.ok()), [said], "{servers}");
    }
    let unknown = compare(&fixture.client, &[format!("tag:twins:{tree}")]).await;
    let error = unknown.error("NO_TARGETS");
    assert!(error.to_string().contains("tag:twin"), "{error}");
}

#[tokio::test]
async fn special_files_are_not_read_and_wrong_sources_are_refused() {
    let (fixture, sources) = alike(Sshd::start()).await;
    for tree in ["a", "b"] {
        let made = std::process::Command::new("mkfifo")
            .arg(fixture.there(tree).join("pipe"))
            .status();
        assert!(made.unwrap().success());
    }
    let told = lines(&compare(&fixture.client, &sources).await.ok());
    assert_eq!(told[1], format!("pipe: missing on {}", sources[2]));
    for (wrong, code) in [
        (vec![sources[0].clone()], "INVALID_ARGUMENT"),
        (
            vec!["local:/a".to_owned(), "local:/b".to_owned()],
            "INVALID_ARGUMENT",
        ),
        (
            vec![sources[0].clone(), "/etc".to_owned()],
            "INVALID_ARGUMENT",
        ),
        (
            vec![sources[0].clone(), "web9:/etc".to_owned()],
            "UNKNOWN_ALIAS",
        ),
    ] {
        compare(&fixture.client, &wrong).await.error(code);
    }
}

#[tokio::test]
async fn places_here_stay_inside_the_allowed_directories() {
    let fixture = Fixture::rooted().await;
    write(fixture.here("outside/file"), "x");
    write(fixture.here("inside/file"), "x");
    write(fixture.there("file"), "x");
    for (name, is_allowed) in [("root/file", true), ("outside/file", false)] {
        let places = [
            format!("web1:{}", fixture.remote("file")),
            format!("local:{}", fixture.local(name)),
        ];
        let answer = compare(&fixture.client, &places).await;
        if is_allowed {
            answer.ok();
        } else {
            answer.error("PATH_NOT_ALLOWED");
        }
    }
}

#[tokio::test]
async fn a_comparison_is_handed_off_cancelled_and_audited() {
    let fixture = Fixture::embedded_with(|config| config.sync_timeout = Duration::ZERO).await;
    let client = &fixture.client;
    for name in ["a", "b"] {
        write(fixture.there(name), "content");
    }
    let sources = ["a", "b"].map(|name| format!("web1:{}", fixture.remote(name)));
    fixture.server.set_fault(Fault::MuteAtCommand);
    let handed = compare(client, &sources).await.ok();
    let id = &handed.facts()["id"];
    client.call("task_cancel", json!({"id": id})).await.ok();
    let status = client.call("task_status", json!({"id": id})).await.ok();
    status.has(&json!({"status": "cancelled"}));
    fixture.server.set_fault(Fault::None);
    let handed = compare(client, &sources).await.ok();
    let same = client.wait(&handed.facts()["id"]).await.ok();
    assert!(
        same.text().starts_with("the same on 2 of 2"),
        "{}",
        same.text()
    );
    let trail = std::fs::read_to_string(fixture.stored("audit.jsonl")).unwrap();
    let begun = trail
        .lines()
        .filter(|line| line.contains("\"compare\"") && line.contains("begun"));
    assert_eq!(begun.count(), 2, "{trail}");
}

#[tokio::test]
async fn what_vanishes_meanwhile_ends_no_question() {
    let fixture = Fixture::start().await;
    let client = &fixture.client;
    for tree in ["a", "b"] {
        for number in 0..400 {
            write(fixture.there(tree).join(format!("{number}/file")), "needle");
        }
    }
    let sources = ["a", "b"].map(|name| format!("web1:{}", fixture.remote(name)));
    let tree = fixture.there("a");
    let removing = tokio::task::spawn_blocking(move || std::fs::remove_dir_all(tree).unwrap());
    let path = fixture.remote("a");
    let list = json!({"alias": "web1", "path": path, "depth": 3});
    let search = json!({"alias": "web1", "path": path, "pattern": "needle"});
    let (listed, searched, compared) = tokio::join!(
        client.call("file_list", list),
        client.call("file_search", search),
        compare(client, &sources),
    );
    removing.await.unwrap();
    for answer in [listed, searched, compared] {
        // It may be gone before it was looked at.
        if answer.is_error() {
            assert!(
                answer.text().contains("\"code\":\"FILE_"),
                "{}",
                answer.text()
            );
        }
    }
    let compared = compare(client, &sources).await.ok();
    assert!(
        compared.text().contains(": nothing is there"),
        "{}",
        compared.text()
    );
}
