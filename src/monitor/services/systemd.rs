//! Units of systemd.

use std::collections::HashMap;

use schemars::JsonSchema;
use serde::Serialize;

use super::service::{Service, short, text_of_restarts};
use crate::monitor::Sections;

/// A unit of systemd.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct SystemdUnit {
    name: String,
    active: String,
    sub: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    restarts: Option<i64>,
    description: String,
}

/// Parses the units, those left out that others only mention.
pub(super) fn units(sections: &Sections<'_>) -> Vec<SystemdUnit> {
    let restarts = sections.lines("systemd restarts").iter();
    let restarts = restarts.filter_map(|line| line.split_once(' '));
    let restarts: HashMap<_, _> = restarts
        .filter_map(|(name, count)| Some((name.strip_suffix(".service")?, count.parse().ok()?)))
        .collect();
    let lines = sections.lines("systemd").iter();
    let units = lines.filter_map(|line| unit(line, &restarts));
    units.collect()
}

fn unit(line: &str, restarts: &HashMap<&str, i64>) -> Option<SystemdUnit> {
    // A failed unit has a dot before its name.
    let mut words = line
        .split_whitespace()
        .filter(|word| *word != "●" && *word != "*");
    let name = words.next()?.strip_suffix(".service")?;
    let (load, active, sub) = (words.next()?, words.next()?, words.next()?);
    if load == "not-found" {
        return None;
    }
    Some(SystemdUnit {
        name: short(name),
        active: short(active),
        sub: short(sub),
        restarts: restarts.get(name).copied(),
        description: short(&words.collect::<Vec<_>>().join(" ")),
    })
}

impl Service for SystemdUnit {
    fn name(&self) -> &str {
        &self.name
    }

    fn states(&self) -> Vec<&str> {
        vec![&self.active, &self.sub]
    }

    fn needs_attention(&self) -> bool {
        self.active == "failed" || self.sub.starts_with("auto-restart") || self.restarts.is_some()
    }

    fn row(&self) -> [String; 5] {
        [
            self.name.clone(),
            self.active.clone(),
            self.sub.clone(),
            text_of_restarts(self.restarts),
            self.description.clone(),
        ]
    }
}
