//! The local directories that transfers stay inside (`MCP_ALLOWED_ROOTS`).

use std::os::unix::fs::symlink;
use std::path::Path;

use serde_json::json;

use crate::helper::{Answer, Fixture, eventually_so, request, write};

/// A root with links that lead out of it.
async fn fixture() -> Fixture {
    let fixture = Fixture::rooted().await;
    for directory in ["inside/tree", "outside/d"] {
        std::fs::create_dir(fixture.here(directory)).unwrap();
    }
    for (link, target) in [
        ("link-file", "../outside/file"),
        ("link-dir", "../outside"),
        ("dangling", "../outside/none"),
        ("all*", "../outside"),
        ("one[1]", "../outside/file"),
        ("tree/file", "../../outside/file"),
        ("tree/d", "../../outside/d"),
        ("tree/none", "../../outside/none"),
    ] {
        symlink(target, fixture.here("inside").join(link)).unwrap();
    }
    for name in ["inside/good", "inside/sub/good"] {
        write(fixture.here(name), "good\n");
    }
    write(fixture.here("outside/file"), "private\n");
    for name in ["file", "good", "none", "d/inner"] {
        write(fixture.there("from").join(name), "sent\n");
    }
    fixture
}

/// Nothing was read outside the root, nothing written.
fn assert_untouched(fixture: &Fixture) {
    let private = std::fs::read_to_string(fixture.here("outside/file")).unwrap();
    assert_eq!(private, "private\n");
    for (directory, count) in [("outside", 2), ("outside/d", 0)] {
        let entries = std::fs::read_dir(fixture.here(directory)).unwrap();
        assert_eq!(entries.count(), count, "{directory}");
    }
    let found = std::process::Command::new("grep")
        .args(["-rl", "private"])
        .arg(fixture.there(""))
        .output()
        .unwrap();
    assert_eq!(String::from_utf8(found.stdout).unwrap(), "", "it was sent");
}

fn read(path: impl AsRef<Path>) -> String {
    std::fs::read_to_string(path).unwrap()
}

/// No path, pattern or link has an upload read a file outside the roots.
#[tokio::test]
async fn uploads_read_nothing_outside_their_directories() {
    let fixture = fixture().await;
    for local in [
        "outside/file",
        "outside",
        "root/../outside/file",
        "root/sub/../../outside/file",
        "root/link-file",
        "root/link-dir",
        "root/link-dir/file",
        "root/dangling",
        "root/all*",
        "root/one[1]",
    ] {
        let refused = fixture.transfer("upload", local, "got").await;
        let error = refused.error("PATH_NOT_ALLOWED");
        assert!(
            error["details"]["hint"]
                .as_str()
                .unwrap()
                .contains("MCP_ALLOWED_ROOTS")
        );
    }
    for local in [
        "outside/*",
        "root/../outside/f*",
        "root/link-dir/*",
        "outside/**/*",
        "root/all*",
        "root/one[1]",
    ] {
        let pairs = [("root/good", "got-good"), (local, "got/")];
        let refused = fixture.transfer_all("upload", &pairs).await;
        refused.error("PATH_NOT_ALLOWED");
    }
    assert!(!fixture.there("got").exists());
    assert!(!fixture.there("got-good").exists());
    assert_untouched(&fixture);

    // A pattern goes through no link.
    let through = fixture
        .transfer_all("upload", &[("root/all*/f*", "got/")])
        .await;
    through.error("TRANSFER_FAILED");
    assert_untouched(&fixture);

    // Files inside go, and links go as links.
    fixture.transfer("upload", "root/good", "one").await.ok();
    fixture.transfer("upload", "root/", "whole").await.ok();
    fixture
        .transfer_all("upload", &[("root/*", "some/")])
        .await
        .ok();
    for place in ["one", "whole/good", "whole/sub/good", "some/good"] {
        assert_eq!(read(fixture.there(place)), "good\n");
    }
    for link in ["whole/link-dir", "whole/link-file", "some/link-dir"] {
        assert!(fixture.there(link).is_symlink(), "{link}");
    }
    assert_untouched(&fixture);
}

