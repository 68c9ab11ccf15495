//! The SOCKS5 proxy (RFC 1928): each connection says where it leads. Names are looked up by the server.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use fast_socks5::server::{Socks5ServerProtocol, SocksServerError, states};
use fast_socks5::{ReplyError, Socks5Command};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::forward::{ForwardFailure, Forwarder};
use crate::ssh::{ForwardTarget, NoTunnel};

/// Time in which a client says where it wants to be connected.
const REQUESTED_WITHIN: Duration = Duration::from_secs(30);

/// The address in replies. The server does not say from which one it connects.
const BOUND: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0);

type Request = Socks5ServerProtocol<TcpStream, states::CommandRead>;

/// Carries one connection of a proxy.
pub(super) async fn carry(forwarder: &Forwarder, stream: TcpStream) {
    // Small packets are not to wait for each other here, too.
    let _ = stream.set_nodelay(true);
    let requested = timeout(REQUESTED_WITHIN, request(stream)).await;
    let failure = match requested {
        Ok(Ok((request, Some(to)))) => return connect(forwarder, request, &to).await,
        Ok(Ok((request, None))) => {
            let _ = request.reply_error(&ReplyError::CommandNotSupported).await;
            "a client asked for something else than to be connected".to_owned()
        }
        Ok(Err(error)) => format!("a client does not speak SOCKS5: {error}"),
        Err(_) => "a client did not say where it wants to be connected".to_owned(),
    };
    forwarder.tunnel.note_failure(failure);
}

/// Reads a request, and the place that it names; none where it is not a request to connect.
async fn request(stream: TcpStream) -> Result<(Request, Option<ForwardTarget>), SocksServerError> {
    let protocol = Socks5ServerProtocol::accept_no_auth(stream).await?;
    let (request, command, target) = protocol.read_command().await?;
    let (host, port) = target.into_string_and_port();
    let to = ForwardTarget::port_of(host, port);
    Ok((
        request,
        (command == Socks5Command::TCPConnect).then_some(to),
    ))
}

async fn connect(forwarder: &Forwarder, request: Request, to: &ForwardTarget) {
    match forwarder.connect(to).await {
        Ok(channel) => {
            if let Ok(stream) = request.reply_success(BOUND).await {
                forwarder.relay(stream, channel).await;
            }
        }
        Err(failure) => {
            let _ = request.reply_error(&reply(&failure)).await;
            forwarder.tunnel.note_failure(failure.text(to));
        }
    }
}

fn reply(failure: &ForwardFailure) -> ReplyError {
    match failure {
        ForwardFailure::NotAllowed(_) | ForwardFailure::NoTunnel(NoTunnel::Forbidden) => {
            ReplyError::ConnectionNotAllowed
        }
        ForwardFailure::NoTunnel(NoTunnel::Unreachable) => ReplyError::HostUnreachable,
        ForwardFailure::NoTunnel(NoTunnel::Silent) => ReplyError::ConnectionTimeout,
        ForwardFailure::Disconnected(_) => ReplyError::GeneralFailure,
    }
}
