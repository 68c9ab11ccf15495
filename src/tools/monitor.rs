//! Monitoring: resources, services and bans of servers.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::declared::{self as rmcp, Toolset, declare, tool, tool_router};
use super::name_pattern::part_of_name;
use super::{Call, Json, Parameters, Switch, WaitFor};
use crate::app::App;
use crate::error::Error;
use crate::fleet::{TargetExpression, Targets};
use crate::guard::Access;
use crate::job::kind::probe::Probe;
use crate::job::{Job, OutputView, StartOptions, Status, Stream};
use crate::monitor::Question;
use crate::monitor::fail2ban::{self, Fail2Ban};
use crate::monitor::overview::{self, Overview};
use crate::monitor::resources::{self, Resources};
use crate::monitor::services::{self, ServiceFilter, Services};

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ServerAlias {
    /// Server alias.
    alias: TargetExpression,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct OverviewOf {
    /// Server alias.
    alias: TargetExpression,
    /// Ask even if it was asked in the last two minutes.
    #[serde(default)]
    fresh: Switch,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ServicesOf {
    /// Server alias.
    alias: TargetExpression,
    /// Details of those named so: `nginx`, `php*`.
    name: Option<String>,
    /// Details of those in this state: failed, inactive.
    state: Option<String>,
    /// Also the names of all others.
    #[serde(default)]
    all: Switch,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Jails {
    /// Server alias.
    alias: TargetExpression,
    /// Only this jail.
    jail: Option<String>,
}

/// The job that asked a server a question.
pub(super) enum ProbeResult {
    /// It has no answer: it goes on in the background, or has failed.
    Unanswered(Arc<Job>),
    /// Its output is the answer.
    Answered(Arc<Job>),
}

#[tool_router(router = monitor_tools, vis = "pub(super)")]
impl App {
    /// Show a server at a glance: system, resources, logins, failed units, reboot due, what listens under which names.
    #[tool(title = "Server overview", meta = declare(Access::ReadsServer, Toolset::Monitoring).elevated())]
    async fn server_overview(
        &self,
        Parameters(OverviewOf { alias, fresh }): Parameters<OverviewOf>,
        call: Call,
    ) -> Result<Json<Overview>, Error> {
        let servers = self.targets(&alias)?;
        if servers.is_single() && !fresh.0 {
            let alias = &servers.expression;
            let place = self.servers().get(alias)?.endpoint();
            if let Some(recent) = self.overviews().get(alias, &place) {
                return Json::new(recent.text(), &recent);
            }
        }
        let read = |alias: &str, text: &str| {
            let overview = overview::parse(text);
            let overview = overview.ok_or_else(|| unknown_system(alias, "server_overview"))?;
            let place = self.servers().get(alias)?.endpoint();
            self.overviews().put(alias, &place, &overview);
            Ok(overview)
        };
        let texts = (Overview::text, Overview::line);
        self.put(&call, servers, Question::ServerOverview, read, texts)
            .await
    }

    /// Show a server's CPU usage, memory, swap, disks, load and uptime.
    #[tool(title = "System resources", meta = declare(Access::ReadsServer, Toolset::Monitoring).elevated())]
    async fn get_system_resources(
        &self,
        Parameters(ServerAlias { alias }): Parameters<ServerAlias>,
        call: Call,
    ) -> Result<Json<Resources>, Error> {
        let read = |alias: &str, text: &str| {
            resources::parse(text).ok_or_else(|| unknown_system(alias, "get_system_resources"))
        };
        let question = Question::GetSystemResources;
        let texts = (Resources::text, Resources::line);
        self.put(&call, self.targets(&alias)?, question, read, texts)
            .await
    }

    /// Count a server's services (systemd, Docker, PM2), and show those that failed or restart.
    #[tool(title = "Service status", meta = declare(Access::ReadsServer, Toolset::Monitoring).elevated())]
    async fn get_services_status(
        &self,
        Parameters(services): Parameters<ServicesOf>,
        call: Call,
    ) -> Result<Json<Services>, Error> {
        let name = services.name.as_deref();
        let filter = ServiceFilter {
            name: name.map(|name| part_of_name("name", name)).transpose()?,
            state: services.state,
            all: services.all.0,
        };
        let read = |_: &str, text: &str| Ok(services::parse(text, &filter));
        let question = Question::GetServicesStatus;
        let texts = (Services::text, Services::text);
        self.put(&call, self.targets(&services.alias)?, question, read, texts)
            .await
    }

    /// Show a server's Fail2Ban jails and whom they banned.
    #[tool(title = "Fail2Ban status", meta = declare(Access::ReadsServer, Toolset::Monitoring).elevated())]
    async fn get_fail2ban_status(
        &self,
        Parameters(Jails { alias, jail }): Parameters<Jails>,
        call: Call,
    ) -> Result<Json<Fail2Ban>, Error> {
        let read = |_: &str, text: &str| Ok(fail2ban::parse(text));
        let question = Question::GetFail2banStatus { jail };
        let texts = (Fail2Ban::text, Fail2Ban::text);
        self.put(&call, self.targets(&alias)?, question, read, texts)
            .await
    }

    /// Puts a question to one server or several, and replies with the facts that `read` finds in what each prints:
    /// in the first of the texts where it is one, else in the second.
    async fn put<T: Serialize>(
        &self,
        call: &Call,
        servers: Targets,
        question: Question,
        read: impl Fn(&str, &str) -> Result<T, Error>,
        (text, line): (impl FnOnce(&T) -> String, impl Fn(&T) -> String),
    ) -> Result<Json<T>, Error> {
        if !servers.is_single() {
            return self.ask_all(call, servers, question, read, line).await;
        }
        let alias = &servers.expression;
        let asked = self.ask(call, alias, question).await?;
        let read = |text: &str| read(alias, text);
        self.reply_with(asked, read, text).await
    }

    /// Asks a server a question in a job, and waits for it.
    pub(super) async fn ask(
        &self,
        call: &Call,
        alias: &str,
        question: Question,
    ) -> Result<ProbeResult, Error> {
        let tool = question.tool();
        let probe = Probe::new(question)?;
        let options = StartOptions {
            sudo: call.sudo(),
            ..StartOptions::default()
        };
        let handle = self.jobs().start(alias, probe, options)?;
        let job = self.wait_for(call, &handle, WaitFor::Completion).await?;
        if job.status.is_live() || job.failure().is_some() {
            return Ok(ProbeResult::Unanswered(job));
        }
        if job.status == Status::Completed {
            return Ok(ProbeResult::Answered(job));
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

    /// Replies with the server's answer as `read` parses it.
    async fn reply_with<T: Serialize>(
        &self,
        asked: ProbeResult,
        read: impl FnOnce(&str) -> Result<T, Error>,
        text: impl FnOnce(&T) -> String,
    ) -> Result<Json<T>, Error> {
        match asked {
            ProbeResult::Unanswered(job) => {
                let text = self.jobs().text(&job, &OutputView::default()).await?;
                Json::of_job(&job, text)
            }
            ProbeResult::Answered(job) => {
                let facts = read(&self.jobs().whole(&job, Stream::Stdout).await?)?;
                Json::new(text(&facts), &facts)
            }
        }
    }
}

fn unknown_system(alias: &str, tool: &'static str) -> Error {
    Error::Monitoring {
        alias: alias.to_owned(),
        tool,
        reason: "the server is neither Linux nor macOS nor FreeBSD".to_owned(),
    }
}
