//! Messages of servers to the person who logs in, and answers to questions of their own.

use std::time::Duration;

use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::helper::{
    Client, Dialogue, EmbeddedHost, Fault, Fixture, LoginTexts, PASSWORD, Question, RawProcess,
    Sshd, Turn, directory, keygen, login, read_json, text,
};

const URL: &str = "https://login.example/a/1234";

/// A banner as a server has it that wants a login confirmed in a browser.
const CHECK: LoginTexts = LoginTexts {
    banner: "# An additional check is required.\r\n# To authenticate, visit: https://login.example/a/1234\n",
    name: "",
    instructions: "",
};

fn reason(details: &Value) -> &str {
    details["reason"].as_str().unwrap()
}

#[tokio::test]
async fn a_banner_stands_in_the_error_of_a_login_that_fails() {
    let data = directory();
    let banner = data.path().join("banner");
    std::fs::write(&banner, "The account is locked.\nCall 555-0100.\n").unwrap();
    let sshd = Sshd::start_with(&format!("Banner {}", text(&banner)));
    let stranger = data.path().join("stranger");
    keygen(&stranger, &["-t", "ed25519"]);
    let client = Client::in_process(data.path(), |_| {}).await;
    client.register(sshd.login_with("web1", &stranger)).await;
    let error = client.exec("web1", "true").await.error("AUTH_FAILED");
    let said = json!(["The account is locked.\nCall 555-0100."]);
    assert_eq!(error["details"]["serverSays"], said);
    client.register(sshd.login("web1")).await;
    let ran = client.exec("web1", "echo fine").await.ok();
    assert!(!ran.text().contains("555"), "{}", ran.text());
}

#[tokio::test]
async fn a_server_that_hangs_up_after_its_words_has_refused_the_login() {
    let fixture = Fixture::embedded().await;
    fixture.server.say(LoginTexts {
        banner: "Account disabled",
        ..LoginTexts::default()
    });
    fixture.server.set_fault(Fault::CutAtLogin);
    let error = fixture.exec("true").await.error("AUTH_FAILED");
    let details = &error["details"];
    assert_eq!(details["serverSays"], json!(["Account disabled"]));
    assert!(
        reason(details).contains("hung up after 1 attempt"),
        "{details}"
    );
    assert_eq!(fixture.server.accepted(), 1, "it is not asked again");
}

#[tokio::test]
async fn a_login_that_is_confirmed_elsewhere_is_waited_for_and_says_where() {
    let fixture =
        Fixture::embedded_with(|config| config.sync_timeout = Duration::from_secs(2)).await;
    let approval = CancellationToken::new();
    fixture.server.say(CHECK);
    fixture.server.wait_for_approval(approval.clone());
    let handed = fixture.exec("echo in").await.ok();
    assert!(handed.text().contains(URL), "{}", handed.text());
    let waits = handed.facts()["waitsFor"].as_str().unwrap();
    assert!(waits.contains("the login at `web1` waits"), "{waits}");
    let id = handed.facts()["id"].clone();
    // Others wait for the same login.
    let second = fixture.exec("echo too").await.ok();
    assert!(second.text().contains(URL), "{}", second.text());
    // A person takes longer than a server may.
    tokio::time::sleep(Duration::from_secs(21)).await;
    assert_eq!(fixture.server.accepted(), 1, "a login at a time");
    approval.cancel();
    let ran = fixture.client.wait(&id).await.ok();
    assert!(ran.text().contains("in"), "{}", ran.text());
    let long = fixture.background("sleep 60").await.facts()["id"].clone();
    let wait = json!({"id": long, "timeout": 1});
    let running = fixture.client.call("task_wait", wait).await.ok();
    assert_eq!(running.facts()["status"], "running");
    assert_eq!(running.facts()["waitsFor"], Value::Null, "it is in");
    assert_eq!(ran.facts()["waitsFor"], Value::Null);
    fixture.client.wait(&second.facts()["id"]).await.ok();
}

#[tokio::test]
async fn the_wait_s_progress_says_what_the_server_says() {
    let fixture = Fixture::embedded().await;
    fixture.server.say(CHECK);
    fixture.server.wait_for_approval(CancellationToken::new());
    let data = directory();
    let mut process = RawProcess::serving(data.path(), &[], &data.path().join("log")).await;
    let port = fixture.server.address().port();
    process.tool("server_add", login("web1", port)).await.ok();
    let call = json!({
        "jsonrpc": "2.0", "id": 70, "method": "tools/call",
        "params": {
            "name": "task_exec", "arguments": {"alias": "web1", "cmd": "true"},
            "_meta": {"progressToken": "p"},
        },
    });
    process.send(&call.to_string()).await;
    let message = process.receive().await;
    assert_eq!(message["method"], "notifications/progress", "{message}");
    let shown = message["params"]["message"].as_str().unwrap();
    assert!(shown.contains(URL), "{shown}");
}

