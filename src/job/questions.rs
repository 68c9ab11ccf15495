//! Tasks that begin only once a person has agreed. A record that waits outlives its process: whichever process looks
//! after it next begins it after a yes, once, and only in the time in which the yes counts.

use std::sync::Arc;

use super::agreement::Agreement;
use super::ending::Ending;
use super::id::JobId;
use super::kind::{Kind, Spec, hide_passwords, hide_text};
use super::queue::NOT_BEGUN;
use super::record::Job;
use super::rehearsal::Rehearsal;
use super::runner::{AskedSender, JobWays, Jobs};
use super::status::Status;
use super::stop::StopSignal;
use crate::approval::{PersonAnswer, PersonQuestion, notify};
use crate::error::Error;
use crate::fs::blocking;
use crate::guard::{Guard, WantedWork};
use crate::held::command_to_type;
use crate::readable::readable;
use crate::shell::usual_form;
use crate::text::{abridge, beginning};

/// The most bytes of a question's line that say what is to be done.
const LONGEST_SUMMARY: usize = 400;
/// The most bytes of its details.
const LONGEST_DETAILS: usize = 8 * 1024;
/// The servers that it names.
const SERVERS_NAMED: usize = 10;

impl Jobs {
    /// The rule by which a person has to agree before this job begins; `None` if it may begin at once. Whoever agreed
    /// to a job on many servers has agreed to its children.
    pub(super) fn rule_before(&self, job: &Job, spec: &Spec) -> Result<Option<String>, Error> {
        if job.parent.is_some() {
            return Ok(None);
        }
        let kind = spec.kind();
        let servers = kind.servers(&job.alias);
        let work = WantedWork {
            servers: &servers,
            tool: kind.tool(),
            may_change: self.may_change(kind, &servers)?,
            writes_unknown: !kind.knows_targets(),
            usual: usual_command(job, kind, &servers),
        };
        let judge = |alias: &str, guard: &Guard| kind.authorize_on(alias, guard);
        self.guard().rule_that_asks(&work, &judge)
    }

    /// Returns whether work may change something on one of its servers, as far as its words tell.
    fn may_change(&self, kind: &dyn Kind, servers: &[String]) -> Result<bool, Error> {
        for alias in servers {
            if self.guard().is_device(alias)? {
                if kind.may_change_device() {
                    return Ok(true);
                }
            } else if kind.may_change() {
                return Ok(true);
            }
        }
        Ok(servers.is_empty() && kind.may_change())
    }

    /// The agreement by a rule, still to be given.
    pub(super) fn agreement_by(&self, job: &Job, rule: String) -> Agreement {
        let words = format!("approve {}", job.id);
        Agreement {
            rule,
            approve: command_to_type(self.data().path(), &words),
            sealed: false,
            by: None,
            at: None,
        }
    }

    /// Asks about a job of this process, and waits for the answer. Returns the job and its work as they begin.
    pub(super) async fn ask(
        &self,
        job: &Job,
        spec: &Spec,
        stop: &StopSignal,
        ways: JobWays<'_>,
        asks: AskedSender,
    ) -> Result<(Job, Spec), Ending> {
        let agreed = async {
            let (question, spec) = self.prepare_question(job, spec, stop, ways).await?;
            self.keep_until_answered(job, &spec).await?;
            self.open_question(job, &question).await?;
            asks.send_replace(Some(Arc::new(question)));
            drop(asks);
            let job = self.agreed(&job.id, &spec, stop).await?;
            Ok((job, spec))
        };
        let agreed = agreed.await;
        self.close_question(&job.id).await;
        agreed
    }

    /// Waits for the answer to the question of a job whose process is gone.
    pub(super) async fn take_up_question(
        &self,
        job: &Job,
        spec: &Spec,
        stop: &StopSignal,
    ) -> Result<(Job, Spec), Ending> {
        let agreed = async {
            let is_sealed = job.approval.as_ref().is_some_and(|one| one.sealed);
            let spec = if is_sealed {
                let kept = self.kept_work().read(&job.id).await?;
                kept.ok_or_else(|| Ending::of(Status::Crashed, NOT_BEGUN))?
            } else {
                spec.clone()
            };
            let job = self.agreed(&job.id, &spec, stop).await?;
            Ok((job, spec))
        };
        let agreed = agreed.await;
        self.close_question(&job.id).await;
        agreed
    }

