//! The talk at a device's terminal before its first prompt: greetings, the device's own login, a menu.

use std::sync::LazyLock;
use std::time::Duration;

use regex::Regex;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::session::DeviceSession;
use super::watch::DeviceRest;
use crate::device::DevicePrompt;
use crate::error::Error;
use crate::secret::Secret;
use crate::ssh::pool::Pool;
use crate::ssh::prompt::PromptAnswer;
use crate::ssh::prompt::secrecy::asks_for_secret;
use crate::text::ending;

/// The time in which a device shows its first prompt, once its terminal is there.
const SHOWS_WITHIN: Duration = Duration::from_secs(45);

/// The times that each configured answer is given at most.
const MOST_ANSWERS: usize = 5;

/// Keys that are pressed at greetings at most.
const MOST_KEYS: usize = 20;

/// The most bytes of the terminal that an error quotes.
const QUOTED: usize = 300;

/// Prompts for the user's name.
static ASKS_FOR_USER: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?i)\b(?:user ?name|user|login|login as|account)(?: name| id)?\s*[:>]\s*$")
        .expect("the expression is correct")
});

/// Lines that want a decision.
static ASKS: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?i)\?\s*$|[\[(]y(?:es)?/n(?:o)?|\[confirm\]").expect("the expression is correct")
});

/// A login at a terminal, beside that of SSH.
struct TerminalLogin {
    alias: String,
    user: String,
    password: Option<Secret>,
    higher: Option<Secret>,
    responses: Vec<GivenResponse>,
    is_user_typed: bool,
    is_password_typed: bool,
}

/// A configured answer to a prompt.
struct GivenResponse {
    prompt: PromptAnswer,
    answer: Secret,
    left: usize,
}

impl DeviceSession {
    /// Opens a terminal and waits until it shows its prompt; `None` if that was cancelled.
    pub(in crate::ssh::command) async fn open(
        pool: &Pool,
        alias: &str,
        cancel: &CancellationToken,
    ) -> Result<Option<Self>, Error> {
        tokio::select! {
            opened = Self::log_in(pool, alias) => opened.map(Some),
            () = cancel.cancelled() => Ok(None),
        }
    }

    /// Opens a terminal and waits until it shows its prompt.
    pub(super) async fn log_in(pool: &Pool, alias: &str) -> Result<Self, Error> {
        let mut login = TerminalLogin::of(pool, alias).await?;
        let mut session = Self::start(pool, alias).await?;
        let prompt = login.run(&mut session).await?;
        session.begin(prompt, login.higher.take()).await;
        Ok(session)
    }
}

impl TerminalLogin {
    /// The login of a server, as it is configured.
    async fn of(pool: &Pool, alias: &str) -> Result<Self, Error> {
        let server = pool.server(alias)?;
        let mut responses = Vec::new();
        for (prompt, answer) in server.login_responses.iter().flatten() {
            let answer = pool.reveal(alias, answer).await?;
            // An expression that is none is refused where it is configured.
            responses.extend(
                PromptAnswer::new(prompt, "")
                    .ok()
                    .map(|prompt| GivenResponse {
                        prompt,
                        answer,
                        left: MOST_ANSWERS,
                    }),
            );
        }
        let mut revealed = Vec::new();
        for secret in [&server.password, &server.sudo_password] {
            revealed.push(match secret {
                Some(secret) => Some(pool.reveal(alias, secret).await?),
                None => None,
            });
        }
        let higher = revealed.pop().flatten();
        Ok(Self {
            alias: alias.to_owned(),
            user: server.user,
            password: revealed.pop().flatten(),
            higher,
            responses,
            is_user_typed: false,
            is_password_typed: false,
        })
    }

    /// Talks until the device shows its prompt, which is returned.
    async fn run(&mut self, session: &mut DeviceSession) -> Result<DevicePrompt, Error> {
        let talked = timeout(SHOWS_WITHIN, self.talk(session)).await;
        talked.unwrap_or_else(|_| {
            let seconds = SHOWS_WITHIN.as_secs();
            Err(self.no_prompt(session, &format!("no prompt within {seconds} s")))
        })
    }

    async fn talk(&mut self, session: &mut DeviceSession) -> Result<DevicePrompt, Error> {
        let (mut watch, mut candidate, mut keys) = (session.watch(), None, 0);
        loop {
            let Some(rest) = session.rest(&mut watch, None).await else {
                continue;
            };
            match rest {
                DeviceRest::Page { key, .. } if keys < MOST_KEYS => {
                    keys += 1;
                    watch = session.type_in(key).await;
                }
                DeviceRest::Question(line) => {
                    if let Some(answer) = self.answer(&line)? {
                        let typed = format!("{}\r", answer.expose());
                        watch = session.type_in(&typed).await;
                    } else if candidate.as_deref() == Some(line.trim()) || is_menu(&line) {
                        return Ok(DevicePrompt::learn(&line));
                    } else if DevicePrompt::is_like(&line) {
                        // The line of a greeting does not come again.
                        candidate = Some(line.trim().to_owned());
                        watch = session.type_in("\r").await;
                    } else {
                        let reason = format!("its terminal waits at: {}", line.trim());
                        return Err(self.no_prompt(session, &reason));
                    }
                }
                DeviceRest::Ended(_) => {
                    return Err(self.no_prompt(session, "it closed the terminal"));
                }
                DeviceRest::Page { .. } | DeviceRest::Prompt(_) | DeviceRest::GoesOn => {
                    return Err(self.no_prompt(session, "it wants a key again and again"));
                }
            }
        }
    }

    /// The answer to a question of the login. A password is typed once: devices lock accounts.
    fn answer(&mut self, line: &str) -> Result<Option<Secret>, Error> {
        let mut given = self.responses.iter_mut();
        let given = given.find(|given| given.left > 0 && given.prompt.fits(line));
        if let Some(given) = given {
            given.left -= 1;
            return Ok(Some(given.answer.clone()));
        }
        if asks_for_secret(line) {
            let Some(password) = self.password.clone() else {
                return Err(
                    self.refused("it asks for a password at its terminal, and none is stored")
                );
            };
            if std::mem::replace(&mut self.is_password_typed, true) {
                return Err(self.refused("it did not take the password at its terminal"));
            }
            return Ok(Some(password));
        }
        if ASKS_FOR_USER.is_match(line) {
            if std::mem::replace(&mut self.is_user_typed, true) {
                return Err(self.refused("it did not take user and password at its terminal"));
            }
            return Ok(Some(Secret::from(self.user.as_str())));
        }
        Ok(None)
    }

    fn refused(&self, reason: &str) -> Error {
        Error::Auth {
            alias: self.alias.clone(),
            user: self.user.clone(),
            reason: reason.to_owned(),
            tried: Vec::new(),
            said: Vec::new(),
        }
    }

    fn no_prompt(&self, session: &DeviceSession, reason: &str) -> Error {
        let shown = session.screen();
        let shown = ending(shown.trim(), QUOTED);
        let reason = match shown.trim() {
            "" => reason.to_owned(),
            shown => format!("{reason} (it shows: {shown})"),
        };
        Error::NoPrompt {
            alias: self.alias.clone(),
            reason,
        }
    }
}

/// Returns whether a line is the prompt of a menu, and wants no decision.
fn is_menu(line: &str) -> bool {
    !DevicePrompt::is_like(line) && !ASKS.is_match(line)
}
