//! When the queue is written: at once where somebody waits for it, else now and then.

use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::error::Error;
use crate::fs::blocking;

/// The interval at which the queue is tidied when nothing else writes it.
const TIDY_INTERVAL: Duration = Duration::from_secs(3600);

/// The interval at which it is asked whether changes are to be written at once.
const URGENT_INTERVAL: Duration = Duration::from_millis(250);

/// Data that a saver writes.
pub(super) trait Save: Send + Sync + 'static {
    /// Returns whether anything is still to be written.
    fn has_changes(&self) -> bool;

    /// Returns whether changes are to be written at once. Blocks.
    fn is_urgent(&self) -> bool;

    /// Writes every change.
    fn save(&self) -> Result<(), Error>;
}

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
    /// Asks for a save. Returns the request's number.
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

    /// Saves `target` from now on: at once on request or while that is urgent, and every `period` if it has changes.
    pub(super) fn start(&self, target: Weak<impl Save>, period: Duration) {
        let (mut asked, saved) = (self.asked.subscribe(), self.saved.clone());
        tokio::spawn(async move {
            let mut ticks = interval(period.min(URGENT_INTERVAL));
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
                let Some(target) = target.upgrade() else {
                    return;
                };
                if !requested && !is_due(&target, last, period).await {
                    continue;
                }
                last = Instant::now();
                let request = *asked.borrow_and_update();
                let failure = blocking(move || target.save()).await.err();
                if let Some(failure) = &failure {
                    tracing::error!("{failure}");
                }
                saved.send_replace(Saved { request, failure });
            }
        });
    }
}

/// Returns whether a save is due that nobody has asked for.
async fn is_due(target: &Arc<impl Save>, last: Instant, period: Duration) -> bool {
    if !target.has_changes() {
        return last.elapsed() >= TIDY_INTERVAL;
    }
    let target = Arc::clone(target);
    last.elapsed() >= period
        || tokio::task::spawn_blocking(move || target.is_urgent())
            .await
            .unwrap_or_default()
}
