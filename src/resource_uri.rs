//! The addresses of resources: what a client can read besides calling tools.

use std::fmt;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

const SCHEME: &str = "orchestrator://";

/// The characters of a name that are escaped: all but the unreserved ones of RFC 3986.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// The template of a task's address.
pub(crate) const TASK_TEMPLATE: &str = "orchestrator://tasks/{id}";
/// The template of the address of a task's output.
pub(crate) const OUTPUT_TEMPLATE: &str = "orchestrator://tasks/{id}/output";
/// The template of a server's address.
pub(crate) const SERVER_TEMPLATE: &str = "orchestrator://servers/{alias}";

/// A resource, by its address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ResourceUri {
    /// The record of the task with this ID.
    Task(String),
    /// All that the task with this ID has printed.
    Output(String),
    /// The standard error of the task with this ID.
    Stderr(String),
    /// The server with this alias.
    Server(String),
    /// The last entries of the audit trail.
    Audit,
    /// The command policy.
    Policy,
    /// The shells that are open.
    Shells,
}

impl ResourceUri {
    /// The resource with this address, if it is one of this program.
    pub(crate) fn parse(uri: &str) -> Option<Self> {
        let path: Vec<_> = uri.strip_prefix(SCHEME)?.split('/').collect();
        let name = |escaped: &str| {
            let name = percent_decode_str(escaped).decode_utf8().ok()?;
            (!name.is_empty()).then(|| name.into_owned())
        };
        match path.as_slice() {
            ["tasks", id] => name(id).map(Self::Task),
            ["tasks", id, "output"] => name(id).map(Self::Output),
            ["tasks", id, "stderr"] => name(id).map(Self::Stderr),
            ["servers", alias] => name(alias).map(Self::Server),
            ["audit"] => Some(Self::Audit),
            ["policy"] => Some(Self::Policy),
            ["shells"] => Some(Self::Shells),
            _ => None,
        }
    }
}

impl fmt::Display for ResourceUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let escaped = |name| utf8_percent_encode(name, ESCAPED);
        f.write_str(SCHEME)?;
        match self {
            Self::Task(id) => write!(f, "tasks/{}", escaped(id)),
            Self::Output(id) => write!(f, "tasks/{}/output", escaped(id)),
            Self::Stderr(id) => write!(f, "tasks/{}/stderr", escaped(id)),
            Self::Server(alias) => write!(f, "servers/{}", escaped(alias)),
            Self::Audit => f.write_str("audit"),
            Self::Policy => f.write_str("policy"),
            Self::Shells => f.write_str("shells"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_read_as_it_is_written() {
        for resource in [
            ResourceUri::Task("a1b2c3d4".into()),
            ResourceUri::Output("a1b2c3d4".into()),
            ResourceUri::Stderr("a1b2c3d4".into()),
            ResourceUri::Server("web 1/é?#%".into()),
            ResourceUri::Audit,
            ResourceUri::Policy,
            ResourceUri::Shells,
        ] {
            let uri = resource.to_string();
            assert_eq!(ResourceUri::parse(&uri), Some(resource), "{uri}");
        }
    }

    #[test]
    fn nothing_else_is_an_address() {
        for uri in [
            "",
            "orchestrator://",
            "orchestrator://tasks",
            "orchestrator://tasks/",
            "orchestrator://tasks/a/b",
            "orchestrator://servers/a/b",
            "orchestrator://servers/%ff",
            "orchestrator://audit/",
            "file:///etc/passwd",
            "orchestrator:/policy",
        ] {
            assert_eq!(ResourceUri::parse(uri), None, "{uri}");
        }
    }
}
