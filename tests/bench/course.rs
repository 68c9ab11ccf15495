//! A course: one thing that several do in turns.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::process;

/// Who took longer is not asked again: it would take minutes.
const ASKED_AGAIN: Duration = Duration::from_secs(10);

/// Who takes part.
pub struct Peer<'a> {
    pub name: String,
    /// A process that works for it and goes on afterwards.
    pub process: u32,
    /// Does the work, with a path that is new each time, and says how long it took.
    pub work: Box<dyn FnMut(&Path) -> Duration + 'a>,
}

/// What one of them needed.
pub struct Figures {
    pub name: String,
    /// In order.
    times: Vec<Duration>,
    cpu: Duration,
}

impl Figures {
    /// The time within which so many in a hundred were done.
    pub fn percentile(&self, percent: usize) -> Duration {
        let index = (self.times.len() * percent / 100).min(self.times.len() - 1);
        self.times[index]
    }

    pub fn rounds(&self) -> usize {
        self.times.len()
    }

    /// Processor time for each round, where it is enough for its unit not to matter.
    pub fn cpu(&self) -> Option<Duration> {
        let rounds = u32::try_from(self.times.len()).ok()?;
        (self.cpu >= 10 * process::TICK).then(|| self.cpu / rounds)
    }
}

/// The time that some work takes.
pub fn timed(work: impl FnOnce()) -> Duration {
    let began = Instant::now();
    work();
    began.elapsed()
}

/// Has all peers work in turns, with paths in `place`. The first of them is the one that is measured.
pub fn run(place: &Path, rounds: u64, mut peers: Vec<Peer<'_>>) -> Vec<Figures> {
    let mut all: Vec<Figures> = peers
        .iter()
        .map(|peer| Figures {
            name: peer.name.clone(),
            times: Vec::new(),
            cpu: Duration::ZERO,
        })
        .collect();
    for round in 0..rounds {
        for (number, (peer, figures)) in peers.iter_mut().zip(&mut all).enumerate() {
            if figures.times.last().is_some_and(|time| *time > ASKED_AGAIN) {
                continue;
            }
            // What was written before must not be paid for here.
            #[cfg(unix)]
            rustix::fs::sync();
            let used = || process::cpu(peer.process) + process::cpu_of_children();
            let before = used();
            let time = (peer.work)(&target(place, number, round));
            figures.cpu += used().saturating_sub(before);
            figures.times.push(time);
            // Trees stay until the end: a file system may be slow to make new files for a while
            // after many were deleted.
            let _ = std::fs::remove_file(target(place, number, round));
        }
    }
    for figures in &mut all {
        figures.times.sort_unstable();
    }
    all
}

fn target(place: &Path, peer: usize, round: u64) -> PathBuf {
    place.join(format!("target-{peer}-{round}"))
}
