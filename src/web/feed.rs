//! The changes of what the page shows, as they happen.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::response::sse::Event;
use serde::{Serialize, Serializer};
use serde_json::{Map, Value};
use tokio::sync::broadcast;

use super::looks::LookThread;
use super::{WebPage, view};
use crate::error::Error;
use crate::job::JobId;
use crate::observer::{ObservedTask, ObservedTasks};
use crate::samples::SamplesByAlias;
use crate::store::Version;
use crate::sync::lock;

/// The interval at which changes are looked for while a page is open.
const LOOK: Duration = Duration::from_millis(50);
/// The events that a slow page may be behind before it reads everything anew.
const MOST_BEHIND: usize = 64;

/// The changes, for every page that is open.
pub(super) struct ChangeFeed {
    changes: broadcast::Sender<Event>,
    last: Mutex<LastTold>,
    looks: LookThread,
}

/// The facts that were told last.
#[derive(Default)]
struct LastTold {
    tasks: ObservedTasks,
    facts: HashMap<&'static str, Value>,
    samples: SamplesByAlias,
    samples_version: Option<Version>,
    trail: u64,
}

impl Default for ChangeFeed {
    fn default() -> Self {
        Self {
            changes: broadcast::channel(MOST_BEHIND).0,
            last: Mutex::default(),
            looks: LookThread::default(),
        }
    }
}

impl ChangeFeed {
    /// Returns whether a page is open.
    pub(super) fn is_watched(&self) -> bool {
        self.changes.receiver_count() > 0
    }

    /// Tells those who listen, if there are any.
    fn tell(&self, name: &str, data: &impl Serialize) -> Result<(), Error> {
        if self.is_watched() {
            let event = Event::default().event(name).json_data(data);
            let event = event.map_err(|error| Error::Internal {
                reason: error.to_string(),
            })?;
            // The last of them may just have gone.
            let _ = self.changes.send(event);
        }
        Ok(())
    }
}

/// Runs a look at the facts of a page on the thread for that.
pub(super) async fn look<T: Send + 'static>(
    page: &Arc<WebPage>,
    look: impl FnOnce(&WebPage) -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    let looking = Arc::clone(page);
    page.feed.looks.run(move || look(&looking)).await
}

/// The changes from now on: the facts that a page reads after this are none of them older. Blocks.
pub(super) fn subscribe(page: &WebPage) -> Result<broadcast::Receiver<Event>, Error> {
    if !page.feed.is_watched() {
        // Nobody is told what nobody has seen.
        lock(&page.feed.last).look(page)?;
    }
    Ok(page.feed.changes.subscribe())
}

/// Tells changes for ever.
pub(super) async fn follow(page: Arc<WebPage>) {
    loop {
        tokio::time::sleep(LOOK).await;
        if page.feed.is_watched() {
            let looked = look(&page, |page| lock(&page.feed.last).look(page)).await;
            if let Err(error) = looked {
                tracing::warn!("the page is behind: {error}");
            }
        }
    }
}

/// Everything that the page shows, and from which changes go on.
#[derive(Serialize)]
struct PageState {
    #[serde(serialize_with = "in_a_list")]
    tasks: ObservedTasks,
    servers: Value,
    questions: Value,
    held: Value,
    samples: Value,
}

/// The state as JSON. There may be thousands of tasks, so no tree is made of them. Blocks.
pub(super) fn state(page: &WebPage) -> Result<Vec<u8>, Error> {
    let samples = page.samples.read()?;
    let samples = samples
        .iter()
        .map(|(alias, server)| (alias.clone(), view::samples(server)));
    let state = PageState {
        tasks: page.observer.tasks()?,
        servers: view::servers(page)?,
        questions: view::questions(page)?,
        held: view::holds(page)?,
        samples: Value::Object(samples.collect()),
    };
    serde_json::to_vec(&state).map_err(|error| Error::Internal {
        reason: error.to_string(),
    })
}

fn in_a_list<S: Serializer>(tasks: &ObservedTasks, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(tasks.iter().map(|task| &**task))
}

impl LastTold {
    /// Looks for changes, and tells them.
    fn look(&mut self, page: &WebPage) -> Result<(), Error> {
        let tasks = page.observer.tasks()?;
        if !Arc::ptr_eq(&self.tasks, &tasks) {
            let before = std::mem::replace(&mut self.tasks, tasks);
            // There may be thousands that nobody has seen.
            if page.feed.is_watched() {
                page.feed
                    .tell("tasks", &TaskChanges::of(&before, &self.tasks))?;
            }
        }
        for (name, fact) in [
            ("servers", view::servers(page)?),
            ("questions", view::questions(page)?),
            ("held", view::holds(page)?),
        ] {
            if self.facts.get(name) != Some(&fact) {
                page.feed.tell(name, &fact)?;
                self.facts.insert(name, fact);
            }
        }
        let length = page.observer.trail_length();
        if std::mem::replace(&mut self.trail, length) != length {
            page.feed.tell("trail", &length)?;
        }
        self.look_at_samples(page)
    }

    fn look_at_samples(&mut self, page: &WebPage) -> Result<(), Error> {
        let version = page.samples.version();
        if self.samples_version == version {
            return Ok(());
        }
        let samples = page.samples.read()?;
        let changed = samples
            .iter()
            .filter(|(alias, server)| self.samples.get(*alias) != Some(*server));
        let changed: Map<_, _> = changed
            .map(|(alias, server)| (alias.clone(), view::samples(server)))
            .collect();
        if !changed.is_empty() {
            page.feed.tell("samples", &changed)?;
        }
        self.samples = samples;
        self.samples_version = version;
        Ok(())
    }
}

/// The tasks that are new or have changed, and the IDs of those that are gone.
#[derive(Serialize)]
struct TaskChanges<'a> {
    changed: Vec<&'a ObservedTask>,
    gone: Vec<&'a JobId>,
}

impl<'a> TaskChanges<'a> {
    fn of(before: &'a ObservedTasks, now: &'a ObservedTasks) -> Self {
        let mut known: HashMap<&JobId, &Arc<ObservedTask>> =
            before.iter().map(|task| (&task.id, task)).collect();
        let changed = now.iter().filter(|task| {
            let before = known.remove(&task.id);
            before.is_none_or(|before| !Arc::ptr_eq(before, task))
        });
        Self {
            changed: changed.map(|task| &**task).collect(),
            gone: known.into_keys().collect(),
        }
    }
}
