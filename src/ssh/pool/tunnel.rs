//! A channel as a stream.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use russh::ChannelStream;
use russh::client::Msg;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::channel::OpenChannel;
use super::lease::Lease;

/// An open channel as a stream. Dropping it closes the channel and gives the lease back: until then its
/// connection is in use.
pub struct Tunnel {
    stream: ChannelStream<Msg>,
    // After the stream, for fields are dropped in order.
    _lease: Arc<Lease>,
}

impl Tunnel {
    /// Makes a stream of a channel.
    pub fn new(channel: OpenChannel) -> Self {
        let (channel, lease) = channel.into_parts();
        Self {
            stream: channel.into_stream(),
            _lease: lease,
        }
    }

    fn stream(self: Pin<&mut Self>) -> Pin<&mut ChannelStream<Msg>> {
        Pin::new(&mut self.get_mut().stream)
    }
}

impl AsyncRead for Tunnel {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.stream().poll_read(cx, buf)
    }
}

impl AsyncWrite for Tunnel {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.stream().poll_write(cx, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream().poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream().poll_shutdown(cx)
    }
}
