//! Logging in (RFC 4252): keys and their certificates, the agent's keys, the password, keyboard-interactive.
//!
//! | module | what it is |
//! |---|---|
//! | `key`, `pem` | private keys in files, and certificates for them |
//! | `agent` | the keys of an SSH agent |
//! | `authorized_key` | the public half of a key, for others to log in with it |
//! | `accepted` | the keys that servers have accepted |
//! | `unattended` | the servers whose last login took no person |
//! | `keyboard_interactive`, `code` | answers to the server's prompts, and one-time codes |

mod accepted;
mod agent;
mod authorized_key;
pub(in crate::ssh) mod code;
mod key;
mod keyboard_interactive;
mod pem;
mod unattended;

use std::collections::VecDeque;
use std::path::{Path, PathBuf};

use russh::MethodKind;
use russh::client::{AuthResult, Handle};
use tokio::time::{Duration, Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

pub(in crate::ssh) use self::accepted::AcceptedKeys;
use self::accepted::OfferedKey;
pub use self::agent::{describe_agent, has_agent};
pub use self::authorized_key::AuthorizedKey;
pub use self::code::check_totp;
pub use self::keyboard_interactive::check_prompt;
use self::keyboard_interactive::{ConfiguredResponse, PromptAnswers};
pub(in crate::ssh) use self::unattended::UnattendedLogins;
use crate::config::SshFiles;
use crate::error::{EXPIRED, Error};
use crate::fs::blocking;
use crate::secret::{Secret, Vault};
use crate::ssh::connection::Connection;
use crate::ssh::connection::client::{ClientHandler, SERVER_SAID};
use crate::ssh::connection::failure::{ConnectError, silent, unreachable};
use crate::ssh::connection::notices::{LoginNotices, PERSON_TIME, plain};
use crate::ssh::connection::transcript::LoginTranscript;
use crate::ssh::target::user_config;
use crate::ssh::target::{Agent, Target};
use crate::store::Document;
use crate::sync::lock;

/// Time in which the end of a connection becomes known: a moment, longer on a busy machine.
const END_IS_KNOWN: Duration = Duration::from_millis(500);

/// The least time allowed for a login; a slow but honest server takes a few seconds.
const LEAST_TIME: Duration = Duration::from_secs(20);

/// Time after which a login is taken to have waited for a person, counted from the server's last text:
/// directories and name services take less.
const APPROVED: Duration = Duration::from_secs(5);

/// Most methods that one login combines. Servers want two, seldom three.
const MOST_STEPS: usize = 4;

/// The outcome of one method.
#[derive(Clone, Copy, PartialEq, Eq)]
enum MethodOutcome {
    /// The user is logged in.
    Done,
    /// The method was accepted, and the server wants another one as well.
    Halfway,
    Refused,
}

/// One login under way.
struct LoginAttempt<'a> {
    handle: &'a mut Handle<ClientHandler>,
    transcript: LoginTranscript,
    notices: &'a LoginNotices,
    /// The time steps whose one-time codes were used.
    totp_steps: &'a Document,
    ssh_files: &'a SshFiles,
    accepted_keys: &'a AcceptedKeys,
    unattended_logins: &'a UnattendedLogins,
    /// Cancelled at the connection's end, once its reason is known.
    closed: CancellationToken,
    target: &'a Target,
    /// The methods that were tried, by their names in RFC 4252.
    tried: Vec<&'static str>,
    /// Those of them that were accepted and not enough.
    accepted: Vec<&'static str>,
    /// The methods that the server accepts now; unknown before its first answer.
    offered: Option<Vec<MethodKind>>,
    /// Reasons why keys, agents and the like could not be used.
    unusable: Vec<String>,
    /// A prompt of the server was left unanswered.
    has_open_question: bool,
}

/// The configured keys and agents that were not refused yet.
struct RemainingMethods<'a> {
    keys: VecDeque<&'a Path>,
    passphrase: Option<Secret>,
    agent: bool,
    /// The server accepted a key of the agent last.
    is_agent_first: bool,
}

/// The data of this program that logins use.
pub(in crate::ssh) struct LoginContext<'a> {
    pub(in crate::ssh) vault: &'a Vault,
    pub(in crate::ssh) ssh_files: &'a SshFiles,
    /// The time steps whose one-time codes were used.
    pub(in crate::ssh) totp_steps: &'a Document,
    pub(in crate::ssh) accepted_keys: &'a AcceptedKeys,
    pub(in crate::ssh) unattended_logins: &'a UnattendedLogins,
}

