//! The commands `stop` and `resume`: a person holds servers, and ends what runs there.

use std::io::Write;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use serde_json::Map;

use crate::actor::{AT_TERMINAL, Actor};
use crate::app::App;
use crate::approval::{AnswerError, confirm};
use crate::audit::PersonCall;
use crate::config::Config;
use crate::error::Error;
use crate::held::{Hold, HoldScope, Holds};
use crate::job::{Job, JobId, Jobs};
use crate::logging::MemoryLog;
use crate::readable::readable;
use crate::store::DataDirectory;
use crate::text::beginning;

/// The time allowed for tasks to end: as long as `task_cancel` takes at most.
const PATIENCE: Duration = Duration::from_secs(20);
/// The interval at which tasks of other processes are looked at.
const LOOK_INTERVAL: Duration = Duration::from_millis(200);
/// The most bytes of a task's summary.
const LONGEST_SUMMARY: usize = 80;

/// The subject of a `stop`.
enum Subject {
    Servers(HoldScope),
    Task(JobId),
}

/// Holds everything, a server, or stops a task, and says of each task that ran how it has ended. Returns false if some
/// still run.
pub async fn stop(
    config: Config,
    what: Option<String>,
    out: &mut impl Write,
) -> Result<bool, AnswerError> {
    let data = DataDirectory::open(&config.data_dir)?;
    let holds = Holds::of(&data);
    let by = Actor::of(&config, AT_TERMINAL);
    let audit = begin_audit(&data, "stop", what.as_deref(), &by)?;
    if what.is_none() {
        // Before anything else, which may take its time.
        hold(&holds, &HoldScope::All, &by, out)?;
    }
    let app = App::open(config, MemoryLog::default())?;
    let subject = subject(&app, what).await?;
    if let Subject::Servers(scope @ HoldScope::Server(_)) = &subject {
        hold(&holds, scope, &by, out)?;
    }
    let jobs = app.jobs();
    let stopped = match &subject {
        Subject::Servers(scope) => stop_held(jobs, scope).await?,
        Subject::Task(id) => vec![jobs.cancel(id).await?],
    };
    let running = stopped.iter().filter(|job| job.status.is_live()).count();
    tell(&stopped, out)?;
    jobs.shut_down("`stop` has ended").await?;
    audit.end(if running == 0 { "ok" } else { "running" })?;
    Ok(running == 0)
}

/// Releases everything, or a server, once the person has typed a yes.
pub fn resume(
    config: &Config,
    alias: Option<String>,
    out: &mut impl Write,
) -> Result<(), AnswerError> {
    let data = DataDirectory::existing(&config.data_dir);
    let holds = Holds::of(&data);
    let held = holds.list()?;
    for (scope, hold) in &held {
        writeln!(out, "{} since {}, by {}", named(scope), hold.since, hold.by)?;
    }
    if held.is_empty() {
        writeln!(out, "nothing is held")?;
        return Ok(());
    }
    confirm("resume", "resumed", out)?;
    let released = release(config, AT_TERMINAL, alias)?;
    for (scope, _) in &released {
        writeln!(out, "released: {}", named(scope))?;
    }
    for (scope, _) in holds.list()? {
        writeln!(out, "still held: {}", named(&scope))?;
    }
    Ok(())
}

/// Holds everything, or a server, on the word of a person who acts by `client`. What runs there is stopped by the
/// processes that run it. Blocks.
pub fn hold_only(config: &Config, client: &str, alias: Option<String>) -> Result<(), Error> {
    let data = DataDirectory::open(&config.data_dir)?;
    let by = Actor::of(config, client);
    let audit = begin_audit(&data, "stop", alias.as_deref(), &by)?;
    let scope = alias.map_or(HoldScope::All, HoldScope::Server);
    Holds::of(&data).hold(&scope, by)?;
    audit.end("ok")
}

/// Releases everything, or a server, on the word of a person who acts by `client`, and returns what was held. Blocks.
pub fn release(
    config: &Config,
    client: &str,
    alias: Option<String>,
) -> Result<Vec<(HoldScope, Hold)>, Error> {
    let data = DataDirectory::existing(&config.data_dir);
    let by = Actor::of(config, client);
    let audit = begin_audit(&data, "resume", alias.as_deref(), &by)?;
    let scope = alias.map_or(HoldScope::All, HoldScope::Server);
    let released = Holds::of(&data).release(&scope)?;
    audit.end("ok")?;
    Ok(released)
}

fn begin_audit(
    data: &DataDirectory,
    command: &str,
    what: Option<&str>,
    by: &Actor,
) -> Result<PersonCall, Error> {
    let arguments = Map::from_iter([("what".to_owned(), what.unwrap_or("all").into())]);
    PersonCall::begin(data, command, &arguments, by)
}

fn hold(
    holds: &Holds,
    scope: &HoldScope,
    by: &Actor,
    out: &mut impl Write,
) -> Result<(), AnswerError> {
    let is_new = holds.hold(scope, by.clone())?;
    let since = if is_new { "from now on" } else { "already" };
    writeln!(out, "held {since}: {}; `resume` ends that", named(scope))?;
    out.flush()?;
    Ok(())
}

/// The servers or the task that a word names.
async fn subject(app: &App, what: Option<String>) -> Result<Subject, Error> {
    let Some(what) = what else {
        return Ok(Subject::Servers(HoldScope::All));
    };
    match app.servers().get(&what) {
        Ok(_) => Ok(Subject::Servers(HoldScope::Server(what))),
        Err(unknown) => {
            let id = JobId::from(what.as_str());
            match app.jobs().queue().get(&id).await {
                Ok(_) => Ok(Subject::Task(id)),
                Err(Error::UnknownTask { .. }) => Err(unknown),
                Err(error) => Err(error),
            }
        }
    }
}

/// Waits for the ends of the tasks on held servers, which their processes stop by themselves.
async fn stop_held(jobs: &Jobs, scope: &HoldScope) -> Result<Vec<Arc<Job>>, Error> {
    let is_meant = |job: &Arc<Job>| match scope {
        HoldScope::All => true,
        HoldScope::Server(alias) => job.alias == *alias,
    };
    let live = jobs.queue().list().await?.into_iter();
    let live: Vec<_> = live
        .filter(|job| job.status.is_live() && is_meant(job))
        .map(|job| job.id.clone())
        .collect();
    let until = Instant::now() + PATIENCE;
    let ends = live.iter().map(async |id| {
        loop {
            let job = jobs.queue().get(id).await?;
            if !job.status.is_live() || Instant::now() >= until {
                return Ok(job);
            }
            tokio::time::sleep(LOOK_INTERVAL).await;
        }
    });
    join_all(ends).await.into_iter().collect()
}

fn tell(stopped: &[Arc<Job>], out: &mut impl Write) -> Result<(), AnswerError> {
    if stopped.is_empty() {
        writeln!(out, "no task was running")?;
    }
    for job in stopped {
        let status = if job.status.is_live() {
            "still running"
        } else {
            job.status.name()
        };
        let summary = job.summary();
        let summary = readable(&beginning(&summary, LONGEST_SUMMARY)).replace('\n', " ");
        let why = job
            .error
            .as_deref()
            .map(|error| format!(" ({})", readable(error)));
        let why = why.unwrap_or_default();
        writeln!(out, "{}  {status} on {}: {summary}{why}", job.id, job.alias)?;
    }
    Ok(())
}

fn named(scope: &HoldScope) -> String {
    match scope {
        HoldScope::All => "everything".to_owned(),
        HoldScope::Server(alias) => format!("server `{alias}`"),
    }
}
