//! The handle of a job that this process has started.

use std::sync::Arc;

use tokio::sync::watch;

use crate::approval::PersonQuestion;
use crate::job::id::JobId;
use crate::job::poll::PollTrigger;
use crate::job::record::Job;
use crate::ssh::prompt::link::TerminalLink;

/// A job that this process has started: its ID, and its final record once it has ended.
#[derive(Clone)]
pub struct JobHandle {
    pub(super) id: JobId,
    pub(in crate::job) ended: watch::Receiver<Option<Arc<Job>>>,
    pub(in crate::job) trigger: Arc<PollTrigger>,
    pub(super) link: Arc<TerminalLink>,
    pub(super) asked: Option<Arc<PersonQuestion>>,
}

impl JobHandle {
    /// The job's ID.
    pub fn id(&self) -> &JobId {
        &self.id
    }

    /// The question that was asked before it may begin.
    pub fn asked(&self) -> Option<&Arc<PersonQuestion>> {
        self.asked.as_ref()
    }

    /// Waits until it has ended.
    pub async fn ended(&self) {
        // An engine that is gone has ended it, too.
        let _ = self.ended.clone().wait_for(Option::is_some).await;
    }
}
