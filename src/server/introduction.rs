//! This server's introduction of itself to a client: its name, icon, abilities and instructions.

use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rmcp::model::{Icon, Implementation, ServerCapabilities, ServerConfig};

use super::offered::without_missing;
use crate::config::Config;
use crate::tools::Tools;

/// The title for people. The registry's entry has it, too.
const TITLE: &str = "SSH and SFTP orchestrator";

/// The icon, which clients show in any size.
const ICON: &str = include_str!("icon.svg");

/// The instructions for a model. Some clients cut them after 512 bytes, so their first paragraph stands alone.
const INSTRUCTIONS: &str = include_str!("instructions.txt");

/// The introduction of a server with these settings, which lists these tools.
pub(super) fn introduction(
    config: &Config,
    tools: &LazyLock<Tools, impl FnOnce() -> Tools>,
) -> ServerConfig {
    let instructions = if config.lists_all_tools() {
        INSTRUCTIONS.trim_end().to_owned()
    } else {
        without_missing(tools, INSTRUCTIONS)
    };
    ServerConfig::new(capabilities())
        .with_server_info(implementation())
        .with_instructions(instructions)
}

fn capabilities() -> ServerCapabilities {
    ServerCapabilities::builder()
        .enable_tools()
        .enable_tool_list_changed()
        .enable_resources()
        .enable_prompts()
        .enable_completions()
        .enable_tasks()
        .build()
}

fn implementation() -> Implementation {
    let address = format!("data:image/svg+xml;base64,{}", STANDARD.encode(ICON.trim()));
    let icon = Icon::new(address)
        .with_mime_type("image/svg+xml")
        .with_sizes(vec!["any".to_owned()]);
    Implementation::new("orchestrator", env!("CARGO_PKG_VERSION"))
        .with_title(TITLE)
        .with_description(env!("CARGO_PKG_DESCRIPTION"))
        .with_website_url(env!("CARGO_PKG_REPOSITORY"))
        .with_icons(vec![icon])
}
