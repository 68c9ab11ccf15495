//! Transfers from one server to another.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

use serde_json::{Value, json};

use crate::helper::{
    Answer, Client, EmbeddedHost, Fixture, SshServer, Sshd, directory, eventually, noise,
    part_bytes, program, read_json, text, write,
};

const MIB: usize = 1024 * 1024;

/// A client that knows two servers, `web1` and `web2`.
struct Pair<S> {
    from: Fixture<S>,
    to: S,
}

impl<S: SshServer> Pair<S> {
    async fn of(from: S, to: S) -> Self {
        let from = Fixture::with(from).await;
        from.client.register(to.login("web2")).await;
        Self { from, to }
    }

    fn target(&self, name: &str) -> std::path::PathBuf {
        self.to.path(name)
    }

    /// The arguments that copy `name` from `web1` to `web2`.
    fn arguments(&self, name: &str, target: &str) -> Value {
        json!({
            "alias": "web2", "source_alias": "web1", "direction": "upload",
            "local": self.from.remote(name), "remote": self.target(target),
        })
    }

    async fn copy(&self, name: &str, target: &str) -> Answer {
        let arguments = self.arguments(name, target);
        self.from.client.call("task_transfer", arguments).await
    }

    /// Begins to copy in the background, and returns the task's ID.
    async fn begin(&self, name: &str, target: &str) -> Value {
        let mut arguments = self.arguments(name, target);
        arguments["background"] = json!(true);
        let handed = self.from.client.call("task_transfer", arguments).await.ok();
        handed.facts()["id"].clone()
    }
}

async fn embedded() -> Pair<EmbeddedHost> {
    Pair::of(EmbeddedHost::start().await, EmbeddedHost::start().await).await
}

fn set(path: &Path, mode: u32, modified: u64) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    let file = std::fs::File::open(path).unwrap();
    file.set_modified(UNIX_EPOCH + Duration::from_secs(modified))
        .unwrap();
}

fn mode_and_time(path: &Path) -> (u32, i64) {
    let metadata = std::fs::symlink_metadata(path).unwrap();
    (metadata.mode() & 0o7777, metadata.mtime())
}

/// A tree with odd names, links and attributes below `tree`: its files, with the content of each.
fn plant(tree: &Path) -> Vec<(std::path::PathBuf, Vec<u8>)> {
    let names: [&[u8]; 5] = [b"plain", b"a b'\"$x", b"new\nline", b"\xFF\xFE", b"-rf"];
    let mut files = Vec::new();
    for (number, name) in names.iter().enumerate() {
        let path = Path::new("sub").join(OsStr::from_bytes(name));
        files.push((path, noise(1000 * (number + 1))));
    }
    files.push(("empty".into(), Vec::new()));
    files.push(("large".into(), noise(3 * MIB)));
    for (path, content) in &files {
        write(tree.join(path), content);
        set(&tree.join(path), 0o640, 1_000_000_000);
    }
    symlink("../outside", tree.join("link")).unwrap();
    set(&tree.join("sub"), 0o750, 1_100_000_000);
    files
}

fn assert_same_tree(from: &Path, to: &Path, files: &[(std::path::PathBuf, Vec<u8>)]) {
    for (path, content) in files {
        let copy = to.join(path);
        assert_eq!(
            std::fs::read(&copy).unwrap(),
            *content,
            "{}",
            path.display()
        );
        assert_eq!(
            mode_and_time(&copy),
            mode_and_time(&from.join(path)),
            "{}",
            path.display()
        );
    }
    assert_eq!(mode_and_time(&to.join("sub")), (0o750, 1_100_000_000));
    let link = std::fs::read_link(to.join("link")).unwrap();
    assert_eq!(link, Path::new("../outside"));
    assert_eq!(part_bytes(to), 0, "no litter");
}

#[tokio::test]
async fn trees_are_copied_with_odd_names_links_and_attributes() {
    let without_shell = || Sshd::start_with("ForceCommand internal-sftp");
    for (from, to) in [
        (Sshd::start(), Sshd::start()),
        (without_shell(), without_shell()),
    ] {
        let pair = Pair::of(from, to).await;
        let tree = pair.from.there("tree");
        let files = plant(&tree);
        let mut arguments = pair.arguments("tree", "copy");
        arguments["verify"] = json!(true);
        let answer = pair.from.client.call("task_transfer", arguments).await.ok();
        answer.has(&json!({"status": "completed", "filesDone": 8, "verified": true}));
        assert!(
            answer.text().starts_with("copied 8 files"),
            "{}",
            answer.text()
        );
        assert_same_tree(&tree, &pair.target("copy"), &files);
        let kept = std::fs::read_dir(pair.from.files.path()).unwrap().count();
        assert_eq!(kept, 0, "nothing is left on this machine");
    }
}

