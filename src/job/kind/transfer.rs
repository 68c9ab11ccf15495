//! Files that are moved over SFTP.

use std::slice;
use std::time::Duration;

use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize, Serializer, de};
use serde_json::{Map, Value};

use super::context::Context;
use super::{Kind, Outcome, Results, SFTP, is_of_type};
use crate::error::{Error, FailedFile, OF_THE_KERNEL, Stopped, is_of_kernel};
use crate::guard::Guard;
use crate::job::answer::{AnswerText, ShownOutput};
use crate::job::ending::Ending;
use crate::job::fields::take;
use crate::job::header::Header;
use crate::job::id::JobId;
use crate::job::status::Status;
use crate::job::stream::Stream;
use crate::sftp::transfer::{
    Direction, PlanReport, RemovalRules, Summary, TransferEntry, TransferOptions, TransferRequest,
    TransferRunner,
};
use crate::sftp::{
    APPROVED, BACKUPS, Notes, Replacements, TransferProgress, VersionKeeper, VersionSide,
};
use crate::ssh::patience;
use crate::text::in_bytes;

/// The interval at which the record is told of a transfer's progress.
const PROGRESS_INTERVAL: Duration = Duration::from_millis(250);

/// Stands for each server's alias in local paths of a transfer with several.
const ALIAS: &str = "{alias}";

/// Destinations that an answer names.
const DESTINATIONS: usize = 5;

/// Failed files that an answer names.
const FAILURES: usize = 20;

/// Begins a line of the report that tells of something to know.
const NOTE: &str = "Note: ";

/// Moves files and trees.
#[derive(Clone, Debug)]
pub struct Transfer(pub TransferRequest);

/// The paths of a transfer as a record holds them.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct RecordedPaths {
    direction: Direction,
    /// The server that the files come from, where they go from server to server.
    #[serde(skip_serializing_if = "Option::is_none")]
    source_alias: Option<String>,
    /// The entries of a transfer that has several, or patterns.
    #[serde(skip_serializing_if = "Option::is_none")]
    files: Option<Vec<TransferEntry>>,
    /// The ID of the first try, which is in the names of its part files.
    #[serde(skip_serializing_if = "Option::is_none")]
    part: Option<String>,
    /// The path on this machine or on the server that the file comes from, where it is the only one.
    #[serde(skip_serializing_if = "Option::is_none")]
    local: Option<String>,
    /// The path on the server, where it is the only one.
    #[serde(skip_serializing_if = "Option::is_none")]
    remote: Option<String>,
}

impl From<&TransferRequest> for RecordedPaths {
    fn from(request: &TransferRequest) -> Self {
        let (files, only) = match request.entries.as_slice() {
            [only] if !request.patterns => (None, Some(only.clone())),
            entries => (Some(entries.to_vec()), None),
        };
        let (local, remote) = only.map(|only| (only.local, only.remote)).unzip();
        Self {
            direction: request.direction,
            source_alias: request.source_alias.clone(),
            files,
            part: request.part.clone(),
            local,
            remote,
        }
    }
}

impl RecordedPaths {
    fn request(self, options: TransferOptions) -> Option<TransferRequest> {
        let (entries, patterns) = match (self.local, self.remote, self.files) {
            (Some(local), Some(remote), _) => (vec![TransferEntry { local, remote }], false),
            (_, _, Some(files)) => (files, true),
            _ => return None,
        };
        if self.source_alias.is_some() != (self.direction == Direction::ServerToServer) {
            return None;
        }
        Some(TransferRequest {
            direction: self.direction,
            source_alias: self.source_alias,
            entries,
            patterns,
            options,
            part: self.part,
        })
    }
}

impl Serialize for Transfer {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Recorded<'a> {
            #[serde(flatten)]
            paths: RecordedPaths,
            #[serde(flatten)]
            options: &'a TransferOptions,
        }
        let Self(request) = self;
        let recorded = Recorded {
            paths: request.into(),
            options: &request.options,
        };
        recorded.serialize(serializer)
    }
}

