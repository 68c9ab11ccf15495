//! Commands that run as another user of their server, through `sudo`, `doas` or `su`.
//!
//! `sudo -S` reads a password from the channel, and asks for it with a prompt of this program's own that nothing
//! else prints; the others ask at a terminal. It is typed once: servers count wrong ones. A word on each stream tells
//! that the command's shell runs, and all that came before it is the program's: prompt, lecture, complaints. What is
//! sent from then on is the command's.
//!
//! | module | what it is |
//! |---|---|
//! | `way` | the programs, and the command line for each |
//! | `talk` | the talk with the program before the command runs |

mod talk;
mod way;

use std::sync::{Arc, Mutex};

use super::Pool;
use crate::error::{Error, SudoFailure};
use crate::secret::Secret;
use crate::sync::lock;
pub(in crate::ssh) use talk::ElevationTalk;
use way::WayLine;
pub(in crate::ssh) use way::{KnownWays, Obstacle, RawInput, Way};

/// The user that is meant where a call says no more than `true`.
pub const SUPERUSER: &str = "root";

/// The other user as whom commands on a server run.
pub(in crate::ssh) struct Elevation {
    alias: String,
    user: String,
    /// The user who is logged in; empty if only the SSH configuration says it.
    login: String,
    password: Option<StoredPassword>,
    ways: KnownWays,
    /// The error of a password that was wrong: it is not typed again.
    wrong: Mutex<Option<Error>>,
}

/// The password that the program is given.
struct StoredPassword {
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
            Some((secret, is_of_login)) => Some(StoredPassword {
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
            ways: self.alias_pool(alias).ways(),
            wrong: Mutex::default(),
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
    /// The way to the other user, if it is known.
    pub(super) fn way(&self) -> Option<Way> {
        self.ways.to(&self.user)
    }

    /// Returns whether commands take a terminal for the way alone.
    pub(super) fn takes_terminal(&self) -> bool {
        self.way().is_some_and(Way::is_at_terminal)
    }

    pub(super) fn ways(&self) -> &KnownWays {
        &self.ways
    }

    /// Notes the way to the other user.
    pub(super) fn note_way(&self, way: Way) {
        self.ways.note(&self.user, way);
    }

    /// Forgets the way to the other user.
    pub(super) fn forget_way(&self) {
        self.ways.forget(&self.user);
    }

    /// The command line by which the login shell's kind of shell runs `line` as the other user. `raw` is its input
    /// where a terminal is there only for the way.
    pub(super) fn line(
        &self,
        way: Way,
        line: &str,
        talk: &ElevationTalk,
        raw: Option<RawInput>,
    ) -> String {
        way.line(&WayLine {
            user: &self.user,
            prompt: self.password.as_ref().map(|_| talk.prompt.clone()),
            tell: talk.tell(),
            raw,
            line,
        })
    }

    pub(super) fn refused(&self, reason: &str, advice: &'static str) -> Error {
        Error::Sudo(Box::new(SudoFailure {
            alias: self.alias.clone(),
            user: self.user.clone(),
            reason: reason.to_owned(),
            advice,
        }))
    }

    /// Refuses a command where the password has been wrong before.
    pub(super) fn check_password(&self) -> Result<(), Error> {
        lock(&self.wrong).clone().map_or(Ok(()), Err)
    }

    /// The error of a password that was typed and not taken.
    pub(super) fn wrong(&self, way: Way) -> Error {
        let reason = format!("{} did not take the password", way.program());
        let error = self.refused(&reason, WRONG);
        *lock(&self.wrong) = Some(error.clone());
        error
    }

    /// The user whose password a program asks for that does not say it.
    pub(super) fn asked_user(&self, way: Way) -> &str {
        match way {
            Way::Su => &self.user,
            _ => &self.login,
        }
    }

    /// The password of the user for whom it was asked, or the reason why it is not typed.
    pub(super) fn password_of(&self, way: Way, asked: &str) -> Result<&Secret, Error> {
        let program = way.program();
        let Some(password) = &self.password else {
            let reason = format!("{program} asks for a password, and none is stored");
            return Err(self.refused(&reason, STORE));
        };
        let is_other = !self.login.is_empty() && asked != self.login;
        if password.is_of_login && is_other {
            let reason = format!(
                "{program} asks for the password of `{asked}`, and only that of the login is stored"
            );
            return Err(self.refused(&reason, STORE));
        }
        Ok(&password.text)
    }

    /// The error of a program that has ended before the command began.
    pub(super) fn ended(&self, way: Way, talk: &ElevationTalk, obstacle: Obstacle) -> Error {
        let (program, words) = (way.program(), talk.words());
        match (way, talk.is_typed, &self.password) {
            (Way::Su, ..) if obstacle == Obstacle::Missing => self.refused(
                "it has neither sudo nor doas nor su",
                "run it as the login's own user",
            ),
            _ if obstacle != Obstacle::Refusal => {
                self.refused(&format!("{program} said: {words}"), AGAIN)
            }
            // They have no other reason then.
            (Way::DoasAtTerminal | Way::Su, true, _) => self.wrong(way),
            (Way::Sudo | Way::SudoAtTerminal | Way::Doas, false, None) => {
                self.refused(&format!("{program} said: {words}"), STORE)
            }
            (Way::Sudo | Way::SudoAtTerminal, ..) => {
                self.refused(&format!("{program} said: {words}"), SUDOERS)
            }
            _ => self.refused(&format!("{program} said: {words}"), RULES),
        }
    }
}

/// The advice of errors.
const STORE: &str = "store the password that it asks for with server_add sudoPassword, or let the user run it without one (sudo: NOPASSWD, doas: nopass)";
const WRONG: &str = "nothing was run, and it was not tried again: correct sudoPassword with server_add; servers lock accounts after several wrong passwords";
pub(super) const SUDOERS: &str =
    "see with `sudo -l` there whether sudoers lets this user run a shell as that one";
const AGAIN: &str =
    "call again: programs or rules have changed there, and another way is looked for";
const RULES: &str = "see there whether doas.conf or PAM lets this user run a shell as that one";
