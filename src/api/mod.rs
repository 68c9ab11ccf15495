//! Health checks of HTTP APIs, from here or from a server's network.
//!
//! | module | what it is |
//! |---|---|
//! | `request` | the request and its credentials |
//! | `routes` | the routes: from here, through a channel of an SSH connection, with the server's `curl` |
//! | this | the choice of the route, and the result |

mod request;
mod routes;

use std::time::{Duration, Instant};

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;
use tokio::time::timeout;

pub use request::HealthRequest;
use request::shown_url;
use routes::{RequestOutcome, Routes, Tunnelled};

use crate::error::Error;
use crate::secret::{MASK, Secret, shown_address};
use crate::ssh::Pool;
use crate::store::apis::Api;

/// The time allowed for an API's answer.
const LIMIT: Duration = Duration::from_secs(10);

/// Checks APIs. TLS settings are loaded once, when they are first needed.
#[derive(Default)]
pub struct Checker(Routes);

/// The result of a health check.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Health {
    status: HealthStatus,
    /// `null` without an answer.
    http_code: Option<u16>,
    response_time_ms: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    via: Via,
    url: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
enum HealthStatus {
    Up,
    Down,
}

/// An API's entry with its secrets masked.
#[derive(Debug, Serialize, JsonSchema)]
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

/// The route of a request.
#[derive(Clone, Copy, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Via {
    /// From this machine.
    Direct,
    /// Through the server, which sees the destination and, without TLS, the request.
    Tunnel,
    /// By curl on the server, because it forbids forwarding.
    Curl,
}

impl Checker {
    /// Checks an API from this machine, or from the network of the server `through`. Ends by `deadline`.
    ///
    /// An API that cannot be reached is a result. An error means that the check could not be made.
    pub async fn check(
        &self,
        request: &HealthRequest,
        through: Option<(&Pool, &str)>,
        deadline: Instant,
    ) -> Result<Health, Error> {
        let limit_from = |began| LIMIT.min(deadline.saturating_duration_since(began));
        let now = Instant::now();
        let (via, began, outcome) = match through {
            None => {
                let asked = timeout(limit_from(now), self.0.direct(request)).await;
                (
                    Via::Direct,
                    now,
                    asked.unwrap_or(Ok(RequestOutcome::Silent))?,
                )
            }
            Some((pool, alias)) => {
                let tunnelled = self.0.tunnel(request, pool, alias, LIMIT, deadline);
                match tunnelled.await? {
                    Tunnelled::Asked(began, outcome) => (Via::Tunnel, began, outcome),
                    Tunnelled::Forbidden => {
                        let began = Instant::now();
                        let limit = limit_from(began);
                        let asked = self.0.curl(request, pool, alias, limit, deadline);
                        (Via::Curl, began, asked.await?)
                    }
                }
            }
        };
        let (limit, elapsed) = (limit_from(began), began.elapsed());
        Ok(Health::of(request, via, limit, elapsed, outcome))
    }
}

impl Health {
    /// Returns true if the API is up.
    pub fn is_up(&self) -> bool {
        self.status == HealthStatus::Up
    }

    /// The result for people, in a line.
    pub fn text(&self) -> String {
        let status = match self.status {
            HealthStatus::Up => "UP",
            HealthStatus::Down => "DOWN",
        };
        let via = match self.via {
            Via::Direct => "from this machine",
            Via::Tunnel => "through the server",
            Via::Curl => "by curl on the server",
        };
        let code = self.http_code.map(|code| format!(" {code}"));
        let reason = self.reason.as_ref().map(|reason| format!(": {reason}"));
        let (code, reason) = (code.unwrap_or_default(), reason.unwrap_or_default());
        let (milliseconds, url) = (self.response_time_ms, &self.url);
        format!("{status}{code} in {milliseconds} ms {via}, {url}{reason}")
    }

    fn of(
        request: &HealthRequest,
        via: Via,
        limit: Duration,
        elapsed: Duration,
        outcome: RequestOutcome,
    ) -> Self {
        let (http_code, reason, elapsed) = match outcome {
            RequestOutcome::Answered(status, took) => {
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
            RequestOutcome::Unreachable(reason) => (None, Some(reason), elapsed),
            RequestOutcome::Silent => {
                let reason = format!("no answer within {} s", limit.as_secs_f64());
                (None, Some(reason), elapsed)
            }
        };
        Self {
            status: if http_code.is_some_and(|status| status.is_success()) {
                HealthStatus::Up
            } else {
                HealthStatus::Down
            },
            http_code: http_code.map(|status| status.as_u16()),
            response_time_ms: u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX),
            reason,
            via,
            url: request.shown_url(),
        }
    }
}
