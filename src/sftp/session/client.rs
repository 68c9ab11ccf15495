//! An SFTP client on a channel: any number of outstanding requests, answers matched by their numbers.

use std::io;
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use russh::client::Msg;
use russh::{ChannelMsg, ChannelReadHalf, ChannelWriteHalf};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, ReadHalf, WriteHalf};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::error::Error;
use crate::sftp::error::{Result, SftpError};
use crate::sftp::session::outstanding::{EndReason, OutstandingRequests};
use crate::sftp::session::start::{SessionStream, StartedSession, start};
use crate::sftp::wire::{self, PacketDecoder, RequestPacket, Response};
use crate::ssh::{Lease, Pool};
use crate::sync::lock;

/// Bytes that fit one SSH packet (RFC 4253, section 6.1); short requests share one.
const SSH_PACKET: usize = 32 * 1024;

/// Time for the rest of a server's version packet.
const BEGIN_TIMEOUT: Duration = Duration::from_secs(20);

/// The connection of one SFTP session. Dropping it closes the channel.
pub(crate) struct SftpClient {
    queue: mpsc::UnboundedSender<Bytes>,
    outstanding: Arc<Mutex<OutstandingRequests>>,
    lease: Arc<Lease>,
    /// Cancelled once the channel or connection is closed, or the session is not needed any more.
    ended: CancellationToken,
    /// Cancelled once the channel is closed from here, and its lease given back.
    closed: CancellationToken,
    note: Option<String>,
    /// True if requests go through a shell, for lack of SFTP.
    pub(crate) is_by_shell: bool,
    /// True if it runs as another user.
    pub(crate) is_elevated: bool,
}

/// The pending answer to a sent request.
pub(crate) struct PendingResponse(oneshot::Receiver<Response>);

impl PendingResponse {
    /// Waits for the answer; an error if the session ends first.
    pub(crate) async fn answer(self) -> Result<Response, SessionEnded> {
        self.0.await.map_err(|_| SessionEnded)
    }
}

/// The session has ended; [`SftpClient::lost`] says why.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SessionEnded;

impl SftpClient {
    /// Opens a session to `alias`, waiting for a channel at most `patience`. Returns also the
    /// extensions that the server offers.
    pub(crate) async fn open(
        pool: &Pool,
        alias: &str,
        patience: Duration,
    ) -> Result<(Self, Vec<(Bytes, Bytes)>), Error> {
        let StartedSession {
            stream,
            lease,
            first,
            note,
            is_elevated,
        } = start(pool, alias, patience).await?;
        let is_by_shell = matches!(stream, SessionStream::Pipe(_));
        let (reader, writer) = halves(stream);
        let ended = lease.connection().closed().child_token();
        let outstanding = Arc::new(Mutex::new(OutstandingRequests::new(pool.answer_patience())));
        let (queue, queued) = mpsc::unbounded_channel();
        let (greeting, greeted) = oneshot::channel();
        lock(&outstanding).greet(greeting);
        let closed = CancellationToken::new();
        let writer = QueueWriter {
            channel: writer,
            outstanding: Arc::clone(&outstanding),
            ended: ended.clone(),
            lease: Arc::clone(&lease),
            closed: closed.clone().drop_guard(),
        };
        tokio::spawn(writer.run(queued));
        tokio::spawn(read(reader, first, Arc::clone(&outstanding), ended.clone()));
        let client = Self {
            queue,
            outstanding,
            lease: Arc::clone(&lease),
            ended,
            closed,
            note,
            is_by_shell,
            is_elevated,
        };
        let reason = match timeout(BEGIN_TIMEOUT, PendingResponse(greeted).answer()).await {
            Ok(Ok(Response::Version(extensions))) => return Ok((client, extensions)),
            Ok(Ok(_)) => "the server does not introduce itself",
            Ok(Err(SessionEnded)) => match lock(&client.outstanding).ended() {
                Some(EndReason::Broken(problem)) => &problem.clone(),
                _ => "the server ended it at once",
            },
            Err(_) => "the server does not answer",
        };
        Err(lease.refusal(format!("no SFTP session: {reason}")))
    }

    pub(crate) fn lease(&self) -> &Lease {
        &self.lease
    }

    /// Returns whether the session goes on, as far as is known.
    pub(crate) fn is_alive(&self) -> bool {
        !self.ended.is_cancelled() && !self.lease.connection().is_closed()
    }

