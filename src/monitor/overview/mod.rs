//! One screen of a server: its system, its resources, who uses it, what has failed, and what listens.
//!
//! It was run on Debian, with procps and iproute2 and with the programs of Busybox. The parsers of what FreeBSD and
//! macOS print, and of Apache's, Caddy's, nginx's and Docker's, go by their documentation.
//!
//! | module | what it is |
//! |---|---|
//! | `system` | the system, its packages, a reboot that is due, who is logged in |
//! | `sockets` | the sockets that listen, as ss, netstat, sockstat or lsof lists them |
//! | `containers` | running containers, their ports, and the names that Traefik routes to them |
//! | `sites` | the names that web servers give to ports |
//! | `listeners` | ports with the process, the unit or container, and the names behind them |
//! | `text` | all of it for people |
//! | `recent` | the overviews of the last minutes |

mod containers;
mod listeners;
mod recent;
mod sites;
mod sockets;
mod system;
mod text;

use schemars::JsonSchema;
use serde::Serialize;

use super::Sections;
use super::resources::{self, Resources};
use listeners::{Listener, Routed};
pub use recent::RecentOverviews;
use system::{Packages, User};

const SCRIPT: &str = concat!(
    include_str!("../resources.sh"),
    include_str!("../further.sh"),
    include_str!("../containers.sh"),
    include_str!("../overview.sh")
);

/// The longest text from a server that is shown as one.
const LONGEST_TEXT: usize = 120;

/// An overview of a server.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Overview {
    hostname: String,
    system: String,
    kernel: String,
    #[serde(flatten)]
    resources: Resources,
    users: Vec<User>,
    /// Left out where there is no systemd.
    #[serde(skip_serializing_if = "Option::is_none")]
    failed_units: Option<Vec<String>>,
    /// The reason for a reboot that is due.
    #[serde(skip_serializing_if = "Option::is_none")]
    reboot_needed: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    packages: Option<Packages>,
    listeners: Vec<Listener>,
    /// Containers that have a name and no port of the server.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    routed_containers: Vec<Routed>,
    /// Set if the processes of other users could not be seen.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    sees_own_processes_only: bool,
    /// The seconds since the server was asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    age_seconds: Option<u64>,
}

/// The command of the probe, without comments and indentation: up to some length it is sent as a command line, at
/// the cost of one round trip.
pub fn command() -> String {
    let lines = SCRIPT.lines().map(str::trim_start);
    let lines: Vec<_> = lines.filter(|line| !line.starts_with('#')).collect();
    lines.join("\n")
}

/// Parses the output of the command; `None` if it is of no known system.
pub fn parse(text: &str) -> Option<Overview> {
    let resources = resources::parse(text)?;
    let sections = &Sections::of(text);
    let containers = containers::containers(sections);
    let (listeners, routed_containers) = listeners::listeners(sections, &containers);
    Some(Overview {
        hostname: first_line(sections, "hostname"),
        system: system::name(sections),
        kernel: first_line(sections, "kernel"),
        resources,
        users: system::users(sections),
        failed_units: system::failed_units(sections),
        reboot_needed: system::reboot_needed(sections),
        packages: system::packages(sections),
        listeners,
        routed_containers,
        sees_own_processes_only: sections.has("unprivileged"),
        age_seconds: None,
    })
}

fn first_line(sections: &Sections<'_>, name: &str) -> String {
    let line = sections.lines(name).first().copied();
    short(line.unwrap_or_default())
}

/// A text as it is shown: what a server says has no bounds.
fn short(text: &str) -> String {
    crate::text::beginning(text.trim(), LONGEST_TEXT).into_owned()
}

#[cfg(test)]
mod tests;
