//! What a server's login shell is like.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio::time::timeout;

use super::pool::{Pool, Use};
use super::script::{Cut, ask, find};
use crate::error::Error;
use crate::random;
use crate::sync::lock;

/// A shell that takes longer to say who it is, is left as it is.
const PROBE_PATIENCE: Duration = Duration::from_secs(10);

/// How long a shell that did not answer is not asked again: a command must not wait for that each time.
const SILENCE_HOLDS: Duration = Duration::from_secs(300);

/// Whether a server's login shell is a POSIX one: asked once, for it does not change.
#[derive(Clone, Debug, Default)]
pub struct Shell(Arc<Mutex<Knowledge>>);

#[derive(Debug, Default)]
enum Knowledge {
    #[default]
    None,
    /// Asked at present; all who want to know get the same answer.
    Asking(watch::Receiver<Option<Result<bool, Error>>>),
    Posix(bool),
    /// It did not answer at that time.
    Silent(Instant),
}

impl Shell {
    /// Finds out whether commands of `alias` may be made to tell their process group. A server that
    /// runs something else than a POSIX shell, such as a network device, gets its commands exactly as
    /// they are.
    pub(super) async fn is_posix(
        &self,
        pool: &Pool,
        alias: &str,
        patience: Duration,
    ) -> Result<bool, Error> {
        let mut asking = {
            let mut knowledge = lock(&self.0);
            match &*knowledge {
                Knowledge::Posix(posix) => return Ok(*posix),
                Knowledge::Silent(since) if since.elapsed() < SILENCE_HOLDS => return Ok(false),
                Knowledge::Asking(asking) => asking.clone(),
                Knowledge::None | Knowledge::Silent(_) => {
                    let (answer, asking) = watch::channel(None);
                    *knowledge = Knowledge::Asking(asking.clone());
                    let (shell, pool, alias) = (self.clone(), pool.clone(), alias.to_owned());
                    // Whoever goes away meanwhile does not take it along.
                    tokio::spawn(async move {
                        let outcome = probe(&pool, &alias, patience).await;
                        *lock(&shell.0) = match outcome {
                            Ok(Some(posix)) => Knowledge::Posix(posix),
                            Ok(None) => Knowledge::Silent(Instant::now()),
                            Err(_) => Knowledge::None,
                        };
                        answer.send_replace(Some(outcome.map(|posix| posix == Some(true))));
                    });
                    asking
                }
            }
        };
        match asking.wait_for(Option::is_some).await {
            Ok(answer) => answer.clone().unwrap_or(Ok(false)),
            // The task that asked is gone without an answer.
            Err(_) => Ok(false),
        }
    }
}

/// Asks the shell of `alias` who it is. `None` if it does not say in time.
async fn probe(pool: &Pool, alias: &str, patience: Duration) -> Result<Option<bool>, Error> {
    if pool.server(alias)?.is_plain() {
        return Ok(Some(false));
    }
    // A line that is lost meanwhile says nothing about the shell.
    for _ in 0..2 {
        let channel = pool.open(alias, Use::Command, patience).await?;
        let token = random::hex::<4>();
        // Arithmetic on the shell's own number: other shells and devices make no sense of it.
        let line = format!("echo {token}$(($$+0))");
        match timeout(PROBE_PATIENCE, ask(channel, &line, "")).await {
            Ok(Ok(printed)) => return Ok(Some(holds_number(&printed.stdout, token.as_bytes()))),
            Ok(Err(Cut::Refused)) => return Ok(Some(false)),
            Ok(Err(Cut::Lost)) => {}
            Err(_) => return Ok(None),
        }
    }
    Ok(None)
}

/// Whether a number above 0 follows the token.
fn holds_number(printed: &[u8], token: &[u8]) -> bool {
    let next = find(printed, token).and_then(|start| printed.get(start + token.len()));
    next.is_some_and(|byte| matches!(byte, b'1'..=b'9'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_posix_shell_counts() {
        assert!(holds_number(b"motd\nT0K4711\n", b"T0K"));
        for other in ["T0K$(($$+0))", "T0K0", "", "T0K", "% Unknown command"] {
            assert!(!holds_number(other.as_bytes(), b"T0K"), "{other}");
        }
    }
}
