//! Commands that outlive the connection. Each has a session and a directory of its own on the server,
//! which keeps its output and exit status.
//!
//! | module | what it is |
//! |---|---|
//! | `terminal` | the terminal of such a command: its prompts, and the texts that are typed at it |

mod terminal;

use std::time::Duration;

use crate::error::{Error, Stopped};
use crate::ssh::output::Output;
use crate::ssh::pool::Pool;
use crate::ssh::script::stop;
use crate::ssh::script::{Script, ScriptAnswer, ScriptFailure};
pub use terminal::DetachedTerminal;
use terminal::TypedMark;

/// The directory of detached jobs in a home directory.
pub(super) const PLACES: &str = ".mcp-sftp-orchestrator";

const DETACHED: &str = include_str!("../../scripts/detached.sh");
const START: &str = include_str!("../../scripts/start.sh");
const ATTEND: &str = include_str!("../../scripts/attend.sh");
const WATCH: &str = include_str!("../../scripts/watch.sh");
const LOOK: &str = include_str!("../../scripts/look.sh");
const STOP: &str = include_str!("../../scripts/stop.sh");
const REMOVE: &str = include_str!("../../scripts/remove.sh");

/// The time allowed for a script. Starting waits up to 5 s for the command's shell.
const LIMIT: Duration = Duration::from_secs(30);

/// Bytes of each stream that one look brings.
const MOST: u64 = 1024 * 1024;

/// Bytes before the end that are fetched at least of a stream whose middle nobody keeps.
const TAIL: u64 = 32 * 1024;

/// The text of a detached job.
pub struct DetachedText<'a> {
    /// The command line, for the login shell.
    pub line: &'a str,
    /// Its input.
    pub input: DetachedInput,
}

/// The input of a detached job.
pub enum DetachedInput {
    /// It is at its end.
    Nothing,
    /// The job reads this first. It stands on no command line.
    Data(String),
    /// The job runs at a terminal of its own, where it is typed.
    Typed,
}

/// A detached job on a server.
pub struct DetachedCommand<'a> {
    /// The connections.
    pub pool: &'a Pool,
    /// The server.
    pub alias: &'a str,
    /// The name of its directory there.
    pub directory: &'a str,
}

/// The state of a detached job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DetachedState {
    /// Its directory is there, and its shell has not said anything yet.
    Starting,
    /// It runs.
    Running,
    /// It has ended, with this exit status. As shells say it, 128 and the signal's number for a
    /// command that a signal killed.
    Exited(u32),
    /// It ran past its timeout, and this became of it.
    TimedOut(Stopped),
    /// It was stopped on request, and this became of it.
    Cancelled(Stopped),
    /// It is gone without having left an exit status.
    Gone,
    /// It did not begin, and will not any more.
    Absent,
}

/// The result of a look at a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LookReport {
    /// The state of the job.
    pub state: DetachedState,
    /// True if it has printed more than was fetched.
    pub more: bool,
    /// The marks that a sequence has left of its steps.
    pub marks: String,
}

impl DetachedCommand<'_> {
    /// Starts the command, once at most, even if this is tried again.
    ///
    /// After [`ScriptFailure::Lost`] it may or may not have started: a look tells.
    pub async fn start(
        &self,
        text: &DetachedText<'_>,
        limit: Option<Duration>,
    ) -> Result<(), ScriptFailure> {
        // Rounded up: a shell counts whole seconds.
        let limit = limit.map_or(0, |limit| limit.as_millis().div_ceil(1000));
        let attend = match text.input {
            DetachedInput::Typed => terminal::attend(ATTEND),
            DetachedInput::Nothing | DetachedInput::Data(_) => bare(ATTEND),
        };
        let script = Script::new("start", bare(START), LIMIT)
            .with(self.directory)
            .with_token()
            .with(&limit)
            .with(text.line)
            .with(&library(""))
            .with(&attend)
            .with(&bare(WATCH));
        let script = match &text.input {
            DetachedInput::Nothing => script,
            DetachedInput::Data(data) => script.with("data").with_input(data.as_str()),
            DetachedInput::Typed => script.with("terminal").with(&terminal::script()),
        };
        script.run(self.pool, self.alias).await.map(|_| ())
    }

    /// Finds out its state, and fetches the output that is new, which passes through the terminal where it
    /// has one. With `claim`, a job that has not begun by then never begins.
    pub async fn look(
        &self,
        stdout: &mut Output,
        stderr: &mut Output,
        mut terminal: Option<&mut DetachedTerminal>,
        claim: bool,
    ) -> Result<LookReport, Error> {
        let known = [taken(stdout, terminal.as_deref()), stderr.taken()];
        let script = self.script("look", LOOK);
        let script = script
            .with(&known[0])
            .with(&known[1])
            .with(&MOST)
            .with(if claim { "claim" } else { "wait" });
        let answer = script.run(self.pool, self.alias).await?;
        let Some(found) = LookAnswer::read(&answer) else {
            return Err(Error::Internal {
                reason: format!("a look gave `{}`", answer.words.join(" ")),
            });
        };
        let (first, rest) = answer.rest.split_at(found.sent[0]);
        let (second, rest) = rest.split_at(found.sent[1]);
        let marks = String::from_utf8_lossy(&rest[..found.sent[2]]).into_owned();
        for (output, bytes, length, mut terminal) in [
            (
                &mut *stdout,
                first,
                found.lengths[0],
                terminal.as_deref_mut(),
            ),
            (&mut *stderr, second, found.lengths[1], None),
        ] {
            match terminal.as_deref_mut() {
                Some(terminal) => terminal.pass(output, bytes, found.typed),
                None => output.push(bytes),
            }
            let wanted = match output.failure() {
                None => output.last_half().max(TAIL),
                Some(_) => TAIL,
            };
            if output.is_full() && length.saturating_sub(output.taken()) > wanted {
                if let Some(terminal) = terminal {
                    output.push(&terminal.rest());
                }
                let unread = length.saturating_sub(output.taken());
                output.skip(unread.saturating_sub(wanted)).await;
            }
            output.write().await;
        }
        let known = [taken(stdout, terminal.as_deref()), stderr.taken()];
        Ok(LookReport {
            state: found.state,
            more: known
                .iter()
                .zip(found.lengths)
                .any(|(known, length)| *known < length),
            marks,
        })
    }

    /// Ends it with all its children.
    pub async fn stop(&self) -> Result<Stopped, Error> {
        let text = library(STOP);
        let script = Script::new("stop", text, stop::LIMIT).with(self.directory);
        let script = script.with_token().urgent(stop::CHANNEL_PATIENCE);
        let answer = script.run(self.pool, self.alias).await?;
        Ok(stop::outcome(answer.word()))
    }

    /// Removes its directory from the server.
    pub async fn remove(&self) -> Result<(), ScriptFailure> {
        let script = self.script("remove", REMOVE);
        script.run(self.pool, self.alias).await.map(|_| ())
    }

    fn script(&self, name: &'static str, text: &str) -> Script {
        Script::new(name, library(text), LIMIT)
            .with(self.directory)
            .with_token()
    }
}

