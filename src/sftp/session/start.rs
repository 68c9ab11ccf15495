//! Start of an SFTP session: as the server's subsystem or, where that fails, by a shell.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use russh::ChannelMsg;
use tokio::io::{AsyncWriteExt, DuplexStream};
use tokio::time::timeout;

use crate::charset::Charset;
use crate::error::Error;
use crate::random;
use crate::readable::readable;
use crate::sftp::session::shell_server::ShellServer;
use crate::sftp::wire::RequestPacket;
use crate::ssh::{ChannelPurpose, Lease, OpenChannel, Pool};

/// Time for the version packet of the subsystem, which is sent at once.
const SUBSYSTEM_PATIENCE: Duration = Duration::from_secs(10);
/// Time for a shell, whose start-up files may take a while.
const SHELL_PATIENCE: Duration = Duration::from_secs(20);

/// Buffer of the pipe to the shell server.
const PIPE: usize = 256 * 1024;

/// Longest output that is kept of a server that does not start SFTP.
const LONGEST_WORDS: usize = 1000;

/// Bytes by which a packet is recognised: its length and its type.
const TELLING: usize = 5;
const VERSION: u8 = 2;

/// Directories where systems keep the SFTP server program.
const PLACES: &str = "/usr/lib/openssh /usr/libexec/openssh /usr/libexec /usr/lib/ssh /usr/lib/misc /usr/lib /usr/local/libexec /usr/local/lib/openssh /opt/libexec /opt/lib";

/// A session whose server has begun to send its version packet.
pub(crate) struct StartedSession {
    pub(crate) stream: SessionStream,
    pub(crate) lease: Arc<Lease>,
    /// The beginning of that packet.
    pub(crate) first: Bytes,
    /// A note for the user on how it started.
    pub(crate) note: Option<String>,
    /// True if it runs as another user.
    pub(crate) is_elevated: bool,
}

/// The byte stream of a session.
pub(crate) enum SessionStream {
    /// A channel of the server's.
    Channel(OpenChannel),
    /// A pipe to the shell server.
    Pipe(DuplexStream),
}

/// The reason for which a session did not start.
enum StartFailure {
    /// The connection is gone.
    ConnectionLost(String),
    /// SFTP cannot be started this way.
    NotThere(String),
    /// It may not run as another user.
    Denied(Error),
    /// The server sends nothing.
    Silent,
}

/// Starts a session on `alias`, waiting for a channel at most `patience`.
pub(crate) async fn start(
    pool: &Pool,
    alias: &str,
    patience: Duration,
) -> Result<StartedSession, Error> {
    let open = || pool.open(alias, ChannelPurpose::Transfer, patience);
    let mut channel = open().await?;
    let lease = channel.lease();
    let none = |reason: &str| lease.refusal(format!("no SFTP session: {reason}"));
    // A subsystem runs as the user who is logged in.
    let is_elevated = pool.is_elevated(alias);
    let beginning = async {
        if is_elevated {
            return Err(StartFailure::NotThere(
                "it is to run through sudo".to_owned(),
            ));
        }
        limited(SUBSYSTEM_PATIENCE, as_subsystem(&mut channel)).await
    };
    let reason = match beginning.await {
        Ok(first) => {
            return Ok(StartedSession {
                stream: SessionStream::Channel(channel),
                lease,
                first,
                note: None,
                is_elevated,
            });
        }
        Err(StartFailure::ConnectionLost(reason)) => return Err(none(&reason)),
        Err(StartFailure::Denied(error)) => return Err(error),
        Err(StartFailure::Silent) if !lease.connection().answers().await => {
            return Err(none("the server does not answer"));
        }
        Err(StartFailure::Silent) => "the server says nothing".to_owned(),
        Err(StartFailure::NotThere(reason)) => reason,
    };
    if pool.server(alias)?.is_plain() {
        return Err(none(&reason));
    }
    drop(channel);
    let mut channel = open().await?;
    let lease = channel.lease();
    let other = match limited(SHELL_PATIENCE, by_shell(&mut channel)).await {
        Ok(first) => {
            return Ok(StartedSession {
                stream: SessionStream::Channel(channel),
                lease,
                first,
                note: (!is_elevated).then(|| format!(
                    "SFTP did not start as the server's subsystem ({reason}); its program was started by the shell"
                )),
                is_elevated,
            });
        }
        Err(StartFailure::ConnectionLost(reason)) => return Err(none(&reason)),
        Err(StartFailure::Denied(error)) => return Err(error),
        Err(StartFailure::Silent) => return Err(none(&reason)),
        Err(StartFailure::NotThere(other)) => other,
    };
    drop(channel);
    let channel = open().await?;
    let lease = channel.lease();
    let Ok(Some(files)) = timeout(SHELL_PATIENCE, ShellServer::begin(channel)).await else {
        return Err(none(&format!(
            "{reason}; nor can a shell start it: {other}"
        )));
    };
    let (mut near, far) = tokio::io::duplex(PIPE);
    russh_sftp::server::run(far, files).await;
    let introduced = near.write_all(&RequestPacket::init()).await;
    introduced.map_err(|error| none(&error.to_string()))?;
    Ok(StartedSession {
        stream: SessionStream::Pipe(near),
        lease,
        first: Bytes::new(),
        note: Some(format!(
            "there is no SFTP ({reason}; {other}): files go through the shell, slowly, and their checksums are compared"
        )),
        is_elevated,
    })
}