/// The outcome of a transfer, so far while it runs.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TransferOutcome {
    /// A report in a few lines.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output: Option<String>,
    /// The state of a cancelled transfer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub process: Option<Stopped>,
    /// Files that arrived.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub files_done: Option<usize>,
    /// Files in all, once that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub files_total: Option<usize>,
    /// Bytes that arrived.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
    /// Bytes in all, once that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes_total: Option<u64>,
    /// Bytes that were there already when it went on after a lost connection or in a retry.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resumed_bytes: Option<u64>,
    /// The first files that arrived, or the directories that things went into.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub destinations: Option<Vec<String>>,
    /// Set if the checksums of both sides were the same for every file that arrived.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verified: Option<bool>,
    /// Files that were left out, because their copies were the same.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unchanged: Option<usize>,
    /// Entries that a mirror deleted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deleted: Option<usize>,
    /// The plan, if it was only planned.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plan: Option<PlanReport>,
    /// Files that did not arrive.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failed_files: Option<Vec<FailedFile>>,
}

impl Results for TransferOutcome {
    fn take(record: &mut Map<String, Value>) -> serde_json::Result<Self> {
        take(record)
    }

    fn text(&self, stream: Stream) -> Option<&str> {
        match stream {
            Stream::Stdout => self.output.as_deref(),
            Stream::Stderr => None,
        }
    }

    fn progress(&self) -> Option<String> {
        let files = in_files(self.files_done.unwrap_or_default());
        let bytes = in_bytes(self.bytes.unwrap_or_default());
        let of_all = self.bytes_total.map(in_bytes);
        let of_all = of_all.map(|all| format!(" of {all}")).unwrap_or_default();
        Some(format!("{files} done, {bytes}{of_all}"))
    }

    fn texts(&mut self) -> Vec<&mut String> {
        let failed = self.failed_files.iter_mut().flatten();
        let planned = self.plan.iter_mut().flat_map(|plan| &mut plan.lines);
        failed
            .flat_map(|failed| [&mut failed.file, &mut failed.error])
            .chain(planned)
            .chain(self.destinations.iter_mut().flatten())
            .chain(&mut self.output)
            .collect()
    }
}

impl From<&TransferProgress> for TransferOutcome {
    fn from(progress: &TransferProgress) -> Self {
        let totals = progress.totals();
        Self {
            files_done: Some(progress.files()),
            bytes: Some(progress.bytes()),
            files_total: totals.map(|totals| totals.files),
            bytes_total: totals.map(|totals| totals.bytes),
            ..Self::default()
        }
    }
}

impl Transfer {
    /// Moves the files, and publishes how far that has come.
    async fn move_files(&self, context: &Context<'_>) -> Result<Summary, Error> {
        let Self(request) = self;
        let (progress, notes) = (TransferProgress::default(), Notes::default());
        let roots = context.guard.roots().around(&request.local_bases());
        let backups = context.data.backups(BACKUPS);
        let pack = context.versions.pack(context.job.id.as_str());
        let side = self.changed_side(context)?;
        let transfer = TransferRunner {
            pool: context.pool,
            source_pool: context.reading_pool,
            alias: &context.job.alias,
            request,
            token: request.part.as_deref().unwrap_or(context.job.id.as_str()),
            patience: patience(context.config.command_timeout),
            reconnect_patience: context.config.reconnect_patience,
            max_entries: context.config.max_entries,
            max_growth: context.config.max_growth,
            roots: &roots,
            may_write: &|| context.guard.write_check(),
            removals: Some(RemovalRules {
                may_remove: &|| context.guard.removal_check(),
                approved: context.data.document(APPROVED),
            }),
            backups: &backups,
            replacements: &Replacements::default(),
            keeper: Some(VersionKeeper {
                pack: &pack,
                side: &side,
            }),
            progress: &progress,
            notes: &notes,
            cancel: context.cancel(),
        };
        // Boxed, or the compiler does not see that it may go from thread to thread.
        let mut moved: BoxFuture<'_, _> = Box::pin(transfer.run());
        let mut last = (0, None);
        loop {
            tokio::select! {
                summary = &mut moved => {
                    let note = pack.finish().await;
                    return summary.map(|mut summary| {
                        summary.notes.extend(note);
                        summary
                    });
                }
                () = tokio::time::sleep(PROGRESS_INTERVAL) => {
                    let now = (progress.bytes(), progress.totals());
                    if now != last {
                        last = now;
                        context.publish(Outcome::Transfer((&progress).into()));
                    }
                }
            }
        }
    }

