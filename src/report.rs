//! Reports of errors for callers and records, with secrets masked and long texts cut.

use std::borrow::Cow;

use serde_json::{Map, Value, json};

use crate::error::Error;
use crate::secret::{hide, hide_in};
use crate::text::beginning;
use crate::time::Timestamp;

/// The longest text in a report. An error may quote a server, or the arguments of a call.
const LONGEST_TEXT: usize = 4 * 1024;

impl Error {
    /// The report for a job's record and for the client.
    pub fn report(&self) -> Report {
        let mut details = match self.details() {
            Value::Object(details) => details,
            _ => Map::new(),
        };
        details.retain(|_, value| !value.is_null());
        details.insert("hint".to_owned(), self.hint().into());
        for value in details.values_mut() {
            hide_in(value);
            shorten(value);
        }
        Report {
            code: self.code().to_owned(),
            message: beginning(&hide(&self.to_string()), LONGEST_TEXT).into_owned(),
            details,
        }
    }
}

/// Cuts every text to [`LONGEST_TEXT`].
fn shorten(value: &mut Value) {
    match value {
        Value::String(text) => {
            if let Cow::Owned(cut) = beginning(text, LONGEST_TEXT) {
                *text = cut;
            }
        }
        Value::Array(values) => values.iter_mut().for_each(shorten),
        Value::Object(fields) => fields.values_mut().for_each(shorten),
        _ => {}
    }
}

/// An error in the form that is stored and sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// One of the contract's codes.
    pub code: String,
    /// One sentence.
    pub message: String,
    /// The facts and the hint.
    pub details: Map<String, Value>,
}

impl Report {
    /// The JSON object that a failed call has as its text.
    pub fn to_json(&self) -> Value {
        json!({
            "error": true,
            "code": self.code,
            "message": self.message,
            "details": self.details,
            "timestamp": Timestamp::now(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_server_says_is_told_in_measure() {
        let report = Error::Auth {
            alias: "web1".to_owned(),
            user: "u".to_owned(),
            reason: "é".repeat(500_000),
            tried: vec!["x".repeat(500_000)],
            said: vec!["x".repeat(500_000)],
        }
        .report();
        let told = report.to_json().to_string();
        assert!(told.len() < 5 * LONGEST_TEXT, "{} bytes", told.len());
        assert!(
            report
                .message
                .starts_with("server `web1` did not authenticate")
        );
    }

    #[test]
    fn a_report_has_the_contract_s_fields() {
        let error = Error::Connection {
            alias: "web1".into(),
            host: "192.0.2.7".into(),
            port: 22,
            reason: "ECONNREFUSED".into(),
        };
        let json = error.report().to_json();
        assert_eq!(json["error"], true);
        assert_eq!(json["code"], "CONNECTION_FAILED");
        assert_eq!(json["details"]["alias"], "web1");
        assert_eq!(json["details"]["reason"], "ECONNREFUSED");
        assert!(json["details"]["hint"].is_string());
        assert!(json["timestamp"].as_str().unwrap().ends_with('Z'));
    }

    #[test]
    fn absent_facts_are_left_out() {
        let report = Error::invalid("alias", "is empty").report();
        assert!(!report.details.contains_key("expected"));
    }
}
