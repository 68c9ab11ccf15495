//! Programs that a command's PATH does not lead to, and that a person's does.

use std::path::Path;
use std::process::Command;

use serde_json::json;

use crate::helper::{Client, Folder, Pm2Daemon, Sshd, directory, program, text};

/// A server whose commands find only what the system has, and what `prepare` puts into the home.
async fn with_home(prepare: impl FnOnce(&Path)) -> (Sshd, Client, Folder) {
    let sshd = Sshd::start_with("SetEnv PATH=/usr/bin:/bin");
    prepare(sshd.directory.path());
    let data = directory();
    let client = Client::in_process(data.path(), |_| {}).await;
    client.register(sshd.login("web1")).await;
    (sshd, client, data)
}

/// Programs of Node in a directory. They say where they are.
fn node(place: &Path) {
    std::fs::create_dir_all(place).unwrap();
    let pm2 = "case $1 in logs) echo \"$0 by $(command -v node)\" ;; jlist) echo '[]' ;; esac";
    program(place, "pm2", pm2);
    program(place, "node", "exec cat");
}

#[tokio::test]
async fn pm2_is_found_where_the_managers_of_node_put_it() {
    for (place, note) in [
        (
            ".nvm/versions/node/v20.9.0/bin",
            (".nvm/alias/default", "20"),
        ),
        (".nvm/versions/node/v9.1.0/bin", ("unused", "")),
        (".volta/bin", ("unused", "")),
        (".npm-global/bin", ("unused", "")),
        ("own/place/bin", (".npmrc", "prefix=~/own/place")),
        (".local/share/pnpm", ("unused", "")),
    ] {
        let (sshd, client, _data) = with_home(|home| {
            node(&home.join(place));
            let file = home.join(note.0);
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(file, note.1).unwrap();
        })
        .await;
        let _pm2 = Pm2Daemon::start(sshd.directory.path());
        let log = client
            .call("get_pm2_logs", json!({"alias": "web1"}))
            .await
            .ok();
        let lines = log.facts()["lines"].as_str().unwrap();
        assert!(
            lines.starts_with(&sshd.home(&format!("{place}/pm2"))),
            "{lines}"
        );
        let services = client
            .call("get_services_status", json!({"alias": "web1"}))
            .await
            .ok();
        assert_eq!(
            services.facts()["pm2"]["status"],
            "present",
            "{place}: {}",
            services.text()
        );
    }
}

#[tokio::test]
async fn the_default_version_of_node_goes_before_the_newest_and_the_path_before_all() {
    let (sshd, client, _data) = with_home(|home| {
        for version in ["v18.1.0", "v20.9.0", "v20.10.0"] {
            node(&home.join(".nvm/versions/node").join(version).join("bin"));
        }
        std::fs::create_dir_all(home.join(".nvm/alias")).unwrap();
        std::fs::write(home.join(".nvm/alias/default"), "18\n").unwrap();
    })
    .await;
    let _pm2 = Pm2Daemon::start(sshd.directory.path());
    let lines = async || {
        let log = client
            .call("get_pm2_logs", json!({"alias": "web1"}))
            .await
            .ok();
        log.facts()["lines"].as_str().unwrap().to_owned()
    };
    assert!(
        lines().await.contains("/v18.1.0/bin/pm2 by "),
        "{}",
        lines().await
    );
    std::fs::write(sshd.home(".nvm/alias/default"), "lts/*\n").unwrap();
    assert!(
        lines().await.contains("/v20.10.0/bin/pm2 by "),
        "{}",
        lines().await
    );
}

const ENGINE: &str = "case $1 in
ps) case $* in *-q*) ;; *) printf 'web\\tnginx\\trunning\\tUp\\n' ;; esac ;;
logs) echo \"${0##*/} $*\" ;;
esac";

