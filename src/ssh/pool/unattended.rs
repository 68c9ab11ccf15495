//! Servers that may be logged in to now and then, with no person at hand.

use super::Pool;
use crate::error::Error;
use crate::fs::blocking;
use crate::secret::{Reference, Secret};
use crate::ssh::target::{MAX_JUMPS, Route};
use crate::store::servers::Server;

impl Pool {
    /// Returns whether a login to a server asks nobody and is not refused, as far as it is known: it did neither the
    /// last time, there and at each host on the way, and their host keys are on record.
    pub async fn logs_in_unattended(&self, alias: &str) -> Result<bool, Error> {
        let dialer = &self.shared.dialer;
        let mut alias = alias.to_owned();
        for _ in 0..=MAX_JUMPS {
            let server = self.reached(&alias)?;
            if !asks_nobody(&server) {
                return Ok(false);
            }
            let target = dialer.target(&alias, &server).await?;
            let verifier = target.verifier.clone();
            if !dialer.unattended_logins.have(&target).await?
                || !blocking(move || verifier.is_on_record()).await?
            {
                return Ok(false);
            }
            match target.route {
                Route::Direct => return Ok(true),
                Route::Jump(jump) => alias = jump,
                // It may ask for anything.
                Route::Command(_) => return Ok(false),
            }
        }
        Ok(false)
    }
}

/// Returns whether a server's entry has nothing that a person may have to answer for: a code, an answer, or a secret
/// from a password manager, which may want to be unlocked. One that gets commands exactly as they are is left alone.
fn asks_nobody(server: &Server) -> bool {
    let is_fetched = |secret: &Option<Secret>| {
        let reference = secret.as_ref().and_then(Secret::reference);
        matches!(reference, Some(Reference::Command(_)))
    };
    server.totp_secret.is_none()
        && server.login_responses.is_none()
        && !server.is_plain()
        && !is_fetched(&server.password)
        && !is_fetched(&server.passphrase)
}