    /// The question about a job, and the work that a yes is about: a change of a file is one of the file as it is now.
    async fn prepare_question(
        &self,
        job: &Job,
        spec: &Spec,
        stop: &StopSignal,
        ways: JobWays<'_>,
    ) -> Result<(PersonQuestion, Spec), Ending> {
        let mut spec = spec.clone();
        let rehearsal = self.rehearse(job, &spec, stop, ways).await?;
        let difference = rehearsal.map(|Rehearsal { difference, seen }| {
            let note = |spec: &mut Spec| {
                if let Some(change) = spec.kind_mut().file_change_mut() {
                    change.set_seen(seen.clone());
                }
            };
            note(&mut spec);
            self.queue()
                .note_progress(&job.id, |job| note(&mut job.spec));
            difference
        });
        let question = question_about(job, &spec, difference.as_deref());
        Ok((question, spec))
    }

    /// Has the job found by whichever process comes next, with what its record leaves out. What cannot be kept ends
    /// with this process, and the answer about the job says so.
    async fn keep_until_answered(&self, job: &Job, spec: &Spec) -> Result<(), Error> {
        self.queue().flush().await?;
        if job.is_whole() {
            return Ok(());
        }
        let (kept_work, id, spec) = (self.kept_work().clone(), job.id.clone(), spec.clone());
        if let Err(error) = blocking(move || kept_work.keep(&id, &spec)).await {
            tracing::warn!("task {} waits, and is not kept: {error}", job.id);
            return Ok(());
        }
        self.set_sealed(&job.id, true);
        self.queue().flush().await
    }

    fn set_sealed(&self, id: &JobId, is_sealed: bool) {
        self.queue().note_progress(id, |job| {
            if let Some(agreement) = &mut job.approval {
                agreement.sealed = is_sealed;
            }
        });
    }

    /// Opens the question of a job, and tells the person of it.
    async fn open_question(&self, job: &Job, question: &PersonQuestion) -> Result<(), Error> {
        let (questions, id, opened) = (
            self.questions().clone(),
            job.id.to_string(),
            question.clone(),
        );
        blocking(move || questions.open(&id, opened)).await?;
        let title = format!("{} waits for your yes", question.tool);
        let text = format!("{}\n{}", question.text, job.id);
        notify(self.config(), &title, &text);
        Ok(())
    }

    /// Waits for the answer to a job's question. Returns the job as it begins, which is on disk then, so that no other
    /// process begins it again.
    async fn agreed(&self, id: &JobId, spec: &Spec, stop: &StopSignal) -> Result<Job, Ending> {
        let answered = tokio::select! {
            biased;
            () = stop.asked() => {
                let reason = "stopped before a person had agreed; nothing was done";
                return Err(Ending::of(Status::Cancelled, reason));
            }
            answered = self.questions().answered(id.as_str()) => answered?,
        };
        let question = match answered {
            Some(question) if question.answer == Some(PersonAnswer::Yes) => question,
            Some(question) => {
                let by = question.answered_by.map(|by| by.to_string());
                let reason = format!("{} said no", by.unwrap_or_else(|| "somebody".to_owned()));
                let question = question.text;
                return Err(Error::Declined { question, reason }.into());
            }
            None => return Err(Error::ApprovalExpired { id: id.to_string() }.into()),
        };
        let mut agreed = Job::clone(&*self.queue().get(id).await?);
        // Rules, servers and holds may be others than when it was asked.
        spec.kind().admit(&agreed.alias, self.guard())?;
        if let Some(agreement) = &mut agreed.approval {
            agreement.by = Some(question.answered_by.unwrap_or_default());
            agreement.at = question.answered_at;
            agreement.sealed = false;
        }
        agreed.enter(Status::Running);
        let agreed = Job::clone(&self.queue().put(agreed));
        self.queue().flush().await?;
        Ok(agreed)
    }

    /// Withdraws a question that needs no answer any more, and removes what was kept for it.
    async fn close_question(&self, id: &JobId) {
        self.withdraw(id.as_str()).await;
        self.forget_work(id).await;
    }

    /// Takes in jobs that wait and whose process is gone, and withdraws questions of jobs that have ended. Returns whether
    /// any waits.
    pub(super) async fn tend_questions(&self) -> Result<bool, Error> {
        let queue = self.queue().list().await?;
        let questions = self.questions().clone();
        let open = blocking(move || questions.list()).await?;
        for (id, _) in open.iter().filter(|(_, question)| question.is_of_task) {
            let job = queue.iter().find(|job| job.id.as_str() == id);
            if job.is_some_and(|job| !job.status.is_live()) {
                self.withdraw(id).await;
            }
        }
        let any_waits = queue.iter().any(|job| job.is_waiting());
        self.tidy_kept_work(queue).await?;
        Ok(any_waits)
    }

