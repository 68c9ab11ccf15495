//! Structured content: which answers carry it, by the tool and by `MCP_STRUCTURED`.

use mcp_sftp_orchestrator::config::Structured;
use serde_json::{Value, json};

use crate::helper::{Answer, EmbeddedHost, Fixture};

async fn fixture(choice: Structured) -> Fixture<EmbeddedHost> {
    Fixture::embedded_with(|config| config.structured = choice).await
}

fn structure(answer: &Answer) -> Option<&Value> {
    answer.0.structured_content.as_ref()
}

#[tokio::test]
async fn text_is_sent_alone_and_data_with_its_structure() {
    let fixture = fixture(Structured::Auto).await;
    let ran = fixture.exec("echo hi; exit 3").await.ok();
    assert_eq!(structure(&ran), None);
    assert_eq!(ran.0.meta, None);
    assert!(ran.text().contains("hi"), "{}", ran.text());
    let stats = fixture.client.call("queue_stats", json!({})).await.ok();
    assert_eq!(structure(&stats).unwrap()["stats"]["total"], 1);
    for (tool, arguments, code) in [
        ("task_exec", json!({"cmd": "true"}), "INVALID_ARGUMENT"),
        ("task_status", json!({"id": "00000000"}), "UNKNOWN_TASK"),
    ] {
        let failed = fixture.client.call(tool, arguments).await;
        assert_eq!(structure(&failed), None, "{tool}");
        failed.error(code);
    }
    // The trail knows what came of a call all the same.
    let trail = std::fs::read_to_string(fixture.stored("audit.jsonl")).unwrap();
    let ended = trail
        .lines()
        .rfind(|line| line.contains(r#""event":"ended","#));
    let ended: Value = serde_json::from_str(ended.unwrap()).unwrap();
    assert_eq!(ended["outcome"], "INVALID_ARGUMENT");
    let outcome = r#""outcome":"failed""#;
    let ran = trail.lines().find(|line| line.contains(outcome));
    let ran: Value = serde_json::from_str(ran.unwrap()).unwrap();
    assert_eq!(ran["exitCode"], 3);
    assert_eq!(ran["job"].as_str().unwrap().len(), 8);
}

#[tokio::test]
async fn the_choice_overrides_what_a_tool_does() {
    let always = fixture(Structured::Always).await;
    let ran = always.exec("echo hi").await.ok();
    assert_eq!(structure(&ran).unwrap()["output"], "hi");
    let never = fixture(Structured::Never).await;
    for tool in never.client.tools().await {
        assert_eq!(tool.output_schema, None, "{}", tool.name);
    }
    let stats = never.client.call("queue_stats", json!({})).await.ok();
    assert_eq!(structure(&stats), None);
}

/// A tool has an output schema exactly if its answers carry structured content.
#[tokio::test]
async fn only_data_has_a_schema() {
    let fixture = fixture(Structured::Auto).await;
    for tool in fixture.client.tools().await {
        let looks = match &*tool.name {
            "task_queue" | "task_history" | "queue_stats" | "server_list" | "pool_stats" => {
                fixture.client.call(tool.name.clone(), json!({})).await
            }
            "get_system_resources" => {
                let arguments = json!({"alias": "web1"});
                fixture.client.call(tool.name.clone(), arguments).await
            }
            "tail_file" => {
                let arguments = json!({"alias": "web1", "filepath": "/etc/passwd"});
                fixture.client.call(tool.name.clone(), arguments).await
            }
            _ => continue,
        };
        let carries = structure(&looks.ok()).is_some();
        assert_eq!(carries, tool.output_schema.is_some(), "{}", tool.name);
    }
}

#[tokio::test]
async fn a_notice_stands_in_the_structure_too() {
    let fixture = fixture(Structured::Auto).await;
    std::fs::write(fixture.stored("apis.json"), "{").unwrap();
    let listed = fixture.client.call("api_list", json!({})).await.ok();
    let notice = structure(&listed).unwrap()["notices"][0].as_str().unwrap();
    assert!(notice.contains("apis.json"), "{notice}");
    let last = listed.0.content.last().unwrap().as_text().unwrap();
    assert_eq!(last.text, format!("Note: {notice}"));
}
