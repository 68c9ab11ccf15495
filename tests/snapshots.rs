//! Snapshots of the tools: `tests/data/tools/NAME.json` holds what a client is told of each, so that a
//! reviewer sees every changed text, schema and annotation.
//!
//! With `UPDATE=1` in the environment the snapshots are written instead of compared.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::Path;

use similar::TextDiff;

use crate::helper::{Client, directory};

/// Every tool that is listed has a snapshot, which says what the server says, and no snapshot is left
/// of a tool that is not listed.
#[tokio::test]
async fn each_tool_is_as_its_snapshot_says() {
    let data = directory();
    let client = Client::in_process(data.path(), |_| {}).await;
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/tools");
    let updates = std::env::var_os("UPDATE").is_some();
    let mut left = snapshots(&folder);
    let mut differences = String::new();
    for tool in client.tools().await {
        let name = format!("{}.json", tool.name);
        let listed = serde_json::to_string_pretty(&tool).unwrap() + "\n";
        let snapshot = if left.remove(&name) {
            std::fs::read_to_string(folder.join(&name)).unwrap()
        } else {
            String::new()
        };
        if updates {
            std::fs::write(folder.join(&name), &listed).unwrap();
        } else if snapshot != listed {
            let diff = TextDiff::from_lines(&snapshot, &listed);
            let mut diff = diff.unified_diff();
            write!(differences, "{}", diff.header(&name, "listed")).unwrap();
        }
    }
    for name in left {
        if updates {
            std::fs::remove_file(folder.join(&name)).unwrap();
        } else {
            writeln!(differences, "{name}: there is no such tool").unwrap();
        }
    }
    assert!(
        differences.is_empty(),
        "{differences}if this is meant, run this test with UPDATE=1"
    );
}

fn snapshots(folder: &Path) -> BTreeSet<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    let name = |entry: std::io::Result<std::fs::DirEntry>| entry.unwrap().file_name();
    entries
        .map(|entry| name(entry).into_string().unwrap())
        .collect()
}
