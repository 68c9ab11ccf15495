//! Plans of transfers, transfers of what has changed, and mirrors: what they change, and what they never touch.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::exclusion::{found, on_several};
use crate::helper::{
    Answer, Client, Fault, Fixture, Sshd, binary, directory, eventually, text, write,
};

/// A point in time that files get as theirs.
const LONG_AGO: u64 = 1_000_000_000;

fn age(path: &Path, seconds: u64) {
    let time = std::time::UNIX_EPOCH + std::time::Duration::from_secs(seconds);
    let file = std::fs::File::open(path).unwrap();
    file.set_modified(time).unwrap();
}

fn plant(root: &Path, files: &[(&str, &str)]) {
    for (name, content) in files {
        write(root.join(name), content);
        age(&root.join(name), LONG_AGO);
    }
}

/// Kind, inode, time and length of everything below a folder.
fn state(root: &Path) -> BTreeMap<PathBuf, (u32, u64, i64, u64)> {
    let mut state = BTreeMap::new();
    let mut pending = vec![root.to_owned()];
    while let Some(folder) = pending.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let facts = path.symlink_metadata().unwrap();
            if facts.is_dir() {
                pending.push(path.clone());
            }
            let facts = (facts.mode(), facts.ino(), facts.mtime(), facts.len());
            state.insert(path, facts);
        }
    }
    state
}

/// Source and target of a transfer, for one alias and direction.
struct Ends {
    alias: String,
    direction: &'static str,
    source: PathBuf,
    target: PathBuf,
}

impl Ends {
    async fn transfer(&self, client: &Client, options: Value) -> Answer {
        let (local, remote) = match self.direction {
            "upload" => (&self.source, &self.target),
            _ => (&self.target, &self.source),
        };
        let mut arguments = json!({
            "alias": self.alias, "direction": self.direction, "local": local, "remote": remote,
        });
        for (name, value) in options.as_object().unwrap() {
            arguments[name] = value.clone();
        }
        client.call("task_transfer", arguments).await
    }
}

/// A tree, and a target that differs from it, for each kind of server and each direction.
async fn everywhere(test: impl AsyncFn(&Client, Ends)) {
    let (servers, client, folders) = on_several().await;
    for (alias, sshd) in &servers {
        for direction in ["upload", "download"] {
            let here = folders[1].path().join(format!("{alias}-{direction}"));
            let there = PathBuf::from(sshd.home(direction));
            let (source, target) = match direction {
                "upload" => (here, there),
                _ => (there, here),
            };
            let ends = Ends {
                alias: (*alias).to_owned(),
                direction,
                source,
                target,
            };
            test(&client, ends).await;
        }
    }
}

#[tokio::test]
async fn a_dry_run_tells_what_a_mirror_then_does_and_changes_nothing() {
    everywhere(async |client, ends| {
        let Ends { source, target, .. } = &ends;
        plant(
            source,
            &[
                ("same", "s"),
                ("dir/changed", "new!"),
                ("new/file", "n"),
                ("keep.log", ""),
            ],
        );
        plant(
            target,
            &[
                ("same", "s"),
                ("dir/changed", "old"),
                ("old/deep/file", "o"),
                ("x.log", ""),
            ],
        );
        symlink("same", source.join("link")).unwrap();
        symlink("/nowhere", target.join("gone")).unwrap();
        let before = state(target);
        let options = json!({"mirror": true, "dryRun": true, "exclude": ["*.log"]});
        let planned = ends.transfer(client, options).await.ok();
        assert_eq!(state(target), before, "{}", planned.text());
        let expected = json!({"create": 2, "replace": 1, "unchanged": 1, "delete": 4, "bytes": 5});
        crate::helper::assert_has(&planned.facts()["plan"], &expected);
        for line in [
            format!("delete {}/old/deep/file", text(target)),
            format!("delete {}/old/deep/", text(target)),
            format!("delete {}/gone", text(target)),
            format!("replace {}/dir/changed (4 bytes)", text(target)),
            format!("create {}/new/file (1 bytes)", text(target)),
            "nothing was changed".to_owned(),
        ] {
            assert!(planned.text().contains(&line), "{line}\n{}", planned.text());
        }
        let mirrored = ends
            .transfer(client, json!({"mirror": true, "exclude": ["*.log"]}))
            .await
            .ok();
        mirrored.has(&json!({"status": "completed", "filesDone": 3, "unchanged": 1, "deleted": 4}));
        let names = ["dir/changed", "link", "new/file", "same", "x.log"];
        assert_eq!(found(target), names, "{}", mirrored.text());
        assert_eq!(std::fs::read(target.join("dir/changed")).unwrap(), b"new!");
        let kept = before[&target.join("same")];
        assert_eq!(
            state(target)[&target.join("same")],
            kept,
            "it is left alone"
        );
        let again = ends.transfer(client, json!({"mirror": true})).await.ok();
        again.has(&json!({"status": "completed", "filesDone": 1, "unchanged": 4, "deleted": 1}));
    })
    .await;
}

