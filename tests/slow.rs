//! Servers that take their time before they greet, and what is said of a phase that took too long.

use std::time::Duration;

use serde_json::{Value, json};

use crate::helper::{Answer, Client, Fault, Fixture, Proxy, eventually, login};

/// The arguments that register a server with so many seconds for each phase.
fn within(port: u16, seconds: u32) -> Value {
    let mut server = login("web1", port);
    server["connectTimeout"] = json!(seconds);
    server
}

async fn exec(client: &Client) -> Answer {
    let arguments = json!({"alias": "web1", "cmd": "true", "timeout": 1});
    client.call("task_exec", arguments).await
}

#[tokio::test]
async fn a_server_that_greets_late_is_reached_with_a_longer_limit() {
    let fixture =
        Fixture::embedded_with(|config| config.connect_timeout = Duration::from_secs(1)).await;
    let proxy = Proxy::start(fixture.server.address().port(), 0).await;
    fixture.client.register(login("web1", proxy.port)).await;
    let error = exec(&fixture.client).await.error("CONNECTION_FAILED");
    let reason = &error["details"]["reason"];
    assert_eq!(reason, "ETIMEDOUT: no greeting within 1 s (connectTimeout)");
    let hint = error["details"]["hint"].as_str().unwrap();
    assert!(hint.contains("longer connectTimeout"), "{hint}");
    fixture.client.register(within(proxy.port, 60)).await;
    let late = async {
        eventually("it is asked", || proxy.holds()).await;
        tokio::time::sleep(Duration::from_secs(3)).await;
        proxy.open();
    };
    tokio::join!(exec(&fixture.client), late).0.ok();
}

#[tokio::test]
async fn a_server_that_goes_silent_in_the_key_exchange_is_told_from_one_that_does_not_greet() {
    let fixture = Fixture::embedded().await;
    let port = fixture.server.address().port();
    fixture.client.register(within(port, 1)).await;
    for (fault, words) in [
        (Fault::Mute, "no greeting within 1 s"),
        (
            Fault::MuteInKeyExchange,
            "no end of the key exchange within 1 s",
        ),
    ] {
        fixture.server.set_fault(fault);
        let error = exec(&fixture.client).await.error("CONNECTION_FAILED");
        let reason = error["details"]["reason"].as_str().unwrap();
        assert!(reason.contains(words), "{reason}");
    }
}

#[tokio::test]
async fn the_user_s_configuration_may_give_it_more_time_and_the_entry_goes_first() {
    let fixture =
        Fixture::embedded_with(|config| config.connect_timeout = Duration::from_secs(600)).await;
    fixture.server.set_fault(Fault::Mute);
    let port = fixture.server.address().port();
    let config = fixture.data.path().join("config");
    std::fs::write(&config, "Host slow\nConnectTimeout 2\n").unwrap();
    let client = Client::in_process(&fixture.data.path().join("other"), |settings| {
        settings.ssh_files.user_config.clone_from(&config);
        settings.connect_timeout = Duration::from_secs(600);
    })
    .await;
    let mut server = login("web1", port);
    server["sshConfigHost"] = json!("slow");
    for (seconds, told) in [(Value::Null, "within 2 s"), (json!(1), "within 1 s")] {
        server["connectTimeout"] = seconds;
        client.register(server.clone()).await;
        let error = exec(&client).await.error("CONNECTION_FAILED");
        let reason = error["details"]["reason"].as_str().unwrap();
        assert!(reason.contains(told), "{reason}");
    }
}

#[tokio::test]
async fn a_limit_that_makes_no_sense_is_refused() {
    let fixture = Fixture::embedded().await;
    let port = fixture.server.address().port();
    for seconds in [0, 601] {
        let answer = fixture
            .client
            .call("server_add", within(port, seconds))
            .await;
        let error = answer.error("INVALID_ARGUMENT");
        assert_eq!(error["details"]["parameter"], "connectTimeout");
    }
}
