//! The addresses of the page.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{DefaultBodyLimit, Path, Query, Request, State};
use axum::http::header::{CONNECTION, CONTENT_TYPE, SET_COOKIE};
use axum::http::{HeaderValue, StatusCode};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use futures_util::{Stream, stream};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::broadcast::error::RecvError;

use super::access::LOGIN;
use super::headers::harden;
use super::{ACTOR, WebPage, browser, feed, output};
use crate::approval::{self, AnswerError, PersonAnswer};
use crate::audit::TrailCall;
use crate::console::{call_locally, text_of};
use crate::error::Error;
use crate::fs::blocking;
use crate::observer::{ObservedTask, Observer};
use crate::red_button;

/// The most bytes of a request's body.
const LONGEST_BODY: usize = 4096;
/// The most calls of the trail that are shown.
const MOST_CALLS: usize = 200;
/// The interval of signs of life on a quiet stream of events.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

type OfPage = State<Arc<WebPage>>;
type PageFacts = Result<Json<Value>, RequestProblem>;

/// A failure, as the page shows it.
struct RequestProblem(StatusCode, String);

/// The token of the link.
#[derive(Deserialize)]
struct LinkToken {
    token: String,
}

/// An answer to a question.
#[derive(Deserialize)]
struct GivenAnswer {
    yes: bool,
}

/// A hold of everything, or of a server, or its end.
#[derive(Deserialize)]
struct WantedHold {
    alias: Option<String>,
    held: bool,
}

/// The calls of the trail that are looked for.
#[derive(Default, Deserialize)]
#[serde(default)]
struct TrailSearch {
    text: String,
    alias: String,
    tool: String,
}

/// All addresses, behind the checks of `access`.
pub(super) fn router(page: Arc<WebPage>) -> Router {
    let file =
        |kind: &'static str, text: &'static str| get(async move || ([(CONTENT_TYPE, kind)], text));
    let icon = || file("image/svg+xml", include_str!("../server/icon.svg"));
    Router::new()
        .route(
            "/",
            file("text/html; charset=utf-8", include_str!("page/page.html")),
        )
        .route(
            "/page.css",
            file("text/css; charset=utf-8", include_str!("page/page.css")),
        )
        .route(
            "/page.js",
            file(
                "text/javascript; charset=utf-8",
                include_str!("page/page.js"),
            ),
        )
        .route(
            "/tasks.js",
            file(
                "text/javascript; charset=utf-8",
                include_str!("page/tasks.js"),
            ),
        )
        .route("/icon.svg", icon())
        // Browsers ask for it by themselves, before they have seen the page's own.
        .route("/favicon.ico", icon())
        .route(LOGIN, get(log_in))
        .route("/api/state", get(state))
        .route("/api/events", get(events))
        .route("/api/trail", get(trail))
        .route("/api/tasks/{id}", get(task))
        .route("/api/tasks/{id}/output", get(task_output))
        .route("/api/tasks/{id}/cancel", post(cancel))
        .route("/api/questions/{id}", post(answer))
        .route("/api/held", post(hold))
        .layer(DefaultBodyLimit::max(LONGEST_BODY))
        .layer(from_fn_with_state(Arc::clone(&page), check))
        .with_state(page)
}

async fn check(State(page): OfPage, request: Request, next: Next) -> Response {
    let path = request.uri().path();
    let refusal = page
        .access
        .refusal(request.method(), path, request.headers());
    let is_stranger = refusal.is_some() || path == LOGIN;
    let mut response = harden(match refusal {
        Some(refusal) => refusal.into_response(),
        None => next.run(request).await,
    });
    if is_stranger {
        // One answer to a connection: many that are not read would hold its place.
        let close = HeaderValue::from_static("close");
        response.headers_mut().insert(CONNECTION, close);
    }
    response
}

async fn log_in(State(page): OfPage, Query(link): Query<LinkToken>) -> Response {
    if let Some(cookie) = page.access.log_in(&link.token) {
        return ([(SET_COOKIE, cookie)], Html(browser::leading_to("/"))).into_response();
    }
    let told = "this link was used or is too old: run `mcp-sftp-orchestrator web` again";
    (StatusCode::FORBIDDEN, told).into_response()
}

