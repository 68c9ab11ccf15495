//! The work of a job inside another document: that of each child in the record of its parent, and one that is kept.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use serde_json::Map;

use super::super::Spec;

/// The work of a job, with the type by which it is read again.
#[derive(Clone, Debug)]
pub(in crate::job) struct Template(Box<Spec>);

impl Template {
    pub(in crate::job) fn of(spec: Spec) -> Self {
        Self(Box::new(spec))
    }

    pub(in crate::job) fn into_spec(self) -> Spec {
        *self.0
    }

    pub(super) fn spec(&self) -> &Spec {
        &self.0
    }

    pub(super) fn spec_mut(&mut self) -> &mut Spec {
        &mut self.0
    }
}

impl Serialize for Template {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Nested<'a> {
            #[serde(rename = "type")]
            record_type: &'a str,
            #[serde(flatten)]
            spec: &'a Spec,
        }
        let nested = Nested {
            record_type: self.0.kind().record_type(),
            spec: &self.0,
        };
        nested.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Template {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut nested = Map::deserialize(deserializer)?;
        let taken = Spec::take(&mut nested).map_err(de::Error::custom)?;
        Ok(Self::of(taken.0))
    }
}
