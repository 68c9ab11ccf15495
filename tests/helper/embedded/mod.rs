//! The demo's SSH server, with what the tests want of it besides: faults, questions at login, counts.

mod login;
mod sftp;
mod stream;

use std::collections::HashMap;
use std::io;
use std::net::{Ipv4Addr, Shutdown, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use mcp_sftp_orchestrator::demo::{
    self, ConnectionStream, PASSWORD, SftpHandler, USER, configuration,
};
use russh::keys::PublicKey;
use russh::server::{self, Auth, ChannelOpenHandle, Handler, Msg, Session};
use russh::{Channel, ChannelId, ChannelOpenFailure, Sig};
use socket2::{SockRef, Socket};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::AbortHandle;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use login::LoginState;
pub use login::{Dialogue, LoginTexts, Question, Turn};
use sftp::{count_flights, run_with_fault};
use stream::SwitchedStream;

/// A way in which the server misbehaves towards new connections.
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
    /// It takes a while to confirm that it runs a command. Its input has come by then.
    ConfirmLate,
    /// It refuses to run commands, once their input has come.
    RefuseCommands,
    /// It closes the channel of the next command or SFTP session, and does not run it.
    CloseAtRequest,
    /// It ends the connection right after it has opened the next channel.
    CutAtChannel,
    /// It runs one command on each, and ends the connection after that.
    OneCommand,
    /// It runs one command on each, and refuses others.
    RefuseSecond,
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
    /// Over SFTP it removes ten files, and goes silent at the next.
    MuteAfterRemovals,
    /// Over SFTP it tells nothing of files, and takes each away when it is closed.
    DropBox,
    /// Over SFTP it creates no hidden files.
    RefuseParts,
    /// Over SFTP it cannot sync files.
    FailSync,
    /// It answers SFTP requests a flight at a time, once no further request comes, and counts the flights.
    CountFlights,
}

/// The time by which a client has sent all that waits for no answer.
const LATE: Duration = Duration::from_millis(100);

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
    words: Mutex<LoginTexts>,
    /// Logins wait until it is cancelled.
    approval: Mutex<Option<CancellationToken>>,
    fault: Mutex<Fault>,
    max_sessions: AtomicUsize,
    max_forwards: AtomicUsize,
    connections: Mutex<HashMap<usize, Switch>>,
    /// Session channels on which nothing was requested so far, with the number of their connection.
    unused: Mutex<Vec<(usize, server::Handle, ChannelId)>>,
    /// The session channels that were opened, and those that commands ran on, in order.
    events: Mutex<Vec<Event>>,
    /// The SFTP sessions begun so far.
    sftp: Mutex<Vec<(server::Handle, ChannelId)>>,
    accepted: AtomicUsize,
    most: AtomicUsize,
    flights: Arc<AtomicUsize>,
}

/// An event on a session channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    Opened(ChannelId),
    Ran(ChannelId),
    /// The connection takes no further session.
    Refused,
    /// It goes silent.
    Muted,
}

/// The tokens that cut a connection, that freeze it, and that end it with the next bytes sent.
#[derive(Clone, Default)]
struct Switch {
    cut: CancellationToken,
    frozen: CancellationToken,
    ending: CancellationToken,
    socket: Option<Arc<Socket>>,
}

impl Switch {
    /// Cuts the connection.
    fn end(&self) {
        self.cut.cancel();
        if let Some(socket) = &self.socket {
            // At once: the client may have ended it by itself.
            let _ = socket.shutdown(Shutdown::Both);
        }
    }
}

impl EmbeddedServer {
    /// Starts a server whose user lives in `home`, and may log in with the demo's password or the key `authorized`.
    pub async fn start(home: &Path, authorized: Option<PublicKey>) -> io::Result<Self> {
        Self::start_on((Ipv4Addr::LOCALHOST, 0).into(), home, authorized).await
    }

