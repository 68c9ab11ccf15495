//! Network devices and a recorder in this process, each like the documentation of its family says: a terminal, and
//! nothing beside it.

mod console;
mod families;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use mcp_sftp_orchestrator::demo::{PASSWORD, USER, configuration};
use russh::server::{self, Auth, ChannelOpenHandle, Handler, Msg, Session};
use russh::{Channel, ChannelId, ChannelOpenFailure, Pty};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio::task::AbortHandle;

use super::fixture::SshServer;
use super::login;
use console::Console;
pub use families::DeviceFamily;

/// The password for the higher level, where there is one.
pub const ENABLE: &str = "Zq8-enable";

/// A device that listens. It ends when dropped.
pub struct Device {
    address: SocketAddr,
    shared: Arc<SharedDevice>,
    accepting: AbortHandle,
}

struct SharedDevice {
    family: DeviceFamily,
    config: Arc<server::Config>,
    /// The lines that were typed at its prompts.
    typed: Mutex<Vec<String>>,
    connections: AtomicUsize,
    open: AtomicUsize,
    refused: AtomicUsize,
    /// Set if it takes a password by keyboard-interactive alone.
    asks: bool,
    /// Hangs up on every terminal.
    hang_up: Notify,
}

impl Device {
    pub async fn start(family: DeviceFamily) -> Self {
        Self::start_with(family, false).await
    }

    /// Starts a device that asks for the password itself, as many do with an authentication server behind them.
    pub async fn start_asking(family: DeviceFamily) -> Self {
        Self::start_with(family, true).await
    }

    async fn start_with(family: DeviceFamily, asks: bool) -> Self {
        let shared = Arc::new(SharedDevice {
            family,
            config: Arc::new(configuration().unwrap()),
            typed: Mutex::default(),
            connections: AtomicUsize::default(),
            open: AtomicUsize::default(),
            refused: AtomicUsize::default(),
            asks,
            hang_up: Notify::new(),
        });
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let accepting = tokio::spawn(accept(listener, Arc::clone(&shared))).abort_handle();
        Self {
            address,
            shared,
            accepting,
        }
    }

    /// Takes the lines that were typed at its prompts so far.
    pub fn take_typed(&self) -> Vec<String> {
        std::mem::take(&mut *self.shared.typed.lock().unwrap())
    }

    /// Closes every terminal, as a device does with one that is idle.
    pub fn hang_up(&self) {
        self.shared.hang_up.notify_waiters();
    }

    /// Connections so far.
    pub fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::Relaxed)
    }

    /// Connections that are open now.
    pub fn open_connections(&self) -> usize {
        self.shared.open.load(Ordering::Relaxed)
    }

    /// Requests that it does not serve: commands, SFTP, a second channel on a connection.
    pub fn refused(&self) -> usize {
        self.shared.refused.load(Ordering::Relaxed)
    }
}

impl Drop for Device {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl SshServer for Device {
    fn login(&self, alias: &str) -> Value {
        let mut arguments = login(alias, self.address.port());
        arguments["kind"] = json!("device");
        arguments["sudoPassword"] = json!(ENABLE);
        arguments
    }

    fn path(&self, name: &str) -> PathBuf {
        name.into()
    }
}

async fn accept(listener: TcpListener, shared: Arc<SharedDevice>) {
    while let Ok((tcp, _)) = listener.accept().await {
        shared.connections.fetch_add(1, Ordering::Relaxed);
        let (config, connection) = (
            Arc::clone(&shared.config),
            DeviceConnection {
                shared: Arc::clone(&shared),
                has_channel: false,
                keys: None,
            },
        );
        let shared = Arc::clone(&shared);
        shared.open.fetch_add(1, Ordering::Relaxed);
        tokio::spawn(async move {
            if let Ok(session) = server::run_stream(config, tcp, connection).await {
                // However it ends, it has ended.
                let _ = session.await;
            }
            shared.open.fetch_sub(1, Ordering::Relaxed);
        });
    }
}

struct DeviceConnection {
    shared: Arc<SharedDevice>,
    has_channel: bool,
    keys: Option<UnboundedSender<Vec<u8>>>,
}

impl DeviceConnection {
    fn note_refused(&self) {
        self.shared.refused.fetch_add(1, Ordering::Relaxed);
    }
}

impl Handler for DeviceConnection {
    type Error = russh::Error;

