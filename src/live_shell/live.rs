//! A shell while it lives.

use std::sync::Mutex;
use std::time::Duration;

use serde_json::{Map, Value};
use tokio::sync::{Mutex as AsyncMutex, watch};
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::answer::{ShellAnswer, end_text, joined, state_of};
use super::dialect::Dialect;
use super::echo::{last_prompt, without_echo, without_prompts};
use super::report::ShellReport;
use super::request::{ShellInput, ShellRequest};
use super::rest::{LearntPrompts, Look, RestWatch, ShellRest};
use super::start::start_script;
use super::typed::{Reader, TypedText};
use crate::error::Error;
use crate::guard::Guard;
use crate::random;
use crate::secret::hide_of;
use crate::ssh::prompt::secrecy::asks_for_secret;
use crate::ssh::{Pool, TerminalEnd, TerminalRequest, TerminalSession, TerminalState};
use crate::sync::lock;
use crate::terminal::{DisplayShape, ShownText};
use crate::text::{beginning, ending};
use crate::time::{Timestamp, brief};

/// The time in which a shell tells its first prompt. One that does not is taken for another program.
const TOLD_WITHIN: Duration = Duration::from_secs(8);

/// The time in which a program begins.
const BEGINS_WITHIN: Duration = Duration::from_secs(20);

/// The bytes of one call's output after which it is looked at with pauses: each look draws it.
const FLOOD: u64 = 64 * 1024;
const FLOOD_PAUSE: Duration = Duration::from_millis(30);

/// The key Ctrl-C.
const INTERRUPT: &str = "\u{3}";

/// The most bytes of output that the cause of an end quotes.
const LONGEST_UNTOLD: usize = 1000;

/// The most bytes of a command that an answer names.
const LONGEST_COMMAND: usize = 40;

/// A shell that is open.
pub(super) struct LiveShell {
    pub(super) name: String,
    pub(super) alias: String,
    program: String,
    opened: Timestamp,
    session: TerminalSession,
    /// Its own connections.
    pool: Pool,
    dialogue: AsyncMutex<Dialogue>,
    /// The number of the newest call: an older one that still waits makes room for it.
    turn: watch::Sender<u64>,
    used: watch::Sender<Timestamp>,
    state: Mutex<&'static str>,
    /// The cause for which it is to end.
    stop: watch::Sender<Option<String>>,
    has_ended: watch::Sender<bool>,
}

/// The course of the calls so far.
struct Dialogue {
    dialect: Dialect,
    /// True if the terminal shows what is typed.
    echoes: bool,
    prompts: LearntPrompts,
    typed: TypedText,
    rest: ShellRest,
}

impl LiveShell {
    /// Starts a shell, and waits at most `wait` until it has come to rest.
    pub(super) async fn start(
        request: ShellRequest,
        guard: &Guard,
        wait: Duration,
    ) -> Result<(Self, ShellAnswer), Error> {
        let alias = request.alias.clone();
        let others = guard.checked(&alias, "shell_open").await?;
        let pool = match &request.sudo {
            Some(user) => others.elevated(&alias, user).await?.apart(),
            None => others.apart(),
        };
        let token = random::hex::<8>();
        let script = start_script(&request, &token);
        // A shell says itself what belongs to a command; of other programs, prompts and input stand in lines.
        let echoes = request.program.is_some() && request.dialect() == Dialect::Other;
        let terminal = TerminalRequest {
            script: Some(&script),
            echoes,
            token: &token,
            shape: DisplayShape::PERSON,
        };
        let started = TerminalSession::start(&pool, &others, &alias, terminal).await;
        let started = started.and_then(|session| {
            if request.needs_script() && !session.runs_script() {
                Err(no_script(&alias))
            } else {
                Ok(session)
            }
        });
        let session = match started {
            Ok(session) => session,
            Err(error) => {
                pool.close().await;
                return Err(error);
            }
        };
        let shell = Self {
            name: request.name.clone(),
            alias,
            program: request.label().to_owned(),
            opened: Timestamp::now(),
            session,
            pool,
            dialogue: AsyncMutex::new(Dialogue::new(&request, echoes)),
            turn: watch::Sender::default(),
            used: watch::Sender::new(Timestamp::now()),
            state: Mutex::new("running"),
            stop: watch::Sender::default(),
            has_ended: watch::Sender::default(),
        };
        let begun = shell.begin(&request, &token, wait).await;
        match begun {
            Ok(answer) => Ok((shell, answer)),
            Err(error) => {
                shell.close().await;
                Err(error)
            }
        }
    }

