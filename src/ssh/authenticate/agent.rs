//! The keys of an SSH agent (draft-ietf-sshm-ssh-agent).

use std::path::{Path, PathBuf};

use russh::keys::agent::AgentIdentity;
use russh::keys::agent::client::{AgentClient, AgentStream};
use russh::keys::{HashAlg, PublicKey};

use super::key::{beside, read, signature_hash};
use super::{Login, Step, Stop};
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
        let hash = signature_hash(login.handle, key.algorithm()).await?;
        offered += 1;
        match offer_one(login, &mut agent, identity, key, hash).await? {
            Step::Refused => {}
            other => return Ok(other),
        }
    }
    if offered == 0 {
        login
            .unusable
            .push("the SSH agent has no key for it".to_owned());
    }
    Ok(Step::Refused)
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
    let outcome = match identity {
        AgentIdentity::Certificate { certificate, .. } => {
            login
                .handle
                .authenticate_certificate_with(user, certificate, hash, agent)
                .await
        }
        AgentIdentity::PublicKey { .. } => {
            login
                .handle
                .authenticate_publickey_with(user, key, hash, agent)
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
