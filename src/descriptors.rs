//! The limit on open files and sockets of this process (`RLIMIT_NOFILE`).

/// Descriptors that are kept free for everything but connections.
const OTHERS: u64 = 128;
/// Descriptors of a connection, with the outputs of its tasks.
const PER_CONNECTION: u64 = 4;

/// Raises the limit as far as this process may, and leaves it as it is where it may not.
#[cfg(unix)]
pub fn raise_limit() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

    /// The most that macOS takes, where the limit that it names is none (`OPEN_MAX`).
    const OPEN_MAX: u64 = 10_240;

    let limit = getrlimit(Resource::Nofile);
    let highest = limit.maximum;
    for current in [
        highest,
        highest.map_or(Some(OPEN_MAX), |most| Some(most.min(OPEN_MAX))),
    ] {
        let is_more = limit
            .current
            .is_some_and(|now| current.is_none_or(|new| new > now));
        let raised = Rlimit {
            current,
            maximum: highest,
        };
        if !is_more || setrlimit(Resource::Nofile, raised).is_ok() {
            return;
        }
    }
}

/// Other systems have no such limit.
#[cfg(not(unix))]
pub fn raise_limit() {}

/// The connections that the limit has room for.
#[cfg(unix)]
pub(crate) fn most_connections() -> usize {
    use rustix::process::{Resource, getrlimit};

    let limit = getrlimit(Resource::Nofile).current;
    limit.map_or(usize::MAX, |limit| {
        let connections = limit.saturating_sub(OTHERS) / PER_CONNECTION;
        usize::try_from(connections).unwrap_or(usize::MAX)
    })
}

/// The connections that the limit has room for.
#[cfg(not(unix))]
pub(crate) fn most_connections() -> usize {
    usize::MAX
}
