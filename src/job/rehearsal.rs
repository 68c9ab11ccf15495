//! Rehearsals: what a change of a file would do to the file as it is on each server, for the question about it.

use futures_util::{StreamExt, stream};
use indexmap::IndexMap;

use super::ending::Ending;
use super::kind::change::{Change, FileChanged, NewContent, SeenContents};
use super::kind::{JobStart, Kind, Spec};
use super::record::Job;
use super::runner::{JobWays, Jobs};
use super::status::Status;
use super::stop::StopSignal;

/// Servers on which a change is rehearsed at a time.
const AT_ONCE: usize = 20;

/// The difference that a change would make.
pub(super) struct Rehearsal {
    /// The difference in lines, for each server on which it is another.
    pub(super) difference: String,
    /// The contents that it is the difference to.
    pub(super) seen: SeenContents,
}

impl Jobs {
    /// Rehearses a job that changes a file; `None` if it does not. A change that none of its servers can have ends
    /// as it would without a question.
    pub(super) async fn rehearse(
        &self,
        job: &Job,
        spec: &Spec,
        stop: &StopSignal,
        ways: JobWays<'_>,
    ) -> Result<Option<Rehearsal>, Ending> {
        let kind = spec.kind();
        let Some(change) = kind.file_change() else {
            return Ok(None);
        };
        let Some(shown) = change.rehearsal() else {
            return Ok(None);
        };
        let servers = kind.servers(&job.alias);
        let is_single = servers.len() == 1;
        let rehearsals = servers.into_iter().map(|alias| {
            let shown = shown.clone();
            async move {
                let outcome = self.rehearse_on(&alias, job, shown, stop, ways).await;
                (alias, outcome)
            }
        });
        let outcomes: Vec<_> = stream::iter(rehearsals).buffered(AT_ONCE).collect().await;
        let mut seen = SeenContents::new();
        let (mut by_text, mut failure) = (IndexMap::<String, Vec<String>>::new(), None);
        for (alias, outcome) in outcomes {
            let text = match outcome {
                Ok(changed) => {
                    let text = difference(&changed, change.content());
                    seen.insert(alias.clone(), changed.sha256_before);
                    text
                }
                Err(ending) => {
                    let reason = ending.error.clone().unwrap_or_default();
                    failure.get_or_insert(ending);
                    format!("cannot be changed: {reason}")
                }
            };
            by_text.entry(text).or_default().push(format!("`{alias}`"));
        }
        if let Some(failure) = failure.filter(|_| seen.is_empty()) {
            return Err(failure);
        }
        let parts = by_text.into_iter().map(|(text, aliases)| {
            if is_single {
                return text;
            }
            format!("on {}:\n{text}", aliases.join(", "))
        });
        Ok(Some(Rehearsal {
            difference: parts.collect::<Vec<_>>().join("\n"),
            seen,
        }))
    }

    async fn rehearse_on(
        &self,
        alias: &str,
        job: &Job,
        shown: Change,
        stop: &StopSignal,
        ways: JobWays<'_>,
    ) -> Result<FileChanged, Ending> {
        let spec = Spec::from(shown.clone());
        let mut one = Job::with_id(job.id.clone(), alias, &spec);
        one.sudo.clone_from(&job.sudo);
        let pools = self.pools(&one, &spec, JobStart::Fresh, stop).await?;
        let context = self.context(&one, JobStart::Fresh, stop, ways, &pools);
        let (ending, outcome) = shown.run(&context).await;
        if ending.status == Status::Completed {
            Ok(outcome.change)
        } else {
            Err(ending)
        }
    }
}

/// The difference that a change makes; the caller's texts where the file may not be shown.
fn difference(changed: &FileChanged, content: Option<&NewContent>) -> String {
    let is_so = changed.sha256_before == changed.sha256_after;
    match &changed.diff {
        Some(diff) => diff.clone(),
        None if is_so => "its text is so already".to_owned(),
        None => content.map(NewContent::shown).unwrap_or_default(),
    }
}
