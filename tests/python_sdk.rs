//! MCP's Python SDK as a client.

use crate::helper::{BINARY, Fixture, printed, run_apart, script, test_tool, text};

/// Runs the script that drives the server, in a mode of the SDK.
async fn drives(mode: &str) {
    let Some(python) = test_tool("python/bin/python") else {
        return;
    };
    let fixture = Fixture::embedded().await;
    let data_dir = format!("--data-dir={}", fixture.data.path().display());
    let arguments = [&text(&script("session.py")), mode, BINARY, &data_dir];
    let output = run_apart(&python, fixture.files.path(), &arguments).await;
    assert!(output.status.success(), "{}", printed(&output));
}

#[tokio::test]
async fn the_python_sdk_drives_a_session() {
    drives("legacy").await;
}

#[tokio::test]
async fn the_python_sdk_drives_the_stateless_version() {
    drives("auto").await;
}