/// The bytes of an output that were fetched.
fn taken(output: &Output, terminal: Option<&DetachedTerminal>) -> u64 {
    output.taken() + terminal.map_or(0, DetachedTerminal::held)
}

/// A script with the functions that it may call.
fn library(text: &str) -> String {
    bare(&format!("{}{DETACHED}{text}", stop::PROCESSES))
}

/// A script without its comments. A start fits into a command line so, which saves a round trip.
fn bare(script: &str) -> String {
    let lines = script.lines();
    let lines = lines.filter(|line| !line.trim_start().starts_with('#'));
    lines.flat_map(|line| [line, "\n"]).collect()
}

/// The first line of the answer to a look.
struct LookAnswer {
    state: DetachedState,
    lengths: [u64; 2],
    /// Bytes of each stream that follow, and of the marks.
    sent: [usize; 3],
    typed: TypedMark,
}

impl LookAnswer {
    fn read(answer: &ScriptAnswer) -> Option<Self> {
        let [state, code, stdout, stderr, sent @ .., number, at] = answer.words.as_slice() else {
            return None;
        };
        let state = match (state.as_str(), code.as_str()) {
            ("starting", _) => DetachedState::Starting,
            ("running", _) => DetachedState::Running,
            ("gone", _) => DetachedState::Gone,
            ("absent", _) => DetachedState::Absent,
            ("late", fate) => DetachedState::TimedOut(stop::outcome(fate)),
            ("cancelled", fate) => DetachedState::Cancelled(stop::outcome(fate)),
            ("ended", code) => DetachedState::Exited(code.parse().ok()?),
            _ => return None,
        };
        let sent: Vec<usize> = sent.iter().map_while(|sent| sent.parse().ok()).collect();
        let sent: [usize; 3] = sent.try_into().ok()?;
        let all = sent
            .iter()
            .try_fold(0_usize, |all, sent| all.checked_add(*sent))?;
        // Fewer bytes mean that the connection was cut. More come from a start-up file that prints at exit.
        (all <= answer.rest.len()).then_some(Self {
            state,
            lengths: [stdout.parse().ok()?, stderr.parse().ok()?],
            sent,
            typed: TypedMark {
                number: number.parse().ok()?,
                at: at.parse().ok()?,
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(words: &str, rest: &[u8]) -> Option<DetachedState> {
        let answer = ScriptAnswer {
            words: words.split(' ').map(ToOwned::to_owned).collect(),
            rest: rest.to_vec(),
        };
        LookAnswer::read(&answer).map(|found| found.state)
    }

    #[test]
    fn a_look_is_read_strictly() {
        assert_eq!(
            read("ended 3 10 0 2 0 0 0 0", b"ab"),
            Some(DetachedState::Exited(3))
        );
        let late = DetachedState::TimedOut(Stopped::Signalled);
        assert_eq!(read("late left 0 0 0 0 0 0 0", b""), Some(late));
        assert_eq!(
            read("running - 5 0 1 1 1 2 4", b"abc\n"),
            Some(DetachedState::Running)
        );
        assert_eq!(read("running - 5 0 1 1 1 0 0", b"ab"), None);
        assert_eq!(read("ended - 0 0 0 0 0 0 0", b""), None);
        assert_eq!(read("running", b""), None);
    }
}
