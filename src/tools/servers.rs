//! Servers: add, list, remove.

use std::sync::Arc;

use indexmap::IndexMap;
use rmcp::{tool, tool_router};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Nothing, Parameters};
use crate::charset::Charset;
use crate::error::Error;
use crate::fs::blocking;
use crate::host_key::Policy;
use crate::reply::Reply;
use crate::secret::{Secret, Vault, rarity};
use crate::server::Orchestrator;
use crate::ssh::host_key;
use crate::ssh::{check_prompt, check_totp, has_agent};
use crate::store::Entry;
use crate::store::servers::{RESPONSES, Server, ServerView};

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Add {
    /// Its name in the other tools.
    alias: String,
    /// Host name or IP address. May be empty with sshConfigHost.
    #[schemars(required)]
    host: Option<String>,
    /// User to log in as. May be empty with sshConfigHost.
    #[schemars(required)]
    user: Option<String>,
    /// Private key on this machine, OpenSSH or PEM, with its certificate (-cert.pub) beside it.
    key_path: Option<String>,
    /// What the key is encrypted with. Secrets may be references: env:NAME, file:~/path.
    passphrase: Option<Secret>,
    /// Password.
    password: Option<Secret>,
    /// Makes one-time codes: base32 or otpauth://…
    totp_secret: Option<Secret>,
    /// Answers to other prompts at login: text or /regex/ -> answer.
    login_responses: Option<IndexMap<String, Secret>>,
    /// Try the SSH agent's keys. Default: if nothing else is given.
    agent: Option<bool>,
    /// 22 by default.
    #[schemars(range(min = 1))]
    port: Option<u16>,
    /// Seconds for each phase of connecting. Default 20.
    #[schemars(range(min = 1, max = 600))]
    connect_timeout: Option<u32>,
    /// For old servers: SHA-1, CBC, ssh-rsa.
    legacy_algorithms: Option<bool>,
    /// Accept this host key alone: SHA256:…
    host_key_fingerprint: Option<String>,
    /// If the host key is not known.
    host_key_policy: Option<Policy>,
    /// Alias of the server to go through.
    jump: Option<String>,
    /// Host of ~/.ssh/config that tells the rest.
    ssh_config_host: Option<String>,
    /// Send commands exactly as they are and nothing else: for network devices and forced commands.
    plain: Option<bool>,
    /// Refuse what runs or changes something there.
    readonly: Option<bool>,
    /// What it prints in, if not UTF-8: gbk, shift_jis, cp850.
    encoding: Option<String>,
}

/// What was kept.
#[derive(Serialize)]
pub(super) struct Put {
    alias: String,
    added: bool,
    server: ServerView,
    /// Where it leads, if the user's own configuration tells.
    #[serde(skip_serializing_if = "Option::is_none")]
    way: Option<String>,
    /// What that configuration says and is not followed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    notes: Vec<String>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Remove {
    /// Server alias.
    alias: String,
}

#[derive(Serialize)]
struct Removed {
    alias: String,
}

impl Add {
    fn validated(self) -> Result<(String, Server), Error> {
        named("alias", &self.alias)?;
        let is_told = self.ssh_config_host.is_some();
        let [host, user] = [self.host, self.user].map(Option::unwrap_or_default);
        for (name, value) in [("host", &host), ("user", &user)] {
            if !is_told || !value.is_empty() {
                named(name, value)?;
            }
        }
        for prompt in self.login_responses.iter().flat_map(IndexMap::keys) {
            check_prompt(prompt)?;
        }
        let has_way_in = self.key_path.is_some()
            || self.password.is_some()
            || self.totp_secret.is_some()
            || self.login_responses.is_some();
        if !has_way_in && !is_told && self.agent != Some(true) && !has_agent() {
            return Err(Error::invalid(
                "keyPath",
                "or `password` is needed, for there is no SSH agent: one way to log in",
            ));
        }
        for (name, value) in [
            ("keyPath", &self.key_path),
            ("jump", &self.jump),
            ("sshConfigHost", &self.ssh_config_host),
        ] {
            if let Some(value) = value {
                named(name, value)?;
            }
        }
        if self.port == Some(0) {
            return Err(Error::invalid("port", "is 0; ports are 1 to 65535"));
        }
        if self
            .connect_timeout
            .is_some_and(|seconds| !(1..=600).contains(&seconds))
        {
            return Err(Error::invalid("connectTimeout", "is not 1 to 600 seconds"));
        }
        if let Some(encoding) = &self.encoding
            && Charset::named(encoding).is_none()
        {
            return Err(Error::invalid(
                "encoding",
                "names no encoding that is known here",
            ));
        }
        if let Some(fingerprint) = &self.host_key_fingerprint {
            fingerprinted("hostKeyFingerprint", fingerprint)?;
        }
        if let Some(secret) = self
            .totp_secret
            .as_ref()
            .filter(|secret| Vault::is_clear(secret))
        {
            check_totp(secret.expose())?;
        }
        let server = Server {
            host,
            user,
            key_path: self.key_path,
            passphrase: self.passphrase,
            password: self.password,
            totp_secret: self.totp_secret,
            login_responses: self
                .login_responses
                .filter(|responses| !responses.is_empty()),
            agent: self.agent,
            port: self.port,
            connect_timeout: self.connect_timeout,
            legacy_algorithms: self.legacy_algorithms,
            host_key_fingerprint: self.host_key_fingerprint,
            host_key_policy: self.host_key_policy,
            jump: self.jump,
            ssh_config_host: self.ssh_config_host,
            plain: self.plain,
            readonly: self.readonly,
            encoding: self.encoding,
        };
        Ok((self.alias, server))
    }
}

