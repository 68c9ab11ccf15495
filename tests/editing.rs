//! Files that are edited and written: whole or not at all, and as they are in all else.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};
use std::path::Path;
use std::time::Duration;

use mcp_sftp_orchestrator::hex::digits;
use serde_json::{Value, json};

use crate::helper::{
    Answer, Client, EmbeddedHost, Fault, Fixture, Folder, Proxy, SmallDisk, Sshd, assert_has,
    directory, eventually, login, noise, program, sha256, text,
};

/// An sshd that serves files alone, without a shell.
fn without_shell() -> Sshd {
    Sshd::start_with("Subsystem sftp internal-sftp\nForceCommand internal-sftp")
}

/// Runs a check on a server with a shell, on one without, and on the embedded one.
async fn on_each_server(check: impl AsyncFn(&Client, &Path)) {
    for sshd in [Sshd::start(), without_shell()] {
        let (folder, fixture) = (directory(), Fixture::with(sshd).await);
        Box::pin(check(&fixture.client, folder.path())).await;
    }
    let fixture = Fixture::embedded().await;
    let home = fixture.server.home.path();
    Box::pin(check(&fixture.client, home)).await;
}

fn hash(content: impl AsRef<[u8]>) -> String {
    digits(&sha256(content.as_ref()))
}

fn edit(path: &Path, old: &str, new: &str) -> Value {
    json!({"alias": "web1", "path": path, "edits": [{"old": old, "new": new}]})
}

fn write(path: &Path, content: &str) -> Value {
    json!({"alias": "web1", "path": path, "content": content})
}

fn with(mut arguments: Value, more: Value) -> Value {
    let Value::Object(more) = more else {
        unreachable!("arguments are an object");
    };
    arguments.as_object_mut().unwrap().extend(more);
    arguments
}

async fn call(client: &Client, tool: &'static str, arguments: Value) -> Answer {
    client.call(tool, arguments).await
}

