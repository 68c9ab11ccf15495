//! The sockets that listen, as ss and netstat (Linux), sockstat (FreeBSD) or lsof (macOS) lists them.

use std::net::IpAddr;

use crate::monitor::Sections;

/// A socket that listens.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Socket<'t> {
    /// `tcp` or `udp`.
    pub(super) protocol: &'static str,
    /// The address; `None` for all of the server's.
    pub(super) address: Option<&'t str>,
    pub(super) port: u16,
    /// The process, where it could be seen. Its arguments may hold secrets, and are not asked for.
    pub(super) process: Option<Process<'t>>,
}

/// The name of a process, and its ID.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Process<'t> {
    pub(super) name: &'t str,
    pub(super) id: &'t str,
}

/// The programs that list sockets, each with the parser of its lines.
const PROGRAMS: [(&str, SocketParser); 4] = [
    ("ss", of_ss),
    ("netstat", of_netstat),
    ("sockstat", of_sockstat),
    ("lsof", of_lsof),
];

/// Parses a line; `None` for a heading.
type SocketParser = fn(&str) -> Option<Socket<'_>>;

/// The sockets, in the order of the list.
pub(super) fn sockets<'t>(sections: &Sections<'t>) -> Vec<Socket<'t>> {
    let sockets = PROGRAMS.iter().flat_map(|(program, parse)| {
        let lines = sections.lines(program).iter();
        lines.filter_map(|line| parse(line))
    });
    sockets.collect()
}

/// `tcp LISTEN 0 128 0.0.0.0:22 0.0.0.0:* users:(("sshd",pid=812,fd=3))`
fn of_ss(line: &str) -> Option<Socket<'_>> {
    let mut words = line.split_whitespace();
    let (protocol, local) = (words.next()?, words.nth(3)?);
    let process = line.split_once("((\"").and_then(|(_, process)| {
        let (name, rest) = process.split_once("\",pid=")?;
        let id = rest.split(',').next()?;
        Some(Process { name, id })
    });
    Socket::of(protocol, local, process)
}

/// `tcp 0 0 0.0.0.0:22 0.0.0.0:* LISTEN 812/sshd`, and without a state for UDP.
fn of_netstat(line: &str) -> Option<Socket<'_>> {
    let mut words = line.split_whitespace();
    let (protocol, local) = (words.next()?, words.nth(2)?);
    let mut rest = words.skip(1);
    let process = rest.find_map(|word| word.split_once('/'));
    let process = process.map(|(id, name)| Process {
        name: name.trim_end_matches(':'),
        id,
    });
    Socket::of(protocol, local, process)
}

/// `root sshd 812 4 tcp4 *:22 *:*`
fn of_sockstat(line: &str) -> Option<Socket<'_>> {
    let words: Vec<_> = line.split_whitespace().collect();
    let [_, name, id, _, protocol, local, ..] = words.as_slice() else {
        return None;
    };
    Socket::of(protocol, local, Some(Process { name, id }))
}

/// `sshd 812 root 3u IPv4 0x1f 0t0 TCP *:22 (LISTEN)`
fn of_lsof(line: &str) -> Option<Socket<'_>> {
    let words: Vec<_> = line.split_whitespace().collect();
    let [name, id, .., protocol, local, "(LISTEN)"] = words.as_slice() else {
        return None;
    };
    Socket::of(protocol, local, Some(Process { name, id }))
}

impl<'t> Socket<'t> {
    fn of(protocol: &str, local: &'t str, process: Option<Process<'t>>) -> Option<Self> {
        let protocol = match protocol.to_ascii_lowercase().get(..3)? {
            "tcp" => "tcp",
            "udp" => "udp",
            _ => return None,
        };
        let (address, port) = local.rsplit_once(':')?;
        let address = address.trim_start_matches('[').trim_end_matches(']');
        let address = address.split('%').next().unwrap_or(address);
        let is_any = |address: &str| match address.parse::<IpAddr>() {
            Ok(address) => address.is_unspecified(),
            Err(_) => address == "*",
        };
        Some(Self {
            protocol,
            address: Some(address).filter(|address| !is_any(address)),
            port: port.parse().ok()?,
            process,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(program: &str, lines: &str) -> Vec<String> {
        let text = format!("@@ {program}\n{lines}");
        let sections = Sections::of(&text);
        let sockets = sockets(&sections).into_iter();
        let sockets = sockets.map(|socket| {
            let process = socket
                .process
                .map(|process| format!("{}={}", process.name, process.id));
            let Socket {
                protocol,
                address,
                port,
                ..
            } = socket;
            format!(
                "{protocol} {} {port} {}",
                address.unwrap_or("*"),
                process.unwrap_or_default()
            )
        });
        sockets.collect()
    }

    #[test]
    fn each_program_s_list_is_read() {
        let ss = "Netid State  Recv-Q Send-Q Local Address:Port  Peer Address:PortProcess\n\
            udp   UNCONN 0      0      127.0.0.53%lo:53         0.0.0.0:*    users:((\"systemd-resolve\",pid=5,fd=13))\n\
            tcp   LISTEN 0      511             [::]:443           [::]:*    users:((\"nginx\",pid=7,fd=6),(\"nginx\",pid=8,fd=6))\n\
            tcp   LISTEN 0      128          0.0.0.0:22         0.0.0.0:*\n";
        assert_eq!(
            listed("ss", ss),
            [
                "udp 127.0.0.53 53 systemd-resolve=5",
                "tcp * 443 nginx=7",
                "tcp * 22 "
            ]
        );
        let netstat = "Active Internet connections (only servers)\n\
            Proto Recv-Q Send-Q Local Address           Foreign Address         State       PID/Program name\n\
            tcp        0      0 127.0.0.1:3000          0.0.0.0:*               LISTEN      77/node\n\
            tcp        0      0 :::80                   :::*                    LISTEN      7/nginx: master pro\n\
            tcp        0      0 0.0.0.0:22              0.0.0.0:*               LISTEN      -\n\
            udp        0      0 0.0.0.0:68              0.0.0.0:*                           9/udhcpc\n";
        assert_eq!(
            listed("netstat", netstat),
            [
                "tcp 127.0.0.1 3000 node=77",
                "tcp * 80 nginx=7",
                "tcp * 22 ",
                "udp * 68 udhcpc=9"
            ]
        );
        let sockstat = "USER     COMMAND    PID   FD PROTO  LOCAL ADDRESS         FOREIGN ADDRESS\n\
            root     sshd       812   4  tcp4   *:22                  *:*\n\
            www      nginx      900   6  tcp6   ::1:80                *:*\n";
        assert_eq!(
            listed("sockstat", sockstat),
            ["tcp * 22 sshd=812", "tcp ::1 80 nginx=900"]
        );
        let lsof = "COMMAND   PID USER   FD   TYPE DEVICE SIZE/OFF NODE NAME\n\
            postgres  501 ada     7u  IPv6 0x1f         0t0  TCP [::1]:5432 (LISTEN)\n\
            ControlCe 502 ada     9u  IPv4 0x2f         0t0  TCP *:7000 (LISTEN)\n";
        assert_eq!(
            listed("lsof", lsof),
            ["tcp ::1 5432 postgres=501", "tcp * 7000 ControlCe=502"]
        );
    }
}
