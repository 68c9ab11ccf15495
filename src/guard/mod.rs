//! What is let happen: read-only servers, the command policy, and the local directories of transfers.
//!
//! A guard rail and not a sandbox: whoever may run a program on a server may do there what its user may.

mod policies;

use std::sync::Arc;

use crate::config::Config;
use crate::error::Error;
use crate::policy::Refusal;
use crate::sftp::Roots;
use crate::store::DataDirectory;
use crate::store::servers::Servers;

pub use policies::Policies;

/// What decides whether something may happen.
#[derive(Debug)]
pub struct Guard {
    config: Arc<Config>,
    servers: Arc<Servers>,
    policies: Policies,
    roots: Roots,
}

impl Guard {
    /// The guard of a data directory.
    pub fn open(config: Arc<Config>, data: &DataDirectory, servers: Arc<Servers>) -> Self {
        Self {
            policies: Policies::open(data),
            roots: Roots::new(&config.allowed_roots),
            config,
            servers,
        }
    }

    /// The command policy.
    pub fn policies(&self) -> &Policies {
        &self.policies
    }

    /// Where local files of transfers have to lie.
    pub fn roots(&self) -> &Roots {
        &self.roots
    }

    /// Refuses to run or change something on a server that is only to be read, or to replace that
    /// server by one that is not: only a person can, in the file.
    pub fn may_change(&self, alias: &str, tool: &str) -> Result<(), Error> {
        self.may_configure(tool)?;
        match self.servers.get(alias) {
            Ok(server) if server.readonly == Some(true) => {
                Err(read_only(&format!("server `{alias}`"), tool))
            }
            // One that is not known is refused by who wants to reach it.
            Ok(_) | Err(Error::UnknownAlias { .. }) => Ok(()),
            // Whether it is to be read only cannot be told.
            Err(error) => Err(error),
        }
    }

    /// Refuses to change anything where nothing may be changed.
    pub fn may_configure(&self, tool: &str) -> Result<(), Error> {
        if self.config.read_only {
            return Err(read_only("everything", tool));
        }
        Ok(())
    }

    /// Refuses commands that the policy does not let through. Those that run in one shell are one text,
    /// a line each.
    pub fn may_run(&self, text: &str) -> Result<(), Error> {
        let judged = self.policies.current()?.judge(text);
        judged.map_err(blocked)
    }

    /// Refuses to write a file on a server where the policy lets no command write it. The file goes by
    /// these names: absolute paths, or such that begin with `~/`.
    pub fn may_write(&self, names: &[String]) -> Result<(), Error> {
        let judged = self.policies.current()?.judge_write(names);
        judged.map_err(blocked)
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
    }
}