fn mode(path: &Path) -> u32 {
    path.metadata().unwrap().mode() & 0o7777
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<_> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[tokio::test]
async fn texts_are_replaced_and_all_else_stays() {
    on_each_server(async |client, folder| {
        let folder = &folder.join("replaced");
        fs::create_dir(folder).unwrap();
        let path = &folder.join("it's a \"file\"; $(x)");
        for (before, old, new, after) in [
            (
                &b"one two three"[..],
                "two",
                "$&\\1 'x'",
                &b"one $&\\1 'x' three"[..],
            ),
            (
                b"a\r\nb\r\nc\r\n",
                "a\nb",
                "x\ny\nz",
                b"x\r\ny\r\nz\r\nc\r\n",
            ),
            (b"\xEF\xBB\xBFa\nb", "a", "x", b"\xEF\xBB\xBFx\nb"),
            (b"caf\xE9 \xFC\n", "caf\u{e9}", "th\u{e9}", b"th\xE9 \xFC\n"),
            (b"a\0\xFFb\n", "b", "c", b"a\0\xFFc\n"),
            (b"a\nb", "b", "", b"a\n"),
        ] {
            fs::write(path, before).unwrap();
            fs::set_permissions(path, fs::Permissions::from_mode(0o640)).unwrap();
            let answer = call(client, "file_edit", edit(path, old, new)).await.ok();
            assert_eq!(fs::read(path).unwrap(), after, "{}", answer.text());
            assert_eq!(mode(path), 0o640);
            answer.has(&json!({
                "status": "completed", "tool": "file_edit", "changedFile": path,
                "sha256Before": hash(before), "sha256After": hash(after),
            }));
        }
        assert_eq!(names(folder).len(), 1, "nothing lies beside it");
    })
    .await;
}

#[tokio::test]
async fn the_answer_is_the_diff_and_a_trial_changes_nothing() {
    on_each_server(async |client, folder| {
        let path = &folder.join("trial");
        fs::write(path, "a\nb\nc\n").unwrap();
        let [before, after] = ["a\nb\nc\n", "a\nx\nc\n"].map(|text| hash(text)[..16].to_owned());
        let trial = with(edit(path, "b", "x"), json!({"dryRun": true}));
        let diff = "\n@@ -1,3 +1,3 @@\n a\n-b\n+x\n c";
        let answer = call(client, "file_edit", trial).await.ok();
        let headline = format!(
            "would change `{}`: +1 -1 lines, sha256 {before} -> {after}",
            text(path)
        );
        assert!(
            answer.text().starts_with(&headline) && answer.text().ends_with(diff),
            "{}",
            answer.text()
        );
        assert_eq!(fs::read(path).unwrap(), b"a\nb\nc\n");
        // The hash of the trial is one that the edit may go by.
        let sure = with(edit(path, "b", "x"), json!({"expectedHash": before}));
        let answer = call(client, "file_edit", sure.clone()).await.ok();
        assert!(
            answer.text().starts_with("changed `") && answer.text().ends_with(diff),
            "{}",
            answer.text()
        );
        let error = call(client, "file_edit", sure).await.error("HASH_MISMATCH");
        let actual = hash("a\nx\nc\n");
        let message = error["message"].as_str().unwrap();
        assert!(message.contains(&actual), "{error}");
        assert_eq!(error["details"]["expected"], before);
        let same = call(client, "file_write", write(path, "a\nx\nc\n"))
            .await
            .ok();
        assert!(same.text().contains("is so already"), "{}", same.text());
        let long = "line\n".repeat(5000);
        let answer = call(client, "file_write", write(path, &long)).await.ok();
        assert!(answer.text().len() < 9000 && answer.text().contains("+5000 -3 lines"));
    })
    .await;
}

#[tokio::test]
async fn what_is_not_there_once_is_refused_with_what_is() {
    on_each_server(async |client, folder| {
        let path = &folder.join("refused");
        let content = "server {\n    listen 80;\n    listen 80;\n}\n";
        fs::write(path, content).unwrap();
        let error = call(client, "file_edit", edit(path, "listen 80", "x")).await.error("NOT_UNIQUE");
        assert_has(&error["details"], &json!({"lines": [2, 3], "count": 2, "parameter": "edits[0].old"}));
        let error = call(client, "file_edit", edit(path, "server  {", "x")).await.error("OLD_NOT_FOUND");
        assert_eq!(error["details"]["nearest"], json!([{"line": 1, "text": "server {"}]));
        // Of several edits, all or none.
        let edits = json!([{"old": "server", "new": "x"}, {"old": "server", "new": "y"}]);
        let both = json!({"alias": "web1", "path": path, "edits": edits});
        let error = call(client, "file_edit", both).await.error("OLD_NOT_FOUND");
        assert_eq!(error["details"]["parameter"], "edits[1].old");
        let absent = folder.join("absent");
        call(client, "file_edit", edit(&absent, "a", "b")).await.error("FILE_NOT_FOUND");
        for (arguments, parameter) in [
            (edit(path, "", "b"), "edits[0].old"),
            (json!({"alias": "web1", "path": path, "edits": []}), "edits"),
            (edit(Path::new(""), "a", "b"), "path"),
            (with(edit(path, "}", "b"), json!({"expectedHash": "xyz"})), "expectedHash"),
            (edit(&folder.join("~user/x/../.."), "a", "b"), ""),
        ] {
            if parameter.is_empty() {
                continue;
            }
            let error = call(client, "file_edit", arguments).await.error("INVALID_ARGUMENT");
            assert_eq!(error["details"]["parameter"], parameter);
        }
        assert_eq!(fs::read_to_string(path).unwrap(), content);
        let all = json!({"alias": "web1", "path": path, "edits": [{"old": "80", "new": "81", "all": true}]});
        call(client, "file_edit", all).await.ok();
        assert_eq!(fs::read_to_string(path).unwrap(), content.replace("80", "81"));
    })
    .await;
}

#[tokio::test]
async fn a_file_is_written_new_or_anew() {
    on_each_server(async |client, folder| {
        let folder = &folder.join("written");
        fs::create_dir(folder).unwrap();
        let (path, deep) = (folder.join("file"), folder.join("a/b/file"));
        let answer = call(client, "file_write", write(&path, "one\n")).await.ok();
        assert!(answer.text().starts_with("created `"), "{}", answer.text());
        assert_eq!(mode(&path) & 0o666, mode(&path));
        assert_eq!(mode(&path) & 0o600, 0o600);
        let private = with(write(&path, "two\n"), json!({"mode": "0600"}));
        call(client, "file_write", private).await.ok();
        assert_eq!(
            (fs::read_to_string(&path).unwrap(), mode(&path)),
            ("two\n".into(), 0o600)
        );
        call(client, "file_write", write(&path, "three\n"))
            .await
            .ok();
        assert_eq!(mode(&path), 0o600, "it keeps its mode");
        let error = call(client, "file_write", write(&deep, "x"))
            .await
            .error("FILE_NOT_FOUND");
        let reason = error["details"]["reason"].as_str().unwrap();
        assert!(reason.contains("createDirs"), "{error}");
        let trial = with(
            write(&deep, "x"),
            json!({"createDirs": true, "dryRun": true}),
        );
        call(client, "file_write", trial).await.ok();
        assert_eq!(names(folder), ["file"]);
        let made = with(
            write(&deep, "x"),
            json!({"createDirs": true, "mode": "640"}),
        );
        call(client, "file_write", made).await.ok();
        assert_eq!(
            (fs::read(&deep).unwrap(), mode(&deep)),
            (b"x".to_vec(), 0o640)
        );
        let wrong = with(write(&path, "x"), json!({"mode": "888"}));
        call(client, "file_write", wrong)
            .await
            .error("INVALID_ARGUMENT");
        assert_eq!(names(folder), ["a", "file"]);
    })
    .await;
}

#[tokio::test]
async fn links_lead_to_the_file_and_what_is_no_file_is_refused() {
    on_each_server(async |client, folder| {
        let folder = &folder.join("kinds");
        fs::create_dir_all(folder.join("directory")).unwrap();
        let file = folder.join("file");
        fs::write(&file, "old").unwrap();
        symlink("file", folder.join("link")).unwrap();
        symlink("nowhere", folder.join("dangling")).unwrap();
        let pipe = folder.join("pipe");
        let made = std::process::Command::new("mkfifo").arg(&pipe).status();
        assert!(made.unwrap().success());
        call(
            client,
            "file_edit",
            edit(&folder.join("link"), "old", "new"),
        )
        .await
        .ok();
        assert_eq!(fs::read(&file).unwrap(), b"new");
        assert!(folder.join("link").is_symlink());
        // A device of its own: only root may make one.
        let made = std::process::Command::new("mknod")
            .arg(folder.join("device"))
            .args(["c", "1", "3"])
            .status();
        let device = made.unwrap().success().then_some("device");
        let others = ["directory", "dangling", "pipe", "directory/"];
        for name in others.into_iter().chain(device) {
            let path = folder.join(name);
            let error = call(client, "file_write", write(&path, "x")).await;
            error.error("NOT_A_FILE");
            assert!(!path.is_file(), "{name}");
        }
        let mut left = names(folder);
        left.retain(|name| name != "device");
        assert_eq!(left, ["dangling", "directory", "file", "link", "pipe"]);
    })
    .await;
}

#[tokio::test]
async fn owners_are_given_by_name_and_by_number() {
    let fixture = Fixture::start().await;
    let folder = directory();
    let path = folder.path().join("file");
    fs::write(&path, "a").unwrap();
    let owner = path.metadata().unwrap().uid();
    if owner != 0 {
        return;
    }
    chown(&path, Some(12), Some(34)).unwrap();
    call(&fixture.client, "file_edit", edit(&path, "a", "b"))
        .await
        .ok();
    let ids = |path: &Path| path.metadata().map(|of| (of.uid(), of.gid())).unwrap();
    assert_eq!(ids(&path), (12, 34), "it keeps its owner");
    for (given, expected) in [("root", (0, 34)), (":56", (0, 56)), ("78:root", (78, 0))] {
        let given = with(write(&path, "b"), json!({"owner": given}));
        call(&fixture.client, "file_write", given).await.ok();
        assert_eq!(ids(&path), expected);
    }
    let new = folder.path().join("new");
    let given = with(write(&new, "b"), json!({"owner": "12"}));
    call(&fixture.client, "file_write", given).await.ok();
    assert_eq!(ids(&new), (12, 0));
    let unknown = with(write(&path, "c"), json!({"owner": "no-such-user"}));
    let error = call(&fixture.client, "file_write", unknown)
        .await
        .error("INVALID_ARGUMENT");
    assert_eq!(error["details"]["parameter"], "owner");
    assert_eq!(fs::read(&path).unwrap(), b"b");
}

#[tokio::test]
async fn without_rights_or_room_the_file_stays_as_it_was() {
    let (fixture, folder) = (Fixture::with(Sshd::start_bound()).await, directory());
    let (shut, closed) = (folder.path().join("shut"), folder.path().join("closed"));
    fs::create_dir(&shut).unwrap();
    fs::write(&closed, "old").unwrap();
    for (path, mode) in [(&shut, 0o555), (&closed, 0)] {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }
    let new = shut.join("new");
    call(&fixture.client, "file_write", write(&new, "x"))
        .await
        .error("PERMISSION_DENIED");
    call(&fixture.client, "file_edit", edit(&closed, "old", "x"))
        .await
        .error("PERMISSION_DENIED");
    for path in [&shut, &closed] {
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    assert_eq!(fs::read(&closed).unwrap(), b"old");

    let (fixture, disk) = (Fixture::start().await, SmallDisk::of_mebibytes(2));
    let path = disk.path().join("file");
    fs::write(&path, vec![b'a'; 1024 * 1024]).unwrap();
    let large = "b".repeat(3 * 1024 * 1024 / 2);
    call(&fixture.client, "file_write", write(&path, &large))
        .await
        .error("NO_SPACE");
    assert!(fs::read(&path).unwrap() == vec![b'a'; 1024 * 1024]);
    assert_eq!(names(disk.path()), ["file"]);
}

#[tokio::test]
async fn a_check_that_fails_puts_the_old_file_back() {
    let fixture = Fixture::configured(Sshd::start(), |config| {
        config.command_timeout = Some(Duration::from_secs(1));
    })
    .await;
    let (client, folder) = (&fixture.client, directory());
    let (path, new) = (folder.path().join("file"), folder.path().join("a/new"));
    fs::write(&path, "good").unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o604)).unwrap();
    let check = format!("cat {}; echo wrong >&2; grep -q good {0}", text(&path));
    let bad = with(edit(&path, "good", "bad"), json!({"check": check}));
    let answer = call(client, "file_edit", bad).await;
    answer.has(
        &json!({"status": "failed", "exitCode": 1, "putBack": true, "sha256After": hash("good")}),
    );
    let printed = answer.0.content[1].as_text().unwrap().text.clone();
    assert!(
        printed.contains("\nbad\n") && printed.ends_with("wrong"),
        "{printed}"
    );
    let error = answer.error("CHECK_FAILED");
    let said = error["message"].as_str().unwrap();
    assert!(
        said.starts_with("the check failed (Exit code: 1)") && said.contains("old content again"),
        "{said}"
    );
    let hanging = with(edit(&path, "good", "bad"), json!({"check": "sleep 60"}));
    let error = call(client, "file_edit", hanging)
        .await
        .error("CHECK_FAILED");
    let said = error["message"].as_str().unwrap();
    assert!(said.contains("timeout") && said.contains("again"), "{said}");
    let made = with(
        write(&new, "x"),
        json!({"createDirs": true, "check": "false"}),
    );
    let error = call(client, "file_write", made).await.error("CHECK_FAILED");
    let said = error["message"].as_str().unwrap();
    assert!(said.contains("is gone again"), "{said}");
    assert_eq!(
        (fs::read(&path).unwrap(), mode(&path)),
        (b"good".to_vec(), 0o604)
    );
    assert_eq!(names(folder.path()), ["file"], "what was made is gone");
    let fine = with(edit(&path, "good", "good enough"), json!({"check": check}));
    let answer = call(client, "file_edit", fine).await.ok();
    assert!(
        answer.text().contains("The check passed."),
        "{}",
        answer.text()
    );
    assert_eq!(fs::read(&path).unwrap(), b"good enough");
}

