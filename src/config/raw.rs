//! Raw settings in layers. A value that cannot be parsed gives a warning, and the default is used, or the safe
//! side of a setting that protects.

use std::collections::{BTreeSet, HashMap};

use super::origin::SettingOrigin;
use crate::text::misspelt_by;

/// The most letters in which a misspelt name differs. Other programs have variables of a like form.
const MISSPELT: usize = 2;

pub(crate) type Layer = HashMap<String, String>;

/// A variable's value in one layer; `None` if it is empty.
pub(super) fn set_in<'a>(layer: &'a Layer, name: &str) -> Option<&'a str> {
    layer
        .get(name)
        .map(|value| value.trim())
        .filter(|value| !value.is_empty())
}

/// A variable, its default as a user would write it, and the variable for the same in seconds.
pub(super) struct VariableSpec {
    pub(super) name: &'static str,
    pub(super) default: &'static str,
    pub(super) in_seconds: Option<&'static str>,
}

/// The layers, the one with the highest priority first.
pub(super) struct Raw {
    pub(super) layers: Vec<(SettingOrigin, Layer)>,
    pub(super) warnings: Vec<String>,
    /// Variables whose values could not be parsed.
    refused: Vec<String>,
}

impl Raw {
    pub(super) fn new(layers: Vec<(SettingOrigin, Layer)>, warnings: Vec<String>) -> Self {
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

    /// The source of a setting.
    pub(super) fn origin(&self, name: &str) -> SettingOrigin {
        if self.refused.iter().any(|refused| refused == name) {
            return SettingOrigin::Default;
        }
        let mut layers = self.layers.iter();
        let set = layers.find(|(_, layer)| set_in(layer, name).is_some());
        set.map(|(origin, _)| origin.clone()).unwrap_or_default()
    }

    /// The value of `name`, unless a layer of the same or a higher priority has `other`.
    pub(super) fn nearer(&self, name: &str, other: &str) -> Option<String> {
        let mut layers = self.layers.iter().map(|(_, layer)| layer);
        let layer = layers.find(|layer| set_in(layer, other).or(set_in(layer, name)).is_some())?;
        let is_nearer = set_in(layer, other).is_none();
        set_in(layer, name)
            .filter(|_| is_nearer)
            .map(ToOwned::to_owned)
    }

    /// Adds a warning about a value that cannot be parsed.
    pub(super) fn refuse(&mut self, name: &str, value: &str, expected: &str, instead: &str) {
        self.refused.push(name.to_owned());
        self.warnings.push(format!(
            "`{name}` is `{value}`, expected {expected}; using {instead}"
        ));
    }

    /// Parses a setting; takes the default if its value cannot be parsed.
    pub(super) fn parse<T>(
        &mut self,
        variable: &VariableSpec,
        expected: &str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> T {
        self.parse_or(variable, expected, variable.default, parse)
    }

    /// Parses a setting; takes this value if its own cannot be parsed, and the default if it has none.
    pub(super) fn parse_or<T>(
        &mut self,
        VariableSpec { name, default, .. }: &VariableSpec,
        expected: &str,
        instead: &str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> T {
        let mut taken: &str = default;
        if let Some(value) = self.get(name) {
            if let Some(parsed) = parse(&value) {
                return parsed;
            }
            self.refuse(name, &value, expected, instead);
            taken = instead;
        }
        parse(taken).expect("every default parses as its own kind")
    }

    /// Warns of variables that no setting has, but for a letter or two.
    pub(super) fn warn_of_misspelt(&mut self, known: &[&'static str]) {
        let names = self.layers.iter().flat_map(|(_, layer)| layer.keys());
        let unknown: BTreeSet<_> = names
            .filter(|name| !known.contains(&name.as_str()))
            .collect();
        let warnings = unknown.into_iter().filter_map(|name| {
            let meant = misspelt_by(name, known.iter().copied(), |_| MISSPELT)?;
            Some(format!("`{name}` is no variable; did you mean `{meant}`?"))
        });
        let warnings: Vec<_> = warnings.collect();
        self.warnings.extend(warnings);
    }
}
