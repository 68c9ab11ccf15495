//! The target of a connection: a server as its entry has it, completed from the user's SSH configuration
//! if the entry says so.
//!
//! | module | what it is |
//! |---|---|
//! | `written` | hosts and key files as people write them |
//! | `user_config` | hosts of the user's own SSH configuration |
//! | `jump` | jump hosts that only that configuration names |
//! | `endpoint` | the endpoint of a server, by which two aliases of the same server are told |

pub(in crate::ssh) mod endpoint;
pub(in crate::ssh) mod jump;
pub mod user_config;
pub mod written;

use std::path::PathBuf;
use std::time::Duration;

use crate::config::Config;
use crate::error::Error;
use crate::login_session::LoginSession;
use crate::secret::masked_host;
use crate::ssh::failure::failed;
use crate::ssh::host_key::{HostKeyPolicy, HostKeyVerifier, HostName, KnownHosts};
use crate::ssh::target::jump::{hops_from_config, jump_alias};
use crate::ssh::target::written::{LoginAddress, key_path};
use crate::ssh_config::{AddressFamily, Algorithms, IdentityAgent, StrictHostKeyChecking};
use crate::store::servers::{Server, bounded};
use user_config::SshHost;

/// Most jump hosts of a route; a longer one leads in a circle.
pub(in crate::ssh) const MAX_JUMPS: usize = 16;

/// The data to dial a server.
#[derive(Clone, Debug)]
pub(in crate::ssh) struct Target {
    pub(in crate::ssh) alias: String,
    /// With host, user and port filled in.
    pub(in crate::ssh) server: Server,
    pub(in crate::ssh) verifier: HostKeyVerifier,
    pub(in crate::ssh) route: Route,
    /// Private keys, and certificates for them that do not lie beside them.
    pub(in crate::ssh) keys: Vec<PathBuf>,
    pub(in crate::ssh) certificates: Vec<PathBuf>,
    /// Files whose public halves select keys of the agent. The private halves need not be there.
    pub(in crate::ssh) identities: Vec<PathBuf>,
    pub(in crate::ssh) agent: Agent,
    pub(in crate::ssh) login_session: LoginSession,
    pub(in crate::ssh) methods: Methods,
    pub(in crate::ssh) algorithms: AlgorithmChanges,
    pub(in crate::ssh) family: Option<AddressFamily>,
    /// The time allowed for each phase of connecting.
    pub(in crate::ssh) connect_timeout: Duration,
    /// The address of this machine to connect from.
    pub(in crate::ssh) bind_address: Option<String>,
    pub(in crate::ssh) keep_alive: KeepAlive,
    /// Settings of the user's SSH configuration that are not followed, a sentence each.
    pub(in crate::ssh) notes: Vec<String>,
}

/// Keep-alives as the user's SSH configuration sets them.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::ssh) struct KeepAlive {
    /// Time between two of them.
    pub(in crate::ssh) interval: Option<Duration>,
    /// Unanswered ones that end the connection.
    pub(in crate::ssh) count: Option<u32>,
}

/// The route to a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::ssh) enum Route {
    Direct,
    /// Through the server of this alias.
    Jump(String),
    /// Through the input and output of a local command.
    Command(String),
}

/// The keys of an SSH agent to try.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::ssh) enum Agent {
    None,
    /// All of the agent at this socket; without one, of the login session's agent.
    All(Option<PathBuf>),
    /// Those that [`Target::identities`] name.
    Named(Option<PathBuf>),
}

/// The login methods that the user's SSH configuration allows; all of them without one.
#[derive(Clone, Debug, Default)]
pub(in crate::ssh) struct Methods {
    /// If it lists any, only these.
    preferred: Option<Vec<String>>,
    disabled: Vec<&'static str>,
}

impl Methods {
    /// Returns whether a method is allowed, by its name in RFC 4252.
    pub(in crate::ssh) fn allow(&self, name: &str) -> bool {
        let preferred = self.preferred.as_ref();
        !self.disabled.contains(&name)
            && preferred.is_none_or(|preferred| preferred.iter().any(|other| other == name))
    }
}

