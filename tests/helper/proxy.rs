//! A proxy in front of a server that holds everything once so much has passed.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

/// A proxy on loopback. Its connections end with the server's or the client's.
pub struct Proxy {
    pub port: u16,
    gate: Arc<Gate>,
}

#[derive(Default)]
struct Gate {
    /// Bytes that may still pass.
    passes: AtomicUsize,
    holds: AtomicBool,
    opened: CancellationToken,
}

impl Proxy {
    /// Begins to carry connections to `port`, and holds all of them after `bytes`.
    pub async fn start(port: u16, bytes: usize) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let own = listener.local_addr().unwrap().port();
        let gate = Arc::new(Gate {
            passes: AtomicUsize::new(bytes),
            ..Gate::default()
        });
        let shared = Arc::clone(&gate);
        tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                let far = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
                let ((near_in, near_out), (far_in, far_out)) =
                    (near.into_split(), far.into_split());
                tokio::spawn(carry(near_in, far_out, Arc::clone(&shared)));
                tokio::spawn(carry(far_in, near_out, Arc::clone(&shared)));
            }
        });
        Self { port: own, gate }
    }

    /// True while it holds everything.
    pub fn holds(&self) -> bool {
        self.gate.holds.load(Ordering::Relaxed)
    }

    /// Lets everything pass from now on.
    pub fn open(&self) {
        self.gate.opened.cancel();
    }
}

async fn carry(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, gate: Arc<Gate>) {
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(read @ 1..) = from.read(&mut buffer).await {
        let passes = gate
            .passes
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
                left.checked_sub(read)
            });
        if passes.is_err() {
            gate.holds.store(true, Ordering::Relaxed);
            gate.opened.cancelled().await;
        }
        if to.write_all(&buffer[..read]).await.is_err() {
            return;
        }
    }
}