#[tokio::test]
async fn a_check_that_is_stopped_puts_the_old_file_back() {
    let fixture = Fixture::embedded_with(|config| config.sync_timeout = Duration::ZERO).await;
    let path = fixture.there("file");
    fs::write(&path, "old").unwrap();
    let running = fixture.there("running");
    let check = format!("touch {}; sleep 50", text(&running));
    let long = with(edit(&path, "old", "new"), json!({"check": check}));
    for is_cut in [false, true] {
        let begun = call(&fixture.client, "file_edit", long.clone()).await.ok();
        let id = &begun.facts()["id"];
        eventually("the check runs", || running.exists()).await;
        assert_eq!(fs::read(&path).unwrap(), b"new");
        // A lost connection is as good as a failure.
        let (ended, status) = if is_cut {
            fixture.server.cut();
            (fixture.client.wait(id).await, "failed")
        } else {
            let stop = fixture.client.call("task_cancel", json!({"id": id}));
            (stop.await.ok(), "cancelled")
        };
        ended.has(&json!({"status": status, "putBack": true}));
        assert_eq!(fs::read(&path).unwrap(), b"old");
        fs::remove_file(&running).unwrap();
    }
}

#[tokio::test]
async fn of_two_editors_one_is_told() {
    let (server, data) = (EmbeddedHost::start().await, directory());
    let path = server.home.path().join("file");
    fs::write(&path, noise(300_000)).unwrap();
    // It holds the new content back once the old one was read.
    let proxy = Proxy::start(server.address().port(), 700_000).await;
    let client =
        Client::in_process(data.path(), |config| config.sync_timeout = Duration::ZERO).await;
    client.register(login("web1", proxy.port)).await;
    let begun = call(
        &client,
        "file_write",
        write(&path, &"mine ".repeat(200_000)),
    )
    .await
    .ok();
    eventually("the proxy holds", || proxy.holds()).await;
    fs::write(&path, "theirs").unwrap();
    proxy.open();
    let error = client
        .wait(&begun.facts()["id"])
        .await
        .error("HASH_MISMATCH");
    let message = error["message"].as_str().unwrap();
    for content in [noise(300_000), b"theirs".to_vec()] {
        assert!(message.contains(&hash(content)), "{error}");
    }
    assert_eq!(fs::read(&path).unwrap(), b"theirs");
    assert_eq!(names(server.home.path()), ["file"]);
    // Those of one process take turns.
    let mut counts = Vec::new();
    fs::write(&path, "count: 0\n").unwrap();
    let fixture: Fixture<EmbeddedHost> = Fixture::with(server).await;
    for count in 0..6 {
        let (old, new) = (format!("count: {count}"), format!("count: {}", count + 1));
        let (one, other) = tokio::join!(
            call(&fixture.client, "file_edit", edit(&path, &old, &new)),
            call(&fixture.client, "file_edit", edit(&path, &old, &new)),
        );
        counts.push(
            [one.is_error(), other.is_error()]
                .iter()
                .filter(|failed| **failed)
                .count(),
        );
    }
    assert_eq!(counts, [1; 6]);
    assert_eq!(fs::read(&path).unwrap(), b"count: 6\n");
}