async fn state(State(page): OfPage) -> Result<impl IntoResponse, RequestProblem> {
    let state = feed::look(&page, feed::state).await?;
    Ok(([(CONTENT_TYPE, "application/json")], state))
}

/// The changes from now on. A page that falls behind is told to read everything anew.
async fn events(
    State(page): OfPage,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, RequestProblem> {
    let changes = feed::look(&page, feed::subscribe).await?;
    let changes = stream::unfold(changes, async |mut changes| {
        let event = match changes.recv().await {
            Ok(event) => event,
            Err(RecvError::Lagged(_)) => Event::default().event("behind").data("{}"),
            Err(RecvError::Closed) => return None,
        };
        Some((Ok(event), changes))
    });
    Ok(Sse::new(changes).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)))
}

async fn task(State(page): OfPage, Path(id): Path<String>) -> PageFacts {
    let told = blocking(move || {
        let job = page.observer.task(&id)?;
        let mut record = Observer::record(&job);
        if let Some(fields) = record.as_object_mut() {
            // The output has an address of its own.
            fields.retain(|name, _| name != "output" && name != "stderr");
        }
        Ok::<_, Error>(json!({ "task": ObservedTask::of(&job), "record": record }))
    });
    Ok(Json(told.await?))
}

async fn task_output(
    State(page): OfPage,
    Path(id): Path<String>,
) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let events = output::follow(page, id);
    Sse::new(events).keep_alive(KeepAlive::new().interval(KEEP_ALIVE))
}

async fn cancel(State(page): OfPage, Path(id): Path<String>) -> PageFacts {
    let arguments = serde_json::Map::from_iter([("id".to_owned(), id.into())]);
    let called = call_locally(page.config.clone(), ACTOR, "task_cancel", arguments);
    let result = called.await?;
    match result.is_error {
        Some(true) => Err(RequestProblem(StatusCode::CONFLICT, text_of(&result))),
        _ => Ok(Json(json!({ "told": text_of(&result) }))),
    }
}

async fn answer(
    State(page): OfPage,
    Path(id): Path<String>,
    Json(GivenAnswer { yes }): Json<GivenAnswer>,
) -> PageFacts {
    let answer = if yes {
        PersonAnswer::Yes
    } else {
        PersonAnswer::No
    };
    let recorded =
        tokio::task::spawn_blocking(move || approval::record(&page.config, ACTOR, &id, answer));
    match recorded.await.map_err(Error::from)? {
        Ok(()) => Ok(Json(json!({}))),
        Err(AnswerError::Store(error)) => Err(error.into()),
        Err(problem) => Err(RequestProblem(StatusCode::CONFLICT, problem.to_string())),
    }
}

async fn hold(State(page): OfPage, Json(wanted): Json<WantedHold>) -> PageFacts {
    let done = blocking(move || {
        let WantedHold { alias, held } = wanted;
        if held {
            red_button::hold_only(&page.config, ACTOR, alias)
        } else {
            red_button::release(&page.config, ACTOR, alias).map(|_| ())
        }
    });
    done.await?;
    Ok(Json(json!({})))
}

/// The last calls that are looked for, the newest first.
async fn trail(State(page): OfPage, Query(search): Query<TrailSearch>) -> PageFacts {
    let calls = blocking(move || page.observer.calls(MOST_CALLS, |call| search.finds(call)));
    let calls = calls.await?.into_iter().rev();
    let calls: Vec<_> = calls.map(Observer::fields).collect();
    Ok(Json(json!({ "calls": calls })))
}

impl TrailSearch {
    fn finds(&self, call: &TrailCall) -> bool {
        (self.alias.is_empty() || call.concerns(&self.alias))
            && (self.tool.is_empty() || call.text("tool") == self.tool)
            && (self.text.is_empty() || call.contains(&self.text))
    }
}

impl From<Error> for RequestProblem {
    fn from(error: Error) -> Self {
        let status = match error {
            Error::UnknownTask { .. } => StatusCode::NOT_FOUND,
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        };
        Self(status, error.to_string())
    }
}

impl IntoResponse for RequestProblem {
    fn into_response(self) -> Response {
        (self.0, Json(json!({ "problem": self.1 }))).into_response()
    }
}
