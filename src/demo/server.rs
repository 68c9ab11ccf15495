//! The embedded SSH server (russh's server side), on a free loopback port with a throwaway key.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use russh::keys::key::safe_rng;
use russh::keys::{Algorithm, PrivateKey};
use russh::server;
use tokio::net::TcpListener;
use tokio::task::AbortHandle;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::connection::ServerConnection;
use crate::ssh::ConnectionStream;

/// Sessions that a connection may have at once: the default of sshd's `MaxSessions`.
const MAX_SESSIONS: usize = 10;

/// An SSH server in this process. It ends when dropped, with its connections and processes.
pub struct EmbeddedServer {
    address: SocketAddr,
    accepting: AbortHandle,
    _connections: DropGuard,
}

impl EmbeddedServer {
    /// Starts a server whose user lives in `home`.
    pub async fn start(home: &Path) -> io::Result<Self> {
        let config = Arc::new(configuration()?);
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let cut = CancellationToken::new();
        let accepting = tokio::spawn(accept(listener, config, home.to_owned(), cut.clone()));
        Ok(Self {
            address,
            accepting: accepting.abort_handle(),
            _connections: cut.drop_guard(),
        })
    }

    /// The address at which it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for EmbeddedServer {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// The configuration of a server with a new host key.
pub fn configuration() -> io::Result<server::Config> {
    let host_key =
        PrivateKey::random(&mut safe_rng(), Algorithm::Ed25519).map_err(io::Error::other)?;
    Ok(server::Config {
        keys: vec![host_key],
        // Only this program connects, so a refusal need not be slow.
        auth_rejection_time: Duration::ZERO,
        inactivity_timeout: None,
        nodelay: true,
        ..server::Config::default()
    })
}

async fn accept(
    listener: TcpListener,
    config: Arc<server::Config>,
    home: PathBuf,
    cut: CancellationToken,
) {
    while let Ok((tcp, _)) = listener.accept().await {
        let stream = ConnectionStream::new(tcp, cut.clone());
        let connection = ServerConnection::new(&home, MAX_SESSIONS);
        let config = Arc::clone(&config);
        tokio::spawn(async move {
            if let Ok(session) = server::run_stream(config, stream, connection).await {
                // An error of a connection concerns its client alone.
                let _ = session.await;
            }
        });
    }
}
