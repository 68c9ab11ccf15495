//! Logging in (RFC 4252): keys and their certificates, the agent's keys, the password, a dialogue.

mod agent;
pub(in crate::ssh) mod code;
mod key;
mod keyboard_interactive;
mod pem;

use std::collections::VecDeque;
use std::path::{Path, PathBuf};

use russh::MethodKind;
use russh::client::{AuthResult, Handle};
use tokio::time::{Duration, Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

pub use self::agent::{describe_agent, has_agent};
pub use self::code::check_totp;
pub use self::keyboard_interactive::check_prompt;
use self::keyboard_interactive::{Answers, Response};
use crate::config::SshFiles;
use crate::error::{EXPIRED, Error};
use crate::fs::blocking;
use crate::secret::{Secret, Vault};
use crate::ssh::connection::Connection;
use crate::ssh::connection::client::{Client, SERVER_SAID};
use crate::ssh::connection::failure::{ConnectError, silent, unreachable};
use crate::ssh::connection::notices::{Notices, PERSON_TIME, plain};
use crate::ssh::connection::overheard::Overheard;
use crate::ssh::target::user_config;
use crate::ssh::target::{Agent, Target};
use crate::store::Document;
use crate::sync::lock;

/// Time until the end of a connection is known: a moment, longer on a busy machine.
const END_IS_KNOWN: Duration = Duration::from_millis(500);

/// How long a login may take at the least; a slow but honest server takes a few seconds.
const LEAST_TIME: Duration = Duration::from_secs(20);

/// A login that takes longer than this after the server's words has waited for a person: directories
/// and name services take less.
const APPROVED: Duration = Duration::from_secs(5);

/// Servers ask for two steps, seldom for three; one that never has enough is left.
const MOST_STEPS: usize = 4;

/// What came of one method.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Step {
    Done,
    /// It was accepted, and another method is wanted as well.
    Halfway,
    Refused,
}

/// One login under way.
struct Login<'a> {
    handle: &'a mut Handle<Client>,
    overheard: Overheard,
    notices: &'a Notices,
    /// The steps of one-time codes that were used.
    totp_steps: &'a Document,
    ssh_files: &'a SshFiles,
    /// Cancelled at the connection's end, when its reason is known.
    closed: CancellationToken,
    target: &'a Target,
    /// The methods that were tried, by their names in RFC 4252.
    tried: Vec<&'static str>,
    /// Those of them that were accepted, and were not enough.
    accepted: Vec<&'static str>,
    /// What the server accepts now; nothing is known of it before its first answer.
    offered: Option<Vec<MethodKind>>,
    /// What could not be used, and why.
    unusable: Vec<String>,
    /// Whether the server has asked something that was left unanswered.
    is_asked: bool,
}

/// What there is to log in with, and was not refused yet.
struct RemainingMethods<'a> {
    keys: VecDeque<&'a Path>,
    passphrase: Option<Secret>,
    agent: bool,
}

/// Why a login came to nothing.
enum AuthFailure {
    /// The connection was lost.
    Lost(russh::Error),
    /// It has taken longer than this.
    Late(Duration),
    /// The secret could not be read, or another step failed.
    Error(Error),
}

impl From<russh::Error> for AuthFailure {
    fn from(error: russh::Error) -> Self {
        Self::Lost(error)
    }
}

/// Tries what is configured: keys first, for they give nothing away; then the password; then whatever
/// the server asks. Each as long as the server takes it.
pub(in crate::ssh) async fn authenticate(
    connection: &mut Connection,
    target: &Target,
    vault: &Vault,
    notices: &Notices,
    ssh_files: &SshFiles,
    totp_steps: &Document,
) -> Result<(), ConnectError> {
    let mut login = Login {
        totp_steps,
        ssh_files,
        notices,
        closed: connection.closed(),
        overheard: connection.overheard.clone(),
        handle: &mut connection.handle,
        target,
        tried: Vec::new(),
        accepted: Vec::new(),
        offered: None,
        unusable: Vec::new(),
        is_asked: false,
    };
    let error = match login.run_in_time(vault).await {
        Ok(true) => return Ok(()),
        Ok(false) => return Err(ConnectError::Final(login.refusal().await)),
        Err(AuthFailure::Late(limit)) => return Err(login.late(limit)),
        Err(AuthFailure::Error(error)) => return Err(ConnectError::Final(error)),
        Err(AuthFailure::Lost(error)) => error,
    };
    login.has_ended().await;
    // Servers hang up on whoever has guessed too often (MaxAuthTries), and mostly say so.
    let words = lock(&connection.reason).clone();
    let words = words.filter(|words| words.starts_with(SERVER_SAID));
    let tries = login.tried.len();
    let has_words = words.is_some() || !notices.said().is_empty();
    if tries > 1 || tries == 1 && has_words {
        let s = if tries == 1 { "" } else { "s" };
        let words = words.map(|words| format!(" ({words})"));
        login.unusable.push(format!(
            "the server hung up after {tries} attempt{s}{}",
            words.unwrap_or_default()
        ));
        return Err(ConnectError::Final(login.refusal().await));
    }
    Err(unreachable(&target.alias, &target.server, &error))
}

