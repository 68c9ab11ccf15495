//! The keys of an SSH agent (draft-ietf-sshm-ssh-agent).

use std::path::{Path, PathBuf};

use russh::keys::agent::AgentIdentity;
use russh::keys::agent::client::{AgentClient, AgentStream};
use russh::keys::{Algorithm, HashAlg, PublicKey};
use russh::{AgentAuthError, Signer};
use tokio::time::{Duration, timeout};

use super::key::{beside, read, signature_hashes};
use super::{Login, Step, Stop};
use crate::ssh::notices::{NOTICED, Notices};
use crate::ssh::target::Agent;

type AnyAgent = AgentClient<Box<dyn AgentStream + Send + Unpin>>;

/// Offers the agent's keys, one after the other.
pub(super) async fn offer(login: &mut Login<'_>) -> Result<Step, Stop> {
    let (socket, named_only) = match &login.target.agent {
        Agent::None => return Ok(Step::Refused),
        Agent::All(socket) => (socket, false),
        Agent::Named(socket) => (socket, true),
    };
    let is_wanted = login.target.server.agent == Some(true);
    let mut agent = match connect(socket.as_deref()).await {
        Ok(agent) => agent,
        Err(reason) => {
            if is_wanted || login.tried.is_empty() {
                login.unusable.push(reason);
            }
            return Ok(Step::Refused);
        }
    };
    let identities = match agent.request_identities().await {
        Ok(identities) => identities,
        Err(error) => {
            login
                .unusable
                .push(format!("the SSH agent lists no keys ({error})"));
            return Ok(Step::Refused);
        }
    };
    let named = if named_only {
        Some(public_keys(&login.target.identities).await)
    } else {
        None
    };
    let mut offered = 0;
    for identity in identities {
        let key = identity.public_key().into_owned();
        let is_named = |named: &Vec<PublicKey>| {
            let mut named = named.iter();
            named.any(|named| named.key_data() == key.key_data())
        };
        if named.as_ref().is_some_and(|named| !is_named(named)) {
            continue;
        }
        offered += 1;
        for hash in signature_hashes(login, key.algorithm()).await? {
            let (identity, key) = (identity.clone(), key.clone());
            match offer_one(login, &mut agent, identity, key, hash).await? {
                Step::Refused => {}
                other => return Ok(other),
            }
        }
    }
    if offered == 0 {
        login
            .unusable
            .push("the SSH agent has no key for it".to_owned());
    }
    Ok(Step::Refused)
}

/// Has the agent sign, and says so where that takes a person: the key wants a touch, or the agent wants
/// to be told that it may.
struct Signing<'a> {
    agent: &'a mut AnyAgent,
    notices: &'a Notices,
}

impl Signer for Signing<'_> {
    type Error = AgentAuthError;

    async fn auth_sign(
        &mut self,
        identity: &AgentIdentity,
        hash: Option<HashAlg>,
        data: Vec<u8>,
    ) -> Result<Vec<u8>, Self::Error> {
        let key = identity.public_key();
        let is_touched = is_touched(&key.algorithm());
        let shown = match key.comment().to_string() {
            comment if comment.is_empty() => key.fingerprint(HashAlg::Sha256).to_string(),
            comment => comment,
        };
        let (at_once, what) = if is_touched {
            (
                Duration::ZERO,
                format!("the security key `{shown}` wants a touch"),
            )
        } else {
            let what =
                format!("the SSH agent has been asked to sign with `{shown}`: confirm it there");
            (NOTICED, what)
        };
        let signed = self.agent.auth_sign(identity, hash, data);
        tokio::pin!(signed);
        if let Ok(signed) = timeout(at_once, &mut signed).await {
            return signed;
        }
        self.notices.wait_for(what);
        let signed = signed.await;
        self.notices.go_on();
        signed
    }
}

/// Whether a key signs only when somebody touches it.
pub(super) fn is_touched(algorithm: &Algorithm) -> bool {
    matches!(
        algorithm,
        Algorithm::SkEd25519 | Algorithm::SkEcdsaSha2NistP256
    )
}

async fn offer_one(
    login: &mut Login<'_>,
    agent: &mut AnyAgent,
    identity: AgentIdentity,
    key: PublicKey,
    hash: Option<HashAlg>,
) -> Result<Step, Stop> {
    login.tried.push("publickey");
    let user = &login.target.server.user;
    let mut signing = Signing {
        agent,
        notices: login.notices,
    };
    let outcome = match identity {
        AgentIdentity::Certificate { certificate, .. } => {
            login
                .handle
                .authenticate_certificate_with(user, certificate, hash, &mut signing)
                .await
        }
        AgentIdentity::PublicKey { .. } => {
            login
                .handle
                .authenticate_publickey_with(user, key, hash, &mut signing)
                .await
        }
    };
    match outcome {
        Ok(outcome) => login.take(Ok(outcome)).await,
        // A key that is to be confirmed, and was not, or is locked.
        Err(error) if !login.handle.is_closed() => {
            login
                .unusable
                .push(format!("the SSH agent did not sign ({error})"));
            Ok(Step::Refused)
        }
        Err(_) => Err(Stop::Lost(russh::Error::Disconnect)),
    }
}

/// The public halves that these files hold, or that lie beside them.
async fn public_keys(paths: &[PathBuf]) -> Vec<PublicKey> {
    let mut keys = Vec::new();
    for path in paths {
        for path in [path, &beside(path, ".pub")] {
            let text = read(path).await;
            keys.extend(
                text.ok()
                    .and_then(|text| PublicKey::from_openssh(text.trim()).ok()),
            );
        }
    }
    keys
}

/// Whether an agent is said to be there.
pub fn has_agent() -> bool {
    cfg!(windows) || std::env::var_os("SSH_AUTH_SOCK").is_some_and(|socket| !socket.is_empty())
}

#[cfg(unix)]
async fn connect(socket: Option<&Path>) -> Result<AnyAgent, String> {
    let socket = match socket {
        Some(socket) => socket.to_owned(),
        None => std::env::var_os("SSH_AUTH_SOCK")
            .filter(|socket| !socket.is_empty())
            .map(PathBuf::from)
            .ok_or("there is no SSH agent (SSH_AUTH_SOCK is not set)")?,
    };
    let agent = AgentClient::connect_uds(&socket).await.map_err(|error| {
        format!(
            "the SSH agent at `{}` does not answer ({error})",
            socket.display()
        )
    })?;
    Ok(agent.dynamic())
}

#[cfg(windows)]
async fn connect(socket: Option<&Path>) -> Result<AnyAgent, String> {
    let pipe = socket.unwrap_or(Path::new(r"\\.\pipe\openssh-ssh-agent"));
    let agent = AgentClient::connect_named_pipe(pipe)
        .await
        .map_err(|error| format!("the SSH agent does not answer ({error})"))?;
    Ok(agent.dynamic())
}
