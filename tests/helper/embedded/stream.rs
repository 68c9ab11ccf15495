//! A connection's TCP stream that can be cut, or frozen: it stays open, and nothing moves on it any more.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

/// A stream with a token that cuts it, and one that freezes it, as when the peer's machine vanishes.
pub struct FreezableStream {
    tcp: TcpStream,
    cut: Pin<Box<WaitForCancellationFutureOwned>>,
    frozen: CancellationToken,
}

impl FreezableStream {
    pub fn new(tcp: TcpStream, cut: CancellationToken, frozen: CancellationToken) -> Self {
        tcp.set_nodelay(true).unwrap();
        Self {
            tcp,
            cut: Box::pin(cut.cancelled_owned()),
            frozen,
        }
    }

    fn is_cut(&mut self, cx: &mut Context<'_>) -> bool {
        self.cut.as_mut().poll(cx).is_ready()
    }
}

impl AsyncRead for FreezableStream {
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
        if self.frozen.is_cancelled() && matches!(polled, Poll::Ready(Ok(()))) {
            // Swallowed; polled again until the stream has nothing more, so that a cut is still noticed.
            buf.set_filled(before);
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        polled
    }
}

impl AsyncWrite for FreezableStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.frozen.is_cancelled() {
            return Poll::Ready(Ok(buf.len()));
        }
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
