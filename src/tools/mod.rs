//! The tools, one file per family, and what they have in common.
//!
//! A tool is an argument struct, whose doc comments are the schema, and a short method that turns
//! it into one operation.

mod admin;
mod apis;
mod arguments;
mod exec;
mod given;
mod import;
mod lenient;
mod logs;
mod monitor;
mod output;
mod policy;
mod queue;
mod servers;
mod transfer;
mod trust;

use std::sync::Arc;
use std::time::{Duration, Instant};

use rmcp::RoleServer;
use rmcp::handler::server::common::FromContextPart;
use rmcp::handler::server::tool::{ToolCallContext, ToolRouter};
use rmcp::model::{ProgressNotificationParam, ProgressToken, RequestId};
use rmcp::service::Peer;

pub(crate) use lenient::settle;

pub use arguments::{Count, Nothing, Parameters, Seconds};

use crate::error::Error;
use crate::job::{Job, JobHandle, JobId, Jobs};
use crate::server::Orchestrator;

/// Clients that wait for progress want to see some every 5 s.
const PROGRESS_INTERVAL: Duration = Duration::from_secs(4);
/// How often a transfer says how far it has come.
const TRANSFER_INTERVAL: Duration = Duration::from_millis(400);
/// What is added where nothing has moved.
const LEAST_PROGRESS: f64 = 0.001;

/// Every tool. The names are unique: a test counts them, for the sum would hide a double.
pub fn router() -> ToolRouter<Orchestrator> {
    let families = [
        Orchestrator::server_tools(),
        Orchestrator::import_tools(),
        Orchestrator::trust_tools(),
        Orchestrator::policy_tools(),
        Orchestrator::exec_tools(),
        Orchestrator::transfer_tools(),
        Orchestrator::monitor_tools(),
        Orchestrator::log_tools(),
        Orchestrator::queue_tools(),
        Orchestrator::output_tools(),
        Orchestrator::api_tools(),
        Orchestrator::admin_tools(),
    ];
    let mut router = ToolRouter::new();
    for family in families {
        router.merge(family);
    }
    for route in router.map.values_mut() {
        arguments::tidy(&mut route.attr);
    }
    router
}

/// The request behind a tool call: what it takes to report progress, and to be found when it is cancelled.
pub struct Call {
    peer: Peer<RoleServer>,
    token: Option<ProgressToken>,
    request: RequestId,
}

impl<S> FromContextPart<ToolCallContext<'_, S>> for Call {
    fn from_context_part(context: &mut ToolCallContext<'_, S>) -> Result<Self, rmcp::ErrorData> {
        let request = &context.request_context;
        Ok(Self {
            peer: request.peer.clone(),
            token: request.meta.get_progress_token(),
            request: request.id.clone(),
        })
    }
}

impl Call {
    /// Waits for an outcome, reporting progress to a client that asked for it: every so often, how
    /// far what is watched has come.
    async fn while_it_waits<T>(
        &self,
        watched: &Watched<'_>,
        waits: impl Fn() -> Option<String>,
        outcome: impl Future<Output = T>,
    ) -> T {
        let Some(token) = &self.token else {
            return outcome.await;
        };
        let report = async {
            let since = Instant::now();
            let mut last = 0.0;
            loop {
                tokio::time::sleep(watched.interval()).await;
                let Figures {
                    done,
                    total,
                    message,
                } = watched.figures(since).await;
                let message = waits().unwrap_or(message);
                // Progress has to increase (MCP specification, utilities: progress), also where
                // nothing moves.
                last = f64::max(done, last + LEAST_PROGRESS);
                let mut progress =
                    ProgressNotificationParam::new(token.clone(), last).with_message(message);
                if let Some(total) = total {
                    progress = progress.with_total(total.max(last));
                }
                // A client that is gone is noticed elsewhere.
                let _ = self.peer.notify_progress(progress).await;
            }
        };
        tokio::select! {
            outcome = outcome => outcome,
            never = report => never,
        }
    }
}

/// What a call waits for, as far as its progress is concerned.
enum Watched<'a> {
    /// Something of which nothing is known but that it goes on, in words.
    Something(&'a str),
    /// A job that moves bytes.
    Transfer(&'a Jobs, &'a JobId),
}

