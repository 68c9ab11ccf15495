//! Devices, pipes and sockets: neither copied nor replaced, on either side.

use std::os::unix::fs::{FileTypeExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::json;

use crate::helper::{Client, Folder, Sshd, directory, text, user};

/// A folder with special files, each with what it is called, and links to them. Devices only root makes.
fn special() -> (
    Folder,
    Vec<(PathBuf, &'static str)>,
    std::os::unix::net::UnixListener,
) {
    let folder = directory();
    let path = |name: &str| folder.path().join(name);
    let made = |program: &str, arguments: &[&str]| {
        let status = Command::new(program).args(arguments).status().unwrap();
        assert!(status.success(), "{program}");
    };
    made("mkfifo", &[&text(&path("fifo"))]);
    let listener = std::os::unix::net::UnixListener::bind(path("socket")).unwrap();
    let mut all = vec![
        (path("fifo"), "a named pipe (FIFO)"),
        (path("socket"), "a socket"),
    ];
    if user() == "root" {
        made("mknod", &[&text(&path("null")), "c", "1", "3"]);
        made("mknod", &[&text(&path("disk")), "b", "7", "200"]);
        all.extend([(path("null"), "a device"), (path("disk"), "a device")]);
    }
    for (target, what) in all.clone() {
        let link = path(&format!("to-{}", target.file_name().unwrap().display()));
        symlink(&target, &link).unwrap();
        all.push((link, what));
    }
    (folder, all, listener)
}

fn is_untouched(path: &Path) -> bool {
    let kind = path.metadata().unwrap().file_type();
    kind.is_fifo() || kind.is_socket() || kind.is_char_device() || kind.is_block_device()
}

async fn client() -> (Client, Sshd, Folder) {
    let (sshd, data) = (Sshd::start(), directory());
    let client = Client::in_process(data.path(), |_| {}).await;
    client.register(sshd.login("web1")).await;
    (client, sshd, data)
}

#[tokio::test]
async fn they_are_no_target() {
    let (client, _sshd, data) = client().await;
    let (folder, all, _listener) = special();
    let source = directory();
    std::fs::write(source.path().join("file"), "new").unwrap();
    let count = || std::fs::read_dir(folder.path()).unwrap().count();
    let before = count();
    for direction in ["upload", "download"] {
        for in_place in [false, true] {
            for (target, what) in &all {
                let file = source.path().join("file");
                let (local, remote) = if direction == "upload" {
                    (&file, target)
                } else {
                    (target, &file)
                };
                let arguments = json!({
                    "alias": "web1", "direction": direction, "local": text(local), "remote": text(remote),
                    "inPlace": in_place,
                });
                let reason = client.call("task_transfer", arguments).await.failed_file();
                assert!(
                    reason.contains(&format!("is {what}, not a file")),
                    "{direction}: {reason}"
                );
                assert!(is_untouched(target), "{}", target.display());
            }
        }
    }
    assert_eq!(count(), before, "no litter");
    assert!(!data.path().join("kept").exists());
}

#[tokio::test]
async fn in_a_tree_they_are_neither_replaced_nor_copied() {
    let (client, _sshd, _data) = client().await;
    for direction in ["upload", "download"] {
        let (folder, all, _listener) = special();
        let tree = directory();
        let mut targets = Vec::new();
        for (target, what) in all.iter().filter(|(target, _)| !target.is_symlink()) {
            let name = target.file_name().unwrap();
            std::fs::write(tree.path().join(name), "new").unwrap();
            targets.push((target, *what));
            // A link of the tree does not take their place either.
            let name = format!("link-{}", name.display());
            std::fs::rename(
                tree.path().join(target.file_name().unwrap()),
                tree.path().join(&name),
            )
            .unwrap();
            std::fs::rename(target, folder.path().join(&name)).unwrap();
            std::fs::remove_file(tree.path().join(&name)).unwrap();
            symlink("elsewhere", tree.path().join(&name)).unwrap();
        }
        std::fs::write(tree.path().join("fine"), "new").unwrap();
        let (local, remote) = match direction {
            "upload" => (tree.path(), folder.path()),
            _ => (folder.path(), tree.path()),
        };
        let arguments = json!({
            "alias": "web1", "direction": direction, "local": text(local), "remote": text(remote),
        });
        let ended = client.call("task_transfer", arguments.clone()).await.ok();
        assert_eq!(ended.facts()["status"], "partial", "{}", ended.text());
        assert_eq!(
            ended.facts()["failedFiles"].as_array().unwrap().len(),
            targets.len(),
            "{}",
            ended.text()
        );
        for (target, _) in &targets {
            let name = format!("link-{}", target.file_name().unwrap().display());
            assert!(is_untouched(&folder.path().join(name)));
        }
        assert_eq!(std::fs::read(folder.path().join("fine")).unwrap(), b"new");
        // As sources.
        let back = directory();
        let (local, remote) = match direction {
            "upload" => (folder.path(), back.path()),
            _ => (back.path(), folder.path()),
        };
        let arguments = json!({
            "alias": "web1", "direction": direction, "local": text(local), "remote": text(remote),
        });
        let ended = client.call("task_transfer", arguments).await.ok();
        assert_eq!(
            ended.facts()["failedFiles"].as_array().unwrap().len(),
            targets.len(),
            "{}",
            ended.text()
        );
        assert_eq!(std::fs::read(back.path().join("fine")).unwrap(), b"new");
    }
}

#[tokio::test]
async fn they_are_no_source() {
    let (client, _sshd, _data) = client().await;
    let (_folder, all, _listener) = special();
    let there = directory();
    for direction in ["upload", "download"] {
        for (source, what) in &all {
            let target = there.path().join("copy");
            let (local, remote) = if direction == "upload" {
                (source, &target)
            } else {
                (&target, source)
            };
            let arguments = json!({
                "alias": "web1", "direction": direction, "local": text(local), "remote": text(remote),
            });
            let reason = client.call("task_transfer", arguments).await.failed_file();
            assert!(
                reason.contains(&format!("is {what}, not a file")),
                "{reason}"
            );
        }
    }
    assert_eq!(std::fs::read_dir(there.path()).unwrap().count(), 0);
}
