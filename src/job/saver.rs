//! When the queue is written: at once where somebody waits for it, else now and then.

use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::queue::Queue;
use crate::error::Error;
use crate::fs::blocking;

/// How often the queue is tidied when nothing else writes it.
const TIDY_INTERVAL: Duration = Duration::from_secs(3600);

/// Collects requests to save, and answers them: those that come while a write is under way share
/// the next one.
#[derive(Default)]
pub(super) struct Saver {
    asked: watch::Sender<u64>,
    saved: watch::Sender<Saved>,
}

/// The last save, which answers every request up to `request`.
#[derive(Clone, Default)]
struct Saved {
    request: u64,
    failure: Option<Error>,
}

impl Saver {
    /// Asks for a save. Gives the request's number.
    pub(super) fn request(&self) -> u64 {
        let mut request = 0;
        self.asked.send_modify(|asked| {
            *asked += 1;
            request = *asked;
        });
        request
    }

    /// Asks for a save, and waits for it.
    pub(super) async fn flush(&self) -> Result<(), Error> {
        let mut saved = self.saved.subscribe();
        let request = self.request();
        match saved.wait_for(|saved| saved.request >= request).await {
            Ok(saved) => saved.failure.clone().map_or(Ok(()), Err),
            Err(_) => Err(Error::Internal {
                reason: "the saving task has ended".to_owned(),
            }),
        }
    }

    /// Saves `queue` from now on: on request at once, and what has changed otherwise every `period`.
    pub(super) fn start(&self, queue: Weak<Queue>, period: Duration) {
        let (mut asked, saved) = (self.asked.subscribe(), self.saved.clone());
        tokio::spawn(async move {
            let mut ticks = interval(period);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            let mut last = Instant::now();
            loop {
                let requested = tokio::select! {
                    changed = asked.changed() => match changed {
                        Ok(()) => true,
                        Err(_) => return,
                    },
                    _ = ticks.tick() => false,
                };
                let Some(queue) = queue.upgrade() else { return };
                if !requested && last.elapsed() < TIDY_INTERVAL && !queue.has_changes() {
                    continue;
                }
                last = Instant::now();
                let request = *asked.borrow_and_update();
                let failure = save(queue).await.err();
                if let Some(failure) = &failure {
                    tracing::error!("{failure}");
                }
                saved.send_replace(Saved { request, failure });
            }
        });
    }
}

async fn save(queue: Arc<Queue>) -> Result<(), Error> {
    blocking(move || queue.save()).await
}
