//! The start of a tunnel, which tries the far end.

use std::sync::Arc;

use tokio::net::TcpListener;

use super::forward::{Forwarder, connect_here};
use super::live::LiveTunnel;
use super::local::LocalService;
use super::remote::RemoteService;
use super::request::{TunnelDirection, TunnelRequest};
use crate::error::Error;
use crate::guard::Guard;
use crate::ssh::{ForwardTarget, Pool, os_reason};
use crate::store::DataDirectory;

/// The work of a tunnel that is open.
pub(super) enum TunnelService {
    Local(LocalService),
    Remote(RemoteService),
}

impl TunnelService {
    /// Tries the far end, and begins to listen.
    pub(super) async fn prepare(
        request: TunnelRequest,
        pool: Pool,
        guard: Arc<Guard>,
        data: DataDirectory,
    ) -> Result<(Arc<LiveTunnel>, Self), Error> {
        let is_remote = request.direction == TunnelDirection::Remote;
        if let Some(to) = &request.to {
            guard.may_tunnel(&request.alias, to, is_remote).await?;
        }
        let (to, listen) = (request.to.clone(), request.listen.clone());
        let forwarder = |tunnel: &Arc<LiveTunnel>| Forwarder {
            tunnel: Arc::clone(tunnel),
            pool: pool.clone(),
            guard: Arc::clone(&guard),
            data: data.clone(),
            budget: Arc::default(),
        };
        if let (TunnelDirection::Remote, Some(to)) = (request.direction, to.clone()) {
            guard.may_expose(&to)?;
            let tried = connect_here(&to).await;
            tried.map_err(|error| failed(&request.alias, &to, &os_reason(&error)))?;
            let listener = pool.listen(&request.alias, listen).await?;
            let tunnel = LiveTunnel::new(request, listener.place.clone());
            let service = RemoteService::new(forwarder(&tunnel), listener, to);
            return Ok((tunnel, Self::Remote(service)));
        }
        match &to {
            Some(to) => Forwarder::try_out(&pool, &request.alias, to).await?,
            None => pool.reach(&request.alias).await?,
        }
        let (listener, place) = bind(&listen).await?;
        let tunnel = LiveTunnel::new(request, place);
        let service = LocalService::new(forwarder(&tunnel), listener, to);
        Ok((tunnel, Self::Local(service)))
    }

    /// Carries connections until this future is dropped.
    pub(super) async fn serve(self) {
        match self {
            Self::Local(service) => service.serve().await,
            Self::Remote(service) => service.serve().await,
        }
    }
}

/// Listens on this machine, and returns also the place with its port.
async fn bind(listen: &ForwardTarget) -> Result<(TcpListener, ForwardTarget), Error> {
    let ForwardTarget::Port { host, port } = listen else {
        return Err(Error::invalid("listen", "has to be a port of this machine"));
    };
    let unusable = |error: std::io::Error| {
        let problem = format!(
            "is `{listen}`, which cannot be had here: {error}; leave it out for a free port"
        );
        Error::invalid("listen", problem)
    };
    let listener = TcpListener::bind((host.as_str(), *port))
        .await
        .map_err(unusable)?;
    let bound = listener.local_addr().map_err(unusable)?;
    let place = ForwardTarget::port_of(bound.ip().to_string(), bound.port());
    Ok((listener, place))
}

fn failed(alias: &str, to: &ForwardTarget, reason: &str) -> Error {
    Error::Tunnel {
        alias: alias.to_owned(),
        to: to.to_string(),
        reason: format!("on this machine: {reason}"),
    }
}
