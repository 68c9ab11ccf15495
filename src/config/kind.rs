//! Kinds of settings. Each kind parses its settings, names their format, and shows their values.

use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Value, json};
use tracing::Level;

use super::parse_seconds;
use super::raw::{Raw, VariableSpec};
use super::structured::Structured;
use super::toolset::Toolset;
use crate::fs::expand_home;
use crate::host_key::HostKeyPolicy;
use crate::secret::Secret;
use crate::time::millis;

/// A kind of setting.
pub(super) trait SettingKind {
    /// The type of the field in [`super::Config`].
    type FieldType;
    /// Its format in the MCP registry's schema of `server.json`.
    const FORMAT: &'static str;
    /// The possible values, if there are few.
    const CHOICES: &'static [&'static str] = &[];
    /// Set if the value is never shown.
    const IS_SECRET: bool = false;

    /// Reads the setting, or takes its default.
    fn read(raw: &mut Raw, variable: &VariableSpec) -> Self::FieldType;
    /// The value to show, durations in milliseconds with 0 for none; `None` for a secret.
    fn show(value: &Self::FieldType) -> Option<Value>;
}

/// A directory.
pub(super) struct Directory;

impl SettingKind for Directory {
    type FieldType = PathBuf;
    const FORMAT: &'static str = "filepath";

    fn read(raw: &mut Raw, variable: &VariableSpec) -> PathBuf {
        raw.parse(variable, "a directory", |text| Some(expand_home(text)))
    }

    fn show(value: &PathBuf) -> Option<Value> {
        Some(json!(value))
    }
}

/// A positive number of seconds, which may have a fraction.
pub(super) struct PositiveSeconds;

impl SettingKind for PositiveSeconds {
    type FieldType = Duration;
    const FORMAT: &'static str = "number";

    fn read(raw: &mut Raw, variable: &VariableSpec) -> Duration {
        raw.parse(variable, "a number of seconds above 0", parse_seconds)
    }

    fn show(value: &Duration) -> Option<Value> {
        Some(millis(*value).into())
    }
}

/// Seconds between samples of servers; 0 is none by itself.
pub(super) struct SamplePeriod;

impl SettingKind for SamplePeriod {
    type FieldType = Option<Duration>;
    const FORMAT: &'static str = "number";

    fn read(raw: &mut Raw, variable: &VariableSpec) -> Option<Duration> {
        let period = raw.parse(variable, "0, or seconds from 60 to 86400", |text| {
            let seconds = text.parse().ok();
            seconds.filter(|seconds| matches!(seconds, 0 | 60..=86_400))
        });
        (period > 0).then(|| Duration::from_secs(period))
    }

    fn show(value: &Option<Duration>) -> Option<Value> {
        Some(millis(value.unwrap_or_default()).into())
    }
}

/// Milliseconds, at least `LEAST`.
pub(super) struct Millis<const LEAST: u64>;

impl<const LEAST: u64> SettingKind for Millis<LEAST> {
    type FieldType = Duration;
    const FORMAT: &'static str = "number";

    fn read(raw: &mut Raw, variable: &VariableSpec) -> Duration {
        Duration::from_millis(IntegerFrom::<LEAST>::read(raw, variable))
    }

    fn show(value: &Duration) -> Option<Value> {
        Some(millis(*value).into())
    }
}

/// Milliseconds, or seconds in a second variable; the first layer that sets one of the two counts. 0 is no
/// timeout.
pub(super) struct Timeout;

impl SettingKind for Timeout {
    type FieldType = Option<Duration>;
    const FORMAT: &'static str = "number";

