//! Resources: lists, templates and contents, in both eras of the protocol.

use serde_json::{Value, json};

use crate::helper::{ERAS, Era, EraSession, Fixture, assert_has, write};

const SECRET: &str = "zebra-91-Quartz-lantern";

/// A session whose server is `web1`, and which knows a secret.
async fn session(fixture: &Fixture<impl crate::helper::SshServer>, era: Era) -> EraSession {
    let mut session = EraSession::begin(era, &fixture.stored("")).await;
    let other = json!({
        "alias": "other", "host": "192.0.2.7", "user": "deploy", "password": SECRET, "verify": false,
    });
    session.tool("server_add", other).await;
    session
}

/// The ID of a task that runs `cmd`.
async fn run(session: &mut EraSession, cmd: &str) -> String {
    let call = json!({"alias": "web1", "cmd": cmd});
    session.tool("task_exec", call).await;
    let listed = session.ask("resources/list", json!({})).await;
    let newest = uris(&listed)
        .find_map(|uri| uri.strip_prefix("orchestrator://tasks/").map(str::to_owned))
        .expect("the task is listed");
    newest.split('/').next().unwrap().to_owned()
}

fn uris(listed: &Value) -> impl Iterator<Item = &str> {
    let resources = listed["resources"].as_array().unwrap();
    resources
        .iter()
        .map(|resource| resource["uri"].as_str().unwrap())
}

/// The contents of a resource: the address, type and text of each part.
async fn read(session: &mut EraSession, uri: &str) -> Vec<(String, String, String)> {
    let result = session.ask("resources/read", json!({"uri": uri})).await;
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let contents = result["contents"].as_array().unwrap().iter();
    contents
        .map(|part| {
            (
                text(&part["uri"]),
                text(&part["mimeType"]),
                text(&part["text"]),
            )
        })
        .collect()
}

/// The JSON that a resource holds.
async fn read_json(session: &mut EraSession, uri: &str) -> Value {
    let parts = read(session, uri).await;
    assert_eq!((parts.len(), parts[0].1.as_str()), (1, "application/json"));
    serde_json::from_str(&parts[0].2).unwrap()
}

#[tokio::test]
async fn what_is_listed_can_be_read() {
    let fixture = Fixture::embedded().await;
    for era in ERAS {
        let mut session = session(&fixture, era).await;
        let id = run(&mut session, "echo out; echo err >&2").await;
        let task = format!("orchestrator://tasks/{id}");
        let listed = session.ask("resources/list", json!({})).await;
        let all: Vec<_> = uris(&listed).map(str::to_owned).collect();
        assert_eq!(
            &all[..7],
            [
                "orchestrator://audit",
                "orchestrator://policy",
                "orchestrator://shells",
                "orchestrator://servers/web1",
                "orchestrator://servers/other",
                &task,
                &format!("{task}/output"),
            ]
        );
        let described = &listed["resources"][5];
        assert_has(
            described,
            &json!({"name": id, "mimeType": "application/json"}),
        );
        let says = described["description"].as_str().unwrap();
        assert!(says.starts_with("completed on `web1`: "), "{says}");
        for uri in &all {
            let parts = read(&mut session, uri).await;
            assert_eq!(&parts[0].0, uri);
        }
    }
}

#[tokio::test]
async fn a_task_and_its_output_are_read_whole() {
    let fixture = Fixture::embedded().await;
    for era in ERAS {
        let mut session = session(&fixture, era).await;
        let id = run(&mut session, "seq 1 5000; echo err >&2; exit 3").await;
        let record = read_json(&mut session, &format!("orchestrator://tasks/{id}")).await;
        assert_has(
            &record,
            &json!({"id": id, "alias": "web1", "status": "failed", "exitCode": 3}),
        );
        let output = format!("orchestrator://tasks/{id}/output");
        let parts = read(&mut session, &output).await;
        let lines: Vec<_> = parts[0].2.lines().collect();
        assert_eq!((lines.len(), lines[4999]), (5000, "5000"));
        let stderr = format!("orchestrator://tasks/{id}/stderr");
        let expected = (stderr.clone(), "text/plain".to_owned(), "err".to_owned());
        assert_eq!(parts[1], expected);
        assert_eq!(read(&mut session, &stderr).await, [expected]);
    }
}

#[tokio::test]
async fn a_server_is_shown_with_its_host_key_and_without_its_secrets() {
    let fixture = Fixture::embedded().await;
    for era in ERAS {
        let mut session = session(&fixture, era).await;
        run(&mut session, "true").await;
        let server = read_json(&mut session, "orchestrator://servers/web1").await;
        assert_has(&server, &json!({"alias": "web1", "connections": 1}));
        let key = server["hostKeys"][0].as_str().unwrap();
        assert!(key.starts_with("SHA256:"), "{key}");
        let other = read_json(&mut session, "orchestrator://servers/other").await;
        assert_has(
            &other,
            &json!({"alias": "other", "connections": 0, "hostKeys": []}),
        );
        assert_has(
            &other["server"],
            &json!({"host": "192.0.2.7", "password": "***"}),
        );
        assert!(!session.process.heard.contains(SECRET));
    }
}