    /// Removes what is kept of work that does not wait and is not retried.
    pub(super) async fn tidy_kept_work(&self, queue: Vec<Arc<Job>>) -> Result<(), Error> {
        let kept_work = self.kept_work().clone();
        blocking(move || {
            kept_work.retain(|id| {
                let mut jobs = queue.iter();
                jobs.any(|job| job.id == *id && (job.is_waiting() || job.may_be_retried()))
            });
            Ok(())
        })
        .await
    }

    /// Keeps the work of a job whose record leaves out a secret, so that it can be retried.
    pub(super) async fn keep_for_retry(&self, job: &Job, spec: &Spec) {
        let (kept_work, id, spec) = (self.kept_work().clone(), job.id.clone(), spec.clone());
        if let Err(error) = blocking(move || kept_work.keep(&id, &spec)).await {
            tracing::warn!("task {} cannot be retried: {error}", job.id);
        }
    }

    /// Removes the work of a job that needs no retry.
    pub(super) async fn forget_work(&self, id: &JobId) {
        let (kept_work, id) = (self.kept_work().clone(), id.clone());
        let discarded = blocking(move || {
            kept_work.discard(&id);
            Ok::<_, Error>(())
        });
        let discarded = discarded.await;
        if let Err(error) = discarded {
            tracing::warn!("kept work stays: {error}");
        }
    }

    /// The whole work of a job whose record leaves out a secret; for one of many servers, by the job on all of them.
    pub(super) async fn kept_for_retry(&self, job: &Job) -> Result<Option<Spec>, Error> {
        let Some(parent) = &job.parent else {
            return self.kept_work().read(&job.id).await;
        };
        match self.kept_work().read(parent).await? {
            Some(Spec::Fleet(fleet)) => fleet.each().for_server(&job.alias).map(Some),
            _ => Ok(None),
        }
    }

    /// Removes a question. One that cannot be removed expires.
    async fn withdraw(&self, id: &str) {
        let (questions, id) = (self.questions().clone(), id.to_owned());
        if let Err(error) = blocking(move || questions.withdraw(&id)).await {
            tracing::warn!("a question could not be withdrawn: {error}");
        }
    }
}

/// The question about a job, with the difference that it makes to files.
fn question_about(job: &Job, spec: &Spec, difference: Option<&str>) -> PersonQuestion {
    let kind = spec.kind();
    let servers = kind.servers(&job.alias);
    let mut details = kind.details();
    // The text of a file is shown as it is, for the yes is about that.
    if kind.file_change().is_none() {
        hide_passwords(&mut details);
    }
    if let Some(difference) = difference {
        details = format!("{details}\n{difference}");
    }
    let mut details = abridge(&details, LONGEST_DETAILS);
    for alias in &servers {
        hide_text(alias, &mut details);
    }
    let user = job.sudo.as_ref().map(|user| format!(" as `{user}`"));
    let text = format!(
        "Let {} do this on {}{}: {}?",
        kind.tool(),
        named(&servers),
        user.unwrap_or_default(),
        beginning(&job.summary(), LONGEST_SUMMARY)
    );
    let usual = usual_command(job, kind, &servers);
    PersonQuestion {
        details: readable(&details).into_owned(),
        tool: kind.tool().to_owned(),
        rule: job.approval.as_ref().map(|one| one.rule.clone()),
        reason: job.reason.clone(),
        asked_by: job.actor.clone(),
        is_of_task: true,
        always: usual.filter(|_| job.masked.is_none()).and_then(usual_form),
        servers,
        ..PersonQuestion::of(&readable(&text).replace('\n', " "))
    }
}

/// The first servers by their names, and the number of the others.
fn named(servers: &[String]) -> String {
    let first = servers.iter().take(SERVERS_NAMED);
    let first: Vec<_> = first.map(|alias| format!("`{alias}`")).collect();
    match servers.len().saturating_sub(SERVERS_NAMED) {
        0 => first.join(", "),
        others => format!("{} and {others} more", first.join(", ")),
    }
}

/// The command that "always" may let through: on one server, as its own user.
fn usual_command<'a>(job: &Job, kind: &'a dyn Kind, servers: &[String]) -> Option<&'a str> {
    kind.usual_command()
        .filter(|_| servers.len() == 1 && job.sudo.is_none())
}
