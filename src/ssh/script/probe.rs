//! The probe that finds out the kind of a server's login shell.

use std::time::Duration;

use tokio::time::timeout;

use super::{LONGEST_ANSWER, RunError, ask, find};
use crate::charset::Charset;
use crate::error::Error;
use crate::fs::blocking;
use crate::random;
use crate::ssh::pool::{ChannelPurpose, Pool, ProbeAnswer, ShellKind, ShellName};

/// The time allowed for the probe. A slower shell counts as unknown.
const PROBE_PATIENCE: Duration = Duration::from_secs(10);

/// Returns the kind of the login shell of `alias`. Only commands of a POSIX shell are made to tell their
/// process group. Another program, such as a network device's, gets its commands exactly as they are.
pub(in crate::ssh) async fn shell_kind(
    pool: &Pool,
    alias: &str,
    patience: Duration,
) -> Result<ShellKind, Error> {
    let probe = || {
        let (pool, alias) = (pool.clone(), alias.to_owned());
        async move { probe(&pool, &alias, patience).await }
    };
    pool.shell(alias).kind(probe).await
}

/// Has the next command ask for the kind of a login shell that did not do what its kind does, if that was what an
/// earlier connection had found.
pub(in crate::ssh) async fn doubt_shell(pool: &Pool, alias: &str) -> Result<(), Error> {
    let Some(name) = pool.shell(alias).doubt() else {
        return Ok(());
    };
    let shells = pool.known_shells();
    blocking(move || shells.forget(&name)).await
}

/// Looks up the kind of the shell of `alias`, and asks the shell where no earlier connection did.
async fn probe(pool: &Pool, alias: &str, patience: Duration) -> Result<ProbeAnswer, Error> {
    if pool.server(alias)?.is_plain() {
        return Ok(ProbeAnswer::Clear(ShellKind::default()));
    }
    let name = ShellName::of(alias, &*pool.connection(alias, patience).await?);
    let (shells, known) = (pool.known_shells(), name.clone());
    let found = blocking(move || Ok::<_, Error>(shells.get(&known))).await?;
    if let Some(kind) = found {
        return Ok(ProbeAnswer::Recalled(kind, name));
    }
    let answer = ask_shell(pool, alias, patience).await?;
    if let ProbeAnswer::Clear(kind) = answer {
        let shells = pool.known_shells();
        // Nobody waits for it.
        tokio::task::spawn_blocking(move || {
            if let Err(error) = shells.put(&name, kind) {
                tracing::warn!("{error}");
            }
        });
    }
    Ok(answer)
}

/// Asks the shell of `alias` for its kind.
async fn ask_shell(pool: &Pool, alias: &str, patience: Duration) -> Result<ProbeAnswer, Error> {
    let token = random::hex::<4>();
    // Arithmetic on the shell's own number: other shells and devices make no sense of it. Nothing here is
    // what a restricted shell refuses.
    let question = format!("echo {token}$(($$+0)) .$- $(locale charmap)");
    // A shell of another kind, which does not understand that, prints at least this.
    let plain_question = format!("echo {token}");
    let mut answer = ProbeAnswer::None;
    for question in [question, plain_question] {
        answer = match put(pool, alias, &question, patience).await? {
            Some(printed) => read(&printed, &token),
            None => ProbeAnswer::None,
        };
        if answer != ProbeAnswer::Unclear {
            break;
        }
    }
    Ok(answer)
}

/// Runs a command line, and returns its output; `None` if it does not end in time.
async fn put(
    pool: &Pool,
    alias: &str,
    line: &str,
    patience: Duration,
) -> Result<Option<Vec<u8>>, Error> {
    // A connection that is lost meanwhile says nothing about the shell.
    for _ in 0..2 {
        let channel = pool.open(alias, ChannelPurpose::Command, patience).await?;
        match timeout(PROBE_PATIENCE, ask(channel, line, b"", LONGEST_ANSWER)).await {
            Ok(Ok(printed)) => return Ok(Some(printed.stdout)),
            Ok(Err(RunError::Refused)) => return Ok(Some(Vec::new())),
            Ok(Err(RunError::Denied(error))) => return Err(error),
            Ok(Err(RunError::Lost)) => {}
            Err(_) => return Ok(None),
        }
    }
    Ok(None)
}

/// Reads the answer. A POSIX shell gives a number above 0 after the token, its options and its encoding.
fn read(printed: &[u8], token: &str) -> ProbeAnswer {
    let Some(start) = find(printed, token.as_bytes()) else {
        return ProbeAnswer::Unclear;
    };
    let line = String::from_utf8_lossy(&printed[start + token.len()..]);
    let mut words = line.lines().next().unwrap_or_default().split(' ');
    let number = words.next().and_then(|word| word.parse::<u32>().ok());
    let is_posix = number.is_some_and(|number| number > 0);
    let options = words.next().unwrap_or_default();
    let charset = words.next().and_then(Charset::named);
    ProbeAnswer::Clear(ShellKind {
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
            ProbeAnswer::Clear(ShellKind {
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
        let other = ProbeAnswer::Clear(ShellKind::default());
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
                ProbeAnswer::Unclear,
                "{printed}"
            );
        }
    }
}
