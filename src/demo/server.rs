//! The embedded SSH server (russh's server side), on a free loopback port with a throwaway key.

use std::collections::HashMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use russh::keys::key::safe_rng;
use russh::keys::{Algorithm, PrivateKey, PublicKey};
use russh::server::{self, Auth, ChannelOpenHandle, Msg, Session};
use russh::{Channel, ChannelId, ChannelOpenFailure, Sig};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::AbortHandle;
use tokio_util::sync::CancellationToken;

use super::line::Line;
use super::login::{Dialogue, Entering, Words};
use super::process::Process;
use super::seat::Seat;
use super::sftp::Files;
use crate::ssh::Stream;
use crate::sync::lock;

/// The one user of the embedded server.
pub const USER: &str = "demo";
/// That user's password.
pub const PASSWORD: &str = "throwaway";

/// How the server misbehaves towards new connections.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fault {
    /// Not at all.
    #[default]
    None,
    /// It closes them before the handshake.
    HangUp,
    /// It accepts them and says nothing.
    Mute,
    /// It introduces itself and goes silent in the key exchange.
    MuteInKeyExchange,
    /// It goes silent when they log in.
    MuteAtLogin,
    /// It goes silent when they open a channel.
    MuteAtChannel,
    /// It goes silent when they run a command, and does not run it.
    MuteAtCommand,
    /// It cuts them when they log in.
    CutAtLogin,
    /// It lets in whoever says who they are.
    LetsAnybodyIn,
    /// It writes other bytes than it is sent over SFTP.
    LieInWrites,
    /// It refuses SFTP.
    RefuseSftp,
    /// It takes SFTP for a program that it does not find.
    LoseSftp,
    /// Over SFTP it renames only to names that are free.
    PlainRename,
    /// The same, and it goes silent after the first.
    MuteAtRename,
    /// Over SFTP it tells nothing of files, and takes each away when it is closed.
    DropBox,
}

/// An SSH server in this process; it ends, with its connections and processes, when dropped.
pub struct EmbeddedServer {
    address: SocketAddr,
    shared: Arc<Shared>,
    accepting: AbortHandle,
}

struct Shared {
    home: PathBuf,
    config: Arc<server::Config>,
    authorized: Option<PublicKey>,
    dialogue: Mutex<Option<Dialogue>>,
    words: Mutex<Words>,
    /// Logins wait until it is cancelled.
    approval: Mutex<Option<CancellationToken>>,
    fault: Mutex<Fault>,
    max_sessions: AtomicUsize,
    connections: Mutex<HashMap<usize, Switch>>,
    /// The SFTP sessions begun so far.
    sftp: Mutex<Vec<(server::Handle, ChannelId)>>,
    accepted: AtomicUsize,
    most: AtomicUsize,
}

/// What ends a connection, and what freezes it.
#[derive(Clone, Default)]
struct Switch {
    cut: CancellationToken,
    frozen: CancellationToken,
}

impl EmbeddedServer {
    /// Starts a server whose users live in `home`, and may log in with [`PASSWORD`] or the key `authorized`.
    pub async fn start(home: &Path, authorized: Option<PublicKey>) -> io::Result<Self> {
        Self::start_on((Ipv4Addr::LOCALHOST, 0).into(), home, authorized).await
    }

