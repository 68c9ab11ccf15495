//! Servers: add, remove.

use std::sync::Arc;

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::time::timeout;

use super::declared::{self as rmcp, Toolset, declare, tool, tool_router};
use super::{Confirmation, IfUnasked, Json, Parameters, Person};
use crate::app::App;
use crate::charset::Charset;
use crate::device::is_of_device;
use crate::error::Error;
use crate::fs::blocking;
use crate::guard::Access;
use crate::host_key::HostKeyPolicy;
use crate::login_session::LoginSession;
use crate::secret::{Secret, Vault, rarity};
use crate::ssh::host_key;
use crate::ssh::script::verify::{self, LoginReport};
use crate::ssh::target::written::{KeyFile, LoginAddress, unquoted};
use crate::ssh::{check_prompt, check_totp, device_prompt, has_agent};
use crate::store::servers::{RESPONSES, Server, ServerKind, ServerView};
use crate::store::{self, CatalogueEntry as _, check_notes};

/// The note on a server that introduces itself as devices do.
const LIKE_DEVICE: &str = "it looks like a network device; if it refuses commands, add it again with kind: \"device\", so that they are typed at its prompt";

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct AddServer {
    /// Its name in the other tools.
    alias: String,
    /// Name or address; empty with sshConfigHost.
    #[schemars(required)]
    host: Option<String>,
    /// Login name; may be empty, too.
    #[schemars(required)]
    user: Option<String>,
    /// Private key file here; its certificate beside it.
    key_path: Option<String>,
    /// Of the key. Secrets may be references: env:NAME, file:~/path.
    passphrase: Option<Secret>,
    /// Password.
    password: Option<Secret>,
    /// For sudo, if not that one.
    #[schemars(extend("toolset" = "live"))]
    sudo_password: Option<Secret>,
    /// For one-time codes: base32 or otpauth://…
    totp_secret: Option<Secret>,
    /// Answers to other prompts, as in task_exec_interactive.
    login_responses: Option<IndexMap<String, Secret>>,
    /// Try the SSH agent, also beside other means.
    agent: Option<bool>,
    /// Default 22.
    #[schemars(range(min = 1))]
    port: Option<u16>,
    /// Seconds for each phase. Default 20.
    #[schemars(range(min = 1, max = 600))]
    connect_timeout: Option<u32>,
    /// For old servers: SHA-1, CBC.
    legacy_algorithms: Option<bool>,
    /// Accept only this key: SHA256:…
    host_key_fingerprint: Option<String>,
    /// For an unknown key.
    host_key_policy: Option<HostKeyPolicy>,
    /// Alias of the server to go through.
    jump: Option<String>,
    /// Host in ~/.ssh/config that has the rest.
    ssh_config_host: Option<String>,
    /// device: router, switch, recorder; commands are typed at its prompt.
    #[schemars(extend("toolset" = "live"))]
    kind: Option<ServerKind>,
    /// Send only the commands.
    plain: Option<bool>,
    /// Refuse commands and changes there.
    readonly: Option<bool>,
    /// Of its output, if not UTF-8: gbk, cp850.
    encoding: Option<String>,
    /// Groups: prod, eu. Kept unless given.
    tags: Option<Vec<String>>,
    /// Remarks, 2 KB at most.
    notes: Option<String>,
    /// Log in now (5 s). Default true.
    verify: Option<bool>,
}

/// A server as it was stored.
#[derive(Serialize, JsonSchema)]
pub(super) struct StoredServer {
    alias: String,
    added: bool,
    server: ServerView,
    /// Its address, user and jump hosts, if the user's own SSH configuration says them.
    #[serde(skip_serializing_if = "Option::is_none")]
    way: Option<String>,
    /// Remarks, such as keywords of that configuration that are not supported.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    notes: Vec<String>,
    /// The outcome of the login, if there was one.
    #[serde(skip_serializing_if = "Option::is_none")]
    login: Option<LoginReport>,
    /// Set if the login failed and the entry of before was put back.
    #[serde(rename = "putBack", skip_serializing_if = "Option::is_none")]
    put_back: Option<bool>,
}

