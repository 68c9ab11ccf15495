//! The guard: read-only servers, the command policy, rules that ask a person, and the local directories of transfers.
//!
//! It is a guard rail and no sandbox: a program that runs on a server may do all that its user may.

mod access;
mod answers;
mod asking;
mod devices;
mod keys;
mod policies;
mod readonly;
mod remembered;
mod tunnels;

use std::sync::Arc;

use crate::config::Config;
use crate::error::Error;
use crate::held::Holds;
use crate::policy::{Pattern, Refusal};
use crate::sftp::{Roots, WriteCheck};
use crate::shell::quote;
use crate::ssh::{Endpoint, Pool};
use crate::store::servers::{Server, Servers};
use crate::store::{CatalogueView, DataDirectory};

pub use access::Access;
pub use asking::{AccessMode, WantedWork};
pub use devices::DeviceLack;
pub use policies::{Policies, Rules};

/// Decides what calls may do.
pub struct Guard {
    config: Arc<Config>,
    servers: Arc<Servers>,
    pool: Pool,
    policies: Policies,
    roots: Roots,
    shown_keys: keys::ShownKeys,
    remembered: remembered::Remembered,
    names: tunnels::SeenNames,
    holds: Arc<Holds>,
}

impl Guard {
    /// The guard of a data directory.
    pub fn open(
        config: Arc<Config>,
        data: &DataDirectory,
        servers: Arc<Servers>,
        pool: Pool,
    ) -> Self {
        let guard = Self {
            pool,
            shown_keys: keys::ShownKeys::default(),
            remembered: remembered::Remembered::default(),
            names: tunnels::SeenNames::default(),
            holds: Arc::new(Holds::of(data)),
            policies: Policies::open(data),
            roots: Roots::new(&config.allowed_roots).without(data.path()),
            config,
            servers,
        };
        guard.remember_read_only();
        guard
    }

