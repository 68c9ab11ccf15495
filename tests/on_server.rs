//! Work in the background, with which its server goes on whatever becomes of this program.

use std::path::Path;

use serde_json::{Value, json};

use crate::helper::{Answer, BackgroundScene, Client, directory, eventually, is_still};

async fn sequence(scene: &BackgroundScene, work: Value) -> Answer {
    scene.begin("task_exec_sequence", work).await
}

#[tokio::test]
async fn background_work_outlives_this_program_and_says_so() {
    let scene = BackgroundScene::new().await;
    let go = scene.sshd.home("go");
    let cmd = format!("echo begun; until [ -e {go} ]; do sleep 0.1; done; cat; exit 4");
    let begun = scene
        .begin(
            "task_exec",
            json!({"cmd": cmd, "stdin": "data", "env": {"A": "b"}}),
        )
        .await;
    let said = begun.text();
    assert!(
        said.contains("whatever becomes of this connection and program"),
        "{said}"
    );
    assert!(said.contains("tail -f ~/.mcp-sftp-orchestrator/"), "{said}");
    let scene = scene.replace_client().await;
    std::fs::write(&go, "").unwrap();
    let ended = scene.end_of(&begun).await;
    ended.has(&json!({"output": "begun\ndata", "exitCode": 4, "status": "failed"}));
    scene.is_cleared_away().await;
}

#[tokio::test]
async fn work_in_a_channel_says_that_it_ends_with_this_program() {
    let scene = BackgroundScene::new().await;
    let life = "ends with this program";
    for more in [
        json!({"detach": false}),
        json!({"maxLines": 5}),
        json!({"streamTimeout": 60}),
    ] {
        let mut work = json!({"cmd": "sleep 60"});
        work.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        let begun = scene.begin("task_exec", work).await;
        assert!(begun.text().contains(life), "{more}: {}", begun.text());
    }
    let begun = sequence(&scene, json!({"commands": ["sleep 60"], "detach": false})).await;
    assert!(begun.text().contains(life), "{}", begun.text());
    // One that goes to the background by itself.
    let arguments = json!({"alias": "web1", "cmd": "sleep 60"});
    let data = directory();
    let client = Client::spawned(data.path(), &["--sync-timeout=1"]).await;
    client.register(scene.sshd.login("web1")).await;
    let handed = client.call("task_exec", arguments).await.ok();
    assert!(handed.text().contains(life), "{}", handed.text());
}

#[tokio::test]
async fn where_a_server_has_no_shell_it_runs_in_the_channel_and_that_is_said() {
    let scene = BackgroundScene::new().await;
    let mut plain = scene.sshd.login("web1");
    plain["plain"] = json!(true);
    scene.client.register(plain).await;
    let begun = scene
        .begin("task_exec", json!({"cmd": "sleep 1; echo over"}))
        .await;
    let said = begun.text();
    assert!(
        said.contains("cannot run it detached (it was added with plain: true"),
        "{said}"
    );
    let ended = scene.end_of(&begun).await;
    ended.has(&json!({"output": "over", "status": "completed"}));
    let refused = json!({"alias": "web1", "cmd": "touch begun", "detach": true});
    scene
        .client
        .call("task_exec", refused)
        .await
        .error("DETACH_FAILED");
    assert!(!Path::new(&scene.sshd.home("begun")).exists());

    // Nor where its home cannot be written: there both a command and a sequence run once.
    scene.client.register(scene.sshd.login("web1")).await;
    std::fs::write(scene.sshd.home(".mcp-sftp-orchestrator"), "in the way").unwrap();
    let lines = scene.sshd.home("lines");
    let begun = scene
        .begin("task_exec", json!({"cmd": format!("echo one >>{lines}")}))
        .await;
    scene
        .end_of(&begun)
        .await
        .has(&json!({"status": "completed"}));
    let begun = sequence(
        &scene,
        json!({"commands": [format!("echo two >>{lines}"), "echo $0"]}),
    )
    .await;
    scene
        .end_of(&begun)
        .await
        .has(&json!({"status": "completed"}));
    assert_eq!(std::fs::read_to_string(lines).unwrap(), "one\ntwo\n");
    let lost = scene.begin("task_exec", json!({"cmd": "sleep 60"})).await;
    let scene = scene.replace_client().await;
    let lost = json!({"id": lost.facts()["id"]});
    let lost = scene.client.call("task_status", lost).await.ok();
    lost.has(&json!({"status": "crashed"}));
}