#[tokio::test]
async fn servers_with_odd_sftp_have_the_file_whole_as_well() {
    let fixture = Fixture::embedded().await;
    let path = fixture.there("file");
    for fault in [Fault::PlainRename, Fault::RefuseParts, Fault::LoseSftp] {
        fs::write(&path, "old\r\n").unwrap();
        fixture.server.set_fault(fault);
        fixture.server.cut();
        let answer = call(&fixture.client, "file_edit", edit(&path, "old", "new")).await;
        assert!(!answer.is_error(), "{fault:?}: {}", answer.text());
        assert_eq!(fs::read(&path).unwrap(), b"new\r\n", "{fault:?}");
    }
    fixture.server.set_fault(Fault::LieInWrites);
    fixture.server.cut();
    let answer = call(&fixture.client, "file_edit", edit(&path, "new", "x")).await;
    assert!(answer.is_error() || fs::read(&path).unwrap() != b"x\r\n");
    assert_eq!(names(fixture.server.home.path()), ["file"]);
}

#[tokio::test]
async fn large_files_are_edited_and_larger_ones_refused() {
    let (fixture, folder) = (Fixture::start().await, directory());
    let path = folder.path().join("large");
    let line = "x".repeat(4095) + "\n";
    let content = line.repeat(6000) + "needle\n" + &line.repeat(6000);
    fs::write(&path, &content).unwrap();
    let answer = call(
        &fixture.client,
        "file_edit",
        edit(&path, "needle", "thread"),
    )
    .await
    .ok();
    assert!(fs::read_to_string(&path).unwrap() == content.replace("needle", "thread"));
    let said = answer.text();
    assert!(
        said.contains("+1 -1 lines") && said.contains("There is no undo"),
        "{}",
        &said[..300]
    );
    fs::File::options()
        .write(true)
        .open(&path)
        .unwrap()
        .set_len(65 << 20)
        .unwrap();
    let error = call(&fixture.client, "file_edit", edit(&path, "thread", "x")).await;
    error.error("FILE_TOO_LARGE");
}

