//! The local directories that transfers stay inside (`MCP_ALLOWED_ROOTS`).

use std::path::{Path, PathBuf};

use serde_json::json;

use crate::helper::{Answer, Client, Folder, Sshd, directory, eventually_so, text};

/// A directory that transfers stay inside, one that they have no business in, and links between them.
struct Scene {
    client: Client,
    sshd: Sshd,
    inside: PathBuf,
    outside: PathBuf,
    _folders: [Folder; 2],
}

impl Scene {
    async fn set() -> Self {
        let (sshd, data, local) = (Sshd::start(), directory(), directory());
        // The root itself may be reached by a link.
        let inside = local.path().join("by-link");
        let outside = local.path().join("out");
        for directory in ["in/sub", "in/tree", "out/d"] {
            std::fs::create_dir_all(local.path().join(directory)).unwrap();
        }
        for (link, target) in [
            ("by-link", "in"),
            ("in/link-file", "../out/file"),
            ("in/link-dir", "../out"),
            ("in/dangling", "../out/none"),
            ("in/all*", "../out"),
            ("in/one[1]", "../out/file"),
            ("in/tree/file", "../../out/file"),
            ("in/tree/d", "../../out/d"),
            ("in/tree/none", "../../out/none"),
        ] {
            std::os::unix::fs::symlink(target, local.path().join(link)).unwrap();
        }
        std::fs::write(inside.join("good"), "good\n").unwrap();
        std::fs::write(inside.join("sub/good"), "good\n").unwrap();
        std::fs::write(outside.join("file"), "private\n").unwrap();
        for name in ["file", "good", "none", "d/inner"] {
            let path = sshd.directory.path().join("from").join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "sent\n").unwrap();
        }
        let root = inside.clone();
        let client =
            Client::in_process(data.path(), |config| config.allowed_roots = vec![root]).await;
        client.register(sshd.login("web1")).await;
        Self {
            client,
            sshd,
            inside,
            outside,
            _folders: [data, local],
        }
    }

    fn local(&self, name: &str) -> String {
        match name.strip_prefix("out") {
            Some(rest) => format!("{}{rest}", text(&self.outside)),
            None => format!("{}/{name}", text(&self.inside)),
        }
    }

    async fn one(&self, direction: &str, local: &str, remote: &str) -> Answer {
        let one = json!({
            "alias": "web1", "direction": direction, "local": self.local(local), "remote": self.sshd.home(remote),
        });
        self.client.call("task_transfer", one).await
    }

    async fn several(&self, direction: &str, pairs: &[(&str, &str)]) -> Answer {
        let pair = |(local, remote): &(&str, &str)| json!({"local": self.local(local), "remote": self.sshd.home(remote)});
        let files: Vec<_> = pairs.iter().map(pair).collect();
        let several = json!({"alias": "web1", "direction": direction, "files": files});
        self.client.call("task_transfer_multi", several).await
    }

    /// Nothing was read there, nothing written.
    fn assert_untouched(&self) {
        let private = std::fs::read_to_string(self.outside.join("file")).unwrap();
        assert_eq!(private, "private\n");
        for (directory, count) in [("", 2), ("d", 0)] {
            let there = std::fs::read_dir(self.outside.join(directory)).unwrap();
            assert_eq!(there.count(), count, "{directory}");
        }
        let found = std::process::Command::new("grep")
            .args(["-rl", "private"])
            .arg(self.sshd.directory.path())
            .output()
            .unwrap();
        assert_eq!(String::from_utf8(found.stdout).unwrap(), "", "it was sent");
    }
}

/// No path, pattern or link has an upload read a file outside the roots.
#[tokio::test]
async fn uploads_read_nothing_outside_their_directories() {
    let scene = Scene::set().await;
    for local in [
        "out/file",
        "out",
        "../out/file",
        "sub/../../out/file",
        "link-file",
        "link-dir",
        "link-dir/file",
        "dangling",
        "all*",
        "one[1]",
    ] {
        let refused = scene.one("upload", local, "got").await;
        let error = refused.error("PATH_NOT_ALLOWED");
        assert!(
            error["details"]["hint"]
                .as_str()
                .unwrap()
                .contains("MCP_ALLOWED_ROOTS")
        );
    }
    for local in [
        "out/*",
        "../out/f*",
        "link-dir/*",
        "out/**/*",
        "all*",
        "one[1]",
    ] {
        let pairs = [("good", "got-good"), (local, "got/")];
        let refused = scene.several("upload", &pairs).await;
        refused.error("PATH_NOT_ALLOWED");
    }
    assert!(!Path::new(&scene.sshd.home("got")).exists());
    assert!(!Path::new(&scene.sshd.home("got-good")).exists());
    scene.assert_untouched();

    // A pattern goes through no link.
    let through = scene.several("upload", &[("all*/f*", "got/")]).await;
    through.error("TRANSFER_FAILED");
    scene.assert_untouched();

    // What lies inside goes, and links go as what they say.
    scene.one("upload", "good", "one").await.ok();
    scene.one("upload", "", "whole").await.ok();
    scene.several("upload", &[("*", "some/")]).await.ok();
    for place in ["one", "whole/good", "whole/sub/good", "some/good"] {
        assert_eq!(
            std::fs::read_to_string(scene.sshd.home(place)).unwrap(),
            "good\n"
        );
    }
    for link in ["whole/link-dir", "whole/link-file", "some/link-dir"] {
        assert!(Path::new(&scene.sshd.home(link)).is_symlink(), "{link}");
    }
    scene.assert_untouched();
}