#[tokio::test]
async fn a_sequence_goes_on_in_one_shell_without_this_program() {
    let scene = BackgroundScene::new().await;
    let mut login = scene.sshd.login("web1");
    login["sudoPassword"] = json!("hunter2hunter2");
    scene.client.register(login).await;
    let (begun, go) = (scene.sshd.home("begun"), scene.sshd.home("go"));
    let commands = json!([
        "cd /usr/share; export COLOUR=red; X=\"it's\"",
        format!("touch {begun}; until [ -e {go} ]; do sleep 0.1; done; echo \"$X $COLOUR\"; pwd; echo bad >&2"),
        {"command": "cat; echo \"$SECRET_ONE\"", "stdin": "in\n", "env": {"SECRET_ONE": {"secret": "server:web1/sudoPassword"}}},
        "seq 1 100000; printf open",
        "exit 3",
        "echo never",
    ]);
    let handed = sequence(&scene, json!({"commands": commands})).await;
    assert!(
        handed.text().contains("goes on detached"),
        "{}",
        handed.text()
    );
    eventually("the second step runs", || Path::new(&begun).exists()).await;
    let status = json!({"id": handed.facts()["id"]});
    let status = scene
        .client
        .call("task_wait", json!({"id": status["id"], "timeout": 1}))
        .await
        .ok();
    assert!(status.text().contains("at step 2"), "{}", status.text());
    let scene = scene.replace_client().await;
    std::fs::write(&go, "").unwrap();
    let ended = scene.end_of(&handed).await;
    ended.has(&json!({"status": "failed", "exitCode": 3, "error": "step 5 of 6: Exit code: 3"}));
    let facts = ended.facts();
    let results = facts["results"].as_array().unwrap();
    assert_eq!(results.len(), 5, "{facts}");
    assert_eq!(
        (&results[1]["output"], &results[1]["stderr"]),
        (&json!("it's red\n/usr/share"), &json!("bad"))
    );
    assert_eq!(results[2]["output"], "in\n**************", "{}", results[2]);
    assert_eq!(results[3]["lineCount"], 100_001, "{}", results[3]);
    let output = results[3]["output"].as_str().unwrap();
    assert!(
        output.starts_with("1\n2\n") && output.ends_with("100000\nopen"),
        "{output}"
    );
    assert_eq!(results[4]["exitCode"], 3);
    let held = std::fs::read_to_string(scene.data.path().join("queue.json")).unwrap();
    assert!(!held.contains("hunter2"), "{held}");
    scene.is_cleared_away().await;
}

#[tokio::test]
async fn a_step_that_fails_or_takes_too_long_may_be_followed_by_the_next() {
    let scene = BackgroundScene::new().await;
    let alive = scene.sshd.home("alive");
    let commands = json!([
        "cd /usr/share",
        "(exit 7)",
        {"command": format!("(while :; do date +%N >{alive}; sleep 0.1; done) & sleep 60"), "timeout": 1},
        "pwd",
        "exit 5",
        {"command": "pwd; false", "continueOnError": false},
        "echo never",
    ]);
    let begun = sequence(
        &scene,
        json!({"commands": commands, "continueOnError": true}),
    )
    .await;
    let ended = scene.end_of(&begun).await;
    let facts = ended.facts();
    let results = facts["results"].as_array().unwrap();
    let codes: Vec<_> = results.iter().map(|result| &result["exitCode"]).collect();
    assert_eq!(
        codes,
        [
            &json!(0),
            &json!(7),
            &Value::Null,
            &json!(0),
            &json!(5),
            &json!(1)
        ],
        "{facts}"
    );
    let late = results[2]["error"].as_str().unwrap();
    assert!(late.contains("ran past its timeout"), "{late}");
    assert_eq!(
        (&results[3]["output"], &results[5]["output"]),
        (&json!("/usr/share"), &json!("/usr/share"))
    );
    assert_eq!(facts["error"], "step 6 of 7: Exit code: 1");
    assert!(is_still(&alive).await, "it was stopped");
    // A step whose time is up is an error of the call, as in a channel.
    let begun = sequence(
        &scene,
        json!({"commands": ["echo first", "sleep 60"], "timeout": 1}),
    )
    .await;
    let error = scene
        .client
        .wait(&begun.facts()["id"])
        .await
        .error("COMMAND_TIMEOUT");
    assert!(
        error["message"].as_str().unwrap().contains("step 2 of 2"),
        "{error}"
    );
    // It can be run once more.
    let again = json!({"id": begun.facts()["id"]});
    let again = scene.client.call("task_retry", again).await;
    again.error("COMMAND_TIMEOUT");
}

#[tokio::test]
async fn a_sequence_on_its_server_is_stopped_truly() {
    let scene = BackgroundScene::new().await;
    let (alive, never) = (scene.sshd.home("alive"), scene.sshd.home("never"));
    let commands = json!([
        "trap '' TERM",
        format!("timeout 600 sh -c 'while :; do date +%N >{alive}; sleep 0.1; done'"),
        format!("touch {never}"),
    ]);
    let begun = sequence(
        &scene,
        json!({"commands": commands, "continueOnError": true}),
    )
    .await;
    eventually("it runs", || Path::new(&alive).exists()).await;
    let scene = scene.replace_client().await;
    let cancelled = scene
        .client
        .call("task_cancel", json!({"id": begun.facts()["id"]}))
        .await
        .ok();
    cancelled.has(&json!({"status": "cancelled", "process": "stopped"}));
    assert_eq!(
        cancelled.facts()["results"][0]["success"],
        true,
        "{}",
        cancelled.facts()
    );
    assert!(is_still(&alive).await, "it goes on");
    assert!(!Path::new(&never).exists());
    scene.is_cleared_away().await;
}
