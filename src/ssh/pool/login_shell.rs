//! What is known of a server's login shell.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::sync::watch;

use crate::charset::Charset;
use crate::error::Error;
use crate::sync::lock;

/// How long a shell that did not answer is not asked again: a command must not wait for that each time.
const SILENCE_HOLDS: Duration = Duration::from_secs(60);

/// So many answers one after another that make no sense are as good as none. One is not: the account may
/// be locked for a moment, or its home directory not be mounted yet.
const MOST_UNCLEAR: u32 = 3;

/// A login shell, as far as it matters to commands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::ssh) struct ShellKind {
    /// Whether it is a POSIX one.
    pub(in crate::ssh) is_posix: bool,
    /// Whether it is one that restricts what may be run.
    pub(in crate::ssh) is_restricted: bool,
    /// What it prints in.
    pub(in crate::ssh) charset: Charset,
}

/// What is known of a server's login shell: asked once, for it does not change.
#[derive(Clone, Debug, Default)]
pub struct LoginShell(Arc<Mutex<Knowledge>>);

#[derive(Debug, Default)]
enum Knowledge {
    #[default]
    None,
    /// Asked at present; all who want to know get the same answer.
    Asking(watch::Receiver<Option<Result<ShellKind, Error>>>),
    Known(ShellKind),
    /// It gave no clear answer: so often, and last at that time.
    Unclear(u32, Instant),
}

impl LoginShell {
    /// What is known without asking.
    pub(in crate::ssh) fn known(&self) -> ShellKind {
        match &*lock(&self.0) {
            Knowledge::Known(kind) => *kind,
            _ => ShellKind::default(),
        }
    }

    /// The shell's kind, by a probe unless it is known. All who ask meanwhile get the same answer.
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
                Knowledge::Known(kind) => return Ok(*kind),
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
                        *lock(&shell.0) = match outcome {
                            Ok(ProbeAnswer::Clear(kind)) => Knowledge::Known(kind),
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

/// A shell's answer to the question who it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::ssh) enum ProbeAnswer {
    /// What it is like.
    Clear(ShellKind),
    /// Something that no shell says to it: perhaps why nobody may log in at present.
    Unclear,
    /// Nothing in time.
    None,
}

impl ProbeAnswer {
    fn kind(self) -> ShellKind {
        match self {
            Self::Clear(kind) => kind,
            Self::Unclear | Self::None => ShellKind::default(),
        }
    }
}
