//! Records as `queue.json` holds them: what this version, version 0.1 and the original write.
//!
//! A record is one flat object. Each part of a job takes its own fields out of it; what is left is
//! unknown to this version and kept.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use serde_json::{Map, Value};

use super::agreement::Agreement;
use super::fields::take;
use super::header::Header;
use super::id::JobId;
use super::kind::{Outcome, Spec};
use super::record::Job;
use super::status::Status;
use crate::actor::Actor;
use crate::time::Timestamp;

/// A record's fields in the order in which they are written.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Written<'a> {
    id: &'a JobId,
    #[serde(rename = "type")]
    record_type: &'a str,
    alias: &'a str,
    #[serde(flatten)]
    spec: &'a Spec,
    #[serde(skip_serializing_if = "Option::is_none")]
    sudo: &'a Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    masked: &'a Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    waits_for: &'a Option<String>,
    status: Status,
    created_at: Timestamp,
    retry_count: u32,
    max_retries: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    retried_from: &'a Option<JobId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parent: &'a Option<JobId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    updated_at: &'a Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reminder_at: &'a Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    owner: &'a Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    actor: &'a Option<Actor>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: &'a Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    approval: &'a Option<Agreement>,
    #[serde(flatten)]
    outcome: &'a Outcome,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: &'a Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_code: &'a Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_details: &'a Option<Map<String, Value>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    duration: &'a Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    completed_at: &'a Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    failed_at: &'a Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    crashed_at: &'a Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    can_retry: &'a Option<bool>,
    #[serde(flatten)]
    unknown: &'a Map<String, Value>,
}

impl Serialize for Job {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Header {
            id,
            record_type,
            alias,
            sudo,
            masked,
            waits_for,
            status,
            created_at,
            retry_count,
            max_retries,
            retried_from,
            parent,
            updated_at,
            reminder_at,
            owner,
            actor,
            reason,
            approval,
            error,
            error_code,
            error_details,
            duration,
            completed_at,
            failed_at,
            crashed_at,
            can_retry,
        } = &self.header;
        let written = Written {
            id,
            record_type,
            alias,
            spec: &self.spec,
            sudo,
            masked,
            waits_for,
            status: *status,
            created_at: *created_at,
            retry_count: *retry_count,
            max_retries: *max_retries,
            retried_from,
            parent,
            updated_at,
            reminder_at,
            owner,
            actor,
            reason,
            approval,
            outcome: &self.outcome,
            error,
            error_code,
            error_details,
            duration,
            completed_at,
            failed_at,
            crashed_at,
            can_retry,
            unknown: &self.unknown,
        };
        written.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Job {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut record = Map::deserialize(deserializer)?;
        let (spec, outcome) = Spec::take(&mut record).map_err(de::Error::custom)?;
        let header: Header = take(&mut record).map_err(de::Error::custom)?;
        Ok(Self {
            header: Header {
                record_type: spec.kind().record_type(),
                ..header
            },
            spec,
            outcome,
            unknown: record,
        })
    }
}