#[tokio::test]
async fn policy_and_read_only_servers_are_heeded() {
    let fixture = Fixture::start().await;
    let (client, folder) = (&fixture.client, directory());
    let rules = json!({"blocklist": [format!("* >{}/**", text(folder.path())), "reboot"]});
    fs::write(fixture.stored("policies.json"), rules.to_string()).unwrap();
    let path = folder.path().join("file");
    fs::write(&path, "old").unwrap();
    let elsewhere: Folder = directory();
    symlink(folder.path(), elsewhere.path().join("link")).unwrap();
    for path in [
        path.clone(),
        elsewhere.path().join("link/file"),
        folder.path().join("x/../file"),
    ] {
        call(client, "file_edit", edit(&path, "old", "new"))
            .await
            .error("POLICY_BLOCKED");
        let trial = with(edit(&path, "old", "new"), json!({"dryRun": true}));
        call(client, "file_edit", trial)
            .await
            .error("POLICY_BLOCKED");
    }
    let other = elsewhere.path().join("file");
    let checked = with(write(&other, "x"), json!({"check": "reboot"}));
    call(client, "file_write", checked)
        .await
        .error("POLICY_BLOCKED");
    assert!(!other.exists());
    assert_eq!(fs::read(&path).unwrap(), b"old");
    let mut login = fixture.server.login("web1");
    login["readonly"] = true.into();
    client.register(login).await;
    call(client, "file_write", write(&other, "x"))
        .await
        .error("READ_ONLY");
    let trial = with(write(&other, "x"), json!({"dryRun": true}));
    call(client, "file_write", trial).await.ok();
    assert!(!other.exists());
}

