//! Completions of the arguments of prompts and of the addresses of resources.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rmcp::model::{CompletionInfo, Reference};
use tokio::time::timeout;

use super::prompts::{self, ArgumentKind};
use crate::app::App;
use crate::error::Error;
use crate::fleet::TAG;
use crate::fs::{blocking, complete_path};
use crate::resource_uri::{OUTPUT_TEMPLATE, SERVER_TEMPLATE, TASK_TEMPLATE};
use crate::store::servers::Server;

/// The time allowed for one completion. A person is typing.
const COMPLETED_WITHIN: Duration = Duration::from_secs(1);

/// The kind of a value that is completed.
#[derive(Clone, Copy, Debug)]
enum ValueKind {
    Alias,
    /// An alias or a tag.
    Target,
    TaskId,
    LocalPath,
    /// Anything: nothing is proposed.
    Text,
}

/// The values of an argument that begin with what was typed: none if it takes too long.
pub(super) async fn complete(
    app: &App,
    of: &Reference,
    argument: &str,
    typed: &str,
) -> Result<CompletionInfo, Error> {
    let kind = kind_of(of, argument)?;
    let values = timeout(COMPLETED_WITHIN, values(app, kind, typed)).await;
    let mut values = values.unwrap_or_else(|_| Ok(Vec::new()))?;
    let has_more = values.len() > CompletionInfo::MAX_VALUES;
    values.truncate(CompletionInfo::MAX_VALUES);
    CompletionInfo::with_pagination(values, None, has_more)
        .map_err(|reason| Error::Internal { reason })
}

fn kind_of(of: &Reference, argument: &str) -> Result<ValueKind, Error> {
    let kind = match of {
        Reference::Prompt(prompt) => match prompts::find(&prompt.name)?.kind_of(argument) {
            Some(ArgumentKind::Alias) => Some(ValueKind::Target),
            Some(ArgumentKind::LocalPath) => Some(ValueKind::LocalPath),
            Some(ArgumentKind::Text) => Some(ValueKind::Text),
            None => None,
        },
        Reference::Resource(template) => match (template.uri.as_str(), argument) {
            (TASK_TEMPLATE | OUTPUT_TEMPLATE, "id") => Some(ValueKind::TaskId),
            (SERVER_TEMPLATE, "alias") => Some(ValueKind::Alias),
            (TASK_TEMPLATE | OUTPUT_TEMPLATE | SERVER_TEMPLATE, _) => None,
            (other, _) => {
                let problem = format!("names no template: `{other}`");
                return Err(Error::invalid("uri", problem));
            }
        },
        _ => return Err(Error::invalid("ref", "is of no known type")),
    };
    kind.ok_or_else(|| Error::invalid("argument", format!("is not known: `{argument}`")))
}

async fn values(app: &App, kind: ValueKind, typed: &str) -> Result<Vec<String>, Error> {
    let all = match kind {
        ValueKind::Alias | ValueKind::Target => {
            let servers = app.servers().list()?;
            let tags = match kind {
                ValueKind::Target => tags_of(&servers),
                _ => BTreeSet::new(),
            };
            let aliases = servers.into_iter().map(|(alias, _)| alias);
            aliases.chain(tags).collect()
        }
        ValueKind::TaskId => {
            let jobs = app.jobs().queue().list().await?;
            jobs.iter().map(|job| job.id.to_string()).collect()
        }
        ValueKind::LocalPath => return local_paths(app, typed).await,
        ValueKind::Text => Vec::new(),
    };
    Ok(all
        .into_iter()
        .filter(|value: &String| value.starts_with(typed))
        .collect())
}

/// The tags that servers have, each as an expression.
fn tags_of(servers: &[(String, Server)]) -> BTreeSet<String> {
    let tags = servers.iter().flat_map(|(_, server)| server.tags());
    tags.map(|tag| format!("{TAG}{tag}")).collect()
}

/// Paths on this machine that transfers may touch.
async fn local_paths(app: &App, typed: &str) -> Result<Vec<String>, Error> {
    let (guard, typed) = (Arc::clone(app.guard()), typed.to_owned());
    blocking(move || {
        let roots = guard.roots();
        if typed.is_empty() {
            return Ok(beginnings(roots.directories()));
        }
        let paths = complete_path(&typed).into_iter();
        let allowed = paths.filter(|path| roots.leads_to(&path.path));
        // One more than is shown tells that there are more.
        let allowed = allowed.take(CompletionInfo::MAX_VALUES + 1);
        Ok(allowed.map(|path| path.typed).collect())
    })
    .await
}

/// The paths to begin with, before anything was typed.
fn beginnings(roots: &[PathBuf]) -> Vec<String> {
    if roots.is_empty() {
        return vec!["~/".to_owned(), "/".to_owned()];
    }
    let roots = roots.iter().map(|root| format!("{}/", root.display()));
    roots.collect()
}
