//! Uploads under the policy: a target is judged as a redirection to it would be.

use std::os::unix::fs::symlink;
use std::path::Path;

use serde_json::{Value, json};

use crate::helper::{Answer, Fixture, assert_has, closed_port, login, text};

/// A server with a protected directory, and rules of the test's own.
async fn protected() -> Fixture {
    let fixture = Fixture::start().await;
    std::fs::create_dir(fixture.there("protected")).unwrap();
    let protected = real(&fixture, "protected");
    rules(
        &fixture,
        &json!({"blocklist": [format!("* >{protected}/**"), "* >/**/cron.d/*"]}),
    );
    fixture
}

fn rules(fixture: &Fixture, rules: &Value) {
    std::fs::write(fixture.data.path().join("policies.json"), rules.to_string()).unwrap();
}

/// A path on the server with no link in it.
fn real(fixture: &Fixture, name: &str) -> String {
    let home = fixture.server.directory.path().canonicalize().unwrap();
    text(&home.join(name))
}

fn make(fixture: &Fixture, names: &[&str]) {
    for name in names {
        let path = fixture.here(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, "sent\n").unwrap();
    }
}

async fn upload(fixture: &Fixture, local: &str, remote: &str) -> Answer {
    fixture.transfer_all("upload", &[(local, remote)]).await
}

fn is_untouched(fixture: &Fixture) -> bool {
    std::fs::read_dir(fixture.there("protected"))
        .unwrap()
        .count()
        == 0
}

#[tokio::test]
async fn the_default_rules_hold_before_anything_is_reached() {
    let fixture = Fixture::embedded().await;
    for name in ["passwd", "shadow", "sda"] {
        std::fs::write(fixture.local(name), "x").unwrap();
    }
    // Nobody listens there.
    fixture.client.register(login("gone", closed_port())).await;
    for (local, remote, rule) in [
        ("passwd", "/etc/passwd", "* >@accounts"),
        ("passwd", "/etc/", "* >@accounts"),
        ("shadow", "/etc/../etc//shadow", "* >@accounts"),
        ("passwd", "/etc/sudoers", "* >@accounts"),
        ("sda", "/dev/sda", "* >@disk"),
        ("sda", "/dev/disk/by-id/x", "* >@disk"),
    ] {
        let local = fixture.local(local);
        let one = json!({"alias": "gone", "direction": "upload", "local": local, "remote": remote});
        let files = json!([{"local": local, "remote": remote}]);
        let several = json!({"alias": "gone", "direction": "upload", "files": files});
        for (tool, arguments) in [("task_transfer", one), ("task_transfer_multi", several)] {
            let error = fixture
                .client
                .call(tool, arguments)
                .await
                .error("POLICY_BLOCKED");
            let details = &error["details"];
            assert_eq!(details["rule"], rule, "{error}");
            assert!(
                details["part"].as_str().unwrap().starts_with(">/"),
                "{error}"
            );
            assert!(!details["hint"].as_str().unwrap().is_empty());
        }
    }
    // A server's own directory decides the rest: `/etc` is one.
    let local = fixture.local("passwd");
    let into = json!({"alias": "web1", "direction": "upload", "local": local, "remote": "/etc"});
    let error = fixture
        .client
        .call("task_transfer", into)
        .await
        .error("POLICY_BLOCKED");
    assert_eq!(error["details"]["part"], ">/etc/passwd");
}

