//! `server_add` logs in at once, and says what came of it.

use std::process::Command;

use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::helper::{
    Answer, Client, Dialogue, Fixture, LoginTexts, PASSWORD, Question, RawProcess, Sshd, Turn,
    closed_port, directory, keygen, login, login_shell, text, user,
};

/// The same arguments, with a login.
fn verified(mut server: Value) -> Value {
    server.as_object_mut().unwrap().remove("verify");
    server
}

async fn add(client: &Client, server: Value) -> Answer {
    client.call("server_add", verified(server)).await.ok()
}

fn first_line(answer: &Answer) -> &str {
    answer.text().lines().next().unwrap()
}

/// The output of `uname` here.
fn uname() -> String {
    let said = Command::new("uname").arg("-snrm").output().unwrap();
    String::from_utf8(said.stdout).unwrap().trim().to_owned()
}

#[tokio::test]
async fn who_is_logged_in_where_is_said_and_the_connection_stays() {
    let (sshd, data) = (Sshd::start(), directory());
    let client = Client::in_process(data.path(), |_| {}).await;
    let added = add(&client, sshd.login("web1")).await;
    let expected = json!({
        "state": "ok", "user": user(), "system": uname(), "hostKey": sshd.fingerprint(),
    });
    assert_eq!(added.facts()["login"], expected);
    let line = format!(
        "server `web1` added; logged in as `{}` to {}, host key {}",
        user(),
        uname(),
        sshd.fingerprint()
    );
    assert_eq!(added.text(), line);
    client.exec("web1", "true").await.ok();
    assert_eq!(sshd.accepted(), 1, "the command takes the same connection");
}

#[tokio::test]
async fn verify_false_sends_nothing() {
    let (sshd, data) = (Sshd::start_with("LogLevel VERBOSE"), directory());
    let client = Client::in_process(data.path(), |_| {}).await;
    let mut server = sshd.login("web1");
    server["verify"] = json!(false);
    let added = client.call("server_add", server).await.ok();
    assert_eq!(added.facts().get("login"), None);
    assert_eq!(added.text(), "server `web1` added");
    assert_eq!(sshd.logged("Connection from"), 0);
}

#[tokio::test]
async fn a_plain_server_gets_no_command() {
    let data = directory();
    let ran = text(&data.path().join("ran"));
    let sshd = Sshd::start_with(&format!("ForceCommand touch {ran}"));
    let client = Client::in_process(data.path(), |_| {}).await;
    let mut server = sshd.login("web1");
    server["plain"] = json!(true);
    let added = add(&client, server).await;
    let system = added.facts()["login"]["system"].as_str().unwrap();
    assert!(system.starts_with("SSH-2.0-OpenSSH"), "{system}");
    assert!(!std::path::Path::new(&ran).exists());
}

#[tokio::test]
async fn a_server_without_a_posix_shell_is_told_by_its_ssh_software() {
    let Some(shell) = login_shell("fish") else {
        return;
    };
    let (sshd, data) = (Sshd::start_with(&shell), directory());
    let client = Client::in_process(data.path(), |_| {}).await;
    let added = add(&client, sshd.login("web1")).await;
    let login = &added.facts()["login"];
    assert_eq!(login["state"], "ok");
    let system = login["system"].as_str().unwrap();
    assert!(system.starts_with("SSH-2.0-OpenSSH"), "{system}");
}

#[tokio::test]
async fn a_login_that_fails_is_said_first_and_the_server_is_kept() {
    let (sshd, data) = (Sshd::start(), directory());
    let client = Client::in_process(data.path(), |_| {}).await;
    let stranger = data.path().join("stranger");
    keygen(&stranger, &["-t", "ed25519"]);
    let added = add(&client, sshd.login_with("web1", &stranger)).await;
    let begins = "server `web1` added; LOGIN FAILED: AUTH_FAILED: server `web1` did not \
                  authenticate";
    assert!(first_line(&added).starts_with(begins), "{}", added.text());
    for words in [
        "tried: [\"publickey\"]",
        "Hint: check user, key and password",
        "The entry is kept",
    ] {
        assert!(added.text().contains(words), "{}", added.text());
    }
    let login = &added.facts()["login"];
    assert_eq!(
        (&login["state"], &login["code"], &login["details"]["tried"]),
        (
            &json!("failed"),
            &json!("AUTH_FAILED"),
            &json!(["publickey"])
        )
    );
    let listed = client.call("server_list", json!({})).await.ok();
    assert_eq!(listed.facts()["web1"]["keyPath"], text(&stranger));
    // A corrected login is tried anew.
    let changed = add(&client, sshd.login("web1")).await;
    let line = first_line(&changed);
    assert!(
        line.starts_with("server `web1` updated; logged in as"),
        "{line}"
    );
    // A change for the worse as well, though there is a connection still.
    let worse = add(&client, sshd.login_with("web1", &stranger)).await;
    assert_eq!(worse.facts()["login"]["code"], "AUTH_FAILED");
    assert_eq!(worse.facts()["putBack"], true);
    let line = first_line(&worse);
    assert!(
        line.starts_with("server `web1` not updated; LOGIN FAILED"),
        "{line}"
    );
    // The login that worked works on.
    client.exec("web1", "true").await.ok();
    let mut unverified = sshd.login_with("web1", &stranger);
    unverified["verify"] = json!(false);
    client.call("server_add", unverified).await.ok();
    client.exec("web1", "true").await.error("AUTH_FAILED");
}

