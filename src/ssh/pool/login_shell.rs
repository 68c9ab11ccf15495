//! The login shell of a server, as far as it is known.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::known_shells::ShellName;
use super::shell_kind::ShellKind;
use crate::error::Error;
use crate::sync::lock;

/// Pause after a shell did not answer the probe: not every command is to wait for that.
const SILENCE_HOLDS: Duration = Duration::from_secs(60);

/// Unclear answers in a row that count as none. A single one does not: the account may be locked for a
/// moment, or its home directory not be mounted yet.
const MOST_UNCLEAR: u32 = 3;

/// The login shell of a server. It is probed once, unless it turns out to have changed.
#[derive(Clone, Debug, Default)]
pub struct LoginShell(Arc<Mutex<Knowledge>>);

#[derive(Debug, Default)]
enum Knowledge {
    #[default]
    None,
    /// A probe is under way; all callers get its answer.
    Asking(watch::Receiver<Option<Result<ShellKind, Error>>>),
    Known(ShellKind),
    /// As an earlier connection found it, under this name.
    Recalled(ShellKind, ShellName),
    /// It gave no clear answer: the number of times, and the time of the last.
    Unclear(u32, Instant),
}

impl LoginShell {
    /// The kind as far as it is known without a probe.
    pub(in crate::ssh) fn known(&self) -> ShellKind {
        match &*lock(&self.0) {
            Knowledge::Known(kind) | Knowledge::Recalled(kind, _) => *kind,
            _ => ShellKind::default(),
        }
    }

    /// Forgets what an earlier connection found, and returns the name under which it is kept, if it was that.
    pub(in crate::ssh) fn doubt(&self) -> Option<ShellName> {
        let mut knowledge = lock(&self.0);
        match std::mem::take(&mut *knowledge) {
            Knowledge::Recalled(_, name) => Some(name),
            other => {
                *knowledge = other;
                None
            }
        }
    }

    /// The shell's kind, by a probe unless it is known. All callers meanwhile get the same answer.
    pub(in crate::ssh) async fn kind<P>(
        &self,
        probe: impl FnOnce() -> P,
    ) -> Result<ShellKind, Error>
    where
        P: Future<Output = Result<ProbeAnswer, Error>> + Send + 'static,
    {
        let mut asking = {
            let mut knowledge = lock(&self.0);
            match &*knowledge {
                Knowledge::Known(kind) | Knowledge::Recalled(kind, _) => return Ok(*kind),
                Knowledge::Unclear(times, since)
                    if *times >= MOST_UNCLEAR && since.elapsed() < SILENCE_HOLDS =>
                {
                    return Ok(ShellKind::default());
                }
                Knowledge::Asking(asking) => asking.clone(),
                Knowledge::None | Knowledge::Unclear(..) => {
                    let before = match &*knowledge {
                        Knowledge::Unclear(times, _) => *times,
                        _ => 0,
                    };
                    let (answer, asking) = watch::channel(None);
                    *knowledge = Knowledge::Asking(asking.clone());
                    let (shell, probe) = (self.clone(), probe());
                    // The probe outlives a caller that is cancelled.
                    tokio::spawn(async move {
                        let outcome = probe.await;
                        *lock(&shell.0) = match &outcome {
                            Ok(ProbeAnswer::Clear(kind)) => Knowledge::Known(*kind),
                            Ok(ProbeAnswer::Recalled(kind, name)) => {
                                Knowledge::Recalled(*kind, name.clone())
                            }
                            Ok(ProbeAnswer::Unclear) => {
                                Knowledge::Unclear(before + 1, Instant::now())
                            }
                            Ok(ProbeAnswer::None) => {
                                Knowledge::Unclear(MOST_UNCLEAR, Instant::now())
                            }
                            Err(_) => Knowledge::None,
                        };
                        answer.send_replace(Some(outcome.map(ProbeAnswer::kind)));
                    });
                    asking
                }
            }
        };
        match asking.wait_for(Option::is_some).await {
            Ok(answer) => answer.clone().unwrap_or(Ok(ShellKind::default())),
            // The task that asked is gone without an answer.
            Err(_) => Ok(ShellKind::default()),
        }
    }
}

/// The answer to a probe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::ssh) enum ProbeAnswer {
    /// The shell's kind.
    Clear(ShellKind),
    /// The kind that an earlier connection found, and the name under which it is kept; nothing was asked.
    Recalled(ShellKind, ShellName),
    /// A text that no shell prints for it: perhaps the reason why nobody may log in at present.
    Unclear,
    /// No answer in time.
    None,
}

impl ProbeAnswer {
    fn kind(self) -> ShellKind {
        match self {
            Self::Clear(kind) | Self::Recalled(kind, _) => kind,
            Self::Unclear | Self::None => ShellKind::default(),
        }
    }
}
