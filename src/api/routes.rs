//! The ways to an API: from here, through a channel of an SSH connection, with the server's own `curl`.

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

use super::Request;
use crate::error::Error;
use crate::ssh::script::curl;
use crate::ssh::{NoTunnel, Pool, TimedOut, Tunnel, os_reason};

/// How long before the deadline a server's curl has to be done.
const CURL_AHEAD: Duration = Duration::from_secs(1);

/// What came of a request.
pub(super) enum Outcome {
    /// An answer, and how long it took where whoever asked has measured that itself.
    Answered(StatusCode, Option<Duration>),
    /// None, for this reason.
    Unreachable(String),
    /// None in time.
    Silent,
}

/// What came of the way through a channel.
pub(super) enum Tunnelled {
    /// Asked at that time.
    Asked(Instant, Outcome),
    /// The server forbids it.
    Forbidden,
}

/// What the ways need and what is loaded once.
#[derive(Default)]
pub(super) struct Routes {
    tls: OnceCell<Arc<ClientConfig>>,
    client: OnceCell<reqwest::Client>,
}

impl Routes {
    /// Trusts whom the operating system trusts.
    async fn tls(&self) -> Result<Arc<ClientConfig>, Error> {
        let load = || async {
            let loaded = tokio::task::spawn_blocking(ClientConfig::with_platform_verifier).await;
            match loaded {
                Ok(Ok(config)) => Ok(Arc::new(config)),
                Ok(Err(error)) => Err(untrusting(&error)),
                Err(error) => Err(untrusting(&error)),
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
                // Each check asks whether the API can be reached now.
                .pool_max_idle_per_host(0);
            client.build().map_err(|error| untrusting(&error))
        };
        self.client.get_or_try_init(build).await
    }

    /// Asks from this machine.
    pub(super) async fn direct(&self, request: &Request) -> Result<Outcome, Error> {
        if let Some(untimely) = untimely(request) {
            return Ok(untimely);
        }
        let client = self.client().await?;
        let asked = client
            .request(request.method.clone(), request.url.clone())
            .headers(request.headers.clone())
            .send();
        Ok(match asked.await {
            Ok(response) => Outcome::Answered(response.status(), None),
            Err(error) => Outcome::Unreachable(reason(&error)),
        })
    }

    /// Asks through a channel of the connection to `alias`. From then on the API has `limit` to
    /// answer; all of it ends by the deadline.
    pub(super) async fn tunnel(
        &self,
        request: &Request,
        pool: &Pool,
        alias: &str,
        (limit, deadline): (Duration, Instant),
    ) -> Result<Tunnelled, Error> {
        if let Some(untimely) = untimely(request) {
            return Ok(Tunnelled::Asked(Instant::now(), untimely));
        }
        // Before the clock runs.
        let tls = match request.url.scheme() {
            "https" => Some(self.tls().await?),
            _ => None,
        };
        let (Some(host), Some(port)) =
            (request.url.host_str(), request.url.port_or_known_default())
        else {
            return Err(Error::invalid("url", "has no host"));
        };
        // An address of version 6 stands between brackets in a URL only.
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let (asked, opened) = pool.tunnel(alias, (host, port), limit, deadline).await?;
        let left = deadline
            .min(asked + limit)
            .saturating_duration_since(Instant::now());
        let outcome = match opened {
            Err(NoTunnel::Forbidden) => return Ok(Tunnelled::Forbidden),
            Err(NoTunnel::Unreachable) => {
                Outcome::Unreachable(format!("server `{alias}` cannot connect to {host}:{port}"))
            }
            Err(NoTunnel::Silent) => Outcome::Silent,
            Ok(channel) => {
                let lease = channel.lease();
                let stream = Tunnel::new(channel);
                let answer = Box::pin(async {
                    let Some(tls) = tls else {
                        return ask(request, stream).await;
                    };
                    let name = ServerName::try_from(host.to_owned())?;
                    ask(
                        request,
                        TlsConnector::from(tls).connect(name, stream).await?,
                    )
                    .await
                });
                match lease.connection().wait_for(answer, left).await {
                    Ok(Ok(status)) => Outcome::Answered(status, None),
                    // The API has not been heard.
                    Ok(Err(_)) if lease.connection().is_closed() => {
                        return Err(lease.connection_lost().await);
                    }
                    Ok(Err(error)) => Outcome::Unreachable(reason(&*error)),
                    Err(TimedOut::Peer) => Outcome::Silent,
                    Err(silence @ TimedOut::Connection) => {
                        lease.retire();
                        return Err(lease.refusal(silence.to_string()));
                    }
                }
            }
        };
        Ok(Tunnelled::Asked(asked, outcome))
    }

    /// Has the server ask, which sees the request.
    pub(super) async fn curl(
        &self,
        request: &Request,
        pool: &Pool,
        alias: &str,
        (limit, deadline): (Duration, Instant),
    ) -> Result<Outcome, Error> {
        let headers = request.headers.iter().map(|(name, value)| {
            let value = String::from_utf8_lossy(value.as_bytes());
            // What has nothing behind a colon would not be sent.
            match value.trim() {
                "" => format!("{name};"),
                _ => format!("{name}: {value}"),
            }
        });
        let headers: Vec<_> = headers.collect();
        let left = deadline.saturating_duration_since(Instant::now());
        let call = curl::Call {
            method: request.method.as_str(),
            url: request.url.as_str(),
            headers: &headers,
            // So that its answer arrives in time.
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
            curl::Printed {
                code: 0, message, ..
            } if message.starts_with("curl: (28)") => Outcome::Silent,
            curl::Printed {
                code,
                message,
                took,
            } => match StatusCode::from_u16(code) {
                Ok(status) => Outcome::Answered(status, Some(took)),
                Err(_) => Outcome::Unreachable(message),
            },
        })
    }
}

/// The answer to a request whose certificate cannot be judged: rustls panics where the clock is before 1970.
fn untimely(request: &Request) -> Option<Outcome> {
    let is_early = SystemTime::now() < SystemTime::UNIX_EPOCH;
    (is_early && request.url.scheme() == "https").then(|| {
        let reason = "this machine's clock is before 1970, so no certificate can be valid";
        Outcome::Unreachable(reason.to_owned())
    })
}

/// Asks over a connection that is there.
async fn ask<S>(request: &Request, stream: S) -> Result<StatusCode, Box<dyn Fault + Send + Sync>>
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

/// What an error comes down to: the last of its causes.
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

fn untrusting(error: &(dyn Fault + 'static)) -> Error {
    Error::Internal {
        reason: format!(
            "the certificates that this machine trusts cannot be used: {}",
            reason(error)
        ),
    }
}
