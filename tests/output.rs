//! `task_output`: the whole of what a task printed, while it runs and after.

use std::os::unix::fs::PermissionsExt;

use serde_json::{Value, json};

use crate::helper::{
    Client, Fixture, Sshd, assert_has, directory, eventually, eventually_so, numbers,
};

async fn output(client: &Client, arguments: Value) -> Value {
    client
        .call("task_output", arguments)
        .await
        .ok()
        .facts()
        .clone()
}

#[tokio::test]
async fn the_whole_output_is_read_in_pages() {
    let fixture = Fixture::embedded().await;
    let long = fixture.exec("seq 1 100000; echo oops >&2").await.ok();
    let id = &long.facts()["id"];
    assert!(
        long.text()
            .contains(" bytes left out: task_output {\"id\":\""),
        "{}",
        long.text()
    );
    assert_eq!(long.facts()["outputBytes"], 588_895);
    let (mut whole, mut offset) = (String::new(), 0);
    loop {
        let page = output(
            &fixture.client,
            json!({"id": id, "offset": offset, "limit": 100_000}),
        )
        .await;
        whole.push_str(page["text"].as_str().unwrap());
        offset = page["nextOffset"].as_u64().unwrap();
        if page["atEnd"] == true {
            break;
        }
    }
    let expected = numbers(100_000);
    assert_eq!(whole, expected);

    let tail = output(&fixture.client, json!({"id": id, "tail": 2})).await;
    assert_eq!(tail["text"], "99999\n100000\n");
    let grep = output(
        &fixture.client,
        json!({"id": id, "grep": "^5000.$", "limit": 30}),
    )
    .await;
    assert_eq!(grep["text"], "50000\n50001\n50002\n50003\n50004\n");
    let more = json!({"id": id, "grep": "^5000.$", "offset": grep["nextOffset"]});
    assert_eq!(
        output(&fixture.client, more).await["text"],
        "50005\n50006\n50007\n50008\n50009\n"
    );
    let stderr = output(&fixture.client, json!({"id": id, "stream": "stderr"})).await;
    assert_has(&stderr, &json!({"text": "oops", "atEnd": true}));

    let folder = fixture.data.path().join("output");
    let file = folder.join(format!("{}.stdout", id.as_str().unwrap()));
    assert_eq!(
        std::fs::metadata(&folder).unwrap().permissions().mode() & 0o777,
        0o700
    );
    assert_eq!(
        std::fs::metadata(file).unwrap().permissions().mode() & 0o777,
        0o600
    );
}

#[tokio::test]
async fn a_running_task_s_output_is_seen_by_every_process() {
    let (sshd, data) = (Sshd::start(), directory());
    let here = Client::spawned(data.path(), &[]).await;
    let there = Client::spawned(data.path(), &[]).await;
    here.register(sshd.login("web1")).await;
    let go = sshd.home("go");
    let cmd = format!("echo first; until [ -e {go} ]; do sleep 0.1; done; echo last");
    let arguments = json!({"alias": "web1", "cmd": cmd, "background": true, "detach": false});
    let handed = here.call("task_exec", arguments).await.ok();
    let id = &handed.facts()["id"];
    for client in [&here, &there] {
        let first = async || output(client, json!({"id": id})).await["text"] == "first\n";
        eventually_so("the first line is there", first).await;
        let page = output(client, json!({"id": id})).await;
        assert_has(&page, &json!({"status": "running", "atEnd": false}));
    }
    std::fs::write(go, "").unwrap();
    here.wait(id).await.ok();
    assert_eq!(
        output(&there, json!({"id": id, "offset": 6})).await["text"],
        "last\n"
    );
}

#[tokio::test]
async fn what_is_dropped_is_said() {
    let fixture = Fixture::embedded_with(|config| {
        config.max_output = 100_000;
        config.max_output_total = 150_000;
    })
    .await;
    let first = fixture.exec("seq 1 100000").await.ok().facts()["id"].clone();
    let page = output(&fixture.client, json!({"id": first, "offset": 99_990})).await;
    assert_has(&page, &json!({"length": 100_000, "printed": 588_895}));
    assert!(
        page["note"].as_str().unwrap().contains("MAX_OUTPUT_SIZE"),
        "{page}"
    );

    let second = fixture.exec("seq 1 100000").await.ok().facts()["id"].clone();
    let file = fixture
        .data
        .path()
        .join("output")
        .join(format!("{}.stdout", first.as_str().unwrap()));
    eventually("the older output goes", || !file.exists()).await;
    let page = output(&fixture.client, json!({"id": first, "tail": 1})).await;
    assert_eq!(page["text"], "100000");
    assert!(
        page["note"].as_str().unwrap().contains("MAX_OUTPUT_TOTAL"),
        "{page}"
    );
    let page = output(&fixture.client, json!({"id": second})).await;
    assert_eq!(page["length"], 100_000);
}

