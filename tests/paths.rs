//! Paths as people write them: what a shell would expand is expanded, or refused with advice.

use std::path::Path;

use serde_json::json;

use crate::helper::{
    Answer, Client, EmbeddedHost, Fixture, Sshd, binary, directory, program, text, user,
};

fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap().flatten();
    let mut names: Vec<_> = entries
        .map(|entry| entry.file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

async fn one(client: &Client, direction: &str, local: &str, remote: &str) -> Answer {
    let arguments =
        json!({"alias": "web1", "direction": direction, "local": local, "remote": remote});
    client.call("task_transfer", arguments).await
}

fn file(fixture: &Fixture<EmbeddedHost>) -> String {
    std::fs::write(fixture.local("file"), "x").unwrap();
    fixture.local("file")
}

#[tokio::test]
async fn the_home_directory_on_the_server_however_it_is_written() {
    let fixture = Fixture::embedded().await;
    let file = file(&fixture);
    for (remote, arrives) in [
        ("~/a/1", "a/1"),
        ("$HOME/a/2", "a/2"),
        ("${HOME}/a/3", "a/3"),
        ("$HOME", "file"),
        ("$HOME/b/", "b/file"),
        ("./$x", "$x"),
        ("./~x", "~x"),
        ("$1", "$1"),
    ] {
        one(&fixture.client, "upload", &file, remote).await.ok();
        assert_eq!(
            std::fs::read(fixture.remote(arrives)).unwrap(),
            b"x",
            "{remote}"
        );
    }
    assert_eq!(
        names(fixture.server.home.path()),
        ["$1", "$x", "a", "b", "file", "~x"]
    );
    let files = json!([{"local": fixture.local("got/"), "remote": "$HOME/a/*"}]);
    let several = json!({"alias": "web1", "direction": "download", "files": files});
    let several = fixture
        .client
        .call("task_transfer_multi", several)
        .await
        .ok();
    assert_eq!(several.facts()["filesDone"], 3);
}

#[tokio::test]
async fn what_nothing_expands_is_refused_and_makes_nothing() {
    let fixture = Fixture::embedded().await;
    let file = file(&fixture);
    for remote in [
        "$APP_HOME/x",
        "${APP}/x",
        "$(pwd)/x",
        "`pwd`/x",
        "%USERPROFILE%/x",
        r"%USERPROFILE%\x",
        "~$x.docx",
        r"\\host\share\x",
        "sftp://web1/etc/x",
        "web1:/etc/x",
    ] {
        for direction in ["upload", "download"] {
            let answer = one(&fixture.client, direction, &file, remote).await;
            let error = answer.error("INVALID_ARGUMENT");
            assert_eq!(error["details"]["parameter"], "remote", "{error}");
            assert!(
                error.to_string().contains("write only the path")
                    || error.to_string().contains("write the path out")
                    || error.to_string().contains("name a drive letter"),
                "{error}"
            );
        }
    }
    for local in [
        "$APP_HOME/x",
        "~nobody-here/x",
        r"C:\Users\me\x",
        "%TEMP%/x",
        "file:///tmp/x",
    ] {
        let files = json!([{"local": file, "remote": "ok"}, {"local": local, "remote": "x"}]);
        let several = json!({"alias": "web1", "direction": "upload", "files": files});
        let answer = fixture.client.call("task_transfer_multi", several).await;
        let error = answer.error("INVALID_ARGUMENT");
        assert_eq!(error["details"]["parameter"], "files[1].local", "{error}");
    }
    // A directory that a variable in the middle would have named is not made either.
    for remote in ["srv/$USER/x", "srv/${APP}/deep/x", "$HOME/%TEMP%/x"] {
        let answer = one(&fixture.client, "upload", &file, remote).await;
        let error = answer.error("TRANSFER_FAILED");
        assert!(error.to_string().contains("nothing expands"), "{error}");
    }
    assert_eq!(names(fixture.server.home.path()), [""; 0]);
    std::fs::create_dir_all(fixture.remote("srv/$USER")).unwrap();
    one(&fixture.client, "upload", &file, "srv/$USER/x")
        .await
        .ok();
    assert!(Path::new(&fixture.remote("srv/$USER/x")).exists());
}

#[tokio::test]
async fn the_home_directory_of_another_user_is_the_server_s_to_say() {
    let (sshd, data, local) = (Sshd::start(), directory(), directory());
    let fixture = Fixture::embedded().await;
    let client = Client::in_process(data.path(), |_| {}).await;
    client.register(sshd.login("web1")).await;
    std::fs::write(sshd.home("file"), "x").unwrap();
    let me = user();
    // OpenSSH says it over SFTP, and the embedded server's shell by itself.
    for (number, client) in [&client, &fixture.client].into_iter().enumerate() {
        // Nothing is touched in that home: the way leads out of it again.
        let up = "../".repeat(8);
        let there = format!("~{me}/{up}{}", sshd.home("file").trim_start_matches('/'));
        let got = local.path().join(number.to_string());
        one(client, "download", &text(&got), &there).await.ok();
        assert_eq!(std::fs::read(&got).unwrap(), b"x");
        let pattern = there.replace("/file", "/fil*");
        let files =
            json!([{"local": format!("{}/", text(&got.with_extension("all"))), "remote": pattern}]);
        let several = json!({"alias": "web1", "direction": "download", "files": files});
        client.call("task_transfer_multi", several).await.ok();
        let up = one(client, "upload", &text(&got), "~no-such-user/x").await;
        let error = up.error("TRANSFER_FAILED");
        assert!(error.to_string().contains("`./~no-such-user`"), "{error}");
    }
    assert_eq!(names(fixture.server.home.path()), [""; 0]);
}

#[tokio::test]
async fn a_drive_of_windows_is_read_as_openssh_writes_it() {
    // Without such a drive nothing is made.
    let fixture = Fixture::embedded().await;
    let here = file(&fixture);
    for remote in [r"C:\Users\me\f.txt", "C:/Users/me/f.txt"] {
        let error = one(&fixture.client, "upload", &here, remote)
            .await
            .error("TRANSFER_FAILED");
        assert!(error.to_string().contains("the drive `C:`"), "{error}");
    }
    assert_eq!(names(fixture.server.home.path()), [""; 0]);
    assert!(!Path::new("/C:").exists());

    // A server whose root has one, in a mount namespace of its own.
    let sshd = Sshd::prepared(|folder| {
        std::fs::create_dir_all(folder.join("root")).unwrap();
        std::fs::create_dir_all(folder.join("drive/Users/me")).unwrap();
        let shown = folder.display();
        let run = "exec unshare --map-root-user --mount sh -e -c";
        let arguments = format!("{shown}/root {shown}/drive");
        program(folder, "sftp", &format!("{run} '{ROOT}' {arguments}"));
        format!("ForceCommand {}/sftp", text(folder))
    });
    let data = directory();
    let client = Client::in_process(data.path(), |_| {}).await;
    client.register(sshd.login("web1")).await;
    for (remote, arrives) in [
        (r"C:\Users\me\f.txt", "f.txt"),
        ("C:/Users/me/g.txt", "g.txt"),
        (r"c:\Users\me\", "file"),
    ] {
        let sent = one(&client, "upload", &here, &remote.replace("c:", "C:"))
            .await
            .ok();
        assert_eq!(sent.facts()["status"], "completed", "{}", sent.text());
        let path = sshd.home("drive/Users/me/") + arrives;
        assert_eq!(std::fs::read(&path).unwrap(), b"x", "{remote}");
    }
    let files = json!([{"local": fixture.local("got/"), "remote": r"C:\Users\me\*.txt"}]);
    let several = json!({"alias": "web1", "direction": "download", "files": files});
    let several = client.call("task_transfer_multi", several).await.ok();
    assert_eq!(several.facts()["filesDone"], 2);
}

/// Makes a root directory that has a drive in it, and serves SFTP in it.
const ROOT: &str = r#"mount -t tmpfs none "$0"
for entry in /*; do
    if [ -L "$entry" ]; then cp -P "$entry" "$0$entry"
    elif [ -d "$entry" ]; then mkdir "$0$entry"; mount --rbind "$entry" "$0$entry"
    fi
done
mkdir "$0/C:"
mount --bind "$1" "$0/C:"
for server in /usr/lib/openssh/sftp-server /usr/libexec/openssh/sftp-server /usr/lib/ssh/sftp-server; do
    if [ -x "$server" ]; then exec chroot "$0" "$server"; fi
done"#;

#[tokio::test]
async fn mistakes_are_named_where_nothing_of_that_name_is() {
    let fixture = Fixture::embedded().await;
    let file = file(&fixture);
    std::fs::write(fixture.remote("a b"), "x").unwrap();
    for (remote, advice) in [
        ("'a b'", "in quotes"),
        ("\"a b\"", "in quotes"),
        ("a b ", "white space"),
        ("a b\n", "white space"),
        (" a b", "white space"),
    ] {
        for direction in ["download", "upload"] {
            let local = if direction == "upload" {
                file.clone()
            } else {
                fixture.local("got")
            };
            let error = one(&fixture.client, direction, &local, remote)
                .await
                .error("TRANSFER_FAILED");
            assert!(error.to_string().contains(advice), "{remote:?}: {error}");
        }
    }
    let error = one(&fixture.client, "upload", &format!("'{file}'"), "x")
        .await
        .error("TRANSFER_FAILED");
    assert!(error.to_string().contains("in quotes"), "{error}");
    let error = one(&fixture.client, "download", &format!("{file}2 "), "a b")
        .await
        .error("TRANSFER_FAILED");
    assert!(error.to_string().contains("white space"), "{error}");
    assert_eq!(names(fixture.server.home.path()), ["a b"]);

    // Names that are really so go both ways.
    for name in ["'q'", "end ", "\"d\"", "$x", "$(id)", "~"] {
        std::fs::write(fixture.local(name), name).unwrap();
        one(
            &fixture.client,
            "upload",
            &fixture.local(name),
            &fixture.remote(name),
        )
        .await
        .ok();
        let back = fixture.local("back/");
        one(&fixture.client, "download", &back, &fixture.remote(name))
            .await
            .ok();
        assert_eq!(
            std::fs::read_to_string(format!("{back}{name}")).unwrap(),
            name
        );
    }
}

#[tokio::test]
async fn this_machine_s_home_directory_however_it_is_written() {
    let (home, data) = (directory(), directory());
    let fixture = Fixture::embedded().await;
    for name in ["in", "out"] {
        std::fs::create_dir(home.path().join(name)).unwrap();
        std::fs::write(home.path().join(name).join("file"), "x").unwrap();
    }
    let mut command = binary();
    command
        .env("HOME", home.path())
        .env("MCP_ALLOWED_ROOTS", "$HOME/in")
        .arg(format!("--data-dir={}", text(data.path())));
    let client = Client::over(command).await;
    client.add("web1", &fixture.server).await;
    for (number, local) in ["~/in/file", "$HOME/in/file", "${HOME}/in/fil*"]
        .into_iter()
        .enumerate()
    {
        let files = json!([{"local": local, "remote": format!("{number}/")}]);
        let several = json!({"alias": "web1", "direction": "upload", "files": files});
        client.call("task_transfer_multi", several).await.ok();
        assert!(Path::new(&fixture.remote(&format!("{number}/file"))).exists());
    }
    one(&client, "download", "$HOME/in/new/", "0/file")
        .await
        .ok();
    assert!(home.path().join("in/new/file").exists());
    one(&client, "upload", "$HOME/out/file", "x")
        .await
        .error("PATH_NOT_ALLOWED");
}

#[tokio::test]
async fn a_log_is_found_under_the_same_names() {
    let sshd = Sshd::start();
    let data = directory();
    let client = Client::in_process(data.path(), |_| {}).await;
    client.register(sshd.login("web1")).await;
    std::fs::write(sshd.home("log"), "line\n").unwrap();
    let (me, up) = (user(), "../".repeat(8));
    let out = format!("~{me}/{up}{}", sshd.home("log").trim_start_matches('/'));
    for filepath in ["~/log", "$HOME/log", "${HOME}/log", &out] {
        let tail = json!({"alias": "web1", "filepath": filepath});
        let tail = client.call("tail_file", tail).await.ok();
        assert!(tail.text().contains("line"), "{filepath}: {}", tail.text());
    }
    for filepath in ["$APP/log", "~$(id)/log", "%TEMP%/log"] {
        let tail = json!({"alias": "web1", "filepath": filepath});
        client
            .call("tail_file", tail)
            .await
            .error("INVALID_ARGUMENT");
    }
}
