//! Directories of servers, listed with every name as it is.

use std::ops::Deref;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::time::{Duration, SystemTime};

use regex::Regex;
use serde_json::{Value, json};

use crate::helper::{Answer, Client, EmbeddedHost, FileServers, Sshd, directory, text, user};

/// Servers whose directories are listed.
struct Lists(FileServers);

impl Deref for Lists {
    type Target = FileServers;

    fn deref(&self) -> &FileServers {
        &self.0
    }
}

impl Lists {
    async fn start() -> Self {
        Self(FileServers::of(&["shell", "sftp"]).await)
    }

    async fn list(&self, alias: &str, more: Value) -> Answer {
        let path = self.path("");
        self.call("file_list", alias, &path, more).await
    }

    /// Lists on both servers. Both answer the same.
    async fn list_on_each(&self, more: Value) -> String {
        let task = Regex::new(r" \(task \w+\)|\n--- stdout of task \w+ ---").unwrap();
        let [one, other] = ["shell", "sftp"].map(|alias| self.list(alias, more.clone()));
        let (one, other) = (one.await.ok(), other.await.ok());
        let [one, other] =
            [one, other].map(|answer| task.replace_all(answer.text(), "").into_owned());
        let alias = Regex::new(r#""alias":"\w+""#).unwrap();
        let [one, other] = [one, other].map(|answer| alias.replace_all(&answer, "").into_owned());
        assert_eq!(one, other);
        one
    }
}

/// The names in an answer, as they are shown.
fn names(answer: &str) -> Vec<String> {
    let line = Regex::new(r"(?m)^[-dlpsb][-rwxsStT]{9} \S+ \S+ \S+Z (.*)$").unwrap();
    let lines = line.captures_iter(answer);
    lines.map(|line| line[1].to_owned()).collect()
}

#[tokio::test]
async fn entries_are_shown_with_mode_owner_size_time_and_target() {
    let lists = Lists::start().await;
    lists.write("sub/below", "12");
    lists.write("file", "12345");
    symlink("file", lists.folder.path().join("link")).unwrap();
    symlink("nowhere", lists.folder.path().join("lost")).unwrap();
    let file = std::fs::File::options()
        .write(true)
        .open(lists.folder.path().join("file"))
        .unwrap();
    file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000))
        .unwrap();
    file.set_permissions(std::fs::Permissions::from_mode(0o4750))
        .unwrap();
    let answer = lists.list_on_each(json!({})).await;
    let (heading, rest) = answer.split_once('\n').unwrap();
    assert!(heading.ends_with(": 4 entries"), "{heading}");
    let owner = user();
    let first = rest.lines().next().unwrap();
    assert!(
        first.starts_with(&format!("-rwsr-x--- {owner}:")),
        "{first}"
    );
    assert!(first.ends_with(" 5 2023-11-14T22:13:20Z file"), "{first}");
    assert_eq!(
        names(&answer),
        ["file", "link -> file", "lost -> nowhere", "sub/"]
    );
    let deep = lists.list_on_each(json!({"depth": 2})).await;
    assert_eq!(
        names(&deep),
        [
            "file",
            "link -> file",
            "lost -> nowhere",
            "sub/",
            "sub/below"
        ]
    );
    let some = lists
        .list_on_each(json!({"depth": 2, "match": "*l*w"}))
        .await;
    assert_eq!(names(&some), ["sub/below"]);
    let some = lists
        .list_on_each(json!({"depth": 2, "match": "s*/*"}))
        .await;
    assert_eq!(names(&some), ["sub/below"]);
    let one = lists
        .list_on_each(json!({"path": text(&lists.folder.path().join("link"))}))
        .await;
    assert_eq!(names(&one), ["link -> file"]);
    let missing = json!({"path": text(&lists.folder.path().join("none"))});
    let error = lists.list("sftp", missing).await.error("FILE_NOT_FOUND");
    assert_eq!(error["details"]["reason"], "No such file or directory");
}

