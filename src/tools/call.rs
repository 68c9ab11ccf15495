//! The request behind a tool call: its progress, and the job that it starts and waits for.

use std::sync::Arc;
use std::time::{Duration, Instant};

use regex::bytes::Regex;
use rmcp::RoleServer;
use rmcp::handler::server::common::FromContextPart;
use rmcp::handler::server::tool::ToolCallContext;
use rmcp::model::{InputResponses, ProgressNotificationParam, ProgressToken, RequestId};
use rmcp::service::{Peer, RequestContext};

use super::NumberOfSeconds;
use super::elicitation::{brought_answer, calls_again, can_be_asked, input_required};
use super::reason::CallFacts;
use super::sudo::SudoUser;
use crate::app::{App, PendingWork};
use crate::approval::PersonQuestion;
use crate::error::Error;
use crate::fleet::{TargetExpression, Targets};
use crate::fs::blocking;
use crate::job::kind::fleet::{Brakes, Fleet, FleetOutcome};
use crate::job::{Job, JobHandle, JobId, Jobs, OutputView, Spec, StartOptions, Stream};
use crate::reply::Reply;
use crate::secret::hide;

/// The time between two progress notifications. Some clients expect one every 5 s.
const PROGRESS_INTERVAL: Duration = Duration::from_secs(4);
/// The time between two progress notifications of a transfer.
const TRANSFER_INTERVAL: Duration = Duration::from_millis(400);
/// The least increase from one progress notification to the next.
const LEAST_PROGRESS: f64 = 0.001;

/// The most bytes of a line of output in a progress notification.
const LONGEST_LINE: usize = 200;
/// The longest wait of a call whose client has not asked for progress: most clients give up after 60 s.
const SILENT_WAIT: Duration = Duration::from_secs(50);

/// A task of which nothing else is known.
const TASK: &str = "a task has been running";

/// A tool call's request.
pub struct Call {
    peer: Peer<RoleServer>,
    token: Option<ProgressToken>,
    request: RequestId,
    /// Set if the client looks at tasks by the protocol's extension. It says so with each request.
    takes_tasks: bool,
    /// The other user of its server as whom it runs.
    sudo: Option<String>,
    pub(super) context: Box<RequestContext<RoleServer>>,
    /// A question's state and the answers, if the client calls again with them.
    pub(super) brought: Option<(String, InputResponses)>,
    facts: CallFacts,
}

impl<S> FromContextPart<ToolCallContext<'_, S>> for Call {
    fn from_context_part(context: &mut ToolCallContext<'_, S>) -> Result<Self, rmcp::ErrorData> {
        let request = &context.request_context;
        let state = context.request_state.clone();
        Ok(Self {
            context: Box::new(request.clone()),
            brought: state.zip(context.input_responses.clone()),
            facts: request.extensions.get().cloned().unwrap_or_default(),
            peer: request.peer.clone(),
            token: request.meta.get_progress_token(),
            request: request.id.clone(),
            sudo: request
                .extensions
                .get::<SudoUser>()
                .and_then(|user| user.0.clone()),
            takes_tasks: request
                .meta
                .client_capabilities()
                .is_some_and(|capabilities| capabilities.supports_tasks()),
        })
    }
}

impl Call {
    /// The ID of its request.
    pub(super) fn request(&self) -> RequestId {
        self.request.clone()
    }

    /// The other user of its server as whom it runs.
    pub(super) fn sudo(&self) -> Option<String> {
        self.sudo.clone()
    }

    /// The text by which a question about a job is known again, with the call that has started it.
    fn about(&self, id: &JobId) -> String {
        format!("task {id} {}", self.facts.digest)
    }

    /// The job of such a text, if it is of this call.
    fn is_about(&self, asked: &str) -> Option<JobId> {
        let (id, digest) = asked.strip_prefix("task ")?.split_once(' ')?;
        (digest == self.facts.digest).then(|| JobId::from(id))
    }

    /// The reason that the caller gives.
    pub(super) fn reason(&self) -> Option<String> {
        self.facts.reason.clone()
    }

    /// The longest time that the call may wait for something.
    pub(super) fn longest_wait(&self) -> Duration {
        match self.token {
            Some(_) => Duration::MAX,
            None => SILENT_WAIT,
        }
    }

