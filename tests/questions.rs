//! Questions of tools that only read, to several servers at once.

use std::fs;

use serde_json::{Value, json};

use crate::helper::{Client, Fault, Fleet, SshServer, Sshd, directory};

/// Two servers that answer, and one that refuses connections.
async fn with_one_unreachable() -> Fleet {
    let fleet = Fleet::of(3).await;
    fleet.hosts[2].set_fault(Fault::HangUp);
    fleet
}

#[tokio::test]
async fn the_ends_of_logs_of_several_servers_are_one_answer() {
    let fleet = Fleet::of(3).await;
    for (path, words) in fleet.paths("app.log").iter().zip(["same", "same", "other"]) {
        fs::write(path, format!("first\n{words} words\n")).unwrap();
    }
    let tail = json!({"alias": "w*", "filepath": "app.log", "lines": 1});
    let answer = fleet.client.call("tail_file", tail).await.ok();
    let text = answer.text();
    assert!(text.starts_with("done on 3 of 3 servers in "), "{text}");
    assert_eq!(text.matches("same words").count(), 1, "{text}");
    assert!(
        text.contains("other words") && !text.contains("first"),
        "{text}"
    );
}

#[tokio::test]
async fn files_of_several_servers_are_read_listed_and_searched_in_one_call() {
    let fleet = Fleet::of(3).await;
    for path in fleet.paths("conf/app.conf") {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "port = 80\nname = app\n").unwrap();
    }
    for (tool, arguments, part) in [
        ("file_read", json!({"path": "conf/app.conf"}), "port = 80"),
        ("file_list", json!({"path": "conf"}), "app.conf"),
        (
            "file_search",
            json!({"path": "conf", "pattern": "^name"}),
            "name = app",
        ),
    ] {
        let mut arguments = arguments;
        arguments["alias"] = json!(["w1", "w2", "w3"]);
        let answer = fleet.client.call(tool, arguments).await.ok();
        let text = answer.text();
        assert!(
            text.starts_with("done on 3 of 3 servers in "),
            "{tool}: {text}"
        );
        assert!(text.contains(part), "{tool}: {text}");
    }
}

#[tokio::test]
async fn servers_that_give_no_answer_are_named_and_the_others_are_shown() {
    let fleet = with_one_unreachable().await;
    let tail = json!({"alias": "all", "filepath": "app.log"});
    for path in fleet.paths("app.log").iter().take(2) {
        fs::write(path, "words\n").unwrap();
    }
    let answer = fleet.client.call("tail_file", tail).await.ok();
    let text = answer.text();
    assert!(
        text.contains("done on 2 of 3 servers, failed on 1"),
        "{text}"
    );
    let (problems, rest) = text.split_once("words").expect("the log is shown");
    assert!(problems.contains("w3") && !rest.contains("w3"), "{text}");
    let resources = json!({"alias": "all"});
    let answer = fleet
        .client
        .call("get_system_resources", resources)
        .await
        .ok();
    assert!(
        answer.facts()["failed"]["w3"].is_string(),
        "{:?}",
        answer.facts()
    );
    assert_eq!(answer.facts()["servers"].as_object().unwrap().len(), 2);
}

#[tokio::test]
async fn figures_of_several_servers_are_facts_by_server_and_a_line_each() {
    let (first, second) = (Sshd::start(), Sshd::start());
    let data = directory();
    let client = Client::in_process(data.path(), |_| {}).await;
    client.register(first.login("web1")).await;
    client.register(second.login("web2")).await;
    for (tool, field) in [
        ("get_system_resources", "memory"),
        ("server_overview", "kernel"),
        ("get_services_status", "systemd"),
    ] {
        let answer = client.call(tool, json!({"alias": "web*"})).await.ok();
        for alias in ["web1", "web2"] {
            let facts = &answer.facts()["servers"][alias];
            assert!(!facts[field].is_null(), "{tool}: {facts}");
        }
        assert!(
            answer.text().starts_with("done on 2 of 2 servers in "),
            "{}",
            answer.text()
        );
    }
    // One server is answered as ever.
    let answer = client
        .call("get_system_resources", json!({"alias": "web1"}))
        .await
        .ok();
    assert!(answer.facts()["memory"].is_object(), "{:?}", answer.facts());
    assert_eq!(answer.facts()["servers"], Value::Null);
}

#[tokio::test]
async fn facts_that_would_be_too_long_give_way_to_the_text() {
    let fleet = Fleet::of(12).await;
    let answer = fleet
        .client
        .call("server_overview", json!({"alias": "all"}))
        .await
        .ok();
    let facts = answer.facts();
    let length = facts.to_string().len();
    assert!(length <= 9 * 1024, "{length} bytes of facts");
    let report = facts["report"].as_str().unwrap_or_default();
    let servers = facts["servers"].as_object().map_or(0, serde_json::Map::len);
    assert!(
        report.starts_with("done on 12 of 12") || servers == 12,
        "{facts}"
    );
}

#[tokio::test]
async fn read_only_servers_are_asked_too() {
    let fleet = Fleet::of(2).await;
    let mut login = fleet.hosts[1].login("seen");
    login["readonly"] = true.into();
    fleet.client.register(login).await;
    for host in &fleet.hosts {
        fs::write(host.path("app.log"), "words\n").unwrap();
    }
    let tail = json!({"alias": "w1,seen", "filepath": "app.log"});
    let answer = fleet.client.call("tail_file", tail).await.ok();
    assert!(
        answer.text().starts_with("done on 2 of 2 servers"),
        "{}",
        answer.text()
    );
}
