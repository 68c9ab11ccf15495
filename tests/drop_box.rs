//! Servers that tell nothing of their files, or take them away: what OpenSSH's `put` can do there.

use std::path::Path;

use serde_json::{Value, json};

use crate::helper::{Client, Fault, Fixture, Sshd, directory, noise, text};

fn arguments(local: &Path, remote: &Path, in_place: bool) -> Value {
    json!({
        "alias": "web1", "direction": "upload", "local": text(local), "remote": text(remote),
        "inPlace": in_place,
    })
}

#[tokio::test]
async fn what_a_server_does_not_tell_is_not_needed_in_place() {
    for requests in [
        "stat",
        "lstat",
        "stat,lstat",
        "stat,lstat,fstat,setstat,fsetstat",
        "stat,lstat,opendir,realpath",
    ] {
        let (sshd, data, folder) = (Sshd::refusing(requests), directory(), directory());
        let client = Client::in_process(data.path(), |_| {}).await;
        client.register(sshd.login("web1")).await;
        let from = folder.path().join("from");
        for (name, length) in [("new", 5), ("large", 3 * 1024 * 1024), ("old", 5)] {
            std::fs::write(&from, noise(length)).unwrap();
            let to = folder.path().join(name);
            if name == "old" {
                std::fs::write(&to, "the old content").unwrap();
            }
            let error = client
                .call("task_transfer", arguments(&from, &to, false))
                .await;
            let reason = error.failed_file();
            assert!(reason.contains("`inPlace: true`"), "{requests}: {reason}");
            let ended = client
                .call("task_transfer", arguments(&from, &to, true))
                .await
                .ok();
            assert_eq!(
                ended.facts()["status"],
                "completed",
                "{requests}: {}",
                ended.text()
            );
            assert_eq!(std::fs::read(&to).unwrap(), noise(length), "{requests}");
        }
        // Nothing is made of a pipe that the server does not say to be one.
        if requests != "stat,lstat,opendir,realpath" {
            let fifo = folder.path().join("fifo");
            let made = std::process::Command::new("mkfifo").arg(&fifo).status();
            assert!(made.unwrap().success());
            let error = client
                .call("task_transfer", arguments(&from, &fifo, true))
                .await;
            error.error("TRANSFER_FAILED");
        }
        assert_eq!(
            std::fs::read_dir(data.path().join("kept")).unwrap().count(),
            0
        );
    }
}

#[tokio::test]
async fn a_drop_box_gets_files_under_their_own_names() {
    let fixture = Fixture::embedded().await;
    fixture.server.set_fault(Fault::DropBox);
    let (from, folder) = (fixture.local("from"), fixture.server.home.path());
    for (length, verify) in [(5, false), (3 * 1024 * 1024, false), (5, true)] {
        std::fs::write(&from, noise(length)).unwrap();
        let mut arguments = arguments(Path::new(&from), &folder.join("to"), true);
        arguments["verify"] = json!(verify);
        let ended = fixture.client.call("task_transfer", arguments).await.ok();
        assert_eq!(ended.facts()["status"], "completed", "{}", ended.text());
        let output = ended.facts()["output"].as_str().unwrap();
        assert_eq!(
            output.contains("could not be read back"),
            verify,
            "{output}"
        );
        assert_eq!(
            std::fs::read(folder.join("to.taken")).unwrap(),
            noise(length)
        );
        assert_eq!(
            std::fs::read_dir(folder).unwrap().count(),
            1,
            "nothing else"
        );
    }
}
