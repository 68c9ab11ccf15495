//! The list of resources, and the templates of their addresses.

use rmcp::model::{Resource, ResourceTemplate};

use super::{JSON, JSON_LINES, TEXT};
use crate::app::App;
use crate::error::Error;
use crate::job::Job;
use crate::readable::readable;
use crate::resource_uri::{OUTPUT_TEMPLATE, ResourceUri, SERVER_TEMPLATE, TASK_TEMPLATE};
use crate::text::beginning;

/// The most resources of a page.
const PAGE: usize = 100;
/// The most bytes of a description.
const LONGEST_DESCRIPTION: usize = 200;

/// The page that follows the resource `cursor`, and the cursor of the next page, if there is one. Tasks come
/// last, the newest first.
pub(in crate::server) async fn page(
    app: &App,
    cursor: Option<String>,
) -> Result<(Vec<Resource>, Option<String>), Error> {
    let mut resources = all(app).await?;
    if let Some(cursor) = cursor {
        let last = resources.iter().position(|one| one.uri == cursor);
        let last = last.ok_or_else(|| {
            Error::invalid("cursor", "names no resource that is there; list them anew")
        })?;
        resources.drain(..=last);
    }
    let goes_on = resources.len() > PAGE;
    resources.truncate(PAGE);
    let next = resources.last().filter(|_| goes_on);
    let next = next.map(|resource| resource.uri.clone());
    Ok((resources, next))
}

/// The templates of addresses.
pub(in crate::server) fn templates() -> Vec<ResourceTemplate> {
    let template = |uri, name, title, description, kind| {
        ResourceTemplate::new(uri, name)
            .with_title(title)
            .with_description(description)
            .with_mime_type(kind)
    };
    vec![
        template(
            TASK_TEMPLATE,
            "task",
            "Task",
            "The record of a task: its call, status and result.",
            JSON,
        ),
        template(
            OUTPUT_TEMPLATE,
            "task_output",
            "Output of a task",
            "All that a task has printed: standard output, then standard error if there is any.",
            TEXT,
        ),
        template(
            SERVER_TEMPLATE,
            "server",
            "Server",
            "A server's entry without its secrets, its known host keys and its connections.",
            JSON,
        ),
    ]
}

async fn all(app: &App) -> Result<Vec<Resource>, Error> {
    let mut resources = vec![
        resource(&ResourceUri::Audit, "audit", JSON_LINES)
            .with_title("Audit trail")
            .with_description("The last calls that acted, the newest last."),
        resource(&ResourceUri::Policy, "policy", JSON)
            .with_title("Command policy")
            .with_description("The commands that are refused, and those that alone are allowed."),
        resource(&ResourceUri::Shells, "shells", JSON)
            .with_title("Open shells")
            .with_description(
                "The shells that stay open, each with its server, program and state.",
            ),
    ];
    for (alias, server) in app.servers().list()? {
        let uri = ResourceUri::Server(alias.clone());
        resources.push(resource(&uri, &alias, JSON).with_description(server.endpoint()));
    }
    for job in app.jobs().queue().list().await? {
        let summary = format!("{} on `{}`: {}", job.status, job.alias, job.summary());
        let summary = beginning(&readable(&summary), LONGEST_DESCRIPTION).into_owned();
        resources.extend(of_task(&job, &summary));
    }
    Ok(resources)
}

/// The resources of a task: its record, and what it has printed.
fn of_task(job: &Job, summary: &str) -> Vec<Resource> {
    let id = job.id.to_string();
    let record = resource(&ResourceUri::Task(id.clone()), &id, JSON).with_description(summary);
    let output = job.printed().map(|_| {
        let name = format!("{id} output");
        resource(&ResourceUri::Output(id), &name, TEXT).with_description(summary)
    });
    std::iter::once(record).chain(output).collect()
}

fn resource(uri: &ResourceUri, name: &str, kind: &str) -> Resource {
    Resource::new(uri.to_string(), name).with_mime_type(kind)
}
