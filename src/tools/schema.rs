//! Input schemas: tidied for clients, and asked for the parameters that hold secrets.

use std::collections::HashSet;
use std::sync::Arc;

use rmcp::handler::server::common::schema_for_input;
use rmcp::model::{JsonObject, Tool};
use schemars::JsonSchema;
use serde_json::{Map, Value};

use crate::config::Toolset;

/// The names of the parameters that hold a secret, at any depth.
pub(super) fn secrets(schema: &JsonObject) -> Vec<String> {
    fn holds(schema: &Value) -> bool {
        match schema {
            Value::Object(parts) => {
                parts.get("writeOnly") == Some(&true.into()) || parts.values().any(holds)
            }
            Value::Array(parts) => parts.iter().any(holds),
            _ => false,
        }
    }
    let properties = schema.get("properties").and_then(Value::as_object);
    let properties = properties.into_iter().flatten();
    let secrets = properties.filter(|(_, schema)| holds(schema));
    secrets.map(|(name, _)| name.clone()).collect()
}

/// Makes a generated schema say what the contract says: an optional parameter is left out rather
/// than null, a choice is an `enum`, and nothing speaks of Rust's number types.
pub(super) fn tidy(tool: &mut Tool) {
    let mut schema = Value::Object(Arc::unwrap_or_clone(std::mem::take(&mut tool.input_schema)));
    let definitions = schema
        .as_object_mut()
        .and_then(|object| object.remove("$defs"))
        .unwrap_or_default();
    tidy_value(&mut schema, &definitions);
    if let Value::Object(mut object) = schema {
        object.remove("$schema");
        // Some clients insist on it.
        object
            .entry("properties")
            .or_insert_with(|| Value::Object(JsonObject::new()));
        tool.input_schema = Arc::new(object);
    }
}

/// The key of a parameter that is listed only where this toolset is.
const TOOLSET: &str = "toolset";

/// Removes the parameters of other toolsets than these. They are taken all the same.
pub(super) fn keep_of(toolsets: &[Toolset], tool: &mut Tool) {
    let is_kept = |name: &str| toolsets.iter().any(|toolset| toolset.name() == name);
    let schema = Arc::make_mut(&mut tool.input_schema);
    let parameters = schema.get_mut("properties").and_then(Value::as_object_mut);
    let Some(parameters) = parameters else { return };
    parameters.retain(|_, parameter| {
        let toolset = parameter
            .as_object_mut()
            .and_then(|known| known.shift_remove(TOOLSET));
        toolset.is_none_or(|toolset| toolset.as_str().is_some_and(is_kept))
    });
}

/// Removes each description of a parameter that an earlier tool gives to a parameter of the same name: a model
/// reads all tools, and pays for every word.
pub(super) fn describe_once(tools: &mut [Tool]) {
    let mut given = HashSet::new();
    for tool in tools {
        let schema = Arc::make_mut(&mut tool.input_schema);
        let parameters = schema.get_mut("properties").and_then(Value::as_object_mut);
        for (name, parameter) in parameters.into_iter().flatten() {
            let Some(description) = parameter["description"].as_str() else {
                continue;
            };
            if !given.insert((name.clone(), description.to_owned())) {
                let parameter = parameter.as_object_mut();
                parameter.map(|parameter| parameter.shift_remove("description"));
            }
        }
    }
}

/// Adds the parameters of `T` to those of a tool that has none of the same names.
pub(super) fn add_parameters<T: JsonSchema + 'static>(tool: &mut Tool) {
    let given = schema_for_input::<T>().unwrap_or_default();
    let schema = Arc::make_mut(&mut tool.input_schema);
    let own = schema.get_mut("properties").and_then(Value::as_object_mut);
    let added = given.get("properties").and_then(Value::as_object);
    if let (Some(own), Some(added)) = (own, added) {
        for (name, property) in added {
            own.entry(name.clone()).or_insert_with(|| property.clone());
        }
    }
    if let Some(definitions) = given.get("$defs") {
        schema
            .entry("$defs")
            .or_insert_with(|| Value::Object(JsonObject::new()));
        if let (Some(Value::Object(all)), Value::Object(added)) =
            (schema.get_mut("$defs"), definitions)
        {
            all.extend(added.clone());
        }
    }
}

fn tidy_value(value: &mut Value, definitions: &Value) {
    match value {
        Value::Array(items) => items
            .iter_mut()
            .for_each(|item| tidy_value(item, definitions)),
        Value::Object(object) => {
            unwrap_nullable(object);
            if let Some(name) = object
                .get("$ref")
                .and_then(Value::as_str)
                .and_then(|name| name.rsplit('/').next())
                && let Some(Value::Object(definition)) = definitions.get(name)
            {
                let definition = definition.clone();
                object.remove("$ref");
                for (key, part) in definition {
                    object.entry(key).or_insert(part);
                }
            }
            if let Some(Value::Array(choices)) = object.get("oneOf")
                && let Some(names) = choices
                    .iter()
                    .map(|choice| choice.get("const").cloned())
                    .collect::<Option<Vec<_>>>()
            {
                object.remove("oneOf");
                object.insert("type".into(), "string".into());
                object.insert("enum".into(), names.into());
            }
            object.remove("format");
            // An unknown parameter is refused by its name; clients that check calls themselves would also
            // refuse what they add of their own.
            if object.get("additionalProperties") == Some(&Value::Bool(false)) {
                object.remove("additionalProperties");
            }
            object
                .values_mut()
                .for_each(|part| tidy_value(part, definitions));
            for part in ["items", "additionalProperties"] {
                if let Some(Value::Object(part)) = object.get_mut(part) {
                    // They describe the Rust type; the parameter's own description is enough.
                    part.shift_remove("description");
                    let fields = part.get_mut("properties").and_then(Value::as_object_mut);
                    for field in fields.into_iter().flat_map(Map::values_mut) {
                        field
                            .as_object_mut()
                            .map(|field| field.shift_remove("description"));
                    }
                }
            }
        }
        _ => {}
    }
}

/// Replaces `["string", "null"]` and `anyOf: [X, null]` by the type that is not null.
fn unwrap_nullable(object: &mut JsonObject) {
    if let Some(Value::Array(types)) = object.get_mut("type") {
        types.retain(|kind| kind != "null");
        if let [only] = types.as_slice() {
            let only = only.clone();
            object.insert("type".into(), only);
        }
    }
    if let Some(Value::Array(choices)) = object.get("anyOf")
        && let [Value::Object(thing), null] = choices.as_slice()
        && null.get("type").is_some_and(|kind| kind == "null")
    {
        let thing = thing.clone();
        object.remove("anyOf");
        for (key, part) in thing {
            object.entry(key).or_insert(part);
        }
    }
    if object.get("default").is_some_and(Value::is_null) {
        object.remove("default");
    }
}
