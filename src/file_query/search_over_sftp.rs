//! Searching files over SFTP, for lack of a shell: within bounds, since every file comes here.

use std::ops::ControlFlow;
use std::time::Instant;

use super::context::QueryContext;
use super::found_lines::FoundLine;
use super::lines::{LineSelector, compile};
use super::name_pattern::NamePattern;
use super::problem::{check_file, check_there};
use super::report::FileReport;
use super::search::{LONGEST, SearchQuery};
use super::search_report::SearchFindings;
use crate::charset::Charset;
use crate::error::Error;
use crate::readable::{is_binary, sample};
use crate::sftp::{FileType, RemoteFiles, RemotePath};

/// The most files that are read.
const MOST_FILES: usize = 2000;
/// The most bytes of all files together.
const MOST_BYTES: usize = 64 * 1024 * 1024;
/// The most entries of a directory.
const MOST_ENTRIES: usize = 200_000;
/// Bytes of lines that are kept of a file.
const MOST_CHOSEN: u64 = 64 * 1024;

/// A search under way.
struct FileSearch<'a> {
    query: &'a SearchQuery,
    files: &'a RemoteFiles<'a>,
    pattern: regex::bytes::Regex,
    names: Option<NamePattern>,
    begun: Instant,
    files_left: usize,
    bytes_left: usize,
    findings: SearchFindings,
}

impl SearchQuery {
    /// Asks it over SFTP.
    pub(super) async fn ask_over_sftp(
        &self,
        files: &RemoteFiles<'_>,
        about: QueryContext<'_>,
        mask: impl Fn(Vec<u8>) -> Vec<u8> + Send,
    ) -> Result<FileReport, Error> {
        let mut findings = search(self, files).await?;
        for line in &mut findings.lines {
            line.text = mask(std::mem::take(&mut line.text));
        }
        findings.report(self, about)
    }
}

/// Searches a file, or the files of a tree.
async fn search(query: &SearchQuery, files: &RemoteFiles<'_>) -> Result<SearchFindings, Error> {
    let path = query.path.as_str();
    let (own, target) = (files.lstat(path).await?, files.stat(path).await?);
    let there = check_there(path, own, target)?;
    if !there.is_directory() {
        check_file(path, own, target)?;
    }
    let mut search = FileSearch {
        query,
        files,
        pattern: compile("pattern", &query.pattern, query.ignore_case)?,
        names: query
            .name
            .as_deref()
            .map(NamePattern::anywhere)
            .transpose()?,
        begun: Instant::now(),
        files_left: MOST_FILES,
        bytes_left: MOST_BYTES,
        findings: SearchFindings {
            root: files.real_path(path).await?,
            home: files.real_path(".").await?,
            is_directory: there.is_directory(),
            searched_by: "over SFTP, as a Rust regex",
            is_whole: true,
            ..SearchFindings::default()
        },
    };
    let root = RemotePath::new(&search.findings.root);
    if there.is_directory() {
        search.tree(root).await;
    } else {
        search.file(&root).await;
    }
    Ok(search.findings)
}

impl FileSearch<'_> {
    fn has_enough(&mut self) -> bool {
        let has_lines = self.findings.lines.len() > self.query.most();
        let is_out = self.files_left == 0 || self.bytes_left == 0 || self.begun.elapsed() > LONGEST;
        self.findings.is_whole &= !is_out;
        has_lines || is_out
    }

    async fn tree(&mut self, root: RemotePath) {
        let mut directories = vec![root];
        while let Some(directory) = directories.pop() {
            let entries = self.files.read_directory(&directory, MOST_ENTRIES).await;
            let Ok(mut entries) = entries else {
                self.findings.unreadable += 1;
                continue;
            };
            entries.sort_by(|one, other| one.0.cmp(&other.0));
            for (name, metadata) in entries {
                let path = directory.join(&name);
                match metadata.file_type {
                    FileType::Directory => directories.push(path),
                    FileType::File if self.is_meant(&path) => self.file(&path).await,
                    _ => {}
                }
                if self.has_enough() {
                    return;
                }
            }
        }
    }

    fn is_meant(&self, path: &RemotePath) -> bool {
        let names = self.names.as_ref();
        names.is_none_or(|names| names.is_match(path.as_bytes()))
    }

    /// Adds the lines of a file that match.
    async fn file(&mut self, path: &RemotePath) {
        let left = self.query.most() + 1 - self.findings.lines.len().min(self.query.most());
        let selector = LineSelector::from(1, left as u64, MOST_CHOSEN);
        let mut selector = selector.around(self.pattern.clone(), self.query.context());
        let (mut is_first, mut has_text) = (true, true);
        let bytes_left = &mut self.bytes_left;
        let visit = |bytes: &[u8]| {
            let start = sample(bytes, false);
            if is_first && is_binary(start, Charset::Utf8.decode(start).undecodable) {
                has_text = false;
                return ControlFlow::Break(());
            }
            is_first = false;
            *bytes_left = bytes_left.saturating_sub(bytes.len());
            selector.take(bytes);
            if selector.is_done() || *bytes_left == 0 {
                return ControlFlow::Break(());
            }
            ControlFlow::Continue(())
        };
        self.files_left -= 1;
        if self.files.scan_path(path, 0, visit).await.is_err() {
            self.findings.unreadable += 1;
            return;
        }
        selector.finish();
        if has_text {
            let mut printed = Vec::new();
            for line in selector.chosen.split_inclusive(|byte| *byte == b'\n') {
                if line != b"--\n" {
                    printed.extend_from_slice(path.as_bytes());
                    printed.push(0);
                }
                printed.extend_from_slice(line);
            }
            self.findings.lines.extend(FoundLine::all_of(&printed));
        }
    }
}
