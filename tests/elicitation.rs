//! Questions to the person behind a client, in both eras, and at a terminal where the client cannot ask.

use std::path::Path;

use serde_json::{Value, json};

use crate::helper::{ERAS, Era, EraSession, Folder, Sshd, Terminal, assert_has, directory};

/// A client that shows forms.
fn asks() -> Value {
    json!({"elicitation": {}})
}

fn yes() -> Value {
    json!({"action": "accept", "content": {"confirm": true}})
}

/// A session of a client with these capabilities, which knows the server `web1`.
async fn session(era: Era, data: &Folder, capabilities: Value) -> EraSession {
    let mut session = EraSession::begin_with(era, data.path(), capabilities, &[]).await;
    add(&mut session, "web1").await;
    session
}

async fn add(session: &mut EraSession, alias: &str) {
    let server = json!({
        "alias": alias, "host": "192.0.2.7", "user": "deploy", "password": "quiet-Harbour-55",
        "verify": false,
    });
    session.tool("server_add", server).await;
}

/// Returns true if the server is configured.
fn is_there(data: &Path, alias: &str) -> bool {
    let servers = std::fs::read_to_string(data.join("servers.json")).unwrap();
    let servers: Value = serde_json::from_str(&servers).unwrap();
    servers.get(alias).is_some()
}

/// The error object of a result.
#[track_caller]
fn error(result: &Value, code: &str) -> Value {
    let text = result["content"][0]["text"].as_str().unwrap();
    assert_eq!(result["isError"], true, "{text}");
    let object: Value = serde_json::from_str(text).unwrap();
    assert_eq!(object["code"], code, "{text}");
    object
}

