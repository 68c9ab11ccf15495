//! Logs on servers.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::call::Start;
use super::declared::{self as rmcp, Toolset, declare, tool, tool_router};
use super::monitor::ProbeResult;
use super::{Call, Parameters, Quantity, Viewed, WaitFor};
use crate::app::App;
use crate::error::Error;
use crate::fleet::TargetExpression;
use crate::guard::Access;
use crate::job::kind::probe::Probe;
use crate::job::{Job, OutputView, Stream};
use crate::monitor::Question;
use crate::reply::Reply;
use crate::time::brief;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Pm2Logs {
    /// Server alias.
    alias: TargetExpression,
    /// Only this application.
    app: Option<String>,
    /// Lines of each log.
    #[serde(default)]
    #[schemars(extend("type" = "number"))]
    lines: Quantity<100>,
    /// Only the error logs.
    #[serde(default)]
    errors: bool,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct DockerLogs {
    /// Server alias.
    alias: TargetExpression,
    /// Its name or ID.
    container: String,
    /// Last lines to show.
    #[serde(default)]
    #[schemars(extend("type" = "number"))]
    lines: Quantity<100>,
    /// Only newer lines: 1h, or a time.
    since: Option<String>,
    /// Show each line's time.
    #[serde(default)]
    timestamps: bool,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct TailFile {
    /// Server alias.
    alias: TargetExpression,
    /// Path on the server; ~/ is the home directory.
    filepath: String,
    /// Last lines to show.
    #[serde(default)]
    #[schemars(extend("type" = "number"))]
    lines: Quantity<50>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct LogReport {
    source: String,
    line_count: u64,
    /// The log; a long one by its head and tail.
    lines: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    truncated: Option<bool>,
    task_id: String,
}

impl LogReport {
    fn of(source: String, job: &Job) -> Self {
        let lines = job.output(Stream::Stdout).unwrap_or_default().to_owned();
        let line_count = job.printed().and_then(|printed| printed.line_count);
        Self {
            source,
            line_count: line_count.unwrap_or(lines.lines().count() as u64),
            lines,
            truncated: job.is_truncated().then_some(true),
            task_id: job.id.to_string(),
        }
    }
}

impl App {
    /// Asks one server or several for a log, and replies with the part that a view shows.
    async fn ask_for_log(
        &self,
        call: &Call,
        servers: &TargetExpression,
        question: Question,
        source: String,
        view: &OutputView,
    ) -> Result<Reply, Error> {
        let servers = self.targets(servers)?;
        if !servers.is_single() {
            let start = Start::of(Probe::new(question)?, None);
            return self
                .run(call, servers, start, WaitFor::Completion, view)
                .await;
        }
        let asked = self.ask(call, &servers.expression, question).await?;
        self.reply_with_log(source, asked, view).await
    }

    /// Replies with the part of a log that a view shows.
    async fn reply_with_log(
        &self,
        source: String,
        asked: ProbeResult,
        view: &OutputView,
    ) -> Result<Reply, Error> {
        let job = match asked {
            ProbeResult::Unanswered(job) => return self.reply_about(&job, view).await,
            ProbeResult::Answered(job) => job,
        };
        let shown = self.jobs().shown(&job, view).await?;
        let log = LogReport::of(source, &job);
        let time = brief(Duration::from_millis(job.duration.unwrap_or_default()));
        let (source, lines) = (&log.source, log.line_count);
        let output = match shown.stdout.as_str() {
            "" => "(empty)",
            output => output,
        };
        let text = format!(
            "{source}: {lines} lines in {time} (task {})\n{output}",
            job.id
        );
        Reply::of_job(&job, Some(text)).with_facts(&log)
    }
}

#[tool_router(router = log_tools, vis = "pub(super)")]
impl App {
    /// Show the last lines of a server's PM2 logs.
    #[tool(title = "PM2 logs", meta = declare(Access::ReadsServer, Toolset::Logs).elevated())]
    async fn get_pm2_logs(
        &self,
        Parameters(viewed): Parameters<Viewed<Pm2Logs>>,
        call: Call,
    ) -> Result<Reply, Error> {
        let pm2 = viewed.arguments;
        let question = Question::GetPm2Logs {
            app: pm2.app.clone(),
            lines: pm2.lines.0,
            errors: pm2.errors,
        };
        let of = pm2.app.map(|app| format!(" of {app}"));
        let source = format!("PM2 logs{}", of.unwrap_or_default());
        self.ask_for_log(&call, &pm2.alias, question, source, &viewed.view)
            .await
    }

    /// Show the last lines of a Docker container's log on a server.
    #[tool(title = "Docker logs", meta = declare(Access::ReadsServer, Toolset::Logs).elevated())]
    async fn get_docker_logs(
        &self,
        Parameters(viewed): Parameters<Viewed<DockerLogs>>,
        call: Call,
    ) -> Result<Reply, Error> {
        let DockerLogs {
            alias,
            container,
            lines,
            since,
            timestamps,
        } = viewed.arguments;
        let source = format!("Docker logs of {container}");
        let question = Question::GetDockerLogs {
            container,
            lines: lines.0,
            since,
            timestamps,
        };
        self.ask_for_log(&call, &alias, question, source, &viewed.view)
            .await
    }

    /// Show the last lines of a file on a server.
    #[tool(title = "End of a file", meta = declare(Access::ReadsServer, Toolset::Logs).elevated())]
    async fn tail_file(
        &self,
        Parameters(viewed): Parameters<Viewed<TailFile>>,
        call: Call,
    ) -> Result<Reply, Error> {
        let tail = viewed.arguments;
        let source = format!("End of {}", tail.filepath);
        let question = Question::TailFile {
            filepath: tail.filepath,
            lines: tail.lines.0,
        };
        self.ask_for_log(&call, &tail.alias, question, source, &viewed.view)
            .await
    }
}
