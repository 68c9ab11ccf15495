//! The ceiling of all connections together, whatever their aliases.
//!
//! A connection has a place from its dial to its end. Where none is free, the connection that has been idle for
//! longest is given back, and the dial waits for its place. The dial of a jump host does not wait: connections
//! that have places may wait for it, so that it would wait for ever.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::time::Instant;

use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

use crate::sync::lock;

/// The connections to one alias, some of which may be idle.
pub(super) trait IdleConnections: Send + Sync {
    /// The time since when its longest idle connection has been idle.
    fn idle_since(&self) -> Option<Instant>;

    /// Gives back its longest idle connection, if there is one.
    fn give_back(self: Arc<Self>);
}

/// The most connections that are open at once, and those that are.
pub(super) struct Ceiling {
    most: usize,
    places: Arc<Semaphore>,
    /// Dials that wait for a place.
    waiting: AtomicUsize,
    /// Connections that are on their way out for them.
    leaving: Arc<AtomicUsize>,
    pools: Mutex<Vec<Weak<dyn IdleConnections>>>,
    /// Wakes the task that makes room.
    room_wanted: Arc<Notify>,
}

/// A connection's place under the ceiling, which is free again once it is dropped.
pub(super) struct ConnectionPlace {
    _permit: Option<OwnedSemaphorePermit>,
    is_leaving: AtomicBool,
    leaving: Arc<AtomicUsize>,
}

impl Ceiling {
    /// A ceiling of so many connections. Needs a tokio runtime.
    pub(super) fn new(most: usize) -> Arc<Self> {
        let most = most.clamp(1, Semaphore::MAX_PERMITS);
        let ceiling = Arc::new(Self {
            most,
            places: Arc::new(Semaphore::new(most)),
            waiting: AtomicUsize::new(0),
            leaving: Arc::default(),
            pools: Mutex::default(),
            room_wanted: Arc::default(),
        });
        let (room_wanted, weak) = (Arc::clone(&ceiling.room_wanted), Arc::downgrade(&ceiling));
        // A task of its own: whoever wants room may hold the lock of an alias.
        tokio::spawn(async move {
            loop {
                room_wanted.notified().await;
                let Some(ceiling) = weak.upgrade() else {
                    return;
                };
                ceiling.make_room();
            }
        });
        ceiling
    }

    /// The most connections that are open at once.
    pub(super) fn most(&self) -> usize {
        self.most
    }

    /// Counts the idle connections of one more alias.
    pub(super) fn add(&self, pool: Weak<dyn IdleConnections>) {
        lock(&self.pools).push(pool);
    }

    /// Takes a place, if one is free.
    pub(super) fn try_place(&self) -> Option<ConnectionPlace> {
        let permit = Arc::clone(&self.places).try_acquire_owned().ok()?;
        Some(self.place(Some(permit)))
    }

    /// Waits for a place, in turn.
    pub(super) async fn wait_for_place(&self) -> ConnectionPlace {
        self.waiting.fetch_add(1, Ordering::Relaxed);
        let _waiting = Waiting(&self.waiting);
        self.room_wanted.notify_one();
        let permit = Arc::clone(&self.places).acquire_owned().await;
        self.place(permit.ok())
    }

    /// A place above the ceiling.
    pub(super) fn extra_place(&self) -> ConnectionPlace {
        self.place(None)
    }

    /// Notes that a connection may have become idle.
    pub(super) fn note_release(&self) {
        if self.waiting.load(Ordering::Relaxed) > 0 {
            self.room_wanted.notify_one();
        }
    }

    fn place(&self, permit: Option<OwnedSemaphorePermit>) -> ConnectionPlace {
        ConnectionPlace {
            _permit: permit,
            is_leaving: AtomicBool::new(false),
            leaving: Arc::clone(&self.leaving),
        }
    }

    /// Gives back idle connections, the longest idle first, as many as dials wait for.
    fn make_room(&self) {
        while self.waiting.load(Ordering::Relaxed) > self.leaving.load(Ordering::Relaxed) {
            let pools: Vec<_> = {
                let mut pools = lock(&self.pools);
                pools.retain(|pool| pool.strong_count() > 0);
                pools.iter().filter_map(Weak::upgrade).collect()
            };
            let idle = pools
                .into_iter()
                .filter_map(|pool| Some((pool.idle_since()?, pool)));
            let Some((_, pool)) = idle.min_by_key(|(since, _)| *since) else {
                return;
            };
            pool.give_back();
        }
    }
}

impl Drop for Ceiling {
    fn drop(&mut self) {
        // Its task ends.
        self.room_wanted.notify_one();
    }
}

impl ConnectionPlace {
    /// Notes that its connection is given back for a dial that waits.
    pub(super) fn leave(&self) {
        if !self.is_leaving.swap(true, Ordering::Relaxed) {
            self.leaving.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Drop for ConnectionPlace {
    fn drop(&mut self) {
        if *self.is_leaving.get_mut() {
            self.leaving.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

/// A dial that waits for a place.
struct Waiting<'c>(&'c AtomicUsize);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
