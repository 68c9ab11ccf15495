//! Correction of the form of arguments, as clients and models send them, to that of a tool's schema.
//!
//! The form is changed only if the meaning is certain: `"60"` for a number, `null` for an optional
//! parameter. Everything else stays, and is refused later.

use rmcp::model::JsonObject;
use serde_json::Value;

/// Fields that clients add of their own, besides those whose names begin with `_`.
const CLIENTS_OWN: [&str; 4] = ["toolCallId", "sessionId", "action", "chatInput"];

/// Optional parameters for which an empty string is a value, such as no scheme or no notes. For all others,
/// it means that they are left out.
const MEANT_EMPTY: [&str; 4] = ["api_key", "auth_scheme", "htpasswd_pass", "notes"];

/// Brings a call's arguments into the form of its tool's input schema.
pub(crate) fn settle(schema: &JsonObject, arguments: &mut JsonObject) {
    let properties = schema.get("properties").and_then(Value::as_object);
    arguments.retain(|name, _| {
        let is_known = properties.is_some_and(|known| known.contains_key(name));
        is_known || !(name.starts_with('_') || CLIENTS_OWN.contains(&name.as_str()))
    });
    settle_fields(schema, arguments);
}

fn settle_fields(schema: &JsonObject, fields: &mut JsonObject) {
    let Some(properties) = schema.get("properties").and_then(Value::as_object) else {
        return;
    };
    let required = schema.get("required").and_then(Value::as_array);
    let is_optional = |name: &str| {
        let mut required = required.into_iter().flatten();
        !required.any(|required| required == name)
    };
    for (name, property) in properties {
        let (Some(value), Some(property)) = (fields.get_mut(name), property.as_object()) else {
            continue;
        };
        let is_left_out = match value {
            Value::Null => true,
            Value::String(text) => text.is_empty() && !MEANT_EMPTY.contains(&name.as_str()),
            _ => false,
        };
        if is_left_out && is_optional(name) {
            fields.shift_remove(name);
        } else {
            settle_value(property, value);
        }
    }
}

fn settle_value(schema: &JsonObject, value: &mut Value) {
    if let Value::String(text) = value
        && let Some(meant) = meant(schema, text)
    {
        *value = meant;
    }
    match value {
        Value::Object(fields) => settle_fields(object_in(schema), fields),
        Value::Array(items) => {
            if let Some(schema) = schema.get("items").and_then(Value::as_object) {
                for item in items {
                    settle_value(schema, item);
                }
            }
        }
        _ => {}
    }
}

/// The alternative of a schema's `anyOf` that is an object.
fn object_in(schema: &JsonObject) -> &JsonObject {
    let forms = schema.get("anyOf").and_then(Value::as_array);
    let mut forms = forms.into_iter().flatten().filter_map(Value::as_object);
    forms
        .find(|form| form.contains_key("properties"))
        .unwrap_or(schema)
}

/// The value that a text stands for where the schema expects another type.
fn meant(schema: &JsonObject, text: &str) -> Option<Value> {
    let expected = schema.get("type").and_then(Value::as_str)?;
    if expected == "boolean" {
        let text = text.trim();
        let is_true = text.eq_ignore_ascii_case("true");
        return (is_true || text.eq_ignore_ascii_case("false")).then_some(Value::Bool(is_true));
    }
    let fits = match expected {
        "number" | "integer" => Value::is_number,
        "array" => Value::is_array,
        "object" => Value::is_object,
        _ => return None,
    };
    serde_json::from_str(text).ok().filter(fits)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn settled(arguments: Value) -> Value {
        let schema = json!({
            "properties": {
                "alias": {"type": "string"}, "timeout": {"type": "number"}, "port": {"type": "integer"},
                "verify": {"type": "boolean"}, "keyPath": {"type": "string"},
                "auth_scheme": {"type": "string"}, "responses": {"type": "object"},
                "files": {"type": "array", "items": {
                    "type": "object", "properties": {"local": {"type": "string"}, "depth": {"type": "number"}},
                    "required": ["local"],
                }},
                "commands": {"type": "array", "items": {"anyOf": [
                    {"type": "string"},
                    {"type": "object", "properties": {"timeout": {"type": "number"}}},
                ]}},
            },
            "required": ["alias"],
        });
        let Value::Object(mut arguments) = arguments else {
            unreachable!()
        };
        settle(schema.as_object().unwrap(), &mut arguments);
        Value::Object(arguments)
    }

    #[test]
    fn what_means_one_thing_is_taken_as_it_is_meant() {
        for (given, meant) in [
            (json!({"timeout": "60"}), json!({"timeout": 60})),
            (json!({"timeout": " 1.5 "}), json!({"timeout": 1.5})),
            (json!({"port": "2222"}), json!({"port": 2222})),
            (json!({"verify": "True"}), json!({"verify": true})),
            (json!({"verify": "false"}), json!({"verify": false})),
            (json!({"commands": "[\"a\"]"}), json!({"commands": ["a"]})),
            (
                json!({"responses": "{\"a\": \"b\"}"}),
                json!({"responses": {"a": "b"}}),
            ),
            (
                json!({"files": "[{\"local\": \"x\", \"depth\": \"2\"}]"}),
                json!({"files": [{"local": "x", "depth": 2}]}),
            ),
            (
                json!({"commands": ["5", {"timeout": "5"}]}),
                json!({"commands": ["5", {"timeout": 5}]}),
            ),
            (json!({"alias": "60"}), json!({"alias": "60"})),
        ] {
            assert_eq!(settled(given.clone()), meant, "{given}");
        }
    }

    #[test]
    fn nothing_is_what_may_be_left_out() {
        for (given, meant) in [
            (json!({"timeout": null, "keyPath": null}), json!({})),
            (
                json!({"keyPath": "", "timeout": "", "verify": ""}),
                json!({}),
            ),
            (json!({"auth_scheme": ""}), json!({"auth_scheme": ""})),
            (
                json!({"files": [{"local": "x", "depth": null}]}),
                json!({"files": [{"local": "x"}]}),
            ),
            (json!({"alias": ""}), json!({"alias": ""})),
            (json!({"alias": null}), json!({"alias": null})),
        ] {
            assert_eq!(settled(given.clone()), meant, "{given}");
        }
    }

    #[test]
    fn what_clients_add_is_passed_over_and_the_rest_stays_to_be_refused() {
        let given = json!({
            "alias": "a", "toolCallId": 1, "sessionId": "x", "action": {}, "chatInput": "hi", "_meta": 1,
        });
        assert_eq!(settled(given), json!({"alias": "a"}));
        for kept in [
            json!({"retries": 2}),
            json!({"timeout": "soon"}),
            json!({"timeout": "[1]"}),
            json!({"verify": "yes"}),
            json!({"verify": 1}),
            json!({"commands": "ls"}),
            json!({"commands": "{\"a\": 1}"}),
            json!({"port": "22x"}),
        ] {
            assert_eq!(settled(kept.clone()), kept);
        }
    }
}