#[tokio::test]
async fn a_dry_run_creates_no_directory_and_says_what_would_fail() {
    let fixture = Fixture::embedded().await;
    plant(&fixture.here("tree"), &[("file", "x"), ("sub/file", "y")]);
    plant(&fixture.there("taken"), &[("file/inner", ""), ("sub", "")]);
    for (local, remote, creates) in [
        ("tree", "new/deep", 2),
        ("tree/file", "newer/deep/name", 1),
        ("tree/file", "newest/", 1),
    ] {
        let mut arguments = fixture.all_arguments("web1", "upload", &[(local, remote)]);
        arguments["dryRun"] = json!(true);
        let planned = fixture.client.call("task_transfer_multi", arguments).await;
        let planned = planned.ok();
        let plan = &planned.facts()["plan"];
        assert_eq!(
            (&plan["create"], &plan["replace"]),
            (&json!(creates), &json!(0))
        );
    }
    assert_eq!(
        found(fixture.server.home.path()),
        ["taken/file/inner", "taken/sub"]
    );
    let mut arguments =
        fixture.arguments("upload", &fixture.local("tree"), &fixture.remote("taken"));
    arguments["dryRun"] = json!(true);
    let refused = fixture.client.call("task_transfer", arguments).await;
    let refused = refused.error("TRANSFER_FAILED").to_string();
    for reason in ["is a directory", "a file is in the way"] {
        assert!(refused.contains(reason), "{refused}");
    }
}

#[tokio::test]
async fn only_what_has_changed_is_copied_by_time_or_by_checksum() {
    everywhere(async |client, ends| {
        let Ends { source, target, .. } = &ends;
        let odd = OsStr::from_bytes(b"b\\ \n\xFF'");
        plant(
            source,
            &[
                ("a b", "same"),
                ("secret", "one"),
                ("longer", "1234"),
                ("touched", "t"),
            ],
        );
        plant(
            target,
            &[
                ("a b", "same"),
                ("secret", "two"),
                ("longer", "123"),
                ("touched", "t"),
            ],
        );
        for root in [source, target] {
            // A shell's listing has no names of other bytes than text.
            let name = if ends.alias == "shell" {
                OsStr::new("-odd'")
            } else {
                odd
            };
            write(root.join(name), "odd");
            age(&root.join(name), LONG_AGO);
        }
        age(&target.join("touched"), LONG_AGO - 5);
        let by_sum = ends
            .transfer(client, json!({"onlyChanged": "checksum", "dryRun": true}))
            .await
            .ok();
        // Without a shell, it goes by size and time.
        let is_blind = ends.alias == "files";
        let counts = |answer: &Answer| {
            let plan = &answer.facts()["plan"];
            (plan["replace"].clone(), plan["unchanged"].clone())
        };
        assert_eq!(counts(&by_sum), (json!(2), json!(3)), "{}", by_sum.text());
        let says = by_sum.text().contains("compared by size and time");
        assert_eq!(says, is_blind, "{}", by_sum.text());
        let names = |answer: &Answer| {
            let text = answer.text();
            ["longer", "secret", "touched"].map(|name| text.contains(&format!("/{name} (")))
        };
        assert_eq!(names(&by_sum), [true, !is_blind, is_blind]);
        let by_time = ends
            .transfer(client, json!({"onlyChanged": true}))
            .await
            .ok();
        by_time.has(&json!({"status": "completed", "filesDone": 2, "unchanged": 3}));
        assert_eq!(std::fs::read(target.join("secret")).unwrap(), b"two");
        assert_eq!(std::fs::read(target.join("longer")).unwrap(), b"1234");
        let again = ends.transfer(client, json!({"onlyChanged": "true"})).await;
        again.ok().has(&json!({"filesDone": 0, "unchanged": 5}));
    })
    .await;
}

