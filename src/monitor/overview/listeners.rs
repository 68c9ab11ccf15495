//! Ports with the process that listens, its unit or container, and the names behind it.

use std::collections::HashMap;

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Serialize;

use super::containers::RunningContainer;
use super::short;
use super::sites::Sites;
use super::sockets::{Socket, sockets};
use crate::monitor::Sections;

/// The most listeners.
const MOST: usize = 60;
/// The most names of a listener.
const MOST_NAMES: usize = 8;
/// The hexadecimal digits of a container's ID.
const CONTAINER_ID: usize = 64;
/// The digits of one that are shown.
const SHORT_ID: usize = 12;

/// A port on which a server listens.
#[derive(Clone, Debug, Default, Serialize, JsonSchema)]
pub(super) struct Listener {
    pub(super) port: u16,
    pub(super) protocol: &'static str,
    /// None if it listens on all.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) addresses: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) process: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) unit: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) container: Option<String>,
    /// The names that a web server has for it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) names: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) more_names: Option<usize>,
}

/// A container that Traefik gives names, and that has no port of the server.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub(super) struct Routed {
    pub(super) container: String,
    pub(super) names: Vec<String>,
}

/// The listeners by their ports, and the containers that are to be reached by name only.
pub(super) fn listeners(
    sections: &Sections<'_>,
    containers: &[RunningContainer<'_>],
) -> (Vec<Listener>, Vec<Routed>) {
    let all = sockets(sections);
    let mut same = IndexMap::<_, Vec<_>>::new();
    for socket in &all {
        let process = socket.process.as_ref().map(|process| process.name);
        let key = (socket.port, socket.protocol, process);
        same.entry(key).or_default().push(socket);
    }
    let context = SocketContext {
        containers,
        sites: Sites::of(sections),
        groups: control_groups(sections),
    };
    let mut listeners: Vec<_> = same.values().map(|same| context.listener(same)).collect();
    // The kernel passes on a published port where no process of Docker's does.
    for container in containers {
        for (port, protocol) in container.ports().take(MOST) {
            let is_it = |one: &Listener| (one.port, one.protocol) == (port, protocol);
            if !listeners.iter().any(is_it) {
                listeners.push(Listener::of_container(container, port, protocol));
            }
        }
    }
    listeners.sort_by_key(|listener| listener.port);
    let routed = containers.iter().filter(|container| {
        let has_it = |one: &Listener| one.container.as_ref() == Some(&container.name);
        !container.names.is_empty() && !listeners.iter().any(has_it)
    });
    let routed = routed.map(|container| Routed {
        container: container.name.clone(),
        names: bounded(&container.names),
    });
    let routed = routed.take(MOST).collect();
    listeners.truncate(MOST);
    (listeners, routed)
}

/// The facts that tell about the processes that listen.
struct SocketContext<'t> {
    containers: &'t [RunningContainer<'t>],
    sites: Sites<'t>,
    /// The control groups of each process.
    groups: HashMap<&'t str, Vec<&'t str>>,
}

impl SocketContext<'_> {
    /// The listener of sockets that differ in their addresses alone; one at least.
    fn listener(&self, sockets: &[&Socket<'_>]) -> Listener {
        let first = sockets[0];
        let process = first.process.as_ref();
        let groups = process.and_then(|process| self.groups.get(process.id));
        let groups = groups.map(Vec::as_slice).unwrap_or_default();
        let id = groups.iter().find_map(|group| container_id(group));
        let has = |container: &&RunningContainer<'_>| match id {
            Some(id) => container.id == id,
            None => container.has_port(first.port, first.protocol),
        };
        let container = self.containers.iter().find(has);
        let mut names = self.sites.names(first);
        names.extend(container.iter().flat_map(|container| &container.names));
        let container = container.map(|container| container.name.clone());
        let container = container.or_else(|| Some(id?[..SHORT_ID].to_owned()));
        let unit = groups.iter().find_map(|group| unit(group));
        Listener {
            port: first.port,
            protocol: first.protocol,
            addresses: addresses(sockets),
            process: process.map(|process| short(process.name)),
            unit: unit.filter(|_| container.is_none()).map(short),
            container,
            more_names: names.len().checked_sub(MOST_NAMES).filter(|more| *more > 0),
            names: bounded(&names),
        }
    }
}

