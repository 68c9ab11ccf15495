//! A comparison: several programs do the same work in turns.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::process;

/// The time above which a round is not repeated: more rounds would take minutes.
const REPEATED_BELOW: Duration = Duration::from_secs(10);

/// A program that is compared.
pub struct Peer<'a> {
    pub name: String,
    /// A process that does its work and lives on; 0 if there is none.
    pub process: u32,
    /// Does the work once and returns the time that it took. The path is new in each round.
    pub work: Box<dyn FnMut(&Path) -> Duration + 'a>,
}

/// The time and processor time that a program needed.
pub struct Figures {
    pub name: String,
    /// One for each round, the shortest first.
    times: Vec<Duration>,
    cpu: Duration,
}

impl Figures {
    /// The time within which this percentage of the rounds ended.
    pub fn percentile(&self, percent: usize) -> Duration {
        let index = (self.times.len() * percent / 100).min(self.times.len() - 1);
        self.times[index]
    }

    pub fn rounds(&self) -> usize {
        self.times.len()
    }

    /// The mean processor time of a round; nothing if the total is only a few ticks.
    pub fn cpu(&self) -> Option<Duration> {
        let rounds = u32::try_from(self.times.len()).ok()?;
        (self.cpu >= 10 * process::TICK).then(|| self.cpu / rounds)
    }
}

/// Returns the time that some work takes.
pub fn timed(work: impl FnOnce()) -> Duration {
    let began = Instant::now();
    work();
    began.elapsed()
}

/// Lets the programs work in turns. The paths that they get are in `place`.
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
            if figures
                .times
                .last()
                .is_some_and(|time| *time > REPEATED_BELOW)
            {
                continue;
            }
            // Earlier writes must not slow this round.
            #[cfg(unix)]
            rustix::fs::sync();
            let used = || process::cpu(peer.process) + process::cpu_of_children();
            let before = used();
            let time = (peer.work)(&target(place, number, round));
            figures.cpu += used().saturating_sub(before);
            figures.times.push(time);
            // Directories stay until the end: some file systems create files slowly for a while
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
