//! The welcome at a terminal.

use std::path::Path;

use serde_json::Value;

use crate::install::{self, this_program};
use crate::shell::quote_to_type;

const NAME: &str = env!("CARGO_PKG_NAME");

/// The text for a person who starts this program at a terminal instead of having a client do it.
pub fn welcome(data_dir: &Path) -> String {
    let program = this_program().to_string_lossy().into_owned();
    let typed = install::typed_command();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let options = arguments
        .iter()
        .map(|argument| format!(" {}", quote_to_type(argument)));
    format!(
        "{NAME} {} is an MCP server: through it a language model runs commands and moves files \
         on your SSH servers.\nAn MCP client starts it; you need not.\n\n\
         Its data lies in {}\n\n\
         To see the MCP clients here, and register it with one, run:\n\n  \
         {typed} install{}\n\n\
         For any other, put this into its configuration:\n\n  \
         {{ \"mcpServers\": {{ \"{}\": {{ \"command\": {}, \"args\": {} }} }} }}\n\n\
         `{typed} demo` shows it at work, `{typed} --help` lists its settings.\n\
         Now it waits for an MCP client on standard input. Ctrl-C ends it.\n\n",
        env!("CARGO_PKG_VERSION"),
        data_dir.display(),
        options.collect::<String>(),
        install::NAME,
        Value::from(program.as_str()),
        Value::from(arguments),
    )
}