    async fn auth_none(&mut self, user: &str) -> Result<Auth, Self::Error> {
        let lets_in = self.shared.family == DeviceFamily::Recorder && user == USER;
        Ok(if lets_in {
            Auth::Accept
        } else {
            Auth::reject()
        })
    }

    async fn auth_password(&mut self, user: &str, password: &str) -> Result<Auth, Self::Error> {
        let is_right = (user, password) == (USER, PASSWORD);
        let takes = self.shared.family != DeviceFamily::Recorder && !self.shared.asks;
        Ok(if is_right && takes {
            Auth::Accept
        } else {
            Auth::reject()
        })
    }

    async fn auth_keyboard_interactive<'a>(
        &'a mut self,
        user: &str,
        _: &str,
        response: Option<server::Response<'a>>,
    ) -> Result<Auth, Self::Error> {
        if !self.shared.asks {
            return Ok(Auth::reject());
        }
        let Some(mut answers) = response else {
            return Ok(Auth::Partial {
                name: "".into(),
                instructions: "User Access Verification".into(),
                prompts: vec![("Password: ".into(), false)].into(),
            });
        };
        let is_right = user == USER && answers.next().as_deref() == Some(PASSWORD.as_bytes());
        Ok(if is_right {
            Auth::Accept
        } else {
            Auth::reject()
        })
    }

    async fn channel_open_session(
        &mut self,
        _: Channel<Msg>,
        reply: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), Self::Error> {
        if std::mem::replace(&mut self.has_channel, true) {
            self.note_refused();
            reply.reject(ChannelOpenFailure::ResourceShortage).await;
        } else {
            reply.accept().await;
        }
        Ok(())
    }

    async fn pty_request(
        &mut self,
        channel: ChannelId,
        _: &str,
        _: u32,
        _: u32,
        _: u32,
        _: u32,
        _: &[(Pty, u32)],
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        session.channel_success(channel)
    }

    async fn shell_request(
        &mut self,
        channel: ChannelId,
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        let (sender, keys) = unbounded_channel();
        self.keys = Some(sender);
        session.channel_success(channel)?;
        let shared = Arc::clone(&self.shared);
        let console = Console::new(session.handle(), channel, keys);
        tokio::spawn(async move {
            let handle = console.handle();
            let serving = families::serve(shared.family, console, |line| {
                shared.typed.lock().unwrap().push(line.to_owned());
            });
            tokio::select! {
                () = serving => {}
                () = shared.hang_up.notified() => {
                    let words = b"\r\n% Idle timeout expired\r\n".to_vec();
                    let _ = handle.data(channel, words).await;
                }
            }
            // The client may be gone by now.
            let _ = handle.close(channel).await;
        });
        Ok(())
    }

    async fn exec_request(
        &mut self,
        channel: ChannelId,
        _: &[u8],
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        self.note_refused();
        match self.shared.family {
            DeviceFamily::Huawei => session.close(channel),
            _ => session.channel_failure(channel),
        }
    }

    async fn subsystem_request(
        &mut self,
        channel: ChannelId,
        _: &str,
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        self.note_refused();
        session.channel_failure(channel)
    }

    async fn data(
        &mut self,
        _: ChannelId,
        data: &[u8],
        _: &mut Session,
    ) -> Result<(), Self::Error> {
        if let Some(keys) = &self.keys {
            // The device may have closed its terminal.
            let _ = keys.send(data.to_vec());
        }
        Ok(())
    }
}
