//! Records as `queue.json` holds them: what this version, version 0.1 and the original write.
//!
//! A record is one flat object. Each part of a job takes its own fields out of it; what is left is
//! unknown to this version and kept.

use std::mem;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use serde_json::{Map, Value};

use super::kind::Spec;
use super::record::Job;

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

impl Serialize for Job {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Self::serialize(self, serializer)
    }
}

impl<'de> Deserialize<'de> for Job {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut record = Map::deserialize(deserializer)?;
        let (spec, outcome) = Spec::take(&mut record).map_err(de::Error::custom)?;
        let job = Self::deserialize(Value::Object(record)).map_err(de::Error::custom)?;
        Ok(Self {
            record_type: spec.kind().record_type(),
            spec,
            outcome,
            ..job
        })
    }
}
