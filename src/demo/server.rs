//! The embedded SSH server (russh's server side), on a free loopback port with a throwaway key.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use russh::keys::key::safe_rng;
use russh::keys::{Algorithm, PrivateKey};
use russh::server;
use tokio::net::TcpListener;
use tokio::task::AbortHandle;

use super::connection::ServerConnection;
use super::cuts::Cuts;
use crate::ssh::ConnectionStream;
use crate::sync::lock;

/// Sessions that a connection may have at once: the default of sshd's `MaxSessions`.
const MAX_SESSIONS: usize = 10;

/// An SSH server in this process. It ends when dropped, with its connections and processes.
pub struct EmbeddedServer {
    address: SocketAddr,
    accepting: AbortHandle,
    shared: Arc<Shared>,
}

struct Shared {
    home: PathBuf,
    config: Mutex<Arc<server::Config>>,
    cuts: Cuts,
}

impl EmbeddedServer {
    /// Starts a server whose user lives in `home`.
    pub async fn start(home: &Path) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            home: home.to_owned(),
            config: Mutex::new(Arc::new(configuration()?)),
            cuts: Cuts::default(),
        });
        let accepting = tokio::spawn(accept(listener, Arc::clone(&shared)));
        Ok(Self {
            address,
            accepting: accepting.abort_handle(),
            shared,
        })
    }

    /// The address at which it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Cuts all connections once its SFTP sessions have received so many bytes.
    pub fn cut_after(&self, bytes: u64) {
        self.shared.cuts.cut_after(bytes);
    }

    /// Takes a new host key, and cuts the connections that were made with the old one.
    pub fn change_host_key(&self) -> io::Result<()> {
        *lock(&self.shared.config) = Arc::new(configuration()?);
        self.shared.cuts.cut();
        Ok(())
    }
}

impl Drop for EmbeddedServer {
    fn drop(&mut self) {
        self.accepting.abort();
        self.shared.cuts.cut();
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

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    while let Ok((tcp, _)) = listener.accept().await {
        let stream = ConnectionStream::new(tcp, shared.cuts.token());
        let connection = ServerConnection::new(&shared.home, MAX_SESSIONS);
        let connection = connection.with_cuts(shared.cuts.clone());
        let config = Arc::clone(&lock(&shared.config));
        tokio::spawn(async move {
            if let Ok(session) = server::run_stream(config, stream, connection).await {
                // An error of a connection concerns its client alone.
                let _ = session.await;
            }
        });
    }
}
