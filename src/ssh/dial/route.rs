//! The stream to a server: direct, through another server, or through a command.

use std::process::Stdio;
use std::sync::{Arc, Weak};
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::io::join;
use tokio::process::Command;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::error::Error;
use crate::ssh::connection::failure::ConnectError;
use crate::ssh::connection::stream::{ConnectionStream, Duplex};
use crate::ssh::dial::addresses::Attempts;
use crate::ssh::dial::lookups::Lookups;
use crate::ssh::failure::failed;
use crate::ssh::target::{Route, Target};
use crate::store::servers::Server;

/// A tunnel that is being opened. The outer error is that of the connection to the jump host.
pub(in crate::ssh) type OpeningTunnel =
    BoxFuture<'static, Result<Result<Box<dyn Duplex>, NoTunnel>, Error>>;

/// Opens tunnels through jump hosts.
pub(in crate::ssh) trait Tunnels: Send + Sync {
    /// The server of a jump host's alias.
    fn server(&self, alias: &str) -> Result<Server, Error>;

    /// Opens a tunnel through `alias` to a host and a port. The server has `limit` to reach them.
    fn open(
        self: Arc<Self>,
        alias: String,
        address: (String, u16),
        limit: Duration,
    ) -> OpeningTunnel;
}

/// The error of a tunnel to a host in a server's network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoTunnel {
    /// The server does not forward, or not there.
    Forbidden,
    /// The server cannot connect to it.
    Unreachable,
    /// The server did not answer in time.
    Silent,
}

/// Opens the stream to a server by its route.
pub(in crate::ssh) async fn open_route(
    target: &Target,
    tunnels: &Weak<dyn Tunnels>,
    lookups: &Lookups,
    cut: CancellationToken,
) -> Result<ConnectionStream, ConnectError> {
    match &target.route {
        Route::Direct => direct(target, lookups, cut).await,
        Route::Jump(jump) => through(jump, target, tunnels, cut).await,
        Route::Command(command) => by_command(command, target, cut),
    }
}

async fn direct(
    target: &Target,
    lookups: &Lookups,
    cut: CancellationToken,
) -> Result<ConnectionStream, ConnectError> {
    let server = &target.server;
    let error = |reason: String| failed(&target.alias, server, reason);
    let address = (server.host.as_str(), server.port());
    let mut attempts = Attempts::default();
    let connecting = async {
        attempts.look_up(address, target.family, lookups).await?;
        Ok(attempts.connect(target.bind_address.as_deref()).await)
    };
    match timeout(target.connect_timeout, connecting).await {
        Ok(Ok(Some(tcp))) => Ok(ConnectionStream::new(tcp, cut)),
        Ok(Ok(None)) => Err(ConnectError::Transient(error(attempts.reason(None)))),
        Ok(Err(unknown)) => Err(ConnectError::Final(error(unknown))),
        Err(_) => {
            let reason = attempts.reason(Some(target.connect_timeout));
            Err(ConnectError::Final(error(reason)))
        }
    }
}

/// Opens a tunnel through a jump host. An error of the connection to it names that host, and stays as it
/// is.
async fn through(
    jump: &str,
    target: &Target,
    tunnels: &Weak<dyn Tunnels>,
    cut: CancellationToken,
) -> Result<ConnectionStream, ConnectError> {
    let (server, alias) = (&target.server, &target.alias);
    let error = |reason: String| failed(alias, server, reason);
    let tunnels = tunnels
        .upgrade()
        .ok_or_else(|| ConnectError::Final(error("the pool is closed".to_owned())))?;
    let address = (server.host.clone(), server.port());
    let opening = tunnels.open(jump.to_owned(), address, target.connect_timeout);
    let opened = opening.await.map_err(ConnectError::Final)?;
    let tunnel = opened.map_err(|refusal| {
        let reason = match refusal {
            NoTunnel::Forbidden => "does not forward to it",
            NoTunnel::Unreachable => "cannot reach it",
            NoTunnel::Silent => "did not reach it in time",
        };
        ConnectError::Final(error(format!("its jump host `{jump}` {reason}")))
    })?;
    Ok(ConnectionStream::over(tunnel, cut))
}

fn by_command(
    command: &str,
    target: &Target,
    cut: CancellationToken,
) -> Result<ConnectionStream, ConnectError> {
    let error = |reason: String| -> Error {
        failed(
            &target.alias,
            &target.server,
            format!("its ProxyCommand {reason}"),
        )
    };
    let mut process = Command::new("sh")
        .env_remove("MCP_SECRET_KEY")
        .arg("-c")
        .arg(format!("exec {command}"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .map_err(|cause| ConnectError::Final(error(format!("cannot be run: {cause}"))))?;
    let (Some(input), Some(output)) = (process.stdin.take(), process.stdout.take()) else {
        return Err(ConnectError::Final(error(
            "has no input or output".to_owned(),
        )));
    };
    let ended = cut.clone();
    // Kills the process with its connection, and leaves no zombie.
    tokio::spawn(async move {
        tokio::select! {
            _ = process.wait() => {}
            () = ended.cancelled() => {
                let _ = process.kill().await;
            }
        }
    });
    Ok(ConnectionStream::over(join(output, input), cut))
}