    /// Waits for an outcome and sends progress notifications meanwhile, if the client asked for them. A
    /// notice, if there is one, replaces the source's message.
    pub(super) async fn reporting<T>(
        &self,
        source: &ProgressSource<'_>,
        notice: impl Fn() -> Option<String>,
        outcome: impl Future<Output = T>,
    ) -> T {
        let Some(token) = &self.token else {
            return outcome.await;
        };
        let report = async {
            let since = Instant::now();
            let mut last = 0.0;
            loop {
                tokio::time::sleep(source.interval()).await;
                let progress = source.progress(since).await;
                let message = notice().unwrap_or(progress.message);
                // It does not pass the gate.
                let message = hide(&message);
                // Progress has to increase (MCP specification, utilities: progress), also where
                // nothing moves.
                last = f64::max(progress.done, last + LEAST_PROGRESS);
                let mut notification =
                    ProgressNotificationParam::new(token.clone(), last).with_message(message);
                if let Some(total) = progress.total {
                    notification = notification.with_total(total.max(last));
                }
                // The transport notices a client that is gone.
                let _ = self.peer.notify_progress(notification).await;
            }
        };
        tokio::select! {
            outcome = outcome => outcome,
            never = report => never,
        }
    }
}

/// The source of a call's progress.
pub(super) enum ProgressSource<'a> {
    /// The clock. The text says what takes time.
    Time(&'a str),
    /// The clock, and the last line that a job has printed.
    Output(&'a Jobs, &'a JobId),
    /// The bytes that a job has moved.
    Transfer(&'a Jobs, &'a JobId),
    /// The servers on which a job has ended.
    Servers(&'a Jobs, &'a JobId),
}

impl ProgressSource<'_> {
    fn interval(&self) -> Duration {
        match self {
            Self::Time(_) | Self::Output(..) | Self::Servers(..) => PROGRESS_INTERVAL,
            Self::Transfer(..) => TRANSFER_INTERVAL,
        }
    }

    async fn progress(&self, since: Instant) -> ProgressReport {
        match self {
            Self::Time(what) => ProgressReport::of_time(what, since),
            Self::Output(jobs, id) => {
                let job = jobs.queue().get(id).await.ok();
                let what = if job.is_some_and(|job| job.is_waiting()) {
                    format!("task {id} has been waiting for a person's yes")
                } else {
                    format!("task {id} has been running")
                };
                let mut progress = ProgressReport::of_time(&what, since);
                if let Some(line) = last_line(jobs, id).await {
                    progress.message = format!("{}: {line}", progress.message);
                }
                progress
            }
            Self::Transfer(jobs, id) => match jobs.queue().get(id).await {
                Ok(job) => ProgressReport::of_bytes(&job, since),
                Err(_) => ProgressReport::of_time(TASK, since),
            },
            Self::Servers(jobs, id) => {
                let job = jobs.queue().get(id).await.ok();
                let outcome = job.as_ref().and_then(|job| job.fleet());
                outcome.map_or_else(
                    || ProgressReport::of_time(TASK, since),
                    ProgressReport::of_servers,
                )
            }
        }
    }
}

/// The last line that a job has printed.
async fn last_line(jobs: &Jobs, id: &JobId) -> Option<String> {
    let job = jobs.queue().get(id).await.ok()?;
    job.printed()?;
    for stream in Stream::BOTH {
        let line = jobs.last_lines(&job, stream, 1, LONGEST_LINE).await.ok()?;
        if !line.is_empty() {
            return Some(line);
        }
    }
    None
}

/// The content of a progress notification.
struct ProgressReport {
    done: f64,
    total: Option<f64>,
    message: String,
}

impl ProgressReport {
    fn of_time(what: &str, since: Instant) -> Self {
        let seconds = since.elapsed().as_secs_f64();
        Self {
            done: seconds,
            total: None,
            message: format!("{what} for {seconds:.0} s"),
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "servers are few")]
    fn of_servers(outcome: &FleetOutcome) -> Self {
        let (ended, all) = outcome.ended();
        Self {
            done: ended as f64,
            total: Some(all as f64),
            message: format!("{ended} of {all} servers have ended"),
        }
    }

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

/// The event that a call waits for before its job goes to the background.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WaitFor {
    /// The job's end, for as long as the sync timeout says.
    Completion,
    /// The job's start on the server.
    Start,
    /// The same, but not for long.
    PromptStart,
    /// Nothing.
    Nothing,
}

