//! A proxy in front of a server that counts round trips.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, sleep, sleep_until};

/// The silence after which the server's bytes pass: by then the client has sent all that waits for none of
/// them.
const QUIET: Duration = Duration::from_millis(40);

/// A proxy on loopback. It holds the server's bytes until the client has no more to send.
pub struct RoundTrips {
    pub port: u16,
    counter: Arc<Counter>,
}

#[derive(Default)]
struct Counter {
    round_trips: AtomicUsize,
    /// Bytes that the client has sent in the first.
    sent: AtomicUsize,
    /// True if what the client sends next begins a round trip.
    begins: AtomicBool,
}

impl RoundTrips {
    /// Begins to carry connections to `port`.
    pub async fn start(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let own = listener.local_addr().unwrap().port();
        let counter = Arc::new(Counter::default());
        let shared = Arc::clone(&counter);
        tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                let far = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
                let counter = Arc::clone(&shared);
                tokio::spawn(async move {
                    // Its end is the end of the connection.
                    let _ = carry(near, far, &counter).await;
                });
            }
        });
        Self { port: own, counter }
    }

    /// Begins to count, once the client sends no more.
    pub async fn begin(&self) {
        self.settled().await;
        self.counter.round_trips.store(0, Ordering::Relaxed);
        self.counter.sent.store(0, Ordering::Relaxed);
        self.counter.begins.store(true, Ordering::Relaxed);
    }

    /// The bytes that the client has sent since then before any answer.
    pub fn first_flight(&self) -> usize {
        self.counter.sent.load(Ordering::Relaxed)
    }

    /// The round trips since then, once the client sends no more.
    pub async fn settled(&self) -> usize {
        loop {
            let before = self.counter.round_trips.load(Ordering::Relaxed);
            sleep(5 * QUIET).await;
            let after = self.counter.round_trips.load(Ordering::Relaxed);
            if before == after {
                return after;
            }
        }
    }
}

async fn carry(mut near: TcpStream, mut far: TcpStream, counter: &Counter) -> std::io::Result<()> {
    let (mut sent, mut answer) = (vec![0; 64 * 1024], vec![0; 64 * 1024]);
    let mut held = Vec::new();
    let mut passes_at = Instant::now();
    loop {
        tokio::select! {
            biased;
            length = near.read(&mut sent) => {
                let length = length?;
                if length == 0 {
                    return Ok(());
                }
                far.write_all(&sent[..length]).await?;
                let begins = counter.begins.swap(false, Ordering::Relaxed);
                let begins = usize::from(begins);
                let before = counter.round_trips.fetch_add(begins, Ordering::Relaxed);
                if before + begins == 1 {
                    counter.sent.fetch_add(length, Ordering::Relaxed);
                }
                passes_at = Instant::now() + QUIET;
            }
            length = far.read(&mut answer) => {
                let length = length?;
                held.extend_from_slice(&answer[..length]);
                if length == 0 {
                    return near.write_all(&held).await;
                }
                passes_at = Instant::now() + QUIET;
            }
            () = sleep_until(passes_at), if !held.is_empty() => {
                near.write_all(&held).await?;
                held.clear();
                counter.begins.store(true, Ordering::Relaxed);
            }
        }
    }
}