#[tokio::test]
async fn many_deletions_take_the_token_of_their_very_plan() {
    let fixture = Fixture::embedded().await;
    plant(&fixture.here("tree"), &[("kept", "k")]);
    for number in 0..21 {
        write(fixture.there(&format!("copy/old-{number}")), "");
        write(fixture.there(&format!("other/old-{number}")), "");
    }
    let call = async |remote: &str, options: Value| {
        let mut arguments =
            fixture.arguments("upload", &fixture.local("tree"), &fixture.remote(remote));
        arguments["mirror"] = json!(true);
        for (name, value) in options.as_object().unwrap() {
            arguments[name] = value.clone();
        }
        fixture.client.call("task_transfer", arguments).await
    };
    let missing = call("copy", json!({})).await.error("INVALID_ARGUMENT");
    assert!(
        missing["message"].as_str().unwrap().contains("21 entries"),
        "{missing}"
    );
    assert_eq!(
        found(&fixture.there("copy")).len(),
        21,
        "nothing was copied either"
    );
    let planned = call("copy", json!({"dryRun": true})).await.ok();
    let token = planned.facts()["plan"]["token"].clone();
    assert!(
        planned.text().contains(token.as_str().unwrap()),
        "{}",
        planned.text()
    );
    call("other", json!({"token": token}))
        .await
        .error("INVALID_ARGUMENT");
    write(fixture.there("copy/newer"), "");
    let other = call("copy", json!({"token": token}))
        .await
        .error("INVALID_ARGUMENT");
    assert!(
        other["message"].as_str().unwrap().contains("dryRun"),
        "{other}"
    );
    assert_eq!(found(&fixture.there("copy")).len(), 22);
    std::fs::remove_file(fixture.there("copy/newer")).unwrap();
    let mirrored = call("copy", json!({"token": token})).await.ok();
    mirrored.has(&json!({"status": "completed", "deleted": 21}));
    assert_eq!(found(&fixture.there("copy")), ["kept"]);
    let undo = json!({"id": mirrored.facts()["id"]});
    fixture.client.call("undo", undo).await.ok();
    // The file that the mirror had copied is gone again.
    assert_eq!(found(&fixture.there("copy")).len(), 21);
}

#[tokio::test]
async fn nothing_goes_outside_the_target_nor_what_is_excluded_or_special() {
    everywhere(async |client, ends| {
        let Ends { source, target, .. } = &ends;
        let outside = target.with_extension("outside");
        plant(
            source,
            &[
                ("dir/file", "d"),
                ("now-a-file", "f"),
                ("now-a-dir/file", "n"),
            ],
        );
        plant(&outside, &[("precious", "p"), ("file", "p")]);
        plant(
            target,
            &[
                ("now-a-file/old", "o"),
                ("now-a-dir", "n"),
                ("held/x.keep", "k"),
                ("held/old", "o"),
            ],
        );
        symlink(&outside, target.join("dir")).unwrap();
        symlink(&outside, target.join("away")).unwrap();
        symlink(outside.join("precious"), target.join("file-link")).unwrap();
        let pipe = target.join("held/pipe");
        rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, rustix::fs::Mode::RWXU).unwrap();
        let options = json!({"mirror": true, "exclude": ["*.keep"]});
        let mirrored = ends.transfer(client, options).await.ok();
        mirrored.has(&json!({"status": "completed", "filesDone": 3, "failedFiles": []}));
        let names = [
            "dir/file",
            "held/pipe",
            "held/x.keep",
            "now-a-dir/file",
            "now-a-file",
        ];
        assert_eq!(found(target), names, "{} {}", ends.alias, ends.direction);
        assert_eq!(found(&outside), ["file", "precious"]);
        assert_eq!(std::fs::read(outside.join("file")).unwrap(), b"p");
    })
    .await;
}

#[tokio::test]
async fn nothing_is_deleted_unless_everything_was_copied() {
    let fixture = Fixture::start().await;
    plant(&fixture.here("tree"), &[("file", "f")]);
    let pipe = fixture.here("tree/pipe");
    rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, rustix::fs::Mode::RWXU).unwrap();
    plant(&fixture.there("copy"), &[("old", "o")]);
    let mut arguments =
        fixture.arguments("upload", &fixture.local("tree"), &fixture.remote("copy"));
    arguments["mirror"] = json!(true);
    let mirrored = fixture.client.call("task_transfer", arguments).await.ok();
    mirrored.has(&json!({"status": "partial", "deleted": 0}));
    assert!(
        mirrored.text().contains("nothing was deleted"),
        "{}",
        mirrored.text()
    );
    assert_eq!(found(&fixture.there("copy")), ["file", "old"]);
}