impl WaitFor {
    /// Nothing if the caller asks for the background, else the job's end.
    pub(super) fn unless(background: bool) -> Self {
        if background {
            Self::Nothing
        } else {
            Self::Completion
        }
    }
}

/// The time that a call in the background waits for the start on the server.
const START_PATIENCE: Duration = Duration::from_secs(5);

/// A job that a call starts.
pub(super) struct Start {
    spec: Spec,
    brakes: Brakes,
    options: StartOptions,
}

impl Start {
    /// A job, with a reminder.
    pub(super) fn of(spec: impl Into<Spec>, reminder: Option<NumberOfSeconds>) -> Self {
        let reminder = reminder.map(NumberOfSeconds::duration);
        Self {
            spec: spec.into(),
            brakes: Brakes::default(),
            options: StartOptions {
                reminder,
                ..StartOptions::default()
            },
        }
    }

    /// The same as another user of the server, unless the call names one.
    pub(super) fn elevated(mut self, user: Option<String>) -> Self {
        self.options.sudo = user;
        self
    }

    /// The same with brakes, where it runs on several servers.
    pub(super) fn braked(self, brakes: Brakes) -> Self {
        Self { brakes, ..self }
    }
}

impl App {
    /// The servers that are meant.
    pub(super) fn targets(&self, expression: &TargetExpression) -> Result<Targets, Error> {
        expression.resolve(self.servers())
    }

    /// Starts a job, waits for it, and replies with its state.
    pub(super) async fn run(
        &self,
        call: &Call,
        servers: Targets,
        mut start: Start,
        wait: WaitFor,
        view: &OutputView,
    ) -> Result<Reply, Error> {
        if let Some(job) = Box::pin(self.take_up(call)).await? {
            return self.reply_about_started(call, &job, view).await;
        }
        start.options.reason = call.reason();
        let job = self.start(call, servers, start)?;
        let job = self.wait_for(call, &job, wait).await?;
        self.reply_about_started(call, &job, view).await
    }

    /// Starts a job: on one server as it is, on several one that starts it on each.
    pub(super) fn start(
        &self,
        call: &Call,
        servers: Targets,
        start: Start,
    ) -> Result<JobHandle, Error> {
        let Start {
            spec,
            brakes,
            mut options,
        } = start;
        options.sudo = call.sudo().or(options.sudo);
        if !servers.is_single() {
            let fleet = Fleet::new(servers.aliases, spec, brakes)?;
            return self.jobs().start(&servers.expression, fleet, options);
        }
        if let Some(brake) = brakes.given().first() {
            let problem = "is for several servers, and `alias` names one";
            return Err(Error::invalid(brake, problem));
        }
        self.jobs().start(&servers.expression, spec, options)
    }

    /// Replies with a job that this call has started: as a task, where the client takes those and it goes on.
    pub(super) async fn reply_about_started(
        &self,
        call: &Call,
        job: &Job,
        view: &OutputView,
    ) -> Result<Reply, Error> {
        if job.is_waiting()
            && call.brought.is_none()
            && calls_again(&call.context)
            && can_be_asked(&call.context)
            && let Some(question) = self.question_of(job.id.as_str()).await?
        {
            let state = self.asked().add(&call.about(&job.id));
            let always = question.always.as_deref();
            return Ok(input_required(state, &question.in_lines(), always).into());
        }
        if call.takes_tasks && job.status.is_live() {
            return Ok(Reply::of_task(job));
        }
        self.reply_about(job, view).await
    }

    /// Replies with a job's result or state, and what a view shows of its output.
    pub(super) async fn reply_about(&self, job: &Job, view: &OutputView) -> Result<Reply, Error> {
        let text = self.jobs().text(job, view).await?;
        Ok(Reply::of_job(job, text))
    }