#[tokio::test]
async fn keys_are_replaced_and_never_shown() {
    let fixture = Fixture::embedded().await;
    let path = fixture.there("file");
    let key = "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXk\n";
    fs::write(&path, key).unwrap();
    for old in ["b3Bl", "nothing like it"] {
        let refused = call(&fixture.client, "file_edit", edit(&path, old, "x")).await;
        let refused = refused.error("POLICY_BLOCKED").to_string();
        assert!(!refused.contains("b3Bl"), "{refused}");
    }
    let answer = call(&fixture.client, "file_write", write(&path, "x\n"))
        .await
        .ok();
    let said = format!("{} {}", answer.text(), answer.facts());
    assert!(
        said.contains("+1 -2 lines") && !said.contains("b3Bl"),
        "{said}"
    );
    assert_eq!(fs::read(&path).unwrap(), b"x\n");
}

#[tokio::test]
async fn a_change_is_handed_off_and_recorded() {
    let fixture = Fixture::embedded_with(|config| config.sync_timeout = Duration::ZERO).await;
    let path = fixture.there("file");
    fs::write(&path, "old").unwrap();
    let begun = call(&fixture.client, "file_edit", edit(&path, "old", "new"))
        .await
        .ok();
    let id = &begun.facts()["id"];
    let ended = fixture.client.wait(id).await.ok();
    assert!(ended.text().starts_with("changed `"), "{}", ended.text());
}