    /// Cancelled once the channel is closed from here, and its lease given back.
    pub(crate) fn closed(&self) -> CancellationToken {
        self.closed.clone()
    }

    /// Pings the server while the session goes on. If it does not answer, its connection is used no more,
    /// and requests on the session fail as on a lost connection.
    pub(crate) fn demand_sign_of_life(&self) {
        let (lease, ended) = (Arc::clone(&self.lease), self.ended.clone());
        let outstanding = Arc::clone(&self.outstanding);
        tokio::spawn(async move {
            let asked = Instant::now();
            let answers = tokio::select! {
                answers = lease.connection().answers() => answers,
                () = ended.cancelled() => return,
            };
            if !answers {
                lease.retire();
                lock(&outstanding).end(EndReason::Silent(asked.elapsed()));
                ended.cancel();
            }
        });
    }

    /// A note for the user on how it started.
    pub(crate) fn note(&self) -> Option<&str> {
        self.note.as_deref()
    }

    /// Sends a request. The server handles requests in the order in which they are sent.
    pub(crate) fn send(&self, request: RequestPacket) -> PendingResponse {
        self.send_kept(request).0
    }

    /// Sends a request, and returns its packet too; an empty one if the session has ended.
    pub(crate) fn send_kept(&self, request: RequestPacket) -> (PendingResponse, Bytes) {
        let (answer, pending) = oneshot::channel();
        let mut packet = Bytes::new();
        let mut outstanding = lock(&self.outstanding);
        match outstanding.add(&request, answer) {
            Some(number) => {
                packet = request.finish(number);
                // Under the lock, so that numbers are sent in order. If the writer is gone, so are the
                // answers.
                drop(self.queue.send(packet.clone()));
            }
            None => self.ended.cancel(),
        }
        (PendingResponse(pending), packet)
    }

    /// Round trip time.
    pub(crate) fn round_trip(&self) -> Duration {
        let known = self.lease.connection().round_trip();
        known.unwrap_or_default()
    }

    /// The reason for which there are no more answers. A server that broke the protocol would do so
    /// again, so this is not retried like a lost connection.
    pub(crate) fn lost(&self) -> SftpError {
        let connection = self.lease.connection();
        let problem = match lock(&self.outstanding).ended() {
            Some(EndReason::Broken(problem)) => {
                return SftpError::Protocol(problem.clone());
            }
            Some(EndReason::Silent(patience)) => format!(
                "the server answered no SFTP request for {} s",
                patience.as_secs_f64()
            ),
            _ if connection.is_closed() => {
                format!("the connection was lost: {}", connection.closed_because())
            }
            _ => "the server ended the SFTP session".to_owned(),
        };
        SftpError::ConnectionLost(problem)
    }
}

impl Drop for SftpClient {
    fn drop(&mut self) {
        self.ended.cancel();
    }
}

/// Sending half.
enum RequestWriter {
    Channel(ChannelWriteHalf<Msg>),
    Pipe(WriteHalf<DuplexStream>),
}

/// Receiving half.
enum ResponseReader {
    Channel(ChannelReadHalf),
    Pipe(ReadHalf<DuplexStream>),
}

fn halves(stream: SessionStream) -> (ResponseReader, RequestWriter) {
    match stream {
        SessionStream::Channel(channel) => {
            // The first data was taken when the session began.
            let (_, reader, writer) = channel.into_halves();
            (
                ResponseReader::Channel(reader),
                RequestWriter::Channel(writer),
            )
        }
        SessionStream::Pipe(pipe) => {
            let (reader, writer) = tokio::io::split(pipe);
            (ResponseReader::Pipe(reader), RequestWriter::Pipe(writer))
        }
    }
}

impl RequestWriter {
    async fn send(&mut self, packet: Bytes) -> io::Result<()> {
        match self {
            Self::Channel(channel) => channel.data_bytes(packet).await.map_err(io::Error::other),
            Self::Pipe(pipe) => pipe.write_all(&packet).await,
        }
    }

    async fn close(&mut self) {
        // The other end may be gone already.
        match self {
            Self::Channel(channel) => drop(channel.close().await),
            Self::Pipe(pipe) => drop(pipe.shutdown().await),
        }
    }
}

