//! Tags and notes of servers, and what shows several servers by them.

use serde_json::{Value, json};

use crate::helper::{
    Client, ERAS, EmbeddedHost, EraSession, Fixture, SshServer, assert_has, closed_port, directory,
    login, read_json,
};

/// A server that nobody reaches, with more settings.
fn with(alias: &str, more: &[(&str, Value)]) -> Value {
    let mut server = login(alias, closed_port());
    for (name, value) in more {
        server[*name] = value.clone();
    }
    server
}

async fn three_servers(client: &Client) {
    for (alias, tags) in [
        ("web1", json!(["prod", "eu", "prod"])),
        ("web2", json!(["prod"])),
        ("db1", json!([])),
    ] {
        client.register(with(alias, &[("tags", tags)])).await;
    }
}

/// The aliases that a list has.
async fn listed(client: &Client, arguments: Value) -> Vec<String> {
    let listed = client.call("server_list", arguments).await.ok();
    listed.fact_names()
}

#[tokio::test]
async fn a_server_keeps_its_tags_and_notes_until_others_are_given() {
    let data = directory();
    let client = Client::in_process(data.path(), |_| {}).await;
    three_servers(&client).await;
    let notes = "Behind the balancer.\nRestart nginx with care.";
    let more = [("tags", json!(["web", "eu"])), ("notes", json!(notes))];
    client.register(with("web1", &more)).await;
    let written = read_json(&data.path().join("servers.json"));
    assert_eq!(written["web1"]["tags"], json!(["eu", "web"]));
    assert_eq!(written["web1"]["notes"], notes);
    assert!(written["db1"].get("tags").is_none());
    let list = client.call("server_list", json!({})).await.ok();
    assert_has(
        &list.facts()["web1"],
        &json!({"tags": ["eu", "web"], "notes": notes}),
    );
    assert_has(&list.facts()["web2"], &json!({"tags": ["prod"]}));
    let text = list.text();
    assert!(
        text.contains("tags eu,web, notes Behind the balancer."),
        "{text}"
    );
    assert!(!text.contains("with care"), "one line a server: {text}");
    // Rules go by tags: a call that only corrects a login does not lift them, and says so.
    let changed = client.register(with("web1", &[])).await;
    assert!(
        changed.text().contains("its tags stay: eu, web"),
        "{}",
        changed.text()
    );
    let list = client.call("server_list", json!({})).await.ok();
    assert_has(
        &list.facts()["web1"],
        &json!({"tags": ["eu", "web"], "notes": notes}),
    );
    let less = [("tags", json!([])), ("notes", json!(""))];
    client.register(with("web1", &less)).await;
    let list = client.call("server_list", json!({})).await.ok();
    let replaced = &list.facts()["web1"];
    assert!(replaced.get("tags").is_none() && replaced.get("notes").is_none());
}

#[tokio::test]
async fn tags_and_notes_have_bounds() {
    let data = directory();
    let client = Client::in_process(data.path(), |_| {}).await;
    for (name, value, parameter) in [
        ("tags", json!(["prod", "a b"]), "tags[1]"),
        ("tags", json!(["a,b"]), "tags[0]"),
        ("tags", json!([5]), "tags[0]"),
        ("notes", json!("x".repeat(2049)), "notes"),
    ] {
        let refused = client
            .call("server_add", with("web1", &[(name, value)]))
            .await;
        let error = refused.error("INVALID_ARGUMENT");
        assert_eq!(error["details"]["parameter"], parameter, "{error}");
    }
    client
        .register(with("web1", &[("notes", json!("x".repeat(2048)))]))
        .await;
}

#[tokio::test]
async fn the_list_is_narrowed_by_tag_and_name() {
    let data = directory();
    let client = Client::in_process(data.path(), |_| {}).await;
    let empty = client
        .call("server_list", json!({"tag": "prod"}))
        .await
        .ok();
    assert!(empty.text().contains("server_add"), "{}", empty.text());
    three_servers(&client).await;
    client
        .register(json!({
            "alias": "far", "host": "far.example.com", "user": "me", "password": "x", "verify": false,
        }))
        .await;
    for (arguments, expected) in [
        (json!({"tag": "prod"}), vec!["web1", "web2"]),
        (json!({"tag": "tag:prod"}), vec!["web1", "web2"]),
        (json!({"tag": "e*"}), vec!["web1"]),
        (json!({"match": "web*"}), vec!["web1", "web2"]),
        (json!({"match": "B1"}), vec!["web1", "db1"]),
        (json!({"match": "*.example.com"}), vec!["far"]),
        (json!({"match": "web?", "tag": "eu"}), vec!["web1"]),
        (json!({"tag": "PROD"}), vec![]),
        (
            json!({"tag": "", "match": null}),
            vec!["web1", "web2", "db1", "far"],
        ),
    ] {
        assert_eq!(
            listed(&client, arguments.clone()).await,
            expected,
            "{arguments}"
        );
    }
    let none = client
        .call("server_list", json!({"tag": "none"}))
        .await
        .ok();
    assert_eq!(none.text(), "no server matches");
    let refused = client.call("server_list", json!({"tag": "["})).await;
    let error = refused.error("INVALID_ARGUMENT");
    assert_eq!(error["details"]["parameter"], "tag");
}