    /// The side on which files are replaced.
    fn changed_side(&self, context: &Context<'_>) -> Result<VersionSide, Error> {
        let alias = context.job.alias.clone();
        let endpoint = match self.0.direction {
            Direction::Download => None,
            Direction::Upload | Direction::ServerToServer => {
                Some(context.pool.server(&alias)?.endpoint())
            }
        };
        Ok(VersionSide { alias, endpoint })
    }

    /// Returns the ending and the outcome of a transfer with this summary.
    fn close(&self, summary: Summary) -> (Ending, TransferOutcome) {
        let (done, failures) = (summary.done, summary.failures);
        let total = done + failures;
        let direction = self.0.direction.name();
        let mut output = match &summary.plan {
            Some(plan) => format!("{direction}: {} changes planned", plan.changes()),
            None => format!("{direction}: {done}/{total} files transferred"),
        };
        if let Some(first) = summary.failed.first() {
            let others = match failures - 1 {
                0 => String::new(),
                others => format!(" and {others} more"),
            };
            output = format!("{output}\nfailed: {}{others}", first.file);
        }
        for note in &summary.notes {
            output.push('\n');
            output.push_str(NOTE);
            output.push_str(note);
        }
        let process = match (summary.abandoned, summary.cancelled && failures > 0) {
            (true, _) => Some(Stopped::Unknown),
            (false, true) => Some(Stopped::Stopped),
            (false, false) => None,
        };
        let outcome = TransferOutcome {
            output: Some(output),
            process,
            files_done: Some(done),
            files_total: Some(total),
            bytes: Some(summary.bytes),
            bytes_total: summary.totals.map(|totals| totals.bytes),
            resumed_bytes: Some(summary.resumed).filter(|bytes| *bytes > 0),
            destinations: Some(summary.destinations).filter(|places| !places.is_empty()),
            verified: summary.verified.then_some(true),
            unchanged: Some(summary.unchanged).filter(|_| self.0.options.compares()),
            deleted: Some(summary.deleted).filter(|_| self.0.options.mirror),
            plan: summary.plan.clone(),
            failed_files: Some(summary.failed.clone()),
        };
        let planned = summary.plan.as_ref().map_or(0, PlanReport::changes);
        let came_off = done + summary.deleted + summary.unchanged + planned;
        let ending = if summary.abandoned {
            let what = "the transfer was given up on a server that does not answer; part files may have stayed";
            Ending::of(Status::Cancelled, what)
        } else if summary.cancelled && failures > 0 {
            Ending::of(Status::Cancelled, "the transfer was stopped")
        } else if failures == 0 {
            Ending::completed()
        } else if let (0, Some(refusal), true) =
            (came_off, summary.refusal, summary.refused == failures)
        {
            refusal.into()
        } else if came_off == 0 {
            let failed = summary.failed;
            let ending = Ending::from(Error::Transfer { failed });
            let mut entries = self.0.entries.iter();
            let is_upload = self.0.direction != Direction::Download;
            if is_upload && entries.any(|entry| is_of_kernel(&entry.remote)) {
                ending.advise(OF_THE_KERNEL.to_owned())
            } else {
                ending
            }
        } else {
            let what = match &summary.plan {
                Some(_) => format!("{failures} could not be copied or deleted"),
                None => format!("{failures} of {total} files failed"),
            };
            Ending::of(Status::Partial, what)
        };
        (ending, outcome)
    }
}

impl Kind for Transfer {
    type Outcome = TransferOutcome;

