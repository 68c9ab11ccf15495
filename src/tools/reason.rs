//! The reason that a caller gives: an argument of every tool that acts. It is taken always, and listed only where
//! rules ask, so that nobody else pays for it.

use std::sync::Arc;

use rmcp::model::{JsonObject, Tool};
use serde_json::{Value, json};

use super::Tools;

/// The argument's name.
pub(crate) const REASON: &str = "reason";

/// The most characters of a reason that are kept.
const LONGEST: usize = 500;

/// Facts about a call that are no argument of its tool.
#[derive(Clone, Debug, Default)]
pub(crate) struct CallFacts {
    /// The reason that the caller gives.
    pub(crate) reason: Option<String>,
    /// A digest of the tool's name and arguments.
    pub(crate) digest: String,
}

impl Tools {
    /// Takes the reason out of the arguments of a tool that acts.
    pub(crate) fn take_reason(&self, name: &str, arguments: &mut JsonObject) -> Option<String> {
        if !self.takes_reason(name) {
            return None;
        }
        let is_text = |given: &Value| given.is_string() || given.is_null();
        // Anything else is refused with the arguments.
        arguments.get(REASON).filter(|given| is_text(given))?;
        let given = arguments.shift_remove(REASON)?;
        let text = given.as_str()?.trim();
        (!text.is_empty()).then(|| text.chars().take(LONGEST).collect())
    }

    /// The listed tools, those that act with the argument.
    pub(crate) fn list_with_reason(&self) -> Vec<Tool> {
        let mut listed = self.list_all();
        let mut is_described = false;
        for tool in &mut listed {
            if !self.takes_reason(&tool.name) {
                continue;
            }
            let mut property = json!({"type": "string"});
            if !is_described {
                property["description"] = "The person who is asked reads it.".into();
                is_described = true;
            }
            let schema = Arc::make_mut(&mut tool.input_schema);
            if let Some(Value::Object(properties)) = schema.get_mut("properties") {
                properties.insert(REASON.to_owned(), property);
            }
        }
        listed
    }

    fn takes_reason(&self, name: &str) -> bool {
        let acts = self
            .declaration(name)
            .is_some_and(|declared| declared.access.acts());
        let properties = self.get(name).map(|tool| &tool.input_schema);
        let has_own = properties.is_some_and(|schema| schema["properties"].get(REASON).is_some());
        acts && !has_own
    }
}
