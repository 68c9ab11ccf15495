//! Reading files on servers that have a shell, and on such as have SFTP alone.

use std::ops::Deref;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::Command;

use regex::Regex;
use serde_json::{Value, json};

use crate::helper::{Answer, FileServers, Fixture, Sshd, directory, text, user};

const SERVERS: [&str; 4] = FileServers::ALL;

/// Servers whose files are read.
struct Servers(FileServers);

impl Deref for Servers {
    type Target = FileServers;

    fn deref(&self) -> &FileServers {
        &self.0
    }
}

impl Servers {
    async fn start() -> Self {
        Self(FileServers::start().await)
    }

    async fn of(kinds: &[&str]) -> Self {
        Self(FileServers::of(kinds).await)
    }

    async fn read(&self, alias: &str, path: &str, more: Value) -> Answer {
        self.call("file_read", alias, path, more).await
    }

    /// Reads on each server. The answers are the same but for what is said of the way.
    async fn read_on_each(&self, path: &str, more: Value) -> String {
        let mut answers = Vec::new();
        for alias in SERVERS {
            let answer = self.read(alias, path, more.clone()).await.ok();
            answers.push((alias, plain(answer.text())));
        }
        for (alias, answer) in &answers[1..] {
            assert_eq!(*answer, answers[0].1, "{alias}");
        }
        answers.swap_remove(0).1
    }
}

