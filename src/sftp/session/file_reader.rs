//! Reads of a file with several requests outstanding.

use std::collections::VecDeque;
use std::ops::Range;

use bytes::Bytes;

use crate::sftp::error::{Result, SftpError};
use crate::sftp::session::client::PendingResponse;
use crate::sftp::session::{FileHandle, SftpSession};

/// The part of a file that is read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Extent {
    pub(crate) start: u64,
    /// Length of the whole file, as the server reports it.
    pub(crate) length: u64,
}

/// Reads a file with several requests outstanding, in order.
pub(crate) struct FileReader<'s> {
    session: &'s SftpSession,
    handle: &'s FileHandle,
    /// Outstanding reads, with the bytes that each requests.
    ahead: VecDeque<(u32, PendingResponse)>,
    most_ahead: usize,
    /// Offset up to which it has arrived.
    arrived: u64,
    /// Offset up to which it was requested.
    requested: u64,
    /// Reported length of the file; beyond it one read at a time looks for more.
    length: u64,
    /// Offset at which reading ends even if the file does not.
    end: u64,
    /// Length beyond which the file is taken for one that never ends.
    longest: u64,
}

impl<'s> FileReader<'s> {
    /// Reads a file to its end, which may be at most `max_growth` bytes beyond twice the reported length.
    pub(crate) fn to_end(
        session: &'s SftpSession,
        handle: &'s FileHandle,
        Extent { start, length }: Extent,
        most_ahead: usize,
        max_growth: u64,
    ) -> Self {
        Self {
            session,
            handle,
            ahead: VecDeque::new(),
            most_ahead,
            arrived: start,
            requested: start,
            length,
            end: u64::MAX,
            longest: length.saturating_mul(2).saturating_add(max_growth),
        }
    }

    /// Reads those bytes of a file that it has of `range`.
    pub(crate) fn within(
        session: &'s SftpSession,
        handle: &'s FileHandle,
        range: Range<u64>,
        most_ahead: usize,
    ) -> Self {
        Self {
            session,
            handle,
            ahead: VecDeque::new(),
            most_ahead,
            arrived: range.start,
            requested: range.start,
            length: range.end,
            end: range.end,
            longest: range.end,
        }
    }

    /// Returns the next bytes; `None` at the end, which may be beyond the file's reported length.
    pub(crate) async fn next(&mut self) -> Result<Option<Vec<Bytes>>> {
        self.request_ahead();
        let Some((length, next)) = self.ahead.pop_front() else {
            return Ok(None);
        };
        let pieces = self.session.wait_data(next).await?;
        let got: u64 = pieces.iter().map(|piece| piece.len() as u64).sum();
        self.arrived += got;
        if got == 0 {
            return Ok(None);
        }
        if self.arrived > self.longest {
            return Err(SftpError::failure(format!(
                "goes on after {} bytes, though it said a length of {}: it may never end",
                self.arrived, self.length
            )));
        }
        if got < u64::from(length) {
            // A server may send less than requested (section 6.4): the rest is requested again.
            self.ahead.clear();
            self.requested = self.arrived;
        }
        Ok(Some(pieces))
    }

    fn request_ahead(&mut self) {
        while self.requested < self.end && self.needs_request() {
            let left = u32::try_from(self.end - self.requested).unwrap_or(u32::MAX);
            let length = left.min(self.session.limits.read);
            let read = self.session.read(self.handle, self.requested, length);
            self.ahead.push_back((length, read));
            self.requested += u64::from(length);
        }
    }

    fn needs_request(&self) -> bool {
        self.ahead.is_empty() || self.ahead.len() < self.most_ahead && self.requested < self.length
    }
}