#[tokio::test]
async fn the_audit_trail_has_the_hashes_and_no_record_the_texts() {
    let fixture = Fixture::embedded().await;
    let path = fixture.there("file");
    fs::write(&path, "a needle").unwrap();
    let answer = call(
        &fixture.client,
        "file_edit",
        edit(&path, "needle", "thread"),
    );
    let answer = answer.await.ok();
    let trail = fs::read_to_string(fixture.stored("audit.jsonl")).unwrap();
    let last: Value = serde_json::from_str(trail.lines().last().unwrap()).unwrap();
    let hashes = json!({"sha256Before": hash("a needle"), "sha256After": hash("a thread")});
    assert_has(&last, &hashes);
    let verbose = json!({"id": answer.facts()["id"], "verbose": true});
    let record = fixture.client.call("task_status", verbose).await.ok();
    assert!(!record.facts().to_string().contains("\"new\""));
    let again = call(
        &fixture.client,
        "file_edit",
        edit(&path, "needle", "thread"),
    );
    let error = again.await.error("OLD_NOT_FOUND");
    let failed = json!({"id": error["details"]["taskId"]});
    let retry = fixture.client.call("task_retry", failed).await;
    retry.error("NOT_RETRYABLE");
}

/// A program of a server that is found before others.
#[tokio::test]
async fn a_server_with_a_greeting_is_edited_as_well() {
    let greeting = "echo Welcome; exec bash -c \"$SSH_ORIGINAL_COMMAND\"";
    let sshd = Sshd::prepared(|folder| {
        program(folder, "door", greeting);
        format!("ForceCommand {}/door", text(folder))
    });
    let (fixture, folder) = (Fixture::with(sshd).await, directory());
    let path = folder.path().join("file");
    fs::write(&path, "old").unwrap();
    call(&fixture.client, "file_edit", edit(&path, "old", "new"))
        .await
        .ok();
    assert_eq!(fs::read(&path).unwrap(), b"new");
}

#[tokio::test]
async fn utf_16_stays_utf_16_and_is_shown_as_text() {
    let fixture = Fixture::embedded().await;
    let path = fixture.there("file");
    let encode = |text: &str| -> Vec<u8> {
        let units = text.encode_utf16();
        units.flat_map(u16::to_le_bytes).collect()
    };
    fs::write(&path, encode("\u{feff}eins\r\nzwei ä\r\n")).unwrap();
    let edited = edit(&path, "eins\nzwei ä", "1\n2 ü\n3");
    let answer = call(&fixture.client, "file_edit", edited).await.ok();
    assert!(answer.text().contains("\n+3"), "{}", answer.text());
    let expected = encode("\u{feff}1\r\n2 ü\r\n3\r\n");
    assert_eq!(fs::read(&path).unwrap(), expected);
}

#[tokio::test]
async fn home_is_the_same_place_for_reading_and_writing() {
    let fixture = Fixture::embedded().await;
    let arguments = json!({"alias": "web1", "path": "~/file", "content": "at home"});
    call(&fixture.client, "file_write", arguments).await.ok();
    assert_eq!(fs::read(fixture.there("file")).unwrap(), b"at home");
    let edits = json!([{"old": "at", "new": "still at"}]);
    let arguments = json!({"alias": "web1", "path": "$HOME/file", "edits": edits});
    call(&fixture.client, "file_edit", arguments).await.ok();
    let arguments = json!({"alias": "web1", "path": "~/file"});
    let read = call(&fixture.client, "file_read", arguments).await.ok();
    assert!(read.text().contains("still at home"), "{}", read.text());
}

#[tokio::test]
async fn a_retry_of_a_change_is_refused_with_what_to_do() {
    let fixture = Fixture::embedded().await;
    let path = fixture.there("file");
    fs::write(&path, "old").unwrap();
    let checked = with(edit(&path, "old", "new"), json!({"check": "false"}));
    let failed = call(&fixture.client, "file_edit", checked).await;
    let retry = json!({"id": failed.facts()["id"]});
    let refused = call(&fixture.client, "task_retry", retry).await;
    let refused = refused.error("NOT_RETRYABLE");
    assert_has(
        &refused["details"],
        &json!({"hint": "start it as a new task instead"}),
    );
}