#[tokio::test]
async fn a_long_output_keeps_its_first_and_its_last_half_and_says_what_is_missing() {
    let fixture = Fixture::embedded_with(|config| config.max_output = 100_000).await;
    let go = fixture.remote("go");
    let cmd =
        format!("seq 1 50000; until [ -e {go} ]; do sleep 0.1; done; seq 50001 100000; echo last");
    let id = fixture.background(&cmd).await.facts()["id"].clone();
    let all = format!("{}last\n", numbers(100_000));
    let read = async |more: Value| {
        let mut arguments = json!({"id": id});
        arguments
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        output(&fixture.client, arguments).await
    };
    // While it runs, and after.
    eventually_so("what it has printed so far is there", async || {
        read(json!({"tail": 1})).await["text"] == "50000\n"
    })
    .await;
    let head = read(json!({"limit": 70_000})).await;
    assert!(
        head["text"].as_str().unwrap().starts_with(&all[..50_000]),
        "{head}"
    );
    std::fs::write(&go, "").unwrap();
    let ended = fixture.client.wait(&id).await.ok();
    let lost = all.len() - 100_000;
    let said = format!(" bytes left out, {lost} of them kept nowhere: task_output {{");
    for answer in [&ended, &fixture.client.wait(&id).await.ok()] {
        assert!(answer.text().contains(&said), "{}", answer.text());
        assert!(answer.text().ends_with("100000\nlast"), "{}", answer.text());
    }
    assert_eq!(read(json!({"tail": 1})).await["text"], "last\n");
    let (head, end) = (&all[..50_000], &all[all.len() - 50_000..]);
    let (mut text, mut offset) = (String::new(), json!(0));
    loop {
        let page = read(json!({"offset": offset, "limit": 7000})).await;
        text.push_str(page["text"].as_str().unwrap());
        assert_has(&page, &json!({"length": 100_000, "printed": all.len()}));
        assert!(
            page["note"].as_str().unwrap().contains("MAX_OUTPUT_SIZE"),
            "{page}"
        );
        offset = page["nextOffset"].clone();
        if page["atEnd"] == true {
            break;
        }
    }
    assert_eq!(
        text,
        format!("{head}\n[… {lost} bytes were not kept …]\n{end}")
    );
    let found = read(json!({"grep": "^(5|99999|last)$"})).await;
    assert_eq!(found["text"], "5\n99999\nlast\n");
    let found = read(json!({"grep": "9$", "tail": 1})).await;
    assert_eq!(found["text"], "99999\n");
    let within = read(json!({"offset": 60_000, "limit": 10})).await;
    assert_eq!(within["offset"], all.len() - 50_000);
}

#[tokio::test]
async fn a_detached_command_s_long_output_keeps_both_halves_as_well() {
    let (sshd, data) = (Sshd::start(), directory());
    let client = Client::in_process(data.path(), |config| config.max_output = 2_000_000).await;
    client.register(sshd.login("web1")).await;
    let arguments = json!({"alias": "web1", "cmd": "seq 1 2000000", "detach": true});
    let id = client.call("task_exec", arguments).await.ok().facts()["id"].clone();
    let ended = client.wait(&id).await.ok();
    assert!(
        ended
            .text()
            .contains("12888896 of them kept nowhere: task_output {"),
        "{}",
        ended.text()
    );
    let page = output(&client, json!({"id": id, "tail": 1})).await;
    assert_has(&page, &json!({"text": "2000000\n", "length": 2_000_000}));
    let page = output(&client, json!({"id": id, "grep": "^1900000$"})).await;
    assert_eq!(page["text"], "1900000\n");
}

#[tokio::test]
async fn arguments_that_make_no_sense_are_refused() {
    let fixture = Fixture::embedded().await;
    let id = fixture.exec("true").await.ok().facts()["id"].clone();
    let unknown = json!({"id": "00000000"});
    fixture
        .client
        .call("task_output", unknown)
        .await
        .error("UNKNOWN_TASK");
    for arguments in [
        json!({"id": id, "grep": "("}),
        json!({"id": id, "stream": "both"}),
        json!({"id": id, "tail": -1}),
    ] {
        fixture
            .client
            .call("task_output", arguments)
            .await
            .error("INVALID_ARGUMENT");
    }
}
