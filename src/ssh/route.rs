//! The way to a server: straight, through another server, or through a command.

use std::io;
use std::net::SocketAddr;
use std::process::Stdio;
use std::sync::Weak;
use std::time::{Duration, Instant};

use tokio::io::join;
use tokio::net::{TcpSocket, TcpStream, lookup_host};
use tokio::process::Command;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::failure::{ConnectError, failed, os_reason};
use super::pool::{self, NoTunnel, Pool};
use super::stream::Stream;
use super::target::{Route, Target};
use crate::error::Error;
use crate::ssh_config::AddressFamily;

/// How long a server may take to accept.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(20);

/// How long the jump host may take to be reached itself, and to reach further.
const JUMP_TIMEOUT: Duration = Duration::from_secs(60);

/// Opens the stream to a server.
pub(super) async fn open_route(
    target: &Target,
    pool: &Weak<pool::Shared>,
    cut: CancellationToken,
) -> Result<Stream, ConnectError> {
    match &target.route {
        Route::Direct => direct(target, cut).await,
        Route::Jump(jump) => through(jump, target, pool, cut).await,
        Route::Command(command) => by_command(command, target, cut),
    }
}

async fn direct(target: &Target, cut: CancellationToken) -> Result<Stream, ConnectError> {
    let server = &target.server;
    let error = |reason: String| failed(&target.alias, server, reason);
    let connecting = async {
        let addresses = lookup_host((server.host.as_str(), server.port())).await;
        let addresses: Vec<_> = addresses
            .map_err(|cause| ConnectError::Final(error(format!("ENOTFOUND: {cause}"))))?
            .filter(|address| match target.family {
                Some(AddressFamily::Inet) => address.is_ipv4(),
                Some(AddressFamily::Inet6) => address.is_ipv6(),
                _ => true,
            })
            .collect();
        connect_from(target.bind_address.as_deref(), &addresses)
            .await
            .map_err(|cause| ConnectError::Transient(error(os_reason(&cause))))
    };
    let limit = target.connect_timeout.unwrap_or(CONNECT_TIMEOUT);
    let tcp = timeout(limit, connecting).await;
    let late = || ConnectError::Final(error("ETIMEDOUT: it does not accept".to_owned()));
    Ok(Stream::new(tcp.map_err(|_| late())??, cut))
}

/// Connects to the first address that accepts.
async fn connect_from(local: Option<&str>, addresses: &[SocketAddr]) -> io::Result<TcpStream> {
    let Some(local) = local else {
        return TcpStream::connect(addresses).await;
    };
    let locals: Vec<_> = lookup_host((local, 0)).await?.collect();
    let mut failure = io::Error::from(io::ErrorKind::AddrNotAvailable);
    for address in addresses {
        let is_alike = |local: &&SocketAddr| local.is_ipv4() == address.is_ipv4();
        let Some(local) = locals.iter().find(is_alike) else {
            continue;
        };
        let socket = if address.is_ipv4() {
            TcpSocket::new_v4()?
        } else {
            TcpSocket::new_v6()?
        };
        socket.bind(*local)?;
        match socket.connect(*address).await {
            Ok(connected) => return Ok(connected),
            Err(error) => failure = error,
        }
    }
    Err(failure)
}

/// An error of the jump host itself names that host, and stays as it is.
async fn through(
    jump: &str,
    target: &Target,
    pool: &Weak<pool::Shared>,
    cut: CancellationToken,
) -> Result<Stream, ConnectError> {
    let (server, alias) = (&target.server, &target.alias);
    let error = |reason: String| failed(alias, server, reason);
    let pool = pool
        .upgrade()
        .map(Pool::from)
        .ok_or_else(|| ConnectError::Final(error("the pool is closed".to_owned())))?;
    let deadline = Instant::now() + JUMP_TIMEOUT;
    let place = (server.host.as_str(), server.port());
    let opening = Box::pin(pool.jump(jump, place, CONNECT_TIMEOUT, deadline));
    let opened = opening.await.map_err(ConnectError::Final)?;
    let channel = opened.map_err(|refusal| {
        let reason = match refusal {
            NoTunnel::Forbidden => "does not forward to it",
            NoTunnel::Unreachable => "cannot reach it",
            NoTunnel::Silent => "did not reach it in time",
        };
        ConnectError::Final(error(format!("its jump host `{jump}` {reason}")))
    })?;
    Ok(Stream::over(channel.into_tunnel(), cut))
}

fn by_command(
    command: &str,
    target: &Target,
    cut: CancellationToken,
) -> Result<Stream, ConnectError> {
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
    // The process lives as long as its connection, and is no zombie after it.
    tokio::spawn(async move {
        tokio::select! {
            _ = process.wait() => {}
            () = ended.cancelled() => {
                let _ = process.kill().await;
            }
        }
    });
    Ok(Stream::over(join(output, input), cut))
}
