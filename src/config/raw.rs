//! Raw strings of the layers, parsed with a warning and the default where they make no sense.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;

use super::{Origin, SETTINGS};
use crate::fs::expand_home;

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

    pub(super) fn get(&self, name: &str) -> Option<String> {
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

    /// The value of `name`, where no layer as near has `other`.
    pub(super) fn nearer(&self, name: &str, other: &str) -> Option<String> {
        let mut layers = self.layers.iter().map(|(_, layer)| layer);
        let layer = layers.find(|layer| set_in(layer, other).or(set_in(layer, name)).is_some())?;
        let is_nearer = set_in(layer, other).is_none();
        set_in(layer, name)
            .filter(|_| is_nearer)
            .map(ToOwned::to_owned)
    }

    /// Warns of a value that makes no sense.
    pub(super) fn refuse(&mut self, name: &str, value: &str, expected: &str, instead: &str) {
        self.refused.push(name.to_owned());
        self.warnings.push(format!(
            "`{name}` is `{value}`, expected {expected}; using {instead}"
        ));
    }

    /// Parses a setting; one that makes no sense has its default.
    pub(super) fn parse<T>(
        &mut self,
        name: &str,
        expected: &str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> T {
        let default = default_of(name);
        if let Some(value) = self.get(name) {
            if let Some(parsed) = parse(&value) {
                return parsed;
            }
            self.refuse(name, &value, expected, default);
        }
        parse(default).expect("every default parses as its own kind")
    }
}
