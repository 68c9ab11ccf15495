//! Scripts that this program runs for itself on a server: short ones for a POSIX shell, whose answer it
//! reads.
//!
//! A script is for `sh`. A login shell that is known to be a POSIX one gets it on its command line, which
//! takes one round trip. A login shell of another kind might misread it there, so `sh` reads it on standard
//! input. That takes one round trip more: OpenSSH opens a channel with a window of 0 bytes, and lets input
//! come only once the command runs (RFC 4254, section 5.2). A script with input of its own, which may hold
//! secrets, always comes on standard input: every user of the server can see command lines.
//!
//! | module | what it is |
//! |---|---|
//! | `probe` | the kind of a login shell |
//! | `verify` | a login that shows whether it works |
//! | `stop`, `leader` | ending processes; those of scripts that nobody waits for |
//! | `access`, `checksum`, `usage` | access lists and labels of files; checksums; room on disk |
//! | `curl`, `home` | HTTP requests; home directories |
//! | `flush` | whole filesystems written to disk |
//! | `tree` | trees with the checksums of their files |

pub mod access;
pub mod checksum;
pub mod curl;
pub mod flush;
pub mod home;
mod leader;
pub(in crate::ssh) mod probe;
pub(in crate::ssh) mod stop;
pub mod tree;
pub mod usage;
pub mod verify;

use std::sync::Arc;
use std::time::Duration;

use russh::ChannelMsg;
use tokio::time::timeout;

use crate::charset::Charset;
use crate::error::Error;
use crate::random;
use crate::shell::quote;
use crate::ssh::pool::{ChannelPurpose, OpenChannel, Pool, ShellKind};
use leader::{ScriptLeader, naming};

/// The longest answer that is taken; a script that prints more is not one of ours.
pub(in crate::ssh) const LONGEST_ANSWER: usize = 4 * 1024 * 1024;
/// Bytes of standard error that are kept.
const LONGEST_COMPLAINT: usize = 4 * 1024;

/// The time that a script waits for a channel.
const CHANNEL_PATIENCE: Duration = Duration::from_secs(60);

/// Bytes of the longest command line that every server takes: Dropbear takes 9000.
pub(in crate::ssh) const LONGEST_LINE: usize = 8000;

/// The command line for a script that comes on standard input: every login shell reads it alike.
pub(in crate::ssh) const SHELL: &str = "exec sh -s";

/// The same for a restricted shell, which lets nothing take its place.
pub(in crate::ssh) const SHELL_BELOW: &str = "sh -s";

/// The text by which a shell that reads its commands runs a script whose own input is at its end. The
/// shell has read all of it before it runs any of it.
pub(in crate::ssh) fn on_stdin(script: &str) -> String {
    format!("{{\n{script}\n}} </dev/null\nexit\n")
}

/// A script with its arguments.
pub(in crate::ssh) struct Script {
    name: &'static str,
    text: String,
    arguments: Vec<String>,
    /// The time that it may take once it has a channel.
    limit: Duration,
    purpose: ChannelPurpose,
    channel_patience: Duration,
    token: String,
    input: Vec<u8>,
    longest_answer: usize,
    /// True if its processes are ended once nobody waits for it.
    is_long: bool,
}

/// The output of a script.
#[derive(Debug, Default)]
pub(in crate::ssh) struct ScriptOutput {
    pub(in crate::ssh) stdout: Vec<u8>,
    pub(in crate::ssh) stderr: Vec<u8>,
}

impl Script {
    /// The script `text`, under a name that the server's process list shows.
    pub(in crate::ssh) fn new(name: &'static str, text: String, limit: Duration) -> Self {
        Self {
            name,
            text,
            arguments: Vec::new(),
            limit,
            purpose: ChannelPurpose::Command,
            channel_patience: CHANNEL_PATIENCE,
            token: random::hex::<8>(),
            input: Vec::new(),
            longest_answer: LONGEST_ANSWER,
            is_long: false,
        }
    }

