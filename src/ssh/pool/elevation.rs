//! Commands that run as another user of their server, through `sudo`.
//!
//! `sudo -S` reads a password from the channel, and asks for it with a prompt of this program's own that nothing
//! else prints. It is typed once: servers count wrong ones. A word on each stream tells that the command's shell runs,
//! and all that came before it is sudo's: prompt, lecture, complaints. What is sent from then on is the command's.

use std::sync::Arc;

use bytes::Bytes;

use super::Pool;
use crate::error::{Error, SudoFailure};
use crate::random;
use crate::readable::readable;
use crate::secret::Secret;
use crate::shell::quote;

/// The most bytes of the words of sudo that are looked at.
const LONGEST_WORDS: usize = 16 * 1024;

/// The user that is meant where a call says no more than `true`.
pub const SUPERUSER: &str = "root";

/// The way by which commands on a server run as another user.
pub(in crate::ssh) struct Elevation {
    alias: String,
    user: String,
    /// The user who is logged in; empty if only the SSH configuration says it.
    login: String,
    password: Option<SudoPassword>,
}

/// The password that sudo is given.
struct SudoPassword {
    text: Secret,
    /// True if it is that of the login, which no other user has.
    is_of_login: bool,
}

impl Pool {
    /// The same pool, in which commands and file sessions on `alias` run as `user`.
    pub async fn elevated(&self, alias: &str, user: &str) -> Result<Self, Error> {
        let server = self.server(alias)?;
        let stored = match (server.sudo_password, server.password) {
            (Some(own), _) => Some((own, false)),
            (None, of_login) => of_login.map(|password| (password, true)),
        };
        let password = match stored {
            Some((secret, is_of_login)) => Some(SudoPassword {
                text: self.reveal(alias, &secret).await?,
                is_of_login,
            }),
            None => None,
        };
        let elevation = Elevation {
            alias: alias.to_owned(),
            user: user.to_owned(),
            login: server.user,
            password,
        };
        Ok(Self {
            elevation: Some(Arc::new(elevation)),
            ..self.clone()
        })
    }

    /// The same pool, in which commands run as the user who is logged in.
    #[must_use]
    pub(in crate::ssh) fn as_login_user(&self) -> Self {
        Self {
            elevation: None,
            ..self.clone()
        }
    }

    /// Returns whether commands on `alias` run as another user.
    pub(crate) fn is_elevated(&self, alias: &str) -> bool {
        self.elevation(alias).is_some()
    }

    pub(super) fn elevation(&self, alias: &str) -> Option<Arc<Elevation>> {
        let elevation = self.elevation.as_ref();
        elevation
            .filter(|elevation| elevation.alias == alias)
            .cloned()
    }
}

impl Elevation {
    /// The command line by which the login shell's kind of shell runs `line` as the other user.
    pub(super) fn line(&self, line: &str, talk: &SudoTalk) -> String {
        // Without a password, sudo must not wait for one.
        let asks = match self.password {
            Some(_) => format!("-S -p '{}%p:'", talk.prompt),
            None => "-n".to_owned(),
        };
        let ready = &talk.ready;
        let tell = match talk.streams.as_slice() {
            [_] => format!("echo {ready}"),
            _ => format!("echo {ready}; echo {ready} >&2"),
        };
        format!(
            "sudo {asks} -H -u {} -- sh -c '{tell}; exec \"${{0:-sh}}\" -c \"$1\"' \"$SHELL\" {}",
            quote(&self.user),
            quote(line)
        )
    }

    pub(super) fn refused(&self, reason: &str, advice: &'static str) -> Error {
        Error::Sudo(Box::new(SudoFailure {
            alias: self.alias.clone(),
            user: self.user.clone(),
            reason: reason.to_owned(),
            advice,
        }))
    }

    /// The password for whom sudo asks, or the reason why it is not typed.
    pub(super) fn password_of(&self, asked: &str) -> Result<&Secret, Error> {
        let Some(password) = &self.password else {
            return Err(self.refused("sudo asks for a password, and none is stored", STORE));
        };
        let is_other = !self.login.is_empty() && asked != self.login;
        if password.is_of_login && is_other {
            let reason = format!(
                "sudo asks for the password of `{asked}` (rootpw, targetpw or runaspw), and only that of the login is stored"
            );
            return Err(self.refused(&reason, STORE));
        }
        Ok(&password.text)
    }

    /// The error of a sudo that has ended before the command began.
    pub(super) fn ended(&self, talk: &SudoTalk, status: Option<u32>) -> Error {
        let words = talk.words();
        match (talk.is_typed, &self.password, status) {
            (false, _, Some(127)) => {
                self.refused("it has no sudo", "run it as the login's own user")
            }
            (false, None, _) => self.refused(&format!("sudo said: {words}"), STORE),
            _ => self.refused(&format!("sudo said: {words}"), SUDOERS),
        }
    }
}

