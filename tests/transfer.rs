//! Transfers: files and trees, both ways, against both servers.

use std::path::Path;

use serde_json::{Value, json};

use crate::helper::{
    Answer, Client, EmbeddedHost, Fixture, Sshd, directory, noise, sha256, text, write,
};

fn arguments(direction: &str, local: &str, remote: &str) -> Value {
    json!({"alias": "web1", "direction": direction, "local": local, "remote": remote})
}

async fn transfer(
    fixture: &Fixture<EmbeddedHost>,
    direction: &str,
    local: &str,
    remote: &str,
) -> Answer {
    fixture
        .client
        .call("task_transfer", arguments(direction, local, remote))
        .await
}

#[tokio::test]
async fn twenty_mebibytes_go_both_ways_through_the_binary_and_sshd() {
    let (sshd, data, files) = (Sshd::start(), directory(), directory());
    let client = Client::spawned(data.path(), &[]).await;
    client.register(sshd.login("web1")).await;
    let path = |name: &str| text(&files.path().join(name));
    let bytes = noise(20 * 1024 * 1024 + 7);
    write(path("here/file"), &bytes);
    let up = client
        .call(
            "task_transfer",
            arguments("upload", &path("here/file"), &path("there/new/file")),
        )
        .await
        .ok();
    assert_eq!(up.facts()["status"], "completed", "{}", up.text());
    assert_eq!(up.facts()["bytes"], bytes.len());
    assert_eq!(up.facts()["output"], "upload: 1/1 files transferred");
    let down = client
        .call(
            "task_transfer",
            arguments("download", &path("back/new/file"), &path("there/new/file")),
        )
        .await
        .ok();
    assert_eq!(down.facts()["status"], "completed", "{}", down.text());
    for copy in ["there/new/file", "back/new/file"] {
        assert_eq!(
            sha256(&std::fs::read(path(copy)).unwrap()),
            sha256(&bytes),
            "{copy}"
        );
    }
    let litter = std::fs::read_dir(files.path().join("there/new"))
        .unwrap()
        .count();
    assert_eq!(litter, 1, "nothing beside the file");
}

#[tokio::test]
async fn trees_go_whole_both_ways() {
    for with_sshd in [false, true] {
        let fixture = Fixture::embedded().await;
        let sshd = with_sshd.then(Sshd::start);
        if let Some(sshd) = &sshd {
            fixture.client.register(sshd.login("web1")).await;
        }
        let tree = [
            ("a.txt", noise(10)),
            ("empty", Vec::new()),
            ("deep/er/b.bin", noise(300_000)),
            ("deep/c", noise(32_768)),
        ];
        for (name, bytes) in &tree {
            write(fixture.local(&format!("tree/{name}")), bytes);
        }
        std::fs::create_dir_all(fixture.local("tree/hollow")).unwrap();
        let up = transfer(
            &fixture,
            "upload",
            &fixture.local("tree"),
            &fixture.remote("x/tree"),
        )
        .await
        .ok();
        up.has(&json!({"status": "completed", "filesDone": 4}));
        let down = transfer(
            &fixture,
            "download",
            &fixture.local("copy"),
            &fixture.remote("x/tree"),
        )
        .await
        .ok();
        assert_eq!(down.facts()["filesDone"], 4, "{}", down.text());
        for (name, bytes) in &tree {
            assert_eq!(
                std::fs::read(fixture.remote(&format!("x/tree/{name}"))).unwrap(),
                *bytes,
                "{name}"
            );
            assert_eq!(
                std::fs::read(fixture.local(&format!("copy/{name}"))).unwrap(),
                *bytes,
                "{name}"
            );
        }
        assert!(
            Path::new(&fixture.remote("x/tree/hollow")).is_dir()
                && Path::new(&fixture.local("copy/hollow")).is_dir()
        );
    }
}

#[tokio::test]
async fn a_file_goes_into_a_directory_or_to_the_very_path() {
    let fixture = Fixture::embedded().await;
    write(fixture.local("file"), b"1");
    std::fs::create_dir(fixture.remote("there")).unwrap();
    for (target, arrives) in [
        ("there", "there/file"),
        ("fresh/", "fresh/file"),
        ("fresh/name", "fresh/name"),
    ] {
        let target = format!("{}{target}", fixture.remote(""));
        transfer(&fixture, "upload", &fixture.local("file"), &target)
            .await
            .ok();
        assert_eq!(
            std::fs::read(fixture.remote(arrives)).unwrap(),
            b"1",
            "{target}"
        );
    }
    std::fs::create_dir(fixture.local("here")).unwrap();
    for (target, arrives) in [
        ("here", "here/name"),
        ("new/", "new/name"),
        ("new/other", "new/other"),
    ] {
        let target = format!("{}{target}", fixture.local(""));
        transfer(&fixture, "download", &target, &fixture.remote("fresh/name"))
            .await
            .ok();
        assert_eq!(
            std::fs::read(fixture.local(arrives)).unwrap(),
            b"1",
            "{target}"
        );
    }
}

