//! Shells that stay open from call to call: a login shell or another program at a terminal of its own.
//!
//! Each has an SSH connection of its own, so that it takes no place of commands. It lives in this process: it ends
//! when it is idle, with a call, or with the program.
//!
//! | module | what it is |
//! |---|---|
//! | `request` | the requests for a shell and for what is sent to it, as callers write them |
//! | `dialect` | the kinds of shells, and how each is made to tell the end of a command |
//! | `start` | the text that starts a shell or another program |
//! | `live` | a shell while it lives |
//! | `rest` | the point at which a shell has come to rest: at the end of a command, or where it waits for input |
//! | `typed` | what was typed to a shell, as the command policy judges it |
//! | `echo` | input that a terminal shows, which is no output |
//! | `answer` | the answer to a call |
//! | `report` | a shell as callers see it |
//! | this | the shells of this process |

mod answer;
mod dialect;
mod echo;
mod live;
mod report;
mod request;
mod rest;
mod start;
mod typed;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use indexmap::IndexMap;

pub use answer::ShellAnswer;
pub use report::ShellReport;
pub use request::{ShellInput, ShellRequest};

use crate::audit::{CallOutcome, CalledServers, Calls};
use crate::error::Error;
use crate::fs::blocking;
use crate::guard::{Access, Guard};
use crate::sync::lock;
use live::LiveShell;

/// Shells that may be open at once.
const MOST: usize = 64;

/// Shells of one server that may be open at once.
const MOST_OF_SERVER: usize = 8;

/// Ended shells that are remembered.
const REMEMBERED: usize = 40;

/// The name of a shell's life in the audit trail.
const AUDITED_AS: &str = "shell";

/// The shells of this process. Cheap to clone.
#[derive(Clone)]
pub struct OpenShells(Arc<ShellsState>);

struct ShellsState {
    guard: Arc<Guard>,
    calls: Arc<Calls>,
    /// The time after which an unused one ends.
    idle: Duration,
    live: Mutex<IndexMap<String, Arc<LiveShell>>>,
    /// The names of the last ones that have ended, each with the cause; the newest last.
    ended: Mutex<VecDeque<(String, String)>>,
}

impl OpenShells {
    /// No shell so far.
    pub fn new(guard: Arc<Guard>, calls: Arc<Calls>, idle: Duration) -> Self {
        Self(Arc::new(ShellsState {
            guard,
            calls,
            idle,
            live: Mutex::default(),
            ended: Mutex::default(),
        }))
    }

    /// Opens a shell, and waits at most `wait` until it has come to rest.
    pub async fn open(&self, request: ShellRequest, wait: Duration) -> Result<ShellAnswer, Error> {
        self.0.guard.holds().check(Some(&request.alias))?;
        self.check_room(&request)?;
        request.check(&self.0.guard)?;
        let (shell, answer) = LiveShell::start(request, &self.0.guard, wait).await?;
        let shell = Arc::new(shell);
        let audited = match self.begin_audit(&shell).await {
            Ok(audited) => audited,
            Err(error) => {
                shell.close().await;
                return Err(error);
            }
        };
        if !self.add(&shell) {
            shell.close().await;
            let cause = "its name was taken meanwhile";
            self.end_audit(&shell, cause, &audited).await;
            return Err(name_taken(&shell.name));
        }
        let (shells, idle) = (self.clone(), self.0.idle);
        tokio::spawn(async move {
            let cause = tokio::select! {
                cause = shell.ended(idle) => cause,
                cause = shells.0.guard.holds().until_held(&shell.alias) => cause,
            };
            shell.close().await;
            shells.conclude(&shell, cause, &audited).await;
        });
        Ok(answer)
    }

    /// Sends input to a shell, and waits at most `wait` until it has come to rest.
    pub async fn send(
        &self,
        name: &str,
        input: ShellInput,
        wait: Duration,
    ) -> Result<ShellAnswer, Error> {
        let shell = self.get(name)?;
        let guard = &self.0.guard;
        guard.may_call("shell_send", Access::RunsCommands, Some(&shell.alias))?;
        if shell.is_over() {
            shell.concluded().await;
            return Err(self.unknown(name));
        }
        let answer = shell.send(input, &self.0.guard, wait).await?;
        if shell.is_over() {
            shell.concluded().await;
        }
        Ok(answer)
    }

