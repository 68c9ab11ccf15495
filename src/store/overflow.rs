//! Bytes that wait on the disk for somebody who takes them slowly.

use std::io::{self, SeekFrom};
use std::path::PathBuf;

use bytes::Bytes;
use tokio::fs::File;
use tokio::io::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt};

use crate::fs::blocking;

/// A queue of bytes in a file without a name, which ends with this value or with the process.
pub(crate) struct Overflow {
    directory: PathBuf,
    file: Option<File>,
    /// The bytes of the file that were taken.
    taken: u64,
    /// The bytes of the file.
    length: u64,
}

impl Overflow {
    /// An empty queue. Its file is made in `directory` when it is needed.
    pub(super) fn new(directory: PathBuf) -> Self {
        Self {
            directory,
            file: None,
            taken: 0,
            length: 0,
        }
    }

    /// The number of bytes in it.
    pub(crate) fn len(&self) -> u64 {
        self.length - self.taken
    }

    /// Returns true if nothing is in it.
    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Adds bytes at the end.
    pub(crate) async fn push(&mut self, bytes: &[u8]) -> io::Result<()> {
        let end = self.length;
        let file = self.file().await?;
        file.seek(SeekFrom::Start(end)).await?;
        file.write_all(bytes).await?;
        file.flush().await?;
        self.length += bytes.len() as u64;
        Ok(())
    }

    /// Takes at most `most` bytes from the front.
    pub(crate) async fn pop(&mut self, most: usize) -> io::Result<Bytes> {
        let waiting = usize::try_from(self.len()).unwrap_or(usize::MAX);
        let mut bytes = vec![0; most.min(waiting)];
        let start = self.taken;
        let file = self.file().await?;
        file.seek(SeekFrom::Start(start)).await?;
        file.read_exact(&mut bytes).await?;
        self.taken += bytes.len() as u64;
        if self.is_empty() {
            // The room on the disk is given back.
            self.file().await?.set_len(0).await?;
            (self.taken, self.length) = (0, 0);
        }
        Ok(bytes.into())
    }

    async fn file(&mut self) -> io::Result<&mut File> {
        if self.file.is_none() {
            let directory = self.directory.clone();
            let file = blocking(move || tempfile::tempfile_in(directory)).await?;
            self.file = Some(file.into());
        }
        self.file
            .as_mut()
            .ok_or_else(|| io::Error::other("the file was just made"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn bytes_come_out_as_they_went_in() {
        let directory = tempfile::tempdir().unwrap();
        let mut overflow = Overflow::new(directory.path().to_owned());
        overflow.push(b"one ").await.unwrap();
        overflow.push(b"two").await.unwrap();
        assert_eq!(overflow.pop(5).await.unwrap(), b"one t".as_slice());
        overflow.push(b" three").await.unwrap();
        assert_eq!(overflow.len(), 8);
        assert_eq!(overflow.pop(100).await.unwrap(), b"wo three".as_slice());
        assert!(overflow.is_empty());
        overflow.push(b"again").await.unwrap();
        assert_eq!(overflow.pop(100).await.unwrap(), b"again".as_slice());
        let left = std::fs::read_dir(directory.path()).unwrap().count();
        assert_eq!(left, 0, "its file has no name");
    }
}
