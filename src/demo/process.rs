//! A command that the embedded server runs, with its output going into a channel.

use std::io;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use russh::server::Handle;
use russh::{ChannelId, Sig};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, ChildStdin, Command};

use super::permit::SessionPermit;

/// Standard error's data type (RFC 4254, section 5.2).
const STDERR: u32 = 1;

/// A running command; it is killed, with its children, when this is dropped.
pub(super) struct ShellProcess {
    group: Option<u32>,
    ended: Arc<AtomicBool>,
    /// Its input, until that ends.
    stdin: Option<ChildStdin>,
}

impl Drop for ShellProcess {
    fn drop(&mut self) {
        // Not in a task, because the runtime may be ending.
        if let (Some(group), false) = (self.group, self.ended.load(Ordering::Acquire)) {
            let _ = kill(group, "KILL").status();
        }
    }
}

fn kill(group: u32, signal: &str) -> std::process::Command {
    let mut kill = std::process::Command::new("kill");
    kill.arg(format!("-{signal}"))
        .arg("--")
        .arg(format!("-{group}"));
    kill.stdout(Stdio::null()).stderr(Stdio::null());
    kill
}

impl ShellProcess {
    /// Starts `command` in `home`.
    pub(super) fn start(
        command: &str,
        home: &Path,
        channel: ChannelId,
        handle: Handle,
        permit: SessionPermit,
    ) -> io::Result<Self> {
        let mut shell = Command::new("sh");
        shell
            .arg("-c")
            .arg(command)
            .current_dir(home)
            .env("HOME", home);
        shell
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        #[cfg(unix)]
        shell.process_group(0);
        let mut child = shell.spawn()?;
        let stdin = child.stdin.take();
        let group = child.id();
        let ended = Arc::new(AtomicBool::new(false));
        tokio::spawn({
            let ended = Arc::clone(&ended);
            async move {
                pass_on(child, channel, &handle).await;
                ended.store(true, Ordering::Release);
                // The client may ask for another session as soon as it sees this one close.
                drop(permit);
                // The client may have gone.
                let _ = handle.eof(channel).await;
                let _ = handle.close(channel).await;
            }
        });
        Ok(Self {
            group,
            ended,
            stdin,
        })
    }

    /// Writes to its standard input.
    pub(super) async fn type_in(&mut self, bytes: &[u8]) {
        if let Some(stdin) = &mut self.stdin {
            // It may have ended, or have closed its input.
            let _ = stdin.write_all(bytes).await;
        }
    }

    /// Ends its input.
    pub(super) fn end_input(&mut self) {
        self.stdin = None;
    }

    /// Sends a signal, named without `SIG`, to the command and its children.
    pub(super) async fn signal(&self, name: &str) {
        if let Some(group) = self.group {
            // It may just have ended.
            let _ = Command::from(kill(group, name)).status().await;
        }
    }
}

/// Passes on the output of the command and its children until the last of them closes it, and the exit status
/// as soon as it is known.
async fn pass_on(mut child: Child, channel: ChannelId, handle: &Handle) {
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    tokio::join!(
        pour(stdout, |bytes| handle.data(channel, bytes)),
        pour(stderr, |bytes| handle.extended_data(channel, STDERR, bytes)),
        async {
            if let Ok(status) = child.wait().await {
                report(status, channel, handle).await;
            }
        },
    );
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
