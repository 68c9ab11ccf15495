//! Logging in (RFC 4252): keys and their certificates, the agent's keys, the password, a dialogue.

mod agent;
mod dialogue;
mod key;
mod pem;

use russh::MethodKind;
use russh::client::{AuthResult, Handle};
use tokio::time::Duration;

pub use self::agent::has_agent;
use self::dialogue::Answers;
pub use self::dialogue::check_totp;
use super::client::Client;
use super::failure::{ConnectError, unreachable};
use super::target::{Agent, Target};
use crate::error::Error;
use crate::secret::Vault;

/// A line's end takes a moment to be known.
const END_IS_KNOWN: Duration = Duration::from_millis(20);

/// What came of one method.
enum Step {
    Done,
    /// It was accepted, and another method is wanted as well.
    Halfway,
    Refused,
}

/// One login under way.
struct Login<'a> {
    handle: &'a mut Handle<Client>,
    target: &'a Target,
    /// The methods that were tried, by their names in RFC 4252.
    tried: Vec<&'static str>,
    /// What the server accepts now; nothing is known of it before its first answer.
    offered: Option<Vec<MethodKind>>,
    /// What could not be used, and why.
    unusable: Vec<String>,
}

/// Why a login came to nothing.
enum Stop {
    /// The line broke.
    Lost(russh::Error),
    /// A secret is not to be had, or something alike.
    Error(Error),
}

impl From<russh::Error> for Stop {
    fn from(error: russh::Error) -> Self {
        Self::Lost(error)
    }
}

/// Tries what is configured: keys first, for they give nothing away; then the password; then whatever
/// the server asks. Each as long as the server takes it.
pub(super) async fn authenticate(
    handle: &mut Handle<Client>,
    target: &Target,
    vault: &Vault,
) -> Result<(), ConnectError> {
    let mut login = Login {
        handle,
        target,
        tried: Vec::new(),
        offered: None,
        unusable: Vec::new(),
    };
    match login.run(vault).await {
        Ok(true) => Ok(()),
        Ok(false) => Err(ConnectError::Final(login.refusal())),
        Err(Stop::Error(error)) => Err(ConnectError::Final(error)),
        // Servers hang up on whoever has guessed too often (MaxAuthTries).
        Err(Stop::Lost(_)) if login.tried.len() > 1 => {
            login.unusable.push(format!(
                "the server hung up after {} attempts",
                login.tried.len()
            ));
            Err(ConnectError::Final(login.refusal()))
        }
        Err(Stop::Lost(error)) => Err(unreachable(&target.alias, &target.server, &error)),
    }
}

impl Login<'_> {
    async fn run(&mut self, vault: &Vault) -> Result<bool, Stop> {
        let server = &self.target.server;
        let passphrase = reveal(vault, server.passphrase.as_ref()).await?;
        let keys = if self.takes(MethodKind::PublicKey) {
            self.target.keys.as_slice()
        } else {
            &[]
        };
        for path in keys {
            match key::offer(self, path, passphrase.as_ref()).await? {
                Step::Done => return Ok(true),
                Step::Halfway => break,
                Step::Refused => {}
            }
        }
        if self.target.agent != Agent::None
            && self.takes(MethodKind::PublicKey)
            && matches!(agent::offer(self).await?, Step::Done)
        {
            return Ok(true);
        }
        let password = reveal(vault, server.password.as_ref()).await?;
        if let Some(password) = &password
            && self.takes(MethodKind::Password)
        {
            self.tried.push("password");
            let outcome = self
                .handle
                .authenticate_password(&server.user, password.expose())
                .await;
            match self.take(outcome).await? {
                Step::Done => return Ok(true),
                // In a dialogue it would be as wrong, and count as a further attempt.
                Step::Refused if server.totp_secret.is_none() => return Ok(false),
                Step::Halfway | Step::Refused => {}
            }
        }
        let answers = Answers {
            password,
            totp: reveal(vault, server.totp_secret.as_ref()).await?,
        };
        if answers.are_any() && self.takes(MethodKind::KeyboardInteractive) {
            return dialogue::hold(self, &answers).await;
        }
        Ok(false)
    }

    /// Whether the server may accept a method now.
    fn takes(&self, method: MethodKind) -> bool {
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
    async fn take(&mut self, outcome: Result<AuthResult, russh::Error>) -> Result<Step, Stop> {
        match outcome? {
            AuthResult::Success => Ok(Step::Done),
            AuthResult::Failure {
                remaining_methods,
                partial_success,
            } => {
                self.note(remaining_methods.to_vec()).await?;
                Ok(if partial_success {
                    Step::Halfway
                } else {
                    Step::Refused
                })
            }
        }
    }

    /// The library reports a line that broke as a refusal that offers nothing.
    async fn note(&mut self, offered: Vec<MethodKind>) -> Result<(), Stop> {
        if offered.is_empty() {
            tokio::time::sleep(END_IS_KNOWN).await;
            if self.handle.is_closed() {
                return Err(Stop::Lost(russh::Error::Disconnect));
            }
        }
        self.offered = Some(offered);
        Ok(())
    }

    fn refusal(&self) -> Error {
        let offered: Vec<&str> = self.offered.iter().flatten().map(<&str>::from).collect();
        let mut tried = self.tried.clone();
        tried.dedup();
        let mut reason = if tried.is_empty() {
            "there is nothing to log in with".to_owned()
        } else {
            format!("it refused {}", tried.join(" and "))
        };
        if !offered.is_empty() {
            reason = format!("{reason}; it offers {}", offered.join(", "));
        }
        for problem in &self.unusable {
            reason = format!("{reason}; {problem}");
        }
        Error::Auth {
            alias: self.target.alias.clone(),
            user: self.target.server.user.clone(),
            reason,
            tried: tried.into_iter().map(str::to_owned).collect(),
        }
    }
}

async fn reveal(
    vault: &Vault,
    secret: Option<&crate::secret::Secret>,
) -> Result<Option<crate::secret::Secret>, Stop> {
    match secret {
        Some(secret) => vault.reveal(secret).await.map(Some).map_err(Stop::Error),
        None => Ok(None),
    }
}