    fn record_type(&self) -> &'static str {
        SFTP
    }

    fn describes(record: &Map<String, Value>) -> bool {
        is_of_type(record, SFTP)
    }

    fn take(record: &mut Map<String, Value>) -> serde_json::Result<Self> {
        let paths: RecordedPaths = take(record)?;
        let request = paths.request(take(record)?).map(Self);
        request.ok_or_else(|| de::Error::missing_field("files"))
    }

    /// A retry goes on from the parts of the first try.
    fn again(&self, id: &JobId) -> Result<Self, Error> {
        let mut request = self.0.clone();
        request.part.get_or_insert_with(|| id.to_string());
        Ok(Self(request))
    }

    fn tool(&self) -> &'static str {
        if self.0.patterns {
            "task_transfer_multi"
        } else {
            "task_transfer"
        }
    }

    fn changes_server(&self) -> bool {
        self.0.direction != Direction::Download && !self.0.options.dry_run
    }

    /// A download from several servers needs a place for each.
    fn check_targets(&self, _targets: &[String]) -> Result<(), Error> {
        let mut entries = self.0.entries.iter();
        if self.0.direction != Direction::Download
            || entries.all(|entry| entry.local.contains(ALIAS))
        {
            return Ok(());
        }
        let parameter = if self.0.patterns { "files" } else { "local" };
        let problem = format!(
            "needs {ALIAS} in each local path, so that the files of each server get a place of their own"
        );
        Err(Error::invalid(parameter, problem))
    }

    fn for_server(&self, alias: &str) -> Result<Self, Error> {
        let mut request = self.0.clone();
        let mut entries = request.entries.iter_mut();
        if entries.any(|entry| entry.local.contains(ALIAS)) && alias.contains(['/', '\\']) {
            let problem = format!("holds a slash, so that it cannot stand for {ALIAS} in a path");
            return Err(Error::invalid("alias", problem));
        }
        for entry in &mut request.entries {
            entry.local = entry.local.replace(ALIAS, alias);
        }
        Ok(Self(request))
    }

    fn can_be_undone(&self) -> bool {
        true
    }

    fn knows_targets(&self) -> bool {
        self.0.plain_targets().is_some()
    }

    fn authorize(&self, guard: &Guard) -> Result<(), Error> {
        let Self(request) = self;
        request.check()?;
        if let Some(source) = &request.source_alias {
            guard.check_alias(source)?;
        }
        let mut paths = request.local_bases().into_iter();
        paths.try_for_each(|path| guard.roots().check(&path))?;
        let targets = request.plain_targets();
        targets.map_or(Ok(()), |targets| refuse_blocked(guard, &targets))
    }

    fn texts(&mut self) -> Vec<&mut String> {
        let entries = self.0.entries.iter_mut();
        entries
            .flat_map(|entry| [&mut entry.local, &mut entry.remote])
            .collect()
    }

    fn summary(&self) -> String {
        let direction = self.0.direction;
        let source = self.0.source_alias.as_deref().unwrap_or_default();
        let entries = self.0.entries.iter();
        let entries = entries.map(|TransferEntry { local, remote }| match direction {
            Direction::Upload => format!("{local} -> {remote}"),
            Direction::Download => format!("{remote} -> {local}"),
            Direction::ServerToServer => format!("{source}:{local} -> {remote}"),
        });
        let entries = entries.collect::<Vec<_>>().join(", ");
        let trial = if self.0.options.dry_run {
            "dry run: "
        } else {
            ""
        };
        format!("{trial}{} {entries}", direction.name())
    }

    async fn run(&self, context: &Context<'_>) -> (Ending, TransferOutcome) {
        match self.move_files(context).await {
            Ok(summary) => self.close(summary),
            Err(error) => (error.into(), TransferOutcome::default()),
        }
    }

    fn render(job: &Header, outcome: &TransferOutcome, _shown: &ShownOutput) -> String {
        let mut text = AnswerText::of(job, outcome.headline(job));
        for failed in outcome.failed_files.iter().flatten().take(FAILURES) {
            text.note(format!("`{}`: {}", failed.file, failed.error));
        }
        let planned = outcome.plan.iter().flat_map(PlanReport::further_lines);
        for line in planned.chain(outcome.further_lines()) {
            text.note(line);
        }
        text.end()
    }
}

impl TransferOutcome {
    /// The result of the transfer: files, bytes and time.
    fn headline(&self, job: &Header) -> String {
        let first = self.output.as_deref().unwrap_or_default();
        let is = |direction: Direction| first.starts_with(direction.name());
        let moved = if is(Direction::Upload) {
            "uploaded"
        } else if is(Direction::ServerToServer) {
            "copied"
        } else {
            "downloaded"
        };
        let (done, total) = (self.files_done.unwrap_or_default(), self.files_total);
        let files = match total {
            Some(total) if total != done => format!("{done} of {}", in_files(total)),
            _ => in_files(done),
        };
        let bytes = in_bytes(self.bytes.unwrap_or_default());
        let time = job.time_taken().unwrap_or_default();
        let verified = match self.verified {
            Some(true) => ", verified",
            _ => "",
        };
        let told = |count: Option<usize>, word| {
            let count = count.filter(|count| *count > 0);
            count.map_or(String::new(), |count| format!(", {count} {word}"))
        };
        let unchanged = told(self.unchanged, "unchanged");
        let deleted = told(self.deleted, "deleted");
        let moved = match &self.plan {
            Some(plan) => plan.headline(moved),
            None => {
                format!("{moved} {files}, {bytes} in {time}{verified}{unchanged}{deleted}")
            }
        };
        match (job.status, &job.error) {
            (Status::Completed | Status::Partial, _) | (_, None) => moved,
            (status, Some(error)) => format!("{status}: {error}; {moved}"),
        }
    }

