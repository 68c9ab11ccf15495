//! Exclusion from transfers: the caller's gitignore patterns, and the tree's own `.gitignore` files.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::helper::{Client, Fixture, Sshd, directory, program, text, write};

/// A tree of files, some of which nobody wants on a server.
const TREE: [&str; 9] = [
    "app.py",
    "a.log",
    "keep.log",
    ".gitignore",
    "node_modules/x/index.js",
    "sub/.gitignore",
    "sub/b.log",
    "sub/secret.env",
    "sub/wanted.tmp",
];

fn plant(root: &Path) {
    for name in TREE {
        write(root.join(name), name);
    }
    write(root.join(".gitignore"), "node_modules/\n*.tmp\n");
    write(root.join("sub/.gitignore"), "*.env\n!wanted.tmp\n");
    std::fs::create_dir(root.join("empty.log")).unwrap();
}

/// The files below a folder, and empty directories, by their names from there.
pub fn found(root: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut pending = vec![root.to_owned()];
    while let Some(folder) = pending.pop() {
        let mut entries = std::fs::read_dir(&folder).unwrap().peekable();
        if entries.peek().is_none() {
            found.push(text(folder.strip_prefix(root).unwrap()) + "/");
        }
        for entry in entries {
            let path = entry.unwrap().path();
            if path.is_dir() && !path.is_symlink() {
                pending.push(path);
            } else {
                found.push(text(path.strip_prefix(root).unwrap()));
            }
        }
    }
    found.sort();
    found
}

/// A client with servers of several kinds: sshd, one with files and no shell, one with a shell and no files.
pub async fn on_several() -> (
    Vec<(&'static str, Sshd)>,
    Client,
    [crate::helper::Folder; 2],
) {
    let only_files = Sshd::prepared(|_| "ForceCommand internal-sftp".to_owned());
    let only_shell = Sshd::prepared(|folder| {
        let door = "case $SSH_ORIGINAL_COMMAND in internal-sftp|*sftp-server*) exit 127 ;; \
                    *) exec sh -c \"$SSH_ORIGINAL_COMMAND\" ;; esac";
        program(folder, "door", door);
        format!("ForceCommand {}/door", text(folder))
    });
    let servers = vec![
        ("both", Sshd::start()),
        ("files", only_files),
        ("shell", only_shell),
    ];
    let (data, local) = (directory(), directory());
    let client = Client::in_process(data.path(), |_| {}).await;
    for (alias, sshd) in &servers {
        client.register(sshd.login(alias)).await;
    }
    (servers, client, [data, local])
}

#[tokio::test]
async fn patterns_and_the_tree_s_own_rules_hold_both_ways_on_every_server() {
    let (servers, client, folders) = on_several().await;
    let tree = folders[1].path().join("tree");
    plant(&tree);
    for (alias, sshd) in &servers {
        for direction in ["upload", "download"] {
            let target = PathBuf::from(sshd.home(&format!("to-{direction}")));
            let (local, remote) = match direction {
                "upload" => (&tree, text(&target)),
                _ => (&target, text(&tree)),
            };
            let arguments = json!({
                "alias": alias, "direction": direction, "local": local, "remote": remote,
                "exclude": ["*.log", "!keep.log"], "gitignore": true,
            });
            let answer = client.call("task_transfer", arguments).await.ok();
            answer.has(&json!({"status": "completed", "failedFiles": [], "filesDone": 5}));
            let expected = [
                ".gitignore",
                "app.py",
                "keep.log",
                "sub/.gitignore",
                "sub/wanted.tmp",
            ];
            assert_eq!(found(&target), expected, "{alias} {direction}");
        }
    }
}

#[tokio::test]
async fn patterns_hold_below_wildcards_and_not_for_what_is_named() {
    let fixture = Fixture::embedded().await;
    plant(&fixture.here("tree"));
    let pairs = [
        ("tree/**", "globbed/"),
        ("tree/a.log", "named/"),
        ("tree/sub", "sub"),
    ];
    let mut arguments = fixture.all_arguments("web1", "upload", &pairs);
    arguments["exclude"] = json!(["*.log", "/sub/secret.env", "/wanted.tmp"]);
    let answer = fixture.client.call("task_transfer_multi", arguments).await;
    answer.ok().has(&json!({"status": "completed"}));
    let globbed = found(&fixture.there("globbed"));
    assert_eq!(
        globbed,
        ["app.py", "node_modules/x/index.js", "sub/wanted.tmp"]
    );
    assert_eq!(found(&fixture.there("named")), ["a.log"]);
    assert_eq!(found(&fixture.there("sub")), [".gitignore", "secret.env"]);
}

#[tokio::test]
async fn a_pattern_that_cannot_be_read_is_refused_before_anything_is_copied() {
    let fixture = Fixture::embedded().await;
    plant(&fixture.here("tree"));
    let mut arguments =
        fixture.arguments("upload", &fixture.local("tree"), &fixture.remote("copy"));
    arguments["exclude"] = json!(["*.log", "a{b"]);
    let refused = fixture.client.call("task_transfer", arguments).await;
    let refused: Value = refused.error("INVALID_ARGUMENT");
    assert!(
        refused["message"].as_str().unwrap().contains("exclude[1]"),
        "{refused}"
    );
    assert!(!fixture.there("copy").exists());
}