    /// Ends its processes when the caller does not wait for it any more: it may take long.
    #[must_use]
    pub(in crate::ssh) fn ended_with_caller(self) -> Self {
        Self {
            text: format!("{}{}", naming(&self.token), self.text),
            is_long: true,
            ..self
        }
    }

    /// Adds an argument.
    #[must_use]
    pub(in crate::ssh) fn with(mut self, argument: &(impl ToString + ?Sized)) -> Self {
        self.arguments.push(argument.to_string());
        self
    }

    /// Adds as an argument the word that the line of the answer has to begin with: whatever a login
    /// shell's start-up files print comes before it.
    #[must_use]
    pub(in crate::ssh) fn with_token(self) -> Self {
        let token = self.token.clone();
        self.with(&token)
    }

    /// Gives it something to read.
    #[must_use]
    pub(in crate::ssh) fn with_input(mut self, input: impl Into<Vec<u8>>) -> Self {
        self.input = input.into();
        self
    }

    /// Takes an answer of so many bytes.
    #[must_use]
    pub(in crate::ssh) fn answering(mut self, bytes: usize) -> Self {
        self.longest_answer = bytes;
        self
    }

    /// Waits for a channel at most so long.
    #[must_use]
    pub(in crate::ssh) fn patient_for(mut self, patience: Duration) -> Self {
        self.channel_patience = patience;
        self
    }

    /// Goes before all others that wait for a channel, for at most `patience`.
    #[must_use]
    pub(in crate::ssh) fn urgent(mut self, patience: Duration) -> Self {
        self.purpose = ChannelPurpose::Stop;
        self.patient_for(patience)
    }

    /// The input of `sh`: the script, its arguments, and its own input.
    fn whole(&self) -> Vec<u8> {
        let mut whole = "set --".to_owned();
        for argument in &self.arguments {
            whole.push(' ');
            whole.push_str(&quote(argument));
        }
        whole.push('\n');
        if self.input.is_empty() {
            return (whole + &on_stdin(&self.text)).into_bytes();
        }
        // Nobody sees it there, as everybody would on a command line.
        let end = random::hex::<16>();
        let begin = format!("{whole}{{\n{}\n}} <<'{end}'\n", self.text);
        let rest = format!("\n{end}\nexit\n");
        [begin.as_bytes(), &self.input, rest.as_bytes()].concat()
    }

    /// The command line for a login shell of this kind, and the input that goes with it.
    fn sent(&self, shell: ShellKind) -> (String, Vec<u8>) {
        if shell.is_posix && self.input.is_empty() {
            let line = self.line(shell.is_restricted);
            if line.len() <= LONGEST_LINE {
                return (line, Vec::new());
            }
        }
        let program = if shell.is_restricted {
            SHELL_BELOW
        } else {
            SHELL
        };
        (format!("{program} {}", self.name), self.whole())
    }

    /// The script and its arguments on a command line of a POSIX shell.
    fn line(&self, is_restricted: bool) -> String {
        let program = if is_restricted { "sh -c" } else { "exec sh -c" };
        let mut line = format!("{program} {} {}", quote(&self.text), self.name);
        for argument in &self.arguments {
            line.push(' ');
            line.push_str(&quote(argument));
        }
        line
    }

    /// Runs it on `alias`, and gives the answer: the line that begins with the token, without it,
    /// and the bytes that follow.
    pub(in crate::ssh) async fn run(
        &self,
        pool: &Pool,
        alias: &str,
    ) -> Result<ScriptAnswer, ScriptFailure> {
        let server = pool.server(alias).map_err(ScriptFailure::Unsent)?;
        if let Some(reason) = server.why_plain() {
            return Err(refused(alias, reason));
        }
        let shell = pool.shell(alias).known();
        let mut printed = self.print(pool, alias, shell).await?;
        if !shell.is_restricted && printed.refuses_exec() {
            let restricted = ShellKind {
                is_restricted: true,
                ..shell
            };
            printed = self.print(pool, alias, restricted).await?;
        }
        printed.answer(&self.token).ok_or_else(|| {
            let complaint = String::from_utf8_lossy(&printed.stderr);
            let complaint = match complaint.trim() {
                "" => "it does not answer as a POSIX shell does",
                complaint => complaint,
            };
            refused(alias, complaint)
        })
    }

