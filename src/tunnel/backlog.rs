//! Bytes that the reader of a connection has not taken yet.
//!
//! The SSH library opens a channel's window again as soon as bytes arrive, whether anybody takes them or not, and
//! stops the whole connection once a channel holds too many of them. So they wait here: the first ones in memory, the
//! others on the disk. Thus a slow reader holds up nobody but itself. A reader that has the connection for itself is
//! waited for instead, as long as it takes something.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::{Buf, Bytes};

use crate::store::Overflow;

/// Bytes of one connection that wait in memory.
const IN_MEMORY: usize = 256 * 1024;

/// Bytes that are read from the disk at once.
const PIECE: usize = 256 * 1024;

/// Bytes of all connections of a tunnel that wait on the disk.
const ON_DISK: u64 = 1024 * 1024 * 1024;

/// Pieces that are written at once.
pub(super) const SLICES: usize = 16;

/// The bytes of a tunnel that wait on the disk.
#[derive(Default)]
pub(super) struct DiskBudget(AtomicU64);

/// The bytes of one connection that wait.
pub(super) struct Backlog {
    memory: VecDeque<Bytes>,
    /// The bytes in memory.
    held: usize,
    overflow: Overflow,
    budget: Arc<DiskBudget>,
}

/// The room that a backlog has for more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BacklogRoom {
    /// In memory.
    InMemory,
    /// On the disk, which costs time.
    OnDisk,
    /// None until some are taken.
    Nowhere,
}

impl Backlog {
    pub(super) fn new(overflow: Overflow, budget: Arc<DiskBudget>) -> Self {
        Self {
            memory: VecDeque::new(),
            held: 0,
            overflow,
            budget,
        }
    }

    /// Returns true if nothing waits.
    pub(super) fn is_empty(&self) -> bool {
        self.memory.is_empty()
    }

    /// The room for more.
    pub(super) fn room(&self) -> BacklogRoom {
        if self.overflow.is_empty() && self.held < IN_MEMORY {
            BacklogRoom::InMemory
        } else if self.budget.0.load(Ordering::Relaxed) < ON_DISK {
            BacklogRoom::OnDisk
        } else {
            BacklogRoom::Nowhere
        }
    }

    /// Adds bytes at the end.
    pub(super) async fn push(&mut self, bytes: Bytes) -> io::Result<()> {
        if bytes.is_empty() {
            return Ok(());
        }
        if self.room() == BacklogRoom::InMemory {
            self.held += bytes.len();
            self.memory.push_back(bytes);
            return Ok(());
        }
        self.overflow.push(&bytes).await?;
        let added = bytes.len() as u64;
        self.budget.0.fetch_add(added, Ordering::Relaxed);
        Ok(())
    }

    /// The first pieces; none only if nothing waits.
    pub(super) fn front(&self) -> [IoSlice<'_>; SLICES] {
        let mut pieces = self.memory.iter();
        std::array::from_fn(|_| IoSlice::new(pieces.next().map_or(&[], |piece| piece)))
    }

    /// Removes so many of the first bytes.
    pub(super) async fn advance(&mut self, mut taken: usize) -> io::Result<()> {
        self.held -= taken;
        while let Some(first) = self.memory.front_mut() {
            let of_first = taken.min(first.len());
            first.advance(of_first);
            taken -= of_first;
            if !first.is_empty() {
                break;
            }
            self.memory.pop_front();
        }
        if self.memory.is_empty() && !self.overflow.is_empty() {
            let bytes = self.overflow.pop(PIECE).await?;
            let freed = bytes.len() as u64;
            self.budget.0.fetch_sub(freed, Ordering::Relaxed);
            self.held = bytes.len();
            self.memory.push_back(bytes);
        }
        Ok(())
    }
}

impl Drop for Backlog {
    fn drop(&mut self) {
        self.budget
            .0
            .fetch_sub(self.overflow.len(), Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::DataDirectory;

    async fn take(backlog: &mut Backlog, most: usize, into: &mut Vec<u8>) {
        let first: Vec<u8> = backlog
            .front()
            .iter()
            .flat_map(|piece| piece.to_vec())
            .collect();
        let taken = first.len().min(most);
        into.extend_from_slice(&first[..taken]);
        backlog.advance(taken).await.unwrap();
    }

    #[tokio::test]
    async fn bytes_keep_their_order_across_memory_and_disk() {
        let directory = tempfile::tempdir().unwrap();
        let data = DataDirectory::existing(directory.path());
        let budget = Arc::default();
        let mut backlog = Backlog::new(data.overflow(), Arc::clone(&budget));
        let all: Vec<u8> = (0..1_000_000_u32).flat_map(u32::to_le_bytes).collect();
        let mut came = Vec::new();
        for (number, piece) in all.chunks(30_000).enumerate() {
            backlog.push(Bytes::copy_from_slice(piece)).await.unwrap();
            assert!(backlog.held < IN_MEMORY + 2 * PIECE);
            // The reader takes less than comes.
            if number % 2 == 0 {
                take(&mut backlog, 7_777, &mut came).await;
            }
        }
        assert!(budget.0.load(Ordering::Relaxed) > 1_000_000);
        assert_ne!(backlog.room(), BacklogRoom::InMemory);
        while !backlog.is_empty() {
            // More than the first piece has.
            take(&mut backlog, 40_000, &mut came).await;
        }
        assert_eq!(backlog.room(), BacklogRoom::InMemory);
        assert!(came == all);
        backlog.push(all.into()).await.unwrap();
        backlog.push(Bytes::from_static(b"more")).await.unwrap();
        drop(backlog);
        assert_eq!(budget.0.load(Ordering::Relaxed), 0);
    }
}
