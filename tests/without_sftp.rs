//! Servers whose SFTP does not start: what is wrong is said at once, and where a shell is there files
//! move all the same.

use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::helper::{Client, Fault, Fixture, Folder, Sshd, directory, noise, program, text};

const PROGRAM: &str = "/usr/lib/openssh/sftp-server";

/// An sshd whose subsystem does `sftp`, and whose commands `shell`, after `greeting`.
async fn server(greeting: &str, sftp: &str, shell: &str) -> (Sshd, Client, [Folder; 2]) {
    let door = format!(
        "{greeting}\ncase $SSH_ORIGINAL_COMMAND in internal-sftp) {sftp} ;; *) {shell} ;; esac"
    );
    let sshd = Sshd::prepared(|folder| {
        program(folder, "door", &door);
        format!("ForceCommand {}/door", text(folder))
    });
    let data = directory();
    let client = Client::in_process(data.path(), |_| {}).await;
    client.register(sshd.login("web1")).await;
    (sshd, client, [directory(), data])
}

const SHELL: &str = "exec bash -c \"$SSH_ORIGINAL_COMMAND\"";
/// A shell that finds no `sftp-server`.
const WITHOUT_PROGRAM: &str = "case $SSH_ORIGINAL_COMMAND in *sftp-server*) echo there is no sftp-server >&2; exit 127 ;; *) exec NAMED -c \"$SSH_ORIGINAL_COMMAND\" ;; esac";

async fn transfer(
    client: &Client,
    direction: &str,
    local: &Path,
    remote: &str,
) -> crate::helper::Answer {
    let arguments =
        json!({"alias": "web1", "direction": direction, "local": local, "remote": remote});
    client.call("task_transfer", arguments).await
}

#[tokio::test]
async fn sftp_that_does_not_start_is_started_by_the_shell_and_that_is_said() {
    if !Path::new(PROGRAM).exists() {
        eprintln!("not run: sftp-server is not where Debian keeps it");
        return;
    }
    for (greeting, sftp, said) in [
        (
            "",
            "exit 127",
            "the server's SFTP program was not found (exit status 127)",
        ),
        (
            "echo Welcome to web1",
            "exec /usr/lib/openssh/sftp-server",
            "what a start-up file of the login shell prints: `Welcome to web1`",
        ),
        ("", "exit 0", "the server ended it at once"),
    ] {
        let (sshd, client, [files, _data]) = server(greeting, sftp, SHELL).await;
        let local = files.path().join("file");
        std::fs::write(&local, noise(300_000)).unwrap();
        let begun = Instant::now();
        let up = transfer(&client, "upload", &local, &sshd.home("arrived"))
            .await
            .ok();
        assert!(begun.elapsed() < Duration::from_secs(9), "{said}");
        assert!(
            up.text().contains(said) && up.text().contains("started by the shell"),
            "{}",
            up.text()
        );
        assert_eq!(std::fs::read(sshd.home("arrived")).unwrap(), noise(300_000));
        let back = files.path().join("back");
        transfer(&client, "download", &back, &sshd.home("arrived"))
            .await
            .ok();
        assert_eq!(std::fs::read(back).unwrap(), noise(300_000));
    }
}

#[tokio::test]
async fn a_server_that_refuses_sftp_or_complains_is_quoted() {
    let fixture = Fixture::embedded().await;
    let local = fixture.files.path().join("file");
    std::fs::write(&local, "content").unwrap();
    for (fault, said) in [
        (Fault::RefuseSftp, "(the server offers no SFTP)"),
        (
            Fault::LoseSftp,
            "sh: sftp-server: not found (exit status 127)",
        ),
    ] {
        fixture.server.set_fault(fault);
        let up = transfer(
            &fixture.client,
            "upload",
            &local,
            &fixture.remote("arrived"),
        )
        .await
        .ok();
        assert!(up.text().contains(said), "{}", up.text());
        assert_eq!(
            std::fs::read_to_string(fixture.remote("arrived")).unwrap(),
            "content"
        );
    }
    // One that gets commands as they are and nothing else gets no script in its place.
    let mut plain = crate::helper::login("web1", fixture.server.address().port());
    plain["plain"] = json!(true);
    fixture.client.register(plain).await;
    let refused = transfer(
        &fixture.client,
        "upload",
        &local,
        &fixture.remote("arrived"),
    )
    .await;
    let error = refused.error("CONNECTION_FAILED");
    assert!(
        error.to_string().contains("sh: sftp-server: not found"),
        "{error}"
    );
}

