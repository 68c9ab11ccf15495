//! The overviews of the last minutes, by server.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use super::Overview;
use crate::sync::lock;

/// The time for which an overview stands in for a new one.
const LIFETIME: Duration = Duration::from_secs(120);

/// The overviews of the last minutes.
#[derive(Debug, Default)]
pub struct RecentOverviews(Mutex<HashMap<String, Recent>>);

#[derive(Debug)]
struct Recent {
    /// The server's user, host and port, which its entry may have changed since.
    place: String,
    since: Instant,
    overview: Overview,
}

impl RecentOverviews {
    /// The overview of a server at a place, with its age.
    pub fn get(&self, alias: &str, place: &str) -> Option<Overview> {
        let recent = lock(&self.0);
        let found = recent
            .get(alias)
            .filter(|found| found.is_fresh() && found.place == place)?;
        let mut overview = found.overview.clone();
        overview.age_seconds = Some(found.since.elapsed().as_secs());
        Some(overview)
    }

    /// Keeps an overview, and drops those that are too old.
    pub fn put(&self, alias: &str, place: &str, overview: &Overview) {
        let mut recent = lock(&self.0);
        recent.retain(|_, one| one.is_fresh());
        let new = Recent {
            place: place.to_owned(),
            since: Instant::now(),
            overview: overview.clone(),
        };
        recent.insert(alias.to_owned(), new);
    }
}

impl Recent {
    fn is_fresh(&self) -> bool {
        self.since.elapsed() < LIFETIME
    }
}
