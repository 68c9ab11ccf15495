//! A connection's stream that can be frozen: it stays open, and nothing moves on it any more. It can also be
//! made to end with the next bytes.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use mcp_sftp_orchestrator::demo::ConnectionStream;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::Switch;

/// A stream that is switched: frozen, as when the peer's machine vanishes, or ended.
pub struct SwitchedStream {
    stream: ConnectionStream,
    switch: Switch,
}

impl SwitchedStream {
    pub fn new(stream: ConnectionStream, switch: Switch) -> Self {
        Self { stream, switch }
    }
}

impl AsyncRead for SwitchedStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(cx, buf);
        if self.switch.frozen.is_cancelled() && matches!(polled, Poll::Ready(Ok(()))) {
            // Swallowed; polled again until the stream has nothing more, so that a cut is still noticed.
            buf.set_filled(before);
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        polled
    }
}

impl AsyncWrite for SwitchedStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.switch.frozen.is_cancelled() {
            return Poll::Ready(Ok(buf.len()));
        }
        let polled = Pin::new(&mut self.stream).poll_write(cx, buf);
        if polled.is_ready() && self.switch.ending.is_cancelled() {
            self.switch.end();
        }
        polled
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
