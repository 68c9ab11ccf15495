//! Tasks that begin only once a person has agreed. A record that waits outlives its process: whichever process looks
//! after it next begins it after a yes, once, and only in the time in which the yes counts.

use super::agreement::Agreement;
use super::ending::Ending;
use super::kind::{Spec, hide_text};
use super::record::Job;
use super::runner::Jobs;
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
    /// The question that a person has to answer before this job begins; `None` if it may begin at once. Whoever agreed
    /// to a job on many servers has agreed to its children.
    pub(super) fn question_before(
        &self,
        job: &Job,
        spec: &Spec,
    ) -> Result<Option<PersonQuestion>, Error> {
        if job.parent.is_some() {
            return Ok(None);
        }
        let kind = spec.kind();
        let servers = kind.servers(&job.alias);
        let usual = kind
            .usual_command()
            .filter(|_| servers.len() == 1 && job.sudo.is_none());
        let work = WantedWork {
            servers: &servers,
            tool: kind.tool(),
            may_change: kind.may_change(),
            writes_unknown: !kind.knows_targets(),
            usual,
        };
        let judge = |alias: &str, guard: &Guard| kind.authorize_on(alias, guard);
        let Some(rule) = self.guard().rule_that_asks(&work, &judge)? else {
            return Ok(None);
        };
        let mut details = abridge(&kind.details(), LONGEST_DETAILS);
        for alias in &servers {
            hide_text(alias, &mut details);
        }
        let summary = job.summary();
        let user = job.sudo.as_ref().map(|user| format!(" as `{user}`"));
        let text = format!(
            "Let {} do this on {}{}: {}?",
            kind.tool(),
            named(&servers),
            user.unwrap_or_default(),
            beginning(&summary, LONGEST_SUMMARY)
        );
        Ok(Some(PersonQuestion {
            details: readable(&details).into_owned(),
            tool: kind.tool().to_owned(),
            rule: Some(rule),
            reason: job.reason.clone(),
            asked_by: job.actor.clone(),
            is_of_task: true,
            always: usual.filter(|_| job.masked.is_none()).and_then(usual_form),
            servers,
            ..PersonQuestion::of(&readable(&text).replace('\n', " "))
        }))
    }

    /// The agreement that this question is about, still to be given.
    pub(super) fn agreement_to(&self, job: &Job, question: &PersonQuestion) -> Agreement {
        let words = format!("approve {}", job.id);
        Agreement {
            rule: question.rule.clone().unwrap_or_default(),
            approve: command_to_type(self.data().path(), &words),
            by: None,
            at: None,
        }
    }

    /// Opens the question of a job, and tells the person of it. Blocks for a moment.
    pub(super) fn open_question(&self, job: &Job, question: &PersonQuestion) -> Result<(), Error> {
        self.questions().open(job.id.as_str(), question.clone())?;
        let title = format!("{} waits for your yes", question.tool);
        notify(
            self.config(),
            &title,
            &format!("{}\n{}", question.text, job.id),
        );
        Ok(())
    }

    /// Waits for the answer to a job's question. Returns the job as it begins, which is on disk then, so that no other
    /// process begins it again.
    pub(super) async fn agreed(
        &self,
        job: &Job,
        spec: &Spec,
        stop: &StopSignal,
    ) -> Result<Job, Ending> {
        let id = job.id.as_str();
        // It is to be found by whichever process comes next.
        self.queue().flush().await?;
        let answered = tokio::select! {
            biased;
            () = stop.asked() => {
                self.withdraw(id).await;
                let reason = "stopped before a person had agreed; nothing was done";
                return Err(Ending::of(Status::Cancelled, reason));
            }
            answered = self.questions().answered(id) => answered?,
        };
        let question = match answered {
            Some(question) if question.answer == Some(PersonAnswer::Yes) => question,
            Some(question) => {
                self.withdraw(id).await;
                let by = question.answered_by.map(|by| by.to_string());
                let reason = format!("{} said no", by.unwrap_or_else(|| "somebody".to_owned()));
                let question = question.text;
                return Err(Error::Declined { question, reason }.into());
            }
            None => return Err(Error::ApprovalExpired { id: id.to_owned() }.into()),
        };
        // Rules, servers and holds may be others than when it was asked.
        let admitted = spec.kind().admit(&job.alias, self.guard());
        if let Err(error) = admitted {
            self.withdraw(id).await;
            return Err(error.into());
        }
        let mut agreed = job.clone();
        if let Some(agreement) = &mut agreed.approval {
            agreement.by = Some(question.answered_by.unwrap_or_default());
            agreement.at = question.answered_at;
        }
        agreed.enter(Status::Running);
        let agreed = Job::clone(&self.queue().put(agreed));
        self.queue().flush().await?;
        self.withdraw(id).await;
        Ok(agreed)
    }

    /// Takes in jobs that wait and whose process is gone, and withdraws questions of jobs that have ended.
    pub(super) async fn tend_questions(&self) -> Result<(), Error> {
        let queue = self.queue().list().await?;
        let questions = self.questions().clone();
        let open = blocking(move || questions.list()).await?;
        for (id, _) in open.iter().filter(|(_, question)| question.is_of_task) {
            let job = queue.iter().find(|job| job.id.as_str() == id);
            if job.is_some_and(|job| !job.status.is_live()) {
                self.withdraw(id).await;
            }
        }
        Ok(())
    }

    /// Removes a question. One that cannot be removed expires.
    async fn withdraw(&self, id: &str) {
        let (questions, id) = (self.questions().clone(), id.to_owned());
        if let Err(error) = blocking(move || questions.withdraw(&id)).await {
            tracing::warn!("a question could not be withdrawn: {error}");
        }
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
