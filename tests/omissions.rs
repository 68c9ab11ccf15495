//! A transfer's answer: files that were matched and not taken, the paths of the others, what was verified.

use std::path::Path;

use serde_json::{Value, json};

use crate::helper::{Answer, EmbeddedHost, Fixture, assert_has, text};

async fn several(
    fixture: &Fixture<EmbeddedHost>,
    direction: &str,
    pairs: &[(String, String)],
) -> Answer {
    let pair = |(local, remote): &(String, String)| json!({"local": local, "remote": remote});
    let files: Vec<_> = pairs.iter().map(pair).collect();
    let arguments = json!({"alias": "web1", "direction": direction, "files": files});
    fixture.client.call("task_transfer_multi", arguments).await
}

fn make(root: &str, names: &[&str]) {
    for name in names {
        let path = Path::new(root).join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, *name).unwrap();
    }
}

fn notes(answer: &Answer) -> Vec<&str> {
    let lines = answer.text().lines();
    lines.filter(|line| line.starts_with("Note: ")).collect()
}

const APP: [&str; 6] = ["a", "b", ".env", ".git/config", "src/main", "doc/index"];

#[tokio::test]
async fn what_a_pattern_matches_and_leaves_is_said_both_ways() {
    let fixture = Fixture::embedded().await;
    make(&fixture.local("app"), &APP);
    make(&fixture.remote("app"), &APP);
    for (direction, source) in [
        ("upload", fixture.local("app")),
        ("download", fixture.remote("app")),
    ] {
        let pair = |pattern: &str, target: &str| {
            let from = format!("{source}/{pattern}");
            match direction {
                "upload" => (from, fixture.remote(target)),
                _ => (fixture.local(target), from),
            }
        };
        let some = several(&fixture, direction, &[pair("*", "some/")])
            .await
            .ok();
        some.has(&json!({"status": "completed", "filesDone": 2}));
        assert_eq!(
            notes(&some),
            [format!(
                "Note: `{source}/*` also matches 2 directories (`doc`, `src`) and 2 hidden names (`.env`, `.git`), which were not taken: \
                 directories are taken with `{source}/**`, hidden names with `{source}/.*`"
            )]
        );
        // The advice is true.
        let all = [pair("**", "all/"), pair(".*", "all/")];
        let all = several(&fixture, direction, &all).await.ok();
        assert_eq!(all.facts()["filesDone"], 5, "{}", all.text());
        let whole = several(&fixture, direction, &[pair("", "whole")])
            .await
            .ok();
        assert_eq!(whole.facts()["filesDone"], 6);
        assert_eq!(notes(&whole), [""; 0]);
    }
}

#[tokio::test]
async fn what_another_entry_takes_is_not_missing() {
    let fixture = Fixture::embedded().await;
    make(&fixture.local("app"), &["a", ".env", "src/main"]);
    let pair = |name: &str, target: &str| {
        (
            fixture.local(&format!("app/{name}")),
            fixture.remote(target),
        )
    };
    let pairs = [
        pair("*", "got/"),
        pair(".env", "got/"),
        pair("src", "got/src"),
    ];
    let all = several(&fixture, "upload", &pairs).await.ok();
    assert_eq!(all.facts()["filesDone"], 3, "{}", all.text());
    assert_eq!(notes(&all), [""; 0], "{}", all.text());
    // The same file twice is copied once.
    let twice = [pair("*", "got/"), pair("a", "got/")];
    let twice = several(&fixture, "upload", &twice).await.ok();
    assert_eq!(twice.facts()["filesDone"], 1, "{}", twice.text());
}

#[tokio::test]
async fn a_pattern_that_only_directories_match_says_so() {
    let fixture = Fixture::embedded().await;
    make(&fixture.local("app"), &["src/main", ".git/config"]);
    std::fs::create_dir_all(fixture.local("app/hollow")).unwrap();
    let pair = |name: &str| {
        (
            fixture.local(&format!("app/{name}")),
            fixture.remote("got/"),
        )
    };
    let answer = several(&fixture, "upload", &[pair("*")]).await;
    let reason = answer.failed_file();
    assert!(
        reason.starts_with("no file matches; ")
            && reason.contains("2 directories (`hollow`, `src`)"),
        "{reason}"
    );
    let error = several(&fixture, "upload", &[pair("*/")])
        .await
        .error("TRANSFER_FAILED");
    assert!(error.to_string().contains("app/*/**`"), "{error}");
    let inside = several(&fixture, "upload", &[pair("*/**")]).await.ok();
    assert_eq!(inside.facts()["filesDone"], 1, "{}", inside.text());
    // An empty directory is no file to any pattern.
    let all = several(&fixture, "upload", &[pair("**")]).await.ok();
    let told = notes(&all).join("\n");
    assert!(
        told.contains("1 directory (`hollow`)") && told.contains(".git"),
        "{told}"
    );
    assert!(!told.contains("src"), "{told}");
}