#[tokio::test]
async fn the_policy_judges_removals_and_read_only_servers_are_only_planned_for() {
    let fixture = Fixture::embedded().await;
    plant(&fixture.here("tree"), &[("file", "f")]);
    plant(&fixture.there("copy"), &[("a.conf", "a"), ("old", "o")]);
    let rule = format!("rm {}", fixture.remote("copy/*.conf"));
    fixture
        .client
        .call("policy_blocklist_add", json!({"pattern": rule}))
        .await
        .ok();
    let mut arguments =
        fixture.arguments("upload", &fixture.local("tree"), &fixture.remote("copy"));
    arguments["mirror"] = json!(true);
    let mirrored = fixture
        .client
        .call("task_transfer", arguments.clone())
        .await;
    let mirrored = mirrored.ok();
    mirrored.has(&json!({"status": "partial", "filesDone": 1, "deleted": 1}));
    assert!(
        mirrored.text().contains("copy/a.conf"),
        "{}",
        mirrored.text()
    );
    assert_eq!(found(&fixture.there("copy")), ["a.conf", "file"]);
    let mut login = crate::helper::login("web1", fixture.server.address().port());
    login["readonly"] = json!(true);
    fixture.client.register(login).await.ok();
    write(fixture.here("tree/new"), "n");
    fixture
        .client
        .call("task_transfer", arguments.clone())
        .await
        .error("READ_ONLY");
    arguments["dryRun"] = json!(true);
    let planned = fixture.client.call("task_transfer", arguments).await.ok();
    assert_eq!(planned.facts()["plan"]["create"], 1, "{}", planned.text());
    assert_eq!(found(&fixture.there("copy")), ["a.conf", "file"]);
}

#[tokio::test]
async fn a_mirror_that_was_killed_is_finished_by_a_retry_without_another_token() {
    let (fixture, data) = (Fixture::embedded().await, directory());
    plant(&fixture.here("tree"), &[("file", "f")]);
    for number in 0..60 {
        write(fixture.there(&format!("copy/dir/old-{number}")), "");
    }
    let spawned = async || {
        let mut command = binary();
        command.arg(format!("--data-dir={}", data.path().display()));
        Client::over(command).await
    };
    let client = spawned().await;
    client.add("web1", &fixture.server).await;
    fixture.server.set_fault(Fault::MuteAfterRemovals);
    let mut arguments =
        fixture.arguments("upload", &fixture.local("tree"), &fixture.remote("copy"));
    arguments["mirror"] = json!(true);
    arguments["dryRun"] = json!(true);
    let planned = client.call("task_transfer", arguments.clone()).await.ok();
    let token = token_in(planned.text());
    arguments["dryRun"] = json!(false);
    arguments["token"] = json!(token);
    arguments["background"] = json!(true);
    client.call("task_transfer", arguments).await.ok();
    let left = || found(&fixture.there("copy")).len();
    eventually("some are deleted", || left() == 51).await;
    client.kill().await;
    fixture.server.set_fault(Fault::None);
    let client = spawned().await;
    let tasks = client.call("task_queue", json!({})).await.ok();
    let tasks = tasks.facts()["tasks"].as_array().unwrap().clone();
    let crashed = tasks.iter().find(|task| task["status"] == "crashed");
    let id = &crashed.unwrap()["id"];
    let retried = client.call("task_retry", json!({"id": id})).await.ok();
    assert!(retried.text().contains("deleted"), "{}", retried.text());
    assert_eq!(found(&fixture.there("copy")), ["file"]);
    let approved = crate::helper::read_json(&data.path().join("mirrors.json"));
    assert_eq!(approved, json!({}));
}

#[tokio::test]
async fn a_mirror_whose_connection_is_cut_among_its_deletions_goes_on() {
    let fixture = Fixture::embedded().await;
    plant(&fixture.here("tree"), &[("file", "f")]);
    for number in 0..20 {
        write(fixture.there(&format!("copy/old-{number}")), "");
    }
    fixture.server.set_fault(Fault::MuteAfterRemovals);
    let mut arguments =
        fixture.arguments("upload", &fixture.local("tree"), &fixture.remote("copy"));
    arguments["mirror"] = json!(true);
    arguments["background"] = json!(true);
    let begun = fixture.client.call("task_transfer", arguments).await.ok();
    let left = || found(&fixture.there("copy")).len();
    eventually("some are deleted", || left() == 11).await;
    fixture.server.set_fault(Fault::None);
    fixture.server.cut();
    let ended = fixture.client.wait(&begun.facts()["id"]).await.ok();
    ended.has(&json!({"status": "completed", "filesDone": 1}));
    assert_eq!(found(&fixture.there("copy")), ["file"]);
}