    /// Waits for a job that this call has started.
    pub(super) async fn wait_for(
        &self,
        call: &Call,
        job: &JobHandle,
        wait: WaitFor,
    ) -> Result<Arc<Job>, Error> {
        let _pending = self.note_pending(call.request.clone(), PendingWork::Job(job.id().clone()));
        self.show_question(&call.context, job);
        let sync_timeout = self.config().sync_timeout;
        let outcome = async {
            // Those who are told that it waits can answer at once.
            let asked = tokio::time::timeout(sync_timeout, job.asked()).await;
            // The client asks between two calls: it is told at once.
            let asks_between = matches!(asked, Ok(Some(_)))
                && calls_again(&call.context)
                && can_be_asked(&call.context);
            let timeout = match wait {
                _ if asks_between => Duration::ZERO,
                WaitFor::Completion => sync_timeout,
                WaitFor::Start => {
                    self.jobs().begun(job, sync_timeout).await;
                    Duration::ZERO
                }
                WaitFor::PromptStart => {
                    let patience = START_PATIENCE.min(sync_timeout);
                    self.jobs().begun(job, patience).await;
                    Duration::ZERO
                }
                WaitFor::Nothing => Duration::ZERO,
            };
            self.jobs().wait_for_news(job, timeout).await
        };
        self.follow(call, job.id(), outcome).await
    }

    /// The job that this call has started before its person was asked, with the answer that it brings now.
    pub(super) async fn take_up(&self, call: &Call) -> Result<Option<Arc<Job>>, Error> {
        let Some((state, responses)) = &call.brought else {
            return Ok(None);
        };
        let asked = self.asked().taken(state);
        let id = asked.as_deref().and_then(|asked| call.is_about(asked));
        let Some(id) = id else {
            return Ok(None);
        };
        self.answer_for(id.as_str(), brought_answer(responses))
            .await?;
        let _pending = self.note_pending(call.request.clone(), PendingWork::Job(id.clone()));
        let outcome = self.jobs().wait(&id, self.config().sync_timeout);
        self.follow(call, &id, outcome).await.map(Some)
    }

    pub(super) async fn question_of(&self, id: &str) -> Result<Option<PersonQuestion>, Error> {
        let (questions, id) = (self.open_questions().clone(), id.to_owned());
        blocking(move || questions.get(&id)).await
    }

    /// Waits for a job's end or for a line of its output. Returns its record, and the answer's line about that.
    pub(super) async fn wait_until(
        &self,
        call: &Call,
        id: &JobId,
        until: Option<&Regex>,
        patience: Duration,
    ) -> Result<(Arc<Job>, Option<String>), Error> {
        let patience = patience
            .min(self.config().max_wait)
            .min(call.longest_wait());
        let Some(until) = until else {
            let outcome = self.jobs().wait(id, patience);
            return Ok((self.follow(call, id, outcome).await?, None));
        };
        let mut matched = None;
        let outcome = async {
            let (job, line) = self.jobs().wait_for_line(id, until, patience).await?;
            matched = line;
            Ok(job)
        };
        let job = self.follow(call, id, outcome).await?;
        let said = match matched {
            Some(line) => format!("matched: {line}"),
            None if job.status.is_live() => "no line has matched so far".to_owned(),
            None => "no line has matched".to_owned(),
        };
        Ok((job, Some(said)))
    }

    /// The notice about a job whose login waits for a person, or whose command waits for input.
    pub(crate) fn waits_for(&self, job: &Job) -> Option<String> {
        let login = self.pool().login_notice(&job.alias);
        login.or_else(|| self.jobs().waits_at(&job.id))
    }

    /// Waits for a job's outcome and sends progress notifications meanwhile.
    pub(super) async fn follow(
        &self,
        call: &Call,
        id: &JobId,
        outcome: impl Future<Output = Result<Arc<Job>, Error>>,
    ) -> Result<Arc<Job>, Error> {
        let followed = self.jobs().queue().get(id).await?;
        let notice = || self.waits_for(&followed);
        let source = if followed.fleet().is_some() {
            ProgressSource::Servers(self.jobs(), id)
        } else if followed.transferred().is_some() {
            ProgressSource::Transfer(self.jobs(), id)
        } else {
            ProgressSource::Output(self.jobs(), id)
        };
        let job = call.reporting(&source, notice, outcome).await?;
        let waits_for = job.status.is_live().then(notice).flatten();
        Ok(match waits_for {
            Some(_) => {
                let mut waiting = Arc::unwrap_or_clone(job);
                waiting.waits_for = waits_for;
                Arc::new(waiting)
            }
            None => job,
        })
    }
}
