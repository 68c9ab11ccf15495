//! The protocol's tasks (SEP-2663): its methods, as calls of the tools that do the same.

use std::sync::Arc;

use rmcp::ErrorData;
use rmcp::handler::server::tool::IntoCallToolResult;
use rmcp::model::{
    CallToolResponse, CallToolResult, DetailedTask, JsonObject, Task, TaskPayload, TaskStatus,
};
use serde::Serialize;

use super::gate::GatedCall;
use super::{Handler, reading};
use crate::job::{Job, JobId, OutputView};
use crate::reply::{Reply, task_of};

impl Handler {
    /// A job of any process as a task, as it stands now.
    pub(super) async fn look(&self, id: &str) -> Result<(Task, Arc<Job>), ErrorData> {
        let looking = async {
            let mut job = self.app.jobs().look(&JobId::from(id)).await?;
            if job.status.is_live()
                && let Some(notice) = self.app.waits_for(&job)
            {
                Arc::make_mut(&mut job).waits_for = Some(notice);
            }
            Ok((task_of(&job), job))
        };
        reading::read(&self.app, looking).await
    }

    /// The same, with its result if it has one.
    pub(super) async fn look_at_result(&self, id: &str) -> Result<DetailedTask, ErrorData> {
        let (task, job) = self.look(id).await?;
        let payload = match task.status {
            TaskStatus::Completed => self.result_of(job).await,
            TaskStatus::Cancelled => TaskPayload::Cancelled,
            TaskStatus::Failed => {
                let reason = task.status_message.clone().unwrap_or_default();
                failure(&ErrorData::internal_error(reason, None))
            }
            _ => TaskPayload::Working,
        };
        Ok(DetailedTask::new(task, payload))
    }

    /// The answer of `task_wait`, which is the one that the call itself would have got.
    async fn result_of(&self, job: Arc<Job>) -> TaskPayload {
        let call = self.call_about(&job.id, "task_wait");
        let jobs = self.app.jobs().clone();
        let answer = async move {
            let text = jobs.text(&job, &OutputView::default()).await;
            let reply = text.map(|text| Reply::of_job(&job, text));
            reply.into_call_tool_result()
        };
        match call.pass(&self.app, answer).await {
            Ok(CallToolResponse::Complete(result)) => TaskPayload::Completed {
                result: object(&result),
            },
            Ok(_) => TaskPayload::Working,
            Err(error) => failure(&error),
        }
    }

    /// Stops a job as `task_cancel` does.
    pub(super) async fn cancel(&self, id: &str) -> Result<(), ErrorData> {
        let id = self.look(id).await?.1.id.clone();
        let call = self.call_about(&id, "task_cancel");
        let app = self.app.clone();
        let stop = async move {
            let stopped = app.jobs().cancel(&id).await;
            stopped
                .map(|job| Reply::of_task(&job))
                .into_call_tool_result()
        };
        match call.pass(&self.app, stop).await? {
            CallToolResponse::Complete(refusal) => {
                Err(ErrorData::internal_error(text(&refusal), None))
            }
            _ => Ok(()),
        }
    }

    /// A call of a tool that takes a job's ID.
    fn call_about(&self, id: &JobId, tool: &str) -> GatedCall {
        let tool = self.tools.get(tool).zip(self.tools.declaration(tool));
        let arguments = JsonObject::from_iter([("id".to_owned(), id.as_str().into())]);
        self.gated(tool.expect("the tool is declared"), Some(&arguments))
    }
}

fn failure(error: &ErrorData) -> TaskPayload {
    TaskPayload::Failed {
        error: object(error),
    }
}

fn object(value: &impl Serialize) -> JsonObject {
    serde_json::to_value(value)
        .and_then(serde_json::from_value)
        .expect("results and errors are objects")
}

fn text(result: &CallToolResult) -> String {
    let mut texts = result.content.iter().filter_map(|block| block.as_text());
    texts
        .next()
        .map(|text| text.text.clone())
        .unwrap_or_default()
}
