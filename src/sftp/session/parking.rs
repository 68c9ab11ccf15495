//! Sessions that stay open for the next transfer: none has to be opened then.

use std::ops::Deref;
use std::time::{Duration, Instant};

use futures_util::future::BoxFuture;

use crate::error::Error;
use crate::sftp::session::SftpSession;
use crate::ssh::{Lease, ParkedSession, Pool};

/// Time after which a session is no longer taken for alive without a sign of life.
const SURELY_ALIVE: Duration = Duration::from_secs(1);

impl SftpSession {
    /// Takes a parked session to `alias`, or opens one, waiting for a free connection at most `patience`.
    pub(crate) async fn take_or_open(
        pool: &Pool,
        alias: &str,
        patience: Duration,
    ) -> Result<Self, Error> {
        // One that is parked runs as the user who is logged in.
        let parked = if pool.is_elevated(alias) {
            None
        } else {
            Self::take(pool, alias)
        };
        match parked {
            Some(session) => Ok(session),
            None => Self::open(pool, alias, patience).await,
        }
    }

    /// Takes a parked session to `alias`, if there is one. It may turn out to be dead.
    pub(crate) fn take(pool: &Pool, alias: &str) -> Option<Self> {
        let mut session = *pool.take_parked::<Self>(alias)?;
        session.round_trip = session.client.round_trip();
        if session.last_used.elapsed() > SURELY_ALIVE {
            session.client.demand_sign_of_life();
        }
        Some(session)
    }

    /// Parks the session for the next transfer, or closes it.
    pub(crate) fn park(mut self) {
        if self.note().is_none() && !self.client.is_elevated && self.client.is_alive() {
            self.last_used = Instant::now();
            Pool::park(Box::new(self));
        }
    }
}

/// A session that is parked once it is dropped.
pub(crate) struct ReturningSession(Option<SftpSession>);

impl From<SftpSession> for ReturningSession {
    fn from(session: SftpSession) -> Self {
        Self(Some(session))
    }
}

impl Deref for ReturningSession {
    type Target = SftpSession;

    fn deref(&self) -> &SftpSession {
        self.0.as_ref().expect("it is taken out when it is dropped")
    }
}

impl Drop for ReturningSession {
    fn drop(&mut self) {
        if let Some(session) = self.0.take() {
            session.park();
        }
    }
}

impl ParkedSession for SftpSession {
    fn lease(&self) -> &Lease {
        self.client.lease()
    }

    fn is_alive(&self) -> bool {
        self.client.is_alive()
    }

    fn close(self: Box<Self>) -> BoxFuture<'static, ()> {
        let closed = self.client.closed();
        Box::pin(async move {
            drop(self);
            closed.cancelled().await;
        })
    }
}