    fn read(raw: &mut Raw, variable: &VariableSpec) -> Option<Duration> {
        let in_seconds = variable.in_seconds.and_then(|seconds| {
            let value = raw.nearer(seconds, variable.name)?;
            Some((seconds, value))
        });
        if let Some((seconds, value)) = in_seconds {
            let number = value.parse().ok();
            if let Some(duration) = number.and_then(|n| Duration::try_from_secs_f64(n).ok()) {
                return Some(duration).filter(|duration| !duration.is_zero());
            }
            let instead = format!("{} ms", variable.default);
            raw.refuse(seconds, &value, "a number of seconds", &instead);
        }
        let timeout = Millis::<0>::read(raw, variable);
        Some(timeout).filter(|timeout| !timeout.is_zero())
    }

    fn show(value: &Option<Duration>) -> Option<Value> {
        Some(millis(value.unwrap_or_default()).into())
    }
}

/// A text.
pub(super) struct PlainText;

impl SettingKind for PlainText {
    type FieldType = Option<String>;
    const FORMAT: &'static str = "string";

    fn read(raw: &mut Raw, variable: &VariableSpec) -> Option<String> {
        raw.get(variable.name)
    }

    fn show(value: &Option<String>) -> Option<Value> {
        value.as_deref().map(Value::from)
    }
}

/// A whole number, at least `LEAST`.
pub(super) struct IntegerFrom<const LEAST: u64>;

impl<const LEAST: u64> SettingKind for IntegerFrom<LEAST> {
    type FieldType = u64;
    const FORMAT: &'static str = "number";

    fn read(raw: &mut Raw, variable: &VariableSpec) -> u64 {
        let expected = format!("a whole number, at least {LEAST}");
        raw.parse(variable, &expected, |text| {
            text.parse().ok().filter(|number| *number >= LEAST)
        })
    }

    fn show(value: &u64) -> Option<Value> {
        Some((*value).into())
    }
}

/// A number of items, at least `LEAST`.
pub(super) struct ItemCount<const LEAST: u64>;

impl<const LEAST: u64> SettingKind for ItemCount<LEAST> {
    type FieldType = usize;
    const FORMAT: &'static str = "number";

    fn read(raw: &mut Raw, variable: &VariableSpec) -> usize {
        usize::try_from(IntegerFrom::<LEAST>::read(raw, variable)).unwrap_or(usize::MAX)
    }

    fn show(value: &usize) -> Option<Value> {
        Some((*value).into())
    }
}

/// True or false.
pub(super) struct Boolean;

impl SettingKind for Boolean {
    type FieldType = bool;
    const FORMAT: &'static str = "boolean";

    fn read(raw: &mut Raw, variable: &VariableSpec) -> bool {
        raw.parse(variable, TRUE_OR_FALSE, parse_boolean)
    }

    fn show(value: &bool) -> Option<Value> {
        Some((*value).into())
    }
}

/// True or false, where true protects: what cannot be understood is taken for it.
pub(super) struct Protection;

impl SettingKind for Protection {
    type FieldType = bool;
    const FORMAT: &'static str = Boolean::FORMAT;

    fn read(raw: &mut Raw, variable: &VariableSpec) -> bool {
        raw.parse_or(variable, TRUE_OR_FALSE, "true", parse_boolean)
    }

    fn show(value: &bool) -> Option<Value> {
        Boolean::show(value)
    }
}

const TRUE_OR_FALSE: &str = "true or false";

fn parse_boolean(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" | "on" => Some(true),
        "false" | "0" | "no" | "off" => Some(false),
        _ => None,
    }
}

/// A policy for unknown host keys. One that cannot be understood is taken for the strict one.
pub(super) struct HostKeyChoice;

impl SettingKind for HostKeyChoice {
    type FieldType = HostKeyPolicy;
    const FORMAT: &'static str = "string";
    const CHOICES: &'static [&'static str] = &["accept-new", "strict"];

    fn read(raw: &mut Raw, variable: &VariableSpec) -> HostKeyPolicy {
        let expected = "accept-new or strict";
        raw.parse_or(variable, expected, "strict", HostKeyPolicy::parse)
    }

    fn show(value: &HostKeyPolicy) -> Option<Value> {
        Some(json!(value))
    }
}

