//! Tunnels: ports and sockets of a server's network that can be reached from this machine, and the reverse.
//!
//! A tunnel has SSH connections of its own, which its connections share. It lives in this process: it ends with
//! its time, with a call, or with the program. What it carries is judged again for each connection.
//!
//! | module | what it is |
//! |---|---|
//! | `request` | the request for a tunnel, as a caller writes it |
//! | `live` | a tunnel while it lives: its counts, its problem, its end |
//! | `opening` | the start of a tunnel, which tries the far end |
//! | `forward` | a channel for each connection, and the reason where there is none |
//! | `local`, `socks` | listening on this machine, for one place or for any |
//! | `remote` | listening on the server |
//! | `relay`, `backlog` | the bytes of one connection, and those that its reader has not taken yet |
//! | `report` | a tunnel as callers see it |
//! | this | the tunnels of this process |

mod backlog;
mod forward;
mod live;
mod local;
mod opening;
mod relay;
mod remote;
mod report;
mod request;
mod socks;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use indexmap::IndexMap;

pub use report::TunnelReport;
pub use request::{TunnelDirection, TunnelRequest};

use crate::audit::{CallOutcome, CalledServers, Calls};
use crate::error::Error;
use crate::fs::blocking;
use crate::guard::Guard;
use crate::ssh::Pool;
use crate::store::DataDirectory;
use crate::sync::lock;
use live::LiveTunnel;
use opening::TunnelService;

/// Tunnels that may be open at once.
const MOST: usize = 64;

/// Ended tunnels that are remembered.
const REMEMBERED: usize = 20;

/// The name of a tunnel's life in the audit trail.
const AUDITED_AS: &str = "tunnel";

/// The tunnels of this process. Cheap to clone.
#[derive(Clone)]
pub struct OpenTunnels(Arc<TunnelsState>);

struct TunnelsState {
    guard: Arc<Guard>,
    calls: Arc<Calls>,
    data: DataDirectory,
    live: Mutex<IndexMap<String, Arc<LiveTunnel>>>,
    /// The last ones that have ended, the newest last.
    ended: Mutex<VecDeque<TunnelReport>>,
}

impl OpenTunnels {
    /// No tunnel so far.
    pub fn new(guard: Arc<Guard>, calls: Arc<Calls>, data: DataDirectory) -> Self {
        Self(Arc::new(TunnelsState {
            guard,
            calls,
            data,
            live: Mutex::default(),
            ended: Mutex::default(),
        }))
    }

    /// Opens a tunnel. It is up when this returns: the far end was tried.
    pub async fn open(&self, request: TunnelRequest) -> Result<TunnelReport, Error> {
        if lock(&self.0.live).len() >= MOST {
            let problem = format!("cannot be served: {MOST} tunnels are open; close one first");
            return Err(Error::invalid("alias", problem));
        }
        let (alias, ttl) = (request.alias.clone(), request.ttl);
        let pool = self.0.guard.tunnel_pool(&alias).await?;
        let (tunnel, service) = match self.prepare(request, &pool).await {
            Ok(prepared) => prepared,
            Err(error) => {
                pool.close().await;
                return Err(error);
            }
        };
        let audited = match self.begin_audit(&tunnel).await {
            Ok(call) => call,
            Err(error) => {
                pool.close().await;
                return Err(error);
            }
        };
        lock(&self.0.live).insert(tunnel.id.clone(), Arc::clone(&tunnel));
        let (tunnels, opened) = (self.clone(), Arc::clone(&tunnel));
        tokio::spawn(async move {
            let cause = tokio::select! {
                () = service.serve() => "it cannot be served any more".to_owned(),
                () = tokio::time::sleep(ttl) => "its time is over".to_owned(),
                cause = opened.stopped() => cause,
                cause = tunnels.0.guard.holds().until_held(&opened.alias) => cause,
            };
            pool.close().await;
            tunnels.conclude(&opened, cause, &audited).await;
        });
        Ok(tunnel.report())
    }

    /// The tunnels that are open, and the last ones that have ended.
    pub fn list(&self) -> Vec<TunnelReport> {
        let live: Vec<_> = lock(&self.0.live)
            .values()
            .map(|tunnel| tunnel.report())
            .collect();
        let ended = lock(&self.0.ended);
        live.into_iter().chain(ended.iter().cloned()).collect()
    }

    /// Closes a tunnel, and returns it as it was at its end.
    pub async fn close(&self, id: &str) -> Result<TunnelReport, Error> {
        let tunnel = lock(&self.0.live).get(id).cloned();
        let Some(tunnel) = tunnel else {
            return Err(self.unknown(id));
        };
        Ok(tunnel.stop("it was closed").await)
    }

    /// Closes every tunnel, for the program ends.
    pub async fn close_all(&self, cause: &str) {
        let tunnels: Vec<_> = lock(&self.0.live).values().cloned().collect();
        let ends = tunnels.iter().map(|tunnel| tunnel.stop(cause));
        futures_util::future::join_all(ends).await;
    }

    fn unknown(&self, id: &str) -> Error {
        let ended = lock(&self.0.ended);
        let known = ended.iter().find(|tunnel| tunnel.id == id);
        let problem = match known.and_then(|tunnel| tunnel.ended.as_deref()) {
            Some(cause) => format!("is a tunnel that has ended: {cause}"),
            None => "is no tunnel; tunnel_list shows those that are open".to_owned(),
        };
        Error::invalid("id", problem)
    }

    async fn prepare(
        &self,
        request: TunnelRequest,
        pool: &Pool,
    ) -> Result<(Arc<LiveTunnel>, TunnelService), Error> {
        let (guard, data) = (Arc::clone(&self.0.guard), self.0.data.clone());
        TunnelService::prepare(request, pool.clone(), guard, data).await
    }

    async fn begin_audit(&self, tunnel: &LiveTunnel) -> Result<String, Error> {
        let (calls, facts) = (Arc::clone(&self.0.calls), tunnel.facts());
        blocking(move || calls.begin(AUDITED_AS, &facts, &[], CalledServers::default())).await
    }

    /// Notes a tunnel's end.
    async fn conclude(&self, tunnel: &LiveTunnel, cause: String, audited: &str) {
        let report = tunnel.report().ended(cause.clone());
        let outcome = CallOutcome::of_tunnel(&cause, report.traffic);
        let (calls, call) = (Arc::clone(&self.0.calls), audited.to_owned());
        if let Err(error) = blocking(move || calls.end(&call, outcome, None)).await {
            tracing::error!(
                "the audit trail lacks the end of tunnel {}: {error}",
                tunnel.id
            );
        }
        lock(&self.0.live).shift_remove(&tunnel.id);
        let mut ended = lock(&self.0.ended);
        if ended.len() == REMEMBERED {
            ended.pop_front();
        }
        ended.push_back(report.clone());
        drop(ended);
        tunnel.end(report);
    }
}
