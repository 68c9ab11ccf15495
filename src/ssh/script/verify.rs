//! A login that shows whether it works, and asks the server for its system.

use std::time::Duration;

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};
use tokio::time::{Instant, timeout_at};

use super::Script;
use super::probe::shell_kind;
use crate::error::Error;
use crate::report::Report;
use crate::ssh::connection::Connection;
use crate::ssh::connection::notices::plain;
use crate::ssh::pool::Pool;

/// The time allowed for all of it.
pub const LIMIT: Duration = Duration::from_secs(5);

/// The time that the probe of the login shell waits for a channel. Commands wait for the same probe, so
/// it must not give up before they would.
const CHANNEL_PATIENCE: Duration = Duration::from_secs(60);

/// `$1`: the word before the answer.
const SCRIPT: &str = "printf '%s: ' \"$1\"; uname -snrm";

/// The outcome of a login.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(tag = "state", rename_all = "lowercase")]
pub enum LoginReport {
    /// It succeeded.
    #[serde(rename_all = "camelCase")]
    Ok {
        /// The user who is logged in.
        user: String,
        /// The output of `uname` on the server, else the name of its SSH software; of a device its prompt.
        system: String,
        /// The SHA-256 fingerprint of its host key.
        host_key: String,
    },
    /// It failed: the error's fields, as a failed call has them.
    Failed {
        /// One of the contract's codes.
        code: String,
        /// One sentence.
        message: String,
        /// Facts that are needed to act.
        details: Map<String, Value>,
    },
    /// It goes on.
    #[serde(rename_all = "camelCase")]
    Waiting {
        /// The thing that it waits for, if that is known.
        #[serde(skip_serializing_if = "Option::is_none")]
        waits_for: Option<String>,
    },
}

impl LoginReport {
    /// The same with another name of the system, if it succeeded.
    #[must_use]
    pub fn of_system(mut self, name: String) -> Self {
        if let Self::Ok { system, .. } = &mut self {
            *system = name;
        }
        self
    }
}

impl From<Error> for LoginReport {
    fn from(error: Error) -> Self {
        let Report {
            code,
            message,
            details,
        } = error.report();
        Self::Failed {
            code,
            message,
            details,
        }
    }
}

/// Logs in to `alias`. A login that takes longer goes on, and its connection stays in the pool.
pub async fn log_in(pool: &Pool, alias: &str) -> LoginReport {
    let end = Instant::now() + LIMIT;
    let connection = match timeout_at(end, pool.live_connection(alias)).await {
        Ok(Ok(connection)) => connection,
        Ok(Err(error)) => return error.into(),
        Err(_) => {
            return LoginReport::Waiting {
                waits_for: pool.login_notice(alias),
            };
        }
    };
    let Connection { user, software, .. } = &*connection;
    let (user, software) = (user.clone(), software.clone());
    let host_key = connection.host_key().to_owned();
    drop(connection);
    let system = timeout_at(end, uname(pool, alias)).await;
    LoginReport::Ok {
        user,
        system: system.ok().flatten().unwrap_or(software),
        host_key,
    }
}

/// Asks `uname`, if there is a POSIX shell.
async fn uname(pool: &Pool, alias: &str) -> Option<String> {
    let shell = shell_kind(pool, alias, CHANNEL_PATIENCE).await.ok()?;
    if !shell.is_posix {
        return None;
    }
    let script = Script::new("uname", SCRIPT.to_owned(), LIMIT).with_token();
    let answer = script.run(pool, alias).await.ok()?;
    let words = plain(&answer.words.join(" "));
    (!words.is_empty()).then_some(words)
}