/// An sshd that has no SFTP, but a shell.
fn without_sftp() -> Sshd {
    let door = "case $SSH_ORIGINAL_COMMAND in *sftp*) exit 127 ;; *) exec sh -c \"$SSH_ORIGINAL_COMMAND\" ;; esac";
    Sshd::prepared(|folder| {
        program(folder, "door", door);
        format!("ForceCommand {}/door", text(folder))
    })
}

#[tokio::test]
async fn files_go_from_and_to_servers_without_sftp() {
    let content = noise(2 * MIB);
    for (from, to) in [
        (without_sftp(), Sshd::start()),
        (Sshd::start(), without_sftp()),
    ] {
        let pair = Pair::of(from, to).await;
        write(pair.from.there("file"), &content);
        let answer = pair.copy("file", "copy").await.ok();
        answer.has(&json!({"status": "completed", "verified": true}));
        assert!(
            answer.text().contains("there is no SFTP"),
            "{}",
            answer.text()
        );
        assert!(std::fs::read(pair.target("copy")).unwrap() == content);
    }
}

#[tokio::test]
async fn patterns_keep_their_directories_and_files_of_the_same_name_are_replaced() {
    let pair = embedded().await;
    for name in ["conf/a.json", "conf/deep/b.json", "conf/c.txt"] {
        write(pair.from.there(name), name);
    }
    write(pair.target("etc/a.json"), "old");
    set(&pair.target("etc/a.json"), 0o604, 1_000_000_000);
    let arguments = json!({
        "alias": "web2", "source_alias": "web1", "direction": "server_to_server",
        "files": [{"local": pair.from.remote("conf/**/*.json"), "remote": format!("{}/", pair.target("etc").display())}],
    });
    let answer = pair
        .from
        .client
        .call("task_transfer_multi", arguments)
        .await
        .ok();
    answer.has(&json!({"status": "completed", "filesDone": 2, "sourceAlias": "web1"}));
    for name in ["a.json", "deep/b.json"] {
        let copy = std::fs::read_to_string(pair.target("etc").join(name)).unwrap();
        assert_eq!(copy, format!("conf/{name}"));
    }
    assert_eq!(mode_and_time(&pair.target("etc/a.json")).0, 0o604);
    assert!(!pair.target("etc/c.txt").exists());
}

#[tokio::test]
async fn a_cut_of_either_side_is_taken_up_where_it_was() {
    let pair = embedded().await;
    let content = noise(32 * MIB);
    write(pair.from.there("big"), &content);
    write(pair.target("there/copy"), "old");
    let folder = pair.target("there");
    let id = pair.begin("big", "there/copy").await;
    for share in 1..=2 {
        eventually("a good part has arrived", || {
            let target = std::fs::read(pair.target("there/copy")).unwrap();
            assert!(target == b"old" || target == content, "never a part of it");
            part_bytes(&folder) >= share * 10 * MIB as u64 || target == content
        })
        .await;
        if share == 1 {
            pair.from.server.cut();
        } else {
            pair.to.cut();
        }
    }
    let ended = pair.from.client.wait(&id).await.ok();
    assert_eq!(ended.facts()["status"], "completed", "{}", ended.text());
    assert!(std::fs::read(pair.target("there/copy")).unwrap() == content);
    assert_eq!(part_bytes(&folder), 0, "no litter");
    let resumed = ended.facts()["resumedBytes"].as_u64().unwrap();
    assert!(resumed > 10 * MIB as u64, "{}", ended.text());
}

#[tokio::test]
async fn a_retry_after_a_kill_goes_on_from_the_part() {
    let (from, to) = (EmbeddedHost::start().await, EmbeddedHost::start().await);
    let data = directory();
    let client = Client::spawned(data.path(), &[]).await;
    client.add("web1", &from).await;
    client.add("web2", &to).await;
    let content = noise(32 * MIB);
    write(from.path("big"), &content);
    write(to.path("there/copy"), "old");
    let arguments = json!({
        "alias": "web2", "source_alias": "web1", "direction": "upload",
        "local": from.path("big"), "remote": to.path("there/copy"), "background": true,
    });
    let id = client.call("task_transfer", arguments).await.ok().facts()["id"].clone();
    eventually("a good part has arrived", || {
        part_bytes(&to.path("there")) > 22 * MIB as u64
    })
    .await;
    client.kill().await;
    assert_eq!(std::fs::read(to.path("there/copy")).unwrap(), b"old");
    let recorded = &read_json(&data.path().join("queue.json"))[id.as_str().unwrap()];
    assert_eq!(recorded["direction"], "server_to_server");

    let client = Client::spawned(data.path(), &[]).await;
    let retry = client.call("task_retry", json!({"id": id})).await.ok();
    assert_eq!(retry.facts()["status"], "completed", "{}", retry.text());
    assert!(
        retry.facts()["resumedBytes"].as_u64() > Some(4 * MIB as u64),
        "{}",
        retry.text()
    );
    assert!(std::fs::read(to.path("there/copy")).unwrap() == content);
    assert_eq!(part_bytes(&to.path("there")), 0, "no litter");
}

