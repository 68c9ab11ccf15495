//! Where a connection goes and who logs in: a server as it is configured, with what the user's own SSH
//! configuration adds where that is asked for.

use std::path::PathBuf;
use std::time::Duration;

use super::host_key::{HostName, KnownHosts, Policy, Rule};
use super::jump::{implied, jump_through};
use super::user_config::{self, SshHost};
use crate::config::Config;
use crate::error::Error;
use crate::fs::expand_home;
use crate::ssh_config::{AddressFamily, Algorithms, IdentityAgent, StrictHostKeyChecking};
use crate::store::servers::{Server, bounded};

/// What it takes to dial a server once.
#[derive(Clone, Debug)]
pub(super) struct Target {
    pub(super) alias: String,
    /// With host, user and port filled in.
    pub(super) server: Server,
    pub(super) rule: Rule,
    pub(super) route: Route,
    /// Private keys, and certificates for them that do not lie beside them.
    pub(super) keys: Vec<PathBuf>,
    pub(super) certificates: Vec<PathBuf>,
    /// Files whose public halves say which of the agent's keys are meant, whether or not the private
    /// ones are there.
    pub(super) identities: Vec<PathBuf>,
    pub(super) agent: Agent,
    pub(super) methods: Methods,
    pub(super) algorithms: Changes,
    pub(super) family: Option<AddressFamily>,
    /// How long each phase of connecting may take.
    pub(super) connect_timeout: Duration,
    /// The address of this machine to connect from.
    pub(super) bind_address: Option<String>,
    /// Time between keep-alives, and how many unanswered ones end a connection.
    pub(super) keep_alive: (Option<Duration>, Option<u32>),
    /// What the user's configuration says and is not followed, a sentence each.
    pub(super) notes: Vec<String>,
}

/// How the server is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Route {
    Direct,
    /// Through the server of this alias.
    Jump(String),
    /// Through what a local command reads and writes.
    Command(String),
}

/// Which keys of an SSH agent are tried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Agent {
    None,
    /// All that the agent at this socket has; `SSH_AUTH_SOCK` says which without one.
    All(Option<PathBuf>),
    /// Those that [`Target::identities`] name.
    Named(Option<PathBuf>),
}

/// Which methods the user's configuration leaves to try.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Methods {
    pub(super) no_public_key: bool,
    pub(super) no_password: bool,
    pub(super) no_dialogue: bool,
}

/// What the user's configuration makes of the algorithms that are offered.
#[derive(Clone, Debug, Default)]
pub(super) struct Changes {
    pub(super) host_keys: Option<Algorithms>,
    pub(super) key_exchange: Option<Algorithms>,
    pub(super) ciphers: Option<Algorithms>,
    pub(super) macs: Option<Algorithms>,
}

impl Target {
    /// Blocks: the user's configuration is read, and may run commands (`Match exec`).
    pub(super) fn resolve(
        alias: &str,
        server: &Server,
        config: &Config,
        known_hosts: &KnownHosts,
    ) -> Result<Self, Error> {
        let target = Self::as_configured(alias, server, config, known_hosts);
        match &server.ssh_config_host {
            Some(name) => {
                let user = Some(server.user.as_str()).filter(|user| !user.is_empty());
                let told = user_config::read(&config.ssh_files, alias, name, user)?;
                Ok(target.told_by(told))
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
            rule: Rule {
                alias: alias.to_owned(),
                host: server.host.clone(),
                port: server.port(),
                name: HostName::new(&server.host, server.port()),
                policy: server.host_key_policy.unwrap_or(config.host_key_policy),
                pin: server.host_key_fingerprint.clone(),
                known_hosts: known_hosts.clone(),
            },
            route: server.jump.clone().map_or(Route::Direct, Route::Jump),
            keys: server
                .key_path
                .iter()
                .map(|path| expand_home(path))
                .collect(),
            certificates: Vec::new(),
            identities: Vec::new(),
            agent,
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
    fn told_by(mut self, told: SshHost) -> Self {
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
                self.rule.policy = Policy::Strict;
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
    pub(super) fn way(&self) -> String {
        let place = self.server.endpoint();
        match &self.route {
            Route::Direct => place,
            Route::Jump(jump) => format!("{place} through {}", implied(jump).unwrap_or(jump)),
            Route::Command(_) => format!("{place} through a ProxyCommand"),
        }
    }
}