    /// Runs it, and returns its output.
    async fn print(
        &self,
        pool: &Pool,
        alias: &str,
        shell: ShellKind,
    ) -> Result<ScriptOutput, ScriptFailure> {
        let opened = pool.open(alias, self.purpose, self.channel_patience).await;
        let channel = opened.map_err(ScriptFailure::Unsent)?;
        let lease = channel.lease();
        let (line, input) = self.sent(shell);
        let new = || ScriptLeader::new(pool, alias, Arc::clone(&lease), &self.token);
        let mut leader = self.is_long.then(new);
        let asking = ask_as(leader.as_mut(), channel, &line, &input, self.longest_answer);
        match timeout(self.limit, asking).await {
            Ok(Ok(printed)) => Ok(printed),
            Ok(Err(RunError::Refused)) => Err(refused(alias, "it runs no commands for this user")),
            Ok(Err(RunError::Denied(error))) => Err(ScriptFailure::Unsent(error)),
            Ok(Err(RunError::Lost)) => Err(ScriptFailure::Lost(lease.connection_lost().await)),
            Err(_) => {
                let reason = "ETIMEDOUT: a script on the server does not end";
                Err(ScriptFailure::TimedOut(lease.refusal(reason)))
            }
        }
    }
}

fn refused(alias: &str, reason: &str) -> ScriptFailure {
    ScriptFailure::Refused(Error::NotDetached {
        alias: alias.to_owned(),
        reason: reason.to_owned(),
    })
}

/// The reason why there is no answer.
#[derive(Debug)]
pub enum ScriptFailure {
    /// The script was not sent.
    Unsent(Error),
    /// The server did not run it. The reason holds its error message.
    Refused(Error),
    /// The connection was lost: the script may have run or not.
    Lost(Error),
    /// It took longer than it may.
    TimedOut(Error),
}

impl From<ScriptFailure> for Error {
    fn from(failure: ScriptFailure) -> Self {
        match failure {
            ScriptFailure::Unsent(error)
            | ScriptFailure::Refused(error)
            | ScriptFailure::Lost(error)
            | ScriptFailure::TimedOut(error) => error,
        }
    }
}

/// A script's answer.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::ssh) struct ScriptAnswer {
    /// The words after the token.
    pub(in crate::ssh) words: Vec<String>,
    /// The bytes after that line.
    pub(in crate::ssh) rest: Vec<u8>,
}

impl ScriptAnswer {
    /// The first word after the token.
    pub(in crate::ssh) fn word(&self) -> &str {
        self.words.first().map_or("", String::as_str)
    }
}

impl ScriptOutput {
    /// Returns whether a restricted shell has refused `exec`.
    fn refuses_exec(&self) -> bool {
        let complaint = String::from_utf8_lossy(&self.stderr);
        self.stdout.is_empty() && complaint.contains("exec") && complaint.contains("restrict")
    }

    fn answer(&self, token: &str) -> Option<ScriptAnswer> {
        // With a colon, which the argument has not: a device may send back the command line.
        let token = format!("{token}:");
        let start = find(&self.stdout, token.as_bytes())? + token.len();
        let line = &self.stdout[start..];
        let end = line.iter().position(|byte| *byte == b'\n')?;
        let words = String::from_utf8_lossy(&line[..end]);
        Some(ScriptAnswer {
            words: words.split_whitespace().map(ToOwned::to_owned).collect(),
            rest: line[end + 1..].to_vec(),
        })
    }
}

/// Returns the index at which `needle` begins in `hay`.
pub(in crate::ssh) fn find(hay: &[u8], needle: &[u8]) -> Option<usize> {
    hay.windows(needle.len())
        .position(|window| window == needle)
}

/// The reason why a command line has not run to its end.
#[derive(Debug)]
pub(in crate::ssh) enum RunError {
    Refused,
    /// It may not run as another user.
    Denied(Error),
    Lost,
}

