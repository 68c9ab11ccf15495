//! Prompts: their list, their texts, and refusals of arguments.

use serde_json::{Value, json};

use crate::helper::{ERAS, EraSession, Fixture, write};

/// Arguments of each prompt that are all it takes.
fn arguments(name: &str, local: &str) -> Value {
    match name {
        "add_server" => json!({"alias": "web7", "host": "192.0.2.7", "user": "deploy"}),
        "investigate" => json!({"alias": "web1", "problem": "it is slow\nsince noon"}),
        "deploy" => json!({"alias": "web1", "local": local, "remote": "/srv/{alias}"}),
        "catch_up" => json!({"alias": "web1"}),
        other => panic!("{other} is new here"),
    }
}

/// The text of a prompt.
async fn text(session: &mut EraSession, name: &str, arguments: Value) -> String {
    let get = json!({"name": name, "arguments": arguments});
    let result = session.ask("prompts/get", get).await;
    let messages = result["messages"].as_array().unwrap();
    assert_eq!((messages.len(), &messages[0]["role"]), (1, &json!("user")));
    messages[0]["content"]["text"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn each_prompt_names_tools_that_are_there_and_says_what_was_given() {
    let fixture = Fixture::embedded().await;
    write(fixture.here("site"), "x");
    let local = fixture.local("site");
    for era in ERAS {
        let mut session = EraSession::begin(era, &fixture.stored("")).await;
        let listed = session.ask("tools/list", json!({})).await;
        let tools: Vec<_> = listed["tools"].as_array().unwrap().clone();
        let prompts = session.ask("prompts/list", json!({})).await;
        let prompts = prompts["prompts"].as_array().unwrap();
        assert_eq!(prompts.len(), 4);
        for prompt in prompts {
            assert!(prompt["title"].is_string() && prompt["description"].is_string());
            let name = prompt["name"].as_str().unwrap();
            let given = arguments(name, &local);
            let declared = prompt["arguments"].as_array().unwrap().iter();
            let declared: Vec<_> = declared.map(|one| one["name"].as_str().unwrap()).collect();
            assert_eq!(
                declared,
                given.as_object().unwrap().keys().collect::<Vec<_>>(),
                "{name}"
            );
            let text = text(&mut session, name, given.clone()).await;
            for (argument, value) in given.as_object().unwrap() {
                assert!(
                    text.contains(value.as_str().unwrap()),
                    "{name}: {argument}\n{text}"
                );
            }
            let is_name = |character: char| character.is_ascii_alphanumeric() || character == '_';
            let words = text.split(|character: char| !is_name(character));
            let named: Vec<_> = words.filter(|word| word.contains('_')).collect();
            let is_tool = |word: &&&str| tools.iter().any(|tool| tool["name"] == **word);
            let unknown: Vec<_> = named.iter().filter(|word| !is_tool(word)).collect();
            assert!(unknown.is_empty(), "{name}: no tools: {unknown:?}");
            assert!(named.len() >= 3, "{name}: {named:?}");
        }
    }
}

#[tokio::test]
async fn what_may_be_left_out_leaves_no_gap() {
    let fixture = Fixture::embedded().await;
    for era in ERAS {
        let mut session = EraSession::begin(era, &fixture.stored("")).await;
        for (name, arguments, says) in [
            ("add_server", json!({}), "Host: ask me"),
            (
                "investigate",
                json!({"alias": "web1", "problem": " "}),
                "nothing in particular",
            ),
            ("catch_up", Value::Null, "Only about: all servers"),
        ] {
            let text = text(&mut session, name, arguments).await;
            assert!(text.contains(says) && !text.contains('{'), "{text}");
        }
    }
}

#[tokio::test]
async fn arguments_that_cannot_be_meant_are_refused() {
    let fixture = Fixture::rooted().await;
    write(fixture.here("outside/file"), "x");
    write(fixture.here("inside/file"), "x");
    let settings = [("MCP_ALLOWED_ROOTS", fixture.local("inside"))];
    let settings = settings
        .each_ref()
        .map(|(name, value)| (*name, value.as_str()));
    let (outside, inside) = (fixture.local("outside/file"), fixture.local("inside/file"));
    for era in ERAS {
        let mut session =
            EraSession::begin_with(era, &fixture.stored(""), json!({}), &settings).await;
        let deploy = |local: &str| json!({"alias": "web1", "local": local, "remote": "/srv"});
        text(&mut session, "deploy", deploy(&inside)).await;
        for (name, arguments, says) in [
            ("none", json!({}), "names no prompt"),
            ("investigate", json!({}), "`alias` is missing"),
            (
                "investigate",
                json!({"alias": "none"}),
                "`alias` names no server",
            ),
            (
                "investigate",
                json!({"alias": "web1", "what": "x"}),
                "`what` is not known",
            ),
            (
                "investigate",
                json!({"alias": "web1", "problem": "\u{1b}[2J"}),
                "control character",
            ),
            (
                "investigate",
                json!({"alias": "web1", "problem": "x".repeat(5000)}),
                "longer than",
            ),
            ("deploy", deploy(&outside), "outside the directories"),
        ] {
            let get = json!({"name": name, "arguments": arguments});
            let error = session.refused("prompts/get", get).await;
            assert_eq!(error["code"], -32602, "{error}");
            assert!(error.to_string().contains(says), "{says}: {error}");
        }
    }
}

#[tokio::test]
async fn a_prompt_shows_no_secret() {
    let fixture = Fixture::embedded().await;
    let secret = "marble-77-Fjord-otter";
    for era in ERAS {
        let mut session = EraSession::begin(era, &fixture.stored("")).await;
        let other = json!({
            "alias": "other", "host": "192.0.2.7", "user": "deploy", "password": secret, "verify": false,
        });
        session.tool("server_add", other).await;
        let problem = json!({"alias": "web1", "problem": format!("password {secret} fails")});
        let text = text(&mut session, "investigate", problem).await;
        assert!(text.contains("password *** fails"), "{text}");
    }
}
