//! The TCP stream beneath a connection: acknowledges at once while shaking hands, and can be cut.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

/// Bytes read with immediate acknowledgement: more than any handshake and authentication take.
///
/// A server keeps Nagle's algorithm on until a session opens, and the kernel delays
/// acknowledgements by 40 ms: together they more than double the time to connect.
const QUICK_BYTES: usize = 16 * 1024;

/// A TCP stream that ends, for reader and writer, when its token is cancelled.
///
/// Dropping a connection's handle during key exchange leaves its task and socket behind;
/// cancelling the token is what ends them.
pub struct Stream {
    tcp: TcpStream,
    cut: Pin<Box<WaitForCancellationFutureOwned>>,
    quick_bytes: usize,
}

impl Stream {
    /// Wraps a connected stream.
    pub fn new(tcp: TcpStream, cut: CancellationToken) -> Self {
        // Without it a request waits for the acknowledgement of the one before.
        let _ = tcp.set_nodelay(true);
        let stream = Self {
            tcp,
            cut: Box::pin(cut.cancelled_owned()),
            quick_bytes: QUICK_BYTES,
        };
        stream.acknowledge_at_once();
        stream
    }

    // The kernel falls back to delaying by itself, so this is repeated after each read.
    fn acknowledge_at_once(&self) {
        #[cfg(target_os = "linux")]
        let _ = socket2::SockRef::from(&self.tcp).set_tcp_quickack(true);
    }

    fn is_cut(&mut self, cx: &mut Context<'_>) -> bool {
        self.cut.as_mut().poll(cx).is_ready()
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.is_cut(cx) {
            return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
        }
        let before = buf.filled().len();
        let polled = Pin::new(&mut self.tcp).poll_read(cx, buf);
        if polled.is_ready() && self.quick_bytes > 0 {
            let read = buf.filled().len() - before;
            self.quick_bytes = self.quick_bytes.saturating_sub(read);
            self.acknowledge_at_once();
        }
        polled
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.is_cut(cx) {
            return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
        }
        Pin::new(&mut self.tcp).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_shutdown(cx)
    }
}
