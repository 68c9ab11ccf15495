//! Finding the tool that a call names, and making it a call that passes the gate.

use rmcp::ErrorData;
use rmcp::model::{CallToolRequestParams, JsonObject, Tool};
use serde_json::Value;

use super::Handler;
use super::gate::GatedCall;
use crate::secret::MASK;
use crate::tools::{CallFacts, Declaration, REASON};

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

    /// Takes the facts about a call that are no argument of its tool. Its digest is for a client that calls again with a
    /// person's answer.
    pub(super) fn facts_of(&self, request: &mut CallToolRequestParams) -> CallFacts {
        let may_ask = self.asks_anything();
        let digest = if may_ask {
            digest(request)
        } else {
            String::new()
        };
        let arguments = request.arguments.as_mut();
        let reason =
            arguments.and_then(|arguments| self.tools.take_reason(&request.name, arguments));
        CallFacts { reason, digest }
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
            secrets: self.tools.secrets_of_call(&self.app, &tool.name, arguments),
            returns_data: tool.output_schema.is_some(),
        }
    }
}

/// The digest of a call: the SHA-256 of its tool's name and its arguments.
fn digest(request: &CallToolRequestParams) -> String {
    use sha2::{Digest, Sha256};

    let arguments = request.arguments.clone().map(Value::Object);
    let text = format!("{} {}", request.name, arguments.unwrap_or_default());
    crate::hex::digits(&Sha256::digest(text))
}

/// The arguments for the audit. Those with unknown names are masked: a misspelt name may hold a secret.
fn known_arguments(tool: &Tool, arguments: Option<&JsonObject>) -> JsonObject {
    let known = tool.input_schema.get("properties");
    let mut arguments = arguments.cloned().unwrap_or_default();
    for (name, value) in &mut arguments {
        if name != REASON && known.is_none_or(|known| known.get(name).is_none()) {
            *value = MASK.into();
        }
    }
    arguments
}