#[tokio::test]
async fn a_yes_is_a_form_with_a_true_boolean_and_nothing_else() {
    for era in ERAS {
        let data = directory();
        let mut session = session(era, &data, asks()).await;
        let remove = json!({"alias": "web1"});
        for no in [
            json!({"action": "accept", "content": {}}),
            json!({"action": "accept"}),
            json!({"action": "accept", "content": {"confirm": false}}),
            json!({"action": "accept", "content": {"confirm": "true"}}),
            json!({"action": "accept", "content": {"Confirm": true}}),
            json!({"action": "decline"}),
            json!({"action": "decline", "content": {"confirm": true}}),
            json!({"action": "cancel", "content": {"confirm": true}}),
        ] {
            let (questions, result) = session
                .asked("server_remove", remove.clone(), no.clone())
                .await;
            assert_eq!(questions.len(), 1, "{no}");
            let declined = error(&result, "DECLINED");
            assert!(
                declined["details"]["hint"]
                    .as_str()
                    .unwrap()
                    .contains("ask what they want")
            );
            assert!(is_there(data.path(), "web1"), "{no}");
        }
        let (questions, result) = session.asked("server_remove", remove, yes()).await;
        assert_has(&result, &json!({"isError": false}));
        assert!(!is_there(data.path(), "web1"));
        let audit = json!({"uri": "orchestrator://audit"});
        let audit = session.ask("resources/read", audit).await;
        let audit = audit["contents"][0]["text"].as_str().unwrap();
        let outcomes = |word: &str| audit.matches(&format!(r#""outcome":"{word}""#)).count();
        let asked = if era == Era::Stateless { 9 } else { 0 };
        assert_eq!(
            (outcomes("DECLINED"), outcomes("asked")),
            (8, asked),
            "{audit}"
        );
        let [question] = questions.as_slice() else {
            panic!("{questions:?}")
        };
        let says = question["message"].as_str().unwrap();
        assert!(says.contains("`web1` (deploy@192.0.2.7:22)"), "{says}");
        let form = &question["requestedSchema"];
        assert_eq!(form["required"], json!(["confirm"]));
        assert_has(&form["properties"]["confirm"], &json!({"type": "boolean"}));
    }
}

#[tokio::test]
async fn nobody_is_asked_about_what_cannot_be() {
    for era in ERAS {
        let data = directory();
        let mut session = session(era, &data, asks()).await;
        for (tool, arguments, code) in [
            ("server_remove", json!({"alias": "none"}), "UNKNOWN_ALIAS"),
            (
                "policy_blocklist_remove",
                json!({"pattern": "none"}),
                "INVALID_ARGUMENT",
            ),
        ] {
            let (questions, result) = session.asked(tool, arguments, yes()).await;
            error(&result, code);
            assert_eq!(questions, Vec::<Value>::new(), "{tool}");
        }
    }
}

/// The state of one question is no yes to another, and to the same one only once.
#[tokio::test]
async fn a_state_cannot_be_used_for_anything_else() {
    let data = directory();
    let mut session = session(Era::Stateless, &data, asks()).await;
    add(&mut session, "web2").await;
    let call = |alias: &str| json!({"name": "server_remove", "arguments": {"alias": alias}});
    let first = session.ask("tools/call", call("web1")).await;
    assert_eq!(first["resultType"], "input_required");
    let with = |alias: &str, state: &Value| {
        let mut call = call(alias);
        call["inputResponses"] = json!({"confirm": yes()});
        call["requestState"] = state.clone();
        call
    };
    for (alias, state) in [
        ("web1", json!("forged")),
        ("web2", first["requestState"].clone()),
        // It was used up.
        ("web1", first["requestState"].clone()),
    ] {
        let again = session.ask("tools/call", with(alias, &state)).await;
        assert_eq!(again["resultType"], "input_required", "{again}");
        assert_ne!(again["requestState"], state);
        assert!(is_there(data.path(), "web1") && is_there(data.path(), "web2"));
    }
    let (_, result) = session
        .asked("server_remove", json!({"alias": "web1"}), yes())
        .await;
    assert_eq!(result["isError"], false);
    add(&mut session, "web1").await;
    let state = first["requestState"].clone();
    let again = session.ask("tools/call", with("web1", &state)).await;
    assert_eq!(again["resultType"], "input_required");
    assert!(is_there(data.path(), "web1"));
}

#[tokio::test]
async fn a_call_that_is_cancelled_while_the_person_thinks_does_nothing() {
    let data = directory();
    let mut session = session(Era::Handshake, &data, asks()).await;
    let call = json!({
        "jsonrpc": "2.0", "id": 77, "method": "tools/call",
        "params": {"name": "server_remove", "arguments": {"alias": "web1"}},
    });
    session.process.send(&call.to_string()).await;
    let question = session.process.receive().await;
    assert_eq!(question["method"], "elicitation/create");
    let cancel = json!({
        "jsonrpc": "2.0", "method": "notifications/cancelled",
        "params": {"requestId": 77, "reason": "the user pressed escape"},
    });
    session.process.send(&cancel.to_string()).await;
    let withdrawn = session.process.receive().await;
    assert_has(&withdrawn, &json!({"method": "notifications/cancelled"}));
    assert_eq!(withdrawn["params"]["requestId"], question["id"]);
    let late = json!({"jsonrpc": "2.0", "id": question["id"], "result": yes()});
    session.process.send(&late.to_string()).await;
    session.tool("server_list", json!({})).await;
    assert!(is_there(data.path(), "web1"));
}

#[tokio::test]
async fn a_client_that_cannot_ask_removes_a_server_at_once() {
    for era in ERAS {
        for capabilities in [json!({}), json!({"elicitation": {"url": {}}})] {
            let data = directory();
            let mut session = session(era, &data, capabilities).await;
            let (questions, result) = session
                .asked("server_remove", json!({"alias": "web1"}), yes())
                .await;
            assert_eq!((questions.len(), &result["isError"]), (0, &json!(false)));
            assert!(!is_there(data.path(), "web1"));
        }
    }
}

#[tokio::test]
async fn a_question_shows_no_secret() {
    for era in ERAS {
        let data = directory();
        let mut session = session(era, &data, asks()).await;
        let rule = json!({"pattern": "login quiet-Harbour-55"});
        session.tool("policy_blocklist_add", rule.clone()).await;
        let (questions, result) = session.asked("policy_blocklist_remove", rule, yes()).await;
        assert_eq!(result["isError"], false, "{result}");
        let says = questions[0]["message"].as_str().unwrap();
        assert!(says.contains("`login ***`"), "{says}");
    }
}

#[tokio::test]
async fn what_makes_the_policy_weaker_waits_for_a_person_at_a_terminal() {
    for era in ERAS {
        let terminal = Terminal::open().await;
        let mut session = session(era, &terminal.data, json!({})).await;
        let rule = json!({"pattern": "shutdown"});
        session.tool("policy_blocklist_add", rule.clone()).await;
        let remove = async |session: &mut EraSession| {
            let result = session.tool("policy_blocklist_remove", rule.clone()).await;
            (result["isError"] == true).then(|| error(&result, "APPROVAL_PENDING"))
        };
        let pending = remove(&mut session).await.unwrap();
        let details = &pending["details"];
        let id = details["approval"].as_str().unwrap().to_owned();
        let hint = details["hint"].as_str().unwrap();
        let typed = format!("mcp-sftp-orchestrator approve {id} --data-dir=");
        assert!(hint.contains(&typed), "{hint}");
        let question = details["question"].as_str().unwrap();
        assert!(question.contains("`shutdown`"), "{question}");

        assert_eq!(
            remove(&mut session).await.unwrap()["details"]["approval"],
            id
        );
        let listed = terminal.types("approve", "").await;
        assert!(listed.contains(&format!("{id}  {question}")), "{listed}");
        // Neither a program, nor another word, nor an ID that is not known is a yes.
        let program = terminal
            .shell
            .exec(&terminal.command(&format!("approve {id}")))
            .await;
        assert!(
            program.text().contains("at a terminal"),
            "{}",
            program.text()
        );
        let other = terminal.types(&format!("approve {id}"), "y").await;
        assert!(other.contains("nothing was approved"), "{other}");
        let unknown = terminal.types("approve 00000000", "yes").await;
        assert!(
            unknown.contains("no question `00000000` is open"),
            "{unknown}"
        );
        assert!(remove(&mut session).await.is_some());

        let approved = terminal.types(&format!("approve {id}"), "yes").await;
        assert!(
            approved.contains(question) && approved.contains("approved"),
            "{approved}"
        );
        let audit = json!({"uri": "orchestrator://audit"});
        let audit = session.ask("resources/read", audit).await.to_string();
        assert!(audit.contains(r#"\"tool\":\"approve\""#), "{audit}");
        let verified = terminal.types("audit verify", "").await;
        assert!(verified.contains("are in order"), "{verified}");
        let twice = terminal.types(&format!("approve {id}"), "yes").await;
        assert!(twice.contains("no question"), "{twice}");
        assert_eq!(remove(&mut session).await, None);

        session.tool("policy_blocklist_add", rule.clone()).await;
        let anew = remove(&mut session).await.unwrap();
        let id = anew["details"]["approval"].as_str().unwrap();
        let denied = terminal.types(&format!("deny {id}"), "").await;
        assert!(denied.contains("denied"), "{denied}");
        let result = session.tool("policy_blocklist_remove", rule.clone()).await;
        error(&result, "DECLINED");
    }
}

#[tokio::test]
async fn a_changed_host_key_is_trusted_only_if_the_person_agrees() {
    for era in ERAS {
        let (mut sshd, data) = (Sshd::start(), directory());
        let mut session = EraSession::begin_with(era, data.path(), asks(), &[]).await;
        session.tool("server_add", sshd.login("web1")).await;
        let old = sshd.fingerprint();
        let trust = |key: &str| json!({"alias": "web1", "fingerprint": key});
        let (questions, result) = session.asked("server_trust", trust(&old), yes()).await;
        assert_eq!((questions.len(), &result["isError"]), (0, &json!(false)));

        sshd.change_host_key(&["-t", "ed25519"]);
        let new = sshd.fingerprint();
        let decline = json!({"action": "decline"});
        let (questions, result) = session.asked("server_trust", trust(&new), decline).await;
        error(&result, "DECLINED");
        let says = questions[0]["message"].as_str().unwrap();
        assert!(
            says.contains(&old) && says.contains(&new) && says.contains("`web1`"),
            "{says}"
        );
        let run = json!({"alias": "web1", "cmd": "true"});
        error(
            &session.tool("task_exec", run.clone()).await,
            "HOST_KEY_MISMATCH",
        );

        let mut unable = EraSession::begin(era, data.path()).await;
        let (questions, result) = unable.asked("server_trust", trust(&new), yes()).await;
        error(&result, "APPROVAL_PENDING");
        assert_eq!(questions.len(), 0);
        error(
            &session.tool("task_exec", run.clone()).await,
            "HOST_KEY_MISMATCH",
        );

        let (questions, result) = session.asked("server_trust", trust(&new), yes()).await;
        assert_eq!((questions.len(), &result["isError"]), (1, &json!(false)));
        assert_eq!(session.tool("task_exec", run).await["isError"], false);
    }
}