    /// The other entries that lead to the place of a server, as far as entries tell.
    fn others_at<'v>(
        &self,
        servers: &'v CatalogueView<'_, Server>,
        alias: &str,
        server: &Server,
    ) -> impl Iterator<Item = (&'v String, Server)> {
        let place = Endpoint::configured(server, &self.servers);
        servers.all().filter_map(move |(other, server)| {
            let server = server.filter(|_| other != alias && place.is_some())?;
            let leads_there = Endpoint::configured(&server, &self.servers) == place;
            leads_there.then_some((other, server))
        })
    }

    /// The same guard with other rules for commands: these are refused, and nothing else.
    fn with_block_rules(&self, rules: Vec<Pattern>) -> Self {
        Self {
            config: Arc::clone(&self.config),
            servers: Arc::clone(&self.servers),
            pool: self.pool.clone(),
            policies: self.policies.with_block_rules(rules),
            roots: self.roots.clone(),
            shown_keys: keys::ShownKeys::default(),
            remembered: remembered::Remembered::default(),
            names: tunnels::SeenNames::default(),
            holds: Arc::clone(&self.holds),
        }
    }

    /// The command policy.
    pub fn policies(&self) -> &Policies {
        &self.policies
    }

    /// The servers on which a person lets nothing begin.
    pub fn holds(&self) -> &Holds {
        &self.holds
    }

    /// The directories in which local files of transfers have to lie.
    pub fn roots(&self) -> &Roots {
        &self.roots
    }

    /// Refuses a call of this access class before it runs. `alias` is the server that the call names.
    pub fn may_call(&self, tool: &str, access: Access, alias: Option<&str>) -> Result<(), Error> {
        if access.is_held() {
            self.holds.check(alias)?;
        }
        if !access.changes() {
            return Ok(());
        }
        match alias {
            Some(alias) if access.changes_server() => self.may_change(alias, tool),
            _ => self.may_configure(tool),
        }
    }

    /// Refuses to change anything where nothing may be changed.
    fn may_configure(&self, tool: &str) -> Result<(), Error> {
        if self.config.read_only {
            return Err(read_only("everything", tool));
        }
        Ok(())
    }

    /// Refuses an alias that no server has.
    pub fn check_alias(&self, alias: &str) -> Result<(), Error> {
        self.servers.get(alias).map(drop)
    }

    /// Refuses commands that the policy does not allow. Commands that run in one shell are one text, with
    /// a line for each.
    pub fn may_run(&self, text: &str) -> Result<(), Error> {
        let judged = self.policies.current()?.judge(text);
        judged.map_err(blocked)
    }

    /// Refuses commands that the policy does not allow, where a shell among them would read its own from this input.
    pub fn may_run_reading(&self, text: &str, input: &str) -> Result<(), Error> {
        let judged = self.policies.current()?.judge_reading(text, input);
        judged.map_err(blocked)
    }

    /// Refuses to type a text to a command that runs at a terminal, if the policy does not allow it.
    pub fn may_type(&self, cmd: &str, text: &str) -> Result<(), Error> {
        let judged = self.policies.current()?.judge_input(cmd, text);
        judged.map_err(blocked)
    }

    /// Refuses to run these commands by sudo as `user` where the policy does not allow that; without commands, sudo
    /// itself.
    pub fn may_run_as(&self, user: &str, commands: &[String]) -> Result<(), Error> {
        let sudo = format!("sudo -u {}", quote(user));
        if commands.is_empty() {
            return self.may_run(&format!("{sudo} sftp-server"));
        }
        let mut all = commands.iter();
        all.try_for_each(|command| self.may_run(&format!("{sudo} sh -c {}", quote(command))))
    }

    /// Refuses to write a file on a server that the policy lets no command write. `names` are the file's
    /// paths: absolute ones, or such that begin with `~/`.
    pub fn may_write(&self, names: &[String]) -> Result<(), Error> {
        self.write_check()(names)
    }

    /// Refuses to read a file on a server that file tools leave alone. `names` are the file's paths: absolute
    /// ones, or such that begin with `~/`. `holds_key` says that a private key is in it.
    pub fn may_read(&self, names: &[String], holds_key: bool) -> Result<(), Error> {
        let policy = self.policies.current()?;
        policy.judge_read(names, holds_key).map_err(blocked)
    }

    /// Returns [`Guard::may_write`] for many files, with the rules of now.
    pub fn write_check(&self) -> WriteCheck {
        let policy = self.policies.current();
        Box::new(move |names| {
            let policy = policy.as_ref().map_err(Error::clone)?;
            policy.judge_write(names).map_err(blocked)
        })
    }

    /// Refuses to let keys log in where the policy refuses `ssh-copy-id`, the command for that.
    pub fn may_authorize_keys(&self) -> Result<(), Error> {
        self.may_run("ssh-copy-id")
    }

    /// Returns [`Guard::write_check`], save that users' `authorized_keys` are judged by
    /// [`Guard::may_authorize_keys`]: for changes that add a key to them, or take one back.
    pub fn keys_check(&self) -> WriteCheck {
        let (others, may_authorize) = (self.write_check(), self.may_authorize_keys());
        Box::new(move |names| {
            let is_of_keys = |name: &&String| name.ends_with("/.ssh/authorized_keys");
            let (of_keys, rest): (Vec<_>, Vec<_>) = names.iter().partition(is_of_keys);
            if !of_keys.is_empty() {
                may_authorize.clone()?;
            }
            // A symbolic link may lead to another file.
            let rest: Vec<_> = rest.into_iter().cloned().collect();
            if rest.is_empty() {
                Ok(())
            } else {
                others(&rest)
            }
        })
    }

    /// Refuses to remove files on a server that the policy lets no command remove, with the rules of now.
    pub fn removal_check(&self) -> WriteCheck {
        let policy = self.policies.current();
        Box::new(move |names| {
            let policy = policy.as_ref().map_err(Error::clone)?;
            policy.judge_removal(names).map_err(blocked)
        })
    }
}

fn blocked(refusal: Refusal) -> Error {
    Error::Blocked {
        rule: refusal.rule,
        part: refusal.part,
        reason: refusal.reason,
        advice: refusal.hint,
    }
}

fn read_only(subject: &str, tool: &str) -> Error {
    Error::ReadOnly {
        subject: subject.to_owned(),
        tool: tool.to_owned(),
        advice:
            "ask the person who runs this; it is set by MCP_READONLY or by the server's `readonly`"
                .to_owned(),
    }
}
