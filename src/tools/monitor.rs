//! Monitoring: what a server says of itself.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::declared::{self as rmcp, Toolset, declare, tool, tool_router};
use super::{Call, Parameters, WaitFor};
use crate::app::App;
use crate::error::Error;
use crate::guard::Access;
use crate::job::{Job, Options, Probe, Status, Stream};
use crate::monitor::{Question, fail2ban, resources, services};
use crate::reply::Reply;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Server {
    /// Server alias.
    alias: String,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Jails {
    /// Server alias.
    alias: String,
    /// Only this jail.
    jail: Option<String>,
}

/// What came of a question that a tool asks a server.
pub(super) enum Asked {
    /// Nothing yet, for it takes long and goes on in the background, or an error of the call's.
    Not(Arc<Job>),
    /// What it has printed.
    Answered(Arc<Job>),
}

#[tool_router(router = monitor_tools, vis = "pub(super)")]
impl App {
    /// Show CPU usage, memory, swap, disks, load and uptime.
    #[tool(title = "System resources", meta = declare(Access::ReadsServer, Toolset::Monitoring))]
    async fn get_system_resources(
        &self,
        Parameters(Server { alias }): Parameters<Server>,
        call: Call,
    ) -> Result<Reply, Error> {
        let asked = self.ask(&call, &alias, Question::GetSystemResources);
        let read = |text: &str| {
            resources::parse(text).ok_or_else(|| Error::Monitoring {
                alias: alias.clone(),
                tool: "get_system_resources",
                reason: "the server is neither Linux nor macOS nor FreeBSD".to_owned(),
            })
        };
        self.reply_with(asked.await?, read).await
    }

    /// Show the services of systemd, Docker and PM2.
    #[tool(title = "Service status", meta = declare(Access::ReadsServer, Toolset::Monitoring))]
    async fn get_services_status(
        &self,
        Parameters(Server { alias }): Parameters<Server>,
        call: Call,
    ) -> Result<Reply, Error> {
        let asked = self.ask(&call, &alias, Question::GetServicesStatus);
        self.reply_with(asked.await?, |text| Ok(services::parse(text)))
            .await
    }

    /// Show Fail2Ban's jails and whom they banned.
    #[tool(title = "Fail2Ban status", meta = declare(Access::ReadsServer, Toolset::Monitoring))]
    async fn get_fail2ban_status(
        &self,
        Parameters(Jails { alias, jail }): Parameters<Jails>,
        call: Call,
    ) -> Result<Reply, Error> {
        let asked = self.ask(&call, &alias, Question::GetFail2banStatus { jail });
        self.reply_with(asked.await?, |text| Ok(fail2ban::parse(text)))
            .await
    }

    /// Asks a server a question as a job, and waits for it as for any other.
    pub(super) async fn ask(
        &self,
        call: &Call,
        alias: &str,
        question: Question,
    ) -> Result<Asked, Error> {
        let tool = question.tool();
        let probe = Probe::new(question)?;
        let handle = self.jobs().start(alias, probe, Options::default())?;
        let job = self.wait_for(call, &handle, WaitFor::Completion).await?;
        if job.status.is_live() || job.failure().is_some() {
            return Ok(Asked::Not(job));
        }
        if job.status == Status::Completed {
            return Ok(Asked::Answered(job));
        }
        let said = [Stream::Stderr, Stream::Stdout].into_iter();
        let mut said = said.filter_map(|stream| job.output(stream).map(str::trim));
        let said = said.find(|text| !text.is_empty());
        Err(Error::Monitoring {
            alias: alias.to_owned(),
            tool,
            reason: match (said, &job.error) {
                (Some(said), _) => said.to_owned(),
                (None, error) => error.clone().unwrap_or_default(),
            },
        })
    }

    /// Answers with what was read of the server's answer.
    async fn reply_with<T: Serialize>(
        &self,
        asked: Asked,
        read: impl FnOnce(&str) -> Result<T, Error>,
    ) -> Result<Reply, Error> {
        match asked {
            Asked::Not(job) => Ok(Reply::of_job(&job)),
            Asked::Answered(job) => {
                Reply::json(&read(&self.jobs().whole(&job, Stream::Stdout).await?)?)
            }
        }
    }
}
