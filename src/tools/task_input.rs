//! Input for a task that runs at a terminal.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Deserialize;

use super::declared::{self as rmcp, Toolset, declare, tool, tool_router};
use super::shells::pressed;
use super::{Call, Parameters};
use crate::app::App;
use crate::error::Error;
use crate::guard::Access;
use crate::job::{Job, JobId, OutputView};
use crate::reply::Reply;
use crate::secret::Secret;
use crate::ssh::prompt::link::TypedInput;
use crate::ssh::prompt::secrecy::asks_for_secret;
use crate::store::SecretName;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct TypeToTask {
    /// Task ID.
    id: String,
    /// Text to type; Enter follows unless `key` is given.
    text: Option<Secret>,
    /// Key to press, as in shell_send.
    key: Option<String>,
    /// Stored secret to type instead of a text: server:web1/password, api:x/key.
    secret: Option<String>,
}

#[tool_router(router = task_input_tools, vis = "pub(super)")]
impl App {
    /// Type into a task that waits at a prompt (task_exec_interactive), and wait for what comes of it.
    #[tool(title = "Type into a task", meta = declare(Access::RunsCommands, Toolset::Live))]
    async fn task_input(
        &self,
        call: Call,
        Parameters(wanted): Parameters<TypeToTask>,
    ) -> Result<Reply, Error> {
        let id = JobId::from(wanted.id.as_str());
        let job = self.jobs().queue().get(&id).await?;
        self.guard()
            .may_call("task_input", Access::RunsCommands, Some(&job.alias))?;
        let input = self.typed_input(&wanted, &job).await?;
        let handle = self.jobs().type_in(&id, input)?;
        let outcome = self
            .jobs()
            .wait_for_news(&handle, self.config().sync_timeout);
        let job = self.follow(&call, &id, outcome).await?;
        self.reply_about(&job, &OutputView::default()).await
    }

    /// The input, once the policy lets it through.
    async fn typed_input(&self, wanted: &TypeToTask, job: &Job) -> Result<TypedInput, Error> {
        let prompt = self.jobs().waits_at(&job.id).unwrap_or_default();
        let (text, is_secret) = match (&wanted.text, &wanted.secret) {
            (Some(_), Some(_)) => {
                return Err(Error::invalid("secret", "does not go with `text`"));
            }
            (_, Some(name)) => {
                let name: SecretName = name
                    .parse()
                    .map_err(|problem: String| Error::invalid("secret", problem))?;
                let secret = self.jobs().secrets().reveal(&name, &job.alias).await?;
                (Some(secret.expose().to_owned()), true)
            }
            (Some(text), None) => (Some(text.expose().to_owned()), asks_for_secret(&prompt)),
            (None, None) => (None, false),
        };
        let key = pressed(wanted.key.as_deref(), text.is_some())?;
        let text = text.unwrap_or_default();
        let answers = IndexMap::from([(prompt, text.clone())]);
        self.guard().may_answer(&job.summary(), &answers)?;
        let key = key.map(|key| key.bytes(false).to_owned());
        Ok(TypedInput {
            secret: is_secret.then(|| text.clone()),
            text: text.replace('\n', "\r") + &key.unwrap_or_default(),
        })
    }
}
