//! Running containers, the server's ports that they have, and the names that Traefik routes to them.

use std::ops::RangeInclusive;

use super::short;
use crate::monitor::Sections;

/// A running container.
#[derive(Debug)]
pub(super) struct RunningContainer<'t> {
    pub(super) id: &'t str,
    pub(super) name: String,
    published: Vec<(RangeInclusive<u16>, &'static str)>,
    /// The names of its routes.
    pub(super) names: Vec<&'t str>,
}

/// The containers, in the order of the list.
pub(super) fn containers<'t>(sections: &Sections<'t>) -> Vec<RunningContainer<'t>> {
    let lines = sections.lines("containers").iter();
    lines
        .filter_map(|line| RunningContainer::parse(line))
        .collect()
}

impl<'t> RunningContainer<'t> {
    fn parse(line: &'t str) -> Option<Self> {
        let mut cells = line.split('\t');
        let (id, name, ports) = (cells.next()?, cells.next()?, cells.next()?);
        let names = cells.next().unwrap_or_default();
        let names = names.split(|one: char| "`'\", ".contains(one));
        Some(Self {
            id,
            name: short(name),
            published: ports.split(", ").filter_map(published).collect(),
            names: names.filter(|name| !name.is_empty()).collect(),
        })
    }

    /// Returns whether the container has this port of the server.
    pub(super) fn has_port(&self, port: u16, protocol: &str) -> bool {
        let mut published = self.published.iter();
        published.any(|(ports, of)| *of == protocol && ports.contains(&port))
    }

    /// The server's ports that it has.
    pub(super) fn ports(&self) -> impl Iterator<Item = (u16, &'static str)> {
        let published = self.published.iter();
        published.flat_map(|(ports, protocol)| ports.clone().map(|port| (port, *protocol)))
    }
}

/// The server's ports in `0.0.0.0:8000-8001->80-81/tcp`; `None` in `80/tcp`.
fn published(text: &str) -> Option<(RangeInclusive<u16>, &'static str)> {
    let (host, inside) = text.split_once("->")?;
    let protocol = if inside.ends_with("/udp") {
        "udp"
    } else {
        "tcp"
    };
    let (_, ports) = host.rsplit_once(':')?;
    let (first, last) = ports.split_once('-').unwrap_or((ports, ports));
    Some((first.parse().ok()?..=last.parse().ok()?, protocol))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_and_routes_are_read() {
        let text = "@@ containers\n0a1b\tshop\t0.0.0.0:8080->80/tcp, [::]:8080->80/tcp, 9000/tcp\t `a.example.org`, `b.example.org`\n\
            2c3d\tdns\t0.0.0.0:5300-5301->53-54/udp\t\nnot a container\n";
        let containers = containers(&Sections::of(text));
        let [shop, dns] = containers.as_slice() else {
            panic!("{containers:?}");
        };
        assert_eq!(shop.names, ["a.example.org", "b.example.org"]);
        assert!(shop.has_port(8080, "tcp") && !shop.has_port(9000, "tcp"));
        assert_eq!(
            dns.ports().collect::<Vec<_>>(),
            [(5300, "udp"), (5301, "udp")]
        );
    }
}
