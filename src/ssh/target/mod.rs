//! Where a connection goes and who logs in: a server as it is configured, with what the user's own SSH
//! configuration adds where that is asked for.
//!
//! | module | what it is |
//! |---|---|
//! | `written` | hosts and key files as people write them |
//! | `user_config` | hosts of the user's own SSH configuration |
//! | `jump` | jump hosts that only that configuration names |
//! | `endpoint` | where a server is, to tell two aliases of one server |

pub(in crate::ssh) mod endpoint;
pub(in crate::ssh) mod jump;
pub mod user_config;
pub mod written;

use std::path::PathBuf;
use std::time::Duration;

use crate::config::Config;
use crate::error::Error;
use crate::login_session::LoginSession;
use crate::ssh::failure::failed;
use crate::ssh::host_key::{HostKeyPolicy, HostKeyVerifier, HostName, KnownHosts};
use crate::ssh::target::jump::{implied, jump_through};
use crate::ssh::target::written::{Place, key_path, masked_host};
use crate::ssh_config::{AddressFamily, Algorithms, IdentityAgent, StrictHostKeyChecking};
use crate::store::servers::{Server, bounded};
use user_config::SshHost;

/// What it takes to dial a server once.
#[derive(Clone, Debug)]
pub(in crate::ssh) struct Target {
    pub(in crate::ssh) alias: String,
    /// With host, user and port filled in.
    pub(in crate::ssh) server: Server,
    pub(in crate::ssh) rule: HostKeyVerifier,
    pub(in crate::ssh) route: Route,
    /// Private keys, and certificates for them that do not lie beside them.
    pub(in crate::ssh) keys: Vec<PathBuf>,
    pub(in crate::ssh) certificates: Vec<PathBuf>,
    /// Files whose public halves say which of the agent's keys are meant, whether or not the private
    /// ones are there.
    pub(in crate::ssh) identities: Vec<PathBuf>,
    pub(in crate::ssh) agent: Agent,
    pub(in crate::ssh) login_session: LoginSession,
    pub(in crate::ssh) methods: Methods,
    pub(in crate::ssh) algorithms: Changes,
    pub(in crate::ssh) family: Option<AddressFamily>,
    /// How long each phase of connecting may take.
    pub(in crate::ssh) connect_timeout: Duration,
    /// The address of this machine to connect from.
    pub(in crate::ssh) bind_address: Option<String>,
    /// Time between keep-alives, and how many unanswered ones end a connection.
    pub(in crate::ssh) keep_alive: (Option<Duration>, Option<u32>),
    /// What the user's configuration says and is not followed, a sentence each.
    pub(in crate::ssh) notes: Vec<String>,
}

/// How the server is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::ssh) enum Route {
    Direct,
    /// Through the server of this alias.
    Jump(String),
    /// Through what a local command reads and writes.
    Command(String),
}

/// Which keys of an SSH agent are tried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::ssh) enum Agent {
    None,
    /// All that the agent at this socket has; without one it is the login session's.
    All(Option<PathBuf>),
    /// Those that [`Target::identities`] name.
    Named(Option<PathBuf>),
}

/// Which methods the user's configuration leaves to try.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::ssh) struct Methods {
    pub(in crate::ssh) no_public_key: bool,
    pub(in crate::ssh) no_password: bool,
    pub(in crate::ssh) no_dialogue: bool,
}

/// What the user's configuration makes of the algorithms that are offered.
#[derive(Clone, Debug, Default)]
pub(in crate::ssh) struct Changes {
    pub(in crate::ssh) host_keys: Option<Algorithms>,
    pub(in crate::ssh) key_exchange: Option<Algorithms>,
    pub(in crate::ssh) ciphers: Option<Algorithms>,
    pub(in crate::ssh) macs: Option<Algorithms>,
}

impl Target {
    /// Blocks: the user's configuration is read, and may run commands (`Match exec`).
    pub(in crate::ssh) fn resolve(
        alias: &str,
        server: &Server,
        config: &Config,
        known_hosts: &KnownHosts,
    ) -> Result<Self, Error> {
        let server = &as_meant(alias, server)?;
        let target = Self::as_configured(alias, server, config, known_hosts);
        match &server.ssh_config_host {
            Some(name) => {
                let user = Some(server.user.as_str()).filter(|user| !user.is_empty());
                let told = user_config::read(&config.ssh_files, alias, name, user)?;
                Ok(target.merge_ssh_config(told))
            }
            None => Ok(target),
        }
    }

    fn as_configured(
        alias: &str,
        server: &Server,
        config: &Config,
        known_hosts: &KnownHosts,
    ) -> Self {
        let has_other = server.key_path.is_some()
            || server.password.is_some()
            || server.totp_secret.is_some()
            || server.login_responses.is_some();
        let agent = match server.agent {
            Some(true) => Agent::All(None),
            None if !has_other => Agent::All(None),
            _ => Agent::None,
        };
        Self {
            alias: alias.to_owned(),
            rule: HostKeyVerifier {
                alias: alias.to_owned(),
                host: server.host.clone(),
                port: server.port(),
                name: HostName::new(&server.host, server.port()),
                policy: server.host_key_policy.unwrap_or(config.host_key_policy),
                pin: server.host_key_fingerprint.clone(),
                known_hosts: known_hosts.clone(),
            },
            route: server.jump.clone().map_or(Route::Direct, Route::Jump),
            keys: server.key_path.iter().map(|path| key_path(path)).collect(),
            certificates: Vec::new(),
            identities: Vec::new(),
            agent,
            login_session: config.login_session.clone(),
            methods: Methods::default(),
            algorithms: Changes::default(),
            family: None,
            connect_timeout: bounded(server.connect_timeout().unwrap_or(config.connect_timeout)),
            bind_address: None,
            keep_alive: (None, None),
            notes: Vec::new(),
            server: server.clone(),
        }
    }

