//! The hosts of `ProxyJump`.

use super::tokens::{Facts, PROXY};

/// A host that a connection goes through.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Jump {
    /// The user there; `None` for what the files say of that host.
    pub user: Option<String>,
    /// Its name, to be looked up in the files itself; an IPv6 address stands without brackets.
    pub host: String,
    /// Its port; `None` for what the files say of that host.
    pub port: Option<u16>,
}

/// The hosts of a list with commas, first to last; none for `none`. `None` if it is no such list.
pub(super) fn parse(list: &str) -> Option<Vec<Jump>> {
    if list.eq_ignore_ascii_case("none") {
        return Some(Vec::new());
    }
    list.split(',').map(hop).collect()
}

fn hop(text: &str) -> Option<Jump> {
    let is_uri = text
        .get(..6)
        .is_some_and(|scheme| scheme.eq_ignore_ascii_case("ssh://"));
    let text = if is_uri {
        text[6..].strip_suffix('/').unwrap_or(&text[6..])
    } else {
        text
    };
    let (user, address) = match text.rsplit_once('@') {
        Some((user, address)) => (Some(user), address),
        None => (None, text),
    };
    let (host, port) = if let Some(bracketed) = address.strip_prefix('[') {
        let (host, port) = bracketed.split_once(']')?;
        let port = match port {
            "" => None,
            port => Some(port.strip_prefix(':')?),
        };
        (host, port)
    } else {
        match address.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (address, None),
        }
    };
    let port = match port {
        Some(port) => Some(port.parse().ok().filter(|port| *port != 0)?),
        None => None,
    };
    let is_host = !host.is_empty() && !host.contains(['/', '"', '\'']) && !host.starts_with('-');
    (is_host && user.is_none_or(|user| !user.is_empty())).then(|| Jump {
        user: user.map(str::to_owned),
        host: host.to_owned(),
        port,
    })
}

impl Jump {
    /// With its tokens replaced.
    pub(super) fn expanded(self, facts: &Facts<'_>) -> Result<Self, String> {
        let user = self.user.map(|user| facts.expand(&user, PROXY));
        Ok(Self {
            user: user.transpose()?,
            host: facts.expand(&self.host, PROXY)?,
            port: self.port,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(list: &str) -> Option<Vec<String>> {
        let jumps = parse(list)?;
        let texts = jumps
            .iter()
            .map(|jump| format!("{:?} {} {:?}", jump.user, jump.host, jump.port));
        Some(texts.collect())
    }

    #[test]
    fn hosts_users_ports_and_uris() {
        let jumps = shown("a@b:22,ssh://c@[::1]:33/,[fe80::1],x@y@z,SSH://h").unwrap();
        assert_eq!(
            jumps,
            [
                "Some(\"a\") b Some(22)",
                "Some(\"c\") ::1 Some(33)",
                "None fe80::1 None",
                "Some(\"x@y\") z None",
                "None h None"
            ]
        );
        assert_eq!(parse("None"), Some(Vec::new()));
    }

    #[test]
    fn what_is_no_list_of_hosts() {
        for list in [
            "",
            "a,",
            "a,,b",
            "@b",
            "a@",
            "a:0",
            "a:x",
            "a:70000",
            "::1",
            "[::1",
            "[::1]x",
            "ssh://b/path",
            "a:",
            "-a",
            "é\u{301}éa/b",
        ] {
            assert_eq!(parse(list), None, "{list}");
        }
    }
}
