//! Reading a file over SFTP, for lack of a shell.

use std::ops::ControlFlow;

use sha2::{Digest, Sha256};

use super::content::FileContent;
use super::context::QueryContext;
use super::lines::{LineSelector, compile};
use super::problem::check_file;
use super::read::ReadQuery;
use super::report::FileReport;
use crate::error::Error;
use crate::hex::digits;
use crate::sftp::{FileType, RemoteFiles};

/// Says how a file was read.
const NOTE: &str =
    "(read over SFTP, since the server has no shell; a pattern is a Rust regex there)";

/// The longest file that is read to its end, for its lines and its hash, unless asked for.
const READ_WHOLE: u64 = 8 * 1024 * 1024;
/// Bytes of the sample.
const SAMPLE: usize = 4096;

/// Counts and hashes a file whose bytes come one after another.
#[derive(Default)]
struct Tally {
    newlines: u64,
    last: Option<u8>,
    sum: Sha256,
}

impl Tally {
    fn take(&mut self, bytes: &[u8]) {
        self.newlines += bytes.iter().filter(|byte| **byte == b'\n').count() as u64;
        self.last = bytes.last().copied().or(self.last);
        self.sum.update(bytes);
    }

    fn lines(&self) -> (u64, bool) {
        (self.newlines, self.last.is_some_and(|byte| byte != b'\n'))
    }
}

impl ReadQuery {
    /// Asks it over SFTP.
    pub(super) async fn ask_over_sftp(
        &self,
        files: &RemoteFiles<'_>,
        context: QueryContext<'_>,
        mask: impl Fn(Vec<u8>) -> Vec<u8> + Send,
    ) -> Result<FileReport, Error> {
        let mut file = read(self, files, context).await?;
        file.sample = mask(file.sample);
        file.text = mask(file.text);
        let mut report = self.report(&file, context)?;
        report.notes.push(NOTE.to_owned());
        Ok(report)
    }
}

/// Reads a part of a file, with the facts about it.
async fn read(
    query: &ReadQuery,
    files: &RemoteFiles<'_>,
    context: QueryContext<'_>,
) -> Result<FileContent, Error> {
    let path = query.path.as_str();
    let mut selector = LineSelector::from(query.first(), query.most_lines(), query.most_bytes());
    if let Some(pattern) = &query.around {
        selector = selector.around(compile("around", pattern, false)?, query.context());
    }
    let (own, target) = (files.lstat(path).await?, files.stat(path).await?);
    let metadata = check_file(path, own, target)?;
    let mut file = FileContent {
        path: files.real_path(path).await?,
        home: files.real_path(".").await?,
        is_link: own.is_some_and(|own| own.file_type == FileType::Link),
        size: metadata.length,
        mode: metadata.mode.map(|mode| format!("{mode:04o}")),
        modified: metadata.modified.map(i64::from),
        owner: metadata
            .owner
            .map(|(user, group)| format!("{user}:{group}")),
        locale: context.charset,
        ..FileContent::default()
    };
    // Before anything of it is fetched.
    (context.may_read)(&file.names(), false)?;
    let is_read_whole = file.size > 0 && (query.hash || file.size <= READ_WHOLE);
    let mut tally = is_read_whole.then(Tally::default);
    let mut sample = Vec::new();
    let visit = |bytes: &[u8]| {
        sample.extend_from_slice(&bytes[..bytes.len().min(SAMPLE - sample.len())]);
        if query.tail.is_none() {
            selector.take(bytes);
        }
        let is_done = query.tail.is_some() || selector.is_done();
        match &mut tally {
            Some(tally) => tally.take(bytes),
            None if is_done && sample.len() == SAMPLE => return ControlFlow::Break(()),
            None => {}
        }
        ControlFlow::Continue(())
    };
    files.scan(path, 0, visit).await?;
    selector.finish();
    file.text = match query.tail {
        Some(lines) => last_lines(query, files, file.size, lines).await?,
        None => selector.chosen,
    };
    file.lines = tally.as_ref().map(Tally::lines);
    file.sha256 = tally.map(|tally| digits(&tally.sum.finalize()));
    file.sample = sample;
    Ok(file.or_empty())
}

/// The last lines of a file, as far as they are shown.
async fn last_lines(
    query: &ReadQuery,
    files: &RemoteFiles<'_>,
    size: u64,
    lines: u64,
) -> Result<Vec<u8>, Error> {
    let mut end = Vec::new();
    let visit = |bytes: &[u8]| {
        end.extend_from_slice(bytes);
        ControlFlow::Continue(())
    };
    let start = size.saturating_sub(query.most_bytes());
    files.scan(&query.path, start, visit).await?;
    let length = end.len() - usize::from(end.ends_with(b"\n"));
    let newlines = (0..length).rev().filter(|at| end[*at] == b'\n');
    let before = usize::try_from(lines.max(1) - 1).unwrap_or(usize::MAX);
    let first = newlines.into_iter().nth(before).map_or(0, |at| at + 1);
    end.drain(..first);
    Ok(end)
}
