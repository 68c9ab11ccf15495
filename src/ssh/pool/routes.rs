//! Routes to servers: in words, without circles, and through other servers.

use std::sync::Arc;
use std::time::Duration;

use super::{Pool, PoolShared, Tunnel};
use crate::error::Error;
use crate::ssh::connection::stream::Duplex;
use crate::ssh::dial::{OpeningTunnel, Tunnels};
use crate::ssh::target::jump::{hops_from_config, jump_server_from_config};
use crate::store::servers::Server;

impl Pool {
    /// The route to a server in words, and notes on settings of the user's SSH configuration that are
    /// not followed.
    pub async fn route(
        &self,
        alias: &str,
        server: &Server,
    ) -> Result<(String, Vec<String>), Error> {
        let target = self.shared.dialer.target(alias, server).await?;
        Ok((target.route_text(), target.notes))
    }

    /// Refuses a route that leads in a circle, or through a server that is not configured, were
    /// `alias` to be this server.
    pub fn check_route(&self, alias: &str, server: &Server) -> Result<(), Error> {
        if hops_from_config(alias).is_some() {
            let problem = "begins like the names of the SSH configuration's jump hosts";
            return Err(Error::invalid("alias", problem));
        }
        let mut route = vec![alias.to_owned()];
        let mut next = server.jump.clone();
        while let Some(jump) = next {
            if route.contains(&jump) {
                let route = route.join("` → `");
                let problem = format!("leads in a circle: `{route}` → `{jump}`");
                return Err(Error::invalid("jump", problem));
            }
            next = self.shared.servers.get(&jump)?.jump;
            route.push(jump);
        }
        Ok(())
    }
}

impl Tunnels for PoolShared {
    fn server(&self, alias: &str) -> Result<Server, Error> {
        match jump_server_from_config(alias) {
            Some(server) => Ok(server),
            None => self.servers.get(alias),
        }
    }

    fn open(
        self: Arc<Self>,
        alias: String,
        (host, port): (String, u16),
        limit: Duration,
    ) -> OpeningTunnel {
        Box::pin(async move {
            let opened = Pool::from(self).jump(&alias, (&host, port), limit).await?;
            Ok(opened.map(|channel| Box::new(Tunnel::new(channel)) as Box<dyn Duplex>))
        })
    }
}
