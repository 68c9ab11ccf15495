//! The stream beneath a connection: can be cut, and if it is TCP it acknowledges at once.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use socket2::{SockRef, Socket};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

use crate::ssh::connection::tap::Tap;
use crate::time::Timestamp;

/// A stream that ends, for reader and writer, when its token is cancelled.
///
/// Dropping a connection's handle during key exchange leaves its task and socket behind;
/// cancelling the token is what ends them.
pub struct ConnectionStream {
    inner: Inner,
    cut: Pin<Box<WaitForCancellationFutureOwned>>,
    tap: Option<Tap>,
    last_read: LastRead,
    sent_bytes: SentBytes,
}

/// The number of bytes that a stream has sent.
#[derive(Clone, Debug, Default)]
pub(in crate::ssh) struct SentBytes(Arc<AtomicU64>);

impl SentBytes {
    fn add(&self, length: usize) {
        self.0.fetch_add(length as u64, Ordering::Relaxed);
    }

    /// The number so far.
    pub(in crate::ssh) fn count(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// The time at which a stream had data last, by the wall clock: the monotonic one stands still while this
/// machine sleeps.
#[derive(Clone, Debug, Default)]
pub(in crate::ssh) struct LastRead(Arc<AtomicI64>);

impl LastRead {
    fn note(&self) {
        let now = Timestamp::now().epoch_millis();
        self.0.store(now, Ordering::Relaxed);
    }

    /// Returns whether there was data within the last `time`.
    pub(in crate::ssh) fn is_within(&self, time: Duration) -> bool {
        let elapsed = Timestamp::now().epoch_millis() - self.0.load(Ordering::Relaxed);
        u128::try_from(elapsed).is_ok_and(|elapsed| elapsed <= time.as_millis())
    }
}

/// Reads and writes.
pub trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Duplex for S {}

enum Inner {
    Tcp(TcpStream),
    Other(Box<dyn Duplex>),
}

impl ConnectionStream {
    /// Wraps a connected stream.
    pub fn new(tcp: TcpStream, cut: CancellationToken) -> Self {
        // Without it a request waits for the acknowledgement of the one before.
        let _ = tcp.set_nodelay(true);
        let stream = Self {
            inner: Inner::Tcp(tcp),
            cut: Box::pin(cut.cancelled_owned()),
            tap: None,
            last_read: LastRead::default(),
            sent_bytes: SentBytes::default(),
        };
        stream.acknowledge_at_once();
        stream
    }

    /// Wraps a stream of another kind.
    pub(in crate::ssh) fn over(other: impl Duplex + 'static, cut: CancellationToken) -> Self {
        Self {
            inner: Inner::Other(Box::new(other)),
            cut: Box::pin(cut.cancelled_owned()),
            tap: None,
            last_read: LastRead::default(),
            sent_bytes: SentBytes::default(),
        }
    }

    /// Keeps a copy of the bytes that come from now on.
    pub(in crate::ssh) fn tap(&mut self) -> Tap {
        self.tap.get_or_insert_with(Tap::new).clone()
    }

    /// The time of the last data.
    pub(in crate::ssh) fn last_read(&self) -> LastRead {
        self.last_read.clone()
    }

    /// The number of bytes sent.
    pub(in crate::ssh) fn sent_bytes(&self) -> SentBytes {
        self.sent_bytes.clone()
    }

    /// A second handle to the socket, by which its end is seen before it is read; `None` for other streams.
    pub(in crate::ssh) fn socket(&self) -> Option<Socket> {
        match &self.inner {
            Inner::Tcp(tcp) => SockRef::from(tcp).try_clone().ok(),
            Inner::Other(_) => None,
        }
    }

    /// Has the kernel acknowledge at once what has come, and what comes next; it falls back to delaying by itself.
    ///
    /// A server keeps Nagle's algorithm on until a session opens, which a tunnel's connection never has, and the kernel
    /// delays acknowledgements by 40 ms: together they more than double the time to connect, and hold up the end of
    /// whatever comes through a tunnel.
    fn acknowledge_at_once(&self) {
        #[cfg(target_os = "linux")]
        if let Inner::Tcp(tcp) = &self.inner {
            let _ = SockRef::from(tcp).set_tcp_quickack(true);
        }
    }

    fn inner(&mut self) -> Pin<&mut dyn Duplex> {
        match &mut self.inner {
            Inner::Tcp(tcp) => Pin::new(tcp),
            Inner::Other(other) => Pin::new(&mut **other),
        }
    }

    fn is_cut(&mut self, cx: &mut Context<'_>) -> bool {
        self.cut.as_mut().poll(cx).is_ready()
    }
}

impl AsyncRead for ConnectionStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.is_cut(cx) {
            return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
        }
        let before = buf.filled().len();
        let polled = self.inner().poll_read(cx, buf);
        if let Some(tap) = &self.tap
            && !tap.take(&buf.filled()[before..])
        {
            self.tap = None;
        }
        if polled.is_ready() {
            self.last_read.note();
            // While more waits to be read, its reading acknowledges.
            if buf.remaining() > 0 {
                self.acknowledge_at_once();
            }
        }
        polled
    }
}

impl AsyncWrite for ConnectionStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.is_cut(cx) {
            return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
        }
        let polled = self.inner().poll_write(cx, buf);
        if let Poll::Ready(Ok(length)) = polled {
            self.sent_bytes.add(length);
        }
        polled
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.inner().poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.inner().poll_shutdown(cx)
    }
}