#[tokio::test]
async fn a_resource_shows_both_and_no_secret() {
    let fixture = Fixture::embedded().await;
    for era in ERAS {
        let mut session = EraSession::begin(era, &fixture.stored("")).await;
        let mut server = fixture.server.login("web1");
        server["password"] = json!("Xk29-frobnicate");
        server["tags"] = json!(["prod"]);
        server["notes"] = json!("its password is Xk29-frobnicate");
        session.tool("server_add", server).await;
        let read = json!({"uri": "orchestrator://servers/web1"});
        let result = session.ask("resources/read", read).await;
        let text = result["contents"][0]["text"].as_str().unwrap();
        let shown: Value = serde_json::from_str(text).unwrap();
        assert_eq!(shown["server"]["tags"], json!(["prod"]));
        let notes = shown["server"]["notes"].as_str().unwrap();
        assert!(
            notes.starts_with("its password is ") && !text.contains("Xk29"),
            "{text}"
        );
    }
}

#[tokio::test]
async fn tags_are_completed_where_several_servers_may_be_meant() {
    let fixture = Fixture::embedded().await;
    let mut tagged = fixture.server.login("web1");
    tagged["tags"] = json!(["prod", "eu"]);
    fixture.client.register(tagged).await;
    let prompt = json!({"type": "ref/prompt", "name": "investigate"});
    let template = json!({"type": "ref/resource", "uri": "orchestrator://servers/{alias}"});
    for era in ERAS {
        let mut session = EraSession::begin(era, &fixture.stored("")).await;
        for (of, typed, expected) in [
            (&prompt, "tag:", json!(["tag:eu", "tag:prod"])),
            (&prompt, "", json!(["web1", "tag:eu", "tag:prod"])),
            (&template, "", json!(["web1"])),
        ] {
            let argument = json!({"name": "alias", "value": typed});
            let request = json!({"ref": of, "argument": argument});
            let result = session.ask("completion/complete", request).await;
            assert_eq!(result["completion"]["values"], expected);
        }
    }
}

#[tokio::test]
async fn host_keys_of_several_servers_are_shown_and_never_accepted() {
    let (one, two, data) = (
        EmbeddedHost::start().await,
        EmbeddedHost::start().await,
        directory(),
    );
    let client = Client::in_process(data.path(), |_| {}).await;
    for (alias, server) in [("web1", &one), ("web2", &two)] {
        let mut login = server.login(alias);
        login["tags"] = json!(["prod"]);
        client.register(login).await;
    }
    client
        .register(with("down", &[("tags", json!(["prod"]))]))
        .await;
    client.exec("web1", "true").await.ok();
    let shown = client
        .call("server_trust", json!({"alias": "tag:prod"}))
        .await
        .ok();
    let facts = shown.facts();
    assert_eq!(facts["asKnown"], json!(["web1"]));
    let new = facts["new"]["web2"][0].as_str().unwrap();
    assert!(new.starts_with("SHA256:"), "{facts}");
    assert!(
        facts["failed"]["down"]
            .as_str()
            .unwrap()
            .contains("ECONNREFUSED"),
        "{facts}"
    );
    assert!(
        shown.text().starts_with("down: "),
        "failures first: {}",
        shown.text()
    );
    let before = std::fs::read_to_string(data.path().join("known_hosts")).unwrap();
    let trust = json!({"alias": ["web1", "web2"], "fingerprint": new});
    let error = client
        .call("server_trust", trust)
        .await
        .error("INVALID_ARGUMENT");
    assert_eq!(error["details"]["parameter"], "alias");
    let after = std::fs::read_to_string(data.path().join("known_hosts")).unwrap();
    assert_eq!(before, after);
    for (alias, code) in [("web1,web9", "UNKNOWN_ALIAS"), ("tag:prdo", "NO_TARGETS")] {
        let error = client
            .call("server_trust", json!({"alias": alias}))
            .await
            .error(code);
        assert!(
            error["message"].as_str().unwrap().contains("did you mean"),
            "{error}"
        );
    }
}
