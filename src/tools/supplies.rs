//! The arguments for the supplies of a command: directory, variables, input, script.

use std::borrow::Cow;

use indexmap::IndexMap;
use rmcp::ErrorData;
use rmcp::handler::server::common::FromContextPart;
use rmcp::handler::server::tool::ToolCallContext;
use rmcp::model::{JsonObject, Tool};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::arguments::{names, take_beside};
use super::schema::add_parameters;
use crate::job::kind::supplies::{Supplies, VariableValue};

/// The supplies that a call gives a command.
pub(super) struct GivenSupplies(pub(super) Supplies);

#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct SupplyArguments {
    /// Its input, of any size. Steps of a sequence take this and the next five, too.
    #[schemars(extend("toolset" = "live"))]
    stdin: Option<String>,
    /// The same as bytes.
    #[schemars(extend("toolset" = "live"))]
    stdin_base64: Option<String>,
    /// Directory to run in.
    #[schemars(extend("toolset" = "live"))]
    cwd: Option<String>,
    /// Variables, secrets by name: {"PGPASSWORD": {"secret": "server:web1/password"}}.
    #[schemars(extend("toolset" = "live"))]
    env: Option<IndexMap<String, VariableArgument>>,
    /// Text to run instead of cmd, by its #! line or sh: needs no quoting.
    #[schemars(extend("toolset" = "live"))]
    script: Option<String>,
    /// Its arguments.
    #[schemars(extend("toolset" = "live"))]
    args: Option<Vec<String>>,
}

impl From<SupplyArguments> for Supplies {
    fn from(given: SupplyArguments) -> Self {
        let variables = given.env.into_iter().flatten();
        Self {
            cwd: given.cwd,
            env: variables.map(|(name, value)| (name, value.0)).collect(),
            stdin: given.stdin,
            stdin_base64: given.stdin_base64,
            script: given.script,
            args: given.args.unwrap_or_default(),
            left_out: None,
        }
    }
}

impl<S> FromContextPart<ToolCallContext<'_, S>> for GivenSupplies {
    fn from_context_part(context: &mut ToolCallContext<'_, S>) -> Result<Self, ErrorData> {
        let known = names::<SupplyArguments>();
        let given: SupplyArguments = take_beside(context, &known)?;
        Ok(Self(given.into()))
    }
}

/// Takes the supplies of a step out of its arguments.
pub(super) fn take_of_step(step: &mut JsonObject) -> serde_json::Result<Supplies> {
    let known = names::<SupplyArguments>();
    let of_step = known
        .iter()
        .filter_map(|name| step.shift_remove_entry(name));
    let given: SupplyArguments = serde_json::from_value(Value::Object(of_step.collect()))?;
    Ok(given.into())
}

/// Adds these arguments to the schema of a tool that takes them.
pub(super) fn announce(tool: &mut Tool) {
    add_parameters::<SupplyArguments>(tool);
}

/// The value of a variable: text, or the name of a stored secret.
#[derive(Debug)]
struct VariableArgument(VariableValue);

impl<'de> Deserialize<'de> for VariableArgument {
    /// Refuses other types without quoting the value, which may be a secret.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = |text: String| Ok(Self(VariableValue::Text(text)));
        match Value::deserialize(deserializer)? {
            Value::String(value) => text(value),
            value @ (Value::Number(_) | Value::Bool(_)) => text(value.to_string()),
            Value::Object(fields) => match fields.get("secret") {
                Some(Value::String(name)) if fields.len() == 1 => Ok(Self(VariableValue::Stored {
                    secret: name.clone(),
                })),
                _ => Err(D::Error::custom(
                    "invalid type, expected {\"secret\": NAME}",
                )),
            },
            _ => Err(D::Error::custom(
                "invalid type, expected a string or {\"secret\": NAME}",
            )),
        }
    }
}

impl JsonSchema for VariableArgument {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Variable".into()
    }

    /// Any value, and one that no record shows.
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"writeOnly": true})
    }
}
