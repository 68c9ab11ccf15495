//! The routes to an API: from here, through a channel of an SSH connection, or with the server's `curl`.

use std::error::Error as Fault;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use hyper_util::rt::TokioIo;
use reqwest::StatusCode;
use reqwest::header::HOST;
use rustls_platform_verifier::ConfigVerifierExt;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::OnceCell;
use tokio::time::timeout_at;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::ClientConfig;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_util::task::AbortOnDropHandle;

use super::HealthRequest;
use crate::error::Error;
use crate::ssh::script::curl;
use crate::ssh::{NoTunnel, OpenChannel, Pool, TimedOut, Tunnel, os_reason};

/// The time between the end of a server's curl and the deadline, so that its answer arrives in time.
const CURL_AHEAD: Duration = Duration::from_secs(1);

/// The outcome of a request.
pub(super) enum RequestOutcome {
    /// An answer, and the time that it took if curl has measured it.
    Answered(StatusCode, Option<Duration>),
    /// No answer, for this reason.
    Unreachable(String),
    /// No answer in time.
    Silent,
}

/// The outcome of a request through a channel.
pub(super) enum Tunnelled {
    /// The time at which the request began, and its outcome.
    Asked(Instant, RequestOutcome),
    /// The server forbids forwarding.
    Forbidden,
}

/// TLS settings and HTTP client, loaded when they are first needed.
#[derive(Default)]
pub(super) struct Routes {
    tls: OnceCell<Arc<ClientConfig>>,
    client: OnceCell<reqwest::Client>,
}

impl Routes {
    /// The TLS settings, with the certificates that the operating system trusts.
    async fn tls(&self) -> Result<Arc<ClientConfig>, Error> {
        let load = || async {
            let loaded = tokio::task::spawn_blocking(ClientConfig::with_platform_verifier).await;
            match loaded {
                Ok(Ok(config)) => Ok(Arc::new(config)),
                Ok(Err(error)) => Err(tls_failure(&error)),
                Err(error) => Err(tls_failure(&error)),
            }
        };
        self.tls.get_or_try_init(load).await.cloned()
    }

    async fn client(&self) -> Result<&reqwest::Client, Error> {
        let build = || async {
            let tls = Arc::unwrap_or_clone(self.tls().await?);
            let client = reqwest::Client::builder()
                .tls_backend_preconfigured(tls)
                .redirect(reqwest::redirect::Policy::none())
                // Each check needs a new connection, to see that the API can be reached now.
                .pool_max_idle_per_host(0);
            client.build().map_err(|error| tls_failure(&error))
        };
        self.client.get_or_try_init(build).await
    }

    /// Sends the request from this machine.
    pub(super) async fn direct(&self, request: &HealthRequest) -> Result<RequestOutcome, Error> {
        if let Some(clock_problem) = clock_problem(request) {
            return Ok(clock_problem);
        }
        let client = self.client().await?;
        let asked = client
            .request(request.method.clone(), request.url.clone())
            .headers(request.headers.clone())
            .send();
        Ok(match asked.await {
            Ok(response) => RequestOutcome::Answered(response.status(), None),
            Err(error) => RequestOutcome::Unreachable(reason(&error)),
        })
    }

    /// Sends the request through a channel of the connection to `alias`. Once the channel is requested, the
    /// API has `limit` to answer; all of it ends by the deadline.
    pub(super) async fn tunnel(
        &self,
        request: &HealthRequest,
        pool: &Pool,
        alias: &str,
        limit: Duration,
        deadline: Instant,
    ) -> Result<Tunnelled, Error> {
        if let Some(clock_problem) = clock_problem(request) {
            return Ok(Tunnelled::Asked(Instant::now(), clock_problem));
        }
        // Before the API's time begins.
        let tls = match request.url.scheme() {
            "https" => Some(self.tls().await?),
            _ => None,
        };
        let (Some(host), Some(port)) =
            (request.url.host_str(), request.url.port_or_known_default())
        else {
            return Err(Error::invalid("url", "has no host"));
        };
        // Only a URL has brackets around an IPv6 address.
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let (asked, opened) = pool.tunnel(alias, (host, port), limit, deadline).await?;
        let left = deadline
            .min(asked + limit)
            .saturating_duration_since(Instant::now());
        let outcome = match opened {
            Err(NoTunnel::Forbidden) => return Ok(Tunnelled::Forbidden),
            Err(NoTunnel::Unreachable) => RequestOutcome::Unreachable(format!(
                "server `{alias}` cannot connect to {host}:{port}"
            )),
            Err(NoTunnel::Silent) => RequestOutcome::Silent,
            Ok(channel) => ask_through(channel, request, host, tls, left).await?,
        };
        Ok(Tunnelled::Asked(asked, outcome))
    }

