//! Shells that stay open.

use std::sync::Arc;
use std::time::Duration;

use ::rmcp::model::JsonObject;
use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Deserialize;

use super::declared::{self as rmcp, Toolset, declare, tool, tool_router};
use super::{Call, NumberOfSeconds, Parameters, ProgressSource, Tools};
use crate::app::{App, PendingWork};
use crate::error::Error;
use crate::guard::Access;
use crate::live_shell::{ShellAnswer, ShellInput, ShellRequest};
use crate::reply::Reply;
use crate::secret::remember;
use crate::store::SecretName;
use crate::terminal::{TerminalKey, cannot_be_typed};

/// The key that ends a line.
const ENTER: &str = "enter";

/// The name that presses no key.
const NO_KEY: &str = "none";

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct OpenShell {
    /// Server alias.
    alias: String,
    /// Its name. Default: a random one.
    name: Option<String>,
    /// Directory to start in.
    cwd: Option<String>,
    /// Environment variables.
    env: Option<IndexMap<String, String>>,
    /// Command line of another program: python3, psql shop, sudo -i. Default: the login shell.
    program: Option<String>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct SendToShell {
    /// Shell.
    shell: String,
    /// Text to type, of any number of lines. Enter follows unless `key` is given.
    input: Option<String>,
    /// Stored secret to type instead of a text: server:web1/password, api:x/key.
    secret: Option<String>,
    /// Key to press: enter, ctrl-c, ctrl-d, tab, esc, up, f1, q, …; none: type without Enter.
    key: Option<String>,
    /// Most seconds until the answer. It comes as soon as the input is done or something waits.
    wait: Option<NumberOfSeconds>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct CloseShell {
    /// Shell.
    shell: String,
}

#[tool_router(router = shell_tools, vis = "pub(super)")]
impl App {
    /// Open a shell or another program at a terminal on a server. Directory, variables and a dialogue in it last from call to call, until shell_close or 30 minutes without use.
    #[tool(title = "Open a shell", meta = declare(Access::RunsCommands, Toolset::Live).asked_first().elevated())]
    async fn shell_open(
        &self,
        call: Call,
        Parameters(wanted): Parameters<OpenShell>,
    ) -> Result<Reply, Error> {
        let mut request = ShellRequest::new(wanted.alias, wanted.name)?;
        request.directory = wanted.cwd;
        request.environment = wanted.env.unwrap_or_default();
        request.program = wanted.program;
        request.sudo = call.sudo();
        let alias = request.alias.clone();
        let wait = self.longest_shell_wait(None);
        let opened = Box::pin(self.shells().open(request, wait));
        let source = ProgressSource::Time("the shell has been starting");
        let notice = || self.pool().login_notice(&alias);
        reply(&call.reporting(&source, notice, opened).await?)
    }

    /// Type into a shell and read what comes: done with the exit status, waiting at a prompt, or running with what is new. Without input and key it only reads.
    #[tool(title = "Type into a shell", meta = declare(Access::RunsCommands, Toolset::Live).asked_first())]
    async fn shell_send(
        &self,
        call: Call,
        Parameters(wanted): Parameters<SendToShell>,
    ) -> Result<Reply, Error> {
        let wait = self.longest_shell_wait(wanted.wait);
        let _pending = self.note_pending(call.request(), PendingWork::Shell(wanted.shell.clone()));
        let input = self.shell_input(&wanted).await?;
        let sent = self.shells().send(&wanted.shell, input, wait);
        let source = ProgressSource::Time("the shell has been working");
        reply(&call.reporting(&source, || None, sent).await?)
    }

    /// Close a shell with all that runs in it.
    #[tool(title = "Close a shell", meta = declare(Access::StopsTask, Toolset::Live))]
    async fn shell_close(
        &self,
        Parameters(CloseShell { shell }): Parameters<CloseShell>,
    ) -> Result<Reply, Error> {
        let report = self.shells().close(&shell).await?;
        Reply::new(format!("shell {shell} is closed"), &report)
    }

    /// The input of a call. Nothing is typed if a part of it is wrong.
    async fn shell_input(&self, wanted: &SendToShell) -> Result<ShellInput, Error> {
        let (key, secret) = (wanted.key.as_deref(), wanted.secret.as_deref());
        let (letter, key) = pressed(key, wanted.input.is_some() || secret.is_some())?;
        let text = match (&wanted.input, secret) {
            (Some(_), Some(_)) => {
                return Err(Error::invalid("secret", "does not go with `input`"));
            }
            (None, Some(name)) => match self.shells().server_of(&wanted.shell) {
                Some(alias) => Some(self.secret_to_type(name, &alias).await?),
                // Sending says why there is no such shell.
                None => None,
            },
            (input, None) => input.clone().or(letter),
        };
        if let Some(problem) = text.as_deref().and_then(cannot_be_typed) {
            return Err(Error::invalid("input", problem));
        }
        Ok(ShellInput { text, key })
    }

    /// The stored secret with this name, in clear text, for a terminal of a server.
    pub(super) async fn secret_to_type(&self, name: &str, alias: &str) -> Result<String, Error> {
        let name: SecretName = name
            .parse()
            .map_err(|problem: String| Error::invalid("secret", problem))?;
        let secret = self.jobs().secrets().reveal(&name, alias).await?;
        Ok(secret.expose().to_owned())
    }

    /// The time that a call waits for a shell: what it asks for, at most the sync timeout.
    fn longest_shell_wait(&self, asked: Option<NumberOfSeconds>) -> Duration {
        let most = self.config().sync_timeout;
        asked.map_or(most, |asked| asked.duration().min(most))
    }
}

/// The tool that types, and its parameter for that.
const TYPES: (&str, &str) = ("shell_send", "input");

impl Tools {
    /// The names of the arguments of a call that hold secrets: also of one that types at a prompt for a password.
    pub(crate) fn secrets_of_call(
        &self,
        app: &App,
        tool: &str,
        arguments: Option<&JsonObject>,
    ) -> Arc<[String]> {
        let secrets = self.secrets(tool);
        let (typing_tool, parameter) = TYPES;
        let given = |name: &str| arguments?.get(name)?.as_str();
        let shell = given("shell").filter(|_| tool == typing_tool);
        if !shell.is_some_and(|shell| app.shells().asks_for_secret(shell)) {
            return secrets;
        }
        // The server may show it later.
        if let Some(secret) = given(parameter) {
            remember(secret);
        }
        secrets
            .iter()
            .cloned()
            .chain([parameter.to_owned()])
            .collect()
    }
}

/// The letter that is meant as a key, which is typed as a text is, and without Enter.
fn letter_key(name: Option<&str>, has_text: bool) -> Result<Option<String>, Error> {
    let mut letters = name.unwrap_or_default().chars();
    let letter = letters.next().filter(|letter| !letter.is_control());
    let Some(letter) = letter.filter(|_| letters.next().is_none()) else {
        return Ok(None);
    };
    if has_text {
        let problem = "is a letter, which belongs into the text; none: type without Enter";
        return Err(Error::invalid("key", problem));
    }
    Ok(Some(letter.to_string()))
}

/// The letter or the key that is pressed: the named one, or Enter after a text.
pub(super) fn pressed(
    name: Option<&str>,
    has_text: bool,
) -> Result<(Option<String>, Option<TerminalKey>), Error> {
    let letter = letter_key(name, has_text)?;
    if letter.is_some() {
        return Ok((letter, None));
    }
    let enter = has_text.then_some(ENTER);
    let Some(name) = name
        .or(enter)
        .filter(|name| !name.eq_ignore_ascii_case(NO_KEY))
    else {
        return Ok((None, None));
    };
    let key = TerminalKey::named(name).ok_or_else(|| {
        let problem = format!(
            "is no key, and nothing was typed; known: a letter, {}, {NO_KEY}",
            TerminalKey::NAMES
        );
        Error::invalid("key", problem)
    })?;
    Ok((None, Some(key)))
}

/// Returns whether a key may do more than interrupt, or move what is shown: Enter runs a line that an arrow brought
/// back.
pub(super) fn key_may_act(name: &str) -> bool {
    const MOVES: [&str; 10] = [
        "none", "ctrl-c", "up", "down", "left", "right", "home", "end", "pgup", "pgdn",
    ];
    !MOVES.contains(&&*name.trim().to_ascii_lowercase())
}

fn reply(answer: &ShellAnswer) -> Result<Reply, Error> {
    Reply::new(answer.text(), answer)
}