#[tokio::test]
async fn the_audit_s_last_entries_and_the_policy_are_read() {
    let fixture = Fixture::embedded().await;
    for era in ERAS {
        let mut session = session(&fixture, era).await;
        session
            .tool("policy_blocklist_add", json!({"pattern": "frobnicate"}))
            .await;
        run(&mut session, &format!("echo {SECRET}")).await;
        let policy = read_json(&mut session, "orchestrator://policy").await;
        let rules = policy["blocklist"].as_array().unwrap();
        assert!(rules.contains(&json!("frobnicate")), "{policy}");
        let parts = read(&mut session, "orchestrator://audit").await;
        assert_eq!(parts[0].1, "application/x-ndjson");
        let entries = parts[0]
            .2
            .lines()
            .map(|line| serde_json::from_str(line).unwrap());
        let entries: Vec<Value> = entries.collect();
        let [begun, ended] = &entries[entries.len() - 2..] else {
            unreachable!()
        };
        let call = json!({"event": "begun", "tool": "task_exec", "alias": "web1"});
        assert_has(begun, &call);
        assert_eq!(begun["arguments"]["cmd"], "echo ***");
        assert_has(
            ended,
            &json!({"event": "ended", "call": begun["call"], "exitCode": 0}),
        );
        assert!(begun.get("previous").is_none() && begun.get("digest").is_none());
        assert!(!session.process.heard.contains(SECRET));
    }
}

#[tokio::test]
async fn an_unknown_address_is_refused_as_the_era_says() {
    let fixture = Fixture::embedded().await;
    for (era, code) in [(Era::Handshake, -32002), (Era::Stateless, -32602)] {
        let mut session = session(&fixture, era).await;
        for uri in [
            "orchestrator://tasks/none",
            "orchestrator://tasks/none/output",
            "orchestrator://tasks/..%2F..%2Fservers.json/output",
            "orchestrator://servers/none",
            "orchestrator://nothing",
            "file:///etc/hostname",
            "",
        ] {
            let error = session.refused("resources/read", json!({"uri": uri})).await;
            assert_eq!(
                (&error["code"], &error["data"]["uri"]),
                (&json!(code), &json!(uri))
            );
            let says = error["message"].as_str().unwrap();
            assert_eq!(says, format!("resource `{uri}` is not known"));
        }
    }
}

#[tokio::test]
async fn a_long_list_comes_in_pages_that_leave_nothing_out() {
    let fixture = Fixture::embedded().await;
    let servers = (0..250).map(|number| {
        let entry = json!({"host": "192.0.2.7", "user": "deploy"});
        (format!("server-{number}"), entry)
    });
    let servers = Value::Object(servers.collect());
    write(fixture.stored("servers.json"), servers.to_string());
    for era in ERAS {
        let mut session = EraSession::begin(era, &fixture.stored("")).await;
        let (mut all, mut pages, mut cursor) = (Vec::new(), 0, json!({}));
        loop {
            let page = session.ask("resources/list", cursor).await;
            all.extend(uris(&page).map(str::to_owned));
            pages += 1;
            let Some(next) = page.get("nextCursor") else {
                break;
            };
            assert_eq!(page["resources"].as_array().unwrap().len(), 100);
            cursor = json!({"cursor": next});
        }
        let distinct: std::collections::BTreeSet<_> = all.iter().collect();
        assert_eq!((pages, all.len(), distinct.len()), (3, 253, 253));
        let gone = json!({"cursor": "orchestrator://tasks/gone"});
        let error = session.refused("resources/list", gone).await;
        assert_eq!(error["code"], -32602, "{error}");
    }
}

#[tokio::test]
async fn lists_that_stay_the_same_say_how_long_where_the_era_has_it() {
    let fixture = Fixture::embedded().await;
    for era in ERAS {
        let mut session = EraSession::begin(era, &fixture.stored("")).await;
        for (method, constant) in [
            ("tools/list", true),
            ("prompts/list", true),
            ("resources/templates/list", true),
            ("resources/list", false),
        ] {
            let listed = session.ask(method, json!({})).await;
            let kept = listed.get("ttlMs").and_then(Value::as_u64);
            match (era, constant) {
                (Era::Handshake, _) => assert_eq!(kept, None, "{method}"),
                (Era::Stateless, true) => assert!(kept > Some(60_000), "{method}: {kept:?}"),
                (Era::Stateless, false) => assert_eq!(kept, Some(0), "{method}"),
            }
        }
        let templates = session.ask("resources/templates/list", json!({})).await;
        let templates = templates["resourceTemplates"].as_array().unwrap();
        let templates: Vec<_> = templates.iter().map(|one| &one["uriTemplate"]).collect();
        assert_eq!(
            templates,
            [
                "orchestrator://tasks/{id}",
                "orchestrator://tasks/{id}/output",
                "orchestrator://servers/{alias}",
            ]
        );
    }
}
