//! The end of a script for which nobody waits any more: closing its channel does not end it.

use std::sync::Arc;
use std::time::Instant;

use tokio::runtime::Handle;

use super::find;
use super::stop::{Victim, end_group};
use crate::ssh::pool::{Lease, Pool};

/// Bytes of the output in which the line with the process is looked for, behind what start-up files print.
const NAMED_WITHIN: usize = 64 * 1024;

/// A script that runs on a server. Dropping it ends its processes, unless the script has ended or is lost.
pub(in crate::ssh) struct ScriptLeader<'a> {
    pool: &'a Pool,
    alias: &'a str,
    lease: Arc<Lease>,
    /// Begins the line with its process.
    mark: String,
    began: Instant,
    process: Option<u32>,
    is_over: bool,
}

impl<'a> ScriptLeader<'a> {
    pub(super) fn new(pool: &'a Pool, alias: &'a str, lease: Arc<Lease>, token: &str) -> Self {
        Self {
            pool,
            alias,
            lease,
            mark: mark(token),
            began: Instant::now(),
            process: None,
            is_over: false,
        }
    }

    /// Looks for the process in what the script has printed so far.
    pub(super) fn look(&mut self, printed: &[u8]) {
        if self.process.is_none() {
            let beginning = &printed[..printed.len().min(NAMED_WITHIN)];
            self.process = named(beginning, &self.mark);
        }
    }

    /// Notes that it has ended, or that its connection is lost.
    pub(super) fn end(&mut self) {
        self.is_over = true;
    }
}

impl Drop for ScriptLeader<'_> {
    fn drop(&mut self) {
        // The alias may name another server by now.
        let process = self
            .process
            .filter(|_| !self.is_over && self.lease.is_current());
        let (Some(process), Ok(runtime)) = (process, Handle::try_current()) else {
            return;
        };
        let (pool, alias) = (self.pool.clone(), self.alias.to_owned());
        let age = self.began.elapsed();
        runtime.spawn(async move {
            end_group(&pool, &alias, process, age, Victim::Group).await;
        });
    }
}

/// The command by which a script names its process.
pub(super) fn naming(token: &str) -> String {
    format!("echo '{}'\" $$\"\n", mark(token))
}

/// Begins the line with the process. No answer begins so.
fn mark(token: &str) -> String {
    format!("{token}!")
}

/// The process that is named behind a mark.
fn named(printed: &[u8], mark: &str) -> Option<u32> {
    let start = find(printed, mark.as_bytes())? + mark.len();
    let line = &printed[start..];
    let end = line.iter().position(|byte| *byte == b'\n')?;
    std::str::from_utf8(&line[..end]).ok()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_known_once_its_line_is_whole() {
        let mark = mark("T0K");
        assert_eq!(named(b"Welcome\nT0K! 12", &mark), None);
        assert_eq!(named(b"Welcome\nT0K! 123\n", &mark), Some(123));
        // A device sends back what it is given.
        assert_eq!(named(b"echo 'T0K!'\" $$\"\n", &mark), None);
    }
}
