//! The facts on the screen, and the place where the person is.

use std::sync::{Arc, Mutex};

use crate::approval::{OpenQuestions, PersonQuestion};
use crate::config::Config;
use crate::error::Error;
use crate::held::{Hold, HoldScope, Holds};
use crate::job::{Job, Stream};
use crate::observer::{ObservedTask, Observer};
use crate::samples::{Samples, SamplesByAlias};
use crate::sync::lock;

/// The most tasks in the list.
const TASKS: usize = 200;
/// The last lines of a task's output that are read, and the most bytes of them.
const LINES: usize = 200;
const BYTES: usize = 32 * 1024;

/// An act that waits for the person to press `y`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum PersonAct {
    /// Stop a task.
    Cancel(String),
    /// Hold everything.
    Hold,
    /// Release everything.
    Release,
}

/// The screen's facts.
pub(super) struct WatchScene {
    observer: Arc<Observer>,
    pub(super) config: Config,
    questions_of: OpenQuestions,
    holds_of: Holds,
    samples_of: Samples,
    /// The aliases of the servers.
    pub(super) servers: Vec<String>,
    pub(super) samples: SamplesByAlias,
    pub(super) holds: Vec<(HoldScope, Hold)>,
    pub(super) questions: Vec<(String, PersonQuestion)>,
    pub(super) tasks: Vec<Arc<ObservedTask>>,
    pub(super) output: String,
    /// The ID of the selected task.
    pub(super) selected: Option<String>,
    /// The ID of the question that the keys answer.
    pub(super) asked: Option<String>,
    pub(super) unconfirmed: Option<PersonAct>,
    /// The last thing that went wrong, or that an act has told.
    pub(super) told: Arc<Mutex<String>>,
}

impl WatchScene {
    pub(super) fn new(observer: Arc<Observer>, config: Config) -> Self {
        let data = &observer.offline().data;
        Self {
            questions_of: OpenQuestions::of(data),
            holds_of: Holds::of(data),
            samples_of: Samples::of(data),
            servers: Vec::new(),
            samples: SamplesByAlias::default(),
            holds: Vec::new(),
            questions: Vec::new(),
            tasks: Vec::new(),
            output: String::new(),
            selected: None,
            asked: None,
            unconfirmed: None,
            told: Arc::default(),
            observer,
            config,
        }
    }

    /// Reads the facts again. Blocks.
    pub(super) fn refresh(&mut self) {
        if let Err(error) = self.read() {
            self.tell(error.to_string());
        }
    }

    pub(super) fn tell(&self, text: String) {
        *lock(&self.told) = text;
    }

    fn read(&mut self) -> Result<(), Error> {
        let servers = self.observer.offline().servers.list()?.into_iter();
        self.servers = servers.map(|(alias, _)| alias).collect();
        self.samples = self.samples_of.read()?;
        self.holds = self.holds_of.list()?;
        self.questions = self.questions_of.list()?;
        let is_open = |id: &String| self.questions.iter().any(|(one, _)| one == id);
        self.asked = self.asked.take().filter(is_open);
        let tasks = self.observer.tasks()?;
        let wanted = tasks
            .iter()
            .filter(|task| task.parent.is_none() && !task.is_question);
        let mut tasks: Vec<_> = wanted.cloned().collect();
        tasks.sort_by_key(|task| !task.status.is_live());
        tasks.truncate(TASKS);
        self.tasks = tasks;
        self.output = match self.selected_task() {
            Some(task) => self.output_of(&self.observer.task(task.id.as_str())?)?,
            None => String::new(),
        };
        Ok(())
    }

    fn output_of(&self, job: &Job) -> Result<String, Error> {
        let mut text = String::new();
        for stream in Stream::BOTH {
            let printed = self.observer.last_lines(job, stream, LINES, BYTES)?;
            if stream == Stream::Stderr && !printed.text.is_empty() {
                text += "--- stderr ---\n";
            }
            text += &printed.text;
        }
        Ok(text)
    }

    /// The place of the selected task in the list; the first one is selected unless another was.
    pub(super) fn place(&self) -> Option<usize> {
        let selected = self.selected.as_deref();
        let mut tasks = self.tasks.iter();
        let place = tasks.position(|task| Some(task.id.as_str()) == selected);
        place.or((!self.tasks.is_empty()).then_some(0))
    }

    pub(super) fn selected_task(&self) -> Option<&Arc<ObservedTask>> {
        self.tasks.get(self.place()?)
    }

    /// Moves the selection.
    pub(super) fn step(&mut self, by: isize) {
        let next = self.place().unwrap_or_default().saturating_add_signed(by);
        let next = next.min(self.tasks.len().saturating_sub(1));
        self.selected = self.tasks.get(next).map(|task| task.id.to_string());
    }

    /// Goes on to the next question.
    pub(super) fn next_question(&mut self) {
        let mut ids = self.questions.iter().map(|(id, _)| id);
        let after = match &self.asked {
            Some(asked) => {
                ids.find(|id| *id == asked);
                ids.next()
            }
            None => None,
        };
        self.asked = after.or(self.questions.first().map(|(id, _)| id)).cloned();
    }

    /// Returns whether everything is held.
    pub(super) fn is_all_held(&self) -> bool {
        let mut holds = self.holds.iter();
        holds.any(|(scope, _)| *scope == HoldScope::All)
    }
}
