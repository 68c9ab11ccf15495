//! An SFTP client on a channel: any number of requests outstanding, answers by their numbers.

use std::io;
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use russh::client::Msg;
use russh::{ChannelMsg, ChannelReadHalf, ChannelWriteHalf};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use super::waiting::{Ended, Waiting};
use super::wire::{self, Answer, Cutter, Request};
use crate::error::Error;
use crate::ssh::{Lease, Pool, Use};
use crate::sync::lock;

/// What fits one SSH packet (RFC 4253, section 6.1); short requests share one.
const SSH_PACKET: usize = 32 * 1024;

/// A server that has accepted the subsystem introduces itself at once.
const BEGIN_TIMEOUT: Duration = Duration::from_secs(20);

/// One SFTP session's line. Dropping it closes the channel.
pub(super) struct Client {
    queue: mpsc::UnboundedSender<Bytes>,
    waiting: Arc<Mutex<Waiting>>,
    lease: Arc<Lease>,
    /// Cancelled once the channel or the whole line is gone, or nobody wants it any more.
    ended: CancellationToken,
}

/// The answer to a request that has been sent.
pub(super) struct Pending(oneshot::Receiver<Answer>);

impl Pending {
    /// The answer; an error if the session ended before it came.
    pub(super) async fn answer(self) -> Result<Answer, Lost> {
        self.0.await.map_err(|_| Lost)
    }
}

/// The session has ended; [`Client::lost`] says why.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lost;

impl Client {
    /// Opens a session to `alias`, waiting for a channel at most `patience`. Gives also the extensions
    /// that the server offers.
    pub(super) async fn open(
        pool: &Pool,
        alias: &str,
        patience: Duration,
    ) -> Result<(Self, Vec<(Bytes, Bytes)>), Error> {
        let mut channel = pool.open(alias, Use::Transfer, patience).await?;
        let lease = channel.lease();
        let begin = async {
            let requested = channel.request_subsystem(true, "sftp").await;
            requested.map_err(|error| error.to_string())?;
            // At once: on a far line each answer that is waited for costs a round trip.
            let introduced = channel.data_bytes(Request::init()).await;
            introduced.map_err(|error| error.to_string())?;
            loop {
                match channel.wait().await {
                    Some(ChannelMsg::Success) => break,
                    Some(ChannelMsg::Failure) => return Err("the server offers no SFTP".to_owned()),
                    Some(_) => {}
                    None => return Err("the line was lost".to_owned()),
                }
            }
            let (reader, writer) = channel.into_halves();
            let ended = lease.connection().closed().child_token();
            let waiting = Arc::new(Mutex::new(Waiting::new(pool.answer_patience())));
            let (queue, queued) = mpsc::unbounded_channel();
            let (greeting, greeted) = oneshot::channel();
            lock(&waiting).greet(greeting);
            let held = (Arc::clone(&lease), Arc::clone(&waiting));
            tokio::spawn(write(writer, queued, ended.clone(), held));
            tokio::spawn(read(reader, Arc::clone(&waiting), ended.clone()));
            let client = Self {
                queue,
                waiting,
                lease: Arc::clone(&lease),
                ended,
            };
            match Pending(greeted).answer().await {
                Ok(Answer::Version(extensions)) => Ok((client, extensions)),
                Ok(_) => Err("the server does not introduce itself".to_owned()),
                Err(Lost) => Err(match lock(&client.waiting).ended() {
                    Some(Ended::Broken(problem)) => problem.clone(),
                    _ => "the server ended it at once".to_owned(),
                }),
            }
        };
        timeout(BEGIN_TIMEOUT, begin)
            .await
            .unwrap_or_else(|_| Err("the server does not answer".to_owned()))
            .map_err(|reason| lease.refusal(format!("no SFTP session: {reason}")))
    }

    /// Sends a request. Requests are worked on in the order in which they are sent.
    pub(super) fn send(&self, request: Request) -> Pending {
        let (answer, pending) = oneshot::channel();
        let mut waiting = lock(&self.waiting);
        match waiting.ask(&request, answer) {
            // Under the lock, so that numbers go out in order. A writer that is gone leaves no answers.
            Some(number) => drop(self.queue.send(request.finish(number))),
            None => self.ended.cancel(),
        }
        Pending(pending)
    }