async fn limited(
    patience: Duration,
    beginning: impl Future<Output = Result<Bytes, StartFailure>>,
) -> Result<Bytes, StartFailure> {
    let begun = timeout(patience, beginning).await;
    begun.unwrap_or(Err(StartFailure::Silent))
}

async fn as_subsystem(channel: &mut OpenChannel) -> Result<Bytes, StartFailure> {
    let requested = channel.request_subsystem("sftp").await;
    requested.map_err(|error| StartFailure::ConnectionLost(error.to_string()))?;
    // Without waiting for the answer: on a slow connection it costs a round trip.
    introduce(channel).await?;
    listen(channel, None).await
}

/// Has a shell start the program, wherever it is, after printing a marker: start-up files print before
/// it.
async fn by_shell(channel: &mut OpenChannel) -> Result<Bytes, StartFailure> {
    let word = random::hex::<16>();
    // Every login shell parses this alike, a restricted one as well.
    let line = format!(
        "sh -c 'for p in {PLACES}; do if [ -x $p/sftp-server ]; then echo {word}; exec $p/sftp-server; fi; done; \
         if command -v sftp-server >/dev/null; then echo {word}; exec sftp-server; fi; \
         echo there is no sftp-server >&2; exit 127'"
    );
    let run = channel.exec(&line, Charset::Utf8).await;
    run.map_err(|error| match error {
        Error::Sudo(_) => StartFailure::Denied(error),
        _ => StartFailure::ConnectionLost(error.to_string()),
    })?;
    listen(channel, Some(&format!("{word}\n"))).await
}

async fn introduce(channel: &mut OpenChannel) -> Result<(), StartFailure> {
    let introduced = channel.data(&RequestPacket::init()).await;
    introduced.map_err(|error| StartFailure::ConnectionLost(error.to_string()))
}

/// Waits for the beginning of the version packet, after the line `word` where there is one.
async fn listen(channel: &mut OpenChannel, mut word: Option<&str>) -> Result<Bytes, StartFailure> {
    let mut output = StartOutput::default();
    loop {
        match channel.wait().await {
            Some(ChannelMsg::Failure) => {
                return Err(StartFailure::NotThere(
                    "the server offers no SFTP".to_owned(),
                ));
            }
            Some(ChannelMsg::Data { data }) => output.stdout.extend_from_slice(&data),
            Some(ChannelMsg::ExtendedData { data, .. }) => {
                output.stderr.extend_from_slice(&data);
            }
            Some(ChannelMsg::ExitStatus { exit_status }) => output.status = Some(exit_status),
            None if channel.lease().connection().is_closed() => {
                return Err(StartFailure::ConnectionLost(
                    "the connection was lost".to_owned(),
                ));
            }
            Some(ChannelMsg::Close) | None => return Err(StartFailure::NotThere(output.reason())),
            Some(_) => {}
        }
        if let Some(expected) = word {
            if !output.pass(expected.as_bytes()) {
                continue;
            }
            word = None;
            introduce(channel).await?;
        }
        if output.stdout.len() >= TELLING {
            if output.stdout.starts_with(&[0, 0]) && output.stdout[TELLING - 1] == VERSION {
                return Ok(output.stdout.into());
            }
            return Err(StartFailure::NotThere(format!(
                "what comes is no SFTP packet, but what a start-up file of the login shell prints: `{}`; have it print only at a terminal",
                words(&output.stdout)
            )));
        }
    }
}

/// Output of a server before there is a session.
#[derive(Default)]
struct StartOutput {
    stdout: Vec<u8>,
    stderr: Vec<u8>,
    status: Option<u32>,
}

impl StartOutput {
    /// Drops the output up to the end of a line; returns whether that was found.
    fn pass(&mut self, line: &[u8]) -> bool {
        let mut windows = self.stdout.windows(line.len());
        let Some(start) = windows.position(|window| window == line) else {
            let surplus = self.stdout.len().saturating_sub(LONGEST_WORDS);
            self.stdout.drain(..surplus);
            return false;
        };
        self.stdout.drain(..start + line.len());
        true
    }

    /// The reason for which the program ended, in words.
    fn reason(&self) -> String {
        let said = [&self.stderr, &self.stdout].map(|bytes| words(bytes));
        let said = said.iter().find(|said| !said.is_empty());
        let status = self.status.map(|status| format!(" (exit status {status})"));
        let status = status.unwrap_or_default();
        match (said, self.status) {
            (Some(said), _) => {
                format!("the server's SFTP program did not start: {said}{status}")
            }
            // OpenSSH does not pass on the error output of a subsystem.
            (None, Some(127)) => format!("the server's SFTP program was not found{status}"),
            (None, _) => format!("the server ended it at once{status}"),
        }
    }
}

/// Output as one line of text.
fn words(bytes: &[u8]) -> String {
    // A packet may follow the output: its length begins with a NUL.
    let stdout = bytes.split(|byte| *byte == 0).next().unwrap_or_default();
    let text = String::from_utf8_lossy(&stdout[..stdout.len().min(LONGEST_WORDS)]);
    let text = readable(&text);
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_end_where_a_packet_begins() {
        let together = b"Welcome to\n  web1\r\n\0\0\x01\x1f\x02\0\0\0\x03fsync@openssh.com";
        assert_eq!(words(together), "Welcome to web1");
        assert_eq!(words(b"\0\0\0\x05\x02"), "");
        assert_eq!(
            words("é".repeat(LONGEST_WORDS).as_bytes()).chars().count(),
            LONGEST_WORDS / 2
        );
    }
}
