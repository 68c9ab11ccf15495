//! Bytes that the reader of a connection has not taken yet.
//!
//! The SSH library opens a channel's window again as soon as bytes arrive, whether anybody takes them or not, and
//! stops the whole connection once a channel holds too many of them. So they are taken at once, and wait here: the
//! first ones in memory, the others on the disk. Thus a slow reader holds up nobody but itself.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::{Buf, Bytes};

use crate::store::Overflow;

/// Bytes of one connection that wait in memory.
const IN_MEMORY: usize = 128 * 1024;

/// Bytes that are read from the disk at once.
const PIECE: usize = 64 * 1024;

/// Bytes of all connections of a tunnel that wait on the disk.
const ON_DISK: u64 = 1024 * 1024 * 1024;

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

    /// Returns false while no more may be added, because the disk holds enough.
    pub(super) fn has_room(&self) -> bool {
        self.fits_in_memory() || self.budget.0.load(Ordering::Relaxed) < ON_DISK
    }

    fn fits_in_memory(&self) -> bool {
        self.overflow.is_empty() && self.held < IN_MEMORY
    }

    /// Adds bytes at the end.
    pub(super) async fn push(&mut self, bytes: Bytes) -> io::Result<()> {
        if bytes.is_empty() {
            return Ok(());
        }
        if self.fits_in_memory() {
            self.held += bytes.len();
            self.memory.push_back(bytes);
            return Ok(());
        }
        self.overflow.push(&bytes).await?;
        let added = bytes.len() as u64;
        self.budget.0.fetch_add(added, Ordering::Relaxed);
        Ok(())
    }

    /// The first bytes; none only if nothing waits.
    pub(super) fn front(&self) -> &[u8] {
        self.memory.front().map_or(&[], |bytes| bytes)
    }

    /// Removes so many of the first bytes.
    pub(super) async fn advance(&mut self, taken: usize) -> io::Result<()> {
        self.held -= taken;
        if let Some(first) = self.memory.front_mut() {
            first.advance(taken);
            if first.is_empty() {
                self.memory.pop_front();
            }
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
                let taken = backlog.front().len().min(7_777);
                came.extend_from_slice(&backlog.front()[..taken]);
                backlog.advance(taken).await.unwrap();
            }
        }
        assert!(budget.0.load(Ordering::Relaxed) > 1_000_000);
        while !backlog.is_empty() {
            let first = backlog.front().to_owned();
            came.extend_from_slice(&first);
            backlog.advance(first.len()).await.unwrap();
        }
        assert!(came == all);
        backlog.push(all.into()).await.unwrap();
        backlog.push(Bytes::from_static(b"more")).await.unwrap();
        drop(backlog);
        assert_eq!(budget.0.load(Ordering::Relaxed), 0);
    }
}
