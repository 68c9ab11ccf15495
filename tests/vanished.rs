//! Files that shrink, vanish or are replaced while they are copied, on either side.

use serde_json::{Value, json};

use crate::helper::{Client, Folder, Proxy, Sshd, directory, eventually, noise, text};

const MIB: usize = 1024 * 1024;
/// Much more than the buffers of a connection hold.
const SIZE: usize = 16 * MIB;

/// Files that are copied in this order, through a connection that stands still in the middle of the first.
struct Copying {
    client: Client,
    sshd: Sshd,
    proxy: Proxy,
    source: Folder,
    target: Folder,
    id: Value,
    _data: Folder,
}

impl Copying {
    async fn begin(direction: &str, names: &[&str]) -> Self {
        let (sshd, data, source, target) = (Sshd::start(), directory(), directory(), directory());
        let (content, mut files) = (noise(SIZE), Vec::new());
        for name in names {
            let (from, to) = (source.path().join(name), target.path().join(name));
            std::fs::write(&from, &content).unwrap();
            std::fs::write(&to, b"old").unwrap();
            files.push(match direction {
                "upload" => json!({"local": text(&from), "remote": text(&to)}),
                _ => json!({"local": text(&to), "remote": text(&from)}),
            });
        }
        let proxy = Proxy::start(sshd.port, 4 * MIB).await;
        let client = Client::spawned(data.path(), &[]).await;
        let mut login = sshd.login("web1");
        login["port"] = json!(proxy.port);
        client.register(login).await;
        let arguments =
            json!({"alias": "web1", "direction": direction, "files": files, "background": true});
        let handed = client.call("task_transfer_multi", arguments).await.ok();
        let id = handed.facts()["id"].clone();
        eventually("the connection stands still", || proxy.holds()).await;
        Self {
            client,
            sshd,
            proxy,
            source,
            target,
            id,
            _data: data,
        }
    }

    fn remove(&self, name: &str) {
        std::fs::remove_file(self.source.path().join(name)).unwrap();
    }

    fn truncate(&self, name: &str) {
        let file = std::fs::File::options()
            .write(true)
            .open(self.source.path().join(name));
        file.unwrap().set_len(MIB as u64).unwrap();
    }

    /// Goes on to the end: the files that failed, each with the reason, in the order of their names.
    async fn end(&self) -> Vec<(String, String)> {
        self.proxy.open();
        let ended = self.client.wait(&self.id).await;
        let status = self
            .client
            .call("task_status", json!({"id": self.id, "verbose": true}))
            .await
            .ok();
        let failed = status.facts()["failedFiles"]
            .as_array()
            .unwrap_or_else(|| panic!("{ended:?}"));
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let mut failed: Vec<_> = failed
            .iter()
            .map(|failed| (text(&failed["file"]), text(&failed["error"])))
            .collect();
        failed.sort();
        failed
    }

    /// Tells if the new file is there; else it has to be the old one.
    fn arrived(&self, name: &str) -> bool {
        let content = std::fs::read(self.target.path().join(name)).unwrap();
        let is_new = content == noise(SIZE);
        assert!(
            is_new || content == b"old",
            "{name}: {} bytes",
            content.len()
        );
        is_new
    }

    fn files(&self) -> usize {
        std::fs::read_dir(self.target.path()).unwrap().count()
    }
}

#[tokio::test]
async fn what_shrinks_or_vanishes_is_named_and_the_rest_arrives() {
    for direction in ["upload", "download"] {
        let names = ["first", "second", "gone", "shorter"];
        let copying = Copying::begin(direction, &names).await;
        copying.truncate("first");
        copying.remove("gone");
        copying.truncate("shorter");
        let failed = copying.end().await;
        let expected = [
            ("first", "shrank while it was copied"),
            ("gone", "No such file"),
            ("shorter", "shrank while it was copied"),
        ];
        assert_eq!(failed.len(), expected.len(), "{failed:?}");
        for ((file, reason), (name, words)) in failed.iter().zip(expected) {
            assert_eq!(*file, text(&copying.source.path().join(name)));
            assert!(reason.contains(words), "{direction}: {failed:?}");
            assert!(!copying.arrived(name));
        }
        assert!(copying.arrived("second"));
        assert_eq!(copying.files(), names.len(), "no litter");
    }
}

#[tokio::test]
async fn a_file_replaced_or_deleted_in_its_middle_arrives_as_it_was() {
    for direction in ["upload", "download"] {
        for replaced in [false, true] {
            let copying = Copying::begin(direction, &["file"]).await;
            copying.remove("file");
            if replaced {
                std::fs::write(copying.source.path().join("file"), b"another").unwrap();
            }
            assert_eq!(copying.end().await, [], "it is open, and whole");
            assert!(copying.arrived("file"));
            assert_eq!(copying.files(), 1, "no litter");
        }
    }
}

#[tokio::test]
async fn a_file_that_is_gone_when_its_connection_is_back_is_named() {
    for direction in ["upload", "download"] {
        let copying = Copying::begin(direction, &["file"]).await;
        copying.remove("file");
        copying.sshd.cut();
        let failed = copying.end().await;
        let [(file, reason)] = &failed[..] else {
            panic!("{failed:?}")
        };
        assert_eq!(*file, text(&copying.source.path().join("file")));
        assert!(reason.contains("No such file"), "{direction}: {reason}");
        assert!(!copying.arrived("file"));
        assert_eq!(copying.files(), 1, "no litter");
    }
}
