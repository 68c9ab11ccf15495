//! A connection's stream that can be frozen: it stays open, and nothing moves on it any more.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use mcp_sftp_orchestrator::demo::ConnectionStream;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_util::sync::CancellationToken;

/// A stream with a token that freezes it, as when the peer's machine vanishes.
pub struct FreezableStream {
    stream: ConnectionStream,
    frozen: CancellationToken,
}

impl FreezableStream {
    pub fn new(stream: ConnectionStream, frozen: CancellationToken) -> Self {
        Self { stream, frozen }
    }
}

impl AsyncRead for FreezableStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(cx, buf);
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
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
