//! Load, memory and disk of servers over the last day, for people who watch: `samples.json`.
//!
//! `sampler` asks the servers; this is what it keeps.

mod sampler;

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::monitor::resources::Figures;
use crate::store::{DataDirectory, Document, Version};
use crate::time::Timestamp;
pub use sampler::{sample_by_setting, sample_while};

/// The interval of samples while somebody watches.
pub const SAMPLE_INTERVAL: Duration = Duration::from_secs(60);

/// The time for which samples are kept.
const KEPT: Duration = Duration::from_secs(24 * 3600);
/// The time of which one sample is kept, the latest.
const SLOT_SECONDS: i64 = 300;

/// A server's figures at a point in time.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sample {
    /// Seconds since the Unix epoch.
    pub at: i64,
    /// The figures.
    #[serde(flatten)]
    pub figures: Figures,
}

/// The samples of a server.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ServerSamples {
    /// The samples of the last day, the oldest first.
    #[serde(default)]
    pub samples: Vec<Sample>,
    /// When it was asked last, in seconds since the Unix epoch.
    #[serde(default)]
    pub asked: i64,
    /// The reason for which it gave no answer then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

/// The samples of all servers, by alias.
pub type SamplesByAlias = BTreeMap<String, ServerSamples>;

/// The samples of a data directory.
#[derive(Clone, Debug)]
pub struct Samples(Document);

impl Samples {
    /// The samples of a data directory.
    pub fn of(data: &DataDirectory) -> Self {
        Self(data.document("samples.json"))
    }

    /// The samples as they are now. Blocks.
    pub fn read(&self) -> Result<SamplesByAlias, Error> {
        self.0.read()
    }

    /// The version of the document, which changes with each sample. It costs a look at the file.
    pub fn version(&self) -> Option<Version> {
        self.0.version()
    }

    /// Keeps what servers have answered. Those that are not configured any more go. Blocks.
    fn keep(
        &self,
        answers: Vec<(String, Result<Figures, String>)>,
        is_configured: impl Fn(&str) -> bool,
    ) -> Result<(), Error> {
        self.0.update(|samples: &mut SamplesByAlias| {
            for (alias, answer) in answers {
                samples.entry(alias).or_default().take(answer);
            }
            samples.retain(|alias, _| is_configured(alias));
        })
    }
}

impl ServerSamples {
    fn take(&mut self, answer: Result<Figures, String>) {
        let now = Timestamp::now().epoch_millis() / 1000;
        self.asked = now;
        self.problem = None;
        match answer {
            Err(problem) => self.problem = Some(problem),
            Ok(figures) => {
                let slot = |at: i64| at / SLOT_SECONDS;
                self.samples.retain(|sample| slot(sample.at) != slot(now));
                self.samples.push(Sample { at: now, figures });
            }
        }
        let oldest = now - i64::try_from(KEPT.as_secs()).unwrap_or(i64::MAX);
        self.samples.retain(|sample| sample.at > oldest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_of_samples_is_kept_one_for_each_slot() {
        let directory = tempfile::tempdir().unwrap();
        let samples = Samples::of(&DataDirectory::open(directory.path()).unwrap());
        let now = Timestamp::now().epoch_millis() / 1000;
        let old = [2 * 86_400, 3600].map(|ago| Sample {
            at: now - ago,
            figures: Figures::default(),
        });
        let known = ServerSamples {
            samples: old.to_vec(),
            ..ServerSamples::default()
        };
        let write = |all: &mut SamplesByAlias| {
            all.insert("web1".to_owned(), known.clone());
            all.insert("gone".to_owned(), known);
        };
        samples.0.update(write).unwrap();
        for load in [1.0, 2.0] {
            let figures = Figures {
                load: Some(load),
                ..Figures::default()
            };
            let answers = vec![("web1".to_owned(), Ok(figures))];
            samples.keep(answers, |alias| alias == "web1").unwrap();
        }
        let answers = vec![("web1".to_owned(), Err("it is gone".to_owned()))];
        samples.keep(answers, |alias| alias == "web1").unwrap();
        let all = samples.read().unwrap();
        assert_eq!(all.keys().collect::<Vec<_>>(), ["web1"]);
        let web1 = &all["web1"];
        assert_eq!(web1.samples[0], old[1]);
        assert_eq!(web1.samples.last().unwrap().figures.load, Some(2.0));
        // Two, unless a slot has ended in between.
        assert!(web1.samples.len() <= 3);
        assert_eq!(web1.problem.as_deref(), Some("it is gone"));
    }
}
