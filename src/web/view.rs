//! The facts that the page shows, as JSON. Secrets in them are masked.

use serde::Serialize;
use serde_json::{Value, json};

use super::WebPage;
use crate::approval::PersonQuestion;
use crate::error::Error;
use crate::held::HoldScope;
use crate::readable::make_readable;
use crate::samples::{Sample, ServerSamples};
use crate::secret::hide_in;

/// The most points of a line over a day.
const POINTS: usize = 96;

/// A server, in what the page shows of it.
#[derive(Serialize)]
struct ServerCard {
    alias: String,
    endpoint: String,
    tags: Vec<String>,
    readonly: bool,
}

/// The servers. Blocks.
pub(super) fn servers(page: &WebPage) -> Result<Value, Error> {
    let servers = page.observer.offline().servers.list()?.into_iter();
    let cards = servers.map(|(alias, server)| ServerCard {
        alias,
        endpoint: server.endpoint(),
        tags: server.tags.unwrap_or_default(),
        readonly: server.readonly == Some(true),
    });
    Ok(shown(json!(cards.collect::<Vec<_>>())))
}

/// The open questions, the oldest first. Blocks.
pub(super) fn questions(page: &WebPage) -> Result<Value, Error> {
    let open = page.questions.list()?.into_iter();
    Ok(shown(
        open.map(|(id, question)| card(&id, &question)).collect(),
    ))
}

fn card(id: &str, question: &PersonQuestion) -> Value {
    json!({
        "id": id,
        "text": question.text,
        "servers": question.servers,
        "tool": question.tool,
        "details": question.details,
        "rule": question.rule,
        "reason": question.reason,
        "askedBy": question.asked_by.as_ref().map(ToString::to_string),
        "askedAt": question.asked_at,
        "expiresAt": question.expires_at(),
    })
}

/// The holds. One of everything has no alias. Blocks.
pub(super) fn holds(page: &WebPage) -> Result<Value, Error> {
    let holds = page.holds.list()?.into_iter();
    let holds = holds.map(|(scope, hold)| {
        let alias = match scope {
            HoldScope::All => None,
            HoldScope::Server(alias) => Some(alias),
        };
        json!({ "alias": alias, "by": hold.by.to_string(), "since": hold.since })
    });
    Ok(shown(holds.collect()))
}

/// The samples of a server: points of time, load, memory and disk.
pub(super) fn samples(server: &ServerSamples) -> Value {
    let step = server.samples.len().div_ceil(POINTS).max(1);
    // The newest sample stays.
    let points = server.samples.iter().rev().step_by(step).rev();
    let point =
        |Sample { at, figures }: &Sample| json!([at, figures.load, figures.memory, figures.disk]);
    let cores = server
        .samples
        .last()
        .and_then(|sample| sample.figures.cores);
    shown(json!({
        "points": points.map(point).collect::<Vec<_>>(),
        "cores": cores,
        "problem": server.problem,
    }))
}

/// A value that can be shown.
pub(super) fn shown(mut value: Value) -> Value {
    make_readable(&mut value);
    hide_in(&mut value);
    value
}
