//! The fields of a stored record, which is one flat object.

use std::mem;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

/// Takes the fields of `T` out of a record. `T` flattens nothing itself, or its fields would stay.
/// An error leaves the record empty.
pub(super) fn take<T: DeserializeOwned>(record: &mut Map<String, Value>) -> serde_json::Result<T> {
    #[derive(Deserialize)]
    struct Parted<T> {
        #[serde(flatten)]
        part: T,
        #[serde(flatten)]
        rest: Map<String, Value>,
    }
    let Parted { part, rest } = Parted::deserialize(Value::Object(mem::take(record)))?;
    *record = rest;
    Ok(part)
}