impl Watched<'_> {
    fn interval(&self) -> Duration {
        match self {
            Self::Something(_) => PROGRESS_INTERVAL,
            Self::Transfer(..) => TRANSFER_INTERVAL,
        }
    }

    async fn figures(&self, since: Instant) -> Figures {
        match self {
            Self::Something(what) => Figures::of_time(what, since),
            Self::Transfer(jobs, id) => match jobs.queue().get(id).await {
                Ok(job) => Figures::of_bytes(&job, since),
                Err(_) => Figures::of_time("a task has been running", since),
            },
        }
    }
}

/// How far something has come.
struct Figures {
    done: f64,
    total: Option<f64>,
    message: String,
}

impl Figures {
    /// Nothing is known but that it goes on.
    fn of_time(what: &str, since: Instant) -> Self {
        let seconds = since.elapsed().as_secs_f64();
        Self {
            done: seconds,
            total: None,
            message: format!("{what} for {seconds:.0} s"),
        }
    }

    /// A transfer's bytes.
    #[expect(clippy::cast_precision_loss, reason = "it is for people")]
    fn of_bytes(job: &Job, since: Instant) -> Self {
        const MEGABYTE: f64 = 1_000_000.0;
        let transferred = job.transferred().cloned().unwrap_or_default();
        let total = transferred.bytes_total.map(|total| total as f64);
        let done = transferred.bytes.unwrap_or_default() as f64;
        let rate = done / since.elapsed().as_secs_f64() / MEGABYTE;
        let of_all = total.map(|total| format!(" of {:.1}", total / MEGABYTE));
        Self {
            done,
            total,
            message: format!(
                "{:.1}{} MB, {rate:.1} MB/s, {} files done",
                done / MEGABYTE,
                of_all.unwrap_or_default(),
                transferred.files_done.unwrap_or_default()
            ),
        }
    }
}

/// What a call waits for before its job goes to the background.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Patience {
    /// Its end, for as long as the sync timeout says.
    ForItsEnd,
    /// That it has begun, as a detached job does on its server.
    ForItsBeginning,
    /// Nothing.
    None,
}

impl Patience {
    fn of(background: bool) -> Self {
        if background {
            Self::None
        } else {
            Self::ForItsEnd
        }
    }
}

impl Orchestrator {
    /// Waits for a job that this call has started, as long as it wants to.
    async fn attend(
        &self,
        call: &Call,
        job: &JobHandle,
        patience: Patience,
    ) -> Result<Arc<Job>, Error> {
        let _asked = self.asked(call.request.clone(), job.id().clone());
        let sync_timeout = self.config().sync_timeout;
        let outcome = async {
            let patience = match patience {
                Patience::ForItsEnd => sync_timeout,
                Patience::ForItsBeginning => {
                    self.jobs().begun(job, sync_timeout).await;
                    Duration::ZERO
                }
                Patience::None => Duration::ZERO,
            };
            self.jobs().wait_on(job, patience).await
        };
        self.follow(call, job.id(), outcome).await
    }

    /// Waits for what comes of a job, reporting progress to a client that asked for it.
    async fn follow(
        &self,
        call: &Call,
        id: &JobId,
        outcome: impl Future<Output = Result<Arc<Job>, Error>>,
    ) -> Result<Arc<Job>, Error> {
        let what = format!("task {id} has been running");
        let alias = self.jobs().queue().get(id).await?.alias.clone();
        let waits = || self.pool().login_notice(&alias);
        let job = self.jobs().queue().get(id).await?;
        let moves = call.token.is_some() && job.transferred().is_some();
        let watched = if moves {
            Watched::Transfer(self.jobs(), id)
        } else {
            Watched::Something(&what)
        };
        let job = call.while_it_waits(&watched, waits, outcome).await?;
        let waits_for = waits().filter(|_| job.status.is_live());
        Ok(match waits_for {
            Some(_) => Arc::new(Job {
                waits_for,
                ..(*job).clone()
            }),
            None => job,
        })
    }
}