/// No path, pattern or link has a download write a file outside the roots.
#[tokio::test]
async fn downloads_write_nothing_outside_their_directories() {
    let scene = Scene::set().await;
    for local in [
        "out/new",
        "out/file",
        "../out/new",
        "link-file",
        "link-dir/new",
        "link-dir/",
        "dangling",
        "dangling/new",
        "../new",
    ] {
        let refused = scene.one("download", local, "from/good").await;
        refused.error("PATH_NOT_ALLOWED");
    }
    for local in ["out", "out/new", "link-dir", "link-dir/new", "dangling"] {
        scene
            .one("download", local, "from")
            .await
            .error("PATH_NOT_ALLOWED");
        let pairs = [("sub/", "from/good"), (local, "from/**/*")];
        scene
            .several("download", &pairs)
            .await
            .error("PATH_NOT_ALLOWED");
    }
    assert_eq!(
        std::fs::read_dir(scene.inside.join("sub")).unwrap().count(),
        1
    );
    scene.assert_untouched();

    // In a tree, what a link would lead out stays out, and the rest arrives.
    let trees: [(&[(&str, &str)], &str); 4] = [
        (&[("tree", "from")], "tree/good"),
        (&[("tree/", "from/*")], "tree/good"),
        (&[("tree/", "from/**/*")], "tree/good"),
        (
            &[("tree/", "from/file"), ("sub/new", "from/good")],
            "sub/new",
        ),
    ];
    for (pairs, arrived) in trees {
        let answer = match pairs {
            [(local, remote)] if !remote.contains('*') => {
                scene.one("download", local, remote).await
            }
            pairs => scene.several("download", pairs).await,
        };
        let answer = answer.ok();
        assert_eq!(answer.facts()["status"], "partial", "{}", answer.text());
        let failed = answer.facts()["failedFiles"].to_string();
        assert!(failed.contains("outside the directories"), "{failed}");
        assert_eq!(
            std::fs::read_to_string(scene.inside.join(arrived)).unwrap(),
            "sent\n"
        );
        std::fs::remove_file(scene.inside.join(arrived)).unwrap();
        scene.assert_untouched();
    }
    for link in ["tree/file", "tree/none", "tree/d"] {
        assert!(scene.inside.join(link).is_symlink(), "{link}");
    }
    scene.one("download", "fresh", "from").await.ok();
    assert!(scene.inside.join("fresh/d/inner").exists());
}

/// A directory that is exchanged for a link after a transfer was let begin leads it nowhere.
#[tokio::test]
async fn a_directory_that_becomes_a_link_meanwhile_leads_nowhere() {
    let scene = Scene::set().await;
    // A server that is not reached before the test says so.
    let gate = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut late = scene.sshd.login("late");
    late["port"] = gate.local_addr().unwrap().port().into();
    scene.client.register(late).await;
    for name in ["late", "later"] {
        std::fs::create_dir(scene.inside.join(name)).unwrap();
        std::fs::write(scene.inside.join(name).join("file"), "good\n").unwrap();
    }
    let mut begun = Vec::new();
    for (direction, local, remote) in [
        ("upload", "late/file", "got-one"),
        ("upload", "later", "got-all"),
        ("upload", "later/f*", "got-some/"),
        ("download", "late/new", "from/good"),
        ("download", "later/new", "from"),
    ] {
        let files = json!([{"local": scene.local(local), "remote": scene.sshd.home(remote)}]);
        let transfer = json!({"alias": "late", "direction": direction, "files": files});
        let transfer = crate::helper::request("task_transfer_multi", transfer);
        begun.push(scene.client.peer().call_tool(transfer));
    }
    let swapped = async {
        let (first, _) = gate.accept().await.unwrap();
        eventually_so("all are let begin", async || {
            let queue = scene.client.call("task_queue", json!({})).await.ok();
            queue.facts()["tasks"].as_array().unwrap().len() == 5
        })
        .await;
        for name in ["late", "later"] {
            std::fs::remove_dir_all(scene.inside.join(name)).unwrap();
            std::os::unix::fs::symlink(&scene.outside, scene.inside.join(name)).unwrap();
        }
        let mut waiting = Some(first);
        loop {
            let mut near = match waiting.take() {
                Some(first) => first,
                None => gate.accept().await.unwrap().0,
            };
            let port = scene.sshd.port;
            tokio::spawn(async move {
                let mut far = tokio::net::TcpStream::connect(("127.0.0.1", port))
                    .await
                    .unwrap();
                let _ = tokio::io::copy_bidirectional(&mut near, &mut far).await;
            });
        }
    };
    let answers = tokio::select! {
        answers = futures_util::future::join_all(begun) => answers,
        () = swapped => unreachable!("the gate stays open"),
    };
    for answer in answers {
        let error = Answer(answer.unwrap()).error("TRANSFER_FAILED");
        assert!(
            error["message"]
                .as_str()
                .unwrap()
                .contains("outside the directories"),
            "{error}"
        );
    }
    for name in ["got-one", "got-all", "got-some"] {
        assert!(!Path::new(&scene.sshd.home(name)).exists(), "{name}");
    }
    scene.assert_untouched();
}