/// An answer without what differs from server to server: the task, the way, owners by names or numbers, and the
/// separator that notes bring.
fn plain(answer: &str) -> String {
    let task = Regex::new(r" ?\(task \w+\)|--- stdout of task \w+ ---\n|\n\(read over SFTP[^)]*\)");
    let answer = task.unwrap().replace_all(answer, "").into_owned();
    let alias = Regex::new(r#""alias":"\w+""#).unwrap();
    let answer = alias.replace_all(&answer, r#""alias":"x""#);
    let owner = Regex::new(r"(, 0\d{3}) [\w.-]+:[\w.-]+, ").unwrap();
    owner.replace(&answer, "$1 u:g, ").into_owned()
}

fn numbered(lines: std::ops::RangeInclusive<usize>) -> String {
    let lines = lines.flat_map(|number| [format!("line {number}"), "\n".to_owned()]);
    lines.collect()
}

#[tokio::test]
async fn lines_are_read_by_number_from_the_end_and_around_a_pattern() {
    let servers = Servers::start().await;
    let path = servers.write("log", numbered(1..=200));
    let sum = Command::new("sha256sum").arg(&path).output().unwrap();
    let sum = String::from_utf8(sum.stdout).unwrap()[..64].to_owned();
    let whole = servers.read_on_each(&path, json!({})).await;
    let (heading, rest) = whole.split_once('\n').unwrap();
    let expected = format!("{path}: 1692 bytes, 200 lines, 0644 u:g, ");
    assert!(heading.starts_with(&expected), "{heading}");
    assert!(heading.ends_with(&format!("Z, SHA-256 {sum}")), "{heading}");
    assert_eq!(rest, numbered(1..=200).trim_end());
    let part = servers
        .read_on_each(&path, json!({"from": 99, "lines": 2, "numbers": true}))
        .await;
    assert!(
        part.ends_with("\n(lines 99-100 of 200)\n99\tline 99\n100\tline 100"),
        "{part}"
    );
    let end = servers
        .read_on_each(&path, json!({"tail": 2, "numbers": true}))
        .await;
    assert!(
        end.ends_with("\n(lines 199-200 of 200)\n199\tline 199\n200\tline 200"),
        "{end}"
    );
    let around = json!({"around": "^line (50|150)$", "context": 1, "from": 2});
    let around = servers.read_on_each(&path, around).await;
    let expected =
        "\n49-line 49\n50:line 50\n51-line 51\n--\n149-line 149\n150:line 150\n151-line 151";
    assert!(around.ends_with(expected), "{around}");
    let none = servers.read_on_each(&path, json!({"around": "none"})).await;
    assert!(none.ends_with("\n(no line matches)"), "{none}");
    let beyond = servers.read_on_each(&path, json!({"from": 201})).await;
    assert!(
        beyond.ends_with("\n(there is no line 201 of 200)"),
        "{beyond}"
    );
    let empty = servers.write("empty", "");
    let empty = servers.read_on_each(&empty, json!({})).await;
    assert!(empty.ends_with("\n(it is empty)"), "{empty}");
    for alias in SERVERS {
        let refused = servers.read(alias, &path, json!({"around": "(open"})).await;
        let error = refused.error("INVALID_ARGUMENT");
        assert_eq!(error["details"]["parameter"], "around", "{alias}: {error}");
    }
}

#[tokio::test]
async fn encodings_line_ends_and_binary_data_are_said() {
    let servers = Servers::start().await;
    let many = "caf\u{e9}\r\n".repeat(300);
    for (content, said, shown) in [
        (&b"a\r\nb\r\n"[..], "(lines end with CRLF)", "a\nb"),
        (
            b"a\r\nb\n",
            "(some lines end with CRLF, others with LF)",
            "a\nb",
        ),
        (b"\xEF\xBB\xBFa\n", "(UTF-8 with a byte order mark)", "a"),
        (
            b"caf\xE9\n",
            "(not UTF-8, shown as windows-1252)",
            "caf\u{e9}",
        ),
        (
            b"\x1b[31mred\x1b[0m 10%\r20%\n",
            "(control characters are shown as pictures, such as \u{241b} for ESC)",
            "\u{241b}[31mred\u{241b}[0m 10%\u{240d}20%",
        ),
        (b"open", " without a newline at the end", "open"),
        (
            b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\0\0\0\0",
            ", binary data\n(the first 20 bytes in hex)",
            "7f 45 4c 46 02 01 01 00 00 00 00 00 00 00 00 00\n00 00 00 00",
        ),
        (many.as_bytes(), "(lines end with CRLF)", "caf\u{e9}"),
    ] {
        let path = servers.write("file", content);
        let answer = servers.read_on_each(&path, json!({})).await;
        assert!(answer.contains(said), "{said}: {answer}");
        assert!(answer.ends_with(&format!("\n{shown}")), "{answer}");
    }
    // Converted by a program that not every server has.
    let wide: Vec<u8> = "\u{feff}one\ntwo \u{e9}\n"
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    let path = servers.write("wide", wide);
    let answer = servers.read("shell", &path, json!({"from": 2})).await.ok();
    assert!(answer.text().contains("(UTF-16)"), "{}", answer.text());
    assert!(answer.text().ends_with("\ntwo \u{e9}"), "{}", answer.text());
}

#[tokio::test]
async fn a_long_file_is_read_in_parts_each_with_the_call_for_the_next() {
    let servers = Servers::start().await;
    let whole = numbered(1..=2000);
    let path = servers.write("long", &whole);
    let next = Regex::new(r"\n\(goes on: file_read (\{.*\})\)\n").unwrap();
    for alias in ["shell", "sftp"] {
        let mut arguments = json!({"alias": alias, "path": path, "maxBytes": 6000});
        let mut read = String::new();
        loop {
            let answer = servers.client.call("file_read", arguments).await.ok();
            let answer = answer.text();
            assert!(json!(answer).to_string().len() < 7000);
            let lines = answer.lines().filter(|line| line.starts_with("line "));
            lines.for_each(|line| read.extend([line, "\n"]));
            let Some(more) = next.captures(answer) else {
                break;
            };
            arguments = serde_json::from_str(&more[1]).unwrap();
        }
        assert!(read == whole, "{alias}: {} bytes", read.len());
    }
    // The line that does not end is shown as far as there is room.
    let path = servers.write("line", "x".repeat(300_000));
    let answer = servers.read_on_each(&path, json!({"maxBytes": 100})).await;
    assert!(
        answer.ends_with(&format!("\n{}", "x".repeat(100))),
        "{answer}"
    );
}

#[tokio::test]
async fn the_middle_of_a_large_file_is_read_without_the_rest() {
    let servers = Servers::of(&["shell"]).await;
    let path = servers.write("large", numbered(1..=1000));
    let file = std::fs::File::options().write(true).open(&path).unwrap();
    file.set_len(500_000_000).unwrap();
    let end = "\nmiddle one\nmiddle two\n".as_bytes();
    std::os::unix::fs::FileExt::write_all_at(&file, end, 250_000_000).unwrap();
    let answer = servers
        .read("shell", &path, json!({"from": 1002, "lines": 2}))
        .await
        .ok();
    let text = answer.text();
    assert!(
        text.contains(": 500000000 bytes, 0644 "),
        "not counted: {text}"
    );
    assert!(
        !text.contains("SHA-256") && text.contains("(lines 1002-1003)"),
        "{text}"
    );
    assert!(text.ends_with("\nmiddle one\nmiddle two"), "{text}");
    let end = servers.read("shell", &path, json!({"around": "middle", "context": 0}));
    assert!(
        end.await
            .ok()
            .text()
            .ends_with("\n1002:middle one\n1003:middle two")
    );
}

#[tokio::test]
async fn odd_names_links_and_home_directories_lead_to_the_file() {
    let servers = Servers::start().await;
    for name in [
        "-rf",
        "it's \"odd\" $HOME \\ \u{e9}",
        "two\nlines",
        "end\n",
        "*",
    ] {
        let path = servers.write(name, "here\n");
        let answer = servers.read_on_each(&path, json!({})).await;
        assert!(answer.ends_with("\nhere"), "{name:?}: {answer}");
    }
    let target = servers.write("target", "there\n");
    symlink("target", servers.path("link")).unwrap();
    let path = servers.path("link");
    let answer = servers.read_on_each(&path, json!({})).await;
    assert!(
        answer.starts_with(&format!("{target}: 6 bytes")),
        "{answer}"
    );
    let said = format!("\n(`{path}` is a link, and leads there)\nthere");
    assert!(answer.ends_with(&said), "{answer}");
}

#[tokio::test]
async fn what_is_no_file_is_refused_with_the_reason() {
    let servers = Servers::start().await;
    let _listener = UnixListener::bind(servers.path("socket")).unwrap();
    let made = Command::new("mkfifo").arg(servers.path("pipe")).status();
    assert!(made.unwrap().success());
    symlink("nowhere", servers.path("dangling")).unwrap();
    symlink("pipe", servers.path("to-pipe")).unwrap();
    for (path, code, reason) in [
        (servers.path(""), "NOT_A_FILE", "it is a directory"),
        (
            servers.path("pipe"),
            "NOT_A_FILE",
            "it is a named pipe (FIFO), not a file",
        ),
        (
            servers.path("to-pipe"),
            "NOT_A_FILE",
            "it is a named pipe (FIFO), not a file",
        ),
        (
            servers.path("socket"),
            "NOT_A_FILE",
            "it is a socket, not a file",
        ),
        (
            "/dev/null".to_owned(),
            "NOT_A_FILE",
            "it is a device, not a file",
        ),
        (
            servers.path("none"),
            "FILE_NOT_FOUND",
            "No such file or directory",
        ),
        (
            servers.path("none/none"),
            "FILE_NOT_FOUND",
            "No such file or directory",
        ),
        (
            servers.path("dangling"),
            "FILE_NOT_FOUND",
            "it is a link that leads to nothing",
        ),
    ] {
        for alias in SERVERS {
            let error = servers.read(alias, &path, json!({})).await.error(code);
            let details = &error["details"];
            assert_eq!(details["reason"], reason, "{alias} {path}: {error}");
        }
    }
}

#[tokio::test]
async fn a_file_without_the_right_to_it_is_refused() {
    for extra in ["", "ForceCommand internal-sftp"] {
        let sshd = Sshd::start_bound_with(extra);
        let fixture = Fixture::with(sshd).await;
        let path = fixture.there("closed");
        std::fs::write(&path, "closed").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o000)).unwrap();
        let arguments = json!({"alias": "web1", "path": path});
        let answer = fixture.client.call("file_read", arguments).await;
        let error = answer.error("PERMISSION_DENIED");
        assert_eq!(error["details"]["reason"], "Permission denied", "{error}");
        assert!(
            error["details"]["hint"].as_str().unwrap().contains("sudo"),
            "{error}"
        );
    }
}