#[tokio::test]
async fn the_sizes_of_trees_are_measured_on_request() {
    let lists = Lists::start().await;
    lists.write("large/a/b", "x".repeat(300_000));
    lists.write("-small/c", "1");
    let size = Regex::new(r"(?m) (\d+|-) \S+Z (\S+)/$").unwrap();
    for alias in ["shell", "sftp"] {
        let answer = lists.list(alias, json!({})).await.ok();
        let sizes = size
            .captures_iter(answer.text())
            .map(|line| line[1].to_owned());
        assert_eq!(sizes.collect::<Vec<_>>(), ["-", "-"]);
        let answer = lists.list(alias, json!({"sizes": true})).await.ok();
        let sizes = size.captures_iter(answer.text());
        let sizes: Vec<u64> = sizes.map(|line| line[1].parse().unwrap()).collect();
        assert!(sizes[0] > 0 && sizes[0] < 50_000, "{alias}: {sizes:?}");
        assert!((300_000..400_000).contains(&sizes[1]), "{alias}: {sizes:?}");
    }
}

#[tokio::test]
async fn odd_names_cannot_be_mistaken() {
    let lists = Lists::start().await;
    for name in [
        &b"two\nlines"[..],
        b"caf\xE9",
        b"-rf",
        b"a -> b",
        b"\x1b[31m",
        b"plain $x 'y'",
    ] {
        let path = lists.folder.path().join(std::ffi::OsStr::from_bytes(name));
        std::fs::write(path, "").unwrap();
    }
    let answer = lists.list_on_each(json!({})).await;
    let mut shown = names(&answer);
    shown.sort();
    let expected = [
        r#""-rf""#,
        r#""\x1b[31m""#,
        r#""a -> b""#,
        r#""caf\xe9""#,
        r#""two\nlines""#,
        "plain $x 'y'",
    ];
    assert_eq!(shown, expected);
}

#[tokio::test]
async fn a_directory_of_many_entries_is_counted_and_shown_in_part() {
    let (home, data) = (EmbeddedHost::start().await, directory());
    let client = Client::in_process(data.path(), |_| {}).await;
    client.add("web1", &home).await;
    let folder = home.home.path().join("many");
    std::fs::create_dir(&folder).unwrap();
    for number in 0..20_000 {
        std::fs::write(folder.join(format!("{number:05}")), "").unwrap();
    }
    std::fs::write(folder.join("10000"), "largest").unwrap();
    let arguments = json!({"alias": "web1", "path": "many"});
    let answer = client.call("file_list", arguments).await.ok();
    let text = answer.text();
    assert!(
        text.contains(": 20000 entries, 200 shown"),
        "{}",
        &text[..200]
    );
    assert_eq!(names(text).len(), 200);
    assert!(json!(text).to_string().len() < 17_000);
    assert!(text.contains(r#"(more: file_list {"alias":"web1","path":"many","limit":2000}"#));
    let sorted = json!({"alias": "web1", "path": "many", "sort": "size", "limit": 1});
    let sorted = client.call("file_list", sorted).await.ok();
    assert_eq!(names(sorted.text()), ["10000"]);
}

#[tokio::test]
async fn what_cannot_be_read_in_a_tree_is_counted() {
    let sshd = Sshd::start_bound();
    let (folder, data) = (directory(), directory());
    let client = Client::in_process(data.path(), |_| {}).await;
    client.register(sshd.login("web1")).await;
    let closed = folder.path().join("closed");
    crate::helper::write(closed.join("below"), "");
    std::fs::set_permissions(&closed, std::fs::Permissions::from_mode(0o000)).unwrap();
    let arguments = json!({"alias": "web1", "path": text(folder.path()), "depth": 3});
    let tree = client.call("file_list", arguments).await.ok();
    assert!(
        tree.text().contains("(1 directory could not be read)"),
        "{}",
        tree.text()
    );
    let arguments = json!({"alias": "web1", "path": text(&closed)});
    let error = client
        .call("file_list", arguments)
        .await
        .error("PERMISSION_DENIED");
    assert_eq!(error["details"]["reason"], "Permission denied", "{error}");
    std::fs::set_permissions(&closed, std::fs::Permissions::from_mode(0o700)).unwrap();
}
