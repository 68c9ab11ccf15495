//! Containers of Docker or Podman.

use schemars::JsonSchema;
use serde::Serialize;

use super::service::{Service, short};
use crate::monitor::Sections;

/// A container.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Container {
    name: String,
    image: String,
    state: String,
    status: String,
}

/// Parses the containers.
pub(super) fn containers(sections: &Sections<'_>) -> Vec<Container> {
    let lines = sections.lines("docker").iter();
    lines.filter_map(|line| container(line)).collect()
}

fn container(line: &str) -> Option<Container> {
    let mut parts = line.split('\t').map(short);
    Some(Container {
        name: parts.next().filter(|name| !name.is_empty())?,
        image: parts.next()?,
        state: parts.next()?,
        status: parts.next()?,
    })
}

impl Service for Container {
    fn name(&self) -> &str {
        &self.name
    }

    fn states(&self) -> Vec<&str> {
        vec![&self.state]
    }

    fn needs_attention(&self) -> bool {
        let has_failed = self.state == "exited" && !self.status.starts_with("Exited (0)");
        let is_unwell = self.status.contains("(unhealthy)");
        has_failed || is_unwell || ["restarting", "dead", "paused"].contains(&self.state.as_str())
    }

    fn row(&self) -> [String; 5] {
        [
            self.name.clone(),
            self.state.clone(),
            self.status.clone(),
            self.image.clone(),
            String::new(),
        ]
    }
}
