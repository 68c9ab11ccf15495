//! Many small files, which are written to disk together: none has its name before, whatever happens meanwhile.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use serde_json::json;

use crate::helper::{Answer, Client, Folder, Sshd, directory, eventually, text, write};

/// Files of a tree.
const FILES: usize = 150;

/// More than have their old contents in memory at once.
const MORE_FILES: usize = 300;

/// A client of an sshd on which this script is the program `sync`, and a tree on its way there. Nothing where the
/// file system of tests is one that is not flushed.
struct FlushedTree {
    sshd: Sshd,
    client: Client,
    source: Folder,
    _data: Folder,
}

impl FlushedTree {
    async fn start(sync: &str) -> Option<Self> {
        let sshd = Sshd::with_programs(&[("sync", sync)], "");
        let stat = Command::new("stat")
            .args(["-f", "-c", "%T", &sshd.home("")])
            .output()
            .unwrap();
        let filesystem = String::from_utf8(stat.stdout).unwrap();
        if !["ext2/ext3", "xfs", "btrfs", "f2fs", "tmpfs"].contains(&filesystem.trim()) {
            eprintln!("left out: no file system to flush as a whole, but {filesystem}");
            return None;
        }
        let (data, source) = (directory(), directory());
        let client = Client::in_process(data.path(), |_| {}).await;
        client.register(sshd.login("web1")).await;
        let fixture = Self {
            sshd,
            client,
            source,
            _data: data,
        };
        fixture.plant(FILES, "old");
        Some(fixture)
    }

    fn plant(&self, files: usize, content: &str) {
        for number in 0..files {
            let folder = ["a", "it's \\012", "-f"][number % 3];
            let path = self.source.path().join(folder).join(number.to_string());
            write(path, format!("{content} {number}"));
        }
    }

    async fn upload(&self) -> Answer {
        let arguments = json!({
            "alias": "web1", "direction": "upload", "local": text(self.source.path()), "remote": self.sshd.home("target"),
        });
        self.client.call("task_transfer", arguments).await
    }

    fn flushes(&self) -> String {
        std::fs::read_to_string(self.sshd.home("flushes")).unwrap_or_default()
    }

    fn assert_has_all(&self) {
        let differs = Command::new("diff")
            .args(["-r", &text(self.source.path()), &self.sshd.home("target")])
            .output()
            .unwrap();
        assert!(
            differs.status.success(),
            "{}",
            String::from_utf8_lossy(&differs.stdout)
        );
    }
}

/// Notes how many files have their names, and how many wait for them.
const LOG: &str = "cd \"$HOME/target\"
    echo \"named $(find . -type f ! -name '.*' | wc -l) waiting $(find . -type f -name '.*' | wc -l)\" >>\"$HOME/flushes\"
    cd - >/dev/null";

#[tokio::test]
async fn all_are_flushed_once_before_any_has_its_name() {
    let sync = format!("{LOG}; exec /usr/bin/sync \"$@\"");
    let Some(fixture) = FlushedTree::start(&sync).await else {
        return;
    };
    // It cannot be opened by everybody's flush, and is synced alone.
    let secret = fixture.source.path().join("a/secret");
    write(&secret, "secret");
    std::fs::set_permissions(&secret, std::fs::Permissions::from_mode(0o200)).unwrap();
    let ended = fixture.upload().await.ok();
    assert_eq!(ended.facts()["status"], "completed", "{}", ended.text());
    assert_eq!(fixture.flushes(), format!("named 1 waiting {FILES}\n"));
    fixture.assert_has_all();
    let copy = std::fs::metadata(fixture.sshd.home("target/a/secret")).unwrap();
    assert_eq!(copy.permissions().mode() & 0o777, 0o200);
}

#[tokio::test]
async fn where_no_flush_is_certain_each_is_synced_alone() {
    for sync in ["exit 1", "kill -9 $PPID"] {
        let sync = format!("{LOG}; {sync}");
        let Some(fixture) = FlushedTree::start(&sync).await else {
            return;
        };
        let ended = fixture.upload().await.ok();
        assert_eq!(
            ended.facts()["status"],
            "completed",
            "{sync}: {}",
            ended.text()
        );
        assert_eq!(
            fixture.flushes(),
            format!("named 0 waiting {FILES}\n"),
            "{sync}"
        );
        fixture.assert_has_all();
    }
}

#[tokio::test]
async fn a_connection_that_is_cut_during_a_flush_is_replaced() {
    // The session's process holds the connection.
    let cut = "[ -e \"$HOME/cut\" ] || { : >\"$HOME/cut\"; kill -9 $(ps -o ppid= -p $PPID); }";
    let sync = format!("{LOG}; {cut}; exec /usr/bin/sync \"$@\"");
    let Some(fixture) = FlushedTree::start(&sync).await else {
        return;
    };
    let ended = fixture.upload().await.ok();
    assert_eq!(ended.facts()["status"], "completed", "{}", ended.text());
    assert!(
        fixture
            .flushes()
            .starts_with(&format!("named 0 waiting {FILES}\n")),
        "{}",
        fixture.flushes()
    );
    fixture.assert_has_all();
}

#[tokio::test]
async fn a_transfer_that_is_cancelled_during_a_flush_leaves_nothing() {
    let sync = format!("{LOG}; until [ -e \"$HOME/end\" ]; do sleep 0.05; done");
    let Some(fixture) = FlushedTree::start(&sync).await else {
        return;
    };
    let (ended, ()) = tokio::join!(fixture.upload(), async {
        eventually("the flush has begun", || !fixture.flushes().is_empty()).await;
        let running = fixture
            .client
            .call("task_queue", json!({"status": "running"}))
            .await
            .ok();
        let id = running.facts()["tasks"][0]["id"].clone();
        fixture
            .client
            .call("task_cancel", json!({"id": id}))
            .await
            .ok();
    });
    assert_eq!(ended.facts()["status"], "cancelled", "{}", ended.text());
    write(fixture.sshd.home("end"), "");
    assert_eq!(files_below(Path::new(&fixture.sshd.home("target"))), 0);
}

fn files_below(folder: &Path) -> usize {
    let found = Command::new("find")
        .arg(folder)
        .args(["-type", "f"])
        .output();
    String::from_utf8_lossy(&found.unwrap().stdout)
        .lines()
        .count()
}

#[tokio::test]
async fn more_files_are_replaced_than_have_their_old_contents_in_memory_and_an_undo_brings_them_back()
 {
    let Some(fixture) = FlushedTree::start("exec /usr/bin/sync \"$@\"").await else {
        return;
    };
    fixture.plant(MORE_FILES, "old");
    fixture.upload().await.ok();
    fixture.plant(MORE_FILES, "new");
    let ended = fixture.upload().await.ok();
    assert_eq!(ended.facts()["status"], "completed", "{}", ended.text());
    fixture.assert_has_all();
    let undone = json!({"id": ended.facts()["id"]});
    fixture.client.call("undo", undone).await.ok();
    fixture.plant(MORE_FILES, "old");
    fixture.assert_has_all();
}
