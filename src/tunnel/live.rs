//! A tunnel while it lives.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use serde_json::{Map, Value};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::report::{ConnectionCounts, TunnelReport, TunnelState};
use super::request::{TunnelDirection, TunnelRequest};
use crate::audit::Traffic;
use crate::random;
use crate::ssh::{ForwardTarget, Lease};
use crate::sync::lock;
use crate::time::Timestamp;

/// A tunnel that is open.
pub(super) struct LiveTunnel {
    pub(super) id: String,
    pub(super) alias: String,
    direction: TunnelDirection,
    to: Option<ForwardTarget>,
    listen: ForwardTarget,
    opened: Timestamp,
    expires: Timestamp,
    pub(super) counts: Counts,
    /// The reason why it cannot carry connections, or why the last one failed.
    problem: Mutex<Option<String>>,
    /// The SSH connection that was used last.
    connection: Mutex<Option<LastConnection>>,
    /// The cause for which it is to end.
    stop: watch::Sender<Option<String>>,
    /// The report of its end.
    end: watch::Sender<Option<TunnelReport>>,
}

/// The counts of a tunnel.
#[derive(Default)]
pub(super) struct Counts {
    open: AtomicU64,
    total: AtomicU64,
    failed: AtomicU64,
    reconnects: AtomicU64,
    sent: AtomicU64,
    received: AtomicU64,
}

/// An SSH connection by its number, and the sign of its end.
struct LastConnection {
    id: u64,
    closed: CancellationToken,
}

/// A connection that a tunnel carries, counted until it is dropped.
pub(super) struct Carried(Arc<LiveTunnel>);

impl LiveTunnel {
    /// A tunnel that is open from now on, and listens at this place.
    pub(super) fn new(request: TunnelRequest, listen: ForwardTarget) -> Arc<Self> {
        let opened = Timestamp::now();
        Arc::new(Self {
            id: random::hex::<4>(),
            alias: request.alias,
            direction: request.direction,
            to: request.to,
            listen,
            opened,
            expires: opened.after(request.ttl),
            counts: Counts::default(),
            problem: Mutex::default(),
            connection: Mutex::default(),
            stop: watch::Sender::default(),
            end: watch::Sender::default(),
        })
    }

    /// Counts a connection that it begins to carry.
    pub(super) fn carry(self: &Arc<Self>) -> Carried {
        self.counts.open.fetch_add(1, Ordering::Relaxed);
        self.counts.total.fetch_add(1, Ordering::Relaxed);
        Carried(Arc::clone(self))
    }

    /// Notes that a connection could not be carried, or not to its end.
    pub(super) fn note_failure(&self, reason: String) {
        self.counts.failed.fetch_add(1, Ordering::Relaxed);
        self.note_problem(reason);
    }

    /// Notes the reason why it cannot carry connections at the moment.
    pub(super) fn note_problem(&self, reason: String) {
        *lock(&self.problem) = Some(reason);
    }

    /// Notes the SSH connection that carries the next bytes. It takes the place of one that has ended, or is a further
    /// one beside it.
    pub(super) fn note_connection(&self, lease: &Lease) {
        *lock(&self.problem) = None;
        let next = LastConnection {
            id: lease.connection_id(),
            closed: lease.connection().closed(),
        };
        let last = lock(&self.connection).replace(next);
        let replaces =
            |last: &LastConnection| last.id != lease.connection_id() && last.closed.is_cancelled();
        if last.as_ref().is_some_and(replaces) {
            self.counts.reconnects.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// The facts that the audit trail has of it.
    pub(super) fn facts(&self) -> Map<String, Value> {
        let report = self.report();
        let facts = [
            ("alias", Some(report.alias)),
            ("id", Some(report.id)),
            ("listen", Some(report.listen)),
            ("to", report.to),
        ];
        let facts = facts.into_iter();
        facts
            .filter_map(|(name, value)| Some((name.to_owned(), value?.into())))
            .collect()
    }

    /// The tunnel as callers see it.
    pub(super) fn report(&self) -> TunnelReport {
        let last = lock(&self.connection);
        let is_down = last.as_ref().is_some_and(|last| last.closed.is_cancelled());
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        TunnelReport {
            id: self.id.clone(),
            listen: self.listen.to_string(),
            state: if is_down {
                TunnelState::Disconnected
            } else {
                TunnelState::Open
            },
            problem: lock(&self.problem).clone(),
            alias: self.alias.clone(),
            direction: self.direction,
            to: self.to.as_ref().map(ToString::to_string),
            opened_at: self.opened,
            expires_at: self.expires,
            connections: ConnectionCounts {
                open: read(&self.counts.open),
                failed: read(&self.counts.failed),
            },
            reconnects: read(&self.counts.reconnects),
            traffic: Traffic {
                connections: read(&self.counts.total),
                bytes_sent: read(&self.counts.sent),
                bytes_received: read(&self.counts.received),
            },
            ended: None,
        }
    }

    /// Waits until it is to end, and returns the cause.
    pub(super) async fn stopped(&self) -> String {
        let mut stop = self.stop.subscribe();
        let cause = stop.wait_for(Option::is_some).await;
        cause
            .ok()
            .and_then(|cause| cause.clone())
            .unwrap_or_default()
    }

    /// Ends it, and waits until it has ended.
    pub(super) async fn stop(&self, cause: &str) -> TunnelReport {
        let mut end = self.end.subscribe();
        self.stop.send_replace(Some(cause.to_owned()));
        let ended = end.wait_for(Option::is_some).await;
        let report = ended.ok().and_then(|report| report.clone());
        report.unwrap_or_else(|| self.report())
    }

    /// Tells those who wait that it has ended.
    pub(super) fn end(&self, report: TunnelReport) {
        self.end.send_replace(Some(report));
    }
}

impl Counts {
    /// Counts bytes that go towards the place that it leads to, or come back.
    pub(super) fn add(&self, sent: usize, received: usize) {
        self.sent.fetch_add(sent as u64, Ordering::Relaxed);
        self.received.fetch_add(received as u64, Ordering::Relaxed);
    }
}

impl Drop for Carried {
    fn drop(&mut self) {
        self.0.counts.open.fetch_sub(1, Ordering::Relaxed);
    }
}
