//! Conformance to MCP, as programs of others see it: Inspector, `mcp-conform`, the official suite.

use std::process::Stdio;

use futures_util::future::join_all;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use crate::helper::{
    BINARY, EmbeddedHost, Fixture, PATIENCE, apart, directory, printed, run_apart, script,
    test_tool, text,
};

const NODE: &str = "mcp/node_modules/.bin/node";

/// The official suite speaks HTTP to servers: the bridge to this one, with its port. It ends when dropped.
struct Bridge {
    _process: Child,
    port: u16,
}

impl Bridge {
    async fn start(fixture: &Fixture<EmbeddedHost>) -> Option<Self> {
        let mut command = apart(Command::new(test_tool(NODE)?));
        command
            .arg(script("bridge.mjs"))
            .arg(BINARY)
            .arg(format!("--data-dir={}", fixture.data.path().display()))
            .stdin(Stdio::null())
            .stdout(Stdio::piped());
        let mut process = command.spawn().unwrap();
        let mut lines = BufReader::new(process.stdout.as_mut().unwrap()).lines();
        let line = tokio::time::timeout(PATIENCE, lines.next_line()).await;
        let line = line.expect("it prints its port").unwrap();
        let port = line.expect("it goes on").parse().unwrap();
        Some(Self {
            _process: process,
            port,
        })
    }
}

/// The official suite's scenarios of the tasks extension. Those that are left out are about HTTP headers, and tasks
/// that ask.
const TASKS: [&str; 5] = [
    "tasks-lifecycle",
    "tasks-capability-negotiation",
    "tasks-wire-fields",
    "tasks-request-state-removal",
    "tasks-dispatch-and-envelope",
];

/// Runs scenarios of the official suite for servers of a version. A run fails by itself where something fails that
/// is not in the list of expected failures, or passes that is.
async fn passes_official_suite(version: &str, scenarios: &[[&str; 2]]) {
    let suite = "mcp/node_modules/@modelcontextprotocol/conformance/dist/index.js";
    let (Some(node), Some(suite)) = (test_tool(NODE), test_tool(suite)) else {
        return;
    };
    let fixture = Fixture::embedded().await;
    let bridge = Bridge::start(&fixture).await.unwrap();
    let url = format!("http://127.0.0.1:{}/mcp", bridge.port);
    let (suite, expected) = (
        text(&suite),
        text(&script(&format!("expected-failures-{version}.yml"))),
    );
    let runs = scenarios.iter().map(async |[option, name]| {
        let of_server = [&*suite, "server", "--url", &url, option, name];
        let against = ["--spec-version", version, "--expected-failures", &expected];
        let arguments = [&of_server[..], &against[..]].concat();
        let output = run_apart(&node, fixture.files.path(), &arguments).await;
        assert!(output.status.success(), "{name}: {}", printed(&output));
    });
    join_all(runs).await;
}

#[tokio::test]
async fn the_official_suite_finds_nothing_new_in_sessions() {
    passes_official_suite("2025-11-25", &[["--suite", "all"]]).await;
}

#[tokio::test]
async fn the_official_suite_finds_nothing_new_in_the_stateless_version() {
    passes_official_suite("2026-07-28", &[["--suite", "all"]]).await;
}

#[tokio::test]
async fn the_official_suite_finds_nothing_new_in_tasks() {
    passes_official_suite("2026-07-28", &TASKS.map(|name| ["--scenario", name])).await;
}

#[tokio::test]
async fn inspector_lists_everything_and_takes_every_schema() {
    let inspector =
        "mcp/node_modules/@modelcontextprotocol/inspector/clients/launcher/build/index.js";
    let (Some(node), Some(inspector)) = (test_tool(NODE), test_tool(inspector)) else {
        return;
    };
    let (home, data) = (directory(), directory());
    let (inspector, data_dir) = (
        text(&inspector),
        format!("--data-dir={}", data.path().display()),
    );
    let listed = async |era: &str, of_method: &[&str]| {
        let server = [&inspector, "--cli", BINARY, &data_dir];
        let options = ["-e", "MCP_KEYRING=false", "--protocol-era", era, "--method"];
        let arguments = [&server[..], &options[..], of_method].concat();
        let output = run_apart(&node, home.path(), &arguments).await;
        assert!(output.status.success(), "{era}: {}", printed(&output));
        serde_json::from_slice::<Value>(&output.stdout).unwrap()
    };
    for era in ["legacy", "modern"] {
        let (tools, resources, prompts) = tokio::join!(
            listed(era, &["tools/list", "--strict"]),
            listed(era, &["resources/list"]),
            listed(era, &["prompts/list"]),
        );
        for (list, item) in [
            (&tools["tools"], "task_exec"),
            (&resources["resources"], "policy"),
            (&prompts["prompts"], "investigate"),
        ] {
            let mut items = list.as_array().unwrap().iter();
            assert!(items.any(|found| found["name"] == item), "{era}: {list}");
        }
    }
}

#[tokio::test]
async fn mcp_conform_finds_nothing() {
    let Some(program) = test_tool("python/bin/mcp-conform") else {
        return;
    };
    let (home, data) = (directory(), directory());
    let command = format!("{BINARY} --data-dir={}", data.path().display());
    let arguments = ["server", "--format", "json", "--command", &command];
    let output = run_apart(&program, home.path(), &arguments).await;
    assert!(output.status.success(), "{}", printed(&output));
}
