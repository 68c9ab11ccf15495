//! Searching the files of servers that have a shell, and of such as have SFTP alone.

use std::os::unix::fs::symlink;
use std::process::Command;

use regex::Regex;
use serde_json::{Value, json};

use crate::helper::{Answer, FileServers, Sshd, directory, text};

/// The heading of an answer without the task and the way, its notes, and its lines in their order by files.
fn sorted(answer: &str) -> (String, Vec<String>) {
    let rest =
        Regex::new(r" \((?:with|over)[^)]*\)| \(task \w+\)|--- stdout of task \w+ ---\n").unwrap();
    let answer = rest.replace_all(answer, "").into_owned();
    let mut lines = answer.lines().map(str::to_owned);
    let heading = lines.next().unwrap();
    let mut lines: Vec<_> = lines.collect();
    lines.sort();
    (heading, lines)
}

async fn search(servers: &FileServers, alias: &str, name: &str, pattern: &str) -> Answer {
    let (path, pattern) = (servers.path(name), json!({"pattern": pattern}));
    servers.call("file_search", alias, &path, pattern).await
}

/// Searches on each server. The answers are the same but for the order of files.
async fn search_on_each(servers: &FileServers, more: Value) -> (String, Vec<String>) {
    let mut answers = Vec::new();
    for alias in FileServers::ALL {
        let path = servers.path("");
        let answer = servers
            .call("file_search", alias, &path, more.clone())
            .await
            .ok();
        answers.push((alias, sorted(answer.text())));
    }
    for (alias, answer) in &answers[1..] {
        assert_eq!(*answer, answers[0].1, "{alias}");
    }
    answers.swap_remove(0).1
}

#[tokio::test]
async fn lines_are_found_in_text_files_by_pattern_name_and_case() {
    let servers = FileServers::start().await;
    servers.write("a.conf", "first\nlisten 80\nlast\n");
    servers.write("sub/b.conf", "Listen 8080\r\n");
    servers.write("sub/c txt", "listen $x 'y' caf\u{e9}\n");
    servers.write("latin", b"listen caf\xE9\n");
    servers.write("binary", b"listen\0\x01\x02\x03\x04\n");
    let made = Command::new("mkfifo").arg(servers.path("pipe")).status();
    assert!(made.unwrap().success());
    symlink("a.conf", servers.path("link.conf")).unwrap();
    symlink(".", servers.path("circle")).unwrap();
    let (heading, lines) = search_on_each(&servers, json!({"pattern": "^listen"})).await;
    assert!(heading.ends_with(": 3 matches in 3 files"), "{heading}");
    let expected = [
        "a.conf:2:listen 80",
        "latin:1:listen caf\u{e9}",
        "sub/c txt:1:listen $x 'y' caf\u{e9}",
    ];
    assert_eq!(lines, expected);
    let named =
        json!({"pattern": "LISTEN [0-9]+", "match": "*.conf", "ignoreCase": true, "context": 1});
    let (_, lines) = search_on_each(&servers, named).await;
    let expected = [
        "a.conf-1-first",
        "a.conf-3-last",
        "a.conf:2:listen 80",
        "sub/b.conf:1:Listen 8080",
    ];
    assert_eq!(lines, expected);
    let of_path = json!({"pattern": "isten", "match": "sub/*"});
    let (_, lines) = search_on_each(&servers, of_path).await;
    assert_eq!(lines.len(), 2, "{lines:?}");
    let (heading, lines) = search_on_each(&servers, json!({"pattern": "no such"})).await;
    assert!(
        heading.ends_with(": 0 matches in 0 files") && lines.is_empty(),
        "{lines:?}"
    );
    for alias in FileServers::ALL {
        let refused = search(&servers, alias, "", "(x");
        let error = refused.await.error("INVALID_ARGUMENT");
        assert_eq!(error["details"]["parameter"], "pattern", "{alias}: {error}");
        let one = search(&servers, alias, "a.conf", "80");
        assert!(one.await.ok().text().ends_with("\n2:listen 80"), "{alias}");
        let missing = search(&servers, alias, "none", "x");
        missing.await.error("FILE_NOT_FOUND");
        let pipe = search(&servers, alias, "pipe", "x");
        pipe.await.error("NOT_A_FILE");
    }
}

#[tokio::test]
async fn many_matches_are_bounded_and_that_is_said() {
    let servers = FileServers::start().await;
    for number in 0..30 {
        servers.write(&format!("d/{number}"), "needle in the hay\n".repeat(1000));
    }
    servers.write("long", format!("long {}\n", "x".repeat(2_000_000)));
    for alias in FileServers::ALL {
        let found = search(&servers, alias, "d", "needle");
        let found = found.await.ok();
        let text = found.text();
        assert_eq!(text.matches(":needle in the hay").count(), 100, "{alias}");
        assert!(
            text.contains("(the first 100 lines; more: file_search {"),
            "{alias}: {text}"
        );
        let found = search(&servers, alias, "", "^long");
        let found = found.await.ok();
        assert!(
            found.text().len() < 1000 && found.text().contains("xx\u{2026}"),
            "{alias}: {}",
            found.text()
        );
    }
}

#[tokio::test]
async fn keys_are_left_out_and_counted() {
    let servers = FileServers::start().await;
    servers.write("config", "Host needle\n");
    servers.write(".ssh/id_rsa", "needle of the key\n");
    servers.write(".ssh/id_rsa.pub", "needle.pub\n");
    for alias in FileServers::ALL {
        let found = search(&servers, alias, "", "needle");
        let found = found.await.ok();
        let text = found.text();
        assert!(text.contains("2 matches in 2 files"), "{alias}: {text}");
        assert!(
            text.contains("(1 line of files that hold keys or passwords not shown)"),
            "{text}"
        );
        assert!(!text.contains("of the key"), "{text}");
        let key = search(&servers, alias, ".ssh/id_rsa", "n");
        key.await.error("POLICY_BLOCKED");
    }
}

#[tokio::test]
async fn rg_is_used_where_the_server_has_it() {
    // It answers as the real one does, of which it gets the arguments.
    let rg = "case \"$*\" in *' -e needle') cat >/dev/null; exit 0 ;; esac\nfor root; do :; done\nprintf '%s\\0%s\\n' \"$root/a b\" \"7:needle $*\"";
    let sshd = Sshd::with_programs(&[("rg", rg)], "");
    let data = directory();
    let client = crate::helper::Client::in_process(data.path(), |_| {}).await;
    client.register(sshd.login("web1")).await;
    let arguments = json!({"alias": "web1", "path": text(sshd.directory.path()), "pattern": "needle", "match": "*.c", "ignoreCase": true});
    let found = client.call("file_search", arguments).await.ok();
    let found = found.text();
    assert!(found.contains(": 1 match in 1 file (with rg)"), "{found}");
    let line = "\na b:7:needle --no-config --color never --no-heading --hidden --no-ignore --max-columns 1000 --max-columns-preview -nH0 -C 0 -i -g *.c -e needle -- /";
    assert!(found.contains(line), "{found}");
}
