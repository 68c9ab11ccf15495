//! Trees arrive as they were: names of any bytes, links, modes, times, holes, empty directories.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::helper::{Client, Folder, Sshd, assert_has, directory, noise, text, write};

async fn on_sshd() -> (Sshd, Client, [Folder; 2]) {
    let (sshd, data, local) = (Sshd::start(), directory(), directory());
    let client = Client::in_process(data.path(), |_| {}).await;
    client.register(sshd.login("web1")).await;
    (sshd, client, [data, local])
}

async fn transfer(client: &Client, direction: &str, local: &Path, remote: &str) -> Value {
    let arguments =
        json!({"alias": "web1", "direction": direction, "local": text(local), "remote": remote});
    let answer = client.call("task_transfer", arguments).await.ok();
    answer.facts().clone()
}

/// Name, mode, time and content of everything below a folder.
fn described(root: &Path) -> Vec<(PathBuf, u32, i64, Vec<u8>)> {
    let mut found = Vec::new();
    let mut pending = vec![root.to_owned()];
    while let Some(folder) = pending.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let facts = path.symlink_metadata().unwrap();
            let below = path.strip_prefix(root).unwrap().to_owned();
            if facts.is_symlink() {
                let target = std::fs::read_link(&path).unwrap();
                found.push((below, 0, 0, target.as_os_str().as_bytes().to_vec()));
                continue;
            }
            let content = if facts.is_dir() {
                Vec::new()
            } else {
                std::fs::read(&path).unwrap()
            };
            found.push((below, facts.mode() & 0o777, facts.mtime(), content));
            if facts.is_dir() {
                pending.push(path);
            }
        }
    }
    found.sort();
    found
}

fn age(path: &Path, seconds: u64) {
    let time = std::time::UNIX_EPOCH + std::time::Duration::from_secs(seconds);
    std::fs::File::open(path)
        .unwrap()
        .set_modified(time)
        .unwrap();
}

#[tokio::test]
async fn everything_of_a_tree_is_kept_both_ways() {
    let (sshd, client, folders) = on_sshd().await;
    let root = folders[1].path().join("tree");
    for name in [
        "a b",
        "new\nline",
        "quote'\"$(x)",
        "-rf",
        "deep/er/file",
        "empty",
    ] {
        write(
            root.join(name),
            if name == "empty" {
                b""
            } else {
                name.as_bytes()
            },
        );
    }
    write(root.join(OsStr::from_bytes(b"\xFF\xFE")), b"not UTF-8");
    std::fs::create_dir_all(root.join("hollow/hollower")).unwrap();
    write(root.join("large"), noise(3 * 1024 * 1024 + 17));
    symlink("deep/er/file", root.join("link")).unwrap();
    symlink("/etc", root.join("out")).unwrap();
    symlink("nowhere", root.join("dangling")).unwrap();
    std::fs::set_permissions(root.join("a b"), std::fs::Permissions::from_mode(0o640)).unwrap();
    std::fs::set_permissions(root.join("deep"), std::fs::Permissions::from_mode(0o750)).unwrap();
    for (number, name) in [
        "a b",
        "empty",
        "large",
        "deep/er/file",
        "hollow/hollower",
        "deep",
    ]
    .iter()
    .enumerate()
    {
        age(&root.join(name), 1_000_000_000 + number as u64);
    }
    let was = described(&root);
    let up = transfer(&client, "upload", &root, &sshd.home("tree")).await;
    assert_has(&up, &json!({"status": "completed", "failedFiles": []}));
    let kept = |found: Vec<(PathBuf, u32, i64, Vec<u8>)>| {
        // Directories that hold something were written into last by the test itself.
        let untold = ["deep/er", "hollow"].map(PathBuf::from);
        found
            .into_iter()
            .filter(|(path, ..)| !untold.contains(path))
            .collect::<Vec<_>>()
    };
    assert_eq!(
        kept(described(Path::new(&sshd.home("tree")))),
        kept(was.clone())
    );
    let back = folders[1].path().join("back");
    let down = transfer(&client, "download", &back, &sshd.home("tree")).await;
    assert_has(&down, &json!({"status": "completed", "failedFiles": []}));
    assert_eq!(kept(described(&back)), kept(was));
    assert_eq!(down["filesDone"], 11);
}

#[tokio::test]
async fn links_are_never_followed_out_of_the_tree() {
    let (sshd, client, folders) = on_sshd().await;
    let (root, secret) = (
        folders[1].path().join("tree"),
        folders[1].path().join("secret"),
    );
    write(root.join("sub/file"), b"new");
    write(secret.join("file"), b"secret");
    for (direction, target) in [
        ("upload", PathBuf::from(sshd.home("target"))),
        ("download", folders[1].path().join("target")),
    ] {
        std::fs::create_dir(&target).unwrap();
        symlink(&secret, target.join("sub")).unwrap();
        let (local, remote) = match direction {
            "upload" => (&root, text(&target)),
            _ => (&target, text(&root)),
        };
        let arguments = json!({"alias": "web1", "direction": direction, "local": text(local), "remote": remote});
        let answer = client.call("task_transfer", arguments).await;
        let reason = answer.failed_file();
        assert!(reason.contains("symbolic link"), "{direction}: {reason}");
        assert_eq!(std::fs::read(secret.join("file")).unwrap(), b"secret");
    }
}

#[tokio::test]
async fn holes_stay_holes() {
    let (sshd, client, folders) = on_sshd().await;
    let sparse = folders[1].path().join("sparse");
    let file = std::fs::File::create(&sparse).unwrap();
    file.set_len(64 * 1024 * 1024).unwrap();
    std::os::unix::fs::FileExt::write_all_at(&file, b"in the middle", 20 * 1024 * 1024).unwrap();
    let content = std::fs::read(&sparse).unwrap();
    transfer(&client, "upload", &sparse, &sshd.home("sparse")).await;
    transfer(
        &client,
        "download",
        &folders[1].path().join("back"),
        &sshd.home("sparse"),
    )
    .await;
    for copy in [
        PathBuf::from(sshd.home("sparse")),
        folders[1].path().join("back"),
    ] {
        assert!(
            std::fs::read(&copy).unwrap() == content,
            "{}",
            copy.display()
        );
        let facts = copy.metadata().unwrap();
        assert!(
            facts.blocks() * 512 < 16 * 1024 * 1024,
            "{} blocks",
            facts.blocks()
        );
    }
}

#[tokio::test]
async fn files_that_say_no_length_are_read_to_their_end() {
    let (_sshd, client, folders) = on_sshd().await;
    let here = folders[1].path().join("status");
    transfer(&client, "download", &here, "/proc/self/status").await;
    assert!(std::fs::read_to_string(&here).unwrap().contains("VmRSS"));
    let there = format!("{}/cpuinfo", text(folders[1].path()));
    transfer(&client, "upload", Path::new("/proc/cpuinfo"), &there).await;
    assert!(
        std::fs::read_to_string(&there)
            .unwrap()
            .contains("processor")
    );
}
