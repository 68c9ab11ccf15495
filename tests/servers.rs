//! Servers: what is configured, shown, and kept in `servers.json`.

use serde_json::json;

use crate::helper::{Client, directory, read_json};

#[tokio::test]
async fn add_list_update_remove() {
    let data = directory();
    let client = Client::in_process(data.path(), |_| {}).await;
    let with_key = json!({"alias": "prod_vps", "host": "192.0.2.100", "user": "admin", "keyPath": "/home/user/.ssh/id_rsa"});
    let added = client.register(with_key).await;
    assert_eq!(added.facts()["added"], true);
    let with_password = json!({"alias": "staging", "host": "staging.example.com", "user": "deploy", "password": "SecureP@ssw0rd"});
    client.register(with_password).await;

    let listed = client.call("server_list", json!({})).await.ok();
    assert_eq!(
        listed.facts()["prod_vps"]["keyPath"],
        "/home/user/.ssh/id_rsa"
    );
    assert_eq!(listed.facts()["prod_vps"]["port"], 22);
    assert_eq!(listed.facts()["staging"]["password"], "***");
    let shown = format!("{:?}", listed.0);
    assert!(!shown.contains("SecureP@ssw0rd"));

    let written = read_json(&data.path().join("servers.json"));
    let password = written["staging"]["password"].as_str().unwrap();
    assert!(password.starts_with("sealed:"), "{password}");
    assert_eq!(
        written["prod_vps"],
        json!({"host": "192.0.2.100", "user": "admin", "keyPath": "/home/user/.ssh/id_rsa"})
    );

    let update = json!({"alias": "staging", "host": "192.0.2.7", "user": "deploy", "keyPath": "~/.ssh/id", "port": 2222});
    assert_eq!(client.register(update).await.facts()["added"], false);
    let listed = client.call("server_list", json!({})).await.ok();
    listed.has(&json!({"staging": {"host": "192.0.2.7", "port": 2222, "user": "deploy", "keyPath": "~/.ssh/id"}}));

    client
        .call("server_remove", json!({"alias": "staging"}))
        .await
        .ok();
    let error = client
        .call("server_remove", json!({"alias": "staging"}))
        .await
        .error("UNKNOWN_ALIAS");
    assert_eq!(error["details"]["alias"], "staging");
}

#[tokio::test]
async fn a_server_needs_a_way_to_log_in() {
    let data = directory();
    let client = Client::in_process(data.path(), |_| {}).await;
    let error = client
        .call(
            "server_add",
            json!({"alias": "a", "host": "h", "user": "u"}),
        )
        .await
        .error("INVALID_ARGUMENT");
    assert!(error.to_string().contains("password"));
    for (name, arguments) in [
        (
            "alias",
            json!({"alias": " ", "host": "h", "user": "u", "password": "p"}),
        ),
        (
            "host",
            json!({"alias": "a", "host": "", "user": "u", "password": "p"}),
        ),
        (
            "port",
            json!({"alias": "a", "host": "h", "user": "u", "password": "p", "port": 0}),
        ),
        (
            "port",
            json!({"alias": "a", "host": "h", "user": "u", "password": "p", "port": 65536}),
        ),
    ] {
        let error = client
            .call("server_add", arguments)
            .await
            .error("INVALID_ARGUMENT");
        assert_eq!(error["details"]["parameter"], name);
    }
    assert!(!data.path().join("servers.json").exists());
}

#[cfg(unix)]
#[tokio::test]
async fn the_data_directory_is_private() {
    use std::os::unix::fs::PermissionsExt;
    let data = directory();
    let path = data.path().join("made");
    let client = Client::in_process(&path, |_| {}).await;
    client
        .register(json!({"alias": "a", "host": "h", "user": "u", "password": "p"}))
        .await;
    let mode = |path: &std::path::Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&path), 0o700);
    assert_eq!(mode(&path.join("servers.json")), 0o600);
}

#[tokio::test]
async fn new_aliases_are_plain_and_old_ones_stay() {
    let data = directory();
    let old = [
        "../up",
        "w\u{202e}eb",
        "two words",
        "-dash",
        &"a".repeat(100),
    ];
    let servers: serde_json::Map<_, _> = old
        .iter()
        .map(|alias| {
            (
                (*alias).to_owned(),
                json!({"host": "192.0.2.1", "user": "u", "password": "p"}),
            )
        })
        .collect();
    std::fs::write(data.path().join("servers.json"), json!(servers).to_string()).unwrap();
    std::fs::write(
        data.path().join("apis.json"),
        json!({"a/b": {"url": "http://192.0.2.1"}}).to_string(),
    )
    .unwrap();
    let client = Client::in_process(data.path(), |_| {}).await;
    let login =
        |alias: &str| json!({"alias": alias, "host": "192.0.2.2", "user": "u", "password": "p"});
    for alias in [
        "a/b",
        "..",
        ".hidden",
        "-rf",
        "a\\b",
        "two  words",
        "w\u{200b}eb1",
        "\u{202e}1bew",
        "\u{430}dmin",
        "é",
        &"b".repeat(65),
    ] {
        for (tool, arguments) in [
            ("server_add", login(alias)),
            (
                "api_add",
                json!({"alias": alias, "url": "http://192.0.2.1"}),
            ),
        ] {
            if tool == "api_add" && alias == "a/b" {
                continue;
            }
            let error = client.call(tool, arguments).await.error("INVALID_ARGUMENT");
            assert_eq!(error["details"]["parameter"], "alias");
            let reason = error["details"]["reason"].as_str().unwrap();
            assert!(
                reason.contains("64 ASCII letters") && reason.is_ascii(),
                "{reason}"
            );
        }
    }
    for alias in [
        "web1",
        "user@host:22",
        "web-1.example.org",
        "a",
        &"b".repeat(64),
    ] {
        client.register(login(alias)).await;
    }
    // Servers that have other names already are shown, changed and removed as ever.
    let listed = client.call("server_list", json!({})).await.ok();
    for alias in old {
        assert_eq!(listed.facts()[alias]["host"], "192.0.2.1");
        assert_eq!(client.register(login(alias)).await.facts()["added"], false);
        client
            .call("server_remove", json!({"alias": alias}))
            .await
            .ok();
        client
            .call("server_add", login(alias))
            .await
            .error("INVALID_ARGUMENT");
    }
    client
        .call("api_remove", json!({"alias": "a/b"}))
        .await
        .ok();
}
