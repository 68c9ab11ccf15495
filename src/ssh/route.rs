//! The way to a server: straight, through another server, or through a command.

use std::process::Stdio;
use std::sync::Weak;

use tokio::io::join;
use tokio::process::Command;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::addresses::Attempts;
use super::failure::{ConnectError, failed};
use super::pool::{self, NoTunnel, Pool};
use super::stream::Stream;
use super::target::{Route, Target};
use crate::error::Error;

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
    let place = (server.host.as_str(), server.port());
    let mut attempts = Attempts::default();
    let connecting = async {
        attempts.look_up(place, target.family).await?;
        Ok(attempts.connect(target.bind_address.as_deref()).await)
    };
    match timeout(target.connect_timeout, connecting).await {
        Ok(Ok(Some(tcp))) => Ok(Stream::new(tcp, cut)),
        Ok(Ok(None)) => Err(ConnectError::Transient(error(attempts.reason(None)))),
        Ok(Err(unknown)) => Err(ConnectError::Final(error(unknown))),
        Err(_) => {
            let reason = attempts.reason(Some(target.connect_timeout));
            Err(ConnectError::Final(error(reason)))
        }
    }
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
    let place = (server.host.as_str(), server.port());
    let opening = Box::pin(pool.jump(jump, place, target.connect_timeout));
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