    /// Waits for the first prompt, of a shell after it was told how to tell its prompts.
    async fn begin(
        &self,
        request: &ShellRequest,
        token: &str,
        wait: Duration,
    ) -> Result<ShellAnswer, Error> {
        let began = Instant::now();
        let mut dialogue = self.dialogue.lock().await;
        dialogue.dialect = self.started(request).await;
        let Came { rest, shown } = self.first_rest(&mut dialogue, token, wait).await;
        if let ShellRest::Ended(end) = &rest {
            return Err(Error::NoShell {
                alias: self.alias.clone(),
                reason: format!("{}: {}", end_text(end), joined(&shown)),
            });
        }
        dialogue.settle(&rest);
        let mut answer = self.answer(&rest, shown, "", &dialogue, began.elapsed());
        if let ShellRest::Prompt { directory, .. } = &rest {
            // Nobody has run a command yet.
            answer.exit_code = None;
            answer.headline = format!(
                "shell {} is open on `{}`, in {directory}",
                self.name, self.alias
            );
        } else {
            answer.headline = format!(
                "shell {} is open on `{}`: {}",
                self.name, self.alias, answer.headline
            );
        }
        Ok(answer)
    }

    /// Has a shell tell its prompts, and waits until it or another program has come to rest.
    async fn first_rest(&self, dialogue: &mut Dialogue, token: &str, wait: Duration) -> Came {
        if let Some(setup) = dialogue.dialect.setup(token) {
            let watch =
                |state: &mut TerminalState| RestWatch::new(dialogue.dialect, state, Some(1));
            let watch = self.session.look(watch);
            self.session.begin_typing(&setup);
            let told = self.rest(watch, &dialogue.prompts, TOLD_WITHIN, None).await;
            match told.rest {
                // The greeting of a shell is none of the caller's output.
                ShellRest::Prompt { .. } => {
                    let shown = ShownText::default();
                    return Came { shown, ..told };
                }
                ShellRest::Ended(_) => return told,
                _ => dialogue.dialect = Dialect::Other,
            }
        }
        let watch = |state: &mut TerminalState| RestWatch::new(Dialect::Other, state, None);
        let watch = self.session.look(watch);
        self.rest(watch, &dialogue.prompts, wait, None).await
    }

    /// The kind of the program, once it has started.
    async fn started(&self, request: &ShellRequest) -> Dialect {
        if !self.session.runs_script() {
            return Dialect::Other;
        }
        let mut changes = self.session.changes();
        let started = async {
            loop {
                let told = self.session.look(|state| {
                    let signals = state.display.take_signals();
                    let name = signals
                        .iter()
                        .find_map(|signal| signal.fields.get(2).cloned());
                    (name, state.ended.is_some())
                });
                if told.0.is_some() || told.1 || changes.changed().await.is_err() {
                    return told.0;
                }
            }
        };
        match timeout(BEGINS_WITHIN, started).await {
            Ok(Some(name)) if request.program.is_none() => Dialect::of(&name),
            Ok(Some(_)) => request.dialect(),
            _ => Dialect::Other,
        }
    }