impl Login<'_> {
    /// Once a person has something to do, there is a minute for it.
    async fn run_in_time(&mut self, vault: &Vault) -> Result<bool, AuthFailure> {
        let mut limit = self.target.connect_timeout.max(LEAST_TIME);
        let mut changes = self.notices.changes();
        let notices = self.notices;
        let run = self.run(vault);
        tokio::pin!(run);
        let mut since = Instant::now();
        let mut end = since + limit;
        loop {
            tokio::select! {
                outcome = &mut run => {
                    let waited = since.elapsed();
                    if notices.has_said() && waited >= APPROVED {
                        notices.cost();
                    }
                    return outcome;
                }
                () = changes.next() => {
                    since = Instant::now();
                    limit = limit.max(PERSON_TIME);
                    end = end.max(Instant::now() + PERSON_TIME);
                }
                () = sleep_until(end) => return Err(AuthFailure::Late(limit)),
            }
        }
    }

    async fn run(&mut self, vault: &Vault) -> Result<bool, AuthFailure> {
        let (target, server) = (self.target, &self.target.server);
        let mut left = RemainingMethods {
            keys: target.keys.iter().map(PathBuf::as_path).collect(),
            passphrase: self.reveal(vault, server.passphrase.as_ref()).await?,
            agent: target.agent != Agent::None,
        };
        for _ in 0..MOST_STEPS {
            match self.step(&mut left, vault).await? {
                Step::Done => return Ok(true),
                Step::Halfway => self.accepted.extend(self.tried.last()),
                // The library sends nothing else while a question is open.
                Step::Refused if self.accepted.is_empty() && !self.is_asked => {
                    return self.knock().await;
                }
                Step::Refused => return Ok(false),
            }
        }
        Ok(false)
    }

    /// Asks to be let in by who one is alone: some servers know that already (RFC 4252, section 5.2).
    async fn knock(&mut self) -> Result<bool, AuthFailure> {
        let user = &self.target.server.user;
        let outcome = self.handle.authenticate_none(user).await;
        Ok(self.take(outcome).await? == Step::Done)
    }

    /// Tries what is left until something is accepted.
    async fn step(
        &mut self,
        left: &mut RemainingMethods<'_>,
        vault: &Vault,
    ) -> Result<Step, AuthFailure> {
        while self.accepts(MethodKind::PublicKey)
            && let Some(path) = left.keys.front()
        {
            let step = key::offer(self, path, left.passphrase.as_ref()).await?;
            // Before its turn a method is refused unseen.
            if step == Step::Refused && !self.accepts(MethodKind::PublicKey) {
                break;
            }
            left.keys.pop_front();
            if step != Step::Refused {
                return Ok(step);
            }
        }
        if left.agent && self.accepts(MethodKind::PublicKey) {
            let step = agent::offer(self).await?;
            left.agent = step == Step::Halfway || !self.accepts(MethodKind::PublicKey);
            if step != Step::Refused {
                return Ok(step);
            }
        }
        let server = &self.target.server;
        let password = self.reveal(vault, server.password.as_ref()).await?;
        if let Some(password) = &password
            && self.accepts(MethodKind::Password)
        {
            self.tried.push("password");
            let change = self.overheard.change_request();
            let outcome = tokio::select! {
                outcome = self.handle.authenticate_password(&server.user, password.expose()) => outcome,
                words = change => return Err(AuthFailure::Error(self.expired(&words))),
            };
            let step = self.take(outcome).await?;
            // In a dialogue it would be as wrong, and count as a further attempt.
            let is_wrong = self.accepts(MethodKind::Password) && server.totp_secret.is_none();
            if step != Step::Refused || is_wrong {
                return Ok(step);
            }
        }
        let mut responses = Vec::new();
        for (prompt, answer) in server.login_responses.iter().flatten() {
            let answer = vault.reveal(answer).await.map_err(AuthFailure::Error)?;
            responses.extend(Response::new(prompt, answer));
        }
        let mut answers = Answers {
            code: None,
            responses,
            password,
            totp: self.reveal(vault, server.totp_secret.as_ref()).await?,
        };
        if answers.are_any() && self.accepts(MethodKind::KeyboardInteractive) {
            return keyboard_interactive::hold(self, &mut answers).await;
        }
        Ok(Step::Refused)
    }

    /// Whether the server may accept a method now.
    fn accepts(&self, method: MethodKind) -> bool {
        let methods = self.target.methods;
        let is_left_out = match method {
            MethodKind::PublicKey => methods.no_public_key,
            MethodKind::Password => methods.no_password,
            MethodKind::KeyboardInteractive => methods.no_dialogue,
            _ => false,
        };
        let offered = self.offered.as_ref();
        !is_left_out && offered.is_none_or(|offered| offered.contains(&method))
    }

    /// Takes note of what the server says to a method.
    async fn take(
        &mut self,
        outcome: Result<AuthResult, russh::Error>,
    ) -> Result<Step, AuthFailure> {
        match outcome? {
            AuthResult::Success => Ok(Step::Done),
            AuthResult::Failure {
                remaining_methods,
                partial_success,
            } => {
                self.answer(remaining_methods.to_vec(), partial_success)
                    .await
            }
        }
    }

    /// Takes note of a refusal, or of what is wanted besides. The library reports a line that broke as
    /// a refusal that offers nothing.
    async fn answer(
        &mut self,
        offered: Vec<MethodKind>,
        is_half: bool,
    ) -> Result<Step, AuthFailure> {
        if offered.is_empty() && self.has_ended().await {
            return Err(AuthFailure::Lost(russh::Error::Disconnect));
        }
        self.offered = Some(offered);
        Ok(if is_half {
            Step::Halfway
        } else {
            Step::Refused
        })
    }

    async fn reveal(
        &self,
        vault: &Vault,
        secret: Option<&Secret>,
    ) -> Result<Option<Secret>, AuthFailure> {
        let Some(secret) = secret else {
            return Ok(None);
        };
        let revealed = vault.reveal_of(Some(&self.target.alias), secret).await;
        revealed.map(Some).map_err(AuthFailure::Error)
    }

    async fn has_ended(&self) -> bool {
        timeout(END_IS_KNOWN, self.closed.cancelled()).await.is_ok()
    }

    /// The error that the server wants another password than the right one.
    fn expired(&self, words: &str) -> Error {
        let words = match plain(words).as_str() {
            "" => String::new(),
            words => format!(": `{words}`"),
        };
        self.error(format!("{EXPIRED}{words}"))
    }

    /// Whoever was given something to do is told of it; else it is the server that was silent.
    fn late(&self, limit: Duration) -> ConnectError {
        let Some(shown) = self.notices.shown() else {
            return silent(self.target, "no answer to the login", limit);
        };
        let reason = format!(
            "the login was not over within {} s: {shown}",
            limit.as_secs()
        );
        ConnectError::Final(self.error(reason))
    }

    async fn refusal(&self) -> Error {
        let offered: Vec<&str> = self.offered.iter().flatten().map(<&str>::from).collect();
        let tried = self.tried();
        let is_refused = |method: &&&str| !self.accepted.contains(*method);
        let refused: Vec<_> = tried.iter().filter(is_refused).copied().collect();
        let refused = refused.join(" and ");
        let mut reason = match (self.accepted.as_slice(), refused.as_str()) {
            ([], "") => "there is nothing to log in with".to_owned(),
            ([], refused) => format!("it refused {refused}"),
            (accepted, "") => format!("it accepted {} and wants more", accepted.join(" and ")),
            (accepted, refused) => {
                format!(
                    "it accepted {} but refused {refused}",
                    accepted.join(" and ")
                )
            }
        };
        if !offered.is_empty() {
            reason = format!("{reason}; it offers {}", offered.join(", "));
        }
        for problem in &self.unusable {
            reason = format!("{reason}; {problem}");
        }
        if let Some(advice) = self.unused_settings().await {
            reason = format!("{reason}; {advice}");
        }
        self.error(reason)
    }

    /// What the user's own configuration has for this host, where the server does not follow it.
    async fn unused_settings(&self) -> Option<String> {
        let server = &self.target.server;
        if server.ssh_config_host.is_some() {
            return None;
        }
        let (files, host, user) = (
            self.ssh_files.clone(),
            server.host.clone(),
            server.user.clone(),
        );
        let reading = blocking(move || user_config::login_keywords(&files, &host, &user));
        // A file that cannot be read has no say here.
        let keywords = reading.await.unwrap_or_default();
        let are = match keywords.as_slice() {
            [] => return None,
            [_] => "is",
            _ => "are",
        };
        Some(format!(
            "{} of ~/.ssh/config {are} not used for it: server_add with sshConfigHost: `{}` has it follow that file",
            keywords.join(" and "),
            server.host
        ))
    }

    fn tried(&self) -> Vec<&'static str> {
        let mut tried = self.tried.clone();
        tried.dedup();
        tried
    }

    fn error(&self, reason: String) -> Error {
        Error::Auth {
            alias: self.target.alias.clone(),
            user: self.target.server.user.clone(),
            reason,
            tried: self.tried().into_iter().map(str::to_owned).collect(),
            said: self.notices.said(),
        }
    }
}