#[tokio::test]
async fn the_target_is_guarded_and_the_source_is_only_read() {
    let pair = embedded().await;
    let client = &pair.from.client;
    write(pair.from.there("file"), "new");
    write(pair.target("file"), "other");

    let mut arguments = pair.arguments("file", "copy");
    arguments["remote"] = json!("/etc/passwd");
    let blocked = client
        .call("task_transfer", arguments)
        .await
        .error("POLICY_BLOCKED");
    assert_eq!(blocked["details"]["rule"], "* >@accounts", "{blocked}");

    let mut arguments = pair.arguments("file", "copy");
    arguments["source_alias"] = json!("web3");
    client
        .call("task_transfer", arguments)
        .await
        .error("UNKNOWN_ALIAS");
    for (direction, source) in [
        ("download", json!("web1")),
        ("server_to_server", Value::Null),
    ] {
        let mut arguments = pair.arguments("file", "copy");
        arguments["direction"] = json!(direction);
        arguments["source_alias"] = source;
        let error = client
            .call("task_transfer", arguments)
            .await
            .error("INVALID_ARGUMENT");
        assert_eq!(error["details"]["parameter"], "source_alias", "{error}");
    }

    pair.from.edit("servers.json", |servers| {
        servers["web1"]["readonly"] = json!(true);
    });
    pair.copy("file", "copy").await.ok();
    assert_eq!(std::fs::read(pair.target("copy")).unwrap(), b"new");
    let back = json!({
        "alias": "web1", "source_alias": "web2", "direction": "upload",
        "local": pair.target("file"), "remote": pair.from.remote("file"),
    });
    client.call("task_transfer", back).await.error("READ_ONLY");
    assert_eq!(std::fs::read(pair.from.there("file")).unwrap(), b"new");
}

#[tokio::test]
async fn special_and_missing_files_are_refused_and_links_at_the_target_are_not_followed() {
    let pair = embedded().await;
    let made = std::process::Command::new("mkfifo")
        .arg(pair.from.there("fifo"))
        .status();
    assert!(made.unwrap().success());
    for (name, reason) in [("fifo", "not a file"), ("none", "No such file")] {
        let said = pair.copy(name, "copy").await.failed_file();
        assert!(said.contains(reason), "{said}");
        assert!(!pair.target("copy").exists());
    }
    write(pair.from.there("tree/sub/file"), "new");
    write(pair.from.there("tree/other"), "new");
    std::fs::create_dir_all(pair.target("copy")).unwrap();
    std::fs::create_dir(pair.target("outside")).unwrap();
    symlink("../outside", pair.target("copy/sub")).unwrap();
    let answer = pair.copy("tree", "copy").await.ok();
    assert_eq!(answer.facts()["status"], "partial", "{}", answer.text());
    assert!(
        answer.text().contains("symbolic link is in the way"),
        "{}",
        answer.text()
    );
    assert_eq!(
        std::fs::read_dir(pair.target("outside")).unwrap().count(),
        0
    );
    assert_eq!(std::fs::read(pair.target("copy/other")).unwrap(), b"new");
}

#[tokio::test]
async fn the_rules_of_the_source_hold_between_servers_as_well() {
    let pair = embedded().await;
    for (name, content) in [
        (".gitignore", "*.tmp\nbuild/\n"),
        ("a.tmp", "left out"),
        ("build/out", "left out"),
        ("sub/.gitignore", "!kept.tmp\n"),
        ("sub/kept.tmp", "copied"),
        ("b", "copied"),
    ] {
        write(pair.from.there("tree").join(name), content);
    }
    write(pair.target("copy/old"), "deleted");
    let mut arguments = pair.arguments("tree", "copy");
    arguments["gitignore"] = json!(true);
    arguments["mirror"] = json!(true);
    pair.from.client.call("task_transfer", arguments).await.ok();
    assert_eq!(
        crate::exclusion::found(&pair.target("copy")),
        [".gitignore", "b", "sub/.gitignore", "sub/kept.tmp"]
    );
}
