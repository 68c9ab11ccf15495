//! Whether HTTP APIs are up, as seen from a server's network or from here.
//!
//! | module | what it is |
//! |---|---|
//! | `request` | what is asked, and with which secrets |
//! | `routes` | the ways there: from here, through a channel of an SSH connection, with the server's `curl` |
//! | this | which way is taken, and what the outcome says |

mod request;
mod routes;

use std::time::{Duration, Instant};

use serde::Serialize;
use serde_json::Value;
use tokio::time::timeout;

pub use request::Request;
use request::shown_url;
use routes::{Outcome, Routes, Tunnelled};

use crate::error::Error;
use crate::secret::{MASK, Secret, shown_address};
use crate::ssh::Pool;
use crate::store::apis::Api;

/// How long an API has to answer.
const LIMIT: Duration = Duration::from_secs(10);

/// Asks APIs. What it takes for TLS is loaded once, when it is first needed.
#[derive(Default)]
pub struct Checker(Routes);

/// What is known of an API after it was asked.
#[derive(Debug, Serialize)]
pub struct Health {
    status: Verdict,
    /// `null` where there was no answer.
    http_code: Option<u16>,
    response_time_ms: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    via: Via,
    url: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "UPPERCASE")]
enum Verdict {
    Up,
    Down,
}

/// An API as it may be shown: everything that was configured, secrets masked.
#[derive(Debug, Serialize)]
#[serde(transparent)]
pub struct ApiView(Value);

impl From<&Api> for ApiView {
    fn from(api: &Api) -> Self {
        let mask = |secret: &Option<Secret>| {
            let shown = secret.as_ref().map(Secret::shown);
            shown.map(|shown| Secret::from(shown.as_str()))
        };
        let parted = |query: &Option<Secret>| {
            let shown = query.as_ref().map(|_| format!("?{MASK}"));
            shown.map(|shown| Secret::from(shown.as_str()))
        };
        let shown = Api {
            url_credentials: mask(&api.url_credentials),
            url_query: parted(&api.url_query),
            endpoint_query: parted(&api.endpoint_query),
            ..api.clone()
        };
        let masked = Api {
            url: shown_url(&shown.address()),
            url_credentials: None,
            url_query: None,
            health_check_endpoint: shown.endpoint().map(|path| shown_address(&path)),
            endpoint_query: None,
            api_key: mask(&api.api_key),
            htpasswd_pass: mask(&api.htpasswd_pass),
            ..api.clone()
        };
        let mut shown = serde_json::to_value(masked).expect("an API is an object of strings");
        if let Value::Object(fields) = &mut shown {
            fields.retain(|_, value| !value.is_null());
        }
        Self(shown)
    }
}

/// The way that a request has taken.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
enum Via {
    /// From this machine.
    Direct,
    /// Through the server, which saw no more than where it goes; over TLS not what it says.
    Tunnel,
    /// Made by the server, which forbids forwarding.
    Curl,
}

impl Checker {
    /// Asks from this machine, or from the network of the server `through`. That the API cannot be
    /// reached is an answer; an error is that it could not be asked.
    ///
    /// Ends by `deadline`.
    pub async fn check(
        &self,
        request: &Request,
        through: Option<(&Pool, &str)>,
        deadline: Instant,
    ) -> Result<Health, Error> {
        let limit_from = |began| LIMIT.min(deadline.saturating_duration_since(began));
        let now = Instant::now();
        let (via, began, outcome) = match through {
            None => {
                let asked = timeout(limit_from(now), self.0.direct(request)).await;
                (Via::Direct, now, asked.unwrap_or(Ok(Outcome::Silent))?)
            }
            Some((pool, alias)) => {
                let tunnelled = self.0.tunnel(request, pool, alias, (LIMIT, deadline));
                match tunnelled.await? {
                    Tunnelled::Asked(began, outcome) => (Via::Tunnel, began, outcome),
                    Tunnelled::Forbidden => {
                        let began = Instant::now();
                        let times = (limit_from(began), deadline);
                        let asked = self.0.curl(request, pool, alias, times);
                        (Via::Curl, began, asked.await?)
                    }
                }
            }
        };
        let times = (limit_from(began), began.elapsed());
        Ok(Health::of(request, via, times, outcome))
    }
}

impl Health {
    fn of(
        request: &Request,
        via: Via,
        (limit, elapsed): (Duration, Duration),
        outcome: Outcome,
    ) -> Self {
        let (http_code, reason, elapsed) = match outcome {
            Outcome::Answered(status, took) => {
                let reason = (!status.is_success()).then(|| status.to_string());
                let reason = reason.map(|reason| {
                    if status.is_redirection() {
                        format!("{reason}; redirects are not followed")
                    } else {
                        reason
                    }
                });
                (Some(status), reason, took.unwrap_or(elapsed))
            }
            Outcome::Unreachable(reason) => (None, Some(reason), elapsed),
            Outcome::Silent => {
                let reason = format!("no answer within {} s", limit.as_secs_f64());
                (None, Some(reason), elapsed)
            }
        };
        Self {
            status: if http_code.is_some_and(|status| status.is_success()) {
                Verdict::Up
            } else {
                Verdict::Down
            },
            http_code: http_code.map(|status| status.as_u16()),
            response_time_ms: u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX),
            reason,
            via,
            url: request.shown_url(),
        }
    }
}