/// A choice of the answers that carry structured content.
pub(super) struct StructuredChoice;

impl SettingKind for StructuredChoice {
    type FieldType = Structured;
    const FORMAT: &'static str = "string";
    const CHOICES: &'static [&'static str] = &["auto", "always", "never"];

    fn read(raw: &mut Raw, variable: &VariableSpec) -> Structured {
        raw.parse(variable, "auto, always or never", Structured::parse)
    }

    fn show(value: &Structured) -> Option<Value> {
        Some(json!(value))
    }
}

/// A log level.
pub(super) struct LogLevel;

impl SettingKind for LogLevel {
    type FieldType = Level;
    const FORMAT: &'static str = "string";
    const CHOICES: &'static [&'static str] = &["error", "warn", "info", "debug"];

    fn read(raw: &mut Raw, variable: &VariableSpec) -> Level {
        raw.parse(variable, "error, warn, info or debug", |text| {
            match text.to_ascii_lowercase().as_str() {
                "error" => Some(Level::ERROR),
                "warn" => Some(Level::WARN),
                "info" => Some(Level::INFO),
                "debug" => Some(Level::DEBUG),
                _ => None,
            }
        })
    }

    fn show(value: &Level) -> Option<Value> {
        Some(value.to_string().to_lowercase().into())
    }
}

/// Toolsets, separated by commas.
pub(super) struct Toolsets;

impl SettingKind for Toolsets {
    type FieldType = Vec<Toolset>;
    const FORMAT: &'static str = "string";

    fn read(raw: &mut Raw, variable: &VariableSpec) -> Vec<Toolset> {
        let expected = format!(
            "all, or some of {}",
            Toolset::ALL.map(Toolset::name).join(", ")
        );
        raw.parse(variable, &expected, Toolset::parse_list)
    }

    fn show(value: &Vec<Toolset>) -> Option<Value> {
        let names = value.iter().map(|toolset| toolset.name());
        Some(names.collect())
    }
}

/// Directories, separated as in `PATH` or by commas, as the original does.
pub(super) struct Directories;

impl SettingKind for Directories {
    type FieldType = Vec<PathBuf>;
    const FORMAT: &'static str = "string";

    fn read(raw: &mut Raw, variable: &VariableSpec) -> Vec<PathBuf> {
        let value = raw.get(variable.name).unwrap_or_default();
        let found: Vec<_> = separate(&value);
        for path in &found {
            let text = path.to_string_lossy();
            if text.starts_with(['~', '$', '%']) {
                raw.warnings.push(format!(
                    "`{}` has `{text}`, which nothing expands; write the path out, for nothing lies there",
                    variable.name
                ));
            }
        }
        found
    }

    fn show(value: &Vec<PathBuf>) -> Option<Value> {
        Some(json!(value))
    }
}

fn separate(value: &str) -> Vec<PathBuf> {
    let mut found: Vec<String> = Vec::new();
    for path in std::env::split_paths(value) {
        let text = path.to_string_lossy();
        for (count, part) in text.split(',').enumerate() {
            match found.last_mut() {
                // A directory's name may contain a comma.
                Some(last) if count > 0 && !expand_home(part.trim()).is_absolute() => {
                    last.extend([",", part]);
                }
                _ => found.push(part.trim().to_owned()),
            }
        }
    }
    let found = found.iter().map(|path| path.trim_end_matches(','));
    let found = found.filter(|path| !path.is_empty());
    found.map(expand_home).collect()
}

/// A secret, which is never shown.
pub(super) struct SecretText;

impl SettingKind for SecretText {
    type FieldType = Option<Secret>;
    const FORMAT: &'static str = "string";
    const IS_SECRET: bool = true;

    fn read(raw: &mut Raw, variable: &VariableSpec) -> Option<Secret> {
        raw.get(variable.name)
            .map(|value| Secret::from(value.as_str()))
    }

    fn show(_: &Option<Secret>) -> Option<Value> {
        None
    }
}
