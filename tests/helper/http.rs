//! An HTTP server for the tests.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

/// An HTTP server that answers with the status that its path names, and not at all at `/silent`.
pub struct Http {
    pub port: u16,
    heads: Arc<Mutex<Vec<String>>>,
}

impl Http {
    pub async fn start(tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let heads = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&heads);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (seen, tls) = (Arc::clone(&seen), tls.clone());
                tokio::spawn(async move {
                    match tls {
                        None => answer(stream, &seen).await,
                        // A client that does not trust it leaves.
                        Some(tls) => {
                            if let Ok(stream) = tls.accept(stream).await {
                                answer(stream, &seen).await;
                            }
                        }
                    }
                });
            }
        });
        Self { port, heads }
    }

    pub fn heads(&self) -> Vec<String> {
        self.heads.lock().unwrap().clone()
    }
}

async fn answer(mut stream: impl AsyncRead + AsyncWrite + Unpin, seen: &Mutex<Vec<String>>) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let Ok(byte) = stream.read_u8().await else {
            return;
        };
        head.push(byte);
    }
    let head = String::from_utf8(head).unwrap();
    let path = head.split(' ').nth(1).unwrap().to_owned();
    seen.lock().unwrap().push(head);
    if path == "/silent" {
        std::future::pending::<()>().await;
    }
    let status = path
        .trim_start_matches('/')
        .split(['/', '?'])
        .next()
        .unwrap();
    let status = if status.is_empty() { "200" } else { status };
    let answer = format!("HTTP/1.1 {status} X\r\nContent-Length: 2\r\nLocation: /200\r\n\r\nhi");
    let _ = stream.write_all(answer.as_bytes()).await;
    let _ = stream.flush().await;
}