/// The error of a login.
enum AuthFailure {
    /// The connection was lost.
    Lost(russh::Error),
    /// It took longer than this.
    Late(Duration),
    /// The secret could not be read, or another step failed.
    Error(Error),
}

impl From<russh::Error> for AuthFailure {
    fn from(error: russh::Error) -> Self {
        Self::Lost(error)
    }
}

/// Tries the configured methods that the server accepts: keys first, for they disclose nothing; then the
/// password; then the answers to the server's prompts.
pub(in crate::ssh) async fn authenticate(
    connection: &mut Connection,
    target: &Target,
    notices: &LoginNotices,
    context: &LoginContext<'_>,
) -> Result<(), ConnectError> {
    let mut login = LoginAttempt {
        totp_steps: context.totp_steps,
        ssh_files: context.ssh_files,
        accepted_keys: context.accepted_keys,
        unattended_logins: context.unattended_logins,
        notices,
        closed: connection.closed(),
        transcript: connection.transcript.clone(),
        handle: &mut connection.handle,
        target,
        tried: Vec::new(),
        accepted: Vec::new(),
        offered: None,
        unusable: Vec::new(),
        has_open_question: false,
    };
    let took_nobody = |is_known| context.unattended_logins.note(target, is_known);
    let error = match login.run_in_time(context.vault).await {
        Ok(true) => {
            took_nobody(!notices.is_attended());
            return Ok(());
        }
        Ok(false) => {
            took_nobody(false);
            return Err(ConnectError::Final(login.refusal().await));
        }
        Err(AuthFailure::Late(limit)) => {
            took_nobody(false);
            return Err(login.late(limit));
        }
        Err(AuthFailure::Error(error)) => return Err(ConnectError::Final(error)),
        Err(AuthFailure::Lost(error)) => error,
    };
    login.has_ended().await;
    // Servers disconnect after too many attempts (MaxAuthTries), and mostly give that as the reason.
    let words = lock(&connection.reason).clone();
    let words = words.filter(|words| words.starts_with(SERVER_SAID));
    let tries = login.tried.len();
    let has_words = words.is_some() || !notices.texts().is_empty();
    if tries > 1 || tries == 1 && has_words {
        took_nobody(false);
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

impl LoginAttempt<'_> {
    /// Runs the login. A notice for a person extends its time by a minute.
    async fn run_in_time(&mut self, vault: &Vault) -> Result<bool, AuthFailure> {
        let mut limit = self.target.connect_timeout.max(LEAST_TIME);
        let mut changes = self.notices.changes();
        let (notices, target, unattended) = (self.notices, self.target, self.unattended_logins);
        let run = self.run(vault);
        tokio::pin!(run);
        let mut since = Instant::now();
        let mut end = since + limit;
        loop {
            tokio::select! {
                outcome = &mut run => {
                    let waited = since.elapsed();
                    if notices.has_texts() && waited >= APPROVED {
                        notices.mark_costly();
                    }
                    return outcome;
                }
                () = changes.next() => {
                    // Its caller may go away before the login ends.
                    if notices.is_attended() {
                        unattended.note(target, false);
                    }
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
        let accepted = self.accepted_keys.get(target);
        let mut keys: Vec<_> = target.keys.iter().map(PathBuf::as_path).collect();
        if let Some(OfferedKey::File(accepted)) = &accepted {
            keys.sort_by_key(|key| key != accepted);
        }
        let mut left = RemainingMethods {
            keys: keys.into(),
            is_agent_first: matches!(accepted, Some(OfferedKey::Agent(_))),
            passphrase: self.reveal(vault, server.passphrase.as_ref()).await?,
            agent: target.agent != Agent::None,
        };
        for _ in 0..MOST_STEPS {
            match self.step(&mut left, vault).await? {
                MethodOutcome::Done => return Ok(true),
                MethodOutcome::Halfway => self.accepted.extend(self.tried.last()),
                // The library sends nothing else while a prompt is open.
                MethodOutcome::Refused if self.accepted.is_empty() && !self.has_open_question => {
                    return self.try_none().await;
                }
                MethodOutcome::Refused => return Ok(false),
            }
        }
        Ok(false)
    }

    /// Tries the method `none`: some servers let a user in by name (RFC 4252, section 5.2).
    async fn try_none(&mut self) -> Result<bool, AuthFailure> {
        let user = &self.target.server.user;
        let outcome = self.handle.authenticate_none(user).await;
        Ok(self.record(outcome).await? == MethodOutcome::Done)
    }

    /// Tries the remaining methods until one is accepted.
    async fn step(
        &mut self,
        left: &mut RemainingMethods<'_>,
        vault: &Vault,
    ) -> Result<MethodOutcome, AuthFailure> {
        if std::mem::take(&mut left.is_agent_first) {
            let step = self.offer_agent(left).await?;
            if step != MethodOutcome::Refused {
                return Ok(step);
            }
        }
        while self.accepts(MethodKind::PublicKey)
            && let Some(path) = left.keys.front()
        {
            let step = key::offer(self, path, left.passphrase.as_ref()).await?;
            // A server refuses a method unseen as long as it wants another one first.
            if step == MethodOutcome::Refused && !self.accepts(MethodKind::PublicKey) {
                break;
            }
            left.keys.pop_front();
            if step != MethodOutcome::Refused {
                return Ok(step);
            }
        }
        let step = self.offer_agent(left).await?;
        if step != MethodOutcome::Refused {
            return Ok(step);
        }
        let server = &self.target.server;
        let password = self.reveal(vault, server.password.as_ref()).await?;
        if let Some(password) = &password
            && self.accepts(MethodKind::Password)
        {
            self.tried.push("password");
            let change = self.transcript.change_request();
            let outcome = tokio::select! {
                outcome = self.handle.authenticate_password(&server.user, password.expose()) => outcome,
                prompt = change => return Err(AuthFailure::Error(self.expired(&prompt))),
            };
            let step = self.record(outcome).await?;
            // As the answer to a prompt it would be as wrong, and count as a further attempt.
            let is_wrong = self.accepts(MethodKind::Password) && server.totp_secret.is_none();
            if step != MethodOutcome::Refused || is_wrong {
                return Ok(step);
            }
        }
        let mut responses = Vec::new();
        for (prompt, answer) in server.login_responses.iter().flatten() {
            let answer = vault.reveal(answer).await.map_err(AuthFailure::Error)?;
            responses.extend(ConfiguredResponse::new(prompt, answer));
        }
        let mut answers = PromptAnswers {
            code: None,
            responses,
            password,
            totp: self.reveal(vault, server.totp_secret.as_ref()).await?,
        };
        if answers.are_any() && self.accepts(MethodKind::KeyboardInteractive) {
            return keyboard_interactive::answer_prompts(self, &mut answers).await;
        }
        Ok(MethodOutcome::Refused)
    }

    /// Offers the agent's keys, if they were not refused yet.
    async fn offer_agent(
        &mut self,
        left: &mut RemainingMethods<'_>,
    ) -> Result<MethodOutcome, AuthFailure> {
        if !left.agent || !self.accepts(MethodKind::PublicKey) {
            return Ok(MethodOutcome::Refused);
        }
        let step = agent::offer(self).await?;
        left.agent = step == MethodOutcome::Halfway || !self.accepts(MethodKind::PublicKey);
        Ok(step)
    }

    /// Returns whether the server may accept a method now.
    fn accepts(&self, method: MethodKind) -> bool {
        let offered = self.offered.as_ref();
        self.target.methods.allow((&method).into())
            && offered.is_none_or(|offered| offered.contains(&method))
    }

    /// Records the server's answer to a method.
    async fn record(
        &mut self,
        outcome: Result<AuthResult, russh::Error>,
    ) -> Result<MethodOutcome, AuthFailure> {
        match outcome? {
            AuthResult::Success => Ok(MethodOutcome::Done),
            AuthResult::Failure {
                remaining_methods,
                partial_success,
            } => {
                self.record_failure(remaining_methods.to_vec(), partial_success)
                    .await
            }
        }
    }

    /// Records a refusal, or that further methods are wanted. The library reports a lost connection as a
    /// refusal that offers nothing.
    async fn record_failure(
        &mut self,
        offered: Vec<MethodKind>,
        is_half: bool,
    ) -> Result<MethodOutcome, AuthFailure> {
        if offered.is_empty() && self.has_ended().await {
            return Err(AuthFailure::Lost(russh::Error::Disconnect));
        }
        self.offered = Some(offered);
        Ok(if is_half {
            MethodOutcome::Halfway
        } else {
            MethodOutcome::Refused
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

    /// The error that the server wants the password changed, with its prompt.
    fn expired(&self, prompt: &str) -> Error {
        let prompt = match plain(prompt).as_str() {
            "" => String::new(),
            prompt => format!(": `{prompt}`"),
        };
        self.error(format!("{EXPIRED}{prompt}"))
    }

    /// The error of a login that took too long: with the notice that a person did not act on, or that the
    /// server was silent.
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

    /// Advice about login settings of the user's SSH configuration, if the server does not follow it.
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
        // A file that cannot be read gives no advice.
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
            said: self.notices.texts(),
        }
    }
}
