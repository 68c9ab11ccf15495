//! A dialogue with `apt-get`, whose packages, lists and database are those of a mount namespace of its own.

use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::json;

use crate::helper::{Fixture, Sshd, text};
use crate::live_shells::Shell;

/// The package that is asked for, and the one that it needs: only then apt asks whether to go on.
const WANTED: &str = "mcp-tests-shop";
const NEEDED: &str = "mcp-tests-base";

/// The question of apt.
const QUESTION: &str = "Do you want to continue? [Y/n]";

/// Puts writable layers over this machine's directories, for the namespace alone.
fn mounts(path: &Path) -> String {
    let over = text(&path.join("over"));
    format!(
        "mkdir -p {over} && mount -t tmpfs tmpfs {over} && for place in usr var etc; do \
         mkdir -p {over}/$place/up {over}/$place/work && mount -t overlay overlay \
         -o lowerdir=/$place,upperdir={over}/$place/up,workdir={over}/$place/work /$place || exit 1; done"
    )
}

/// Starts an sshd in such a namespace, with a repository of two packages; `None`, said, where that cannot be.
fn apt_host() -> Option<Sshd> {
    let is_there = |program: &str| Command::new(program).arg("--version").output().is_ok();
    if !["apt-get", "dpkg-deb"].into_iter().all(is_there) {
        eprintln!("not run with apt: it is not there");
        return None;
    }
    let folder = crate::helper::directory();
    let mut probe = Command::new("unshare");
    probe.args(["-m", "sh", "-c", &mounts(folder.path())]);
    let is_allowed = probe.stderr(Stdio::null()).status();
    if !is_allowed.is_ok_and(|status| status.success()) {
        eprintln!("not run with apt: no namespace may be made here");
        return None;
    }
    Some(Sshd::in_namespace(
        |path| {
            let repository = path.join("repository");
            std::fs::create_dir(&repository).unwrap();
            let index = [(NEEDED, ""), (WANTED, NEEDED)]
                .map(|(name, needs)| build(&repository, name, needs));
            std::fs::write(repository.join("Packages"), index.concat()).unwrap();
            let sources = path.join("sources.list");
            let line = format!("deb [trusted=yes] file:{} ./\n", text(&repository));
            std::fs::write(&sources, line).unwrap();
            let settings = format!(
                "Dir::Etc::sourcelist \"{}\";\nDir::Etc::sourceparts \"-\";\nAPT::Sandbox::User \"root\";\n",
                text(&sources)
            );
            let config = path.join("apt.conf");
            std::fs::write(&config, settings).unwrap();
            format!("SetEnv APT_CONFIG={}", text(&config))
        },
        mounts,
    ))
}

/// Builds a package without files, and returns its entry in an index of packages.
fn build(repository: &Path, name: &str, needs: &str) -> String {
    let needs = match needs {
        "" => String::new(),
        needs => format!("Depends: {needs}\n"),
    };
    let fields = format!(
        "Package: {name}\nVersion: 1.0\nArchitecture: all\nMaintainer: Tests <tests@example.com>\n{needs}Description: a test\n"
    );
    let tree = repository.join(name);
    std::fs::create_dir_all(tree.join("DEBIAN")).unwrap();
    std::fs::write(tree.join("DEBIAN/control"), &fields).unwrap();
    let file = repository.join(format!("{name}.deb"));
    let built = Command::new("dpkg-deb")
        .args(["--root-owner-group", "--build"])
        .args([&tree, &file])
        .output()
        .unwrap();
    assert!(built.status.success(), "{built:?}");
    let sum = Command::new("sha256sum").arg(&file).output().unwrap();
    let sum = String::from_utf8(sum.stdout).unwrap();
    let sum = sum.split(' ').next().unwrap();
    let size = std::fs::metadata(&file).unwrap().len();
    format!("{fields}Filename: ./{name}.deb\nSize: {size}\nSHA256: {sum}\n\n")
}

/// Returns whether this machine has a package.
fn has_here(package: &str) -> bool {
    let mut query = Command::new("dpkg-query");
    let asked = query.args(["-W", package]).output().unwrap();
    asked.status.success()
}

#[tokio::test]
async fn apt_asks_and_does_what_it_is_told() {
    let Some(sshd) = apt_host() else { return };
    let fixture = Fixture::with(sshd).await;
    let client = &fixture.client;
    let shell = Shell::open(client, "apt", json!({})).await;
    let status = format!("dpkg-query -W -f '${{db:Status-Status}}\\n' {NEEDED} {WANTED}");
    shell
        .type_in("apt-get -q update")
        .await
        .has(&json!({"exitCode": 0}));
    let install = format!("apt-get -q install {WANTED}");
    let asked = shell.type_in(&install).await;
    asked.has(&json!({"state": "waiting", "prompt": QUESTION}));
    assert!(asked.text().contains(NEEDED), "{}", asked.text());
    let left = shell.type_in("n").await;
    left.has(&json!({"exitCode": 1, "output": "Abort."}));
    shell.type_in(&status).await.has(&json!({"exitCode": 1}));

    let task = json!({"alias": "web1", "cmd": install, "autoRespond": false});
    let task = client.call("task_exec_interactive", task).await.ok();
    assert!(
        task.text().contains(&format!("waiting at: {QUESTION}")),
        "{}",
        task.text()
    );
    let yes = json!({"id": task.facts()["id"], "text": "y"});
    let done = client.call("task_input", yes).await.ok();
    done.has(&json!({"state": "done", "exitCode": 0}));
    let installed = done.facts()["output"].as_str().unwrap();
    assert!(
        installed.contains(&format!("Setting up {WANTED}")) && !installed.contains(QUESTION),
        "{installed}"
    );
    shell.talk(&[(&status, "0", "installed\ninstalled")]).await;

    // The usual question gets its yes by itself.
    let remove = json!({"alias": "web1", "cmd": format!("apt-get -q remove {NEEDED}")});
    let removed = client.call("task_exec_interactive", remove).await.ok();
    removed.has(&json!({"exitCode": 0}));
    assert!(
        removed.text().contains(&format!("Removing {WANTED}")),
        "{}",
        removed.text()
    );
    assert!(!has_here(NEEDED) && !has_here(WANTED));
}
