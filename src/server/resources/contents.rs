//! The contents of resources.

use std::sync::Arc;

use rmcp::model::ResourceContents;
use serde::Serialize;
use serde_json::{Value, json};

use super::{JSON, JSON_LINES, TEXT};
use crate::app::App;
use crate::error::Error;
use crate::fs::blocking;
use crate::job::{JobId, Selection, Stream};
use crate::readable::make_readable;
use crate::reply::to_value;
use crate::resource_uri::ResourceUri;
use crate::store::servers::ServerView;

/// The most bytes of an output; `task_output` has the rest.
const LONGEST_OUTPUT: usize = 1024 * 1024;
/// The most entries of the audit trail.
const LAST_ENTRIES: usize = 100;

/// A server as a resource.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ServerFacts<'a> {
    alias: &'a str,
    server: ServerView,
    /// The SHA-256 fingerprints of the host keys by which it is known.
    host_keys: Vec<String>,
    /// The number of open connections.
    connections: usize,
}

/// The contents of the resource with this address.
pub(in crate::server) async fn contents(
    app: &App,
    uri: String,
) -> Result<Vec<ResourceContents>, Error> {
    let Some(resource) = ResourceUri::parse(&uri) else {
        return Err(Error::UnknownResource { uri });
    };
    let read = match &resource {
        ResourceUri::Task(id) => task(app, id).await.map(|text| vec![(resource, text, JSON)]),
        ResourceUri::Output(id) => output(app, id).await,
        ResourceUri::Stderr(id) => stream(app, id, Stream::Stderr)
            .await
            .map(|text| vec![(resource, text, TEXT)]),
        ResourceUri::Server(alias) => server(app, alias)
            .await
            .map(|text| vec![(resource, text, JSON)]),
        ResourceUri::Audit => audit(app)
            .await
            .map(|text| vec![(resource, text, JSON_LINES)]),
        ResourceUri::Policy => policy(app).await.map(|text| vec![(resource, text, JSON)]),
        ResourceUri::Shells => shells(app).map(|text| vec![(resource, text, JSON)]),
    };
    let parts = read.map_err(|error| match error {
        Error::UnknownTask { .. } | Error::UnknownAlias { .. } => Error::UnknownResource { uri },
        other => other,
    })?;
    let part = |(uri, text, kind): (ResourceUri, String, &str)| {
        ResourceContents::text(text, uri.to_string()).with_mime_type(kind)
    };
    Ok(parts.into_iter().map(part).collect())
}

async fn task(app: &App, id: &str) -> Result<String, Error> {
    let job = app.jobs().look(&JobId::from(id)).await?;
    let mut record = job.for_answer().to_json();
    make_readable(&mut record);
    Ok(pretty(&record))
}

/// The output of a task, and its standard error as a resource of its own, if there is any.
async fn output(app: &App, id: &str) -> Result<Vec<(ResourceUri, String, &'static str)>, Error> {
    let stdout = stream(app, id, Stream::Stdout).await?;
    let stderr = stream(app, id, Stream::Stderr).await?;
    let mut parts = vec![(ResourceUri::Output(id.to_owned()), stdout, TEXT)];
    if !stderr.is_empty() {
        parts.push((ResourceUri::Stderr(id.to_owned()), stderr, TEXT));
    }
    Ok(parts)
}

async fn stream(app: &App, id: &str, stream: Stream) -> Result<String, Error> {
    let job = app.jobs().look(&JobId::from(id)).await?;
    let selection = Selection {
        limit: LONGEST_OUTPUT,
        ..Selection::default()
    };
    let (page, _) = app.jobs().page(&job, stream, selection).await?;
    if page.next >= page.length {
        return Ok(page.text);
    }
    Ok(format!(
        "{}\n[bytes {} to {} are left out; task_output shows them with offset {}]\n",
        page.text, page.next, page.length, page.next
    ))
}

async fn server(app: &App, alias: &str) -> Result<String, Error> {
    let server = app.servers().get(alias)?;
    let known = app.pool().known_keys(alias, &server).await;
    let pool = app.pool().stats();
    let facts = ServerFacts {
        alias,
        server: ServerView::from(&server),
        // An SSH configuration that cannot be read is reported when it is needed.
        host_keys: known
            .unwrap_or_default()
            .into_iter()
            .map(|key| key.fingerprint)
            .collect(),
        connections: pool.by_server.get(alias).map_or(0, |server| server.total),
    };
    Ok(pretty(&to_value(&facts)?))
}

async fn audit(app: &App) -> Result<String, Error> {
    let calls = Arc::clone(app.calls());
    let mut entries = blocking(move || calls.last(LAST_ENTRIES)).await?;
    entries.iter_mut().for_each(make_readable);
    let lines = entries.iter().map(|entry| format!("{entry}\n"));
    Ok(lines.collect())
}

async fn policy(app: &App) -> Result<String, Error> {
    let guard = Arc::clone(app.guard());
    let rules = blocking(move || guard.policies().rules()).await?;
    Ok(pretty(&to_value(&rules)?))
}

fn shells(app: &App) -> Result<String, Error> {
    Ok(pretty(
        &json!({ "shells": to_value(&app.shells().list())? }),
    ))
}

fn pretty(value: &Value) -> String {
    serde_json::to_string_pretty(value).expect("a JSON value can be written")
}
