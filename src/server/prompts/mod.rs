//! Prompts: ready-made requests that a person chooses, each of which names the tools in the right order.

mod declarations;

use std::collections::HashMap;

use rmcp::model::{GetPromptResult, JsonObject, Prompt, PromptArgument, PromptMessage, Role};
use serde_json::Value;

use super::offered::with_missing_named;
use crate::app::App;
use crate::error::Error;
use crate::fleet::TargetExpression;
use crate::fs::{blocking, expand_home};
use crate::tools::Tools;
use declarations::{ArgumentDeclaration, PROMPTS};
pub(super) use declarations::{ArgumentKind, PromptDeclaration};

/// The most bytes of an argument.
const LONGEST_ARGUMENT: usize = 4096;

/// All prompts, as clients see them.
pub(super) fn list() -> Vec<Prompt> {
    PROMPTS.iter().map(PromptDeclaration::prompt).collect()
}

/// A prompt with these arguments in it.
pub(super) async fn get(
    app: &App,
    tools: &Tools,
    name: &str,
    arguments: Option<JsonObject>,
) -> Result<GetPromptResult, Error> {
    let prompt = find(name)?;
    let mut given = arguments.unwrap_or_default();
    let mut values = HashMap::new();
    for argument in prompt.arguments {
        let value = match given.shift_remove(argument.name) {
            None | Some(Value::Null) => None,
            Some(Value::String(value)) if value.trim().is_empty() => None,
            Some(Value::String(value)) => Some(argument.check(app, value).await?),
            Some(_) => return Err(Error::invalid(argument.name, "is no text")),
        };
        let value = value.or(argument.if_absent.map(str::to_owned));
        let value = value.ok_or_else(|| Error::invalid(argument.name, "is missing"))?;
        values.insert(argument.name, value);
    }
    if let Some(unknown) = given.keys().next() {
        let known: Vec<_> = prompt.arguments.iter().map(|one| one.name).collect();
        let problem = format!("is not known; this prompt takes {}", known.join(", "));
        return Err(Error::invalid(unknown, problem));
    }
    let text = with_missing_named(tools, filled(prompt.text, &values));
    let message = PromptMessage::new_text(Role::User, text);
    Ok(GetPromptResult::new(vec![message]).with_description(prompt.description))
}

/// The prompt of this name.
pub(super) fn find(name: &str) -> Result<&'static PromptDeclaration, Error> {
    let found = PROMPTS.iter().find(|prompt| prompt.name == name);
    found.ok_or_else(|| Error::invalid("name", format!("names no prompt: `{name}`")))
}

/// A prompt's text, with the values in place of their names.
fn filled(text: &str, values: &HashMap<&str, String>) -> String {
    let (mut filled, mut rest) = (String::new(), text.trim_end());
    while let Some((before, after)) = rest.split_once('{') {
        let (name, after) = after.split_once('}').expect("each brace is closed");
        filled.push_str(before);
        filled.push_str(&values[name]);
        rest = after;
    }
    filled + rest
}

impl PromptDeclaration {
    fn prompt(&self) -> Prompt {
        let arguments = self.arguments.iter().map(|argument| {
            PromptArgument::new(argument.name)
                .with_description(argument.description)
                .with_required(argument.if_absent.is_none())
        });
        Prompt::new(self.name, Some(self.description), Some(arguments.collect()))
            .with_title(self.title)
    }
}

impl ArgumentDeclaration {
    /// Refuses a value that the prompt cannot mean.
    async fn check(&self, app: &App, value: String) -> Result<String, Error> {
        if value.len() > LONGEST_ARGUMENT {
            let problem = format!("is longer than {LONGEST_ARGUMENT} bytes");
            return Err(Error::invalid(self.name, problem));
        }
        if value
            .chars()
            .any(|character| character.is_control() && character != '\n')
        {
            return Err(Error::invalid(self.name, "holds a control character"));
        }
        match self.kind {
            ArgumentKind::Alias if !is_target(app, &value) => {
                let problem = format!("names no server: `{value}`; server_list has them");
                Err(Error::invalid(self.name, problem))
            }
            ArgumentKind::LocalPath => {
                let (roots, path) = (app.guard().roots().clone(), expand_home(&value));
                blocking(move || roots.check(&path)).await?;
                Ok(value)
            }
            ArgumentKind::Alias | ArgumentKind::Text => Ok(value),
        }
    }
}

/// Returns whether a text stands for servers.
fn is_target(app: &App, text: &str) -> bool {
    let expression = TargetExpression::Text(text.to_owned());
    expression.resolve(app.servers()).is_ok()
}
