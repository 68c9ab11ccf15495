//! Read-only servers, under any alias. Only a person can make them writable, in the file.

use std::slice;
use std::sync::Arc;

use futures_util::future::join_all;

use super::Guard;
use super::keys::{is_among, named_by};
use crate::error::Error;
use crate::ssh::host_key::Identity;
use crate::ssh::{Endpoint, Pool, patience};
use crate::store::CatalogueView;
use crate::store::servers::{Server, Servers};

/// The most jump hosts of a server.
const LONGEST_WAY: usize = 16;

impl Guard {
    /// Refuses to run or change something on a read-only server, under any alias. It looks only at the
    /// configuration; [`Guard::checked`] sees more, when a job begins.
    pub fn may_change(&self, alias: &str, tool: &str) -> Result<(), Error> {
        self.may_configure(tool)?;
        let servers = self.servers.view()?;
        let Some(server) = self.unless_read_only(&servers, alias, tool)? else {
            return Ok(());
        };
        let read_only = self.read_only_in(&servers);
        if read_only.is_empty() {
            return Ok(());
        }
        let Some(here) = Endpoint::configured(&server, &self.servers) else {
            return Ok(());
        };
        let same = read_only.iter().find(|(_, other)| {
            Endpoint::configured(other, &self.servers).is_some_and(|there| there == here)
        });
        same.map_or(Ok(()), |(name, _)| Err(same_place(alias, name, tool)))
    }

    /// The other aliases of the place of a read-only server, which may be changed under none of them.
    pub fn also_read_only(&self, alias: &str, server: &Server) -> Result<Vec<String>, Error> {
        if server.readonly != Some(true) {
            return Ok(Vec::new());
        }
        let servers = self.servers.view()?;
        let others = self.others_at(&servers, alias, server);
        Ok(others.map(|(name, _)| name.to_owned()).collect())
    }

    /// Refuses an entry through which a read-only server could be changed, or that would lead the way to
    /// one elsewhere.
    pub async fn may_put(&self, alias: &str, server: &Server, tool: &str) -> Result<(), Error> {
        let (before, read_only) = {
            let servers = self.servers.view()?;
            let before = self.unless_read_only(&servers, alias, tool)?;
            (before, self.read_only_in(&servers))
        };
        if read_only.is_empty() {
            return Ok(());
        }
        let here = self.pool.endpoint(alias, server).await?;
        if let Some((name, _)) = self.behind(alias, &read_only) {
            let stays = match &before {
                Some(before) => self.pool.endpoint(alias, before).await? == here,
                None => false,
            };
            if !stays {
                return Err(on_the_way(alias, name, tool));
            }
        }
        if server.readonly == Some(true) {
            return Ok(());
        }
        self.refuse_place(alias, &here, &read_only, tool).await?;
        let known = self.pool.known_keys(alias, server).await?;
        for (name, other) in &read_only {
            let others = self.pool.known_keys(name, other).await.unwrap_or_default();
            if known.iter().any(|key| is_among(key, &others)) {
                return Err(same_key(alias, name, tool));
            }
        }
        Ok(())
    }

    /// Refuses to remove a read-only server, or a jump host of one.
    pub fn may_remove(&self, alias: &str, tool: &str) -> Result<(), Error> {
        let servers = self.servers.view()?;
        self.unless_read_only(&servers, alias, tool)?;
        match self.behind(alias, &self.read_only_in(&servers)) {
            Some((name, _)) => Err(on_the_way(alias, name, tool)),
            None => Ok(()),
        }
    }

    /// Refuses to replace the known host keys of a read-only server, by which it is recognised. The first
    /// one may be accepted.
    pub async fn may_trust(&self, alias: &str, fingerprint: &str, tool: &str) -> Result<(), Error> {
        let host = self.pool.recorded_host(alias).await?;
        for (name, server) in self.read_only()? {
            if name != alias && self.pool.recorded_host(&name).await? != host {
                continue;
            }
            let known = self.pool.known_keys(&name, &server).await?;
            let is_known = known.iter().any(|key| key.fingerprint == fingerprint);
            if !known.is_empty() && !is_known {
                return Err(same_record(alias, &name, tool));
            }
        }
        Ok(())
    }

