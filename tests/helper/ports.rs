//! Servers on the loopback that a tunnel leads to, and what can be seen of ports.

use std::net::{Ipv4Addr, SocketAddr};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, copy, split};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use super::PATIENCE;

/// A server on a port of the loopback. It ends when it is dropped.
pub struct PortServer {
    pub port: u16,
    serving: JoinHandle<()>,
}

impl PortServer {
    /// Starts a server that sends back what it gets, and ends after its client.
    pub async fn echo() -> Self {
        Self::start(|stream| async { echo(stream).await }).await
    }

    /// Starts a server that takes everything, and then says how many bytes that was.
    pub async fn counting() -> Self {
        Self::start(|mut stream| async move {
            let mut came = Vec::new();
            if stream.read_to_end(&mut came).await.is_ok() {
                let _ = stream.write_all(came.len().to_string().as_bytes()).await;
            }
        })
        .await
    }

    /// Starts a server that sends this and ends.
    pub async fn sending(content: Vec<u8>) -> Self {
        let content = std::sync::Arc::new(content);
        Self::start(move |mut stream| {
            let content = std::sync::Arc::clone(&content);
            async move {
                let _ = stream.write_all(&content).await;
            }
        })
        .await
    }

    async fn start<F: Future<Output = ()> + Send + 'static>(
        serve: impl Fn(TcpStream) -> F + Send + 'static,
    ) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let serving = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream));
            }
        });
        Self { port, serving }
    }

    /// Its address, as an argument.
    pub fn place(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }
}

impl Drop for PortServer {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// Sends back what comes.
pub async fn echo(stream: impl AsyncRead + AsyncWrite) {
    let (mut reader, mut writer) = split(stream);
    if copy(&mut reader, &mut writer).await.is_ok() {
        let _ = writer.shutdown().await;
    }
}

/// Sends bytes to a place, ends, and returns what comes back.
pub async fn exchange(place: &str, bytes: &[u8]) -> std::io::Result<Vec<u8>> {
    exchange_over(TcpStream::connect(place).await?, bytes).await
}

/// The same over a stream.
pub async fn exchange_over(
    stream: impl AsyncRead + AsyncWrite,
    bytes: &[u8],
) -> std::io::Result<Vec<u8>> {
    let (mut reader, mut writer) = split(stream);
    let mut back = Vec::new();
    let sending = async {
        writer.write_all(bytes).await?;
        writer.shutdown().await
    };
    let both = async { tokio::try_join!(sending, reader.read_to_end(&mut back)).map(drop) };
    tokio::time::timeout(PATIENCE, both).await??;
    Ok(back)
}

/// Returns true if somebody listens there.
pub async fn is_listening(place: &str) -> bool {
    let place: SocketAddr = place.parse().unwrap();
    TcpStream::connect(place).await.is_ok()
}
