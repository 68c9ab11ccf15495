//! Processes of PM2.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use super::service::{Service, short, text_of_restarts};
use crate::monitor::{Sections, human};

/// A process of PM2.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Pm2Process {
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pid: Option<i64>,
    status: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    restarts: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    memory_bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cpu_percent: Option<f64>,
    /// The time of its start, in milliseconds since the Unix epoch.
    #[serde(skip_serializing_if = "Option::is_none")]
    started: Option<u64>,
}

/// Parses the processes; `None` if there is no list.
pub(super) fn processes(sections: &Sections<'_>) -> Option<Vec<Pm2Process>> {
    let lines = sections.lines("pm2").iter();
    let list = lines.rev().find(|line| line.starts_with('['))?;
    let list: Vec<Value> = serde_json::from_str(list).ok()?;
    Some(list.iter().map(process).collect())
}

fn process(value: &Value) -> Pm2Process {
    let environment = &value["pm2_env"];
    Pm2Process {
        name: short(value["name"].as_str().unwrap_or_default()),
        id: value["pm_id"].as_i64(),
        pid: value["pid"].as_i64(),
        status: short(environment["status"].as_str().unwrap_or("unknown")),
        restarts: environment["restart_time"].as_i64(),
        memory_bytes: value["monit"]["memory"].as_u64(),
        cpu_percent: value["monit"]["cpu"].as_f64(),
        started: environment["pm_uptime"].as_u64(),
    }
}

impl Service for Pm2Process {
    fn name(&self) -> &str {
        &self.name
    }

    fn states(&self) -> Vec<&str> {
        vec![&self.status]
    }

    fn needs_attention(&self) -> bool {
        let is_well = ["online", "stopped"].contains(&self.status.as_str());
        !is_well || self.restarts.is_some_and(|restarts| restarts > 0)
    }

    fn row(&self) -> [String; 5] {
        let cpu = self.cpu_percent.map(|percent| format!("{percent} % CPU"));
        [
            self.name.clone(),
            self.status.clone(),
            text_of_restarts(self.restarts),
            self.memory_bytes.map(human).unwrap_or_default(),
            cpu.unwrap_or_default(),
        ]
    }
}
