//! The parts of a web address, undecoded.

/// An address with a scheme, split as browsers split it (WHATWG URL Standard, section 4.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct WebAddress<'a> {
    /// The part before `://`.
    pub(crate) scheme: &'a str,
    /// User and password, without the `@` after them.
    pub(crate) credentials: Option<&'a str>,
    /// The host, with its port if there is one.
    pub(crate) host_and_port: &'a str,
    /// Path, query and fragment.
    pub(crate) rest: &'a str,
}

impl<'a> WebAddress<'a> {
    /// Parses a text; `None` if it has no scheme.
    pub(crate) fn parse(text: &'a str) -> Option<Self> {
        let (scheme, after) = text.split_once("://")?;
        let end = after.find(['/', '?', '#', '\\']).unwrap_or(after.len());
        let (authority, rest) = after.split_at(end);
        let (credentials, host_and_port) = match authority.rsplit_once('@') {
            Some((credentials, host)) => (Some(credentials), host),
            None => (None, authority),
        };
        Some(Self {
            scheme,
            credentials,
            host_and_port,
            rest,
        })
    }

    /// The host without its port.
    pub(crate) fn host(&self) -> &'a str {
        let place = self.host_and_port;
        place.rsplit_once(':').map_or(place, |(host, _)| host)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_at_sign_of_the_authority_ends_the_credentials() {
        for (text, credentials, host, rest) in [
            ("https://u:p@h/x@y", Some("u:p"), "h", "/x@y"),
            ("https://a@b:c@h:80", Some("a@b:c"), "h", ""),
            ("https://h?b=c@d", None, "h", "?b=c@d"),
            ("https://h#x@y", None, "h", "#x@y"),
            ("https://h\\x@y", None, "h", "\\x@y"),
            ("https://@h", Some(""), "h", ""),
        ] {
            let address = WebAddress::parse(text).unwrap();
            let parts = (address.credentials, address.host(), address.rest);
            assert_eq!(parts, (credentials, host, rest), "{text}");
        }
        assert_eq!(WebAddress::parse("h/x"), None);
    }
}
