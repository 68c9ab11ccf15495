//! The raw strings of the layers, parsed with a warning and the default where they make no sense.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::time::Duration;

use tracing::Level;

use super::{Origin, SETTINGS, parse_seconds};
use crate::fs::expand_home;
use crate::host_key::Policy;
use crate::secret::Secret;

pub(crate) type Layer = HashMap<String, String>;

/// A setting's default.
pub(crate) fn default_of(name: &str) -> &'static str {
    SETTINGS
        .iter()
        .find(|setting| setting.name == name)
        .expect("every setting that is read stands in SETTINGS")
        .default
}

/// Where the server keeps its data that has these settings.
pub(crate) fn data_dir_of<'a>(layers: impl IntoIterator<Item = &'a Layer>) -> PathBuf {
    let mut layers = layers.into_iter();
    let set = layers.find_map(|layer| set_in(layer, "MCP_DATA_DIR"));
    expand_home(set.unwrap_or(default_of("MCP_DATA_DIR")))
}

/// A variable's value in one layer; an empty one counts as not set.
fn set_in<'a>(layer: &'a Layer, name: &str) -> Option<&'a str> {
    layer
        .get(name)
        .map(|value| value.trim())
        .filter(|value| !value.is_empty())
}

pub(super) struct Raw {
    pub(super) layers: Vec<(Origin, Layer)>,
    pub(super) warnings: Vec<String>,
    /// Settings that were not understood.
    refused: Vec<String>,
}

impl Raw {
    pub(super) fn new(layers: Vec<(Origin, Layer)>, warnings: Vec<String>) -> Self {
        Self {
            layers,
            warnings,
            refused: Vec::new(),
        }
    }

    fn get(&self, name: &str) -> Option<String> {
        self.layers
            .iter()
            .find_map(|(_, layer)| set_in(layer, name))
            .map(ToOwned::to_owned)
    }

    /// Where each setting comes from.
    pub(super) fn origins(&self) -> BTreeMap<&'static str, Origin> {
        let names = SETTINGS.iter().map(|setting| setting.name);
        let origins = names.map(|name| {
            let mut layers = self.layers.iter();
            let set = layers.find(|(_, layer)| set_in(layer, name).is_some());
            let set = set.filter(|_| !self.refused.iter().any(|refused| refused == name));
            (
                name,
                set.map(|(origin, _)| origin.clone()).unwrap_or_default(),
            )
        });
        origins.collect()
    }

    fn refuse(&mut self, name: &str, problem: String) {
        self.refused.push(name.to_owned());
        self.warnings.push(problem);
    }

    fn parse<T>(&mut self, name: &str, expected: &str, parse: impl Fn(&str) -> Option<T>) -> T {
        let default = default_of(name);
        if let Some(value) = self.get(name) {
            if let Some(parsed) = parse(&value) {
                return parsed;
            }
            let problem = format!("`{name}` is `{value}`, expected {expected}; using {default}");
            self.refuse(name, problem);
        }
        parse(default).expect("every default parses as its own kind")
    }

    pub(super) fn whole(&mut self, name: &str, least: u64) -> u64 {
        let expected = format!("a whole number, at least {least}");
        self.parse(name, &expected, |text| {
            text.parse().ok().filter(|number| *number >= least)
        })
    }

    pub(super) fn count(&mut self, name: &str, least: u64) -> usize {
        usize::try_from(self.whole(name, least)).unwrap_or(usize::MAX)
    }

    pub(super) fn millis(&mut self, name: &str, least: u64) -> Duration {
        Duration::from_millis(self.whole(name, least))
    }

    pub(super) fn seconds(&mut self, name: &str) -> Duration {
        self.parse(name, "a number of seconds above 0", parse_seconds)
    }

    /// Milliseconds, or seconds under the later name, whichever the first layer that has one says;
    /// 0 is no timeout.
    pub(super) fn timeout(&mut self, millis: &str, seconds: &str) -> Option<Duration> {
        let mut layers = self.layers.iter().map(|(_, layer)| layer);
        let layer = layers.find(|layer| set_in(layer, millis).or(set_in(layer, seconds)).is_some());
        let in_seconds = layer.filter(|layer| set_in(layer, millis).is_none());
        if let Some(value) = in_seconds.and_then(|layer| set_in(layer, seconds)) {
            let parsed = value
                .parse()
                .ok()
                .and_then(|number| Duration::try_from_secs_f64(number).ok());
            if let Some(duration) = parsed {
                return Some(duration).filter(|duration| !duration.is_zero());
            }
            let default = default_of(millis);
            let problem = format!(
                "`{seconds}` is `{value}`, expected a number of seconds; using {default} ms"
            );
            self.refuse(seconds, problem);
        }
        Some(self.millis(millis, 0)).filter(|duration| !duration.is_zero())
    }

    pub(super) fn flag(&mut self, name: &str) -> bool {
        self.parse(name, "true or false", |text| {
            match text.to_ascii_lowercase().as_str() {
                "true" | "1" | "yes" | "on" => Some(true),
                "false" | "0" | "no" | "off" => Some(false),
                _ => None,
            }
        })
    }

    pub(super) fn level(&mut self, name: &str) -> Level {
        self.parse(name, "error, warn, info or debug", |text| {
            match text.to_ascii_lowercase().as_str() {
                "error" => Some(Level::ERROR),
                "warn" => Some(Level::WARN),
                "info" => Some(Level::INFO),
                "debug" => Some(Level::DEBUG),
                _ => None,
            }
        })
    }

    pub(super) fn host_key_policy(&mut self, name: &str) -> Policy {
        self.parse(name, "accept-new or strict", Policy::parse)
    }

    /// Directories, separated as in `PATH`, or by commas, as the original has them.
    pub(super) fn directories(&mut self, name: &str) -> Vec<PathBuf> {
        let value = self.get(name).unwrap_or_default();
        let mut found: Vec<String> = Vec::new();
        for path in std::env::split_paths(&value) {
            let text = path.to_string_lossy();
            for (count, part) in text.split(',').enumerate() {
                match found.last_mut() {
                    // A name may have a comma in it.
                    Some(last) if count > 0 && !expand_home(part.trim()).is_absolute() => {
                        last.extend([",", part]);
                    }
                    _ => found.push(part.trim().to_owned()),
                }
            }
        }
        let found = found.iter().map(|path| path.trim_end_matches(','));
        let found = found.filter(|path| !path.is_empty()).map(expand_home);
        let found: Vec<_> = found.collect();
        for path in &found {
            let text = path.to_string_lossy();
            if text.starts_with(['~', '$', '%']) {
                self.warnings.push(format!(
                    "`{name}` has `{text}`, which nothing expands; write the path out, for nothing lies there"
                ));
            }
        }
        found
    }

    /// A secret's text: it is in no message.
    pub(super) fn secret(&self, name: &str) -> Option<Secret> {
        self.get(name).map(|value| Secret::from(value.as_str()))
    }
}