#[tokio::test]
async fn keys_and_shadow_files_are_not_read_through_any_link() {
    let servers = Servers::start().await;
    let key = servers.write(".ssh/id_ed25519", "secret of the key\n");
    let named = servers.write(
        "notes",
        "-----BEGIN OPENSSH PRIVATE KEY-----\nsecret of the key\n",
    );
    let public = servers.write(".ssh/id_ed25519.pub", "ssh-ed25519 AAAA\n");
    symlink(".ssh", servers.path("elsewhere")).unwrap();
    symlink("/etc/shadow", servers.path("list")).unwrap();
    for path in [
        key.as_str(),
        &servers.path("elsewhere/id_ed25519"),
        &named,
        "/etc/shadow",
        &servers.path("list"),
        "/proc/self/root/etc/shadow",
    ] {
        if path.contains("shadow") && user() != "root" {
            continue;
        }
        for alias in SERVERS {
            let error = servers
                .read(alias, path, json!({}))
                .await
                .error("POLICY_BLOCKED");
            assert!(!error.to_string().contains("secret of"), "{error}");
            let hint = error["details"]["hint"].as_str().unwrap();
            assert!(
                hint.contains("`file_read /") && hint.contains("policies.json"),
                "{error}"
            );
        }
    }
    let found = std::fs::read_dir(servers.data.path().join("output")).unwrap();
    assert_eq!(found.count(), 0, "nothing of it is kept");
    servers.read_on_each(&public, json!({})).await;
    let rules = json!({"allowlist": [format!("file_read {key}")]});
    std::fs::write(servers.data.path().join("policies.json"), rules.to_string()).unwrap();
    let opened = servers.read_on_each(&key, json!({})).await;
    assert!(opened.ends_with("\nsecret of the key"), "{opened}");
}