/// The things that an entry keeps when it is replaced, and whether a call gives others.
struct GivenMarks {
    tags: bool,
    notes: bool,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct RemoveServer {
    /// Server alias.
    alias: String,
}

#[derive(Serialize, JsonSchema)]
struct RemovedServer {
    alias: String,
}

impl AddServer {
    fn validated(self, session: &LoginSession) -> Result<(String, Server), Error> {
        check_name("alias", &self.alias)?;
        if self.port == Some(0) {
            return Err(Error::invalid("port", "is 0; ports are 1 to 65535"));
        }
        let LoginAddress { host, user, port } = self.login_address()?;
        for prompt in self.login_responses.iter().flat_map(IndexMap::keys) {
            check_prompt(prompt)?;
        }
        self.check_route()?;
        self.check_options()?;
        let tags = self.tags.map(store::tags).transpose()?;
        self.notes.as_deref().map_or(Ok(()), check_notes)?;
        let ssh_config_host = self.ssh_config_host.as_deref().map(unquoted);
        let server = Server {
            host,
            user,
            key_path: self.key_path,
            passphrase: self.passphrase,
            password: self.password,
            sudo_password: self.sudo_password,
            totp_secret: self.totp_secret,
            login_responses: self
                .login_responses
                .filter(|responses| !responses.is_empty()),
            agent: self.agent,
            port,
            connect_timeout: self.connect_timeout,
            legacy_algorithms: self.legacy_algorithms,
            host_key_fingerprint: self.host_key_fingerprint,
            host_key_policy: self.host_key_policy,
            jump: self.jump,
            ssh_config_host: ssh_config_host.map(ToOwned::to_owned),
            kind: self.kind,
            plain: self.plain,
            readonly: self.readonly,
            encoding: self.encoding,
            tags: tags.filter(|tags| !tags.is_empty()),
            notes: self.notes.filter(|notes| !notes.is_empty()),
        };
        check_login(&server, session)?;
        Ok((self.alias, server))
    }

    /// The server's address and user. Either may be empty if the SSH configuration has it.
    fn login_address(&self) -> Result<LoginAddress, Error> {
        let [host, user] = [&self.host, &self.user].map(|text| text.as_deref().unwrap_or_default());
        let address = LoginAddress::read(host, user, self.port)?;
        for (name, value) in [("host", &address.host), ("user", &address.user)] {
            if self.ssh_config_host.is_none() || !value.is_empty() {
                check_name(name, value)?;
            }
        }
        Ok(address)
    }

    /// Refuses what names no jump host, or no host of the SSH configuration.
    fn check_route(&self) -> Result<(), Error> {
        if let Some(jump) = &self.jump {
            check_name("jump", jump)?;
        }
        let Some(name) = self.ssh_config_host.as_deref().map(unquoted) else {
            return Ok(());
        };
        check_name("sshConfigHost", name)?;
        if name.contains('@') {
            let problem = "names a host of ~/.ssh/config alone; give the user as `user`";
            return Err(Error::invalid("sshConfigHost", problem));
        }
        Ok(())
    }