    /// The number of failures that are not named, the places of the files now, and notes.
    fn further_lines(&self) -> Vec<String> {
        let failures = self.failed_files.as_ref().map_or(0, Vec::len);
        let places = self.destinations.as_deref().unwrap_or_default();
        let notes = self.output.iter().flat_map(|output| output.lines());
        let mut lines = Vec::new();
        if failures > FAILURES {
            lines.push(format!("and {} more failed", failures - FAILURES));
        }
        let named = places.iter().take(DESTINATIONS);
        lines.extend(named.map(|place| format!("now at {place}")));
        if places.len() > DESTINATIONS {
            let others = places.len() - DESTINATIONS;
            lines.push(format!("and at {others} more places"));
        }
        lines.extend(
            notes
                .filter(|line| line.starts_with(NOTE))
                .map(ToOwned::to_owned),
        );
        lines
    }
}

fn in_files(count: usize) -> String {
    match count {
        1 => "1 file".to_owned(),
        _ => format!("{count} files"),
    }
}

/// Refuses an upload of which no file may be written, as far as a block rule says so of what was given.
/// The rest is judged once it is known where links and directories lead.
pub(super) fn refuse_blocked(guard: &Guard, targets: &[String]) -> Result<(), Error> {
    let mut refusal = None;
    for target in targets {
        match guard.may_write(slice::from_ref(target)) {
            Err(error @ Error::Blocked { rule: Some(_), .. }) => {
                refusal.get_or_insert(error);
            }
            Err(Error::Blocked { .. }) | Ok(()) => return Ok(()),
            Err(error) => return Err(error),
        }
    }
    refusal.map_or(Ok(()), Err)
}

#[cfg(test)]
mod tests {
    use super::super::Spec;
    use super::*;
    use crate::job::record::Job;
    use crate::sftp::transfer::Comparison;

    #[test]
    fn a_record_holds_what_a_retry_needs() {
        let request = TransferRequest {
            direction: Direction::Download,
            source_alias: None,
            entries: vec![TransferEntry {
                local: "a".into(),
                remote: "b".into(),
            }],
            patterns: false,
            options: TransferOptions {
                verify: true,
                in_place: true,
                follow_directory_links: true,
                exclude: vec!["*.tmp".into()],
                gitignore: true,
                dry_run: true,
                only_changed: Some(Comparison::Checksum),
                mirror: true,
                token: Some("0123".into()),
            },
            part: None,
        };
        let options = request.options.clone();
        let job = Job::new("web1", &Transfer(request).into());
        let stored: Job = serde_json::from_value(job.to_json()).unwrap();
        let Spec::Transfer(Transfer(again)) = stored.spec.again(&job.id).unwrap() else {
            panic!("a transfer stays a transfer");
        };
        assert_eq!(again.options, options);
        let [TransferEntry { local, remote }] = again.entries.as_slice() else {
            panic!("it has one entry");
        };
        assert_eq!((local.as_str(), remote.as_str()), ("a", "b"));
        assert_eq!(
            (again.patterns, again.part),
            (false, Some(job.id.to_string()))
        );
    }

    #[test]
    fn a_record_without_its_paths_is_kept_and_not_retried() {
        let record = serde_json::json!({"id": "00000001", "type": "sftp", "alias": "web1",
            "direction": "upload", "local": "a", "status": "failed",
            "createdAt": "2026-11-22T13:14:30.805Z", "retryCount": 0, "maxRetries": 3});
        let stored: Job = serde_json::from_value(record.clone()).unwrap();
        assert!(matches!(
            stored.spec.again(&stored.id),
            Err(Error::NotRetryable { .. })
        ));
        assert_eq!(stored.to_json(), record);
    }
}