#[tokio::test]
async fn every_way_to_a_protected_place_is_refused() {
    let fixture = protected().await;
    make(&fixture, &["file", "tree/file", "tree/sub/file"]);
    symlink("file", fixture.files.path().join("alias")).unwrap();
    let home = fixture.server.home("");
    symlink("protected", fixture.server.home("way")).unwrap();
    symlink("protected/file", fixture.server.home("named")).unwrap();
    std::fs::create_dir(fixture.server.home("dir")).unwrap();
    for (local, remote) in [
        ("file", "protected/file"),
        ("file", "protected/"),
        ("file", "protected"),
        ("file", "protected/new/deep/file"),
        ("file", "dir/../protected/file"),
        ("file", "protected/../way/file"),
        ("file", "way/file"),
        ("file", "way"),
        ("file", "way/new/file"),
        ("tree", "protected"),
        ("tree", "protected/new"),
        ("tree", "way/new"),
        ("tree/*", "way/"),
        ("tree/**", "protected/x"),
        ("file", "dir/cron.d/job"),
    ] {
        let error = upload(&fixture, local, &format!("{home}{remote}"))
            .await
            .error("POLICY_BLOCKED");
        let rule = error["details"]["rule"].as_str().unwrap();
        assert!(rule.starts_with("* >"), "{remote}: {error}");
        assert!(is_untouched(&fixture), "{local} {remote}");
    }
    // The target of `..` behind a link shows only once the directories before it have been made.
    std::fs::create_dir(fixture.server.home("protected/sub")).unwrap();
    symlink("protected/sub", fixture.server.home("deep")).unwrap();
    for (local, remote) in [
        ("file", "deep/new/../../file"),
        ("tree", "deep/other/../.."),
    ] {
        let refused = upload(&fixture, local, &format!("{home}{remote}")).await;
        refused.error("POLICY_BLOCKED");
        assert!(
            !Path::new(&fixture.server.home("protected/file")).exists(),
            "{remote}"
        );
    }
    std::fs::remove_dir_all(fixture.server.home("protected/sub")).unwrap();

    // A link that leads nowhere yet is replaced itself, wherever it would lead.
    upload(&fixture, "file", &format!("{home}named")).await.ok();
    assert!(is_untouched(&fixture) && !Path::new(&fixture.server.home("named")).is_symlink());

    // One that leads to a protected file is followed, and so refused.
    std::fs::write(fixture.server.home("protected/file"), "theirs\n").unwrap();
    std::fs::remove_file(fixture.server.home("named")).unwrap();
    symlink("protected/file", fixture.server.home("named")).unwrap();
    upload(&fixture, "file", &format!("{home}named"))
        .await
        .error("POLICY_BLOCKED");
    let theirs = std::fs::read_to_string(fixture.server.home("protected/file")).unwrap();
    assert_eq!(theirs, "theirs\n");
    assert!(
        !Path::new(&fixture.server.home("dir/cron.d")).exists(),
        "not even its directory"
    );
}

#[tokio::test]
async fn in_a_tree_what_is_refused_fails_by_itself() {
    let fixture = protected().await;
    make(
        &fixture,
        &[
            "tree/protected/a",
            "tree/protected/b",
            "tree/other/c",
            "tree/cron.d/job",
        ],
    );
    symlink("/nowhere", fixture.files.path().join("tree/cron.d/link")).unwrap();
    let target = real(&fixture, "");
    let sent = upload(&fixture, "tree", &target).await.ok();
    let facts = sent.facts();
    assert_has(facts, &json!({"status": "partial", "filesDone": 1}));
    let failed = facts["failedFiles"].as_array().unwrap();
    assert_eq!(failed.len(), 4, "{failed:?}");
    for failed in failed {
        let reason = failed["error"].as_str().unwrap();
        assert!(
            reason.contains("the policy refuses `>") && reason.contains("the rule `* >"),
            "{reason}"
        );
    }
    assert!(is_untouched(&fixture));
    assert!(Path::new(&fixture.server.home("other/c")).exists());
    assert!(!Path::new(&fixture.server.home("cron.d/link")).is_symlink());

    // A transfer that fails for another reason as well is no refusal of the policy alone.
    let missing = fixture
        .transfer_all(
            "upload",
            &[
                ("tree/protected/a", &format!("{target}protected/x")),
                ("none", &format!("{target}x")),
            ],
        )
        .await;
    missing.error("TRANSFER_FAILED");
}

#[tokio::test]
async fn a_directory_link_that_is_gone_through_is_judged_where_it_leads() {
    let fixture = protected().await;
    make(&fixture, &["tree/way/a", "tree/way/deep/b", "tree/free/c"]);
    std::fs::create_dir(fixture.server.home("app")).unwrap();
    symlink("../protected", fixture.server.home("app/way")).unwrap();
    let arguments = json!({
        "alias": "web1", "direction": "upload", "followDirectoryLinks": true,
        "local": text(&fixture.files.path().join("tree")), "remote": fixture.server.home("app"),
    });
    let sent = fixture.client.call("task_transfer", arguments).await.ok();
    sent.has(&json!({"status": "partial", "filesDone": 1}));
    for name in ["a", "deep/b"] {
        assert!(
            !Path::new(&fixture.server.home("protected"))
                .join(name)
                .exists()
        );
    }
}

