//! The two lines of a call: before it runs and after.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::bounded::{LONGEST_NAME, bounded, shortened};
use super::hash;
use super::redacted::redacted;
use super::responses::ResponsesDigest;
use crate::actor::Actor;
use crate::ssh::SUPERUSER;
use crate::time::{Timestamp, millis};

/// The most servers of a call that its lines name: a line has a bound.
pub const SERVERS: usize = 500;

/// The line of a call that is about to run.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Begun {
    event: &'static str,
    /// The identifier that both lines of a call share.
    pub(super) call: String,
    /// The time at which it came.
    pub(super) time: Timestamp,
    pub(super) tool: String,
    /// The argument `alias`, mostly a server's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) alias: Option<String>,
    /// The servers that it stands for, where it names several: the first [`SERVERS`], and the number of all.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) servers: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) server_count: Option<usize>,
    /// The arguments with secrets masked and long texts cut.
    arguments: Value,
    /// The SHA-256 of the arguments with secrets masked, before anything was cut.
    digest: String,
    /// The count and the digest of answers to prompts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) responses: Option<ResponsesDigest>,
    /// The process that runs it, by the name of its lock.
    pub(super) process: String,
    /// The one who acts.
    pub(super) actor: Actor,
    /// The fingerprint of the host key that a live connection to the server was made with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) host_key: Option<String>,
}

/// The line of a call that has ended.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Ended<'a> {
    pub(super) event: &'static str,
    pub(super) call: &'a str,
    pub(super) time: Timestamp,
    pub(super) tool: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) alias: Option<&'a str>,
    #[serde(flatten)]
    pub(super) outcome: CallOutcome,
    /// The call's duration in milliseconds.
    pub(super) duration_ms: u64,
    /// The fingerprint of the host key that the server has presented.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) host_key: Option<String>,
}

/// The line of a task that went on after its call, and has ended since.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Finished<'a> {
    event: &'static str,
    /// The call that began it.
    call: &'a str,
    time: Timestamp,
    tool: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    alias: Option<&'a str>,
    #[serde(flatten)]
    outcome: CallOutcome,
    /// The fingerprint of the host key that the server has presented.
    #[serde(skip_serializing_if = "Option::is_none")]
    host_key: Option<String>,
}

/// A call whose task goes on after it.
#[derive(Clone, Debug)]
pub struct LongCall {
    /// The identifier of its lines.
    pub call: String,
    /// Its tool.
    pub tool: String,
    /// Its argument `alias`.
    pub alias: Option<String>,
}

/// The outcome of a call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CallOutcome {
    /// `ok`, the status of its job, or the code of an error.
    pub outcome: String,
    /// The job that it has started.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub job: Option<String>,
    /// State and job of each of several servers: of the first [`SERVERS`].
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub children: IndexMap<String, String>,
    /// The exit status of its command.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<u32>,
    /// The cause of its interruption.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
    /// The SHA-256 of the file that it has changed, as it was before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sha256_before: Option<String>,
    /// The same, as it is since.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sha256_after: Option<String>,
    /// The traffic of a tunnel.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub traffic: Option<Traffic>,
}

/// The traffic of a tunnel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Traffic {
    /// The connections so far.
    pub connections: u64,
    /// The bytes from this machine to the server.
    pub bytes_sent: u64,
    /// The bytes from the server to this machine.
    pub bytes_received: u64,
}

impl Begun {
    /// The line of a call that begins now. `secrets` names the arguments that hold secrets.
    pub(super) fn new(
        tool: &str,
        arguments: &Map<String, Value>,
        secrets: &[String],
        process: &str,
    ) -> Self {
        let mut arguments = redacted(arguments, secrets);
        if let Some(user) = arguments.get_mut("sudo").filter(|user| **user == true) {
            *user = SUPERUSER.into();
        }
        let alias = arguments.get("alias").and_then(Value::as_str);
        Self {
            event: "begun",
            call: crate::random::hex::<8>(),
            time: Timestamp::now(),
            tool: tool.to_owned(),
            alias: alias.map(|alias| shortened(alias, LONGEST_NAME)),
            servers: Vec::new(),
            server_count: None,
            digest: hash(arguments.to_string().as_bytes()),
            arguments: bounded(&arguments),
            responses: None,
            process: process.to_owned(),
            actor: Actor::default(),
            host_key: None,
        }
    }

    /// The line of this call's end, now.
    pub(super) fn ended(&self, outcome: CallOutcome, host_key: Option<String>) -> Ended<'_> {
        Ended {
            event: "ended",
            call: &self.call,
            time: Timestamp::now(),
            tool: &self.tool,
            alias: self.alias.as_deref(),
            outcome,
            duration_ms: millis(self.time.elapsed()),
            host_key,
        }
    }
}

impl LongCall {
    /// The line of its task's end, now.
    pub(super) fn finished(&self, outcome: CallOutcome, host_key: Option<String>) -> Finished<'_> {
        Finished {
            event: "finished",
            call: &self.call,
            time: Timestamp::now(),
            tool: &self.tool,
            alias: self.alias.as_deref(),
            outcome,
            host_key,
        }
    }
}

impl CallOutcome {
    /// An outcome that needs no answer to be known.
    pub fn named(word: &str) -> Self {
        Self {
            outcome: word.to_owned(),
            job: None,
            children: IndexMap::new(),
            exit_code: None,
            cause: None,
            sha256_before: None,
            sha256_after: None,
            traffic: None,
        }
    }

    /// The outcome of a tunnel.
    pub fn of_tunnel(cause: &str, traffic: Traffic) -> Self {
        Self {
            traffic: Some(traffic),
            ..Self::ended(cause)
        }
    }

    /// The outcome of what lives until it is ended.
    pub fn ended(cause: &str) -> Self {
        Self {
            cause: Some(cause.to_owned()),
            ..Self::named("ended")
        }
    }

    /// The outcome of a call that the end of this program interrupts.
    pub fn interrupted(cause: &str) -> Self {
        Self {
            cause: Some(cause.to_owned()),
            ..Self::named("interrupted")
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::bounded::LONGEST_TEXT;
    use super::*;

    fn arguments(value: &Value) -> Map<String, Value> {
        value.as_object().unwrap().clone()
    }

    #[test]
    fn long_arguments_are_told_apart_by_their_digest() {
        let entry = |end: &str| {
            let command = format!("{}{end}", "é".repeat(LONGEST_TEXT));
            let given = arguments(&json!({"alias": "web1", "cmd": command}));
            Begun::new("task_exec", &given, &[], "1-a")
        };
        let (one, two) = (entry("1"), entry("2"));
        assert_eq!(one.arguments["cmd"], two.arguments["cmd"]);
        assert!(one.arguments.to_string().len() < 2 * LONGEST_TEXT);
        assert_ne!(one.digest, two.digest);
    }
}
