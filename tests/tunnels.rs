//! Channels to HTTP APIs: their place in the pool, lines that go silent, and progress meanwhile.

use std::time::Duration;

use serde_json::{Value, json};

use crate::helper::{Client, Folder, Http, Sshd, directory, eventually, eventually_so};

async fn stage(patience: u64) -> (Sshd, Client, Http, Folder) {
    let (sshd, data) = (Sshd::start(), directory());
    let client = Client::in_process(data.path(), |config| {
        config.sync_timeout = Duration::from_secs(patience);
        config.idle_timeout = Duration::from_millis(100);
        config.min_connections = 0;
    })
    .await;
    client.register(sshd.login("web1")).await;
    (sshd, client, Http::start(None).await, data)
}

fn ask(http: &Http, path: &str) -> Value {
    json!({"alias": "web1", "url": format!("http://127.0.0.1:{}{path}", http.port)})
}

#[tokio::test]
async fn a_connection_is_in_use_for_as_long_as_an_api_is_asked_through_it() {
    let (sshd, client, http, _data) = stage(3).await;
    let used = async {
        eventually("the API is asked", || !http.heads().is_empty()).await;
        // Longer than a connection may be idle.
        tokio::time::sleep(Duration::from_millis(500)).await;
        let stats = client.call("pool_stats", json!({})).await.ok();
        let connections = &stats.facts()["byServer"]["web1"]["connections"];
        assert_eq!(connections[0]["channels"], 1, "{connections}");
    };
    let (health, ()) = tokio::join!(client.call("check_api_health", ask(&http, "/silent")), used);
    assert_eq!(health.ok().facts()["status"], "DOWN");
    assert_eq!(sshd.accepted(), 1);
    eventually_so("the connection is unused again", async || {
        let stats = client.call("pool_stats", json!({})).await.ok();
        stats.facts()["byServer"]["web1"]["inUse"] == 0
    })
    .await;
}

#[tokio::test]
async fn a_silent_connection_says_nothing_of_the_api() {
    let (sshd, data) = (Sshd::start(), directory());
    let client = Client::in_process(data.path(), |config| {
        config.sync_timeout = Duration::from_secs(3);
    })
    .await;
    client.register(sshd.login("web1")).await;
    let http = Http::start(None).await;
    let up = client.call("check_api_health", ask(&http, "/200")).await;
    assert_eq!(up.ok().facts()["status"], "UP");
    sshd.freeze();
    let error = client
        .call("check_api_health", ask(&http, "/200"))
        .await
        .error("CONNECTION_FAILED");
    assert!(error.to_string().contains("ETIMEDOUT"), "{error}");
    // That connection is not used again.
    let up = client.call("check_api_health", ask(&http, "/200")).await;
    assert_eq!(up.ok().facts()["status"], "UP");
    assert_eq!(sshd.accepted(), 2);
}

#[tokio::test]
async fn a_connection_that_goes_silent_while_the_api_thinks_says_nothing_of_it() {
    let (sshd, client, http, _data) = stage(8).await;
    let freeze = async {
        eventually("the API is asked", || !http.heads().is_empty()).await;
        sshd.freeze();
    };
    let silent = client.call("check_api_health", ask(&http, "/silent"));
    let (answer, ()) = tokio::join!(silent, freeze);
    answer.error("CONNECTION_FAILED");
}
