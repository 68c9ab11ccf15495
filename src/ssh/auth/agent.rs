//! The keys of an SSH agent (draft-ietf-sshm-ssh-agent).

use std::path::{Path, PathBuf};

use russh::keys::agent::AgentIdentity;
use russh::keys::agent::client::{AgentClient, AgentStream};
use russh::keys::{HashAlg, PublicKey};
use russh::{AgentAuthError, Signer};
use tokio::time::{Duration, Instant, timeout};

use super::accepted::OfferedKey;
use super::key::{beside, is_touched, read, signature_hashes};
use super::{AuthFailure, LoginAttempt, MethodOutcome};
#[cfg(unix)]
use crate::login_session::{AGENT_VARIABLE, LoginSession, variable};
use crate::ssh::connection::notices::{LoginNotices, NOTICED};
use crate::ssh::host_key::fingerprint;
use crate::ssh::target::Agent;

/// Time allowed to an agent that was found, not named: one that hangs must not block the others.
#[cfg(unix)]
const FOUND_AGENT_LIMIT: Duration = Duration::from_secs(2);

/// Time in which an agent signs by itself. Whoever has to confirm or unlock something takes longer.
const SIGNS_ALONE: Duration = Duration::from_millis(500);

/// Time allowed to an agent that is only to be described.
const DESCRIPTION_LIMIT: Duration = Duration::from_secs(5);

type AnyAgent = AgentClient<Box<dyn AgentStream + Send + Unpin>>;

/// Offers the agent's keys, one after the other.
pub(super) async fn offer(login: &mut LoginAttempt<'_>) -> Result<MethodOutcome, AuthFailure> {
    let (socket, named_only) = match &login.target.agent {
        Agent::None => return Ok(MethodOutcome::Refused),
        Agent::All(socket) => (socket, false),
        Agent::Named(socket) => (socket, true),
    };
    let is_wanted = login.target.server.agent == Some(true);
    let agent = connect(socket.as_deref(), &login.target.login_session).await;
    let mut agent = match agent {
        Ok((agent, _)) => agent,
        Err(reason) => {
            if is_wanted || login.tried.is_empty() {
                login.unusable.push(reason);
            }
            return Ok(MethodOutcome::Refused);
        }
    };
    let mut identities = match agent.request_identities().await {
        Ok(identities) => identities,
        Err(error) => {
            login
                .unusable
                .push(format!("the SSH agent lists no keys ({error})"));
            return Ok(MethodOutcome::Refused);
        }
    };
    let named = if named_only {
        Some(public_keys(&login.target.identities).await)
    } else {
        None
    };
    if let Some(OfferedKey::Agent(accepted)) = login.accepted_keys.get(login.target) {
        identities.sort_by_key(|identity| fingerprint(&identity.public_key()) != accepted);
    }
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
            let (identity, offered) = (identity.clone(), key.clone());
            match offer_one(login, &mut agent, identity, offered, hash).await? {
                MethodOutcome::Refused => {}
                other => {
                    let key = OfferedKey::Agent(fingerprint(&key));
                    login.accepted_keys.note(login.target, key);
                    return Ok(other);
                }
            }
        }
    }
    if offered == 0 {
        login
            .unusable
            .push("the SSH agent has no key for it".to_owned());
    }
    Ok(MethodOutcome::Refused)
}

/// Has the agent sign, with a notice if that takes a person: the key wants a touch, or the agent a
/// confirmation.
struct Signing<'a> {
    agent: &'a mut AnyAgent,
    notices: &'a LoginNotices,
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
        let asked = Instant::now();
        if let Ok(signed) = timeout(at_once, &mut signed).await {
            if asked.elapsed() > SIGNS_ALONE {
                self.notices.mark_attended();
            }
            return signed;
        }
        self.notices.wait_for(what);
        let signed = signed.await;
        self.notices.go_on();
        signed
    }
}

