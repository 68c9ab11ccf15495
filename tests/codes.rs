//! One-time codes, of which a server takes each once.

use std::collections::HashSet;
use std::sync::{LazyLock, Mutex};
use std::time::Duration;

use serde_json::{Value, json};

use crate::helper::{Client, Dialogue, EmbeddedServer, Question, Turn, directory, login};

const SECRET: &str = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP";

/// Every answer that was given in this file's tests: each has a secret of its own.
static SEEN: LazyLock<Mutex<HashSet<String>>> = LazyLock::new(Mutex::default);

fn is_new(answer: &str) -> bool {
    answer.len() == 6 && SEEN.lock().unwrap().insert(answer.to_owned())
}

/// A server that takes every code once.
async fn once(home: &std::path::Path) -> EmbeddedServer {
    let server = EmbeddedServer::start(home, None).await.unwrap();
    server.ask(Dialogue {
        turn: Turn::Second,
        questions: vec![Question {
            prompt: "Verification code: ",
            echo: false,
            is_right: is_new,
        }],
    });
    server
}

fn with_code(alias: &str, server: &EmbeddedServer, secret: &str) -> Value {
    let mut arguments = login(alias, server.address().port());
    arguments["totpSecret"] = json!(secret);
    arguments
}

#[tokio::test]
async fn no_code_is_given_twice_whichever_process_logs_in() {
    let (home, data) = (directory(), directory());
    let server = once(home.path()).await;
    let first = Client::spawned(data.path(), &["--sync-timeout=200"]).await;
    let second = Client::spawned(data.path(), &["--sync-timeout=200"]).await;
    first.register(with_code("web1", &server, SECRET)).await;
    // The same secret, written otherwise, of another entry.
    let written = format!("otpauth://totp/a:b?secret={SECRET}&issuer=a");
    first.register(with_code("web2", &server, &written)).await;
    let (one, two) = tokio::join!(
        first.exec("web1", "echo one"),
        second.exec("web2", "echo two")
    );
    assert!(one.ok().text().contains("one"));
    assert!(two.ok().text().contains("two"));
    let kept = std::fs::read_to_string(data.path().join("totp.json")).unwrap();
    assert!(!kept.contains(SECRET), "{kept}");
}

#[tokio::test]
async fn the_wait_for_the_next_code_is_said_and_one_connection_has_to_do() {
    let (home, data) = (directory(), directory());
    let server = once(home.path()).await;
    let client = Client::in_process(data.path(), |config| {
        config.sync_timeout = Duration::from_secs(100);
    })
    .await;
    let secret = "KRSXG5CTMVRXEZLUKRSXG5CTMVRXEZLU";
    client.register(with_code("web1", &server, secret)).await;
    client.exec("web1", "true").await.ok();
    // Eleven would take a second connection, and with it a second code.
    let commands = (0..11).map(|_| client.exec("web1", "sleep 0.3; echo done"));
    for answer in futures_util::future::join_all(commands).await {
        assert!(answer.ok().text().contains("done"));
    }
    assert_eq!(server.accepted(), 1, "no further login");
    server.cut();
    let again = json!({"alias": "web1", "cmd": "echo again", "background": true, "detach": false});
    let id = client.call("task_exec", again).await.ok().facts()["id"].clone();
    let wait = json!({"id": id, "timeout": 1});
    let waits = client.call("task_wait", wait).await.ok();
    // Unless half a minute was over just then.
    if waits.facts()["status"] == "running" {
        let text = waits.text();
        assert!(text.contains("the next one-time code comes in"), "{text}");
    }
    let ran = client.wait(&id).await.ok();
    assert!(ran.text().contains("again"), "{}", ran.text());
}
