//! Finding the tool that a call names, and making it a call that passes the gate.

use rmcp::ErrorData;
use rmcp::model::{JsonObject, Tool};

use super::Handler;
use super::gate::GatedCall;
use crate::secret::MASK;
use crate::tools::Declaration;

impl Handler {
    /// A tool that may be called. One that `MCP_READONLY` leaves out of the list is refused later, and audited.
    pub(super) fn callable(&self, name: &str) -> Result<(&Tool, &Declaration), ErrorData> {
        let (tool, declaration) = (self.tools.get(name), self.tools.declaration(name));
        let Some(found) = tool.zip(declaration) else {
            let message = format!("tool `{name}` is not known");
            return Err(ErrorData::invalid_params(message, None));
        };
        let toolset = found.1.toolset;
        if self.app.config().toolsets.contains(&toolset) {
            return Ok(found);
        }
        let message = format!(
            "tool `{name}` is not offered: MCP_TOOLSETS leaves out its toolset `{}`; ask the person who runs this",
            toolset.name()
        );
        Err(ErrorData::invalid_params(message, None))
    }

    /// A call of a tool with these arguments, before the gate.
    pub(super) fn gated(
        &self,
        (tool, declaration): (&Tool, &Declaration),
        arguments: Option<&JsonObject>,
    ) -> GatedCall {
        GatedCall {
            name: tool.name.to_string(),
            access: declaration.access,
            access_now: declaration.access_of(arguments),
            arguments: known_arguments(tool, arguments).into(),
            secrets: self.tools.secrets(&tool.name),
            returns_data: tool.output_schema.is_some(),
        }
    }
}

/// The arguments for the audit. Those with unknown names are masked: a misspelt name may hold a secret.
fn known_arguments(tool: &Tool, arguments: Option<&JsonObject>) -> JsonObject {
    let known = tool.input_schema.get("properties");
    let mut arguments = arguments.cloned().unwrap_or_default();
    for (name, value) in &mut arguments {
        if known.is_none_or(|known| known.get(name).is_none()) {
            *value = MASK.into();
        }
    }
    arguments
}