    /// Presses Ctrl-C in a shell, if there is one of this name.
    pub fn interrupt(&self, name: &str) {
        if let Ok(shell) = self.get(name) {
            shell.interrupt();
        }
    }

    /// Closes a shell with all that runs in it, and returns it as it was.
    pub async fn close(&self, name: &str) -> Result<ShellReport, Error> {
        let shell = self.get(name)?;
        shell.stop("it was closed").await;
        Ok(shell.report())
    }

    /// Closes every shell, for the program ends.
    pub async fn close_all(&self, cause: &str) {
        let shells: Vec<_> = lock(&self.0.live).values().cloned().collect();
        let ends = shells.iter().map(|shell| shell.stop(cause));
        futures_util::future::join_all(ends).await;
    }

    /// The shells that are open.
    pub fn list(&self) -> Vec<ShellReport> {
        let live = lock(&self.0.live);
        live.values().map(|shell| shell.report()).collect()
    }

    /// Returns whether a shell waits at a prompt for a secret.
    pub fn asks_for_secret(&self, name: &str) -> bool {
        let shell = lock(&self.0.live).get(name).cloned();
        shell.is_some_and(|shell| shell.asks_for_secret())
    }

    /// The alias of the server on which a shell is open.
    pub fn server_of(&self, name: &str) -> Option<String> {
        let live = lock(&self.0.live);
        live.get(name).map(|shell| shell.alias.clone())
    }

    fn get(&self, name: &str) -> Result<Arc<LiveShell>, Error> {
        let shell = lock(&self.0.live).get(name).cloned();
        shell.ok_or_else(|| self.unknown(name))
    }

    fn unknown(&self, name: &str) -> Error {
        let ended = lock(&self.0.ended);
        let known = ended.iter().rev().find(|(ended, _)| ended == name);
        let problem = match known {
            Some((_, cause)) => format!("is a shell that has ended: {cause}"),
            None => "is no open shell; shells end with this program and when they are idle: shell_open starts one"
                .to_owned(),
        };
        Error::invalid("shell", problem)
    }

    fn check_room(&self, request: &ShellRequest) -> Result<(), Error> {
        let live = lock(&self.0.live);
        if live.contains_key(&request.name) {
            return Err(name_taken(&request.name));
        }
        let of_server = live.values().filter(|shell| shell.alias == request.alias);
        let problem = if live.len() >= MOST {
            format!("cannot be served: {MOST} shells are open")
        } else if of_server.count() >= MOST_OF_SERVER {
            format!("cannot be served: {MOST_OF_SERVER} shells are open on it")
        } else {
            return Ok(());
        };
        let names: Vec<_> = live.keys().map(String::as_str).collect();
        let problem = format!("{problem}; close one first: {}", names.join(", "));
        Err(Error::invalid("alias", problem))
    }

    async fn begin_audit(&self, shell: &LiveShell) -> Result<String, Error> {
        let (calls, facts) = (Arc::clone(&self.0.calls), shell.facts());
        blocking(move || calls.begin(AUDITED_AS, &facts, &[], CalledServers::default())).await
    }

    async fn end_audit(&self, shell: &LiveShell, cause: &str, audited: &str) {
        let outcome = CallOutcome::ended(cause);
        let (calls, call) = (Arc::clone(&self.0.calls), audited.to_owned());
        if let Err(error) = blocking(move || calls.end(&call, outcome, None)).await {
            let name = &shell.name;
            tracing::error!("the audit trail lacks the end of shell {name}: {error}");
        }
    }

    /// Adds a shell; returns false if another call has taken its name meanwhile.
    fn add(&self, shell: &Arc<LiveShell>) -> bool {
        let mut live = lock(&self.0.live);
        let is_free = !live.contains_key(&shell.name);
        if is_free {
            live.insert(shell.name.clone(), Arc::clone(shell));
        }
        is_free
    }

    /// Notes a shell's end.
    async fn conclude(&self, shell: &LiveShell, cause: String, audited: &str) {
        self.end_audit(shell, &cause, audited).await;
        lock(&self.0.live).shift_remove(&shell.name);
        {
            let mut ended = lock(&self.0.ended);
            if ended.len() == REMEMBERED {
                ended.pop_front();
            }
            ended.push_back((shell.name.clone(), cause));
        }
        shell.note_end();
    }
}

fn name_taken(name: &str) -> Error {
    Error::invalid("name", format!("`{name}` is an open shell already"))
}