/// No path, pattern or link has a download write a file outside the roots.
#[tokio::test]
async fn downloads_write_nothing_outside_their_directories() {
    let fixture = fixture().await;
    for local in [
        "outside/new",
        "outside/file",
        "root/../outside/new",
        "root/link-file",
        "root/link-dir/new",
        "root/link-dir/",
        "root/dangling",
        "root/dangling/new",
        "root/../new",
    ] {
        let refused = fixture.transfer("download", local, "from/good").await;
        refused.error("PATH_NOT_ALLOWED");
    }
    for local in [
        "outside",
        "outside/new",
        "root/link-dir",
        "root/link-dir/new",
        "root/dangling",
    ] {
        fixture
            .transfer("download", local, "from")
            .await
            .error("PATH_NOT_ALLOWED");
        let pairs = [("root/sub/", "from/good"), (local, "from/**/*")];
        fixture
            .transfer_all("download", &pairs)
            .await
            .error("PATH_NOT_ALLOWED");
    }
    assert_eq!(
        std::fs::read_dir(fixture.here("root/sub")).unwrap().count(),
        1
    );
    assert_untouched(&fixture);

    // In a tree, what a link would lead out stays out, and the rest arrives.
    let trees: [(&[(&str, &str)], &str); 4] = [
        (&[("root/tree", "from")], "root/tree/good"),
        (&[("root/tree/", "from/*")], "root/tree/good"),
        (&[("root/tree/", "from/**/*")], "root/tree/good"),
        (
            &[("root/tree/", "from/file"), ("root/sub/new", "from/good")],
            "root/sub/new",
        ),
    ];
    for (pairs, arrived) in trees {
        let answer = match pairs {
            [(local, remote)] if !remote.contains('*') => {
                fixture.transfer("download", local, remote).await
            }
            pairs => fixture.transfer_all("download", pairs).await,
        };
        let answer = answer.ok();
        assert_eq!(answer.facts()["status"], "partial", "{}", answer.text());
        let failed = answer.facts()["failedFiles"].to_string();
        assert!(failed.contains("outside the directories"), "{failed}");
        assert_eq!(read(fixture.here(arrived)), "sent\n");
        std::fs::remove_file(fixture.here(arrived)).unwrap();
        assert_untouched(&fixture);
    }
    for link in ["root/tree/file", "root/tree/none", "root/tree/d"] {
        assert!(fixture.here(link).is_symlink(), "{link}");
    }
    fixture
        .transfer("download", "root/fresh", "from")
        .await
        .ok();
    assert!(fixture.here("root/fresh/d/inner").exists());
}

/// A directory that is exchanged for a link after a transfer was let begin leads it nowhere.
#[tokio::test]
async fn a_directory_that_becomes_a_link_meanwhile_leads_nowhere() {
    let fixture = fixture().await;
    // A server that is not reached before the test says so.
    let gate = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut late = fixture.server.login("late");
    late["port"] = gate.local_addr().unwrap().port().into();
    fixture.client.register(late).await;
    for name in ["root/late", "root/later"] {
        write(fixture.here(name).join("file"), "good\n");
    }
    let mut begun = Vec::new();
    for (direction, local, remote) in [
        ("upload", "root/late/file", "got-one"),
        ("upload", "root/later", "got-all"),
        ("upload", "root/later/f*", "got-some/"),
        ("download", "root/late/new", "from/good"),
        ("download", "root/later/new", "from"),
    ] {
        let transfer = fixture.all_arguments("late", direction, &[(local, remote)]);
        let transfer = request("task_transfer_multi", transfer);
        begun.push(fixture.client.peer().call_tool(transfer));
    }
    let swapped = async {
        let (first, _) = gate.accept().await.unwrap();
        eventually_so("all are let begin", async || {
            let queue = fixture.client.call("task_queue", json!({})).await.ok();
            queue.facts()["tasks"].as_array().unwrap().len() == 5
        })
        .await;
        for name in ["root/late", "root/later"] {
            std::fs::remove_dir_all(fixture.here(name)).unwrap();
            symlink(fixture.here("outside"), fixture.here(name)).unwrap();
        }
        let mut waiting = Some(first);
        loop {
            let mut near = match waiting.take() {
                Some(first) => first,
                None => gate.accept().await.unwrap().0,
            };
            let port = fixture.server.port;
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
            error.to_string().contains("outside the directories"),
            "{error}"
        );
    }
    for name in ["got-one", "got-all", "got-some"] {
        assert!(!fixture.there(name).exists(), "{name}");
    }
    assert_untouched(&fixture);
}