    /// Starts a server with a new host key on the address of one that has ended.
    pub async fn start_on(
        address: SocketAddr,
        home: &Path,
        authorized: Option<PublicKey>,
    ) -> io::Result<Self> {
        let host_key =
            PrivateKey::random(&mut safe_rng(), Algorithm::Ed25519).map_err(io::Error::other)?;
        let config = server::Config {
            keys: vec![host_key],
            // What real servers do against guessing would only slow the tests down.
            auth_rejection_time: Duration::ZERO,
            inactivity_timeout: None,
            nodelay: true,
            ..server::Config::default()
        };
        let shared = Arc::new(Shared {
            home: home.to_owned(),
            config: Arc::new(config),
            authorized,
            dialogue: Mutex::default(),
            words: Mutex::default(),
            approval: Mutex::default(),
            fault: Mutex::default(),
            max_sessions: AtomicUsize::new(10),
            connections: Mutex::default(),
            sftp: Mutex::default(),
            accepted: AtomicUsize::new(0),
            most: AtomicUsize::new(0),
        });
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let accepting = tokio::spawn(accept(listener, Arc::clone(&shared))).abort_handle();
        Ok(Self {
            address,
            shared,
            accepting,
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Misbehaves from now on.
    pub fn set_fault(&self, fault: Fault) {
        *lock(&self.shared.fault) = fault;
    }

    /// Asks these questions of whoever logs in from now on.
    pub fn ask(&self, dialogue: Dialogue) {
        *lock(&self.shared.dialogue) = Some(dialogue);
    }

    /// Says this to whoever logs in from now on.
    pub fn say(&self, words: Words) {
        *lock(&self.shared.words) = words;
    }

    /// Answers no right password from now on until the token is cancelled, as a server does that has
    /// a person approve a login elsewhere.
    pub fn wait_for_approval(&self, approval: CancellationToken) {
        *lock(&self.shared.approval) = Some(approval);
    }

    /// Takes at most `limit` sessions on a connection from now on.
    pub fn set_max_sessions(&self, limit: usize) {
        self.shared.max_sessions.store(limit, Ordering::Relaxed);
    }

    /// Cuts every connection, without a word.
    pub fn cut(&self) {
        for (_, connection) in lock(&self.shared.connections).drain() {
            connection.cut.cancel();
        }
    }

    /// Freezes every connection: they stay open, and nothing moves on them any more.
    pub fn freeze(&self) {
        for connection in lock(&self.shared.connections).values() {
            connection.frozen.cancel();
        }
    }

    /// Closes every SFTP session's channel, as when the server's SFTP process dies.
    pub async fn end_sftp(&self) {
        let sessions = std::mem::take(&mut *lock(&self.shared.sftp));
        for (handle, channel) in sessions {
            // The connection may be gone by now.
            let _ = handle.close(channel).await;
        }
    }

    /// Connections that are open now.
    pub fn connections(&self) -> usize {
        lock(&self.shared.connections).len()
    }

    /// Connections accepted so far.
    pub fn accepted(&self) -> usize {
        self.shared.accepted.load(Ordering::Relaxed)
    }

    /// The most connections that were open at once.
    pub fn most_connections(&self) -> usize {
        self.shared.most.load(Ordering::Relaxed)
    }
}

impl Drop for EmbeddedServer {
    fn drop(&mut self) {
        self.accepting.abort();
        self.cut();
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    while let Ok((tcp, _)) = listener.accept().await {
        let number = shared.accepted.fetch_add(1, Ordering::Relaxed);
        let switch = Switch::default();
        {
            let mut connections = lock(&shared.connections);
            connections.insert(number, switch.clone());
            shared.most.fetch_max(connections.len(), Ordering::Relaxed);
        }
        let shared = Arc::clone(&shared);
        tokio::spawn(async move {
            serve(tcp, &shared, switch).await;
            lock(&shared.connections).remove(&number);
        });
    }
}

async fn serve(mut tcp: TcpStream, shared: &Arc<Shared>, switch: Switch) {
    let fault = *lock(&shared.fault);
    match fault {
        Fault::HangUp => return,
        Fault::Mute => return switch.cut.cancelled().await,
        Fault::MuteInKeyExchange => {
            // RFC 4253, section 4.2. Whether it arrives makes no difference.
            let _ = tcp.write_all(b"SSH-2.0-mute\r\n").await;
            return switch.cut.cancelled().await;
        }
        _ => {}
    }
    let connection = Connection {
        shared: Arc::clone(shared),
        entering: Entering::new(lock(&shared.dialogue).clone(), *lock(&shared.words)),
        cut: switch.cut.clone(),
        seats: Arc::default(),
        channels: HashMap::new(),
        processes: HashMap::new(),
    };
    let stream = Line::new(Stream::new(tcp, switch.cut), switch.frozen);
    if let Ok(session) = server::run_stream(Arc::clone(&shared.config), stream, connection).await {
        // However it ends, it has ended.
        let _ = session.await;
    }
}

struct Connection {
    shared: Arc<Shared>,
    entering: Entering,
    cut: CancellationToken,
    seats: Arc<AtomicUsize>,
    /// Sessions that have been asked for nothing yet.
    channels: HashMap<ChannelId, (Channel<Msg>, Seat)>,
    processes: HashMap<ChannelId, Process>,
}

impl Connection {
    /// Says nothing more if that is the fault of the hour.
    async fn mute_at(&self, fault: Fault) -> Result<(), russh::Error> {
        if *lock(&self.shared.fault) == fault {
            self.cut.cancelled().await;
            return Err(russh::Error::Disconnect);
        }
        Ok(())
    }
}

impl server::Handler for Connection {
    type Error = russh::Error;

    async fn auth_password(&mut self, user: &str, password: &str) -> Result<Auth, Self::Error> {
        self.mute_at(Fault::MuteAtLogin).await?;
        if *lock(&self.shared.fault) == Fault::CutAtLogin {
            return Err(russh::Error::Disconnect);
        }
        let is_right = user == USER && password == PASSWORD;
        let approval = lock(&self.shared.approval).clone();
        if let Some(approval) = approval.filter(|_| is_right) {
            approval.cancelled().await;
        }
        Ok(self.entering.shown(is_right))
    }

    async fn auth_none(&mut self, user: &str) -> Result<Auth, Self::Error> {
        let lets_in = *lock(&self.shared.fault) == Fault::LetsAnybodyIn && user == USER;
        Ok(if lets_in {
            Auth::Accept
        } else {
            self.entering.shown(false)
        })
    }

    async fn authentication_banner(&mut self) -> Result<Option<String>, Self::Error> {
        Ok(self.entering.banner())
    }

    async fn auth_publickey(
        &mut self,
        user: &str,
        key: server::VerifiedPublicKey<'_>,
    ) -> Result<Auth, Self::Error> {
        let authorized = self.shared.authorized.as_ref();
        let matches =
            authorized.is_some_and(|authorized| authorized.key_data() == key.public_key.key_data());
        Ok(self.entering.shown(user == USER && matches))
    }

    async fn auth_keyboard_interactive<'a>(
        &'a mut self,
        user: &str,
        _: &str,
        response: Option<server::Response<'a>>,
    ) -> Result<Auth, Self::Error> {
        let answer = response.and_then(|mut answers| answers.next());
        let answer = answer.map(|answer| String::from_utf8_lossy(&answer).into_owned());
        Ok(self.entering.answered(user == USER, answer.as_deref()))
    }

    async fn channel_open_session(
        &mut self,
        channel: Channel<Msg>,
        reply: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), Self::Error> {
        self.mute_at(Fault::MuteAtChannel).await?;
        let limit = self.shared.max_sessions.load(Ordering::Relaxed);
        if let Some(seat) = Seat::take(&self.seats, limit) {
            self.channels.insert(channel.id(), (channel, seat));
            reply.accept().await;
        } else {
            reply.reject(ChannelOpenFailure::ConnectFailed).await;
        }
        Ok(())
    }

    async fn channel_close(
        &mut self,
        channel: ChannelId,
        _: &mut Session,
    ) -> Result<(), Self::Error> {
        self.channels.remove(&channel);
        self.processes.remove(&channel);
        Ok(())
    }

    async fn exec_request(
        &mut self,
        channel: ChannelId,
        command: &[u8],
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        self.mute_at(Fault::MuteAtCommand).await?;
        let Some((_, seat)) = self.channels.remove(&channel) else {
            return session.channel_failure(channel);
        };
        let command = String::from_utf8_lossy(command);
        match Process::start(&command, &self.shared.home, channel, session.handle(), seat) {
            Ok(process) => {
                self.processes.insert(channel, process);
                session.channel_success(channel)
            }
            Err(_) => session.channel_failure(channel),
        }
    }

    async fn subsystem_request(
        &mut self,
        channel: ChannelId,
        name: &str,
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        let fault = *lock(&self.shared.fault);
        match (name, self.channels.remove(&channel)) {
            _ if fault == Fault::RefuseSftp => session.channel_failure(channel),
            ("sftp", Some(_)) if fault == Fault::LoseSftp => {
                session.channel_success(channel)?;
                let words = "sh: sftp-server: not found\n".as_bytes().to_vec();
                session.extended_data(channel, 1, words)?;
                session.exit_status_request(channel, 127)?;
                session.close(channel)
            }
            ("sftp", Some((stream, seat))) => {
                session.channel_success(channel)?;
                lock(&self.shared.sftp).push((session.handle(), channel));
                let files = Files::new(&self.shared.home, seat, fault);
                russh_sftp::server::run(stream.into_stream(), files).await;
                Ok(())
            }
            _ => session.channel_failure(channel),
        }
    }

    async fn data(
        &mut self,
        channel: ChannelId,
        data: &[u8],
        _: &mut Session,
    ) -> Result<(), Self::Error> {
        if let Some(process) = self.processes.get_mut(&channel) {
            process.type_in(data).await;
        }
        Ok(())
    }

    async fn channel_eof(
        &mut self,
        channel: ChannelId,
        _: &mut Session,
    ) -> Result<(), Self::Error> {
        if let Some(process) = self.processes.get_mut(&channel) {
            process.end_input();
        }
        Ok(())
    }

    async fn signal(
        &mut self,
        channel: ChannelId,
        signal: Sig,
        _: &mut Session,
    ) -> Result<(), Self::Error> {
        if let Some(process) = self.processes.get(&channel) {
            process.signal(&format!("{signal:?}")).await;
        }
        Ok(())
    }
}