/// The advice of errors.
const STORE: &str = "store the password that sudo asks for with server_add sudoPassword, or let the user run sudo without one (NOPASSWD)";
pub(super) const WRONG: &str = "nothing was run, and it was not tried again: correct sudoPassword with server_add; servers lock accounts after several wrong passwords";
pub(super) const SUDOERS: &str = "see with `sudo -l` there whether sudoers lets this user run a shell as that one, and without a terminal (requiretty)";

/// The talk with sudo before the command runs.
pub(super) struct SudoTalk {
    prompt: String,
    ready: String,
    /// Standard output and standard error, or both in one at a terminal.
    streams: Vec<Vec<u8>>,
    pub(super) is_typed: bool,
}

impl SudoTalk {
    pub(super) fn new(is_at_terminal: bool) -> Self {
        Self {
            prompt: random::hex::<12>(),
            ready: random::hex::<12>(),
            streams: vec![Vec::new(); if is_at_terminal { 1 } else { 2 }],
            is_typed: false,
        }
    }

    /// Takes what came on a stream.
    pub(super) fn take(&mut self, stream: usize, data: &[u8]) {
        let last = self.streams.len() - 1;
        self.streams[stream.min(last)].extend_from_slice(data);
    }

    /// The bytes of each stream after the word that the command's shell runs, once it has come on all of them.
    pub(super) fn rest(&self) -> Option<Vec<Bytes>> {
        let word = self.ready.as_bytes();
        let rest = self.streams.iter().map(|said| {
            let rest = &said[find(said, word)? + word.len()..];
            let end = rest.iter().position(|byte| *byte == b'\n')?;
            Some(Bytes::copy_from_slice(&rest[end + 1..]))
        });
        rest.collect()
    }

    /// The words of sudo: all that was said before the command's.
    fn text(&self) -> String {
        let parts = self.streams.iter().map(|said| {
            let end = find(said, self.ready.as_bytes()).unwrap_or(said.len());
            String::from_utf8_lossy(&said[..end.min(LONGEST_WORDS)]).into_owned()
        });
        parts.collect::<Vec<_>>().join("\n")
    }

    /// The users whose passwords sudo has asked for.
    pub(super) fn asked(&self) -> Vec<String> {
        let text = self.text();
        let parts = text.split(&self.prompt).skip(1);
        let users = parts.filter_map(|part| part.split_once(':'));
        users.map(|(user, _)| user.to_owned()).collect()
    }

    /// The last words of sudo in one line.
    pub(super) fn words(&self) -> String {
        let text = self.text();
        let mut parts = text.split(&self.prompt);
        let before = parts.next().unwrap_or_default();
        // The words after a prompt stand on its line.
        let after = parts.map(|part| part.split_once(':').map_or("", |(_, rest)| rest));
        let lines = [before].into_iter().chain(after).flat_map(str::lines);
        let lines = lines.map(|line| readable(line.trim()));
        let lines: Vec<_> = lines.filter(|line| !line.is_empty()).collect();
        match lines.as_slice() {
            [] => "nothing".to_owned(),
            lines => lines[lines.len().saturating_sub(2)..].join("; "),
        }
    }
}

fn find(said: &[u8], word: &[u8]) -> Option<usize> {
    let mut windows = said.windows(word.len());
    windows.position(|window| window == word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_sudo_end_where_the_command_begins() {
        let mut talk = SudoTalk::new(false);
        let (prompt, ready) = (talk.prompt.clone(), talk.ready.clone());
        talk.take(1, b"We trust you.\n\xff\n");
        talk.take(1, format!("{prompt}dep").as_bytes());
        assert!(talk.asked().is_empty());
        talk.take(1, b"loy:");
        assert_eq!(talk.asked(), ["deploy"]);
        // The command's output on one stream may come before the word on the other.
        talk.take(0, format!("{ready}\nout").as_bytes());
        assert_eq!(talk.rest(), None);
        talk.take(1, format!("{ready}\r\nwarning\n").as_bytes());
        let rest = talk.rest().unwrap();
        assert_eq!(rest, [&b"out"[..], b"warning\n"]);
        assert_eq!(talk.asked(), ["deploy"]);
    }

    #[test]
    fn sudo_s_last_words_are_the_reason() {
        let mut talk = SudoTalk::new(true);
        let said = format!(
            "lecture\n{}deploy:Sorry, try again.\nsudo: 1 incorrect\n",
            talk.prompt
        );
        talk.take(0, said.as_bytes());
        assert_eq!(talk.words(), "Sorry, try again.; sudo: 1 incorrect");
        assert_eq!(SudoTalk::new(true).words(), "nothing");
    }
}