    /// Starts a server with a new host key on the address of one that has ended.
    pub async fn start_on(
        address: SocketAddr,
        home: &Path,
        authorized: Option<PublicKey>,
    ) -> io::Result<Self> {
        let shared = Arc::new(Shared {
            home: home.to_owned(),
            config: Arc::new(configuration()?),
            authorized,
            dialogue: Mutex::default(),
            words: Mutex::default(),
            approval: Mutex::default(),
            fault: Mutex::default(),
            max_sessions: AtomicUsize::new(10),
            max_forwards: AtomicUsize::new(0),
            connections: Mutex::default(),
            unused: Mutex::default(),
            events: Mutex::default(),
            sftp: Mutex::default(),
            accepted: AtomicUsize::new(0),
            most: AtomicUsize::new(0),
            flights: Arc::default(),
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

    /// The address on which it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Misbehaves from now on.
    pub fn set_fault(&self, fault: Fault) {
        *self.shared.fault.lock().unwrap() = fault;
    }

    /// Asks these questions of whoever logs in from now on.
    pub fn ask(&self, dialogue: Dialogue) {
        *self.shared.dialogue.lock().unwrap() = Some(dialogue);
    }

    /// Says this to whoever logs in from now on.
    pub fn say(&self, words: LoginTexts) {
        *self.shared.words.lock().unwrap() = words;
    }

    /// Answers no right password from now on until the token is cancelled, as a server does that has
    /// a person approve a login elsewhere.
    pub fn wait_for_approval(&self, approval: CancellationToken) {
        *self.shared.approval.lock().unwrap() = Some(approval);
    }

    /// Takes at most `limit` sessions on each connection made from now on.
    pub fn set_max_sessions(&self, limit: usize) {
        self.shared.max_sessions.store(limit, Ordering::Relaxed);
    }

    /// Forwards to ports from now on, at most `limit` connections at once on each connection.
    pub fn set_max_forwards(&self, limit: usize) {
        self.shared.max_forwards.store(limit, Ordering::Relaxed);
    }

    /// Cuts every connection, without a word.
    pub fn cut(&self) {
        for (_, connection) in self.shared.connections.lock().unwrap().drain() {
            connection.end();
        }
    }

    /// Freezes every connection: they stay open, and nothing moves on them any more.
    pub fn freeze(&self) {
        for connection in self.shared.connections.lock().unwrap().values() {
            connection.frozen.cancel();
        }
    }

    /// Closes every session channel on which nothing was requested so far.
    pub async fn close_unused(&self) {
        let channels = std::mem::take(&mut *self.shared.unused.lock().unwrap());
        for (_, handle, channel) in channels {
            // The connection may be gone by now.
            let _ = handle.close(channel).await;
        }
    }

    /// The number of session channels on which nothing was requested so far.
    pub fn unused(&self) -> usize {
        self.shared.unused.lock().unwrap().len()
    }

    /// Takes the events so far.
    pub fn take_events(&self) -> Vec<Event> {
        std::mem::take(&mut *self.shared.events.lock().unwrap())
    }

    /// Closes every SFTP session's channel, as when the server's SFTP process dies.
    pub async fn end_sftp(&self) {
        let sessions = std::mem::take(&mut *self.shared.sftp.lock().unwrap());
        for (handle, channel) in sessions {
            // The connection may be gone by now.
            let _ = handle.close(channel).await;
        }
    }

    /// Flights of SFTP requests counted so far.
    pub fn flights(&self) -> usize {
        self.shared.flights.load(Ordering::Relaxed)
    }

    /// Connections that are open now.
    pub fn connections(&self) -> usize {
        self.shared.connections.lock().unwrap().len()
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

/// The time in which it is noticed that the other side has closed a connection.
const NOTICED_WITHIN: Duration = Duration::from_millis(20);

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    while let Ok((tcp, _)) = listener.accept().await {
        let number = shared.accepted.fetch_add(1, Ordering::Relaxed);
        let switch = Switch {
            socket: SockRef::from(&tcp).try_clone().ok().map(Arc::new),
            ..Switch::default()
        };
        shared
            .connections
            .lock()
            .unwrap()
            .insert(number, switch.clone());
        tokio::spawn(note_most(Arc::clone(&shared), number));
        let shared = Arc::clone(&shared);
        tokio::spawn(async move {
            serve(tcp, &shared, switch, number).await;
            shared.connections.lock().unwrap().remove(&number);
            let mut unused = shared.unused.lock().unwrap();
            unused.retain(|(connection, ..)| *connection != number);
        });
    }
}

/// Notes how many of the connections up to this one are open at once. One that the other side has closed may not have
/// been noticed at first.
async fn note_most(shared: Arc<Shared>, number: usize) {
    sleep(NOTICED_WITHIN).await;
    let connections = shared.connections.lock().unwrap();
    let open = connections.keys().filter(|other| **other <= number);
    shared.most.fetch_max(open.count(), Ordering::Relaxed);
}

async fn serve(mut tcp: TcpStream, shared: &Arc<Shared>, switch: Switch, number: usize) {
    match shared.fault() {
        Fault::HangUp => return,
        Fault::Mute => return switch.cut.cancelled().await,
        Fault::MuteInKeyExchange => {
            // RFC 4253, section 4.2. Whether it arrives makes no difference.
            let _ = tcp.write_all(b"SSH-2.0-mute\r\n").await;
            return switch.cut.cancelled().await;
        }
        _ => {}
    }
    let max_sessions = shared.max_sessions.load(Ordering::Relaxed);
    let connection = Connection {
        number,
        shared: Arc::clone(shared),
        login: LoginState::new(
            shared.dialogue.lock().unwrap().clone(),
            *shared.words.lock().unwrap(),
        ),
        switch: switch.clone(),
        has_run: false,
        forwards: Arc::default(),
        demo: demo::ServerConnection::new(&shared.home, max_sessions),
    };
    let stream = ConnectionStream::new(tcp, switch.cut.clone());
    let stream = SwitchedStream::new(stream, switch);
    if let Ok(session) = server::run_stream(Arc::clone(&shared.config), stream, connection).await {
        // However it ends, it has ended.
        let _ = session.await;
    }
}

impl Shared {
    fn fault(&self) -> Fault {
        *self.fault.lock().unwrap()
    }

    /// Returns whether this is the fault of the hour, which it is once.
    fn takes_fault(&self, expected: Fault) -> bool {
        let mut fault = self.fault.lock().unwrap();
        let is_expected = *fault == expected;
        if is_expected {
            *fault = Fault::None;
        }
        is_expected
    }

    fn note(&self, event: Event) {
        self.events.lock().unwrap().push(event);
    }
}

/// A connection to the demo's server, but for logins and faults.
struct Connection {
    number: usize,
    shared: Arc<Shared>,
    login: LoginState,
    switch: Switch,
    /// A command was run on it.
    has_run: bool,
    /// Each connection that it forwards has a clone.
    forwards: Arc<()>,
    demo: demo::ServerConnection,
}

impl Connection {
    /// Says nothing more if that is the fault of the hour.
    async fn mute_at(&self, fault: Fault) -> Result<(), russh::Error> {
        if self.shared.fault() == fault {
            self.shared.note(Event::Muted);
            self.switch.cut.cancelled().await;
            return Err(russh::Error::Disconnect);
        }
        Ok(())
    }

    fn forget_unused(&self, channel: ChannelId) {
        let mut unused = self.shared.unused.lock().unwrap();
        unused.retain(|(connection, _, known)| (*connection, *known) != (self.number, channel));
    }

    /// Returns whether it has run all commands that it runs.
    fn is_used_up(&self) -> bool {
        let runs_one = [Fault::OneCommand, Fault::RefuseSecond].contains(&self.shared.fault());
        self.has_run && runs_one
    }

    /// Runs a command, and ends the connection after it.
    fn run_last(&self, channel: ChannelId, command: &[u8], handle: server::Handle) {
        let mut shell = tokio::process::Command::new("sh");
        shell
            .arg("-c")
            .arg(String::from_utf8_lossy(command).as_ref());
        shell.current_dir(&self.shared.home).stdin(Stdio::null());
        let switch = self.switch.clone();
        tokio::spawn(async move {
            let ran = shell.output().await.unwrap();
            // The client may be gone by now.
            let _ = handle.data(channel, ran.stdout).await;
            let _ = handle.extended_data(channel, 1, ran.stderr).await;
            let status = ran.status.code().map(i32::cast_unsigned);
            let status = status.unwrap_or_default();
            let _ = handle.exit_status_request(channel, status).await;
            let _ = handle.close(channel).await;
            sleep(Duration::from_millis(5)).await;
            switch.end();
        });
    }

    async fn begin_sftp(
        &mut self,
        channel: ChannelId,
        session: &mut Session,
    ) -> Result<(), russh::Error> {
        let fault = self.shared.fault();
        self.shared
            .sftp
            .lock()
            .unwrap()
            .push((session.handle(), channel));
        if !sftp::concerns(fault) {
            return self.demo.subsystem_request(channel, "sftp", session).await;
        }
        let Some((stream, permit)) = self.demo.take(channel) else {
            return session.channel_failure(channel);
        };
        session.channel_success(channel)?;
        let files = SftpHandler::new(&self.shared.home, permit);
        if fault == Fault::CountFlights {
            let flights = Arc::clone(&self.shared.flights);
            count_flights(flights, stream.into_stream(), files).await;
            return Ok(());
        }
        run_with_fault(fault, stream.into_stream(), files, self.shared.home.clone()).await;
        Ok(())
    }
}

impl Handler for Connection {
    type Error = russh::Error;

    async fn auth_password(&mut self, user: &str, password: &str) -> Result<Auth, Self::Error> {
        self.mute_at(Fault::MuteAtLogin).await?;
        if self.shared.fault() == Fault::CutAtLogin {
            return Err(russh::Error::Disconnect);
        }
        let is_right = user == USER && password == PASSWORD;
        let approval = self.shared.approval.lock().unwrap().clone();
        if let Some(approval) = approval.filter(|_| is_right) {
            approval.cancelled().await;
        }
        Ok(self.login.shown(is_right))
    }

    async fn auth_none(&mut self, user: &str) -> Result<Auth, Self::Error> {
        let lets_in = self.shared.fault() == Fault::LetsAnybodyIn && user == USER;
        Ok(if lets_in {
            Auth::Accept
        } else {
            self.login.shown(false)
        })
    }

    async fn authentication_banner(&mut self) -> Result<Option<String>, Self::Error> {
        Ok(self.login.banner())
    }

    async fn auth_publickey(
        &mut self,
        user: &str,
        key: server::VerifiedPublicKey<'_>,
    ) -> Result<Auth, Self::Error> {
        let authorized = self.shared.authorized.as_ref();
        let matches =
            authorized.is_some_and(|authorized| authorized.key_data() == key.public_key.key_data());
        Ok(self.login.shown(user == USER && matches))
    }

    async fn auth_keyboard_interactive<'a>(
        &'a mut self,
        user: &str,
        _: &str,
        response: Option<server::Response<'a>>,
    ) -> Result<Auth, Self::Error> {
        let answer = response.and_then(|mut answers| answers.next());
        let answer = answer.map(|answer| String::from_utf8_lossy(&answer).into_owned());
        Ok(self.login.answered(user == USER, answer.as_deref()))
    }

    async fn channel_open_session(
        &mut self,
        channel: Channel<Msg>,
        reply: ChannelOpenHandle,
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        self.mute_at(Fault::MuteAtChannel).await?;
        if self.is_used_up() {
            self.shared.note(Event::Refused);
            reply
                .reject(ChannelOpenFailure::AdministrativelyProhibited)
                .await;
            return Ok(());
        }
        if self.shared.takes_fault(Fault::CutAtChannel) {
            self.switch.ending.cancel();
        }
        let id = channel.id();
        self.demo
            .channel_open_session(channel, reply, session)
            .await?;
        self.shared.note(Event::Opened(id));
        let mut unused = self.shared.unused.lock().unwrap();
        unused.push((self.number, session.handle(), id));
        Ok(())
    }

    async fn channel_open_direct_tcpip(
        &mut self,
        channel: Channel<Msg>,
        host: &str,
        port: u32,
        _: &str,
        _: u32,
        reply: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), Self::Error> {
        let limit = self.shared.max_forwards.load(Ordering::Relaxed);
        if Arc::strong_count(&self.forwards) > limit {
            self.shared.note(Event::Refused);
            reply.reject(ChannelOpenFailure::ResourceShortage).await;
            return Ok(());
        }
        let port = u16::try_from(port).unwrap();
        let Ok(mut there) = TcpStream::connect((host, port)).await else {
            reply.reject(ChannelOpenFailure::ConnectFailed).await;
            return Ok(());
        };
        let counted = Arc::clone(&self.forwards);
        reply.accept().await;
        tokio::spawn(async move {
            let mut stream = channel.into_stream();
            // Either side may go away at any time.
            let _ = tokio::io::copy_bidirectional(&mut stream, &mut there).await;
            drop(counted);
        });
        Ok(())
    }

    async fn channel_close(
        &mut self,
        channel: ChannelId,
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        self.forget_unused(channel);
        self.demo.channel_close(channel, session).await
    }

    async fn exec_request(
        &mut self,
        channel: ChannelId,
        command: &[u8],
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        self.mute_at(Fault::MuteAtCommand).await?;
        self.forget_unused(channel);
        if self.shared.takes_fault(Fault::CloseAtRequest) {
            return session.close(channel);
        }
        match self.shared.fault() {
            Fault::ConfirmLate => sleep(LATE).await,
            Fault::RefuseCommands => {
                sleep(LATE).await;
                return session.channel_failure(channel);
            }
            _ => {}
        }
        if self.is_used_up() {
            self.shared.note(Event::Refused);
            return session.channel_failure(channel);
        }
        self.has_run = true;
        self.shared.note(Event::Ran(channel));
        if self.shared.fault() == Fault::OneCommand {
            session.channel_success(channel)?;
            self.run_last(channel, command, session.handle());
            return Ok(());
        }
        self.demo.exec_request(channel, command, session).await
    }

    async fn subsystem_request(
        &mut self,
        channel: ChannelId,
        name: &str,
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        self.forget_unused(channel);
        if self.shared.takes_fault(Fault::CloseAtRequest) {
            return session.close(channel);
        }
        match (name, self.shared.fault()) {
            ("sftp", Fault::LoseSftp) => {
                session.channel_success(channel)?;
                let words = "sh: sftp-server: not found\n".as_bytes().to_vec();
                session.extended_data(channel, 1, words)?;
                session.exit_status_request(channel, 127)?;
                session.close(channel)
            }
            ("sftp", fault) if fault != Fault::RefuseSftp => {
                self.begin_sftp(channel, session).await
            }
            _ => session.channel_failure(channel),
        }
    }

    async fn data(
        &mut self,
        channel: ChannelId,
        data: &[u8],
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        self.demo.data(channel, data, session).await
    }

    async fn channel_eof(
        &mut self,
        channel: ChannelId,
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        self.demo.channel_eof(channel, session).await
    }

    async fn signal(
        &mut self,
        channel: ChannelId,
        signal: Sig,
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        self.demo.signal(channel, signal, session).await
    }
}