#[tokio::test]
async fn a_retry_heeds_the_rules_of_its_time() {
    let fixture = protected().await;
    make(&fixture, &["tree/file"]);
    rules(&fixture, &json!({"blocklist": []}));
    std::fs::create_dir_all(fixture.server.home("app/file")).unwrap();
    let failed = upload(&fixture, "tree", &fixture.server.home("app")).await;
    let id = json!({"id": failed.facts()["id"]});
    std::fs::remove_dir(fixture.server.home("app/file")).unwrap();
    rules(
        &fixture,
        &json!({"blocklist": [format!("* >{}", real(&fixture, "app/file"))]}),
    );
    fixture
        .client
        .call("task_retry", id)
        .await
        .error("POLICY_BLOCKED");
    assert!(!Path::new(&fixture.server.home("app/file")).exists());
}

#[tokio::test]
async fn the_home_directory_goes_by_each_of_its_names() {
    let fixture = Fixture::embedded().await;
    std::fs::create_dir_all(fixture.local("ssh")).unwrap();
    std::fs::write(fixture.local("ssh/keys"), "x").unwrap();
    let rules = json!({"blocklist": ["* >~/.ssh/**"]});
    std::fs::write(fixture.data.path().join("policies.json"), rules.to_string()).unwrap();
    std::fs::create_dir(fixture.remote(".ssh")).unwrap();
    symlink(".ssh", fixture.remote("way")).unwrap();
    for (local, remote) in [
        ("ssh/keys", "~/.ssh/keys".to_owned()),
        ("ssh/keys", "$HOME/.ssh/".to_owned()),
        ("ssh/keys", ".ssh".to_owned()),
        ("ssh/keys", ".ssh/keys".to_owned()),
        ("ssh/keys", "./x/../.ssh/keys".to_owned()),
        ("ssh/keys", "way/keys".to_owned()),
        ("ssh/keys", fixture.remote(".ssh/keys")),
        ("ssh", "~/.ssh".to_owned()),
        ("ssh", fixture.remote("way/new")),
    ] {
        let arguments = json!({"alias": "web1", "direction": "upload", "local": fixture.local(local), "remote": remote});
        let error = fixture
            .client
            .call("task_transfer", arguments)
            .await
            .error("POLICY_BLOCKED");
        assert_eq!(error["details"]["rule"], "* >~/.ssh/**", "{remote}");
    }
    assert_eq!(
        std::fs::read_dir(fixture.remote(".ssh")).unwrap().count(),
        0
    );
}

#[tokio::test]
async fn under_an_allow_list_an_upload_needs_a_rule_for_its_target() {
    let fixture = protected().await;
    make(&fixture, &["file", "tree/a", "tree/sub/b"]);
    let app = real(&fixture, "app");
    rules(
        &fixture,
        &json!({"allowlist": ["ls *", format!("* >{app}/**")]}),
    );
    let refused = upload(&fixture, "file", &real(&fixture, "file")).await;
    let error = refused.error("POLICY_BLOCKED");
    let hint = error["details"]["hint"].as_str().unwrap();
    assert!(hint.contains("* >/srv/app/**"), "{error}");
    assert!(error["details"]["rule"].is_null());
    assert!(!Path::new(&real(&fixture, "file")).exists());
    upload(&fixture, "file", &format!("{app}/file")).await.ok();
    let tree = upload(&fixture, "tree", &app).await.ok();
    assert_eq!(tree.facts()["status"], "completed", "{}", tree.text());
    upload(&fixture, "tree", &real(&fixture, "other"))
        .await
        .error("POLICY_BLOCKED");
    assert!(!Path::new(&real(&fixture, "other")).exists());
    // A download writes nothing on the server.
    let down = json!({
        "alias": "web1", "direction": "download", "local": text(&fixture.files.path().join("got")), "remote": app,
    });
    fixture.client.call("task_transfer", down).await.ok();
}