    /// Sends input, and waits at most `wait` until the shell has come to rest.
    pub(super) async fn send(
        &self,
        input: ShellInput,
        guard: &Guard,
        wait: Duration,
    ) -> Result<ShellAnswer, Error> {
        let began = Instant::now();
        self.used.send_replace(Timestamp::now());
        self.turn.send_modify(|turn| *turn += 1);
        let turn = *self.turn.borrow();
        let mut dialogue = self.dialogue.lock().await;
        let typed = input.lines();
        let reader = dialogue.reader();
        let drawn = dialogue.drawn(&typed, &reader);
        dialogue.typed.judge(&typed, &reader, guard)?;
        let watch = self
            .session
            .look(|state| dialogue.watch(state, &input, &typed));
        if !input.is_empty() {
            let keys = self
                .session
                .look(|state| state.display.has_application_keys());
            if !self.session.begin_typing(&input.bytes(keys)) {
                let problem = "cannot be typed: what was sent before has not been read yet; wait for that without input, or close the shell";
                return Err(Error::invalid("input", problem));
            }
            dialogue.typed.note(&typed, &reader);
            if reader == Reader::Program && !dialogue.echoes && typed.ends_with('\n') {
                self.session.look(end_line);
            }
        }
        let mut came = self.rest(watch, &dialogue.prompts, wait, Some(turn)).await;
        if reader == Reader::Program && !dialogue.echoes {
            came.separate_prompts(&dialogue.prompts);
        }
        let shown = came.shown;
        dialogue.settle(&came.rest);
        *lock(&self.state) = state_of(&came.rest);
        self.used.send_replace(Timestamp::now());
        Ok(self.answer(&came.rest, shown, &drawn, &dialogue, began.elapsed()))
    }

    /// Waits until the program has come to rest, at most `wait`, or until a newer call than `turn` comes.
    async fn rest(
        &self,
        mut watch: RestWatch,
        prompts: &LearntPrompts,
        wait: Duration,
        turn: Option<u64>,
    ) -> Came {
        let deadline = Instant::now() + wait;
        let (mut changes, mut turns) = (self.session.changes(), self.turn.subscribe());
        let began = *changes.borrow();
        loop {
            changes.borrow_and_update();
            let (look, mut shown) = self.session.look(|state| {
                let look = watch.look(state, prompts);
                let shown = matches!(look, Look::At(_)).then(|| state.display.take_new());
                (look, shown)
            });
            let again = match look {
                Look::At(rest) => {
                    let shown = shown.take().unwrap_or_default();
                    return Came { rest, shown };
                }
                Look::Again(again) => again.map(|again| Instant::now() + again),
            };
            let is_superseded = turn.is_some_and(|turn| *turns.borrow_and_update() != turn);
            if is_superseded || Instant::now() >= deadline {
                let shown = self.session.look(|state| state.display.take_new());
                return Came {
                    rest: ShellRest::Running,
                    shown,
                };
            }
            tokio::select! {
                _ = changes.changed() => {
                    if *changes.borrow() - began > FLOOD {
                        sleep(FLOOD_PAUSE).await;
                    }
                }
                _ = turns.changed() => {}
                () = sleep_until(again.map_or(deadline, |again| again.min(deadline))) => {}
            }
        }
    }

    fn answer(
        &self,
        rest: &ShellRest,
        mut shown: ShownText,
        typed: &str,
        dialogue: &Dialogue,
        took: Duration,
    ) -> ShellAnswer {
        if let ShellRest::Waiting(prompt) = rest {
            let end = shown.end_mut();
            let length = end.strip_suffix(prompt.as_str()).map(str::len);
            end.truncate(length.unwrap_or(end.len()));
        }
        if *rest == ShellRest::Screen {
            shown = ShownText::default();
        }
        shown.text = without_echo(&shown.text, typed, &dialogue.prompts, dialogue.dialect);
        let screen =
            (*rest == ShellRest::Screen).then(|| self.session.look(|state| state.display.screen()));
        let mut headline = self.headline(rest, took, &dialogue.runs());
        if *rest == ShellRest::Running && self.session.is_typing() {
            headline.push_str(" (it has not read all of the input yet)");
        }
        ShellAnswer::new(
            (&self.name, &self.alias),
            rest,
            &joined(&shown),
            screen.as_deref(),
            &headline,
        )
    }

