//! A command that the embedded server runs, with its output going into a channel.

use std::io;
use std::path::Path;
use std::process::{ExitStatus, Stdio};

use russh::server::Handle;
use russh::{ChannelId, Sig};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::{Child, Command};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::seat::Seat;

/// Standard error's data type (RFC 4254, section 5.2).
const STDERR: u32 = 1;

/// A running command; it is killed, with its children, when this is dropped.
pub(super) struct Process {
    group: Option<u32>,
    _killed: DropGuard,
}

impl Process {
    /// Starts `command` in `home`.
    pub(super) fn start(
        command: &str,
        home: &Path,
        channel: ChannelId,
        handle: Handle,
        seat: Seat,
    ) -> io::Result<Self> {
        let mut shell = Command::new("sh");
        shell
            .arg("-c")
            .arg(command)
            .current_dir(home)
            .env("HOME", home);
        shell
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        #[cfg(unix)]
        shell.process_group(0);
        let child = shell.spawn()?;
        let group = child.id();
        let killed = CancellationToken::new();
        tokio::spawn({
            let killed = killed.clone();
            async move {
                attend(child, group, channel, &handle, killed).await;
                // The client may ask for another session as soon as it sees this one close.
                drop(seat);
                // The client may have gone.
                let _ = handle.eof(channel).await;
                let _ = handle.close(channel).await;
            }
        });
        Ok(Self {
            group,
            _killed: killed.drop_guard(),
        })
    }

    /// Sends a signal, named without `SIG`, to the command and its children.
    pub(super) async fn signal(&self, name: &str) {
        if let Some(group) = self.group {
            signal_group(group, name).await;
        }
    }
}

async fn signal_group(group: u32, name: &str) {
    let mut kill = Command::new("kill");
    kill.arg(format!("-{name}"))
        .arg("--")
        .arg(format!("-{group}"));
    // The group may just have ended.
    let _ = kill
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .await;
}

async fn attend(
    mut child: Child,
    group: Option<u32>,
    channel: ChannelId,
    handle: &Handle,
    killed: CancellationToken,
) {
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let output = async {
        tokio::join!(
            pour(stdout, |bytes| handle.data(channel, bytes)),
            pour(stderr, |bytes| handle.extended_data(channel, STDERR, bytes)),
        );
        child.wait().await
    };
    let status = tokio::select! {
        status = output => status,
        () = killed.cancelled() => {
            if let Some(group) = group {
                signal_group(group, "KILL").await;
            }
            return;
        }
    };
    if let Ok(status) = status {
        report(status, channel, handle).await;
    }
}

async fn pour<T, F: Future<Output = T>>(
    from: Option<impl AsyncRead + Unpin>,
    send: impl Fn(Vec<u8>) -> F,
) {
    let Some(mut from) = from else { return };
    let mut buffer = vec![0; 32 * 1024];
    while let Ok(length @ 1..) = from.read(&mut buffer).await {
        send(buffer[..length].to_vec()).await;
    }
}

async fn report(status: ExitStatus, channel: ChannelId, handle: &Handle) {
    #[cfg(unix)]
    if let Some(signal) = std::os::unix::process::ExitStatusExt::signal(&status) {
        let name = match signal {
            1 => Sig::HUP,
            2 => Sig::INT,
            9 => Sig::KILL,
            15 => Sig::TERM,
            other => Sig::Custom(other.to_string()),
        };
        let _ = handle
            .exit_signal_request(channel, name, false, String::new(), String::new())
            .await;
        return;
    }
    let code = status
        .code()
        .and_then(|code| u32::try_from(code).ok())
        .unwrap_or(255);
    let _ = handle.exit_status_request(channel, code).await;
}
