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
    pub(super) asked: watch::Receiver<Option<Arc<PersonQuestion>>>,
}

/// Says which question is asked before a job begins. It is dropped where none is.
pub(in crate::job) type AskedSender = watch::Sender<Option<Arc<PersonQuestion>>>;

/// The ways between callers and a job that runs.
pub(in crate::job) type JobWays<'a> = (&'a PollTrigger, &'a Arc<TerminalLink>);

impl JobHandle {
    /// The job's ID.
    pub fn id(&self) -> &JobId {
        &self.id
    }

    /// The question that is asked before it may begin, once it is open; `None` if it begins unasked, or has ended.
    pub async fn asked(&self) -> Option<Arc<PersonQuestion>> {
        let mut asked = self.asked.clone();
        let asked = asked.wait_for(Option::is_some).await.ok()?;
        asked.clone()
    }

    /// Waits until it has ended.
    pub async fn ended(&self) {
        // An engine that is gone has ended it, too.
        let _ = self.ended.clone().wait_for(Option::is_some).await;
    }
}