    fn headline(&self, rest: &ShellRest, took: Duration, runs: &str) -> String {
        let (name, took) = (&self.name, brief(took));
        match rest {
            ShellRest::Prompt { status, directory } => {
                let place = match directory.as_str() {
                    "" => String::new(),
                    directory => format!(" in {directory}"),
                };
                format!("exit {status} in {took} (shell {name}{place})")
            }
            ShellRest::More => format!(
                "waiting at: > (shell {name}: the command is not complete; send the rest, or key ctrl-c)"
            ),
            ShellRest::Waiting(prompt) => {
                format!("waiting at: {} (shell {name}{runs})", prompt.trim_end())
            }
            ShellRest::Screen => format!(
                "waiting at its screen (shell {name}{runs}: send keys; input without Enter by key none)"
            ),
            ShellRest::Running => format!(
                "running after {took} (shell {name}{runs}: shell_send without input looks again, key ctrl-c stops it)"
            ),
            ShellRest::Ended(end) => format!("shell {name} has ended: {}", end_text(end)),
        }
    }

    /// The facts that the audit trail has of it.
    pub(super) fn facts(&self) -> Map<String, Value> {
        let facts = [
            ("alias", &self.alias),
            ("shell", &self.name),
            ("program", &self.program),
        ];
        let facts = facts.into_iter();
        facts
            .map(|(name, value)| (name.to_owned(), value.as_str().into()))
            .collect()
    }

    /// Returns whether it waits at a prompt for a secret.
    pub(super) fn asks_for_secret(&self) -> bool {
        let prompt = self.session.look(|state| state.display.line_at_cursor());
        asks_for_secret(&prompt)
    }

    /// The shell as callers see it.
    pub(super) fn report(&self) -> ShellReport {
        ShellReport {
            shell: self.name.clone(),
            alias: self.alias.clone(),
            program: self.program.clone(),
            opened_at: self.opened,
            used_at: *self.used.borrow(),
            state: (*lock(&self.state)).to_owned(),
        }
    }

    /// Waits until it is to end, and returns the cause.
    pub(super) async fn ended(&self, idle: Duration) -> String {
        let (mut stop, mut used) = (self.stop.subscribe(), self.used.subscribe());
        let over = self.session.over();
        loop {
            if let Some(end) = self.session.look(|state| state.ended.clone()) {
                return self.end_once_told(&end).await;
            }
            let unused = used.borrow_and_update().elapsed();
            let Some(left) = idle.checked_sub(unused).filter(|left| !left.is_zero()) else {
                return format!("it was idle for {}", brief(idle));
            };
            tokio::select! {
                cause = stop.wait_for(Option::is_some) => {
                    return cause.ok().and_then(|cause| cause.clone()).unwrap_or_default();
                }
                _ = used.changed() => {}
                () = over.cancelled() => {}
                () = sleep(left) => {}
            }
        }
    }

    /// The end of the program in words, with the output that no call has told by then.
    async fn end_once_told(&self, end: &TerminalEnd) -> String {
        let _dialogue = self.dialogue.lock().await;
        let untold = joined(&self.session.look(|state| state.display.take_new()));
        let untold = hide_of(Some(&self.alias), ending(&untold, LONGEST_UNTOLD)).into_owned();
        match untold.trim() {
            "" => end_text(end),
            untold => format!("{}, after it had printed: {untold}", end_text(end)),
        }
    }

    /// Returns whether its program has ended.
    pub(super) fn is_over(&self) -> bool {
        self.session.look(|state| state.ended.is_some())
    }

    /// Ends it, and waits until it has ended.
    pub(super) async fn stop(&self, cause: &str) {
        self.stop.send_replace(Some(cause.to_owned()));
        self.turn.send_modify(|turn| *turn += 1);
        self.concluded().await;
    }

    /// Presses Ctrl-C.
    pub(super) fn interrupt(&self) {
        self.session.begin_typing(INTERRUPT);
    }

    /// Waits until its end is noted.
    pub(super) async fn concluded(&self) {
        let mut ended = self.has_ended.subscribe();
        let _ = ended.wait_for(|has_ended| *has_ended).await;
    }

