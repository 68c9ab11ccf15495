//! Output schemas: the names of what a data-shaped tool answers with.
//!
//! They are loose, because nothing is required and anything may be added, and small, because every client
//! reads them with the list of tools. The types of fields are left out: an answer shows them.

use std::sync::Arc;

use rmcp::model::JsonObject;
use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde_json::Value;

/// The most fields that are named, the first ones.
const FIELDS: usize = 4;

/// The schema of what a `T` serialises to.
pub(super) fn schema_for_output<T: JsonSchema>() -> Arc<JsonObject> {
    let settings = SchemaSettings::draft2020_12().for_serialize();
    let schema = settings.into_generator().into_root_schema_for::<T>();
    let mut outline = JsonObject::from_iter([("type".to_owned(), "object".into())]);
    if let Some(fields) = schema.get("properties").and_then(Value::as_object) {
        let fields = fields.iter().take(FIELDS);
        let fields = fields.map(|(name, field)| (name.clone(), unit(field)));
        outline.insert("properties".to_owned(), Value::Object(fields.collect()));
    }
    Arc::new(outline)
}

/// A field's schema, which says the unit of a number alone.
fn unit(field: &Value) -> Value {
    let unit = field.get("unit").cloned();
    let unit = unit.map(|unit| ("description".to_owned(), unit));
    Value::Object(unit.into_iter().collect())
}

#[cfg(test)]
mod tests {
    use serde::Serialize;
    use serde_json::json;

    use super::*;

    #[derive(Serialize, JsonSchema)]
    struct Example {
        /// Not to be seen.
        name: String,
        #[schemars(extend("unit" = "ms"))]
        duration: u64,
        #[serde(skip_serializing_if = "Option::is_none")]
        part: Option<Part>,
        parts: Vec<Part>,
    }

    #[derive(Serialize, JsonSchema)]
    struct Part {
        deep: Vec<String>,
    }

    #[test]
    fn an_outline_has_names_and_units() {
        assert_eq!(
            Value::Object(Arc::unwrap_or_clone(schema_for_output::<Example>())),
            json!({"type": "object", "properties": {
                "name": {}, "duration": {"description": "ms"}, "part": {}, "parts": {},
            }})
        );
    }
}