#[tokio::test]
async fn a_file_that_may_not_be_written_is_no_reason_to_delete_it() {
    let fixture = Fixture::embedded().await;
    plant(
        &fixture.here("tree"),
        &[("a.conf", "new"), ("same.conf", "s"), ("b", "b")],
    );
    plant(
        &fixture.there("copy"),
        &[("a.conf", "a"), ("same.conf", "s"), ("old", "o")],
    );
    let rule = json!({"pattern": format!("* >{}", fixture.remote("copy/*.conf"))});
    fixture.client.call("policy_blocklist_add", rule).await.ok();
    let mut arguments =
        fixture.arguments("upload", &fixture.local("tree"), &fixture.remote("copy"));
    arguments["mirror"] = json!(true);
    arguments["dryRun"] = json!(true);
    let planned = fixture
        .client
        .call("task_transfer", arguments.clone())
        .await;
    let planned = planned.ok();
    let expected = json!({"create": 1, "replace": 0, "unchanged": 1, "delete": 1});
    crate::helper::assert_has(&planned.facts()["plan"], &expected);
    arguments["dryRun"] = json!(false);
    let mirrored = fixture.client.call("task_transfer", arguments).await.ok();
    mirrored.has(&json!({"status": "partial", "filesDone": 1, "unchanged": 1, "deleted": 0}));
    assert_eq!(
        found(&fixture.there("copy")),
        ["a.conf", "b", "old", "same.conf"]
    );
}

#[tokio::test]
async fn a_directory_of_one_server_is_mirrored_to_another() {
    let fixture = Fixture::embedded().await;
    let other = Sshd::start();
    fixture.client.register(other.login("web2")).await;
    let source = PathBuf::from(other.home("tree"));
    plant(
        &source,
        &[
            ("same", "s"),
            ("changed", "new!"),
            ("x.log", ""),
            (".gitignore", "x.*\n"),
        ],
    );
    plant(
        &fixture.there("copy"),
        &[("same", "s"), ("changed", "old"), ("gone", "g")],
    );
    for comparison in ["checksum", "time"] {
        let arguments = json!({
            "alias": "web1", "direction": "upload", "source_alias": "web2", "local": source,
            "remote": fixture.remote("copy"), "mirror": true, "gitignore": true,
            "onlyChanged": comparison,
        });
        let mirrored = fixture.client.call("task_transfer", arguments).await.ok();
        mirrored.has(&json!({"status": "completed", "failedFiles": []}));
        assert_eq!(
            found(&fixture.there("copy")),
            [".gitignore", "changed", "same"]
        );
    }
    assert_eq!(
        std::fs::read(fixture.there("copy/changed")).unwrap(),
        b"new!"
    );
}

/// The token that an answer names.
fn token_in(text: &str) -> String {
    let (_, token) = text.split_once("token: \"").unwrap();
    token.split('"').next().unwrap().to_owned()
}

#[tokio::test]
async fn a_mirror_down_stays_inside_the_allowed_directories() {
    let fixture: Fixture<Sshd> = Fixture::rooted().await;
    plant(&fixture.there("tree"), &[("file", "f")]);
    plant(&fixture.here("inside/copy"), &[("old", "o")]);
    plant(&fixture.here("outside"), &[("old", "o")]);
    symlink(fixture.here("outside"), fixture.here("inside/link")).unwrap();
    for (local, is_allowed) in [
        ("root/copy", true),
        ("root/link", false),
        ("outside", false),
    ] {
        let mut arguments =
            fixture.arguments("download", &fixture.local(local), &fixture.remote("tree"));
        arguments["mirror"] = json!(true);
        let mirrored = fixture.client.call("task_transfer", arguments).await;
        assert_eq!(
            !mirrored.is_error(),
            is_allowed,
            "{local}: {}",
            mirrored.text()
        );
    }
    assert_eq!(found(&fixture.here("inside/copy")), ["file"]);
    assert_eq!(found(&fixture.here("outside")), ["old"]);
}