async fn offer_one(
    login: &mut LoginAttempt<'_>,
    agent: &mut AnyAgent,
    identity: AgentIdentity,
    key: PublicKey,
    hash: Option<HashAlg>,
) -> Result<MethodOutcome, AuthFailure> {
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
        Ok(outcome) => login.record(Ok(outcome)).await,
        // The signature was not confirmed, or the key is locked.
        Err(error) if !login.handle.is_closed() => {
            login
                .unusable
                .push(format!("the SSH agent did not sign ({error})"));
            Ok(MethodOutcome::Refused)
        }
        Err(_) => Err(AuthFailure::Lost(russh::Error::Disconnect)),
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

/// Returns whether there may be an agent.
pub fn has_agent(session: &LoginSession) -> bool {
    cfg!(windows) || variable(AGENT_VARIABLE).is_some() || !session.agent_sockets().is_empty()
}

/// Describes the agent that a login would use, with the number of its keys; the error says why there is
/// none.
pub async fn describe_agent(session: &LoginSession) -> Result<String, String> {
    let asked = timeout(DESCRIPTION_LIMIT, async {
        let (mut agent, place) = connect(None, session).await?;
        match agent.request_identities().await {
            Ok(identities) => Ok(format!("{place}, keys: {}", identities.len())),
            Err(error) => Err(format!("{place} lists no keys ({error})")),
        }
    });
    asked
        .await
        .unwrap_or_else(|_| Err("the SSH agent does not answer".to_owned()))
}

/// Connects to the agent at this socket, or to the login session's. Returns also its description.
///
/// The environment variable goes before agents that are found. Of several that are found, the first with
/// keys is taken: some systems start one that nobody uses.
#[cfg(unix)]
async fn connect(
    socket: Option<&Path>,
    session: &LoginSession,
) -> Result<(AnyAgent, String), String> {
    if let Some(socket) = socket {
        return connect_to(socket).await;
    }
    if let Some(socket) = variable(AGENT_VARIABLE) {
        let agent = connect_to(Path::new(&socket)).await;
        return agent.map_err(|reason| {
            format!("{reason}; {AGENT_VARIABLE} names it, so no other is looked for")
        });
    }
    let (mut without_keys, mut problems) = (None, String::new());
    let sockets = session.clone();
    let sockets = tokio::task::spawn_blocking(move || sockets.agent_sockets()).await;
    for socket in sockets.unwrap_or_default() {
        match timeout(FOUND_AGENT_LIMIT, probe(&socket)).await {
            Ok(Ok((agent, place, true))) => return Ok((agent, place)),
            Ok(Ok((agent, place, false))) => without_keys = without_keys.or(Some((agent, place))),
            Ok(Err(problem)) => problems = format!("; {problem}"),
            Err(_) => problems = format!("; the one at `{}` does not answer", socket.display()),
        }
    }
    without_keys.ok_or_else(|| session.no_agent() + &problems)
}

/// Connects to an agent. Returns also its description, and whether it has keys.
#[cfg(unix)]
async fn probe(socket: &Path) -> Result<(AnyAgent, String, bool), String> {
    let (mut agent, place) = connect_to(socket).await?;
    let identities = agent.request_identities().await;
    let has_keys = identities.is_ok_and(|identities| !identities.is_empty());
    Ok((agent, place, has_keys))
}

#[cfg(unix)]
async fn connect_to(socket: &Path) -> Result<(AnyAgent, String), String> {
    let place = format!("the SSH agent at `{}`", socket.display());
    match AgentClient::connect_uds(socket).await {
        Ok(agent) => Ok((agent.dynamic(), place)),
        Err(error) => Err(format!("{place} does not answer ({error})")),
    }
}

#[cfg(windows)]
async fn connect(socket: Option<&Path>, _: &LoginSession) -> Result<(AnyAgent, String), String> {
    let pipe = socket.unwrap_or(Path::new(r"\\.\pipe\openssh-ssh-agent"));
    let agent = AgentClient::connect_named_pipe(pipe)
        .await
        .map_err(|error| format!("the SSH agent does not answer ({error})"))?;
    Ok((
        agent.dynamic(),
        format!("the SSH agent at `{}`", pipe.display()),
    ))
}
