//! The tools, one file per family, and what they have in common.
//!
//! A tool is an argument struct, whose doc comments are the schema, and a short method that turns
//! it into one operation.

mod admin;
mod apis;
mod arguments;
mod exec;
mod logs;
mod monitor;
mod output;
mod queue;
mod servers;
mod transfer;

use std::sync::Arc;
use std::time::Duration;

use rmcp::RoleServer;
use rmcp::handler::server::common::FromContextPart;
use rmcp::handler::server::tool::{ToolCallContext, ToolRouter};
use rmcp::model::{ProgressNotificationParam, ProgressToken, RequestId};
use rmcp::service::Peer;

pub use arguments::{Count, Nothing, Parameters, Seconds};

use crate::error::Error;
use crate::job::{Job, JobId, Ticket};
use crate::server::Orchestrator;

/// Clients that wait for progress want to see some every 5 s.
const PROGRESS_INTERVAL: Duration = Duration::from_secs(4);

/// Every tool. The names are unique: a test counts them, for the sum would hide a double.
pub fn router() -> ToolRouter<Orchestrator> {
    let families = [
        Orchestrator::server_tools(),
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
    /// Waits for an outcome, reporting progress to a client that asked for it: that this has gone on
    /// for so long.
    async fn while_it_waits<T>(&self, what: &str, outcome: impl Future<Output = T>) -> T {
        let Some(token) = &self.token else {
            return outcome.await;
        };
        tokio::pin!(outcome);
        let mut seconds = 0.0;
        loop {
            tokio::select! {
                outcome = &mut outcome => return outcome,
                () = tokio::time::sleep(PROGRESS_INTERVAL) => {
                    seconds += PROGRESS_INTERVAL.as_secs_f64();
                    let progress = ProgressNotificationParam::new(token.clone(), seconds)
                        .with_message(format!("{what} for {seconds} s"));
                    // A client that is gone is noticed elsewhere.
                    let _ = self.peer.notify_progress(progress).await;
                }
            }
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
        job: &Ticket,
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
        call.while_it_waits(&format!("task {id} has been running"), outcome)
            .await
    }
}