#[tokio::test]
async fn two_sources_of_one_target_are_not_both_said_to_be_there() {
    let fixture = Fixture::embedded().await;
    make(&fixture.local("one"), &["x", "y"]);
    make(&fixture.local("two"), &["x"]);
    let pair = |name: &str| (fixture.local(name), fixture.remote("got/"));
    let both = several(&fixture, "upload", &[pair("one/*"), pair("two/*")])
        .await
        .ok();
    let facts = both.facts();
    assert_has(facts, &json!({"status": "partial", "filesDone": 2}));
    assert_eq!(facts["failedFiles"][0]["file"], fixture.local("two/x"));
    let reason = facts["failedFiles"][0]["error"].as_str().unwrap();
    assert!(reason.contains(&fixture.local("one/x")), "{reason}");
}

#[tokio::test]
async fn an_answer_says_where_things_are_now() {
    let fixture = Fixture::embedded().await;
    make(&fixture.local("app"), &["a", "sub/b"]);
    std::fs::create_dir(fixture.remote("real")).unwrap();
    std::os::unix::fs::symlink("real", fixture.remote("way")).unwrap();
    let home = text(&fixture.server.home.path().canonicalize().unwrap());
    let local = text(&fixture.files.path().canonicalize().unwrap());
    let upload = async |from: &str, to: &str| {
        let arguments = json!({"alias": "web1", "direction": "upload", "local": fixture.local(from), "remote": to});
        fixture.client.call("task_transfer", arguments).await.ok()
    };
    let says = |answer: &Answer, place: &str| {
        assert_eq!(answer.facts()["destinations"], json!([place]));
        let line = format!("now at {place}");
        assert!(
            answer.text().lines().any(|told| told == line),
            "{}",
            answer.text()
        );
    };
    says(&upload("app/a", "~/x/a").await, &format!("{home}/x/a"));
    says(&upload("app/a", "x").await, &format!("{home}/x/a"));
    says(&upload("app/a", "~/way/").await, &format!("{home}/real/a"));
    says(
        &upload("app/a", "~/way/new/name").await,
        &format!("{home}/real/new/name"),
    );
    says(&upload("app", "way/app").await, &format!("{home}/real/app"));
    says(&upload("app", ".").await, &home);
    std::os::unix::fs::symlink("real/a", fixture.remote("named")).unwrap();
    says(&upload("app/a", "named").await, &format!("{home}/real/a"));
    std::os::unix::fs::symlink("nowhere", fixture.remote("dangling")).unwrap();
    says(
        &upload("app/a", "dangling").await,
        &format!("{home}/dangling"),
    );
    let arguments = json!({"alias": "web1", "direction": "download", "local": fixture.local("back/"), "remote": "x/a"});
    let down = fixture.client.call("task_transfer", arguments).await.ok();
    says(&down, &format!("{local}/back/a"));

    let pairs = [
        (fixture.local("app/*"), "one/".to_owned()),
        (fixture.local("none/*"), "two/".to_owned()),
        (fixture.local("app/sub"), "three".to_owned()),
    ];
    let both = several(&fixture, "upload", &pairs).await.ok();
    let places: Vec<Value> = ["one", "three"]
        .map(|name| format!("{home}/{name}").into())
        .into();
    both.has(&json!({"destinations": places}));
}

#[tokio::test]
async fn what_was_verified_is_said() {
    let fixture = Fixture::embedded().await;
    make(&fixture.local("app"), &["a", "b"]);
    for verify in [true, false] {
        for direction in ["upload", "download"] {
            let arguments = json!({
                "alias": "web1", "direction": direction, "local": fixture.local("app"),
                "remote": fixture.remote("app"), "verify": verify,
            });
            let moved = fixture.client.call("task_transfer", arguments).await.ok();
            assert_eq!(moved.facts()["status"], "completed");
            assert_eq!(
                moved.facts()["verified"] == true,
                verify,
                "{}",
                moved.facts()
            );
            assert_eq!(
                moved.text().contains(", verified"),
                verify,
                "{}",
                moved.text()
            );
        }
    }
}
