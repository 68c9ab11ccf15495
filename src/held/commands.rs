//! This program's own commands, as a person types them.

use std::path::Path;

use crate::config::default_of;
use crate::fs::expand_home;
use crate::shell::quote_to_type;

/// A command of this program for this data directory, as a person types it at a terminal.
pub fn command_to_type(data_dir: &Path, words: &str) -> String {
    let option = if data_dir == expand_home(default_of("MCP_DATA_DIR")) {
        String::new()
    } else {
        let option = format!("--data-dir={}", data_dir.display());
        format!(" {}", quote_to_type(&option))
    };
    format!("{} {words}{option}", env!("CARGO_PKG_NAME"))
}