    /// Fills in what the server's own entry leaves open.
    fn merge_ssh_config(mut self, told: SshHost) -> Self {
        let server = &mut self.server;
        if server.host.is_empty() {
            server.host.clone_from(&told.host_name);
        }
        if server.user.is_empty() {
            server.user = told.user.clone().unwrap_or_else(user_config::local_user);
        }
        server.port = server.port.or(told.port);
        self.rule.host.clone_from(&server.host);
        self.rule.port = server.port();
        self.rule.name = match &told.host_key_alias {
            Some(alias) => HostName::new(alias, crate::host_key::DEFAULT_PORT),
            None => HostName::new(&server.host, server.port()),
        };
        self.notes = told.notes;
        match told.strict_host_key_checking {
            Some(StrictHostKeyChecking::Yes) if server.host_key_policy.is_none() => {
                self.rule.policy = HostKeyPolicy::Strict;
            }
            Some(StrictHostKeyChecking::No) => self.notes.push(
                "`StrictHostKeyChecking no` is not followed: a changed key is refused all the same"
                    .to_owned(),
            ),
            _ => {}
        }
        if told.user_known_hosts_files.is_some() || told.global_known_hosts_files.is_some() {
            let files = [told.user_known_hosts_files, told.global_known_hosts_files];
            self.rule.known_hosts = self
                .rule
                .known_hosts
                .with_others(files.into_iter().flatten().flatten().collect());
        }
        if server.jump.is_none() {
            self.route = match (told.proxy_jump.as_slice(), told.proxy_command) {
                ([], None) => Route::Direct,
                ([], Some(command)) => Route::Command(command),
                (hops, _) => Route::Jump(jump_through(hops)),
            };
        }
        if self.keys.is_empty() {
            self.keys = told.identity_files.unwrap_or_else(user_config::usual_keys);
        }
        self.identities.clone_from(&self.keys);
        if server.key_path.is_none() {
            let is_private =
                |key: &PathBuf| key.exists() && key.extension() != Some("pub".as_ref());
            self.keys.retain(is_private);
        }
        self.certificates = told.certificate_files;
        let socket = match told.identity_agent {
            Some(IdentityAgent::Disabled) => None,
            Some(IdentityAgent::Socket(path)) => Some(Some(path)),
            Some(IdentityAgent::Environment) | None => Some(None),
        };
        self.agent = match (socket, server.agent) {
            (None, _) | (_, Some(false)) => Agent::None,
            (Some(socket), _) if told.identities_only => Agent::Named(socket),
            (Some(socket), _) => Agent::All(socket),
        };
        let preferred = told.preferred_authentications;
        let is_left = |method: &str, allowed: Option<bool>| {
            let preferred = preferred.as_ref();
            allowed != Some(false)
                && preferred.is_none_or(|preferred| preferred.iter().any(|name| name == method))
        };
        self.methods = Methods {
            no_public_key: !is_left("publickey", told.pubkey_authentication),
            no_password: !is_left("password", told.password_authentication),
            no_dialogue: !is_left("keyboard-interactive", told.kbd_interactive_authentication),
        };
        self.algorithms = Changes {
            host_keys: told.host_key_algorithms,
            key_exchange: told.kex_algorithms,
            ciphers: told.ciphers,
            macs: told.macs,
        };
        self.family = told.address_family;
        if let (None, Some(told)) = (server.connect_timeout, told.connect_timeout) {
            self.connect_timeout = bounded(told);
        }
        self.bind_address = told.bind_address;
        self.keep_alive = (told.server_alive_interval, told.server_alive_count_max);
        self
    }

    /// Where the connection goes, in words.
    pub(in crate::ssh) fn way(&self) -> String {
        let place = self.server.endpoint();
        match &self.route {
            Route::Direct => place,
            Route::Jump(jump) => format!("{place} through {}", implied(jump).unwrap_or(jump)),
            Route::Command(_) => format!("{place} through a ProxyCommand"),
        }
    }
}

/// The server with host, user and port apart, however they were written by hand.
fn as_meant(alias: &str, server: &Server) -> Result<Server, Error> {
    let place = Place::read(&server.host, &server.user, server.port);
    let Place { host, user, port } = place.map_err(|error| {
        let reason = format!("its entry is not right, correct it with server_add: {error}");
        let mut shown = server.clone();
        if let Some(host) = masked_host(&server.host) {
            shown.host = host;
        }
        failed(alias, &shown, reason)
    })?;
    Ok(Server {
        host,
        user,
        port,
        ..server.clone()
    })
}
