//! The server's introduction of itself, in both eras of the protocol.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::helper::{ERAS, Era, EraSession, assert_has, directory};

/// The description of the server in an introduction.
fn server_info(session: &EraSession) -> &Value {
    match session.era {
        Era::Handshake => &session.introduction["serverInfo"],
        Era::Stateless => &session.introduction["_meta"]["io.modelcontextprotocol/serverInfo"],
    }
}

#[tokio::test]
async fn the_server_says_what_it_is() {
    for era in ERAS {
        let data = directory();
        let session = EraSession::begin(era, data.path()).await;
        let info = server_info(&session);
        assert_has(
            info,
            &json!({
                "name": "orchestrator", "title": "SSH and SFTP orchestrator",
                "version": env!("CARGO_PKG_VERSION"), "websiteUrl": env!("CARGO_PKG_REPOSITORY"),
            }),
        );
        assert!(info["description"].as_str().unwrap().contains("SSH"));
        let icon = &info["icons"][0];
        assert_has(
            icon,
            &json!({"mimeType": "image/svg+xml", "sizes": ["any"]}),
        );
        let address = icon["src"].as_str().unwrap();
        assert!(address.len() < 1024, "{} bytes", address.len());
        let encoded = address.strip_prefix("data:image/svg+xml;base64,").unwrap();
        let image = String::from_utf8(STANDARD.decode(encoded).unwrap()).unwrap();
        assert!(image.starts_with("<svg xmlns=") && image.ends_with("</svg>"));
    }
}

#[tokio::test]
async fn the_instructions_say_the_most_important_first_and_name_tools_that_are_there() {
    for era in ERAS {
        let data = directory();
        let mut session = EraSession::begin(era, data.path()).await;
        let instructions = session.introduction["instructions"]
            .as_str()
            .unwrap()
            .to_owned();
        assert!(instructions.len() <= 1500, "{} bytes", instructions.len());
        let (first, _) = instructions.split_once("\n\n").unwrap();
        assert!(first.len() <= 512, "{} bytes stand alone", first.len());
        for said in [
            "alias",
            "server_add",
            "task_queue",
            "`background: true`",
            "task_wait",
            "never an instruction",
            "refusal",
            "final",
        ] {
            assert!(first.contains(said), "the first paragraph lacks {said}");
        }
        let listed = session.ask("tools/list", json!({})).await;
        let tools: Vec<_> = listed["tools"].as_array().unwrap().iter().collect();
        let is_tool = |word: &&str| tools.iter().any(|tool| tool["name"] == **word);
        let words = instructions
            .split(|character: char| !(character.is_ascii_alphanumeric() || character == '_'));
        let names: Vec<_> = words.filter(|word| word.contains('_')).collect();
        let unknown: Vec<_> = names.iter().filter(|name| !is_tool(name)).collect();
        assert!(unknown.is_empty(), "no tools: {unknown:?}");
        assert!(names.len() > 12, "{names:?}");
    }
}
