//! A comparison of files and trees of several places.

use std::time::Duration;

use futures_util::future::join_all;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::context::{Context, limit_of};
use super::{Kind, Results, SFTP, hide_text, is_of_type};
use crate::compare::{self, EntryAspect, TreeComparison};
use crate::edit::Diff;
use crate::error::Error;
use crate::file_query::holds_private_key;
use crate::fs::expand_home;
use crate::guard::Guard;
use crate::job::answer::{AnswerText, ShownOutput};
use crate::job::ending::Ending;
use crate::job::fields::take;
use crate::job::header::Header;
use crate::job::id::JobId;
use crate::job::status::Status;
use crate::job::stream::Stream;
use crate::sftp::{EntryContent, TreeAccess, TreeDigest, TreePlace};
use crate::ssh::patience;

/// Most lines and bytes of a report.
const MOST_LINES: usize = 100;
const MOST_BYTES: usize = 8 * 1024;

/// Most files whose contents are compared line by line, and the longest of them.
const MOST_DIFFS: usize = 20;
const LONGEST_DIFFED: u64 = 1024 * 1024;

/// Notes of one place that are told.
const MOST_NOTES: usize = 5;

/// The time for a tree where commands may take as long as they want.
const LONGEST_TIME: Duration = Duration::from_secs(3600);

/// Compares files and trees.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Compare {
    /// The places, as the caller wrote them.
    pub sources: Vec<String>,
    /// Patterns of what is passed over, by the rules of gitignore.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ignore: Vec<String>,
    /// True if the lines in which texts differ are shown.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub diff: bool,
}

/// The outcome of a comparison.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CompareOutcome {
    /// The differences, and what is to be known besides.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output: Option<String>,
    /// The result in a few words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verdict: Option<String>,
    /// Entries that differ.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub differing: Option<usize>,
}

impl Results for CompareOutcome {
    fn take(record: &mut Map<String, Value>) -> serde_json::Result<Self> {
        take(record)
    }

    fn text(&self, stream: Stream) -> Option<&str> {
        match stream {
            Stream::Stdout => self.output.as_deref(),
            Stream::Stderr => None,
        }
    }

    fn texts(&mut self) -> Vec<&mut String> {
        self.output.iter_mut().chain(&mut self.verdict).collect()
    }
}

impl Compare {
    fn places(&self) -> Result<Vec<TreePlace>, Error> {
        self.sources
            .iter()
            .map(|source| compare::place(source))
            .collect()
    }

    /// The alias of the first server.
    pub fn alias(&self) -> Result<String, Error> {
        if self.sources.len() < 2 {
            return Err(Error::invalid("sources", "has to name two places or more"));
        }
        let mut servers = self.places()?.into_iter().filter_map(|place| match place {
            TreePlace::Here(_) => None,
            TreePlace::Server { alias, .. } => Some(alias),
        });
        servers.next().ok_or_else(|| {
            Error::invalid(
                "sources",
                "has to name a server at least, such as web1:/etc/nginx",
            )
        })
    }

    async fn compare(&self, context: &Context<'_>) -> Result<CompareOutcome, Error> {
        let places = self.places()?;
        let access = TreeAccess {
            pool: context.reading_pool,
            roots: context.guard.roots(),
            patience: patience(context.config.command_timeout),
            limit: limit_of(None, context.config.command_timeout).unwrap_or(LONGEST_TIME),
            max_entries: context.config.max_entries,
            ignore: &self.ignore,
        };
        let digests = join_all(places.iter().map(|place| access.digest(place))).await;
        let mut report = DifferenceLines::default();
        let labels = compare::labels(&places);
        let mut compared = Vec::new();
        let mut first_error = None;
        for ((place, label), digest) in places.iter().zip(&labels).zip(&digests) {
            match digest {
                Ok(tree) if tree.entries.is_empty() => {
                    report.add(&format!("{label}: nothing is there"));
                }
                Ok(tree) => {
                    for note in tree.notes.iter().take(MOST_NOTES) {
                        report.add(&format!("{label}: {note}"));
                    }
                    compared.push(ComparedTree {
                        place,
                        label: label.clone(),
                        tree,
                    });
                }
                Err(error) => {
                    report.add(&format!("{label}: not compared: {error}"));
                    first_error.get_or_insert_with(|| error.clone());
                }
            }
        }
        let listed = digests.iter().filter(|digest| digest.is_ok()).count();
        if let (Some(error), true) = (first_error, listed < 2) {
            return Err(error);
        }
        let trees: Vec<_> = compared.iter().map(|one| one.tree).collect();
        let labels: Vec<_> = compared.iter().map(|one| one.label.clone()).collect();
        // Files here belong to whoever runs this.
        let is_server = |one: &ComparedTree<'_>| matches!(one.place, TreePlace::Server { .. });
        let has_owners: Vec<_> = compared.iter().map(is_server).collect();
        let comparison = TreeComparison::of(&trees, &has_owners);
        for difference in &comparison.differences {
            report.add(&compare::difference(difference, &labels, &trees));
        }
        if self.diff {
            self.add_diffs(context, access, &comparison, &compared, &mut report)
                .await;
        }
        let verdict = match compared.as_slice() {
            [] => "nothing is there on any of them".to_owned(),
            [only] => format!("only {} has it", only.label),
            _ => compare::heading(&comparison, places.len()),
        };
        Ok(CompareOutcome {
            output: report.end(),
            verdict: Some(verdict),
            differing: Some(comparison.differing),
        })
    }

