//! The request for a tunnel, as a caller writes it.

use std::net::IpAddr;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::ssh::ForwardTarget;

/// The side that listens, and for what.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum TunnelDirection {
    /// This machine listens, for one place that the server reaches.
    #[default]
    Local,
    /// The server listens, for one place on this machine.
    Remote,
    /// This machine listens as a SOCKS5 proxy (RFC 1928), for any place that the server reaches.
    Socks,
}

/// A tunnel that is asked for.
#[derive(Clone, Debug)]
pub struct TunnelRequest {
    /// The server.
    pub alias: String,
    /// The side that listens.
    pub direction: TunnelDirection,
    /// The place that it leads to; none of a proxy.
    pub to: Option<ForwardTarget>,
    /// The place that listens. Port 0 is any free one.
    pub listen: ForwardTarget,
    /// The time after which it ends.
    pub ttl: Duration,
}

const LOOPBACK: &str = "127.0.0.1";
const HOUR: Duration = Duration::from_secs(3600);
const LONGEST: Duration = Duration::from_secs(7 * 24 * 3600);

impl TunnelRequest {
    /// Checks and completes what a caller has given.
    pub fn new(
        alias: String,
        direction: TunnelDirection,
        to: Option<&str>,
        listen: Option<&str>,
        ttl: Option<Duration>,
    ) -> Result<Self, Error> {
        let to = to.map(|to| place("to", to)).transpose()?;
        let listen = listen.map(|listen| place("listen", listen)).transpose()?;
        let listen = listen.unwrap_or_else(|| ForwardTarget::port_of(LOOPBACK, 0));
        check_loopback("listen", &listen)?;
        match (direction, &to) {
            (TunnelDirection::Socks, Some(_)) => {
                return Err(Error::invalid(
                    "to",
                    "is not for direction: socks, whose clients say it",
                ));
            }
            (TunnelDirection::Local | TunnelDirection::Remote, None) => {
                return Err(Error::invalid(
                    "to",
                    "is missing: host:port, or the path of a socket",
                ));
            }
            (TunnelDirection::Remote, Some(to)) => check_loopback("to", to)?,
            _ => {}
        }
        if direction != TunnelDirection::Remote && matches!(listen, ForwardTarget::Socket(_)) {
            let problem = "has to be a port of this machine: 8080, or 127.0.0.1:8080";
            return Err(Error::invalid("listen", problem));
        }
        let ttl = ttl.unwrap_or(HOUR);
        if ttl.is_zero() || ttl > LONGEST {
            let problem = format!("has to be from 1 to {} seconds", LONGEST.as_secs());
            return Err(Error::invalid("ttl", problem));
        }
        Ok(Self {
            alias,
            direction,
            to,
            listen,
            ttl,
        })
    }
}

/// Parses `host:port`, a port of the loopback alone, or a socket's absolute path.
fn place(parameter: &str, text: &str) -> Result<ForwardTarget, Error> {
    let text = text.trim();
    if text.starts_with('/') && !text.starts_with("//") {
        return Ok(ForwardTarget::Socket(text.to_owned()));
    }
    let (host, port) = text.rsplit_once(':').unwrap_or((LOOPBACK, text));
    let bare = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'));
    let is_host = |host: &str| {
        let is_odd = |character: char| character.is_whitespace() || "/@[]".contains(character);
        !host.is_empty() && !host.contains(is_odd)
    };
    let is_clear = bare.is_some() || !host.contains(':');
    match (bare.unwrap_or(host), port.parse()) {
        (host, Ok(port)) if is_clear && is_host(host) => Ok(ForwardTarget::port_of(host, port)),
        _ => {
            let problem = format!(
                "is `{text}`; expected host:port such as 127.0.0.1:5432, [::1]:5432, or a socket's absolute path"
            );
            Err(Error::invalid(parameter, problem))
        }
    }
}

/// Refuses a place that others than this machine, or than the server itself, can reach.
fn check_loopback(parameter: &str, place: &ForwardTarget) -> Result<(), Error> {
    let ForwardTarget::Port { host, .. } = place else {
        return Ok(());
    };
    let is_address = host
        .parse()
        .is_ok_and(|address: IpAddr| address.is_loopback());
    if is_address || host == "localhost" {
        return Ok(());
    }
    let problem = format!("is `{place}`; it has to be on the loopback, such as 127.0.0.1:8080");
    Err(Error::invalid(parameter, problem))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(
        direction: TunnelDirection,
        to: Option<&str>,
        listen: Option<&str>,
    ) -> Result<TunnelRequest, Error> {
        TunnelRequest::new("web1".to_owned(), direction, to, listen, None)
    }

    #[test]
    fn places_are_read_as_people_write_them() {
        for (text, meant) in [
            ("5432", "127.0.0.1:5432"),
            ("db.internal:5432", "db.internal:5432"),
            ("[::1]:80", "[::1]:80"),
            ("/run/x.sock", "/run/x.sock"),
        ] {
            let request = request(TunnelDirection::Local, Some(text), None).unwrap();
            assert_eq!(request.to.unwrap().to_string(), meant);
            assert_eq!(request.listen.to_string(), "127.0.0.1:0");
        }
        for text in [
            "db",
            "db:",
            "::1:80",
            "http://db:80",
            "a b:80",
            "db:70000",
            "//run/x",
        ] {
            assert!(
                request(TunnelDirection::Local, Some(text), None).is_err(),
                "{text}"
            );
        }
    }

    #[test]
    fn only_the_loopback_listens() {
        for listen in ["8080", "localhost:8080", "127.0.0.2:8080", "[::1]:0"] {
            assert!(
                request(TunnelDirection::Local, Some("db:1"), Some(listen)).is_ok(),
                "{listen}"
            );
        }
        for listen in [
            "0.0.0.0:8080",
            "[::]:80",
            "192.168.0.1:80",
            "host:80",
            "/run/x.sock",
        ] {
            assert!(
                request(TunnelDirection::Local, Some("db:1"), Some(listen)).is_err(),
                "{listen}"
            );
        }
        assert!(request(TunnelDirection::Remote, Some("3000"), Some("/run/x.sock")).is_ok());
        assert!(request(TunnelDirection::Remote, Some("db:1"), None).is_err());
        assert!(request(TunnelDirection::Remote, None, None).is_err());
        assert!(request(TunnelDirection::Socks, None, None).is_ok());
        assert!(request(TunnelDirection::Socks, Some("db:1"), None).is_err());
    }
}
