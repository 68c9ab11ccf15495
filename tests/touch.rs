//! Agents that ask a person before they sign.

use serde_json::{Value, json};

use crate::helper::{Agent, Answer, Client, Fixture, Sshd, binary_of, eventually, program, user};

/// A server, and an agent with a key for it that asks before it signs: it writes each question down, and
/// takes a file `yes` or `no` for the answer.
fn fixture() -> (Fixture<Sshd, ()>, Agent) {
    let fixture = Fixture::of(Sshd::start());
    let home = fixture.files.path();
    let folder = home.display();
    let script = format!(
        "echo asked >>{folder}/asked\nwhile :; do\n[ -e {folder}/yes ] && exit 0\n\
         [ -e {folder}/no ] && exit 1\nsleep 0.1\ndone\n"
    );
    program(home, "confirm", &script);
    let variables = [
        ("SSH_ASKPASS", fixture.local("confirm")),
        ("SSH_ASKPASS_REQUIRE", "force".to_owned()),
        ("DISPLAY", ":0".to_owned()),
    ];
    let variables = variables
        .each_ref()
        .map(|(name, value)| (*name, value.as_str()));
    let agent = Agent::start_with(home, &variables);
    agent.add_as(&fixture.there("user"), &["-q", "-c"]);
    (fixture, agent)
}

/// The arguments that register the server, with a login by the agent.
fn login(fixture: &Fixture<Sshd, ()>) -> Value {
    json!({
        "alias": "web1", "host": "127.0.0.1", "port": fixture.server.port, "user": user(),
        "agent": true,
    })
}

async fn client(fixture: &Fixture<Sshd, ()>, agent: &Agent) -> Client {
    let mut command = binary_of(fixture.files.path(), fixture.data.path());
    command
        .env("SSH_AUTH_SOCK", &agent.socket)
        .arg("--sync-timeout=3");
    let client = Client::over(command).await;
    client.register(login(fixture)).await;
    client
}

/// The number of questions so far.
fn asked(fixture: &Fixture<Sshd, ()>) -> usize {
    let asked = std::fs::read_to_string(fixture.here("asked")).unwrap_or_default();
    asked.lines().count()
}

#[tokio::test]
async fn a_signature_that_takes_a_person_is_asked_for_once() {
    let (fixture, agent) = fixture();
    let client = client(&fixture, &agent).await;
    let commands = (0..4).map(|_| handed(client.exec("web1", "true")));
    let ids: Vec<Value> = futures_util::future::join_all(commands).await;
    // A person takes longer than a server may.
    tokio::time::sleep(std::time::Duration::from_secs(20)).await;
    assert_eq!(asked(&fixture), 1, "one signature for all");
    std::fs::write(fixture.here("yes"), "").unwrap();
    for id in &ids {
        client.wait(id).await.ok();
    }
    // Files go over a connection of their own elsewhere.
    let folder = fixture.here("many");
    std::fs::create_dir(&folder).unwrap();
    for number in 0..40 {
        std::fs::write(folder.join(number.to_string()), "x").unwrap();
    }
    let mut arguments = fixture.arguments("upload", "many", "there");
    arguments["background"] = true.into();
    let moved = client.call("task_transfer", arguments).await.ok();
    let commands = (0..12).map(|_| client.exec("web1", "sleep 0.2"));
    futures_util::future::join_all(commands).await;
    client.wait(&moved.facts()["id"]).await.ok();
    assert_eq!((asked(&fixture), fixture.server.accepted()), (1, 1));
}

/// The task of a call that is handed off, and says what is waited for.
async fn handed(call: impl Future<Output = Answer>) -> Value {
    let answer = call.await.ok();
    let words = "the SSH agent has been asked to sign with";
    assert!(answer.text().contains(words), "{}", answer.text());
    answer.facts()["id"].clone()
}

#[tokio::test]
async fn a_signature_that_is_refused_is_said_and_not_asked_for_again() {
    let (fixture, agent) = fixture();
    let client = client(&fixture, &agent).await;
    let arguments = json!({"alias": "web1", "cmd": "true", "background": true, "detach": false});
    let id = client.call("task_exec", arguments).await.ok().facts()["id"].clone();
    eventually("it is asked", || asked(&fixture) == 1).await;
    std::fs::write(fixture.here("no"), "").unwrap();
    let error = client.wait(&id).await.error("AUTH_FAILED");
    let reason = error["details"]["reason"].as_str().unwrap();
    assert!(reason.contains("the SSH agent did not sign"), "{reason}");
    assert_eq!(asked(&fixture), 1);
}

#[tokio::test]
async fn adding_a_server_says_that_its_login_waits_for_a_person() {
    let (fixture, agent) = fixture();
    let client = client(&fixture, &agent).await;
    let added = client.call("server_add", login(&fixture)).await.ok();
    let first = added.text().lines().next().unwrap();
    for words in [
        "not logged in yet",
        "the SSH agent has been asked to sign with",
    ] {
        assert!(first.contains(words), "{first}");
    }
    std::fs::write(fixture.here("yes"), "").unwrap();
    client.exec("web1", "true").await.ok();
    assert_eq!(asked(&fixture), 1, "the command waits for the same login");
}