#[tokio::test]
async fn a_subsystem_that_says_nothing_is_not_waited_for_for_long() {
    let (sshd, client, [files, _data]) = server("", "exec sleep 60", SHELL).await;
    let local = files.path().join("file");
    std::fs::write(&local, "content").unwrap();
    let up = transfer(&client, "upload", &local, &sshd.home("arrived"))
        .await
        .ok();
    assert!(
        up.text().contains("the server says nothing"),
        "{}",
        up.text()
    );
    assert_eq!(
        std::fs::read_to_string(sshd.home("arrived")).unwrap(),
        "content"
    );
}

#[tokio::test]
async fn what_the_server_says_is_said_where_there_is_no_shell_either() {
    let only = "echo 'This account is for backups only.' >&2; exit 1";
    let (sshd, client, [files, _data]) = server("", only, only).await;
    let local = files.path().join("file");
    std::fs::write(&local, "content").unwrap();
    let begun = Instant::now();
    let error = transfer(&client, "upload", &local, &sshd.home("arrived")).await;
    assert!(begun.elapsed() < Duration::from_secs(9));
    let error = error.error("CONNECTION_FAILED");
    let reason = error["details"]["reason"].as_str().unwrap();
    assert!(
        reason.contains("This account is for backups only. (exit status 1)"),
        "{error}"
    );
}

#[tokio::test]
async fn without_any_sftp_files_and_trees_go_through_the_shell() {
    for sh in ["bash", "dash", "busybox sh"] {
        if !["/bin", "/usr/bin"].iter().any(|place| {
            Path::new(place)
                .join(sh.split(' ').next().unwrap())
                .exists()
        }) {
            continue;
        }
        let shell = WITHOUT_PROGRAM.replace("NAMED", sh);
        let (sshd, client, [files, _data]) = server("", "exit 127", &shell).await;
        let tree = files.path().join("tree");
        std::fs::create_dir_all(tree.join("deep/er")).unwrap();
        std::fs::write(tree.join("empty"), "").unwrap();
        let all: Vec<u8> = (0..=255u8).cycle().take(100_000).collect();
        std::fs::write(tree.join("deep/all bytes"), &all).unwrap();
        std::fs::write(tree.join("deep/er/it's \"odd\" $HOME é"), noise(40_000)).unwrap();
        std::fs::write(tree.join("-rf"), "no option").unwrap();
        std::fs::set_permissions(tree.join("-rf"), std::fs::Permissions::from_mode(0o750)).unwrap();
        symlink("deep/all bytes", tree.join("link")).unwrap();
        let there = sshd.home("there");
        let up = transfer(&client, "upload", &tree, &there).await.ok();
        assert!(
            up.text().contains("files go through the shell"),
            "{sh}: {}",
            up.text()
        );
        let back = files.path().join("back");
        let down = transfer(&client, "download", &back, &there).await.ok();
        assert!(
            down.text().contains("files go through the shell"),
            "{sh}: {}",
            down.text()
        );
        for root in [Path::new(&there), &back] {
            assert_eq!(
                std::fs::read(root.join("deep/all bytes")).unwrap(),
                all,
                "{sh}"
            );
            assert_eq!(
                std::fs::read(root.join("deep/er/it's \"odd\" $HOME é")).unwrap(),
                noise(40_000)
            );
            assert_eq!(std::fs::read(root.join("empty")).unwrap(), b"");
            assert_eq!(
                std::fs::read_link(root.join("link")).unwrap(),
                Path::new("deep/all bytes")
            );
            let facts = std::fs::metadata(root.join("-rf")).unwrap();
            let own = std::fs::metadata(tree.join("-rf")).unwrap();
            assert_eq!(
                (facts.mode() & 0o777, facts.mtime()),
                (0o750, own.mtime()),
                "{sh}"
            );
        }
        // One that is there already is replaced, and what is missing is said.
        let one = files.path().join("one");
        std::fs::write(&one, "new").unwrap();
        transfer(&client, "upload", &one, &format!("{there}/empty"))
            .await
            .ok();
        assert_eq!(
            std::fs::read_to_string(format!("{there}/empty")).unwrap(),
            "new"
        );
        let missing = transfer(&client, "download", &one, &format!("{there}/missing")).await;
        let failed: Value = missing.error("TRANSFER_FAILED");
        assert!(
            failed.to_string().contains("No such file"),
            "{sh}: {failed}"
        );
        assert!(
            std::fs::read_dir(&there)
                .unwrap()
                .flatten()
                .all(|entry| { !entry.file_name().to_string_lossy().ends_with(".part") })
        );
    }
}
