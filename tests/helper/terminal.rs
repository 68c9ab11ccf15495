//! A shell at a terminal, where a person runs this program's own commands.

use std::path::Path;

use serde_json::json;

use super::{BINARY, Fixture, Folder, directory};

/// A person at a terminal.
pub struct Terminal {
    pub shell: Fixture,
    /// The data directory that the commands are for.
    pub data: Folder,
}

impl Terminal {
    pub async fn open() -> Self {
        Self {
            shell: Fixture::start().await,
            data: directory(),
        }
    }

    pub fn command(&self, words: &str) -> String {
        command(self.data.path(), words)
    }

    /// The output of a command, at which this is typed.
    pub async fn types(&self, words: &str, typed: &str) -> String {
        self.types_for(self.data.path(), words, typed).await
    }

    /// The same for another data directory.
    pub async fn types_for(&self, data: &Path, words: &str, typed: &str) -> String {
        let run = json!({
            "alias": "web1", "cmd": command(data, words), "responses": {"Type yes": typed},
        });
        let answer = self.shell.client.call("task_exec_interactive", run).await;
        answer.text().to_owned()
    }
}

fn command(data: &Path, words: &str) -> String {
    format!("{BINARY} {words} --data-dir={}", data.display())
}
