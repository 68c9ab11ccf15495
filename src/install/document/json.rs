//! Edits JSON with or without comments.

use jsonc_parser::ParseOptions;
use jsonc_parser::cst::{CstInputValue, CstNode, CstObject, CstRootNode};
use serde_json::{Map, Value};

use super::Edit;

fn parse(text: &str) -> Result<CstRootNode, String> {
    let options = ParseOptions {
        allow_comments: true,
        allow_trailing_commas: true,
        allow_loose_object_property_names: false,
        allow_missing_commas: false,
        allow_single_quoted_strings: false,
        allow_hexadecimal_numbers: false,
        allow_unary_plus_numbers: false,
        allow_bare_decimal_point_numbers: false,
        allow_non_finite_numbers: false,
        allow_extended_string_escapes: false,
    };
    CstRootNode::parse(text, &options).map_err(|error| error.to_string())
}

/// Parses strict JSON (RFC 8259).
pub(super) fn strict_value(text: &str) -> Result<Value, String> {
    if text.trim().is_empty() {
        return Ok(Map::new().into());
    }
    serde_json::from_str(text).map_err(|error| error.to_string())
}

pub(super) fn lenient_value(text: &str) -> Result<Value, String> {
    match parse(text)?.value() {
        None => Ok(Map::new().into()),
        Some(value) => value
            .to_serde_value()
            .ok_or_else(|| "it has a value that is none".to_owned()),
    }
}

pub(super) fn edited(text: &str, key: &str, name: &str, edit: Edit<'_>) -> Result<String, String> {
    let root = parse(text)?;
    let top = root.object_value_or_set();
    let servers = top.object_value_or_set(key);
    match edit {
        Edit::Put(fields) | Edit::Replace(fields) => match servers.get(name) {
            Some(entry) => {
                let entry = entry.object_value_or_set();
                if matches!(edit, Edit::Replace(_)) {
                    retain(&entry, fields);
                }
                merge(&entry, fields);
            }
            None => {
                servers.append(name, object(fields));
            }
        },
        Edit::Remove { with_servers } => {
            if let Some(entry) = servers.get(name) {
                entry.remove();
            }
            if with_servers
                && is_empty(&servers)
                && let Some(servers) = top.get(key)
            {
                servers.remove();
            }
        }
    }
    Ok(root.to_string())
}

pub(super) fn with_items(
    text: &str,
    [outer, list]: [&str; 2],
    items: &[String],
) -> Result<String, String> {
    let value = lenient_value(text)?;
    let present = match value.get(outer) {
        None => None,
        Some(Value::Object(fields)) => fields.get(list),
        Some(_) => return Err(format!("`{outer}` in it is not an object")),
    };
    let known = match present {
        None => [].as_slice(),
        Some(Value::Array(known)) => known,
        Some(_) => return Err(format!("`{list}` in `{outer}` is not a list")),
    };
    let root = parse(text)?;
    let list = root
        .object_value_or_set()
        .object_value_or_set(outer)
        .array_value_or_set(list);
    for item in items {
        if !known.iter().any(|one| one == item) {
            list.append(CstInputValue::String(item.clone()));
        }
    }
    Ok(root.to_string())
}

pub(super) fn without_items(
    text: &str,
    before: &Value,
    [outer, list]: [&str; 2],
    items: &[String],
) -> Result<String, String> {
    let root = parse(text)?;
    let top = root.object_value();
    let Some((top, object)) = top.and_then(|top| Some((top.clone(), top.object_value(outer)?)))
    else {
        return Ok(text.to_owned());
    };
    let had = &before[outer][list];
    let is_known = |item: &String| {
        had.as_array()
            .is_some_and(|had| had.iter().any(|one| one == item))
    };
    if let Some(array) = object.array_value(list) {
        for element in array.elements() {
            let value = element.to_serde_value();
            let is_added = |item: &&String| value.as_ref().is_some_and(|value| value == *item);
            if items
                .iter()
                .find(is_added)
                .is_some_and(|item| !is_known(item))
            {
                element.remove();
            }
        }
        if let Some(property) = object.get(list)
            && had.is_null()
            && array.elements().is_empty()
        {
            property.remove();
        }
    }
    if let Some(property) = top.get(outer)
        && before.get(outer).is_none()
        && is_empty(&object)
    {
        property.remove();
    }
    Ok(root.to_string())
}

/// Says whether an object has neither properties nor comments.
fn is_empty(object: &CstObject) -> bool {
    let is_something = |node: &CstNode| node.is_comment() || node.as_object_prop().is_some();
    !object.children().iter().any(is_something)
}

fn merge(object: &CstObject, fields: &Map<String, Value>) {
    for (key, new) in fields {
        let Some(present) = object.get(key) else {
            object.append(key, input(new));
            continue;
        };
        match (present.object_value(), new) {
            (Some(present), Value::Object(fields)) => merge(&present, fields),
            _ if present
                .value()
                .and_then(|value| value.to_serde_value())
                .as_ref()
                == Some(new) => {}
            _ => present.set_value(input(new)),
        }
    }
}

/// Removes properties that are not among these fields.
fn retain(object: &CstObject, fields: &Map<String, Value>) {
    for property in object.properties() {
        let name = property.decoded_name();
        match name.and_then(|name| fields.get(&name)) {
            None => property.remove(),
            Some(Value::Object(fields)) => {
                if let Some(object) = property.object_value() {
                    retain(&object, fields);
                }
            }
            Some(_) => {}
        }
    }
}

fn object(fields: &Map<String, Value>) -> CstInputValue {
    let fields = fields
        .iter()
        .map(|(key, value)| (key.clone(), input(value)));
    CstInputValue::Object(fields.collect())
}

fn input(value: &Value) -> CstInputValue {
    match value {
        Value::Null => CstInputValue::Null,
        Value::Bool(value) => CstInputValue::Bool(*value),
        Value::Number(value) => CstInputValue::Number(value.to_string()),
        Value::String(value) => CstInputValue::String(value.clone()),
        Value::Array(values) => CstInputValue::Array(values.iter().map(input).collect()),
        Value::Object(fields) => object(fields),
    }
}
