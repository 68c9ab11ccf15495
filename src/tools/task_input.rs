//! Input for a task that runs at a terminal.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Deserialize;

use super::declared::{self as rmcp, Toolset, declare, tool, tool_router};
use super::shells::{key_may_act, pressed};
use super::{Call, Confirmation, IfUnasked, Parameters, Person};
use crate::app::App;
use crate::error::Error;
use crate::guard::{Access, Guard, WantedWork};
use crate::job::{Job, JobId, TypedLine};
use crate::reply::Reply;
use crate::secret::Secret;
use crate::shell::only_reads;
use crate::ssh::prompt::link::{TypedInput, TypedPlace};
use crate::ssh::prompt::secrecy::{asks_for_secret, is_harmless};
use crate::terminal::cannot_be_typed;
use crate::text::beginning;

/// The most bytes of a task's command in a question.
const LONGEST_COMMAND: usize = 400;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct TypeToTask {
    /// Task ID.
    id: String,
    /// Text to type; Enter follows unless `key` is given.
    text: Option<Secret>,
    /// Key to press: enter, ctrl-c, ctrl-d, tab, esc, up, f1, q, …; none: type without Enter.
    key: Option<String>,
    /// Stored secret to type instead of a text: server:web1/password, api:x/key.
    secret: Option<String>,
}

#[tool_router(router = task_input_tools, vis = "pub(super)")]
impl App {
    /// Type into a task that waits at a prompt (task_exec_interactive), and read what comes of it.
    #[tool(title = "Type into a task", meta = declare(Access::RunsCommands, Toolset::Live).asking())]
    async fn task_input(
        &self,
        call: Call,
        person: Person,
        Parameters(wanted): Parameters<TypeToTask>,
    ) -> Result<Reply, Error> {
        let id = JobId::from(wanted.id.as_str());
        let job = self.jobs().queue().get(&id).await?;
        self.guard()
            .may_call("task_input", Access::RunsCommands, Some(&job.alias))?;
        let prompt = self.jobs().waits_at(&id).unwrap_or_default();
        let input = self.typed_input(&wanted, &job, &prompt).await?;
        let question = self.question_before_typing(&wanted, &job, &prompt, &input)?;
        let typed = TypedLine {
            waited_at: self.jobs().prompt_of(&id).unwrap_or_default(),
            shown: match (&input.secret, &wanted.text) {
                (None, Some(text)) => text.expose().to_owned(),
                (None, None) => input.text.clone(),
                (Some(_), _) => String::new(),
            },
            place: input.place.clone(),
        };
        let typing = async {
            let handle = self.jobs().type_in(&id, input)?;
            let outcome = self
                .jobs()
                .wait_for_news(&handle, self.config().sync_timeout);
            let job = tokio::select! {
                job = self.follow(&call, &id, outcome) => job?,
                error = typed.place.failure() => return Err(error),
            };
            let answer = self.jobs().answer_since(&job, &typed).await?;
            Reply::of_job(&job, answer.text.clone()).with_facts(&answer)
        };
        match question {
            Some(question) => self.if_agreed(person, question, typing).await,
            None => typing.await,
        }
    }

    /// The question about what is typed, where rules ask about it as they would about a command.
    fn question_before_typing(
        &self,
        wanted: &TypeToTask,
        job: &Job,
        prompt: &str,
        input: &TypedInput,
    ) -> Result<Option<Confirmation>, Error> {
        let text = input.text.trim_end_matches('\r');
        let may_change = match (&wanted.text, &wanted.key) {
            _ if input.secret.is_some() => true,
            (Some(_), _) => !is_harmless(prompt, text) && !only_reads(text),
            (None, key) => key.as_deref().is_some_and(key_may_act),
        };
        let work = WantedWork {
            servers: std::slice::from_ref(&job.alias),
            tool: "task_input",
            may_change,
            writes_unknown: false,
            usual: None,
        };
        let answers = IndexMap::from([(prompt.to_owned(), text.to_owned())]);
        let command = job.summary();
        let judge = |_: &str, guard: &Guard| guard.may_answer(&command, &answers);
        let rule = self.guard().rule_that_asks(&work, &judge)?;
        Ok(rule.map(|rule| {
            let typed = match (&wanted.secret, &input.secret, &wanted.key) {
                (Some(name), ..) => format!("the stored secret {name}"),
                (None, Some(_), _) => "a secret".to_owned(),
                (None, None, Some(key)) if wanted.text.is_none() => format!("the key {key}"),
                (None, None, _) => format!("`{text}`"),
            };
            let (id, alias) = (&job.id, &job.alias);
            let (waiting, _) = prompt.split_once(" (task_input").unwrap_or((prompt, ""));
            let summary = beginning(&command, LONGEST_COMMAND);
            Confirmation {
                text: format!(
                    "Let task_input type {typed} into task {id} on `{alias}`, which runs {summary} and is {waiting}? \
                     Rule: {rule}"
                ),
                if_unasked: IfUnasked::Wait,
            }
        }))
    }

    /// The input, once the policy lets it through.
    async fn typed_input(
        &self,
        wanted: &TypeToTask,
        job: &Job,
        prompt: &str,
    ) -> Result<TypedInput, Error> {
        let has_text = wanted.text.is_some() || wanted.secret.is_some();
        let (letter, key) = pressed(wanted.key.as_deref(), has_text)?;
        let (text, is_secret) = match (&wanted.text, &wanted.secret) {
            (Some(_), Some(_)) => {
                return Err(Error::invalid("secret", "does not go with `text`"));
            }
            (_, Some(name)) => (Some(self.secret_to_type(name, &job.alias).await?), true),
            (Some(text), None) => (Some(text.expose().to_owned()), asks_for_secret(prompt)),
            (None, None) => (letter, false),
        };
        if let Some(problem) = text.as_deref().and_then(cannot_be_typed) {
            return Err(Error::invalid("text", problem));
        }
        let text = text.unwrap_or_default();
        let answers = IndexMap::from([(prompt.to_owned(), text.clone())]);
        self.guard().may_answer(&job.summary(), &answers)?;
        let key = key.map(|key| key.bytes(false).to_owned());
        Ok(TypedInput {
            secret: is_secret.then(|| text.clone()),
            text: text.replace('\n', "\r") + &key.unwrap_or_default(),
            place: TypedPlace::default(),
        })
    }
}
