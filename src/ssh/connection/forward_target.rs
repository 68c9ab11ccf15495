//! Places that a server forwards connections to and from.

use std::fmt;

/// A place that connections lead to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ForwardTarget {
    /// A port of a host.
    Port {
        /// A name or an address, without brackets.
        host: String,
        /// The port.
        port: u16,
    },
    /// A Unix socket, by its absolute path.
    Socket(String),
}

impl ForwardTarget {
    /// A port of a host.
    pub fn port_of(host: impl Into<String>, port: u16) -> Self {
        let host = host.into();
        Self::Port { host, port }
    }
}

impl fmt::Display for ForwardTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Port { host, port } if host.contains(':') => write!(f, "[{host}]:{port}"),
            Self::Port { host, port } => write!(f, "{host}:{port}"),
            Self::Socket(path) => f.write_str(path),
        }
    }
}
