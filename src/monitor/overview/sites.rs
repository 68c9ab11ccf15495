//! The names that web servers give to ports: to their own, and to those that they pass requests to.

use std::collections::HashMap;
use std::net::IpAddr;

use super::sockets::Socket;
use crate::monitor::Sections;

/// The sites of all web servers, as the script's list has them.
#[derive(Debug, Default)]
pub(super) struct Sites<'t> {
    sites: Vec<Site<'t>>,
    /// The members of nginx's named groups of servers.
    upstreams: HashMap<&'t str, Vec<&'t str>>,
}

#[derive(Debug)]
struct Site<'t> {
    program: &'t str,
    names: Vec<&'t str>,
    /// The ports on which it is served.
    ports: Vec<u16>,
    /// The targets of its requests: `127.0.0.1:3000`, or a group's name.
    passes: Vec<&'t str>,
}

impl<'t> Sites<'t> {
    /// Reads the list: `program nginx`, then for each site `site`, `listen 443`, `name a.example.org`,
    /// `pass 127.0.0.1:3000`, and for each group `upstream app`, `member 127.0.0.1:3000`.
    pub(super) fn of(sections: &Sections<'t>) -> Self {
        let mut sites = Self::default();
        let (mut program, mut upstream) = ("", "");
        for line in sections.lines("sites") {
            let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
            match word {
                "program" => program = rest,
                "upstream" => upstream = rest,
                "member" => sites.upstreams.entry(upstream).or_default().push(rest),
                "site" => sites.sites.push(Site::of(program)),
                _ => {
                    if let Some(site) = sites.sites.last_mut() {
                        site.add(word, rest);
                    }
                }
            }
        }
        sites
    }

    /// The names of a socket, without doubles.
    pub(super) fn names(&self, socket: &Socket<'_>) -> Vec<&'t str> {
        let mut names = Vec::new();
        for site in &self.sites {
            let is_its_own = site.is_served_at(socket);
            if is_its_own || self.passes_to(site, socket) {
                names.extend(&site.names);
            }
        }
        names.sort_unstable();
        names.dedup();
        names
    }

    fn passes_to(&self, site: &Site<'_>, socket: &Socket<'_>) -> bool {
        let leads_there = |address: &&str| is_local(address, socket.port);
        let mut passes = site.passes.iter();
        socket.protocol == "tcp"
            && passes.any(|pass| match self.upstreams.get(pass) {
                Some(members) => members.iter().any(leads_there),
                None => leads_there(pass),
            })
    }
}

impl<'t> Site<'t> {
    fn of(program: &'t str) -> Self {
        Self {
            program,
            names: Vec::new(),
            ports: Vec::new(),
            passes: Vec::new(),
        }
    }

    fn add(&mut self, word: &str, rest: &'t str) {
        match word {
            "listen" => self.ports.extend(port(rest)),
            "pass" => self.passes.push(rest),
            "name" => {
                let words = rest.split([' ', ',', '\t']).filter(|word| !word.is_empty());
                words.for_each(|word| self.add_name(word));
            }
            _ => {}
        }
    }

    /// Adds a name; in Caddy's form `https://a.example.org:8443` a port, too.
    fn add_name(&mut self, word: &'t str) {
        let address = word.split_once("://").map_or(word, |(_, address)| address);
        let (name, port): (_, Option<u16>) = match address.rsplit_once(':') {
            Some((name, port)) => (name, port.parse().ok()),
            None => (address, None),
        };
        self.ports.extend(port);
        if name.contains('.') && !name.contains(['~', '{', '(', '/']) {
            self.names.push(name);
        }
    }

    fn is_served_at(&self, socket: &Socket<'_>) -> bool {
        let defaults: &[u16] = match self.program {
            "caddy" => &[80, 443],
            _ => &[80],
        };
        let ports = if self.ports.is_empty() {
            defaults
        } else {
            &self.ports
        };
        let is_its_process = |name: &str| match self.program {
            "apache" => ["apache2", "httpd"].contains(&name),
            program => program == name,
        };
        let process = socket.process.as_ref();
        socket.protocol == "tcp"
            && ports.contains(&socket.port)
            && process.is_none_or(|process| is_its_process(process.name))
    }
}

/// The port of `443`, `[::]:443` or `*:443`; nginx takes an address alone, too.
fn port(listen: &str) -> Option<u16> {
    let port = listen.rsplit(':').next()?;
    port.parse().ok()
}

/// Returns whether an address is this port of the server itself.
fn is_local(address: &str, port: u16) -> bool {
    let (host, found) = match address.rsplit_once(':') {
        Some((host, found)) => (host, found.parse().ok()),
        None => (address, Some(80)),
    };
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let is_own = match host.parse::<IpAddr>() {
        Ok(host) => host.is_loopback() || host.is_unspecified(),
        Err(_) => host == "localhost",
    };
    is_own && found == Some(port)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::monitor::overview::sockets::Process;

    /// As the script lists them, run on configurations of each web server.
    const LISTED: &str = "@@ sites
program nginx
upstream app
member 127.0.0.1:3000
member 192.0.2.7:3000
site
listen 80
listen [::]:80
listen 443
name shop.example.org www.example.org
pass app
pass 127.0.0.1:4000
site
listen 8080
name _ blog.example.org ~^(.+)$
pass unix:
program caddy
site
name (common)
site
name  api.example.org, http://old.example.org:8081
pass localhost:5000
site
name third.example.org
program apache
site
listen *:80
name intranet.example.org
pass 127.0.0.1:6000
";

    fn names(process: Option<&str>, port: u16) -> String {
        let socket = Socket {
            protocol: "tcp",
            address: None,
            port,
            process: process.map(|name| Process { name, id: "1" }),
        };
        let sections = Sections::of(LISTED);
        Sites::of(&sections).names(&socket).join(" ")
    }

    #[test]
    fn ports_have_the_names_of_their_web_server_and_of_those_that_pass_to_them() {
        let shop = "shop.example.org www.example.org";
        for (process, port, named) in [
            (Some("nginx"), 443, shop),
            (Some("node"), 3000, shop),
            (None, 4000, shop),
            (Some("nginx"), 8080, "blog.example.org"),
            (Some("node"), 8080, ""),
            (Some("caddy"), 8081, "api.example.org old.example.org"),
            (Some("caddy"), 80, "third.example.org"),
            (Some("gunicorn"), 5000, "api.example.org old.example.org"),
            (Some("apache2"), 80, "intranet.example.org"),
            (Some("java"), 6000, "intranet.example.org"),
            (Some("sshd"), 22, ""),
        ] {
            assert_eq!(names(process, port), named, "{process:?} {port}");
        }
        // Another server's port is none of this one's.
        assert!(is_local("[::1]:80", 80) && is_local("localhost", 80));
        assert!(!is_local("192.0.2.7:3000", 3000) && !is_local("unix:", 80));
    }
}
