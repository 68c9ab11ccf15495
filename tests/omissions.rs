//! What an answer says of a transfer: what was matched and not taken, where things went, what was verified.

use std::path::Path;

use serde_json::{Value, json};

use crate::helper::{Answer, Stage, text};

async fn several(stage: &Stage, direction: &str, pairs: &[(String, String)]) -> Answer {
    let pair = |(local, remote): &(String, String)| json!({"local": local, "remote": remote});
    let files: Vec<_> = pairs.iter().map(pair).collect();
    let arguments = json!({"alias": "web1", "direction": direction, "files": files});
    stage.client.call("task_transfer_multi", arguments).await
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
    let stage = Stage::set().await;
    make(&stage.local("app"), &APP);
    make(&stage.remote("app"), &APP);
    for (direction, source) in [
        ("upload", stage.local("app")),
        ("download", stage.remote("app")),
    ] {
        let pair = |pattern: &str, target: &str| {
            let from = format!("{source}/{pattern}");
            match direction {
                "upload" => (from, stage.remote(target)),
                _ => (stage.local(target), from),
            }
        };
        let some = several(&stage, direction, &[pair("*", "some/")]).await.ok();
        assert_eq!(
            (&some.facts()["status"], &some.facts()["filesDone"]),
            (&json!("completed"), &json!(2))
        );
        assert_eq!(
            notes(&some),
            [format!(
                "Note: `{source}/*` also matches 2 directories (`doc`, `src`) and 2 hidden names (`.env`, `.git`), which were not taken: \
                 directories are taken with `{source}/**`, hidden names with `{source}/.*`"
            )]
        );
        // The advice is true.
        let all = [pair("**", "all/"), pair(".*", "all/")];
        let all = several(&stage, direction, &all).await.ok();
        assert_eq!(all.facts()["filesDone"], 5, "{}", all.text());
        let whole = several(&stage, direction, &[pair("", "whole")]).await.ok();
        assert_eq!(whole.facts()["filesDone"], 6);
        assert_eq!(notes(&whole), [""; 0]);
    }
}

#[tokio::test]
async fn what_another_entry_takes_is_not_missing() {
    let stage = Stage::set().await;
    make(&stage.local("app"), &["a", ".env", "src/main"]);
    let pair =
        |name: &str, target: &str| (stage.local(&format!("app/{name}")), stage.remote(target));
    let pairs = [
        pair("*", "got/"),
        pair(".env", "got/"),
        pair("src", "got/src"),
    ];
    let all = several(&stage, "upload", &pairs).await.ok();
    assert_eq!(all.facts()["filesDone"], 3, "{}", all.text());
    assert_eq!(notes(&all), [""; 0], "{}", all.text());
    // The same file twice is copied once.
    let twice = [pair("*", "got/"), pair("a", "got/")];
    let twice = several(&stage, "upload", &twice).await.ok();
    assert_eq!(twice.facts()["filesDone"], 1, "{}", twice.text());
}

#[tokio::test]
async fn a_pattern_that_only_directories_match_says_so() {
    let stage = Stage::set().await;
    make(&stage.local("app"), &["src/main", ".git/config"]);
    std::fs::create_dir_all(stage.local("app/hollow")).unwrap();
    let pair = |name: &str| (stage.local(&format!("app/{name}")), stage.remote("got/"));
    let answer = several(&stage, "upload", &[pair("*")]).await;
    let reason = answer.failed_file();
    assert!(
        reason.starts_with("no file matches; ")
            && reason.contains("2 directories (`hollow`, `src`)"),
        "{reason}"
    );
    let error = several(&stage, "upload", &[pair("*/")])
        .await
        .error("TRANSFER_FAILED");
    assert!(
        error["message"].as_str().unwrap().contains("app/*/**`"),
        "{error}"
    );
    let inside = several(&stage, "upload", &[pair("*/**")]).await.ok();
    assert_eq!(inside.facts()["filesDone"], 1, "{}", inside.text());
    // An empty directory is no file to any pattern.
    let all = several(&stage, "upload", &[pair("**")]).await.ok();
    let told = notes(&all).join("\n");
    assert!(
        told.contains("1 directory (`hollow`)") && told.contains(".git"),
        "{told}"
    );
    assert!(!told.contains("src"), "{told}");
}

#[tokio::test]
async fn two_sources_of_one_target_are_not_both_said_to_be_there() {
    let stage = Stage::set().await;
    make(&stage.local("one"), &["x", "y"]);
    make(&stage.local("two"), &["x"]);
    let pair = |name: &str| (stage.local(name), stage.remote("got/"));
    let both = several(&stage, "upload", &[pair("one/*"), pair("two/*")])
        .await
        .ok();
    let facts = both.facts();
    assert_eq!(
        (&facts["status"], &facts["filesDone"]),
        (&json!("partial"), &json!(2))
    );
    assert_eq!(facts["failedFiles"][0]["file"], stage.local("two/x"));
    let reason = facts["failedFiles"][0]["error"].as_str().unwrap();
    assert!(reason.contains(&stage.local("one/x")), "{reason}");
}

#[tokio::test]
async fn an_answer_says_where_things_are_now() {
    let stage = Stage::set().await;
    make(&stage.local("app"), &["a", "sub/b"]);
    std::fs::create_dir(stage.remote("real")).unwrap();
    std::os::unix::fs::symlink("real", stage.remote("way")).unwrap();
    let home = text(&stage.home.path().canonicalize().unwrap());
    let local = text(&stage.files.path().canonicalize().unwrap());
    let upload = async |from: &str, to: &str| {
        let arguments = json!({"alias": "web1", "direction": "upload", "local": stage.local(from), "remote": to});
        stage.client.call("task_transfer", arguments).await.ok()
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
    std::os::unix::fs::symlink("real/a", stage.remote("named")).unwrap();
    says(&upload("app/a", "named").await, &format!("{home}/real/a"));
    std::os::unix::fs::symlink("nowhere", stage.remote("dangling")).unwrap();
    says(
        &upload("app/a", "dangling").await,
        &format!("{home}/dangling"),
    );
    let arguments = json!({"alias": "web1", "direction": "download", "local": stage.local("back/"), "remote": "x/a"});
    let down = stage.client.call("task_transfer", arguments).await.ok();
    says(&down, &format!("{local}/local/back/a"));

    let pairs = [
        (stage.local("app/*"), "one/".to_owned()),
        (stage.local("none/*"), "two/".to_owned()),
        (stage.local("app/sub"), "three".to_owned()),
    ];
    let both = several(&stage, "upload", &pairs).await.ok();
    let places: Vec<Value> = ["one", "three"]
        .map(|name| format!("{home}/{name}").into())
        .into();
    assert_eq!(
        both.facts()["destinations"],
        json!(places),
        "{}",
        both.text()
    );
}

#[tokio::test]
async fn what_was_verified_is_said() {
    let stage = Stage::set().await;
    make(&stage.local("app"), &["a", "b"]);
    for verify in [true, false] {
        for direction in ["upload", "download"] {
            let arguments = json!({
                "alias": "web1", "direction": direction, "local": stage.local("app"),
                "remote": stage.remote("app"), "verify": verify,
            });
            let moved = stage.client.call("task_transfer", arguments).await.ok();
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