    /// Refuses a time, an encoding, a fingerprint or a one-time code's secret that cannot be meant.
    fn check_options(&self) -> Result<(), Error> {
        let is_allowed = |seconds: &u32| (1..=600).contains(seconds);
        if !self.connect_timeout.as_ref().is_none_or(is_allowed) {
            return Err(Error::invalid("connectTimeout", "is not 1 to 600 seconds"));
        }
        let charset = self.encoding.as_deref().map(Charset::named);
        if charset.is_some_and(|charset| charset.is_none()) {
            let problem = "names no encoding that is known here";
            return Err(Error::invalid("encoding", problem));
        }
        if let Some(fingerprint) = &self.host_key_fingerprint {
            check_fingerprint("hostKeyFingerprint", fingerprint)?;
        }
        let secret = self.totp_secret.as_ref();
        secret
            .filter(|secret| Vault::is_clear(secret))
            .map_or(Ok(()), |secret| check_totp(secret.expose()))
    }
}

/// Refuses an entry with which nothing could log in.
fn check_login(server: &Server, session: &LoginSession) -> Result<(), Error> {
    let has_agent = || server.agent == Some(true) || has_agent(session);
    if server.has_credentials() || server.ssh_config_host.is_some() || has_agent() {
        return Ok(());
    }
    Err(Error::invalid(
        "keyPath",
        format!(
            "or `password` is needed, for {}; or sshConfigHost, if ~/.ssh/config tells how",
            session.no_agent()
        ),
    ))
}

impl GivenMarks {
    /// Takes over from the entry before what was not given: rules go by tags, and a call that only corrects a login
    /// does not lift them. Returns the notes to tell.
    fn take_over(&self, before: &Server, server: &mut Server) -> Option<String> {
        if !self.notes {
            server.notes.clone_from(&before.notes);
        }
        if self.tags || before.tags().is_empty() {
            return None;
        }
        server.tags.clone_from(&before.tags);
        let tags = before.tags().join(", ");
        Some(format!("its tags stay: {tags}; `tags: []` takes them away"))
    }
}

impl StoredServer {
    fn text(&self) -> String {
        let stored = match (self.added, self.put_back) {
            (true, _) => "added",
            (false, Some(true)) => "not updated",
            (false, _) => "updated",
        };
        let mut text = format!("server `{}` {stored}", self.alias);
        if let Some(way) = &self.way {
            text = format!("{text}: {way}");
        }
        if let Some(login) = &self.login {
            text = format!("{text}; {}", text_of_login(login));
            if let LoginReport::Failed { .. } = login {
                text += match self.put_back {
                    Some(true) => {
                        " The entry of before is back; verify: false replaces it all the same."
                    }
                    _ => " The entry is kept; server_add replaces it.",
                };
            }
        }
        for note in &self.notes {
            text = format!("{text}\nNote: {note}");
        }
        text
    }
}

/// Resolves the path of the server's key, and returns a note on it, if there is one.
pub(super) async fn read_key(server: &mut Server) -> Result<Option<String>, Error> {
    let Some(written) = server.key_path.take() else {
        return Ok(None);
    };
    let uses_ssh_config = server.ssh_config_host.is_some();
    let key = blocking(move || KeyFile::read(&written, uses_ssh_config)).await?;
    check_name("keyPath", &key.path)?;
    server.key_path = Some(key.path);
    Ok(key.note)
}

fn secrets_of(server: &Server) -> Vec<(&'static str, Secret)> {
    let secrets = server.named_secrets().into_iter();
    secrets
        .map(|(name, secret)| (name, secret.clone()))
        .collect()
}

/// Warnings about secrets that are too common to be masked everywhere. Answers to prompts at login are left
/// out: many are a digit or a plain word, and no secret.
fn warnings(secrets: Vec<(&'static str, Secret)>) -> impl Iterator<Item = String> {
    let secrets = secrets.into_iter();
    let secrets = secrets.filter(|(name, secret)| *name != RESPONSES && Vault::is_clear(secret));
    secrets.filter_map(|(name, secret)| {
        let warning = rarity(secret.expose()).warning()?;
        Some(format!("the {name} {warning}"))
    })
}

/// The note on a server that introduces itself as devices do.
fn like_device(login: &LoginReport, is_device: bool) -> Option<String> {
    let looks_like = matches!(login, LoginReport::Ok { system, .. } if is_of_device(system));
    (looks_like && !is_device).then(|| LIKE_DEVICE.to_owned())
}

fn text_of_login(login: &LoginReport) -> String {
    match login {
        LoginReport::Ok {
            user,
            system,
            host_key,
        } => format!("logged in as `{user}` to {system}, host key {host_key}"),
        LoginReport::Failed {
            code,
            message,
            details,
        } => {
            let mut text = format!("LOGIN FAILED: {code}: {message}");
            // The message and the server's entry say these.
            let said = ["alias", "host", "port", "user", "reason", "hint"];
            let is_new = |name: &str| !said.contains(&name);
            let more = details.iter().filter(|(name, _)| is_new(name));
            for (name, value) in more.filter(|(_, value)| **value != json!([])) {
                text = format!("{text}\n{name}: {value}");
            }
            let hint = details.get("hint").and_then(Value::as_str);
            let hint = hint.unwrap_or_default();
            format!("{text}\nHint: {hint}.")
        }
        LoginReport::Waiting { waits_for } => format!(
            "not logged in yet: {}. The login goes on; the next call to this server waits for it",
            waits_for.as_deref().unwrap_or("no answer within 5 s")
        ),
    }
}

/// Refuses a text that is no SHA-256 fingerprint.
pub(super) fn check_fingerprint(parameter: &str, value: &str) -> Result<(), Error> {
    if host_key::is_fingerprint(value) {
        return Ok(());
    }
    Err(Error::invalid(
        parameter,
        "is not a fingerprint as `ssh-keygen -l` shows it: SHA256: and 43 characters",
    ))
}

/// Refuses a name that is empty or holds control characters.
pub(super) fn check_name(parameter: &str, value: &str) -> Result<(), Error> {
    if value.trim().is_empty() {
        return Err(Error::invalid(parameter, "is empty"));
    }
    if value.chars().any(char::is_control) {
        return Err(Error::invalid(parameter, "holds a control character"));
    }
    Ok(())
}

#[tool_router(router = server_tools, vis = "pub(super)")]
impl App {
    /// Add an SSH server, or replace the one with this alias, and log in to it.
    #[tool(title = "Add a server", meta = declare(Access::ConfiguresServer, Toolset::Admin))]
    async fn server_add(
        &self,
        Parameters(add): Parameters<AddServer>,
    ) -> Result<Json<StoredServer>, Error> {
        let verify = add.verify != Some(false);
        let given = GivenMarks {
            tags: add.tags.is_some(),
            notes: add.notes.is_some(),
        };
        let is_device = add.kind == Some(ServerKind::Device);
        let (alias, mut server) = add.validated(&self.config().login_session)?;
        self.servers().check_alias(&alias)?;
        let before = self.servers().get(&alias).ok();
        let stays = before.as_ref();
        let stays = stays.and_then(|before| given.take_over(before, &mut server));
        let note = read_key(&mut server).await?;
        self.guard().may_put(&alias, &server, "server_add").await?;
        self.check_server_secrets(&alias, &server).await?;
        let secrets = secrets_of(&server);
        let mut stored = self.put_server(alias, server).await?;
        // Reads it again, so that the server's own names are known.
        self.servers().list()?;
        let notes = note.into_iter().chain(stays).chain(warnings(secrets));
        stored.notes.extend(notes);
        if verify {
            let login = self.log_in(&stored.alias, is_device).await;
            stored.notes.extend(like_device(&login, is_device));
            stored.login = Some(login);
        }
        if let (Some(LoginReport::Failed { .. }), Some(before)) = (&stored.login, before) {
            stored.server = ServerView::from(&before);
            self.put_server(stored.alias.clone(), before).await?;
            stored.put_back = Some(true);
        }
        Json::new(stored.text(), &stored)
    }

    /// Remove a server. Running tasks go on. Asks the person first.
    #[tool(title = "Remove a server", meta = declare(Access::ChangesHere, Toolset::Admin).asking())]
    async fn server_remove(
        &self,
        Parameters(RemoveServer { alias }): Parameters<RemoveServer>,
        person: Person,
    ) -> Result<Json<RemovedServer>, Error> {
        self.guard().may_remove(&alias, "server_remove")?;
        let server = self.servers().get(&alias)?;
        let question = Confirmation {
            text: format!(
                "Remove the server `{alias}` ({}) with its stored login?",
                server.endpoint()
            ),
            if_unasked: IfUnasked::Act,
        };
        let servers = Arc::clone(self.servers());
        let remove = async {
            let removed = alias.clone();
            blocking(move || servers.remove(&removed)).await?;
            self.pool().reconfigure(&alias);
            Json::new(
                format!("server `{alias}` removed"),
                &RemovedServer { alias },
            )
        };
        self.if_agreed(person, question, remove).await
    }

    /// Logs in; of a device, the outcome has the prompt that it shows.
    async fn log_in(&self, alias: &str, is_device: bool) -> LoginReport {
        let login = verify::log_in(self.pool(), alias).await;
        if !is_device || !matches!(login, LoginReport::Ok { .. }) {
            return login;
        }
        match timeout(verify::LIMIT, device_prompt(self.pool(), alias)).await {
            Ok(Ok(prompt)) => login.of_system(format!("a device, at its prompt {prompt}")),
            Ok(Err(error)) => error.into(),
            Err(_) => login.of_system("a device that has shown no prompt so far".to_owned()),
        }
    }

    /// Refuses secrets that only a person may refer to, unless the same server has them already.
    pub(super) async fn check_server_secrets(
        &self,
        alias: &str,
        server: &Server,
    ) -> Result<(), Error> {
        let kept = self.servers().get(alias).ok();
        let is_same = |kept: &Server| {
            kept.endpoint() == server.endpoint()
                && (&kept.jump, &kept.ssh_config_host) == (&server.jump, &server.ssh_config_host)
        };
        let kept = kept.filter(is_same).map(|kept| secrets_of(&kept));
        let kept = kept.into_iter().flatten().map(|(_, kept)| kept);
        self.check_secrets(Server::FILE, secrets_of(server), kept.collect())
            .await
    }

    /// Stores a server, and drops the connections of the one that it replaces.
    pub(super) async fn put_server(
        &self,
        alias: String,
        server: Server,
    ) -> Result<StoredServer, Error> {
        self.pool().check_route(&alias, &server)?;
        let (way, mut notes) = if server.ssh_config_host.is_some() {
            let (way, notes) = self.pool().route(&alias, &server).await?;
            (Some(way), notes)
        } else {
            (None, Vec::new())
        };
        let others = self.guard().also_read_only(&alias, &server)?;
        if !others.is_empty() {
            let others = others.join("`, `");
            notes.push(format!(
                "it is read-only from now on under its other aliases as well: `{others}`"
            ));
        }
        let shown = ServerView::from(&server);
        let added = {
            let (servers, alias) = (Arc::clone(self.servers()), alias.clone());
            blocking(move || servers.put(&alias, &server)).await?
        };
        self.guard().remember_read_only();
        self.pool().reconfigure(&alias);
        Ok(StoredServer {
            alias,
            added,
            server: shown,
            way,
            notes,
            login: None,
            put_back: None,
        })
    }
}