    /// Runs curl on the server; the server can read the request.
    pub(super) async fn curl(
        &self,
        request: &HealthRequest,
        pool: &Pool,
        alias: &str,
        limit: Duration,
        deadline: Instant,
    ) -> Result<RequestOutcome, Error> {
        let headers = request.headers.iter().map(|(name, value)| {
            let value = String::from_utf8_lossy(value.as_bytes());
            // curl does not send a header with nothing behind the colon, but one that ends with a semicolon.
            match value.trim() {
                "" => format!("{name};"),
                _ => format!("{name}: {value}"),
            }
        });
        let headers: Vec<_> = headers.collect();
        let left = deadline.saturating_duration_since(Instant::now());
        let call = curl::CurlRequest {
            method: request.method.as_str(),
            url: request.url.as_str(),
            headers: &headers,
            limit: limit.min(left.saturating_sub(CURL_AHEAD).max(left / 2)),
            patience: left,
        };
        let asked = timeout_at(deadline.into(), call.run(pool, alias)).await;
        let asked = asked.map_err(|_| Error::Monitoring {
            alias: alias.to_owned(),
            tool: "curl",
            reason: "its server did not answer in time".to_owned(),
        })?;
        Ok(match asked? {
            curl::CurlOutput {
                code: 0, message, ..
            } if message.starts_with("curl: (28)") => RequestOutcome::Silent,
            curl::CurlOutput {
                code,
                message,
                took,
            } => match StatusCode::from_u16(code) {
                Ok(status) => RequestOutcome::Answered(status, Some(took)),
                Err(_) => RequestOutcome::Unreachable(message),
            },
        })
    }
}

/// The outcome if the clock is before 1970, with which rustls would panic.
fn clock_problem(request: &HealthRequest) -> Option<RequestOutcome> {
    let is_early = SystemTime::now() < SystemTime::UNIX_EPOCH;
    (is_early && request.url.scheme() == "https").then(|| {
        let reason = "this machine's clock is before 1970, so no certificate can be valid";
        RequestOutcome::Unreachable(reason.to_owned())
    })
}

/// Sends a request through a channel to the API.
async fn ask_through(
    channel: OpenChannel,
    request: &HealthRequest,
    host: &str,
    tls: Option<Arc<ClientConfig>>,
    limit: Duration,
) -> Result<RequestOutcome, Error> {
    let lease = channel.lease();
    let stream = Tunnel::new(channel);
    let answer = Box::pin(async {
        let Some(tls) = tls else {
            return ask(request, stream).await;
        };
        let name = ServerName::try_from(host.to_owned())?;
        let stream = TlsConnector::from(tls).connect(name, stream).await?;
        ask(request, stream).await
    });
    match lease.connection().wait_for(answer, limit).await {
        Ok(Ok(status)) => Ok(RequestOutcome::Answered(status, None)),
        // It says nothing about the API.
        Ok(Err(_)) if lease.connection().is_closed() => Err(lease.connection_lost().await),
        Ok(Err(error)) => Ok(RequestOutcome::Unreachable(reason(&*error))),
        Err(TimedOut::Peer) => Ok(RequestOutcome::Silent),
        Err(silence @ TimedOut::Connection) => {
            lease.retire();
            Err(lease.refusal(silence.to_string()))
        }
    }
}

/// Sends a request over an open stream.
async fn ask<S>(
    request: &HealthRequest,
    stream: S,
) -> Result<StatusCode, Box<dyn Fault + Send + Sync>>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let url = &request.url;
    let host = match (url.host_str(), url.port()) {
        (Some(host), Some(port)) => format!("{host}:{port}"),
        (host, _) => host.unwrap_or_default().to_owned(),
    };
    let target = match url.query() {
        Some(query) => format!("{}?{query}", url.path()),
        None => url.path().to_owned(),
    };
    let mut message = hyper::Request::builder()
        .method(request.method.clone())
        .uri(target)
        .header(HOST, host)
        .body(String::new())?;
    message.headers_mut().extend(request.headers.clone());
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    let _connection = AbortOnDropHandle::new(tokio::spawn(connection));
    Ok(sender.send_request(message).await?.status())
}

/// The root cause of an error.
fn reason(error: &(dyn Fault + 'static)) -> String {
    let mut last = error;
    while let Some(source) = last.source() {
        last = source;
    }
    match last.downcast_ref::<io::Error>() {
        Some(error) => os_reason(error),
        None => last.to_string(),
    }
}

fn tls_failure(error: &(dyn Fault + 'static)) -> Error {
    Error::Internal {
        reason: format!(
            "the certificates that this machine trusts cannot be used: {}",
            reason(error)
        ),
    }
}
