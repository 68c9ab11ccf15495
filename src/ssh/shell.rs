//! What a server's login shell is like, and how a command is made to tell its process group.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio::time::timeout;

use super::pool::{Pool, Use};
use super::script::{Cut, ask, find};
use crate::error::Error;
use crate::random;
use crate::sync::lock;

/// A shell that takes longer to say who it is, is left as it is.
const PROBE_PATIENCE: Duration = Duration::from_secs(10);

/// How long a shell that did not answer is not asked again: a command must not wait for that each time.
const SILENCE_HOLDS: Duration = Duration::from_secs(300);

/// Whether a server's login shell is a POSIX one: asked once, for it does not change.
#[derive(Clone, Debug, Default)]
pub struct Shell(Arc<Mutex<Knowledge>>);

#[derive(Debug, Default)]
enum Knowledge {
    #[default]
    None,
    /// Asked at present; all who want to know get the same answer.
    Asking(watch::Receiver<Option<Result<bool, Error>>>),
    Posix(bool),
    /// It did not answer at that time.
    Silent(Instant),
}

impl Shell {
    /// Finds out whether commands of `alias` may be prefixed as [`Announcement`] does. A server that
    /// runs something else than a POSIX shell, such as a network device, gets its commands exactly as
    /// they are.
    pub(super) async fn is_posix(
        &self,
        pool: &Pool,
        alias: &str,
        patience: Duration,
    ) -> Result<bool, Error> {
        let mut asking = {
            let mut knowledge = lock(&self.0);
            match &*knowledge {
                Knowledge::Posix(posix) => return Ok(*posix),
                Knowledge::Silent(since) if since.elapsed() < SILENCE_HOLDS => return Ok(false),
                Knowledge::Asking(asking) => asking.clone(),
                Knowledge::None | Knowledge::Silent(_) => {
                    let (answer, asking) = watch::channel(None);
                    *knowledge = Knowledge::Asking(asking.clone());
                    let (shell, pool, alias) = (self.clone(), pool.clone(), alias.to_owned());
                    // Whoever goes away meanwhile does not take it along.
                    tokio::spawn(async move {
                        let outcome = probe(&pool, &alias, patience).await;
                        *lock(&shell.0) = match outcome {
                            Ok(Some(posix)) => Knowledge::Posix(posix),
                            Ok(None) => Knowledge::Silent(Instant::now()),
                            Err(_) => Knowledge::None,
                        };
                        answer.send_replace(Some(outcome.map(|posix| posix == Some(true))));
                    });
                    asking
                }
            }
        };
        match asking.wait_for(Option::is_some).await {
            Ok(answer) => answer.clone().unwrap_or(Ok(false)),
            // The task that asked is gone without an answer.
            Err(_) => Ok(false),
        }
    }
}

/// Asks the shell of `alias` who it is. `None` if it does not say in time.
async fn probe(pool: &Pool, alias: &str, patience: Duration) -> Result<Option<bool>, Error> {
    if pool.server(alias)?.is_plain() {
        return Ok(Some(false));
    }
    // A line that is lost meanwhile says nothing about the shell.
    for _ in 0..2 {
        let channel = pool.open(alias, Use::Command, patience).await?;
        let token = random::hex::<4>();
        // Arithmetic on the shell's own number: other shells and devices make no sense of it.
        let line = format!("echo {token}$(($$+0))");
        match timeout(PROBE_PATIENCE, ask(channel, &line)).await {
            Ok(Ok(printed)) => return Ok(Some(holds_number(&printed.stdout, token.as_bytes()))),
            Ok(Err(Cut::Refused)) => return Ok(Some(false)),
            Ok(Err(Cut::Lost)) => {}
            Err(_) => return Ok(None),
        }
    }
    Ok(None)
}

/// Whether a number above 0 follows the token.
fn holds_number(printed: &[u8], token: &[u8]) -> bool {
    let next = find(printed, token).and_then(|start| printed.get(start + token.len()));
    next.is_some_and(|byte| matches!(byte, b'1'..=b'9'))
}

/// A line on standard error, taken out of it again, in which the shell of a command tells the
/// number of its process: that of the command's process group.
#[derive(Debug)]
pub(super) struct Announcement {
    token: String,
    held: Vec<u8>,
    group: Option<u32>,
}

impl Announcement {
    pub(super) fn new() -> Self {
        Self {
            token: format!("{}:", random::hex::<8>()),
            held: Vec::new(),
            group: None,
        }
    }

    /// What goes before the command, on the same line: an error in that line is reported as ever.
    pub(super) fn prefix(&self) -> String {
        format!("echo {}$$ >&2; ", self.token)
    }

    /// The process group, once it is known.
    pub(super) fn group(&self) -> Option<u32> {
        self.group
    }

    /// Takes the next bytes of standard error, and gives those that are the command's own.
    pub(super) fn pass(&mut self, bytes: &[u8]) -> Vec<u8> {
        if self.group.is_some() {
            return bytes.to_vec();
        }
        self.held.extend_from_slice(bytes);
        let token = self.token.as_bytes();
        let Some(start) = find(&self.held, token) else {
            let sure = self.held.len() - beginning_at_end(&self.held, token);
            return self.held.drain(..sure).collect();
        };
        let number = &self.held[start + token.len()..];
        let Some(length) = number.iter().position(|byte| *byte == b'\n') else {
            return self.held.drain(..start).collect();
        };
        let digits = std::str::from_utf8(&number[..length]).unwrap_or_default();
        self.group = digits.parse().ok();
        let mut own = std::mem::take(&mut self.held);
        own.drain(start..=start + self.token.len() + length);
        own
    }

    /// What was held back for an announcement that did not come.
    pub(super) fn rest(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.held)
    }
}

/// The length of the longest beginning of `token` that ends `bytes`.
fn beginning_at_end(bytes: &[u8], token: &[u8]) -> usize {
    let longest = token.len().min(bytes.len());
    (0..=longest)
        .rev()
        .find(|length| bytes.ends_with(&token[..*length]))
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_announcement_is_taken_out_however_it_is_cut() {
        for size in 1..60 {
            let mut announcement = Announcement::new();
            let text = format!("motd\n{}4711\nown words", announcement.token);
            let mut own = Vec::new();
            for part in text.as_bytes().chunks(size) {
                own.extend(announcement.pass(part));
            }
            own.extend(announcement.rest());
            assert_eq!(String::from_utf8(own).unwrap(), "motd\nown words");
            assert_eq!(announcement.group(), Some(4711));
        }
    }

    #[test]
    fn only_a_posix_shell_counts() {
        assert!(holds_number(b"motd\nT0K4711\n", b"T0K"));
        for other in ["T0K$(($$+0))", "T0K0", "", "T0K", "% Unknown command"] {
            assert!(!holds_number(other.as_bytes(), b"T0K"), "{other}");
        }
    }

    #[test]
    fn without_one_nothing_is_lost() {
        let mut announcement = Announcement::new();
        let text = format!("x{}", &announcement.token[..3]);
        let mut own = announcement.pass(text.as_bytes());
        own.extend(announcement.rest());
        assert_eq!(own, text.as_bytes());
        assert_eq!(announcement.group(), None);
    }
}
