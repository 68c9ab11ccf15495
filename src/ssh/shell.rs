//! What a server's login shell is like.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio::time::timeout;

use super::charset::Charset;
use super::pool::{Pool, Use};
use super::script::{Cut, ask, find};
use crate::error::Error;
use crate::random;
use crate::sync::lock;

/// A shell that takes longer to say who it is, is left as it is.
const PROBE_PATIENCE: Duration = Duration::from_secs(10);

/// How long a shell that did not answer is not asked again: a command must not wait for that each time.
const SILENCE_HOLDS: Duration = Duration::from_secs(300);

/// What a login shell is like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Nature {
    /// Whether it is a POSIX one.
    pub(super) is_posix: bool,
    /// What it prints in.
    pub(super) charset: Charset,
}

/// What is known of a server's login shell: asked once, for it does not change.
#[derive(Clone, Debug, Default)]
pub struct Shell(Arc<Mutex<Knowledge>>);

#[derive(Debug, Default)]
enum Knowledge {
    #[default]
    None,
    /// Asked at present; all who want to know get the same answer.
    Asking(watch::Receiver<Option<Result<Nature, Error>>>),
    Known(Nature),
    /// It did not answer at that time.
    Silent(Instant),
}

impl Shell {
    /// What is known without asking.
    pub(super) fn known(&self) -> Nature {
        match &*lock(&self.0) {
            Knowledge::Known(nature) => *nature,
            _ => Nature::default(),
        }
    }

    /// Finds out whether commands of `alias` may be made to tell their process group. A server that
    /// runs something else than a POSIX shell, such as a network device, gets its commands exactly as
    /// they are.
    pub(super) async fn nature(
        &self,
        pool: &Pool,
        alias: &str,
        patience: Duration,
    ) -> Result<Nature, Error> {
        let mut asking = {
            let mut knowledge = lock(&self.0);
            match &*knowledge {
                Knowledge::Known(nature) => return Ok(*nature),
                Knowledge::Silent(since) if since.elapsed() < SILENCE_HOLDS => {
                    return Ok(Nature::default());
                }
                Knowledge::Asking(asking) => asking.clone(),
                Knowledge::None | Knowledge::Silent(_) => {
                    let (answer, asking) = watch::channel(None);
                    *knowledge = Knowledge::Asking(asking.clone());
                    let (shell, pool, alias) = (self.clone(), pool.clone(), alias.to_owned());
                    // Whoever goes away meanwhile does not take it along.
                    tokio::spawn(async move {
                        let outcome = probe(&pool, &alias, patience).await;
                        *lock(&shell.0) = match outcome {
                            Ok(Some(nature)) => Knowledge::Known(nature),
                            Ok(None) => Knowledge::Silent(Instant::now()),
                            Err(_) => Knowledge::None,
                        };
                        answer.send_replace(Some(outcome.map(Option::unwrap_or_default)));
                    });
                    asking
                }
            }
        };
        match asking.wait_for(Option::is_some).await {
            Ok(answer) => answer.clone().unwrap_or(Ok(Nature::default())),
            // The task that asked is gone without an answer.
            Err(_) => Ok(Nature::default()),
        }
    }
}

/// Asks the shell of `alias` who it is. `None` if it does not say in time.
async fn probe(pool: &Pool, alias: &str, patience: Duration) -> Result<Option<Nature>, Error> {
    if pool.server(alias)?.is_plain() {
        return Ok(Some(Nature::default()));
    }
    // A line that is lost meanwhile says nothing about the shell.
    for _ in 0..2 {
        let channel = pool.open(alias, Use::Command, patience).await?;
        let token = random::hex::<4>();
        // Arithmetic on the shell's own number: other shells and devices make no sense of it.
        let line = format!("echo {token}$(($$+0)) $(locale charmap)");
        match timeout(PROBE_PATIENCE, ask(channel, &line, "")).await {
            Ok(Ok(printed)) => {
                return Ok(Some(read(&printed.stdout, &token).unwrap_or_default()));
            }
            Ok(Err(Cut::Refused)) => return Ok(Some(Nature::default())),
            Ok(Err(Cut::Lost)) => {}
            Err(_) => return Ok(None),
        }
    }
    Ok(None)
}

/// What a POSIX shell says of itself: a number above 0 after the token, and its encoding.
fn read(printed: &[u8], token: &str) -> Option<Nature> {
    let start = find(printed, token.as_bytes())? + token.len();
    let line = String::from_utf8_lossy(&printed[start..]);
    let mut words = line.lines().next()?.split(' ');
    words
        .next()?
        .parse::<u32>()
        .ok()
        .filter(|number| *number > 0)?;
    Some(Nature {
        is_posix: true,
        charset: words.next().and_then(Charset::named).unwrap_or_default(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_posix_shell_counts() {
        let nature = |charset: &str| {
            Some(Nature {
                is_posix: true,
                charset: Charset::named(charset).unwrap(),
            })
        };
        assert_eq!(read(b"motd\nT0K4711 UTF-8\n", "T0K"), nature("utf-8"));
        assert_eq!(read(b"T0K4711 GBK\nbye\n", "T0K"), nature("gbk"));
        assert_eq!(read(b"T0K4711 \n", "T0K"), nature("utf-8"));
        for other in ["T0K$(($$+0))", "T0K0", "", "T0K", "% Unknown command"] {
            assert_eq!(read(other.as_bytes(), "T0K"), None, "{other}");
        }
    }
}
