//! What a line says of a call.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::hash;
use crate::secret::{MASK, hide_in_of, shown_address};
use crate::time::Timestamp;

/// Arguments that hold secrets, whatever they are.
const SECRETS: &[&str] = &[
    "password",
    "passphrase",
    "totpSecret",
    "api_key",
    "htpasswd_pass",
    "responses",
];

/// Arguments that name something, in which a common word is no secret.
const NAMES: &[&str] = &[
    "alias",
    "server_alias",
    "host",
    "user",
    "jump",
    "sshConfigHost",
];

/// A longer argument is told by its beginning; the digest is of the whole.
const LONGEST: usize = 2048;

/// A call that acts.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Entry {
    /// When it came.
    pub time: Timestamp,
    /// The tool.
    pub tool: String,
    /// The server, or whatever else the alias names.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alias: Option<String>,
    /// The arguments, secrets masked.
    pub arguments: Value,
    /// The SHA-256 of the arguments with their secrets masked, before anything was shortened.
    pub digest: String,
    /// What came of it.
    #[serde(flatten)]
    pub outcome: Outcome,
    /// How long the call took, in milliseconds.
    pub duration_ms: u64,
    /// The SHA-256 fingerprint of the host key that the server has shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host_key: Option<String>,
}

/// What came of a call.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Outcome {
    /// `ok`, the status of its job, or the code of an error.
    pub outcome: String,
    /// The job that it has started.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub job: Option<String>,
    /// Its command's exit status.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<i64>,
}

impl Entry {
    /// A call that has come to its end.
    pub fn new(
        tool: &str,
        arguments: Option<&Map<String, Value>>,
        time: Timestamp,
        outcome: Outcome,
    ) -> Self {
        let arguments = redacted(arguments);
        let alias = arguments.get("alias").and_then(Value::as_str);
        let mut shown = arguments.clone();
        shorten(&mut shown);
        Self {
            tool: tool.to_owned(),
            alias: alias.map(str::to_owned),
            digest: hash(arguments.to_string().as_bytes()),
            arguments: shown,
            outcome,
            duration_ms: u64::try_from(time.elapsed().as_millis()).unwrap_or(u64::MAX),
            host_key: None,
            time,
        }
    }
}

impl Outcome {
    /// What an answer's facts say: a job's record, an error, or something else.
    pub fn of(is_error: bool, facts: Option<&Value>) -> Self {
        let field = |name| facts.and_then(|facts| facts.get(name));
        let text = |name| field(name).and_then(Value::as_str).map(str::to_owned);
        let job = text("id").filter(|_| field("status").is_some());
        let word = match (&job, is_error) {
            (Some(_), _) => text("status"),
            (None, true) => text("code").or_else(|| Some("error".to_owned())),
            (None, false) => None,
        };
        Self {
            outcome: word.unwrap_or_else(|| "ok".to_owned()),
            job,
            exit_code: field("exitCode").and_then(Value::as_i64),
        }
    }
}

/// Arguments as they may be written down.
pub fn redacted(arguments: Option<&Map<String, Value>>) -> Value {
    let mut redacted = arguments.cloned().unwrap_or_default();
    let alias = redacted.get("alias").and_then(Value::as_str);
    let alias = alias.map(str::to_owned);
    for (name, value) in &mut redacted {
        if is_secret(name) && !value.is_null() {
            mask(value);
        }
        if let (Value::String(url), "url" | "health_check_endpoint") = (&*value, name.as_str()) {
            *value = shown_address(url).into();
        }
        let is_name = NAMES.contains(&name.as_str());
        hide_in_of(alias.as_deref().filter(|_| !is_name), value);
    }
    Value::Object(redacted)
}

/// Whether an argument of this name holds a secret.
pub fn is_secret(name: &str) -> bool {
    SECRETS.contains(&name)
}

/// Masks every text in it; names stay, such as the prompts of `responses`.
fn mask(value: &mut Value) {
    match value {
        Value::Object(fields) => fields.values_mut().for_each(mask),
        other => *other = MASK.into(),
    }
}

fn shorten(value: &mut Value) {
    match value {
        Value::String(text) if text.len() > LONGEST => {
            let end = (0..=LONGEST)
                .rev()
                .find(|end| text.is_char_boundary(*end))
                .unwrap_or_default();
            *text = format!("{}… ({} bytes)", &text[..end], text.len());
        }
        Value::Array(values) => values.iter_mut().for_each(shorten),
        Value::Object(fields) => fields.values_mut().for_each(shorten),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn arguments(value: &Value) -> Map<String, Value> {
        value.as_object().unwrap().clone()
    }

    #[test]
    fn secrets_are_not_written_down() {
        let given = arguments(&json!({
            "alias": "web1", "password": "hunter2", "api_key": null, "url": "http://u:p@h/",
            "responses": {"Password:": "hunter2", "Go on?": "y"},
        }));
        for (url, shown) in [
            ("https://h/x@y", "https://h/x@y"),
            ("https://u@h:80", "https://***@h:80"),
            ("https://u:p/q@h", "***"),
            ("https://h/?token=p", "https://h/?token=***"),
        ] {
            let given = arguments(&json!({ "url": url }));
            assert_eq!(redacted(Some(&given)), json!({ "url": shown }));
        }
        assert_eq!(
            redacted(Some(&given)),
            json!({
                "alias": "web1", "password": "***", "api_key": null, "url": "http://***@h/",
                "responses": {"Password:": "***", "Go on?": "***"},
            })
        );
    }

    #[test]
    fn long_arguments_are_told_apart_by_their_digest() {
        let entry = |end: &str| {
            let command = format!("{}{end}", "é".repeat(LONGEST));
            let given = arguments(&json!({"alias": "web1", "cmd": command}));
            let outcome = Outcome::of(false, None);
            Entry::new("task_exec", Some(&given), Timestamp::now(), outcome)
        };
        let (one, two) = (entry("1"), entry("2"));
        assert_eq!(one.arguments["cmd"], two.arguments["cmd"]);
        assert!(one.arguments.to_string().len() < 2 * LONGEST);
        assert_ne!(one.digest, two.digest);
    }

    #[test]
    fn an_outcome_is_what_the_facts_say() {
        let job = json!({"id": "a1b2c3d4", "status": "failed", "exitCode": 3});
        let outcome = Outcome::of(false, Some(&job));
        assert_eq!(
            (outcome.outcome.as_str(), outcome.exit_code),
            ("failed", Some(3))
        );
        assert_eq!(outcome.job.as_deref(), Some("a1b2c3d4"));
        let error = json!({"error": true, "code": "READ_ONLY"});
        assert_eq!(Outcome::of(true, Some(&error)).outcome, "READ_ONLY");
        assert_eq!(Outcome::of(false, None).outcome, "ok");
    }
}