#[tokio::test]
async fn docker_is_asked_as_root_where_its_socket_is_root_s() {
    let denied = format!(
        "[ -n \"$AS_ROOT\" ] || {{ echo 'permission denied while trying to connect to the docker API at unix:///var/run/docker.sock' >&2; exit 1; }}
{ENGINE}"
    );
    for (sudo, may) in [
        (
            "[ \"$1\" = -n ] && shift && AS_ROOT=yes exec env AS_ROOT=yes \"$@\"",
            true,
        ),
        ("echo 'sudo: a password is required' >&2; exit 1", false),
    ] {
        let place = directory();
        program(place.path(), "id", "echo 1000");
        program(place.path(), "sudo", sudo);
        program(place.path(), "docker", &denied);
        let path = format!("SetEnv PATH={}:/usr/bin:/bin", text(place.path()));
        let (sshd, data) = (Sshd::start_with(&path), directory());
        let client = Client::in_process(data.path(), |_| {}).await;
        client.register(sshd.login("web1")).await;
        let services = client
            .call(
                "get_services_status",
                json!({"alias": "web1", "name": "web"}),
            )
            .await
            .ok();
        let docker = &services.facts()["docker"];
        let log = json!({"alias": "web1", "container": "web"});
        let log = client.call("get_docker_logs", log).await;
        if may {
            assert_eq!(docker["services"][0]["name"], "web", "{docker}");
            assert_eq!(log.ok().facts()["lines"], "docker logs --tail 100 -- web");
        } else {
            assert_eq!(docker["status"], "unavailable", "{docker}");
            let error = log.error("MONITORING_ERROR");
            for said in [docker["reason"].to_string(), error.to_string()] {
                assert!(said.contains("permission denied while trying"), "{said}");
            }
        }
    }
}

#[tokio::test]
async fn podman_answers_where_docker_is_not() {
    // Tested only if this machine's own Docker can be hidden.
    let hidden = "unshare -m sh -c 'mount -t tmpfs none /usr/local/bin && ! command -v docker'";
    let can_hide = Command::new("sh")
        .args(["-c", hidden])
        .env("PATH", "/usr/bin:/bin")
        .output();
    if !can_hide.unwrap().status.success() {
        eprintln!("not run: Docker cannot be hidden here");
        return;
    }
    let sshd = Sshd::prepared(|folder| {
        let programs = folder.join("programs");
        std::fs::create_dir(&programs).unwrap();
        program(&programs, "podman", ENGINE);
        let door = "export PATH=FOLDER/programs:/usr/bin:/bin
exec unshare -m sh -c 'mount -t tmpfs none /usr/local/bin && exec bash -c \"$SSH_ORIGINAL_COMMAND\"'";
        program(folder, "door", &door.replace("FOLDER", &text(folder)));
        format!("ForceCommand {}/door", text(folder))
    });
    let data = directory();
    let client = Client::in_process(data.path(), |_| {}).await;
    client.register(sshd.login("web1")).await;
    let services = client
        .call(
            "get_services_status",
            json!({"alias": "web1", "name": "web"}),
        )
        .await
        .ok();
    let docker = &services.facts()["docker"];
    assert_eq!(docker["services"][0]["name"], "web", "{docker}");
    assert!(
        docker["reason"].as_str().unwrap().contains("Podman"),
        "{docker}"
    );
    let log = json!({"alias": "web1", "container": "web"});
    let log = client.call("get_docker_logs", log.clone()).await.ok();
    assert_eq!(log.facts()["lines"], "podman logs --tail 100 -- web");
    std::fs::remove_file(sshd.home("programs/podman")).unwrap();
    let log = json!({"alias": "web1", "container": "web"});
    let error = client
        .call("get_docker_logs", log)
        .await
        .error("MONITORING_ERROR");
    let message = error.to_string();
    assert!(
        message.contains("`docker` was not found on the PATH"),
        "{message}"
    );
}

#[tokio::test]
async fn a_command_that_is_not_found_is_told_of_the_shorter_path() {
    let (_sshd, client, _data) = with_home(|_| {}).await;
    let failed = client.exec("web1", "no-such-program --version").await.ok();
    assert!(
        failed.text().starts_with("exit 127 in ") && failed.text().contains("(not on the PATH"),
        "{}",
        failed.text()
    );
    let other = client.exec("web1", "exit 127").await.ok();
    assert!(
        other.text().starts_with("exit 127 in ") && !other.text().contains("PATH"),
        "{}",
        other.text()
    );
}