/// Runs a command line through the login shell, to its end, with `input` to read.
pub(in crate::ssh) async fn ask(
    channel: OpenChannel,
    line: &str,
    input: &[u8],
    longest_answer: usize,
) -> Result<ScriptOutput, RunError> {
    ask_as(None, channel, line, input, longest_answer).await
}

/// The same for a script that names its process.
async fn ask_as(
    mut leader: Option<&mut ScriptLeader<'_>>,
    mut channel: OpenChannel,
    line: &str,
    input: &[u8],
    longest_answer: usize,
) -> Result<ScriptOutput, RunError> {
    channel.expect_input(input.len());
    let run = channel.exec(line, Charset::Utf8).await;
    run.map_err(|error| match error {
        Error::Sudo(_) => RunError::Denied(error),
        _ => RunError::Lost,
    })?;
    if !input.is_empty() {
        // If the server does not take it, the answer shows that.
        let _ = channel.data(input).await;
    }
    let _ = channel.eof().await;
    let mut printed = ScriptOutput::default();
    let mut ended = false;
    while let Some(message) = channel.wait().await {
        match message {
            ChannelMsg::Data { data } => {
                keep(&mut printed.stdout, &data, longest_answer);
                if let Some(leader) = &mut leader {
                    leader.look(&printed.stdout);
                }
            }
            ChannelMsg::ExtendedData { data, .. } => {
                keep(&mut printed.stderr, &data, LONGEST_COMPLAINT);
            }
            ChannelMsg::ExitStatus { .. } | ChannelMsg::ExitSignal { .. } => ended = true,
            ChannelMsg::Failure => return Err(RunError::Refused),
            ChannelMsg::Close => break,
            _ => {}
        }
    }
    if let Some(leader) = leader {
        leader.end();
    }
    if ended {
        Ok(printed)
    } else {
        Err(RunError::Lost)
    }
}

fn keep(kept: &mut Vec<u8>, data: &[u8], most: usize) {
    let room = most.saturating_sub(kept.len());
    kept.extend_from_slice(&data[..data.len().min(room)]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_is_found_behind_what_start_up_files_print() {
        let printed = ScriptOutput {
            stdout: b"% sh -c 'T0K' 'x'\nT0K: running 3\n\xFFab".to_vec(),
            stderr: Vec::new(),
        };
        let answer = printed.answer("T0K").unwrap();
        assert_eq!(answer.words, ["running", "3"]);
        assert_eq!(answer.rest, b"\xFFab");
        assert_eq!(printed.answer("other"), None);
    }

    #[test]
    fn only_a_posix_shell_gets_a_script_on_its_command_line() {
        let script = Script::new("look", "echo \"$1\"".to_owned(), Duration::ZERO).with("a\nb");
        let (line, input) = script.sent(ShellKind::default());
        assert_eq!(line, "exec sh -s look");
        assert_eq!(
            input,
            b"set -- 'a\nb'\n{\necho \"$1\"\n} </dev/null\nexit\n"
        );
        let posix = ShellKind {
            is_posix: true,
            ..ShellKind::default()
        };
        let (line, input) = script.sent(posix);
        assert_eq!(line, "exec sh -c 'echo \"$1\"' look 'a\nb'");
        assert!(input.is_empty());
        let restricted = ShellKind {
            is_restricted: true,
            ..posix
        };
        assert!(script.sent(restricted).0.starts_with("sh -c "));
        let long = script.with(&"x".repeat(LONGEST_LINE));
        assert_eq!(long.sent(posix).0, "exec sh -s look");
    }

    #[test]
    fn the_input_of_a_script_is_on_no_command_line() {
        let script = Script::new("curl", "cat".to_owned(), Duration::ZERO);
        let script = script.with_input("secret");
        let posix = ShellKind {
            is_posix: true,
            ..ShellKind::default()
        };
        let (line, input) = script.sent(posix);
        assert!(!line.contains("secret") && find(&input, b"secret").is_some());
    }
}
