//! Asks servers for their figures now and then, by the script of `get_system_resources`.

use std::sync::Arc;
use std::time::Duration;

use futures_util::stream::{self, StreamExt};
use tokio_util::sync::CancellationToken;

use super::Samples;
use crate::app::{App, Offline};
use crate::error::Error;
use crate::fs::blocking;
use crate::held::Holds;
use crate::monitor::Question;
use crate::monitor::resources::{self, Figures};
use crate::secret::{Mask, hide};
use crate::shell::quote;
use crate::ssh::command::{CommandText, RemoteCommand};
use crate::ssh::{Bound, ExitOutcome, Output};
use crate::time::Timestamp;

/// Servers that are asked at the same time.
const AT_ONCE: usize = 8;
/// The time that an answer may take.
const LIMIT: Duration = Duration::from_secs(20);
/// The interval at which it is seen whether a login waits for a person.
const NOTICE_INTERVAL: Duration = Duration::from_millis(200);
/// The turn of the process that samples.
const TURN: &str = "samples.turn";

/// Samples servers for ever, if `MCP_SAMPLE_INTERVAL` says so.
pub async fn sample_by_setting(app: &App) {
    if let Some(interval) = app.config().sample_interval {
        sample_while(app.offline_part(), interval, || true).await;
    }
}

/// Samples every server that can be logged in to without a person, each `interval`, for as long as `is_wanted`.
///
/// A server costs one command over the connection that there is, or over one that is made and kept as after any
/// other command.
pub async fn sample_while(offline: &Offline, interval: Duration, is_wanted: impl Fn() -> bool) {
    loop {
        if is_wanted()
            && let Err(error) = sample_all(offline, interval).await
        {
            tracing::warn!("servers were not sampled: {error}");
        }
        tokio::time::sleep(interval.min(Duration::from_secs(5))).await;
    }
}

/// Samples the servers that no process has sampled within the interval, unless another process is about it.
async fn sample_all(offline: &Offline, interval: Duration) -> Result<(), Error> {
    let data = offline.data.clone();
    let Some(_turn) = blocking(move || data.turn(TURN)).await? else {
        return Ok(());
    };
    let samples = Samples::of(&offline.data);
    let known = samples.clone();
    let known = blocking(move || known.read()).await?;
    let now = Timestamp::now().epoch_millis() / 1000;
    let interval = i64::try_from(interval.as_secs()).unwrap_or(i64::MAX);
    let is_due = |alias: &String| {
        let asked = known.get(alias).map(|server| server.asked);
        // A clock that was set back must not end the sampling.
        asked.is_none_or(|asked| now - asked >= interval || asked > now)
    };
    let holds = Arc::new(Holds::of(&offline.data));
    let servers = offline.servers.list()?;
    let aliases = servers.into_iter().map(|(alias, _)| alias);
    let due = aliases.filter(|alias| is_due(alias) && holds.check(Some(alias)).is_ok());
    let answers = stream::iter(due.collect::<Vec<_>>()).map(|alias| async {
        let asks_nobody = offline.pool.logs_in_unattended(&alias).await;
        if !asks_nobody.unwrap_or(false) {
            return None;
        }
        let answer = ask(offline, &alias).await;
        Some((alias, answer))
    });
    let answers = answers.buffer_unordered(AT_ONCE).collect::<Vec<_>>().await;
    let answers: Vec<_> = answers.into_iter().flatten().collect();
    if answers.is_empty() {
        return Ok(());
    }
    let servers = Arc::clone(&offline.servers);
    blocking(move || {
        // While the servers cannot be read, none is forgotten.
        samples.keep(answers, |alias| servers.has(alias).unwrap_or(true))
    })
    .await
}

/// Asks a server. The error is a sentence.
async fn ask(offline: &Offline, alias: &str) -> Result<Figures, String> {
    let cancel = CancellationToken::new();
    let asking = run(offline, alias, &cancel);
    let notice = async {
        loop {
            tokio::time::sleep(NOTICE_INTERVAL).await;
            if let Some(notice) = offline.pool.login_notice(alias) {
                return notice;
            }
        }
    };
    let answer = tokio::select! {
        answer = tokio::time::timeout(LIMIT, asking) => {
            answer.map_err(|_| "it did not answer in time".to_owned()).flatten()
        }
        notice = notice => Err(format!("its login waits for a person: {notice}")),
    };
    answer.map_err(|problem| hide(&problem).into_owned())
}

async fn run(
    offline: &Offline,
    alias: &str,
    cancel: &CancellationToken,
) -> Result<Figures, String> {
    let script = Question::GetSystemResources.script().map_err(told)?;
    let command = RemoteCommand {
        alias,
        text: CommandText::OwnLine(&format!("sh -c {}", quote(&script))),
        limit: Some(LIMIT),
        bound: Bound::default(),
        responder: None,
        link: None,
        cancel,
    };
    // Without a file: a limit of 0 bytes.
    let blob = offline.data.blobs("output").map_err(told)?.blob("sample");
    let output = || Output::new(blob.clone(), 0, Mask::of(alias));
    let (mut stdout, mut stderr) = (output(), output());
    let ran = command.run(&offline.pool, &mut stdout, &mut stderr).await;
    match ran.map_err(told)?.ended {
        ExitOutcome::Exited(0) => {}
        _ => return Err("its answer was cut short".to_owned()),
    }
    let text = stdout.captured().whole().unwrap_or_default();
    let parsed = resources::parse(&String::from_utf8_lossy(&text));
    let parsed = parsed.ok_or("it is neither Linux nor macOS nor FreeBSD")?;
    Ok(parsed.figures())
}

#[expect(clippy::needless_pass_by_value, reason = "errors are mapped by value")]
fn told(error: Error) -> String {
    error.to_string()
}