#[tokio::test]
async fn a_server_that_is_not_there_is_said() {
    let data = directory();
    let client = Client::in_process(data.path(), |_| {}).await;
    let added = add(&client, login("web1", closed_port())).await;
    let line = first_line(&added);
    assert!(line.contains("LOGIN FAILED: CONNECTION_FAILED"), "{line}");
    assert!(line.contains("ECONNREFUSED"), "{line}");
}

#[tokio::test]
async fn another_host_key_is_said_with_both_fingerprints() {
    let (mut sshd, data) = (Sshd::start(), directory());
    let client = Client::in_process(data.path(), |_| {}).await;
    add(&client, sshd.login("web1")).await;
    let before = sshd.fingerprint();
    sshd.change_host_key(&["-t", "ed25519"]);
    let again = add(&client, sshd.login("web2")).await;
    assert_eq!(again.facts()["login"]["code"], "HOST_KEY_MISMATCH");
    for words in [&before, &sshd.fingerprint(), "server_trust"] {
        assert!(again.text().contains(words), "{}", again.text());
    }
}

#[tokio::test]
async fn a_connection_that_has_died_is_not_taken_for_a_login() {
    let (sshd, data) = (Sshd::start(), directory());
    let client = Client::in_process(data.path(), |_| {}).await;
    add(&client, sshd.login("web1")).await;
    sshd.freeze();
    let again = add(&client, sshd.login("web1")).await;
    assert_eq!(again.facts()["login"]["system"], uname());
    assert_eq!(sshd.accepted(), 2, "it has logged in again");
    add(&client, sshd.login("web1")).await;
    assert_eq!(sshd.accepted(), 2, "what lives is enough");
}

const URL: &str = "https://login.example/a/1234";

#[tokio::test]
async fn a_login_that_waits_for_a_person_says_for_what_and_goes_on() {
    let fixture = Fixture::embedded().await;
    let approval = CancellationToken::new();
    fixture.server.say(LoginTexts {
        banner: "To authenticate, visit: https://login.example/a/1234\n",
        ..LoginTexts::default()
    });
    fixture.server.wait_for_approval(approval.clone());
    let server = login("web1", fixture.server.address().port());
    let added = add(&fixture.client, server).await;
    let line = first_line(&added);
    assert!(
        line.contains("not logged in yet") && line.contains(URL),
        "{line}"
    );
    let login = &added.facts()["login"];
    assert_eq!(login["state"], "waiting");
    assert!(login["waitsFor"].as_str().unwrap().contains(URL), "{login}");
    approval.cancel();
    fixture.exec("true").await.ok();
    assert_eq!(fixture.server.accepted(), 1, "it is the same login");
}

#[tokio::test]
async fn a_server_that_says_nothing_is_not_waited_for() {
    let data = directory();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = Client::in_process(data.path(), |_| {}).await;
    let port = listener.local_addr().unwrap().port();
    let added = add(&client, login("web1", port)).await;
    assert_eq!(added.facts()["login"], json!({"state": "waiting"}));
    let line = first_line(&added);
    assert!(line.contains("no answer within 5 s"), "{line}");
}

#[tokio::test]
async fn a_question_that_nothing_answers_is_told() {
    let fixture = Fixture::embedded().await;
    fixture.server.ask(Dialogue {
        turn: Turn::Second,
        questions: vec![Question {
            prompt: "Verification code: ",
            echo: false,
            is_right: |_| false,
        }],
    });
    let server = login("web2", fixture.server.address().port());
    let added = add(&fixture.client, server).await;
    let line = first_line(&added);
    for words in ["LOGIN FAILED: AUTH_FAILED", "it asks `Verification code:`"] {
        assert!(line.contains(words), "{line}");
    }
}

#[tokio::test]
async fn a_read_only_server_is_logged_in_to_as_well() {
    let (sshd, data) = (Sshd::start(), directory());
    let client = Client::in_process(data.path(), |_| {}).await;
    let mut server = sshd.login("web1");
    server["readonly"] = json!(true);
    let added = add(&client, server).await;
    assert_eq!(added.facts()["login"]["system"], uname());
}

/// A server's message at login is shown without the call's secrets, and without control characters.
#[tokio::test]
async fn what_a_server_says_is_shown_without_secrets_and_controls() {
    let fixture = Fixture::embedded().await;
    fixture.server.say(LoginTexts {
        banner: "\u{1b}]0;owned\u{7}You sent Zq8-not-the-password, go away",
        ..LoginTexts::default()
    });
    let mut server = login("web2", fixture.server.address().port());
    assert_eq!(server["password"], PASSWORD);
    server["password"] = json!("Zq8-not-the-password");
    let log = fixture.data.path().join("stderr");
    let data = directory();
    let mut process = RawProcess::serving(data.path(), &[], &log).await;
    let answer = process.tool("server_add", verified(server)).await.ok();
    assert_eq!(answer.facts()["login"]["code"], "AUTH_FAILED");
    let shown = format!("{answer:?}");
    assert!(shown.contains("go away"), "{shown}");
    for hidden in ["Zq8", "\u{1b}", "\\u{1b}"] {
        assert!(!shown.contains(hidden), "{shown}");
    }
}