#[tokio::test]
async fn a_login_that_nobody_confirms_ends_with_the_server_s_words() {
    let fixture =
        Fixture::embedded_with(|config| config.sync_timeout = Duration::from_secs(100)).await;
    fixture.server.say(CHECK);
    fixture.server.wait_for_approval(CancellationToken::new());
    let error = fixture.exec("true").await.error("AUTH_FAILED");
    let details = &error["details"];
    assert!(
        reason(details).contains("was not over within 60 s"),
        "{details}"
    );
    assert!(
        details["serverSays"][0].as_str().unwrap().contains(URL),
        "{details}"
    );
    assert_eq!(details["tried"], json!(["password"]));
}

const CHOICE: Question = Question {
    prompt: "Passcode or option (1-3): ",
    echo: true,
    is_right: |answer| answer == "1-please",
};

const PLACE: Question = Question {
    prompt: "Where were you born?",
    echo: false,
    is_right: |answer| answer == "Ghent-upon-Lys",
};

const PHONE: LoginTexts = LoginTexts {
    banner: "",
    name: "Two-factor login",
    instructions: "Approve it on your phone, or enroll at https://duo.example/portal",
};

async fn asking(questions: &[Question]) -> Fixture<EmbeddedHost> {
    let fixture = Fixture::embedded_with(|settings| {
        // An answer lies in a file that is not in a home directory.
        settings.allow_cmd_secrets = true;
    })
    .await;
    fixture.server.say(PHONE);
    fixture.server.ask(Dialogue {
        turn: Turn::Second,
        questions: questions.to_vec(),
    });
    fixture
}

fn answering(fixture: &Fixture<EmbeddedHost>, responses: &Value) -> Value {
    let mut server = login("web1", fixture.server.address().port());
    server["loginResponses"] = responses.clone();
    server
}

#[tokio::test]
async fn questions_that_nothing_answers_are_told_with_their_instructions() {
    let fixture = asking(&[CHOICE]).await;
    let error = fixture.exec("true").await.error("AUTH_FAILED");
    let details = &error["details"];
    assert_eq!(
        details["serverSays"],
        json!([PHONE.name, PHONE.instructions])
    );
    for words in [
        "it asks `Passcode or option (1-3):`",
        "loginResponses may answer it",
    ] {
        assert!(reason(details).contains(words), "{details}");
    }
}

#[tokio::test]
async fn further_prompts_are_answered_as_the_user_says() {
    let fixture = asking(&[CHOICE, PLACE]).await;
    let file = fixture.here("place");
    std::fs::write(&file, "Ghent-upon-Lys\n").unwrap();
    let responses = json!({
        "/^passcode or option \\(1-\\d\\)/": "not this one",
        "/^Passcode or option \\(1-\\d\\)/": "1-please",
        "where were you": format!("file:{}", text(&file)),
    });
    let server = answering(&fixture, &responses);
    fixture.client.register(server).await;
    fixture.exec("true").await.ok();
    let list = fixture.client.call("server_list", json!({})).await.ok();
    let shown = &list.facts()["web1"]["loginResponses"];
    assert_eq!(shown["/^Passcode or option \\(1-\\d\\)/"], "***");
    assert_eq!(shown["where were you"], format!("file:{}", text(&file)));
    for name in ["servers.json", "audit.jsonl"] {
        let path = fixture.data.path().join(name);
        let kept = std::fs::read_to_string(path).unwrap_or_default();
        assert!(!kept.contains("1-please"), "{name}: {kept}");
    }
    let kept = read_json(&fixture.data.path().join("servers.json"));
    assert!(kept["web1"]["loginResponses"].is_object(), "{kept}");
}

#[tokio::test]
async fn an_answer_of_the_user_s_goes_before_the_password() {
    let fixture = Fixture::embedded().await;
    fixture.server.ask(Dialogue {
        turn: Turn::Alone,
        questions: vec![Question {
            prompt: "Directory password: ",
            echo: false,
            is_right: |answer| answer == "another-one",
        }],
    });
    let server = answering(&fixture, &json!({"directory": "another-one"}));
    assert_eq!(server["password"], PASSWORD);
    fixture.client.register(server).await;
    fixture.exec("true").await.ok();
}

#[tokio::test]
async fn an_answer_may_be_the_only_way_in() {
    let fixture = asking(&[]).await;
    fixture.server.ask(Dialogue {
        turn: Turn::Alone,
        questions: vec![PLACE],
    });
    let mut server = answering(&fixture, &json!({"born": "Ghent-upon-Lys"}));
    server["password"] = Value::Null;
    fixture.client.register(server).await;
    fixture.exec("true").await.ok();
}

#[tokio::test]
async fn a_prompt_that_cannot_be_looked_for_is_refused() {
    let fixture = Fixture::embedded().await;
    for prompt in ["/(/", " "] {
        let server = answering(&fixture, &json!({prompt: "x"}));
        let error = fixture.client.call("server_add", server).await;
        let error = error.error("INVALID_ARGUMENT");
        assert_eq!(error["details"]["parameter"], "loginResponses", "{error}");
    }
}

#[tokio::test]
async fn a_server_that_knows_who_comes_lets_in_without_anything() {
    let fixture = Fixture::embedded().await;
    fixture.server.set_fault(Fault::LetsAnybodyIn);
    let mut server = login("web1", fixture.server.address().port());
    server["password"] = Value::Null;
    server["agent"] = json!(true);
    fixture.client.register(server).await;
    fixture.exec("true").await.ok();
}