impl ResponseReader {
    /// The next bytes; `None` once there are no more.
    async fn next(&mut self) -> Option<Bytes> {
        match self {
            Self::Channel(channel) => loop {
                match channel.wait().await {
                    Some(ChannelMsg::Data { data }) => return Some(data),
                    Some(ChannelMsg::Close | ChannelMsg::Eof) | None => return None,
                    Some(_) => {}
                }
            },
            Self::Pipe(pipe) => {
                let mut bytes = BytesMut::with_capacity(SSH_PACKET);
                let read = pipe.read_buf(&mut bytes).await.ok()?;
                (read > 0).then(|| bytes.freeze())
            }
        }
    }

    /// Discards everything that still arrives.
    async fn drain(&mut self) {
        if let Self::Channel(channel) = self {
            while channel.wait().await.is_some() {}
        }
    }
}

/// Sends the queued requests of a session.
struct QueueWriter {
    channel: RequestWriter,
    outstanding: Arc<Mutex<OutstandingRequests>>,
    ended: CancellationToken,
    lease: Arc<Lease>,
    closed: DropGuard,
}

impl QueueWriter {
    /// Sends requests until the session ends, and finally closes the channel. Only then is its place in
    /// the pool given back.
    async fn run(mut self, queued: mpsc::UnboundedReceiver<Bytes>) {
        let ended = self.ended.clone();
        tokio::select! {
            () = self.send_all(queued) => {}
            () = ended.cancelled() => {}
        }
        self.channel.close().await;
        drop(self.lease);
        drop(self.closed);
    }

    async fn send_all(&mut self, mut queued: mpsc::UnboundedReceiver<Bytes>) {
        let mut next = queued.recv().await;
        while let Some(first) = next.take() {
            let packet;
            (packet, next) = join_short(first, &mut queued);
            if self.channel.send(packet).await.is_err() {
                return;
            }
            lock(&self.outstanding).progressed();
            if next.is_none() {
                next = queued.recv().await;
            }
        }
    }
}

/// Joins short requests in one packet. Returns also a request that did not fit.
fn join_short(first: Bytes, queued: &mut mpsc::UnboundedReceiver<Bytes>) -> (Bytes, Option<Bytes>) {
    if first.len() >= SSH_PACKET / 2 {
        return (first, None);
    }
    let Ok(second) = queued.try_recv() else {
        return (first, None);
    };
    let mut joined = BytesMut::with_capacity(SSH_PACKET);
    joined.extend_from_slice(&first);
    let mut next = Some(second);
    while let Some(request) = next.take() {
        if joined.len() + request.len() > SSH_PACKET {
            return (joined.freeze(), Some(request));
        }
        joined.extend_from_slice(&request);
        next = queued.try_recv().ok();
    }
    (joined.freeze(), None)
}

/// Delivers answers until the session ends. An open channel has to be read to its end, or its whole
/// connection stalls.
async fn read(
    mut channel: ResponseReader,
    first: Bytes,
    outstanding: Arc<Mutex<OutstandingRequests>>,
    ended: CancellationToken,
) {
    let mut decoder = PacketDecoder::default();
    let mut silence = pin!(silence(&outstanding));
    let mut first = Some(first);
    let why = loop {
        let next = async {
            if let Some(first) = first.take() {
                return Some(first);
            }
            tokio::select! {
                data = channel.next() => data,
                () = ended.cancelled() => None,
            }
        };
        let data = tokio::select! {
            // Data that has arrived counts, however late this task is run.
            biased;
            data = next => data,
            patience = &mut silence => break EndReason::Silent(patience),
        };
        let Some(data) = data else {
            break EndReason::Closed;
        };
        if let Err(problem) = deliver(&mut decoder, data, &outstanding) {
            break EndReason::Broken(problem.to_string());
        }
    };
    if !matches!(why, EndReason::Closed) {
        tracing::warn!("an SFTP session ends: {why:?}");
    }
    lock(&outstanding).end(why);
    ended.cancel();
    channel.drain().await;
}

/// Waits until requests have been unanswered for too long. Returns that time.
async fn silence(outstanding: &Mutex<OutstandingRequests>) -> Duration {
    loop {
        let (due, patience) = lock(outstanding).due();
        match due {
            Some(due) if due <= Instant::now() => return patience,
            Some(due) => sleep_until(due).await,
            None => sleep(patience).await,
        }
    }
}

fn deliver(
    decoder: &mut PacketDecoder,
    data: Bytes,
    outstanding: &Mutex<OutstandingRequests>,
) -> Result<()> {
    lock(outstanding).received(data.len());
    decoder.push(data);
    while let Some(packet) = decoder.next()? {
        let (number, answer) = wire::read(packet)?;
        lock(outstanding).resolve(number, answer)?;
    }
    Ok(())
}
