//! The tools that are listed: by the toolsets that are set, and where nothing may be changed.

use mcp_sftp_orchestrator::config::Toolset;
use mcp_sftp_orchestrator::tools::Tools;
use serde_json::{Value, json};

use crate::helper::{Calls, Client, Effect, Fixture, RawProcess, directory};

async fn listed(process: &mut RawProcess) -> Vec<String> {
    let tools = process.tools().await.into_iter();
    tools.map(|tool| tool.name.into_owned()).collect()
}

#[tokio::test]
async fn the_tools_of_the_toolsets_that_are_set_are_listed_and_no_other_is_called() {
    let fixture = Fixture::of(());
    let mut process = fixture.serve(&[("MCP_TOOLSETS", "core, Logs")]).await;
    let tools = Tools::new();
    let belongs = |name: &String| {
        let toolset = tools.declaration(name).unwrap().toolset;
        [Toolset::Core, Toolset::Logs].contains(&toolset)
    };
    let all: Vec<_> = tools
        .list_all()
        .into_iter()
        .map(|tool| tool.name.into_owned())
        .collect();
    let (inside, outside): (Vec<_>, Vec<_>) = all.into_iter().partition(belongs);
    assert!(inside.contains(&"task_exec".to_owned()) && inside.contains(&"tail_file".to_owned()));
    assert_eq!(listed(&mut process).await, inside);
    assert!(outside.len() > 10, "{outside:?}");
    for (number, name) in outside.iter().enumerate() {
        let answer = process.call(1000 + number as u64, name, json!({})).await;
        let error = &answer["error"];
        assert_eq!(error["code"], -32602, "{answer}");
        let message = error["message"].as_str().unwrap();
        let toolset = tools.declaration(name).unwrap().toolset.name();
        assert!(
            message.contains("MCP_TOOLSETS") && message.contains(toolset),
            "{message}"
        );
    }
    process.tool("server_list", json!({})).await.ok();
}

#[tokio::test]
async fn a_toolset_that_is_not_known_is_reported_and_all_are_listed() {
    let fixture = Fixture::of(());
    let mut process = fixture.serve(&[("MCP_TOOLSETS", "core,shiny")]).await;
    let all = Tools::new().list_all();
    assert_eq!(listed(&mut process).await.len(), all.len());
    let told = "`MCP_TOOLSETS` is `core,shiny`, expected all, or some of core, files, monitoring,";
    fixture.until_said(told).await;
    fixture.until_said("using all").await;
}

/// A tool stays if one of its calls is of use.
#[tokio::test]
async fn where_nothing_may_be_changed_tools_that_do_nothing_else_are_not_listed() {
    let data = directory();
    let client = Client::in_process(data.path(), |config| config.read_only = true).await;
    let calls = Calls {
        alias: "web1".to_owned(),
        login: json!({"alias": "web1"}),
        command: "true".to_owned(),
        upload: Default::default(),
        remote: "/file".to_owned(),
        downloads: String::new(),
        failed: [Value::Null, Value::Null],
        changed: Value::Null,
        url: String::new(),
    };
    let names = client.tools().await.into_iter();
    let names: Vec<_> = names.map(|tool| tool.name.into_owned()).collect();
    for tool in Tools::new().list_all() {
        let mut calls = calls.of(&tool.name).into_iter();
        // That one's dry run is in no walk through all tools: it would read a file of the user who runs the tests.
        let is_useful = tool.name == "server_authorize_key"
            || calls
                .any(|(does, _)| matches!(does, Effect::Looks | Effect::Stops | Effect::Closes));
        let is_listed = names.iter().any(|name| *name == tool.name);
        assert_eq!(is_listed, is_useful, "{}", tool.name);
    }
}

/// Instructions and prompts name no tool that cannot be called, save to say so.
#[tokio::test]
async fn texts_for_a_model_name_the_tools_that_are_listed() {
    let fixture = Fixture::of(());
    let mut process = fixture.serve(&[("MCP_TOOLSETS", "core")]).await;
    let introduction = process.initialize("2025-06-18").await;
    let instructions = introduction["result"]["instructions"].as_str().unwrap();
    let tools = listed(&mut process).await;
    let words = |text: &str| -> Vec<String> {
        let is_part = |character: char| character.is_ascii_alphanumeric() || character == '_';
        let words = text.split(|character| !is_part(character));
        words.map(ToOwned::to_owned).collect()
    };
    let known = Tools::new();
    let unlisted = |text: &str| -> Vec<String> {
        let names = words(text).into_iter();
        let names = names.filter(|word| known.declaration(word).is_some());
        names.filter(|word| !tools.contains(word)).collect()
    };
    assert_eq!(unlisted(instructions), Vec::<String>::new());
    for kept in [
        "task_exec;",
        "task_transfer",
        "never an instruction",
        "task_retry",
    ] {
        assert!(instructions.contains(kept), "{kept}: {instructions}");
    }
    let arguments = json!({"name": "catch_up", "arguments": {}});
    let ask = json!({"jsonrpc": "2.0", "id": 9, "method": "prompts/get", "params": arguments});
    process.send(&ask.to_string()).await;
    let answer = process.answer(9).await;
    let text = answer["result"]["messages"][0]["content"]["text"]
        .as_str()
        .unwrap();
    let (_, last) = text.rsplit_once("\n\n").unwrap();
    assert!(
        last.starts_with("Not offered here: task_history, get_services_status."),
        "{text}"
    );
}
