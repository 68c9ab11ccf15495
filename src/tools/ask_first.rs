//! Calls that a person has to agree to before the tool runs: those that start no task, which would wait itself.

use rmcp::ErrorData;
use rmcp::handler::server::common::FromContextPart;
use rmcp::handler::server::tool::{IntoCallToolResult, ToolCallContext};
use rmcp::model::{CallToolResponse, JsonObject};
use serde_json::Value;

use super::ask::Answer;
use super::declared::AskingTime;
use super::shells::key_may_act;
use super::{Confirmation, Declaration, IfUnasked, Person, Tools};
use crate::app::App;
use crate::audit::redacted;
use crate::error::Error;
use crate::guard::{Guard, WantedWork};
use crate::shell::only_reads;
use crate::text::beginning;

/// The most bytes of the arguments that a question shows.
const LONGEST_ARGUMENTS: usize = 2000;

/// The reason to ask before settings are changed by which rules that ask know a server: its address and its tags.
const SETTINGS: &str =
    "changes of servers and policy are asked about while there are rules that ask";

impl Tools {
    /// Asks the person before a tool runs, if a rule says so. Returns the answer if it is not to run now.
    pub(crate) async fn ask_first(
        &self,
        app: &App,
        context: &mut ToolCallContext<'_, App>,
    ) -> Option<Result<CallToolResponse, ErrorData>> {
        let declaration = self.declaration(&context.name)?;
        let arguments = context.arguments.clone().unwrap_or_default();
        let rule = match rule_before(app, &context.name, declaration, &arguments) {
            Ok(rule) => rule?,
            Err(error) => return Some(error.into_call_tool_result()),
        };
        let person = match Person::from_context_part(context) {
            Ok(person) => person,
            Err(error) => return Some(Err(error)),
        };
        let secrets = self.secrets_of_call(app, &context.name, Some(&arguments));
        let shown = shown_arguments(&arguments, &secrets);
        let question = Confirmation {
            text: format!("Let `{}` do this: {shown}? Rule: {rule}", context.name),
            if_unasked: IfUnasked::Wait,
        };
        match app.ask_person(person, question).await {
            Ok(Answer::Yes) => None,
            Ok(Answer::AskFirst(question)) => Some(Ok(question.into())),
            Err(error) => Some(error.into_call_tool_result()),
        }
    }
}

/// The arguments without their secrets.
fn shown_arguments(arguments: &JsonObject, secrets: &[String]) -> String {
    let shown = redacted(arguments, secrets).to_string();
    beginning(&shown, LONGEST_ARGUMENTS).into_owned()
}

/// The rule by which a person is asked before this call.
fn rule_before(
    app: &App,
    tool: &str,
    declaration: &Declaration,
    arguments: &JsonObject,
) -> Result<Option<String>, Error> {
    let access = declaration.access_of(Some(arguments));
    let asks = match declaration.asking {
        AskingTime::ByClass => access.is_asked_before(),
        AskingTime::First => true,
        AskingTime::Itself => false,
    };
    if !asks {
        return Ok(None);
    }
    let text = |name: &str| arguments.get(name).and_then(Value::as_str);
    // A shell runs what is typed into it, and is of the server on which it was opened.
    let (shell, typed) = (text("shell"), text("input").or(text("program")));
    let alias = match shell {
        Some(shell) => app.shells().server_of(shell),
        None => text("alias").map(str::to_owned),
    };
    let is_known =
        |alias: &String| access.is_about_server() && app.servers().has(alias).unwrap_or(true);
    let servers: Vec<_> = alias.filter(is_known).into_iter().collect();
    let typed = typed.unwrap_or_default();
    let has_key = text("key").is_some_and(key_may_act) || text("secret").is_some();
    let may_act = has_key || !typed.is_empty() && !only_reads(typed);
    let work = WantedWork {
        servers: &servers,
        tool,
        // Without input, a call only looks, or interrupts.
        may_change: shell.is_none() || may_act,
        writes_unknown: false,
        usual: None,
    };
    let judge = |_: &str, guard: &Guard| guard.may_run(typed);
    let rule = app.guard().rule_that_asks(&work, &judge)?;
    if rule.is_none() && access.weakens() && app.guard().asks_anything()? {
        return Ok(Some(SETTINGS.to_owned()));
    }
    Ok(rule)
}
