//! Questions of monitoring tools to several servers, and the facts that each answers with.

use std::collections::HashMap;

use indexmap::IndexMap;
use serde::Serialize;

use super::call::Start;
use super::{Call, Json, WaitFor};
use crate::app::App;
use crate::error::Error;
use crate::fleet::Targets;
use crate::job::kind::fleet::{Child, ChildState};
use crate::job::kind::probe::Probe;
use crate::job::{JobId, OutputView, Stream};
use crate::monitor::Question;

/// The most bytes of facts that an answer has. Of more, it has the text alone.
const MOST_FACTS: usize = 8 * 1024;

/// The facts of each server.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct FactsByServer<'j, T> {
    pub(super) servers: IndexMap<&'j str, T>,
    /// The reasons of those that gave none.
    #[serde(skip_serializing_if = "IndexMap::is_empty")]
    pub(super) failed: IndexMap<&'j str, String>,
    /// The job that asked them.
    #[serde(skip_serializing_if = "Option::is_none")]
    task_id: Option<&'j str>,
}

/// The same as a text, for facts that would be too long.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct FactsAsText<'j> {
    report: &'j str,
    #[serde(skip_serializing_if = "Option::is_none")]
    task_id: Option<&'j str>,
}

impl<T> Default for FactsByServer<'_, T> {
    fn default() -> Self {
        Self {
            servers: IndexMap::new(),
            failed: IndexMap::new(),
            task_id: None,
        }
    }
}

impl<T: Serialize> FactsByServer<'_, T> {
    /// The answer with these facts, or with the text alone where they would be too long.
    pub(super) fn reply<A: Serialize>(&self, text: &str) -> Result<Json<A>, Error> {
        let length = serde_json::to_vec(self).map_or(usize::MAX, |json| json.len());
        if length > MOST_FACTS {
            let report = FactsAsText {
                report: text,
                task_id: self.task_id,
            };
            return Json::with(text, &report);
        }
        Json::with(text, self)
    }
}

impl App {
    /// Asks several servers a question in a job, and replies with the facts that `read` finds in what each prints,
    /// in `line`'s words.
    pub(super) async fn ask_all<T: Serialize>(
        &self,
        call: &Call,
        servers: Targets,
        question: Question,
        read: impl Fn(&str, &str) -> Result<T, Error>,
        line: impl Fn(&T) -> String,
    ) -> Result<Json<T>, Error> {
        let start = Start::of(Probe::new(question)?, None);
        let handle = self.start(call, servers, start)?;
        let job = self.wait_for(call, &handle, WaitFor::Completion).await?;
        let Some(outcome) = job.fleet().filter(|_| !job.status.is_live()) else {
            let text = self.jobs().text(&job, &OutputView::default()).await?;
            return Json::of_job(&job, text);
        };
        let mut facts = FactsByServer {
            task_id: Some(job.id.as_str()),
            ..FactsByServer::default()
        };
        let mut told = HashMap::new();
        for child in &outcome.children {
            let alias = child.alias.as_str();
            let printed = match &child.task {
                Some(task) if child.state() == ChildState::Done => self.printed_by(task).await?,
                _ => {
                    facts.failed.insert(alias, reason(child));
                    continue;
                }
            };
            let read = read(alias, &printed).map_err(|error| error.to_string());
            told.insert(
                alias.to_owned(),
                read.as_ref().map(&line).map_err(Clone::clone),
            );
            match read {
                Ok(read) => drop(facts.servers.insert(alias, read)),
                Err(reason) => drop(facts.failed.insert(alias, reason)),
            }
        }
        let (jobs, view) = (self.jobs(), OutputView::default());
        let text = jobs.text_with_facts(&job, outcome, &view, told).await?;
        facts.reply(&text)
    }

    /// All that a task has printed on standard output.
    async fn printed_by(&self, task: &JobId) -> Result<String, Error> {
        let job = self.jobs().queue().get(task).await?;
        self.jobs().whole(&job, Stream::Stdout).await
    }
}

/// The reason for which a server gave no facts.
fn reason(child: &Child) -> String {
    let error = child.error.clone();
    error.unwrap_or_else(|| "not asked".to_owned())
}
