//! Completions of the arguments of prompts and templates.

use serde_json::{Value, json};

use crate::helper::{ERAS, EraSession, Fixture, write};

fn of_prompt(name: &str) -> Value {
    json!({"type": "ref/prompt", "name": name})
}

fn of_template(uri: &str) -> Value {
    json!({"type": "ref/resource", "uri": uri})
}

/// The completion of what was typed.
async fn complete(session: &mut EraSession, of: Value, argument: &str, typed: &str) -> Value {
    let argument = json!({"name": argument, "value": typed});
    let request = json!({"ref": of, "argument": argument});
    let mut result = session.ask("completion/complete", request).await;
    result["completion"].take()
}

#[tokio::test]
async fn aliases_and_task_ids_are_completed() {
    let fixture = Fixture::embedded().await;
    for era in ERAS {
        let mut session = EraSession::begin(era, &fixture.stored("")).await;
        let other = json!({
            "alias": "webfarm", "host": "192.0.2.7", "user": "deploy", "password": "x", "verify": false,
        });
        session.tool("server_add", other).await;
        for of in [
            of_prompt("investigate"),
            of_prompt("deploy"),
            of_template("orchestrator://servers/{alias}"),
        ] {
            let found = complete(&mut session, of.clone(), "alias", "web").await;
            assert_eq!(found["values"], json!(["web1", "webfarm"]), "{of}");
            let found = complete(&mut session, of.clone(), "alias", "webf").await;
            assert_eq!(found["values"], json!(["webfarm"]), "{of}");
        }
        session
            .tool("task_exec", json!({"alias": "web1", "cmd": "true"}))
            .await;
        for template in [
            "orchestrator://tasks/{id}",
            "orchestrator://tasks/{id}/output",
        ] {
            let found = complete(&mut session, of_template(template), "id", "").await;
            let ids = found["values"].as_array().unwrap();
            let id = ids[0].as_str().unwrap();
            assert_eq!(id.len(), 8, "{found}");
            let found = complete(&mut session, of_template(template), "id", id).await;
            assert_eq!(found["values"], json!([id]));
        }
        let found = complete(&mut session, of_prompt("deploy"), "remote", "/").await;
        assert_eq!(found["values"], json!([]), "a server is not asked");
    }
}

#[tokio::test]
async fn local_paths_are_completed_inside_the_allowed_directories() {
    let fixture = Fixture::rooted().await;
    for name in [
        "inside/site/a",
        "inside/side",
        "inside/.hidden",
        "outside/secret",
    ] {
        write(fixture.here(name), "x");
    }
    std::os::unix::fs::symlink("../outside", fixture.here("inside/simlink")).unwrap();
    let root = fixture.here("inside").canonicalize().unwrap();
    let root = root.display().to_string();
    let base = root.strip_suffix("inside").unwrap();
    let settings = [("MCP_ALLOWED_ROOTS", root.as_str())];
    for era in ERAS {
        let mut session =
            EraSession::begin_with(era, &fixture.stored(""), json!({}), &settings).await;
        for (typed, expected) in [
            (String::new(), vec!["inside/"]),
            // `root` is a link to it.
            (base.to_owned(), vec!["inside/", "root/"]),
            (format!("{root}/si"), vec!["inside/side", "inside/site/"]),
            (format!("{root}/site/"), vec!["inside/site/a"]),
            (format!("{root}/."), vec!["inside/.hidden"]),
            (format!("{base}outside/"), vec![]),
            ("/etc/".to_owned(), vec![]),
        ] {
            let expected: Vec<_> = expected
                .iter()
                .map(|path| format!("{base}{path}"))
                .collect();
            let found = complete(&mut session, of_prompt("deploy"), "local", &typed).await;
            assert_eq!(found["values"], json!(expected), "{typed}");
        }
    }
}

#[tokio::test]
async fn no_more_than_a_hundred_values_come() {
    let fixture = Fixture::embedded().await;
    for number in 0..120 {
        write(fixture.here(&format!("many/file-{number:03}")), "");
    }
    for era in ERAS {
        let mut session = EraSession::begin(era, &fixture.stored("")).await;
        let typed = fixture.local("many/");
        let found = complete(&mut session, of_prompt("deploy"), "local", &typed).await;
        let values = found["values"].as_array().unwrap();
        assert_eq!((values.len(), &found["hasMore"]), (100, &json!(true)));
        assert_eq!(values[0], format!("{typed}file-000"));
    }
}

#[tokio::test]
async fn what_is_not_there_is_not_completed() {
    let fixture = Fixture::embedded().await;
    for era in ERAS {
        let mut session = EraSession::begin(era, &fixture.stored("")).await;
        for (of, argument) in [
            (of_prompt("none"), "alias"),
            (of_prompt("investigate"), "none"),
            (of_template("orchestrator://nothing/{x}"), "x"),
            (of_template("orchestrator://tasks/{id}"), "alias"),
        ] {
            let argument = json!({"name": argument, "value": ""});
            let request = json!({"ref": of, "argument": argument});
            let error = session.refused("completion/complete", request).await;
            assert_eq!(error["code"], -32602, "{of}: {error}");
        }
    }
}
