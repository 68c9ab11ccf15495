//! The thread that reads all tasks, one look after another. Memory that one thread has freed is of little use to the
//! others, and a look may take megabytes.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Sender, channel};

use tokio::sync::oneshot;

use crate::error::Error;

type LookWork = Box<dyn FnOnce() + Send>;

/// The thread, which ends with this.
pub(super) struct LookThread(Sender<LookWork>);

impl Default for LookThread {
    fn default() -> Self {
        let (looks, asked) = channel::<LookWork>();
        std::thread::spawn(move || {
            for look in asked {
                // Its caller is told that there is no answer.
                let _ = catch_unwind(AssertUnwindSafe(look));
            }
        });
        Self(looks)
    }
}

impl LookThread {
    /// Runs a look in its turn.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        look: impl FnOnce() -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let (answer, answered) = oneshot::channel();
        let look: LookWork = Box::new(move || {
            // Nobody may wait for it any more.
            let _ = answer.send(look());
        });
        let reason = || Error::Internal {
            reason: "the look at the tasks gave no answer".to_owned(),
        };
        self.0.send(look).map_err(|_| reason())?;
        answered.await.map_err(|_| reason())?
    }
}
