//! A file system that is full, on either side: said by name, and nothing else is harmed.

use std::path::Path;

use serde_json::json;

use crate::helper::{Client, SmallDisk, Sshd, assert_has, directory, noise, text};

const MIB: usize = 1024 * 1024;

/// Every file below a folder, hidden ones included, with its length.
fn lengths(folder: &Path) -> Vec<(String, u64)> {
    let mut found: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| {
            let entry = entry.unwrap();
            let name = entry.file_name().into_string().unwrap();
            (name, entry.metadata().unwrap().len())
        })
        .collect();
    found.sort();
    found
}

#[tokio::test]
async fn what_does_not_fit_is_named_and_all_else_arrives() {
    let (sshd, data) = (Sshd::start(), directory());
    let client = Client::spawned(data.path(), &[]).await;
    client.register(sshd.login("web1")).await;
    let source = directory();
    let sizes = [
        ("big", 9 * MIB),
        ("bigger", 48 * MIB),
        ("empty", 0),
        ("large", 2 * MIB),
        ("one", 1000),
        ("two", 200_000),
    ];
    for (name, size) in sizes {
        std::fs::write(source.path().join(name), noise(size)).unwrap();
    }
    for direction in ["upload", "download"] {
        let disk = SmallDisk::of_mebibytes(4);
        let target = disk.path().join("target");
        std::fs::create_dir(&target).unwrap();
        std::fs::write(target.join("big"), b"old").unwrap();
        let (local, remote) = match direction {
            "upload" => (source.path(), target.as_path()),
            _ => (target.as_path(), source.path()),
        };
        let arguments = json!({
            "alias": "web1", "direction": direction, "local": text(local), "remote": text(remote),
        });
        let ended = client.call("task_transfer", arguments).await.ok();
        let facts = ended.facts();
        assert_has(facts, &json!({"status": "partial", "filesDone": 4}));
        let mut failed: Vec<_> = facts["failedFiles"].as_array().unwrap().iter().collect();
        failed.sort_by_key(|failed| failed["file"].to_string());
        let named: Vec<_> = failed.iter().map(|failed| &failed["file"]).collect();
        let expected = ["big", "bigger"].map(|name| json!(text(&source.path().join(name))));
        assert_eq!(named, expected.iter().collect::<Vec<_>>());
        for failed in failed {
            let reason = failed["error"].as_str().unwrap().to_lowercase();
            assert!(reason.contains("no space left"), "{facts}");
        }
        let mut arrived: Vec<_> = sizes
            .iter()
            .filter(|(name, _)| !name.starts_with("big"))
            .map(|(name, size)| ((*name).to_owned(), *size as u64))
            .collect();
        arrived.insert(0, ("big".to_owned(), 3));
        assert_eq!(lengths(&target), arrived, "the old file, and no litter");
        assert_eq!(std::fs::read(target.join("big")).unwrap(), b"old");
        assert_eq!(std::fs::read(target.join("large")).unwrap(), noise(2 * MIB));
    }
}

#[tokio::test]
async fn a_single_file_that_does_not_fit_fails_at_once_and_may_be_retried() {
    let (sshd, data) = (Sshd::start(), directory());
    let client = Client::spawned(data.path(), &[]).await;
    client.register(sshd.login("web1")).await;
    let source = directory();
    let file = source.path().join("file");
    std::fs::write(&file, noise(3 * MIB)).unwrap();
    for direction in ["upload", "download"] {
        let disk = SmallDisk::of_mebibytes(4);
        let target = disk.path().join("file");
        let filling = disk.path().join("filling");
        std::fs::write(&target, b"old").unwrap();
        std::fs::write(&filling, noise(2 * MIB)).unwrap();
        let (local, remote) = match direction {
            "upload" => (&file, &target),
            _ => (&target, &file),
        };
        let arguments = json!({
            "alias": "web1", "direction": direction, "local": text(local), "remote": text(remote),
        });
        let error = client
            .call("task_transfer", arguments)
            .await
            .error("TRANSFER_FAILED");
        let failed = &error["details"]["failedFiles"][0];
        assert_eq!(failed["file"], text(&file));
        let reason = failed["error"].as_str().unwrap().to_lowercase();
        assert!(reason.contains("no space left"), "{error}");
        assert_eq!(std::fs::read(&target).unwrap(), b"old");
        assert_eq!(lengths(disk.path()).len(), 2, "no litter");
        std::fs::remove_file(filling).unwrap();
        let retried = client
            .call("task_retry", json!({"id": error["details"]["taskId"]}))
            .await
            .ok();
        assert_eq!(retried.facts()["status"], "completed", "{}", retried.text());
        assert_eq!(std::fs::read(&target).unwrap(), noise(3 * MIB));
    }
}