/// The addresses of sockets; none if one of them listens on all.
fn addresses(sockets: &[&Socket<'_>]) -> Vec<String> {
    let addresses: Option<Vec<_>> = sockets.iter().map(|socket| socket.address).collect();
    let mut addresses: Vec<_> = addresses.unwrap_or_default();
    addresses.dedup();
    addresses.into_iter().take(MOST_NAMES).map(short).collect()
}

/// The first of the names.
fn bounded(names: &[&str]) -> Vec<String> {
    names.iter().take(MOST_NAMES).copied().map(short).collect()
}

/// The control groups of each process, by its ID.
fn control_groups<'t>(sections: &Sections<'t>) -> HashMap<&'t str, Vec<&'t str>> {
    let mut groups = HashMap::<_, Vec<_>>::new();
    for line in sections.lines("cgroups") {
        if let Some((process, group)) = line.split_once(' ') {
            groups.entry(process).or_default().push(group);
        }
    }
    groups
}

/// The ID of the container in a control group's path: `/system.slice/docker-0a1b….scope`, `/docker/0a1b…`.
fn container_id(group: &str) -> Option<&str> {
    let mut words = group.split(|one: char| !one.is_ascii_hexdigit());
    words.find(|word| word.len() == CONTAINER_ID)
}

/// The unit in a control group's path: `/system.slice/nginx.service`.
fn unit(group: &str) -> Option<&str> {
    group.rsplit('/').find(|part| part.ends_with(".service"))
}

impl Listener {
    fn of_container(container: &RunningContainer<'_>, port: u16, protocol: &'static str) -> Self {
        Self {
            port,
            protocol,
            container: Some(container.name.clone()),
            names: bounded(&container.names),
            ..Self::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::monitor::overview::containers::containers;

    fn listed(text: &str) -> Vec<String> {
        let sections = Sections::of(text);
        let (listeners, routed) = listeners(&sections, &containers(&sections));
        let listeners = listeners.into_iter().map(|listener| {
            let behind = [listener.process, listener.unit, listener.container];
            let behind = behind.map(Option::unwrap_or_default).join("/");
            let (addresses, names) = (listener.addresses.join(" "), listener.names.join(" "));
            format!("{} [{addresses}] {behind} {names}", listener.port)
        });
        let routed = routed
            .into_iter()
            .map(|one| format!("{} {}", one.container, one.names.join(" ")));
        listeners.chain(routed).collect()
    }

    #[test]
    fn a_port_has_its_process_its_unit_or_container_and_its_names() {
        let id = "0123456789abcdef".repeat(4);
        let text = format!(
            "@@ ss\n\
             tcp LISTEN 0 511 0.0.0.0:80 0.0.0.0:* users:((\"nginx\",pid=7,fd=6))\n\
             tcp LISTEN 0 511 [::]:80 [::]:* users:((\"nginx\",pid=7,fd=7))\n\
             tcp LISTEN 0 511 127.0.0.1:3000 0.0.0.0:* users:((\"node\",pid=8,fd=7))\n\
             tcp LISTEN 0 511 [::1]:3000 [::]:* users:((\"node\",pid=8,fd=8))\n\
             tcp LISTEN 0 511 0.0.0.0:8080 0.0.0.0:* users:((\"docker-proxy\",pid=9,fd=7))\n\
             tcp LISTEN 0 511 0.0.0.0:9000 0.0.0.0:* users:((\"app\",pid=10,fd=7))\n\
             @@ cgroups\n\
             7 /system.slice/nginx.service\n8 /user.slice/user-1000.slice/user@1000.service/app.slice/shop.service\n\
             9 /system.slice/docker.service\n10 /system.slice/docker-{id}.scope\n\
             @@ containers\n\
             {id}\thost-net\t\t\n1\tpublished\t0.0.0.0:8080->80/tcp\t\n\
             2\tkernel-passed\t0.0.0.0:8443->443/tcp\t `k.example.org`\n3\tby-name\t80/tcp\t `t.example.org`\n\
             @@ sites\nprogram nginx\nsite\nname a.example.org\npass 127.0.0.1:3000\n"
        );
        assert_eq!(
            listed(&text),
            [
                "80 [] nginx/nginx.service/ a.example.org",
                "3000 [127.0.0.1 ::1] node/shop.service/ a.example.org",
                "8080 [] docker-proxy//published ",
                "8443 [] //kernel-passed k.example.org",
                "9000 [] app//host-net ",
                "by-name t.example.org",
            ]
        );
    }

    #[test]
    fn a_container_that_is_not_listed_has_its_id() {
        let id = "fedcba9876543210".repeat(4);
        let text = format!(
            "@@ netstat\ntcp 0 0 0.0.0.0:80 0.0.0.0:* LISTEN 7/app\n@@ cgroups\n7 /docker/{id}\n"
        );
        assert_eq!(listed(&text), ["80 [] app//fedcba987654 "]);
    }
}