    /// The connections for a job that runs or changes something. None of them leads to a read-only server:
    /// host keys are compared before anything is sent.
    pub async fn checked(&self, alias: &str, tool: &'static str) -> Result<Pool, Error> {
        let read_only = self.read_only()?;
        if read_only.is_empty() {
            return Ok(self.pool.clone());
        }
        let server = self.pool.server(alias)?;
        let here = self.pool.endpoint(alias, &server).await?;
        self.refuse_place(alias, &here, &read_only, tool).await?;
        let keys = self.keys(&read_only).await?;
        let shown = self.pool.identity(alias, patience(None)).await?;
        refuse_known(alias, slice::from_ref(&shown), &keys, tool)?;
        // It may have keys of other types than the one that it has presented.
        let is_compared =
            |(_, known): &(String, Vec<Identity>)| known.iter().any(|key| key.kind == shown.kind);
        if !keys.iter().all(is_compared) {
            let all = self.all_keys(alias, &server).await?;
            refuse_known(alias, &all, &keys, tool)?;
        }
        let (alias, keys) = (alias.to_owned(), Arc::new(keys));
        Ok(self.pool.checked(Arc::new(move |shown: &Identity| {
            match named_by(shown, &keys) {
                Some(name) => Err(same_key(&alias, name, tool)),
                None => Ok(()),
            }
        })))
    }

    /// The server of this alias, if there is one. A read-only one is refused.
    fn unless_read_only(
        &self,
        servers: &CatalogueView<'_, Server>,
        alias: &str,
        tool: &str,
    ) -> Result<Option<Server>, Error> {
        match servers.get(alias) {
            Ok(server) if server.readonly == Some(true) => {
                Err(super::read_only(&format!("server `{alias}`"), tool))
            }
            Ok(server) => Ok(Some(server)),
            Err(Error::UnknownAlias { .. }) => {
                let read_only = self.read_only_in(servers);
                let is_lost = read_only.iter().any(|(name, _)| name == alias);
                if is_lost {
                    return Err(super::read_only(&format!("server `{alias}`"), tool));
                }
                // The caller reports that the alias is not known.
                Ok(None)
            }
            // It may be read-only.
            Err(error) => Err(error),
        }
    }

    /// One of these servers that is reached through the jump host `alias`.
    fn behind<'s>(
        &self,
        alias: &str,
        servers: &'s [(String, Server)],
    ) -> Option<&'s (String, Server)> {
        servers
            .iter()
            .find(|(_, server)| leads_through(alias, server, &self.servers))
    }

    /// Refuses an endpoint at which one of these servers is.
    async fn refuse_place(
        &self,
        alias: &str,
        here: &Endpoint,
        servers: &[(String, Server)],
        tool: &str,
    ) -> Result<(), Error> {
        let there = servers.iter().map(async |(name, server)| {
            let is_same = match self.pool.endpoint(name, server).await {
                Ok(there) => here.is_same(&there).await,
                Err(error) => {
                    tracing::warn!(
                        "where the read-only server `{name}` is cannot be told: {error}"
                    );
                    false
                }
            };
            is_same.then_some(name)
        });
        match join_all(there).await.into_iter().flatten().next() {
            Some(name) => Err(same_place(alias, name, tool)),
            None => Ok(()),
        }
    }
}

fn refuse_known(
    alias: &str,
    shown: &[Identity],
    keys: &[(String, Vec<Identity>)],
    tool: &str,
) -> Result<(), Error> {
    let known = shown.iter().find_map(|key| named_by(key, keys));
    known.map_or(Ok(()), |name| Err(same_key(alias, name, tool)))
}

fn leads_through(alias: &str, server: &Server, servers: &Servers) -> bool {
    let mut next = server.jump.clone();
    for _ in 0..LONGEST_WAY {
        let Some(jump) = next else { return false };
        if jump == alias {
            return true;
        }
        next = servers.get(&jump).ok().and_then(|server| server.jump);
    }
    false
}

fn same_place(alias: &str, name: &str, tool: &str) -> Error {
    refused(alias, name, tool, "leads to the same place as")
}

fn same_key(alias: &str, name: &str, tool: &str) -> Error {
    refused(alias, name, tool, "has the same host key as")
}

fn same_record(alias: &str, name: &str, tool: &str) -> Error {
    refused(
        alias,
        name,
        tool,
        "has its keys on record in the same place as",
    )
}

fn refused(alias: &str, name: &str, tool: &str, because: &str) -> Error {
    Error::ReadOnly {
        subject: if alias == name {
            format!("server `{name}`")
        } else {
            format!("server `{name}`, which `{alias}` leads to,")
        },
        tool: tool.to_owned(),
        advice: format!(
            "`{alias}` {because} `{name}`, which is read-only; ask the person who runs this, who alone can \
             change that, in servers.json"
        ),
    }
}

fn on_the_way(alias: &str, name: &str, tool: &str) -> Error {
    Error::ReadOnly {
        subject: format!("server `{name}`, whose way leads through `{alias}`,"),
        tool: tool.to_owned(),
        advice: format!(
            "the way to `{name}`, which is read-only, leads through `{alias}`; ask the person who runs this, who \
             alone can change that, in servers.json"
        ),
    }
}