#[tokio::test]
async fn a_secret_in_a_file_is_masked() {
    let servers = Servers::start().await;
    let password = "correct horse battery 71";
    let mut login = json!({"alias": "other", "host": "127.0.0.1", "port": 1, "user": "u", "password": password});
    login["verify"] = json!(false);
    servers.client.call("server_add", login).await.ok();
    let path = servers.write("env", format!("PASSWORD={password}\nnext\n"));
    let answer = servers.read_on_each(&path, json!({"numbers": true})).await;
    assert!(
        answer.contains("1\tPASSWORD=*") && answer.ends_with("\n2\tnext"),
        "{answer}"
    );
    assert!(!answer.contains("horse"), "{answer}");
}

#[tokio::test]
async fn a_reading_is_a_task_that_is_found_again_and_retried() {
    let servers = Servers::of(&["shell"]).await;
    let path = servers.write("file", numbered(1..=3));
    let first = servers.read("shell", &path, json!({"from": 2})).await.ok();
    let id = first.facts()["id"].clone();
    first.has(&json!({"status": "completed", "tool": "file_read"}));
    let again = servers
        .client
        .call("task_wait", json!({"id": id}))
        .await
        .ok();
    assert_eq!(again.text(), first.text());
    let output = servers
        .client
        .call("task_output", json!({"id": id}))
        .await
        .ok();
    assert!(
        output.text().contains("line 2\nline 3"),
        "{}",
        output.text()
    );
    let missing = servers.path("later");
    let failed = servers.read("shell", &missing, json!({})).await;
    assert!(failed.is_error());
    servers.write("later", "now\n");
    let queue = servers
        .client
        .call("task_queue", json!({"status": "failed", "all": true}))
        .await
        .ok();
    let id = queue.facts()["tasks"][0]["id"].clone();
    let retried = servers
        .client
        .call("task_retry", json!({"id": id}))
        .await
        .ok();
    assert!(retried.text().ends_with("\nnow"), "{}", retried.text());
    assert!(Path::new(&path).exists());
}

#[tokio::test]
async fn a_file_that_vanishes_while_it_is_read_is_said_to_be_gone() {
    let folder = directory();
    let path = folder.path().join("file");
    let script = format!("rm -f {}; exec /usr/bin/sha256sum \"$@\"", text(&path));
    let server = Sshd::with_programs(&[("sha256sum", &script)], "");
    let fixture = Fixture::with(server).await;
    for more in [
        json!({}),
        json!({"tail": 2}),
        json!({"around": "line"}),
        json!({"hash": true}),
    ] {
        std::fs::write(&path, "a line\nanother line\n").unwrap();
        let mut arguments = json!({"alias": "web1", "path": path});
        let more = more.as_object().unwrap().clone();
        arguments.as_object_mut().unwrap().extend(more);
        let gone = fixture.client.call("file_read", arguments).await;
        gone.error("FILE_NOT_FOUND");
        assert!(!path.exists());
    }
}
