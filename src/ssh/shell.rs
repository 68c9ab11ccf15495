//! What a server's login shell is like.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio::time::timeout;

use super::pool::{Pool, Use};
use super::script::{Cut, ask, find};
use crate::charset::Charset;
use crate::error::Error;
use crate::random;
use crate::sync::lock;

/// A shell that takes longer to say who it is, is left as it is.
const PROBE_PATIENCE: Duration = Duration::from_secs(10);

/// How long a shell that did not answer is not asked again: a command must not wait for that each time.
const SILENCE_HOLDS: Duration = Duration::from_secs(60);

/// So many answers one after another that make no sense are as good as none. One is not: the account may
/// be locked for a moment, or its home directory not be mounted yet.
const MOST_UNCLEAR: u32 = 3;

/// What a login shell is like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Nature {
    /// Whether it is a POSIX one.
    pub(super) is_posix: bool,
    /// Whether it is one that restricts what may be run.
    pub(super) is_restricted: bool,
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
    /// It gave no clear answer: so often, and last at that time.
    Unclear(u32, Instant),
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
                Knowledge::Unclear(times, since)
                    if *times >= MOST_UNCLEAR && since.elapsed() < SILENCE_HOLDS =>
                {
                    return Ok(Nature::default());
                }
                Knowledge::Asking(asking) => asking.clone(),
                Knowledge::None | Knowledge::Unclear(..) => {
                    let before = match &*knowledge {
                        Knowledge::Unclear(times, _) => *times,
                        _ => 0,
                    };
                    let (answer, asking) = watch::channel(None);
                    *knowledge = Knowledge::Asking(asking.clone());
                    let (shell, pool, alias) = (self.clone(), pool.clone(), alias.to_owned());
                    // Whoever goes away meanwhile does not take it along.
                    tokio::spawn(async move {
                        let outcome = probe(&pool, &alias, patience).await;
                        *lock(&shell.0) = match outcome {
                            Ok(Answer::Clear(nature)) => Knowledge::Known(nature),
                            Ok(Answer::Unclear) => Knowledge::Unclear(before + 1, Instant::now()),
                            Ok(Answer::None) => Knowledge::Unclear(MOST_UNCLEAR, Instant::now()),
                            Err(_) => Knowledge::None,
                        };
                        answer.send_replace(Some(outcome.map(Answer::nature)));
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

/// What a shell says to the question who it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answer {
    /// What it is like.
    Clear(Nature),
    /// Something that no shell says to it: perhaps why nobody may log in at present.
    Unclear,
    /// Nothing in time.
    None,
}

impl Answer {
    fn nature(self) -> Nature {
        match self {
            Self::Clear(nature) => nature,
            Self::Unclear | Self::None => Nature::default(),
        }
    }
}

/// Asks the shell of `alias` who it is.
async fn probe(pool: &Pool, alias: &str, patience: Duration) -> Result<Answer, Error> {
    if pool.server(alias)?.is_plain() {
        return Ok(Answer::Clear(Nature::default()));
    }
    let token = random::hex::<4>();
    // Arithmetic on the shell's own number: other shells and devices make no sense of it. Nothing here is
    // what a restricted shell refuses.
    let question = format!("echo {token}$(($$+0)) .$- $(locale charmap)");
    // A shell of another kind, which makes nothing of that, says at least this.
    let plain_question = format!("echo {token}");
    let mut answer = Answer::None;
    for question in [question, plain_question] {
        answer = match put(pool, alias, &question, patience).await? {
            Some(printed) => read(&printed, &token),
            None => Answer::None,
        };
        if answer != Answer::Unclear {
            break;
        }
    }
    Ok(answer)
}

/// What a command line prints; `None` if it does not end in time.
async fn put(
    pool: &Pool,
    alias: &str,
    line: &str,
    patience: Duration,
) -> Result<Option<Vec<u8>>, Error> {
    // A line that is lost meanwhile says nothing about the shell.
    for _ in 0..2 {
        let channel = pool.open(alias, Use::Command, patience).await?;
        match timeout(PROBE_PATIENCE, ask(channel, line, "")).await {
            Ok(Ok(printed)) => return Ok(Some(printed.stdout)),
            Ok(Err(Cut::Refused)) => return Ok(Some(Vec::new())),
            Ok(Err(Cut::Lost)) => {}
            Err(_) => return Ok(None),
        }
    }
    Ok(None)
}

/// Reads the answer. A POSIX shell gives a number above 0 after the token, its options and its encoding.
fn read(printed: &[u8], token: &str) -> Answer {
    let Some(start) = find(printed, token.as_bytes()) else {
        return Answer::Unclear;
    };
    let line = String::from_utf8_lossy(&printed[start + token.len()..]);
    let mut words = line.lines().next().unwrap_or_default().split(' ');
    let number = words.next().and_then(|word| word.parse::<u32>().ok());
    let is_posix = number.is_some_and(|number| number > 0);
    let options = words.next().unwrap_or_default();
    let charset = words.next().and_then(Charset::named);
    Answer::Clear(Nature {
        is_posix,
        is_restricted: is_posix && options.contains('r'),
        charset: charset.filter(|_| is_posix).unwrap_or_default(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_posix_shell_counts() {
        let posix = |options: &str, charset: &str| {
            Answer::Clear(Nature {
                is_posix: true,
                is_restricted: options == "r",
                charset: Charset::named(charset).unwrap(),
            })
        };
        for (printed, answer) in [
            ("motd\nT0K4711 .hBc UTF-8\n", posix("", "utf-8")),
            ("T0K4711 . GBK\nbye\n", posix("", "gbk")),
            ("T0K4711 .hrBc \n", posix("r", "utf-8")),
            ("T0K4711", posix("", "utf-8")),
        ] {
            assert_eq!(read(printed.as_bytes(), "T0K"), answer, "{printed}");
        }
        let other = Answer::Clear(Nature::default());
        for printed in [
            "T0K$(($$+0)) .$- $(x)",
            "T0K0 .r GBK",
            "T0K",
            "% Unknown: echo T0K",
        ] {
            assert_eq!(read(printed.as_bytes(), "T0K"), other, "{printed}");
        }
        for printed in [
            "",
            "This account is currently not available.",
            "% Unknown command",
        ] {
            assert_eq!(
                read(printed.as_bytes(), "T0K"),
                Answer::Unclear,
                "{printed}"
            );
        }
    }
}
