//! The ceiling of all connections together, and jump hosts that many servers share.

use futures_util::future::join_all;
use serde_json::{Value, json};
use tokio::process::Command;

use crate::helper::{
    BINARY, Client, EmbeddedHost, SshServer, Sshd, apart, directory, eventually, eventually_so,
};

async fn servers(count: usize) -> Vec<EmbeddedHost> {
    join_all((0..count).map(|_| EmbeddedHost::start())).await
}

/// A client that knows these servers as `web0`, `web1` and so on.
async fn knowing(client: &Client, servers: &[EmbeddedHost], more: &[(&str, Value)]) {
    for (number, server) in servers.iter().enumerate() {
        let mut login = server.login(&format!("web{number}"));
        for (name, value) in more {
            login[*name] = value.clone();
        }
        client.register(login).await;
    }
}

fn open(servers: &[EmbeddedHost]) -> usize {
    servers.iter().map(|server| server.connections()).sum()
}

async fn answers(client: &Client, count: usize) {
    let calls = (0..count).map(|number| async move {
        let ran = client
            .exec(&format!("web{number}"), &format!("echo {number}"))
            .await
            .ok();
        assert_eq!(ran.facts()["output"], number.to_string());
    });
    join_all(calls).await;
}

#[tokio::test]
async fn idle_connections_make_room_and_the_longest_idle_go_first() {
    let (servers, data) = (servers(12).await, directory());
    let client = Client::in_process(data.path(), |config| config.max_connections_total = 4).await;
    knowing(&client, &servers, &[]).await;
    for number in 0..6 {
        client.exec(&format!("web{number}"), "true").await.ok();
        assert!(open(&servers) <= 4);
    }
    eventually("the first two have made room", || {
        let open = servers.iter().map(|server| server.connections());
        open.take(6).eq([0, 0, 1, 1, 1, 1])
    })
    .await;
    answers(&client, 12).await;
    assert!(open(&servers) <= 4);
    let stats = client.call("pool_stats", json!({})).await.ok();
    stats.has(&json!({"maxConnectionsTotal": 4}));
}

#[tokio::test]
async fn calls_wait_where_every_connection_is_in_use() {
    let (servers, data) = (servers(3).await, directory());
    let client = Client::in_process(data.path(), |config| config.max_connections_total = 2).await;
    knowing(&client, &servers, &[]).await;
    let gate = directory();
    let opened = gate.path().join("open");
    let held = ["web0", "web1"];
    for alias in held {
        let begun = gate.path().join(alias);
        let wait = format!(
            "touch {}; while [ ! -e {} ]; do sleep 0.05; done",
            begun.display(),
            opened.display()
        );
        let held = json!({"alias": alias, "cmd": wait, "background": true, "detach": false});
        client.call("task_exec", held).await.ok();
    }
    eventually("both run", || {
        held.iter().all(|alias| gate.path().join(alias).exists())
    })
    .await;
    let third = async {
        let ran = client.exec("web2", "echo third").await.ok();
        assert_eq!(ran.facts()["output"], "third");
    };
    let look = async {
        eventually_so("the third waits", async || {
            let stats = client.call("pool_stats", json!({})).await.ok();
            stats.facts()["byServer"]["web2"]["waiting"] == 1
        })
        .await;
        assert_eq!((open(&servers), servers[2].accepted()), (2, 0));
        std::fs::write(&opened, "").unwrap();
    };
    tokio::join!(third, look);
    assert!(open(&servers) <= 2);
}

#[tokio::test]
async fn a_call_that_is_given_up_dials_no_more() {
    let (servers, data) = (servers(2).await, directory());
    let client = Client::in_process(data.path(), |config| config.max_connections_total = 1).await;
    knowing(&client, &servers[..1], &[]).await;
    let mut plain = servers[1].login("web1");
    // Otherwise a question about its shell goes on when its caller has gone away.
    plain["plain"] = json!(true);
    client.register(plain).await;
    let gate = directory();
    let begun = gate.path().join("begun");
    let cmd = format!("touch {}; sleep 60", begun.display());
    let held = json!({"alias": "web0", "cmd": cmd, "background": true, "detach": false});
    let held = client.call("task_exec", held).await.ok();
    eventually("it runs", || begun.exists()).await;
    let waits = json!({"alias": "web1", "cmd": "true", "background": true, "detach": false});
    let waits = client.call("task_exec", waits).await.ok();
    for task in [&waits, &held] {
        let cancel = json!({"id": task.facts()["id"]});
        client.call("task_cancel", cancel).await.ok();
    }
    let ran = client.exec("web0", "echo on").await.ok();
    assert_eq!(
        (ran.facts()["output"].as_str(), servers[1].accepted()),
        (Some("on"), 0)
    );
}

#[tokio::test]
async fn many_servers_behind_a_jump_host_share_its_connection() {
    let (gate, servers, data) = (Sshd::start(), servers(60).await, directory());
    // At the ceiling, too: those behind it wait, and it does not.
    for most in [256, 8] {
        let client =
            Client::in_process(data.path(), |config| config.max_connections_total = most).await;
        client.register(gate.login("gate")).await;
        knowing(&client, &servers, &[("jump", json!("gate"))]).await;
        answers(&client, 60).await;
        assert!(open(&servers) <= most);
    }
    let accepted = gate.accepted();
    assert!(accepted <= 6, "{accepted} connections to the jump host");
}

#[tokio::test]
async fn the_ceiling_stays_below_the_limit_on_open_files() {
    let (servers, data, home) = (servers(40).await, directory(), directory());
    let mut limited = apart(Command::new("sh"));
    let script = "ulimit -Sn 100; ulimit -Hn 200; exec \"$0\" \"$1\"";
    let data_dir = format!("--data-dir={}", data.path().display());
    limited
        .env("HOME", home.path())
        .args(["-c", script, BINARY, &data_dir]);
    let client = Client::over(limited).await;
    knowing(&client, &servers, &[]).await;
    answers(&client, 40).await;
    let stats = client.call("pool_stats", json!({})).await.ok();
    stats.has(&json!({"maxConnectionsTotal": 18}));
    assert!(open(&servers) <= 18);
}