#[tokio::test]
async fn paths_may_start_at_the_home_directory() {
    let fixture = Fixture::embedded().await;
    write(fixture.local("file"), b"1");
    transfer(&fixture, "upload", &fixture.local("file"), "~/a/b")
        .await
        .ok();
    assert_eq!(std::fs::read(fixture.remote("a/b")).unwrap(), b"1");
}

#[cfg(unix)]
#[tokio::test]
async fn an_existing_file_is_replaced_and_keeps_its_mode_and_its_name() {
    use std::os::unix::fs::{PermissionsExt, symlink};
    for with_sshd in [false, true] {
        let fixture = Fixture::embedded().await;
        let sshd = with_sshd.then(Sshd::start);
        if let Some(sshd) = &sshd {
            fixture.client.register(sshd.login("web1")).await;
        }
        write(fixture.local("file"), b"new");
        std::fs::write(fixture.remote("real"), b"old and longer").unwrap();
        std::fs::set_permissions(
            fixture.remote("real"),
            std::fs::Permissions::from_mode(0o640),
        )
        .unwrap();
        symlink("real", fixture.remote("link")).unwrap();
        let up = transfer(
            &fixture,
            "upload",
            &fixture.local("file"),
            &fixture.remote("link"),
        )
        .await
        .ok();
        assert_eq!(up.facts()["status"], "completed", "{}", up.text());
        assert_eq!(std::fs::read(fixture.remote("real")).unwrap(), b"new");
        assert!(Path::new(&fixture.remote("link")).is_symlink());
        let mode = std::fs::metadata(fixture.remote("real"))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o640);
    }
}

#[tokio::test]
async fn what_cannot_be_moved_is_named_with_its_reason() {
    let fixture = Fixture::embedded().await;
    let missing = fixture.local("none");
    let error = transfer(&fixture, "upload", &missing, &fixture.remote("x"))
        .await
        .error("TRANSFER_FAILED");
    assert_eq!(error["details"]["failedFiles"][0]["file"], missing);
    assert!(
        error["details"]["failedFiles"][0]["error"]
            .as_str()
            .unwrap()
            .contains("No such file")
    );
    assert!(error["details"]["taskId"].is_string());
    let error = transfer(&fixture, "download", &missing, &fixture.remote("none"))
        .await
        .error("TRANSFER_FAILED");
    assert_eq!(
        error["details"]["failedFiles"][0]["file"],
        fixture.remote("none")
    );
    write(fixture.local("file"), b"1");
    write(fixture.remote("plain"), b"2");
    let beneath = fixture.remote("plain/below");
    let error = transfer(&fixture, "upload", &fixture.local("file"), &beneath)
        .await
        .error("TRANSFER_FAILED");
    assert!(error["details"]["failedFiles"][0]["error"].is_string());
}

#[cfg(unix)]
#[tokio::test]
async fn a_private_file_is_never_readable_by_others_on_its_way() {
    use std::os::unix::fs::PermissionsExt;
    let fixture = Fixture::embedded().await;
    write(fixture.local("key"), noise(48 * 1024 * 1024));
    std::fs::set_permissions(fixture.local("key"), std::fs::Permissions::from_mode(0o600)).unwrap();
    let mode = |path: &Path| {
        path.metadata()
            .map(|facts| facts.permissions().mode() & 0o777)
    };
    for (direction, folder) in [
        ("upload", fixture.remote("")),
        ("download", fixture.local("back/")),
    ] {
        let local = if direction == "upload" {
            fixture.local("key")
        } else {
            fixture.local("back/key")
        };
        let mut background = arguments(direction, &local, &fixture.remote("key"));
        background["background"] = json!(true);
        let handed = fixture.client.call("task_transfer", background).await.ok();
        let mut seen = Vec::new();
        crate::helper::eventually("the file arrives", || {
            for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
                if entry.file_name().to_string_lossy().contains("key") {
                    seen.extend(mode(&entry.path()));
                }
            }
            Path::new(&folder).join("key").exists()
        })
        .await;
        let ended = fixture.client.wait(&handed.facts()["id"]).await.ok();
        assert_eq!(ended.facts()["status"], "completed", "{}", ended.text());
        assert!(
            !seen.is_empty() && seen.iter().all(|mode| *mode == 0o600),
            "{direction}: {seen:?}"
        );
    }
}