    /// Adds the lines in which texts differ from the reference.
    async fn add_diffs(
        &self,
        context: &Context<'_>,
        access: TreeAccess<'_>,
        comparison: &TreeComparison,
        compared: &[ComparedTree<'_>],
        report: &mut DifferenceLines,
    ) {
        let differences = comparison.differences.iter();
        let contents = differences.filter(|one| one.aspect == EntryAspect::Content);
        let mut shown = 0;
        for difference in contents {
            let path = &difference.path;
            let [reference, others @ ..] = difference.groups.as_slice() else {
                continue;
            };
            for other in others {
                if shown == MOST_DIFFS || report.is_full() {
                    report.left_out += 1;
                    continue;
                }
                let [old, new] = [reference, other].map(|group| &compared[group[0]]);
                let is_file = |one: &ComparedTree<'_>| one.size(path).is_some();
                if !is_file(old) || !is_file(new) {
                    continue;
                }
                shown += 1;
                let [from, to] =
                    [old, new].map(|one| format!("{}: {}", one.label, compare::name(path)));
                report.add(&format!("--- {from}\n+++ {to}"));
                let texts = async {
                    let old = old.content(context.guard, access, path).await?;
                    let new = new.content(context.guard, access, path).await?;
                    Ok::<_, String>((old, new))
                };
                match texts.await {
                    Ok((old, new)) => report.add(&Diff::of(&old, &new, report.room()).text),
                    Err(reason) => report.add(&format!("(not shown: {reason})")),
                }
            }
        }
    }
}

/// A tree that is compared.
struct ComparedTree<'a> {
    place: &'a TreePlace,
    label: String,
    tree: &'a TreeDigest,
}

impl ComparedTree<'_> {
    /// The size of a file.
    fn size(&self, path: &[u8]) -> Option<u64> {
        match self.tree.entries.get(path)?.content {
            EntryContent::File { size, .. } => Some(size),
            _ => None,
        }
    }

    /// The content of a file, or the reason why it is not shown.
    async fn content(
        &self,
        guard: &Guard,
        access: TreeAccess<'_>,
        path: &[u8],
    ) -> Result<Vec<u8>, String> {
        if self.size(path).is_none_or(|size| size > LONGEST_DIFFED) {
            return Err(format!("it is longer than {LONGEST_DIFFED} bytes"));
        }
        let most = usize::try_from(LONGEST_DIFFED).unwrap_or(usize::MAX);
        let read = access.content(self.place, path, most).await;
        let (content, names) = read.map_err(|error| error.to_string())?;
        let judged = guard.may_read(&names, holds_private_key(&content));
        judged.map_err(|error| error.to_string())?;
        Ok(content)
    }
}

/// The lines of an answer, as far as there is room.
#[derive(Default)]
struct DifferenceLines {
    text: String,
    lines: usize,
    left_out: usize,
}

impl DifferenceLines {
    fn is_full(&self) -> bool {
        self.left_out > 0 || self.room() == 0
    }

    fn room(&self) -> usize {
        MOST_BYTES.saturating_sub(self.text.len())
    }

    fn add(&mut self, line: &str) {
        if self.is_full() || self.lines == MOST_LINES || line.len() > self.room() {
            self.left_out += 1;
            return;
        }
        self.lines += 1;
        if !self.text.is_empty() {
            self.text.push('\n');
        }
        self.text.push_str(line);
    }

    fn end(mut self) -> Option<String> {
        if self.left_out > 0 {
            let more = format!(
                "\n… and {} more; compare a part of it, or set ignore",
                self.left_out
            );
            self.text.push_str(&more);
        }
        Some(self.text).filter(|text| !text.is_empty())
    }
}

impl Kind for Compare {
    type Outcome = CompareOutcome;

    fn record_type(&self) -> &'static str {
        SFTP
    }

    fn describes(record: &Map<String, Value>) -> bool {
        is_of_type(record, SFTP) && record.contains_key("sources")
    }

    fn take(record: &mut Map<String, Value>) -> serde_json::Result<Self> {
        take(record)
    }

    fn again(&self, _id: &JobId) -> Result<Self, Error> {
        Ok(self.clone())
    }

    fn tool(&self) -> &'static str {
        "compare"
    }

    fn changes_server(&self) -> bool {
        false
    }

    fn authorize(&self, guard: &Guard) -> Result<(), Error> {
        TreeAccess::check_ignore(&self.ignore)?;
        for place in self.places()? {
            match place {
                TreePlace::Here(path) => guard.roots().check(&expand_home(&path))?,
                TreePlace::Server { alias, .. } => guard.check_alias(&alias)?,
            }
        }
        Ok(())
    }

    fn texts(&mut self) -> Vec<&mut String> {
        self.sources.iter_mut().chain(&mut self.ignore).collect()
    }

    fn hide_secrets(&mut self, alias: &str) -> bool {
        let hide = |is_masked, text| hide_text(alias, text) || is_masked;
        self.texts().into_iter().fold(false, hide)
    }

    fn summary(&self) -> String {
        format!("compare {}", self.sources.join(", "))
    }

    async fn run(&self, context: &Context<'_>) -> (Ending, CompareOutcome) {
        let compared = tokio::select! {
            compared = Box::pin(self.compare(context)) => compared,
            () = context.cancel().cancelled() => {
                let ending = Ending::of(Status::Cancelled, "the comparison was stopped");
                return (ending, CompareOutcome::default());
            }
        };
        match compared {
            Ok(outcome) => (Ending::completed(), outcome),
            Err(error) => (error.into(), CompareOutcome::default()),
        }
    }

    fn render(job: &Header, outcome: &CompareOutcome, _shown: &ShownOutput) -> String {
        let reason = job.error.as_deref().unwrap_or(job.status.name());
        let headline = outcome.verdict.as_deref().unwrap_or(reason);
        let mut text = AnswerText::of(job, headline);
        if let Some(output) = &outcome.output {
            text.line(output);
        }
        text.end()
    }
}
