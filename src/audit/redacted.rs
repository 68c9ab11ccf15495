//! Arguments without their secrets, and without the texts of files.

use std::borrow::Cow;

use serde_json::{Map, Value};

use super::hash;
use crate::secret::{
    MASK, hide_in_arguments, hide_in_of, masked_host, reads_password, shown_address,
    without_passwords,
};
use crate::ssh::prompt::secrecy::is_secret_variable;
use crate::ssh::target::written::is_private_key;

/// Arguments that name something. A common word in them is not masked, even if some server's secret is the same.
const NAMES: &[&str] = &[
    "alias",
    "server_alias",
    "host",
    "user",
    "jump",
    "sshConfigHost",
];

/// Arguments that are looked for. A field's name in them has no value.
const PATTERNS: &[&str] = &["pattern", "grep", "search"];

/// The arguments of a call with their secrets masked. `secrets` names those that hold secrets. Of a text that a file is
/// to get, size and hash are there; of one that is edited, the size: a hash of a few letters could be guessed.
pub fn redacted(arguments: &Map<String, Value>, secrets: &[String]) -> Value {
    let mut redacted = arguments.clone();
    let alias = redacted.get("alias").and_then(Value::as_str);
    let alias = alias.map(str::to_owned);
    hide_inputs(&mut redacted);
    for (name, value) in &mut redacted {
        if secrets.contains(name) && !value.is_null() {
            mask(value);
        }
        let name = name.as_str();
        match (&mut *value, name) {
            (Value::String(url), "url" | "health_check_endpoint") => *url = shown_address(url),
            (Value::String(host), "host") => {
                if let Some(masked) = masked_host(host) {
                    *host = masked;
                }
            }
            (Value::String(path), "keyPath") if is_private_key(path) => *value = MASK.into(),
            (Value::String(content), "content" | "stdinBase64") => {
                *content = size_and_hash(content);
            }
            (edits, "edits") => hide_edits(edits),
            _ => {}
        }
        let is_name = NAMES.contains(&name);
        if !is_name && !PATTERNS.contains(&name) {
            hide_written(value);
        }
        hide_in_of(alias.as_deref().filter(|_| !is_name), value);
    }
    Value::Object(redacted)
}

/// Masks every value in it. Keys stay, such as the prompts of `responses`.
fn mask(value: &mut Value) {
    match value {
        Value::Object(fields) => fields.values_mut().for_each(mask),
        other => *other = MASK.into(),
    }
}

fn size(text: &str) -> String {
    format!("{} bytes", text.len())
}

fn size_and_hash(text: &str) -> String {
    format!("{}, SHA-256 {}", size(text), hash(text.as_bytes()))
}

/// Puts sizes in place of the texts of edits.
fn hide_edits(value: &mut Value) {
    match value {
        Value::String(text) => *text = size(text),
        Value::Array(values) => values.iter_mut().for_each(hide_edits),
        Value::Object(fields) => fields.values_mut().for_each(hide_edits),
        _ => {}
    }
}

/// Masks passwords that are recognised by their place, and variables that hold a secret.
pub fn hide_written(value: &mut Value) {
    match value {
        Value::String(text) => {
            if let Cow::Owned(hidden) = without_passwords(text) {
                *text = hidden;
            }
        }
        Value::Array(values) => values.iter_mut().for_each(hide_written),
        Value::Object(fields) => {
            hide_inputs(fields);
            fields.values_mut().for_each(hide_written);
        }
        _ => {}
    }
}

/// Masks what a command or a step gets besides its words: an input that is a password, variables with the names of
/// secrets, arguments of a script.
fn hide_inputs(fields: &mut Map<String, Value>) {
    let names = ["cmd", "command", "script"];
    let mut commands = names.iter().filter_map(|name| fields.get(*name)?.as_str());
    let is_password = commands.any(reads_password);
    if let Some(input) = fields
        .get_mut("stdin")
        .filter(|input| is_password && !input.is_null())
    {
        *input = MASK.into();
    }
    if let Some(Value::Object(variables)) = fields.get_mut("env") {
        for (name, value) in variables {
            if value.is_string() && is_secret_variable(name) {
                *value = MASK.into();
            }
        }
    }
    if let Some(Value::Array(arguments)) = fields.get_mut("args") {
        let mut texts: Vec<_> = arguments
            .iter()
            .map(|value| value.as_str().unwrap_or_default().to_owned())
            .collect();
        if hide_in_arguments(&mut texts) {
            *arguments = texts.into_iter().map(Value::from).collect();
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn shown(arguments: &Value) -> Value {
        redacted(arguments.as_object().unwrap(), &[])
    }

    #[test]
    fn secrets_are_not_written_down() {
        let secrets = ["password", "api_key", "responses"].map(str::to_owned);
        let given = json!({
            "alias": "web1", "password": "hunter2", "api_key": null, "url": "http://u:p@h/",
            "responses": {"Password:": "hunter2", "Go on?": "y"},
        });
        for (url, shown) in [
            ("https://h/x@y", "https://h/x@y"),
            ("https://u@h:80", "https://***@h:80"),
            ("https://u:p/q@h", "***"),
            ("https://h/?token=p", "https://h/?token=***"),
        ] {
            let given = json!({ "url": url });
            assert_eq!(
                redacted(given.as_object().unwrap(), &secrets),
                json!({ "url": shown })
            );
        }
        assert_eq!(
            redacted(given.as_object().unwrap(), &secrets),
            json!({
                "alias": "web1", "password": "***", "api_key": null, "url": "http://***@h/",
                "responses": {"Password:": "***", "Go on?": "***"},
            })
        );
    }

    #[test]
    fn passwords_in_what_is_run_are_masked() {
        for (given, expected) in [
            (
                json!({"cmd": "mysql -pS3cr3t"}),
                json!({"cmd": "mysql -p***"}),
            ),
            (
                json!({"commands": ["cd /", {"command": "chpasswd", "stdin": "a:b", "env": {"DB_PASS": "x", "A": "b"}}]}),
                json!({"commands": ["cd /", {"command": "chpasswd", "stdin": "***", "env": {"DB_PASS": "***", "A": "b"}}]}),
            ),
            (
                json!({"cmd": "cat", "stdin": "a:b", "env": {"PGPASSWORD": {"secret": "server:db/password"}}}),
                json!({"cmd": "cat", "stdin": "a:b", "env": {"PGPASSWORD": {"secret": "server:db/password"}}}),
            ),
            (
                json!({"script": "curl -u a:b h", "args": ["--token", "S3cr3t", "-v"]}),
                json!({"script": "curl -u a:*** h", "args": ["--token", "***", "-v"]}),
            ),
            (
                json!({"pattern": "password: x", "input": "password: x"}),
                json!({"pattern": "password: x", "input": "password: ***"}),
            ),
            (
                json!({"alias": "db-password=x"}),
                json!({"alias": "db-password=x"}),
            ),
        ] {
            assert_eq!(shown(&given), expected);
        }
    }

    #[test]
    fn of_texts_of_files_the_size_is_there() {
        let hash = hash(b"a text");
        assert_eq!(
            shown(&json!({"path": "/a", "content": "a text"})),
            json!({"path": "/a", "content": format!("6 bytes, SHA-256 {hash}")})
        );
        let edits = json!([{"old": "a", "new": "a text", "all": true}]);
        assert_eq!(
            shown(&json!({"path": "/a", "edits": edits})),
            json!({"path": "/a", "edits": [{"old": "1 bytes", "new": "6 bytes", "all": true}]})
        );
    }
}
