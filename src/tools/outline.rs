//! Output schemas: the names and types of what a data-shaped tool answers with.
//!
//! They are loose, because nothing is required and anything may be added, and small, because every client
//! reads them with the list of tools.

use std::sync::Arc;

use rmcp::model::JsonObject;
use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde_json::Value;

use super::schema::unwrap_nullable;

/// The depth to which fields are named. More takes more room than it is worth: an answer shows the rest.
const DEPTH: usize = 1;
/// The most fields that are named, the first ones.
const FIELDS: usize = 8;

/// The schema of what a `T` serialises to.
pub(super) fn schema_for_output<T: JsonSchema>() -> Arc<JsonObject> {
    let mut settings = SchemaSettings::draft2020_12().for_serialize();
    settings.inline_subschemas = true;
    let schema = settings.into_generator().into_root_schema_for::<T>();
    let mut outlined = outline(schema.as_object(), DEPTH);
    outlined.insert("type".to_owned(), "object".into());
    Arc::new(outlined)
}

/// The outline of a schema: its type, which its alternatives share, its fields, and the unit of a number.
fn outline(schema: Option<&JsonObject>, depth: usize) -> JsonObject {
    let mut outlined = JsonObject::new();
    let Some(schema) = schema else {
        return outlined;
    };
    let alternatives = schema.get("oneOf").and_then(|all| all.get(0));
    let kind = schema
        .get("type")
        .or_else(|| alternatives.and_then(|first| first.get("type")));
    if let Some(kind) = kind {
        outlined.insert("type".to_owned(), kind.clone());
    }
    if let Some(unit) = schema.get("unit") {
        outlined.insert("description".to_owned(), unit.clone());
    }
    let Some(depth) = depth.checked_sub(1) else {
        return outlined;
    };
    if let Some(fields) = schema.get("properties").and_then(Value::as_object) {
        let fields = fields.iter().take(FIELDS);
        let fields = fields.map(|(name, field)| {
            let field = without_null(schema, name, field);
            (
                name.clone(),
                Value::Object(outline(field.as_object(), depth)),
            )
        });
        outlined.insert("properties".to_owned(), Value::Object(fields.collect()));
    }
    outlined
}

/// A field's schema without `null`, if the field is left out instead.
fn without_null(schema: &JsonObject, name: &str, field: &Value) -> Value {
    let required = schema.get("required").and_then(Value::as_array);
    let mut required = required.into_iter().flatten();
    let mut field = field.clone();
    if let Some(field) = field.as_object_mut()
        && !required.any(|required| required == name)
    {
        unwrap_nullable(field);
    }
    field
}

#[cfg(test)]
mod tests {
    use serde::Serialize;
    use serde_json::json;

    use super::*;
    use crate::job::Status;

    #[derive(Serialize, JsonSchema)]
    struct Example {
        /// Not to be seen.
        name: String,
        #[schemars(extend("unit" = "ms"))]
        duration: u64,
        #[serde(skip_serializing_if = "Option::is_none")]
        part: Option<Part>,
        parts: Vec<Part>,
        status: Status,
        code: Option<u8>,
    }

    #[derive(Serialize, JsonSchema)]
    struct Part {
        deep: Vec<String>,
    }

    #[test]
    fn an_outline_has_names_types_and_units() {
        assert_eq!(
            Value::Object(Arc::unwrap_or_clone(schema_for_output::<Example>())),
            json!({"type": "object", "properties": {
                "name": {"type": "string"},
                "duration": {"type": "integer", "description": "ms"},
                "part": {"type": "object"},
                "parts": {"type": "array"},
                "status": {"type": "string"},
                "code": {"type": ["integer", "null"]},
            }})
        );
    }
}