/// The changes that the user's SSH configuration makes to the algorithms to offer.
#[derive(Clone, Debug, Default)]
pub(in crate::ssh) struct AlgorithmChanges {
    pub(in crate::ssh) host_keys: Option<Algorithms>,
    pub(in crate::ssh) key_exchange: Option<Algorithms>,
    pub(in crate::ssh) ciphers: Option<Algorithms>,
    pub(in crate::ssh) macs: Option<Algorithms>,
}

impl Target {
    /// Completes a server's entry. Blocks: the user's SSH configuration is read, and may run commands
    /// (`Match exec`).
    pub(in crate::ssh) fn resolve(
        alias: &str,
        server: &Server,
        config: &Config,
        known_hosts: &KnownHosts,
    ) -> Result<Self, Error> {
        let server = &with_address_parts(alias, server)?;
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
        let agent = match server.agent {
            Some(true) => Agent::All(None),
            None if !server.has_credentials() => Agent::All(None),
            _ => Agent::None,
        };
        Self {
            alias: alias.to_owned(),
            verifier: HostKeyVerifier {
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
            algorithms: AlgorithmChanges::default(),
            family: None,
            connect_timeout: bounded(server.connect_timeout().unwrap_or(config.connect_timeout)),
            bind_address: None,
            keep_alive: KeepAlive::default(),
            notes: Vec::new(),
            server: server.clone(),
        }
    }

    /// Fills in the settings that the server's own entry leaves open.
    fn merge_ssh_config(mut self, told: SshHost) -> Self {
        let server = &mut self.server;
        if server.host.is_empty() {
            server.host.clone_from(&told.host_name);
        }
        if server.user.is_empty() {
            server.user = told.user.clone().unwrap_or_else(user_config::local_user);
        }
        server.port = server.port.or(told.port);
        self.verifier.host.clone_from(&server.host);
        self.verifier.port = server.port();
        self.verifier.name = match &told.host_key_alias {
            Some(alias) => HostName::new(alias, crate::host_key::DEFAULT_PORT),
            None => HostName::new(&server.host, server.port()),
        };
        self.notes = told.notes;
        match told.strict_host_key_checking {
            Some(StrictHostKeyChecking::Yes) if server.host_key_policy.is_none() => {
                self.verifier.policy = HostKeyPolicy::Strict;
            }
            Some(StrictHostKeyChecking::No) => self.notes.push(
                "`StrictHostKeyChecking no` is not followed: a changed key is refused all the same"
                    .to_owned(),
            ),
            _ => {}
        }
        if told.user_known_hosts_files.is_some() || told.global_known_hosts_files.is_some() {
            let files = [told.user_known_hosts_files, told.global_known_hosts_files];
            self.verifier.known_hosts = self
                .verifier
                .known_hosts
                .with_others(files.into_iter().flatten().flatten().collect());
        }
        if server.jump.is_none() {
            self.route = match (told.proxy_jump.as_slice(), told.proxy_command) {
                ([], None) => Route::Direct,
                ([], Some(command)) => Route::Command(command),
                (hops, _) => Route::Jump(jump_alias(hops)),
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
        self.methods = Methods {
            preferred: told.preferred_authentications,
            disabled: told.disabled_methods,
        };
        self.algorithms = AlgorithmChanges {
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
        self.keep_alive = KeepAlive {
            interval: told.server_alive_interval,
            count: told.server_alive_count_max,
        };
        self
    }

    /// The route to the server, in words.
    pub(in crate::ssh) fn route_text(&self) -> String {
        let address = self.server.endpoint();
        match &self.route {
            Route::Direct => address,
            Route::Jump(jump) => format!(
                "{address} through {}",
                hops_from_config(jump).unwrap_or(jump)
            ),
            Route::Command(_) => format!("{address} through a ProxyCommand"),
        }
    }
}

/// The server with host, user and port apart, also if its host has all of them.
fn with_address_parts(alias: &str, server: &Server) -> Result<Server, Error> {
    let address = LoginAddress::read(&server.host, &server.user, server.port);
    let LoginAddress { host, user, port } = address.map_err(|error| {
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
