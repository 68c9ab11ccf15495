//! The link between a command at a terminal and the callers who look at it and type to it.

use std::sync::{Arc, Mutex, OnceLock};

use tokio::sync::{Notify, SetOnce, mpsc, watch};

use crate::error::Error;
use crate::sync::lock;

/// A link to a command at a terminal. It is there before the command begins.
#[derive(Debug)]
pub struct TerminalLink {
    waits: watch::Sender<WaitState>,
    input: mpsc::UnboundedSender<TypedInput>,
    /// Taken by the command, once it runs at a terminal.
    taker: Mutex<Option<mpsc::UnboundedReceiver<TypedInput>>>,
    /// Notified whenever a command waits.
    bell: Arc<Notify>,
    /// Added wherever callers are told that it waits.
    remark: OnceLock<&'static str>,
}

/// The state of a command that may wait for input.
#[derive(Clone, Debug, Default)]
struct WaitState {
    /// The line at which it waits.
    line: Option<String>,
    /// Set once a caller was told of that.
    is_told: bool,
}

/// Input that a caller types.
#[derive(Clone)]
pub struct TypedInput {
    /// The text, with the key after it.
    pub text: String,
    /// The part of it that may be shown nowhere.
    pub secret: Option<String>,
    /// The place in the output at which it is typed.
    pub place: TypedPlace,
}

/// The number of bytes that a command had printed when a text was typed to it, or the reason why it was not typed.
#[derive(Clone, Debug, Default)]
pub struct TypedPlace(Arc<SetOnce<Result<u64, Error>>>);

impl TypedPlace {
    /// The place, once the text is typed.
    pub fn get(&self) -> Option<u64> {
        self.0.get()?.as_ref().ok().copied()
    }

    /// Waits for the reason why the text is not typed; for ever if it is.
    pub async fn failure(&self) -> Error {
        match self.0.wait().await {
            Ok(_) => std::future::pending().await,
            Err(error) => error.clone(),
        }
    }

    /// Notes the place, or the reason, for the command.
    pub(in crate::ssh) fn note(&self, printed: Result<u64, Error>) {
        // A text is typed once.
        let _ = self.0.set(printed);
    }
}

/// The inputs that callers type to a command, one after another.
#[derive(Debug, Default)]
pub(in crate::ssh) struct TypedInputs(Option<mpsc::UnboundedReceiver<TypedInput>>);

impl TypedInputs {
    /// Waits for the next one; for ever if none can come.
    pub(in crate::ssh) async fn next(&mut self) -> TypedInput {
        if let Some(inputs) = &mut self.0
            && let Some(input) = inputs.recv().await
        {
            return input;
        }
        std::future::pending().await
    }
}

impl TerminalLink {
    /// A link that rings this bell whenever its command waits.
    pub fn new(bell: Arc<Notify>) -> Self {
        let (input, taker) = mpsc::unbounded_channel();
        Self {
            bell,
            waits: watch::Sender::default(),
            input,
            taker: Mutex::new(Some(taker)),
            remark: OnceLock::new(),
        }
    }

    /// The line at which the command waits. From now on a caller counts as told of it.
    pub fn waiting(&self) -> Option<String> {
        let line = self.waits.borrow().line.clone();
        if line.is_some() {
            self.waits.send_modify(|state| state.is_told = true);
        }
        line
    }

    /// The remark about a command that waits.
    pub fn remark(&self) -> &'static str {
        self.remark.get().copied().unwrap_or_default()
    }

    /// Adds a remark wherever callers are told that the command waits.
    pub fn set_remark(&self, remark: &'static str) {
        let _ = self.remark.set(remark);
    }

    /// Returns whether the command waits in a line of which no caller was told.
    pub fn is_untold(&self) -> bool {
        let state = self.waits.borrow();
        state.line.is_some() && !state.is_told
    }

    /// Types to the command. Returns false if it does not run at a terminal.
    pub fn type_in(&self, input: TypedInput) -> bool {
        let runs = lock(&self.taker).is_none() && !self.input.is_closed();
        if runs {
            self.note_output();
        }
        runs && self.input.send(input).is_ok()
    }

    /// Begins to take input, for the command.
    pub(in crate::ssh) fn take_input(&self) -> TypedInputs {
        TypedInputs(lock(&self.taker).take())
    }

    /// Notes that the command waits in a line.
    pub(in crate::ssh) fn note_waiting(&self, line: String) {
        let line = Some(line);
        self.waits.send_replace(WaitState {
            line,
            is_told: false,
        });
        self.bell.notify_waiters();
    }

    /// Notes that the command goes on.
    pub(in crate::ssh) fn note_output(&self) {
        let goes_on = |state: &mut WaitState| std::mem::take(state).line.is_some();
        self.waits.send_if_modified(goes_on);
    }
}
