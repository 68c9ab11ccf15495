//! Edits TOML.

use serde::de::IntoDeserializer;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use toml_edit::ser::ValueSerializer;
use toml_edit::{DocumentMut, Item, Table, TableLike, TomlError};

use super::Edit;

pub(super) fn value(text: &str) -> Result<Value, String> {
    let document = parse(text)?;
    Value::deserialize(document.into_deserializer()).map_err(|error| error.to_string())
}

fn parse(text: &str) -> Result<DocumentMut, String> {
    text.parse().map_err(|error: TomlError| {
        // Its own message quotes the text, which may contain a secret.
        let before = error.span().and_then(|span| text.get(..span.start));
        match before {
            Some(before) => format!(
                "{} on line {}",
                error.message(),
                before.matches('\n').count() + 1
            ),
            None => error.message().to_owned(),
        }
    })
}

pub(super) fn edited(text: &str, key: &str, name: &str, edit: Edit<'_>) -> Result<String, String> {
    let mut document = parse(text)?;
    let before = document.to_string();
    let top = document.as_table_mut();
    let servers = top.entry(key).or_insert_with(|| {
        let mut servers = Table::new();
        // Each entry gets a header of its own.
        servers.set_implicit(true);
        Item::Table(servers)
    });
    let Some(servers) = servers.as_table_like_mut() else {
        return Err(format!("`{key}` in it is not a table"));
    };
    match edit {
        Edit::Put(fields) | Edit::Replace(fields) => {
            if let Some(entry) = servers.get_mut(name).and_then(Item::as_table_like_mut) {
                if matches!(edit, Edit::Replace(_)) {
                    retain(entry, fields);
                }
                merge(entry, fields)?;
            } else {
                let mut entry = Table::new();
                merge(&mut entry, fields)?;
                servers.insert(name, Item::Table(entry));
            }
        }
        Edit::Remove { with_servers } => {
            servers.remove(name);
            if with_servers && servers.is_empty() {
                top.remove(key);
            }
        }
    }
    Ok(carried_over(text, &before, &document.to_string()))
}

fn merge(table: &mut dyn TableLike, fields: &Map<String, Value>) -> Result<(), String> {
    for (key, new) in fields {
        match (table.get_mut(key), new) {
            (Some(present), Value::Object(fields)) if present.is_table_like() => {
                let table = present.as_table_like_mut();
                let table = table.expect("it has just been seen to be one");
                let count = table.len();
                merge(table, fields)?;
                let has_more = table.len() > count;
                // The space before the closing brace would otherwise end up before the comma.
                if let Some(inline) = present.as_inline_table_mut().filter(|_| has_more) {
                    inline.fmt();
                }
            }
            (Some(present), new) if reads_as(present, new) => {}
            (present, new) => {
                let value = new.serialize(ValueSerializer::new());
                let mut value = value.map_err(|error| error.to_string())?;
                match present.and_then(Item::as_value_mut) {
                    Some(present) => {
                        if extend(present, new) {
                            continue;
                        }
                        // Keeps the comment after the old value.
                        *value.decor_mut() = present.decor().clone();
                        *present = value;
                    }
                    None => {
                        table.insert(key, Item::Value(value));
                    }
                }
            }
        }
    }
    Ok(())
}

/// Appends the elements by which `new` is longer than the present array, whose form stays. Returns `false`
/// if `new` does not begin with the present elements.
fn extend(present: &mut toml_edit::Value, new: &Value) -> bool {
    let (Some(present), Value::Array(new)) = (present.as_array_mut(), new) else {
        return false;
    };
    let Some(more) = new.get(present.len()..) else {
        return false;
    };
    let starts_alike = present.iter().zip(new).all(|(present, new)| {
        let present = Value::deserialize(present.clone().into_deserializer());
        present.is_ok_and(|present| present == *new)
    });
    let more = more
        .iter()
        .map(|more| more.serialize(ValueSerializer::new()));
    let more: Result<Vec<_>, _> = more.collect();
    let Some(more) = more.ok().filter(|_| starts_alike) else {
        return false;
    };
    let line_break = present.iter().last().and_then(own_line);
    for mut value in more {
        match &line_break {
            Some(line_break) => {
                value.decor_mut().set_prefix(line_break);
                present.push_formatted(value);
            }
            None => present.push(value),
        }
    }
    true
}

/// The line break and indentation before an element on a line of its own.
fn own_line(element: &toml_edit::Value) -> Option<String> {
    let before = element.decor().prefix()?.as_str()?;
    before.rfind('\n').map(|end| before[end..].to_owned())
}

/// Removes keys that are not among these fields.
fn retain(table: &mut dyn TableLike, fields: &Map<String, Value>) {
    let present: Vec<_> = table.iter().map(|(key, _)| key.to_owned()).collect();
    for key in present {
        match (fields.get(&key), table.get_mut(&key)) {
            (None, _) => {
                table.remove(&key);
            }
            (Some(Value::Object(fields)), Some(item)) if item.is_table_like() => {
                let item = item.as_table_like_mut();
                retain(item.expect("it has just been seen to be one"), fields);
            }
            _ => {}
        }
    }
}

fn reads_as(present: &Item, value: &Value) -> bool {
    let present = present.as_value().cloned();
    let read = present.and_then(|present| Value::deserialize(present.into_deserializer()).ok());
    read.as_ref() == Some(value)
}

/// Applies the change from `before` to `after` to the text that `before` was read from.
///
/// The library normalises line breaks, and attaches a comment to the item that follows it. Here line breaks
/// stay, comments directly below a line stay with that line, and comments above a removed item are kept.
fn carried_over(text: &str, before: &str, after: &str) -> String {
    let lines: Vec<_> = text.split_inclusive('\n').collect();
    let before: Vec<_> = before.split_inclusive('\n').collect();
    let after: Vec<_> = after.split_inclusive('\n').collect();
    if lines.len() != before.len() {
        return after.concat();
    }
    let pairs = before.iter().zip(&after);
    let mut above = pairs.take_while(|(old, new)| old == new).count();
    let backwards = before.iter().rev().zip(after.iter().rev());
    let below = backwards
        .take(before.len().min(after.len()) - above)
        .take_while(|(old, new)| old == new)
        .count();
    let added = &after[above..after.len() - below];
    let mut rest = lines.len() - below;
    let comments = |lines: &[&str]| {
        let is_one = |line: &&&str| line.trim_start().starts_with('#');
        lines.iter().take_while(is_one).count()
    };
    if above == rest && above > 0 && !lines[above - 1].trim().is_empty() {
        above += comments(&lines[above..]);
        rest = above;
    } else if added.is_empty() {
        above += comments(&lines[above..rest]);
    }
    let end = if text.contains("\r\n") { "\r\n" } else { "\n" };
    let mut whole = lines[..above].concat();
    if !whole.is_empty() && !whole.ends_with('\n') && !added.is_empty() {
        whole.push_str(end);
    }
    for line in added {
        whole.push_str(line.trim_end_matches(['\r', '\n']));
        whole.push_str(end);
    }
    whole + &lines[rest..].concat()
}