    /// How long a request takes that has nothing to do.
    pub(super) fn round_trip(&self) -> Duration {
        let known = self.lease.connection().round_trip();
        known.unwrap_or_default()
    }

    /// Why there are no more answers. A server that broke the protocol would do so again: that is not
    /// tried again like a lost line.
    pub(super) fn lost(&self) -> io::Error {
        let connection = self.lease.connection();
        let problem = match lock(&self.waiting).ended() {
            Some(Ended::Broken(problem)) => {
                return io::Error::new(io::ErrorKind::InvalidData, problem.clone());
            }
            Some(Ended::Silent(patience)) => format!(
                "the server answered no SFTP request for {} s",
                patience.as_secs_f64()
            ),
            _ if connection.is_closed() => {
                format!("the line was lost: {}", connection.closed_because())
            }
            _ => "the server ended the SFTP session".to_owned(),
        };
        io::Error::new(io::ErrorKind::ConnectionAborted, problem)
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.ended.cancel();
    }
}

/// Sends what is queued, and closes the channel at the end. The channel's place in the pool is given
/// back only then.
async fn write(
    channel: ChannelWriteHalf<Msg>,
    mut queued: mpsc::UnboundedReceiver<Bytes>,
    ended: CancellationToken,
    (lease, waiting): (Arc<Lease>, Arc<Mutex<Waiting>>),
) {
    let send = async {
        let mut next = queued.recv().await;
        while let Some(first) = next.take() {
            let mut packet = first;
            if packet.len() < SSH_PACKET / 2 {
                let mut several = BytesMut::new();
                while let Ok(request) = queued.try_recv() {
                    if packet.len() + several.len() + request.len() > SSH_PACKET {
                        next = Some(request);
                        break;
                    }
                    if several.is_empty() {
                        several.reserve(SSH_PACKET);
                        several.extend_from_slice(&std::mem::take(&mut packet));
                    }
                    several.extend_from_slice(&request);
                }
                if !several.is_empty() {
                    packet = several.freeze();
                }
            }
            if channel.data_bytes(packet).await.is_err() {
                return;
            }
            lock(&waiting).progressed();
            if next.is_none() {
                next = queued.recv().await;
            }
        }
    };
    tokio::select! {
        () = send => {}
        () = ended.cancelled() => {}
    }
    let _ = channel.close().await;
    drop(lease);
}

/// Hands out answers until there are no more. What a channel receives has to be taken for as long as
/// it is open, or its whole connection stands still.
async fn read(
    mut channel: ChannelReadHalf,
    waiting: Arc<Mutex<Waiting>>,
    ended: CancellationToken,
) {
    let mut cutter = Cutter::default();
    let mut silence = pin!(silence(&waiting));
    let why = loop {
        let next = async {
            tokio::select! {
                message = channel.wait() => message,
                () = ended.cancelled() => None,
            }
        };
        let message = tokio::select! {
            // What has come already is no silence, however long this task was not run.
            biased;
            message = next => message,
            patience = &mut silence => break Ended::Silent(patience),
        };
        match message {
            Some(ChannelMsg::Data { data }) => {
                if let Err(problem) = hand_out(&mut cutter, data, &waiting) {
                    break Ended::Broken(problem.to_string());
                }
            }
            Some(ChannelMsg::Close | ChannelMsg::Eof) | None => break Ended::Closed,
            Some(_) => {}
        }
    };
    if !matches!(why, Ended::Closed) {
        tracing::warn!("an SFTP session ends: {why:?}");
    }
    lock(&waiting).end(why);
    ended.cancel();
    while channel.wait().await.is_some() {}
}

/// Waits until requests have been without an answer for too long. Says for how long.
async fn silence(waiting: &Mutex<Waiting>) -> Duration {
    loop {
        let (due, patience) = lock(waiting).due();
        match due {
            Some(due) if due <= Instant::now() => return patience,
            Some(due) => sleep_until(due).await,
            None => sleep(patience).await,
        }
    }
}

fn hand_out(cutter: &mut Cutter, data: Bytes, waiting: &Mutex<Waiting>) -> io::Result<()> {
    lock(waiting).received(data.len());
    cutter.push(data);
    while let Some(packet) = cutter.next()? {
        let (number, answer) = wire::read(packet)?;
        lock(waiting).answer(number, answer)?;
    }
    Ok(())
}
