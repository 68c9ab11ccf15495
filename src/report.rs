//! Reports of errors for callers and records, with secrets masked and long texts cut.

use std::borrow::Cow;

use serde_json::{Map, Value, json};

use crate::error::Error;
use crate::secret::{hide, hide_in};
use crate::text::beginning;
use crate::time::Timestamp;

/// The longest text in a report. An error may quote a server.
const LONGEST_TEXT: usize = 1024;
/// The longest name, path or value that is quoted. The caller has given it.
const LONGEST_NAME: usize = 200;
/// Details that are no names, paths or values.
const TEXTS: [&str; 2] = ["hint", "reason"];
/// A detail of more bytes does not stand in the message, too.
const SHORT: usize = 24;
/// Begins the reason of a refusal that lists the known names.
const UNKNOWN_NAME: &str = "is not known;";

impl Error {
    /// The report for a job's record and for the client.
    pub fn report(&self) -> Report {
        let mut details = match self.details() {
            Value::Object(details) => details,
            _ => Map::new(),
        };
        details.retain(|_, value| !value.is_null());
        details.insert("hint".to_owned(), self.hint().into());
        let mut message = hide(&self.to_string()).into_owned();
        for (name, value) in &mut details {
            hide_in(value);
            if let Value::String(text) = value
                && !TEXTS.contains(&name.as_str())
                && let Cow::Owned(cut) = beginning(text, LONGEST_NAME)
            {
                message = message.replace(&*text, &cut);
                *text = cut;
            }
            shorten(value);
        }
        Report {
            code: self.code().to_owned(),
            message: beginning(&message, LONGEST_TEXT).into_owned(),
            details,
        }
    }
}

/// Has the message and the details say different things: the message what happened, the details why and to what.
fn part_with(message: &mut String, details: &mut Map<String, Value>) {
    let text = |name: &str| details.get(name).and_then(Value::as_str);
    if let Some(part) = text("part") {
        *message = message.replace(&format!("`{part}`"), "this call");
    }
    let reason = text("reason").unwrap_or_default();
    let ending = format!(": {reason}");
    if let Some(before) = message.strip_suffix(&ending)
        && !reason.is_empty()
    {
        *message = before.to_owned();
    } else if reason.starts_with(UNKNOWN_NAME) && message.ends_with(reason) {
        // It lists the known names, of which a tool may have many.
        details.shift_remove("reason");
    }
    if details.contains_key("failedFiles")
        && let Some((before, _)) = message.split_once(": `")
    {
        *message = before.to_owned();
    }
    details.retain(|name, value| match value {
        Value::String(text) => {
            let is_kept = TEXTS.contains(&name.as_str()) || text.len() < SHORT;
            is_kept || !message.contains(text.as_str())
        }
        _ => true,
    });
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
    /// The JSON object that a failed call has as its text. Each fact stands in it once.
    pub fn to_json(&self) -> Value {
        let (mut message, mut details) = (self.message.clone(), self.details.clone());
        part_with(&mut message, &mut details);
        json!({
            "error": true,
            "code": self.code,
            "message": message,
            "details": details,
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
        let message = "cannot connect to server `web1` at 192.0.2.7:22";
        assert_eq!(json["message"], message, "the reason stands in it once");
        assert!(json["details"]["hint"].is_string());
        assert!(json["timestamp"].as_str().unwrap().ends_with('Z'));
    }

    #[test]
    fn absent_facts_are_left_out() {
        let report = Error::invalid("alias", "is empty").report();
        assert!(!report.details.contains_key("expected"));
    }

    #[test]
    fn long_names_are_cut_and_each_fact_stands_once() {
        let long = Error::OwnFile {
            path: "x".repeat(1_000_000),
        };
        let told = long.report().to_json();
        let message = told["message"].as_str().unwrap();
        assert!(
            message.len() < 300 && message.ends_with("leave alone"),
            "{message}"
        );
        assert_eq!(told["details"].get("path"), None);
        let blocked = Error::Blocked {
            rule: None,
            part: "rm -rf /".to_owned(),
            reason: "it deletes a system directory".to_owned(),
            advice: "name what is to go".to_owned(),
        };
        let told = blocked.report().to_json();
        assert_eq!(told["message"], "the policy refuses this call");
        assert_eq!(told["details"]["part"], "rm -rf /");
        let refused = Error::invalid("alias", "is empty").report().to_json();
        assert_eq!(refused["message"], "parameter `alias` is empty");
        assert_eq!(refused["details"]["reason"], "is empty");
        let unknown = Error::invalid("alais", "is not known; known: alias, cmd");
        assert_eq!(unknown.report().to_json()["details"].get("reason"), None);
    }
}
