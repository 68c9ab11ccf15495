//! Files that may not be read or written, or are directories, on either side.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use serde_json::{Value, json};

use crate::helper::{Client, Sshd, binary, bound, directory, text, write};

fn forbid(path: &Path, mode: u32) {
    std::fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

#[tokio::test]
async fn what_may_not_be_read_or_written_is_named_and_the_rest_arrives() {
    // Without root's right to pass over permissions, on both sides.
    let (sshd, data) = (Sshd::start_bound(), directory());
    let program = binary().as_std().get_program().to_owned();
    let mut command = bound(Path::new(&program));
    command
        .arg(format!("--data-dir={}", text(data.path())))
        .env("MCP_STRUCTURED", "always");
    let client = Client::over(command.into()).await;
    client.register(sshd.login("web1")).await;
    for direction in ["upload", "download"] {
        let folder = directory();
        let (source, target) = (folder.path().join("source"), folder.path().join("target"));
        for name in [
            "closed",
            "fine",
            "locked/below",
            "shut/below",
            "writable/file",
        ] {
            write(source.join(name), b"new");
        }
        for name in ["shut", "writable"] {
            write(target.join(name).join("file"), b"old");
            forbid(&target.join(name), 0o555);
        }
        forbid(&source.join("closed"), 0);
        forbid(&source.join("locked"), 0);
        let (local, remote) = match direction {
            "upload" => (&source, &target),
            _ => (&target, &source),
        };
        let arguments = json!({
            "alias": "web1", "direction": direction, "local": text(local), "remote": text(remote),
        });
        let ended = client.call("task_transfer", arguments).await.ok();
        let facts = ended.facts();
        for closed in [
            source.join("locked"),
            target.join("shut"),
            target.join("writable"),
        ] {
            forbid(&closed, 0o755);
        }
        let mut failed: Vec<Value> = facts["failedFiles"].as_array().unwrap().clone();
        failed.sort_by_key(|failed| failed["file"].to_string());
        let named: Vec<_> = failed.iter().map(|failed| failed["file"].clone()).collect();
        let expected =
            ["closed", "locked", "shut/below"].map(|name| json!(text(&source.join(name))));
        assert_eq!(named, expected, "{direction}: {facts}");
        for failed in &failed {
            let reason = failed["error"].as_str().unwrap();
            assert!(reason.contains("Permission denied"), "{facts}");
        }
        assert_eq!(facts["status"], "partial");
        assert_eq!(std::fs::read(target.join("fine")).unwrap(), b"new");
        assert_eq!(std::fs::read(target.join("shut/file")).unwrap(), b"old");
        // The file itself may be written, though nothing can be made beside it.
        assert_eq!(
            std::fs::read(target.join("writable/file")).unwrap(),
            b"new",
            "{direction}"
        );
        for (place, count) in [("", 4), ("shut", 1), ("writable", 1), ("locked", 0)] {
            let entries = std::fs::read_dir(target.join(place)).unwrap();
            assert_eq!(entries.count(), count, "no litter in `{place}`");
        }
    }
}

#[tokio::test]
async fn a_file_does_not_take_the_place_of_a_directory() {
    let (sshd, data, folder) = (Sshd::start(), directory(), directory());
    let client = Client::spawned(data.path(), &[]).await;
    client.register(sshd.login("web1")).await;
    for direction in ["upload", "download"] {
        let here = folder.path().join(direction);
        let (source, target) = (here.join("source"), here.join("target"));
        write(source.join("name"), b"file");
        write(source.join("other"), b"file");
        write(target.join("name/inner"), b"old");
        let (local, remote) = match direction {
            "upload" => (&source, &target),
            _ => (&target, &source),
        };
        let arguments = json!({
            "alias": "web1", "direction": direction, "local": text(local), "remote": text(remote),
        });
        let ended = client.call("task_transfer", arguments).await.ok();
        let failed = &ended.facts()["failedFiles"];
        assert_eq!(failed[0]["file"], text(&source.join("name")), "{failed}");
        let reason = failed[0]["error"].as_str().unwrap();
        let said = format!("`{}` is a directory", text(&target.join("name")));
        assert_eq!(
            (reason, failed.as_array().unwrap().len()),
            (said.as_str(), 1)
        );
        assert_eq!(std::fs::read(target.join("name/inner")).unwrap(), b"old");
        assert_eq!(std::fs::read(target.join("other")).unwrap(), b"file");
        assert_eq!(std::fs::read_dir(&target).unwrap().count(), 2, "no litter");
    }
}
