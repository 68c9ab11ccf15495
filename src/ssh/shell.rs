//! What a server's login shell is like, and how a command is made to tell its process group.

use std::time::Duration;

use tokio::sync::OnceCell;
use tokio::time::timeout;

use super::pool::{Pool, Use};
use super::script::{Cut, ask, find};
use crate::error::Error;
use crate::random;

/// A shell that takes longer to say who it is, is left as it is.
const PROBE_PATIENCE: Duration = Duration::from_secs(10);

/// Whether a server's login shell is a POSIX one: asked once, for it does not change.
#[derive(Debug, Default)]
pub struct Shell(OnceCell<bool>);

impl Shell {
    /// Finds out whether commands of `alias` may be prefixed as [`Announcement`] does. A server that
    /// runs something else than a POSIX shell, such as a network device or a forced command, gets
    /// its commands exactly as they are.
    pub(super) async fn is_posix(
        &self,
        pool: &Pool,
        alias: &str,
        patience: Duration,
    ) -> Result<bool, Error> {
        let known = self.0.get_or_try_init(async || {
            let channel = pool
                .open(alias, Use::Command, patience)
                .await
                .map_err(Some)?;
            let token = random::hex::<4>();
            // Arithmetic on the shell's own number: other shells and devices make no sense of it.
            let line = format!("echo {token}$(($$+0))");
            match timeout(PROBE_PATIENCE, ask(channel, &line)).await {
                Ok(Ok(printed)) => Ok(holds_number(&printed.stdout, token.as_bytes())),
                // The next command may ask again.
                Ok(Err(Cut::Lost)) => Err(None),
                Ok(Err(Cut::Refused)) | Err(_) => Ok(false),
            }
        });
        match known.await {
            Ok(posix) => Ok(*posix),
            Err(None) => Ok(false),
            Err(Some(error)) => Err(error),
        }
    }
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