fn secrets_of(server: &Server) -> Vec<(&'static str, Secret)> {
    let secrets = server.named_secrets().into_iter();
    secrets
        .map(|(name, secret)| (name, secret.clone()))
        .collect()
}

/// What somebody has to know of secrets that cannot be kept out of all texts. An answer at login is often
/// a digit or a word that is none.
fn warnings(secrets: Vec<(&'static str, Secret)>) -> impl Iterator<Item = String> {
    let secrets = secrets.into_iter();
    let secrets = secrets.filter(|(name, secret)| *name != RESPONSES && Vault::is_clear(secret));
    secrets.filter_map(|(name, secret)| {
        let warning = rarity(secret.expose()).warning()?;
        Some(format!("the {name} {warning}"))
    })
}

/// Refuses what is no SHA-256 fingerprint.
pub(super) fn fingerprinted(parameter: &str, value: &str) -> Result<(), Error> {
    if host_key::is_fingerprint(value) {
        return Ok(());
    }
    Err(Error::invalid(
        parameter,
        "is not a fingerprint as `ssh-keygen -l` shows it: SHA256: and 43 characters",
    ))
}

/// Refuses what cannot name anything.
pub(super) fn named(parameter: &str, value: &str) -> Result<(), Error> {
    if value.trim().is_empty() {
        return Err(Error::invalid(parameter, "is empty"));
    }
    if value.chars().any(char::is_control) {
        return Err(Error::invalid(parameter, "holds a control character"));
    }
    Ok(())
}

#[tool_router(router = server_tools, vis = "pub(super)")]
impl Orchestrator {
    /// Add a server, or replace the one with this alias.
    #[tool(
        title = "Add a server",
        annotations(
            read_only_hint = false,
            destructive_hint = true,
            idempotent_hint = true,
            open_world_hint = false
        )
    )]
    async fn server_add(&self, Parameters(add): Parameters<Add>) -> Result<Reply, Error> {
        let (alias, server) = add.validated()?;
        self.servers().check_alias(&alias)?;
        self.guard().may_put(&alias, &server, "server_add").await?;
        self.may_give_secrets(&alias, &server).await?;
        let secrets = secrets_of(&server);
        let mut put = self.put_server(alias, server).await?;
        // Read anew, for its own names are known then.
        self.servers().list()?;
        put.notes.extend(warnings(secrets));
        let mut text = format!(
            "server `{}` {}",
            put.alias,
            if put.added { "added" } else { "updated" }
        );
        if let Some(way) = &put.way {
            text = format!("{text}: {way}");
        }
        for note in &put.notes {
            text = format!("{text}\nNote: {note}");
        }
        Reply::new(text, &put)
    }

    /// List the configured servers by alias. Passwords show as ***.
    #[tool(
        title = "List servers",
        annotations(
            read_only_hint = true,
            destructive_hint = false,
            idempotent_hint = true,
            open_world_hint = false
        )
    )]
    async fn server_list(
        &self,
        Parameters(Nothing {}): Parameters<Nothing>,
    ) -> Result<Reply, Error> {
        Reply::json(&self.shown_servers()?)
    }

    /// Remove a server. Running tasks go on to their end.
    #[tool(
        title = "Remove a server",
        annotations(
            read_only_hint = false,
            destructive_hint = true,
            idempotent_hint = true,
            open_world_hint = false
        )
    )]
    async fn server_remove(
        &self,
        Parameters(Remove { alias }): Parameters<Remove>,
    ) -> Result<Reply, Error> {
        self.guard().may_remove(&alias, "server_remove")?;
        {
            let (servers, alias) = (Arc::clone(self.servers()), alias.clone());
            blocking(move || servers.remove(&alias)).await?;
        }
        self.pool().reconfigure(&alias);
        Reply::new(format!("server `{alias}` removed"), &Removed { alias })
    }

    /// Refuses secrets that only a person may refer to, unless the same server has them already.
    async fn may_give_secrets(&self, alias: &str, server: &Server) -> Result<(), Error> {
        let kept = self.servers().get(alias).ok();
        let is_same = |kept: &Server| {
            kept.endpoint() == server.endpoint()
                && (&kept.jump, &kept.ssh_config_host) == (&server.jump, &server.ssh_config_host)
        };
        let kept = kept.filter(is_same).map(|kept| secrets_of(&kept));
        let kept = kept.into_iter().flatten().map(|(_, kept)| kept);
        self.may_give(Server::FILE, secrets_of(server), kept.collect())
            .await
    }

    /// Keeps a server, and drops the connections of the one that it replaces.
    pub(super) async fn put_server(&self, alias: String, server: Server) -> Result<Put, Error> {
        self.pool().check_route(&alias, &server)?;
        let (way, notes) = if server.ssh_config_host.is_some() {
            let (way, notes) = self.pool().way(&alias, &server).await?;
            (Some(way), notes)
        } else {
            (None, Vec::new())
        };
        let shown = ServerView::from(&server);
        let added = {
            let (servers, alias) = (Arc::clone(self.servers()), alias.clone());
            blocking(move || servers.put(&alias, &server)).await?
        };
        self.guard().remember_read_only();
        self.pool().reconfigure(&alias);
        Ok(Put {
            alias,
            added,
            server: shown,
            way,
            notes,
        })
    }

    /// Every server as it may be shown, by alias.
    pub(super) fn shown_servers(&self) -> Result<IndexMap<String, ServerView>, Error> {
        let servers = self.servers().list()?;
        Ok(servers
            .into_iter()
            .map(|(alias, server)| (alias, ServerView::from(&server)))
            .collect())
    }
}
