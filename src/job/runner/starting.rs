//! The start of jobs: a new one, a retry, and one that another process has left.

use std::sync::Arc;

use super::{JobHandle, Jobs, StartOptions};
use crate::error::Error;
use crate::guard::DeviceLack;
use crate::job::header::Header;
use crate::job::id::JobId;
use crate::job::kind::{JobStart, Spec, hide_passwords, hide_text};
use crate::job::record::Job;

impl Jobs {
    /// Records a job and starts it. It goes on whatever becomes of the caller.
    pub fn start(
        &self,
        alias: &str,
        spec: impl Into<Spec>,
        options: StartOptions,
    ) -> Result<JobHandle, Error> {
        let spec = spec.into();
        let mut job = Job::new(alias, &spec);
        job.sudo = options.sudo;
        job.reminder_at = options.reminder.map(|after| job.created_at.after(after));
        job.reason = options.reason;
        self.launch(job, spec)
    }

    /// Starts a new job with the work of one that did not succeed.
    pub async fn retry(&self, id: &JobId, reason: Option<String>) -> Result<JobHandle, Error> {
        let earlier = self.0.queue.get(id).await?;
        if !earlier.status.can_retry() {
            return Err(Error::NotRetryable {
                id: id.to_string(),
                reason: format!("it is {}", earlier.status),
            });
        }
        let kept = match earlier.masked {
            Some(true) => self.kept_for_retry(&earlier).await?,
            _ => None,
        };
        let spec = earlier.again_by(kept.as_ref().unwrap_or(&earlier.spec))?;
        if earlier.retry_count >= earlier.max_retries {
            return Err(Error::RetryLimit {
                id: id.to_string(),
                retries: earlier.retry_count,
            });
        }
        if earlier.masked == Some(true) && kept.is_none() {
            return Err(Error::NotRetryable {
                id: id.to_string(),
                reason: "its record does not hold the secret in its command".to_owned(),
            });
        }
        let mut job = Job::new(&earlier.alias, &spec);
        job.retry_count = earlier.retry_count + 1;
        job.max_retries = earlier.max_retries;
        job.retried_from = Some(id.clone());
        job.sudo.clone_from(&earlier.sudo);
        job.reason = reason;
        self.launch(job, spec)
    }

    /// Records a job and starts it, if that is allowed.
    pub(in crate::job) fn launch(&self, mut job: Job, spec: Spec) -> Result<JobHandle, Error> {
        spec.kind().admit(&job.alias, &self.0.guard)?;
        if let Some(user) = &job.sudo {
            for alias in spec.kind().servers(&job.alias) {
                self.0.guard.may_take(&alias, DeviceLack::SUDO)?;
            }
            let mut judged = spec.clone();
            let commands = judged.kind_mut().callers_commands();
            self.0.guard.may_run_as(user, &commands)?;
        }
        job.actor = Some(self.0.actor.get());
        let Header { alias, reason, .. } = &mut job.header;
        if let Some(reason) = reason {
            hide_text(alias, reason);
            hide_passwords(reason);
        }
        let rule = self.rule_before(&job, &spec)?;
        job.approval = rule.map(|rule| self.agreement_by(&job, rule));
        let job = self.0.queue.add(job)?;
        Ok(self.run(job, spec, JobStart::Fresh))
    }

    /// Goes on with a detached job of a process that is gone, or waits for the yes to one that has not begun.
    pub(super) fn adopt(&self, job: Arc<Job>) {
        if !job.status.is_live() {
            let jobs = self.clone();
            tokio::spawn(async move { jobs.clear(&job).await });
            return;
        }
        let spec = job.spec.clone();
        let handle = self.run(job, spec, JobStart::Adopted);
        if let Some(live) = self.live().get_mut(&handle.id) {
            live.handed_off = true;
        }
    }
}