    /// Closes its channel and its connection.
    pub(super) async fn close(&self) {
        self.session.close().await;
        self.pool.close().await;
    }

    /// Tells those who wait that it has ended.
    pub(super) fn note_end(&self) {
        self.has_ended.send_replace(true);
    }
}

/// The point to which a program has come, and what it has shown until then.
struct Came {
    rest: ShellRest,
    shown: ShownText,
}

impl Came {
    /// Takes prompts apart that stand in one line, because the terminal does not show what is typed.
    fn separate_prompts(&mut self, prompts: &LearntPrompts) {
        if let ShellRest::Waiting(line) = &mut self.rest {
            let end = self.shown.end_mut();
            let length = end.strip_suffix(line.as_str()).map(str::len);
            end.truncate(length.unwrap_or(end.len()));
            *line = last_prompt(line, prompts).to_owned();
        }
        self.shown.text = without_prompts(&self.shown.text, prompts);
    }
}

/// The error for a server whose login shell is started as it is, and with nothing else.
fn no_script(alias: &str) -> Error {
    Error::NoShell {
        alias: alias.to_owned(),
        reason: "it starts its login shell as it is (plain: true, a restricted shell, or no commands), and takes no cwd, env, program or sudo".to_owned(),
    }
}

/// Moves the cursor to a new line, as a terminal that echoes input does.
fn end_line(state: &mut TerminalState) {
    if !state.display.is_full_screen() && !state.display.line_at_cursor().trim().is_empty() {
        state.display.take(b"\r\n");
    }
}

impl Dialogue {
    fn new(request: &ShellRequest, echoes: bool) -> Self {
        let program = request.program.as_deref();
        Self {
            dialect: Dialect::Other,
            echoes,
            prompts: LearntPrompts::default(),
            typed: TypedText::of_program(program.unwrap_or("sh")),
            rest: ShellRest::Running,
        }
    }

    /// The command that runs in a shell, for people: the beginning of its first line.
    fn runs(&self) -> String {
        let first = self.typed.command().trim().lines().next();
        match (self.dialect, first) {
            (Dialect::Other, _) | (_, None) => String::new(),
            (_, Some(command)) => format!(" in {}", beginning(command, LONGEST_COMMAND)),
        }
    }

    /// The reader of what is typed next.
    fn reader(&self) -> Reader {
        match (self.dialect, &self.rest) {
            (Dialect::Other, _) | (_, ShellRest::Waiting(_) | ShellRest::Screen) => Reader::Program,
            (_, ShellRest::Prompt { .. }) => Reader::Shell,
            (_, ShellRest::More) => Reader::ShellWithPart,
            (_, ShellRest::Running | ShellRest::Ended(_)) => Reader::Unknown,
        }
    }

    /// The input that the terminal may show: fish draws the part of a command before it once more.
    fn drawn(&self, typed: &str, reader: &Reader) -> String {
        match (self.dialect, reader) {
            (Dialect::Fish, Reader::ShellWithPart) => format!("{}{typed}", self.typed.command()),
            _ => typed.to_owned(),
        }
    }

    /// A wait for the program that is about to get this input.
    fn watch(&self, state: &TerminalState, input: &ShellInput, typed: &str) -> RestWatch {
        // A key such as Ctrl-C brings a prompt; text without an end of its line brings none.
        let lines = match &input.key {
            Some(key) if !key.ends_line() => typed.matches('\n').count() + 1,
            _ => typed.matches('\n').count(),
        };
        let lines = (!input.is_empty()).then_some(lines);
        RestWatch::new(self.dialect, state, lines).at_prompt(&self.rest, state)
    }

    /// Notes where the program has come to rest.
    fn settle(&mut self, rest: &ShellRest) {
        match rest {
            ShellRest::Waiting(prompt) => self.prompts.learn(prompt),
            ShellRest::Prompt { directory, .. } => self.typed.note_prompt(directory),
            _ => {}
        }
        self.rest = rest.clone();
    }
}
