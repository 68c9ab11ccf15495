//! The output of a task, as it comes.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::response::sse::Event;
use futures_util::Stream as Events;
use futures_util::stream;
use serde_json::json;

use super::WebPage;
use crate::error::Error;
use crate::fs::blocking;
use crate::job::{Job, Stream};

/// The interval at which more is looked for.
const LOOK: Duration = Duration::from_millis(150);
/// The lines of the end with which it begins, and the most bytes of them.
const LINES: usize = 2000;
const BYTES: usize = 128 * 1024;

/// The output of a task that is followed.
struct OutputFollower {
    page: Arc<WebPage>,
    id: String,
    /// The position of what comes next in each stream; `None` before the beginning.
    offsets: [Option<u64>; 2],
    is_over: bool,
}

/// The events of a task's output: its end first, then what it prints, then the task once it has ended.
pub(super) fn follow(
    page: Arc<WebPage>,
    id: String,
) -> impl Events<Item = Result<Event, Infallible>> {
    let follower = OutputFollower {
        page,
        id,
        offsets: [None; 2],
        is_over: false,
    };
    stream::unfold(follower, async |mut follower| {
        while !follower.is_over {
            if follower.offsets[0].is_some() {
                tokio::time::sleep(LOOK).await;
            }
            let (next, event) = follower.step().await;
            follower = next;
            if let Some(event) = event {
                return Some((Ok(event), follower));
            }
        }
        None
    })
}

impl OutputFollower {
    /// Looks once, and returns what there is to tell.
    async fn step(mut self) -> (Self, Option<Event>) {
        let (page, id, offsets) = (Arc::clone(&self.page), self.id.clone(), self.offsets);
        let read = blocking(move || {
            let job = page.observer.task(&id)?;
            let parts = read(&page, &job, offsets)?;
            Ok::<_, Error>((job, parts))
        });
        let (job, parts) = match read.await {
            Ok(read) => read,
            Err(error) => {
                self.is_over = true;
                let told = json!({ "problem": error.to_string() });
                return (
                    self,
                    Some(Event::default().event("end").data(told.to_string())),
                );
            }
        };
        self.offsets = [0, 1].map(|index| Some(parts[index].next));
        if parts.iter().any(|part| !part.text.is_empty()) {
            let told: Vec<_> = Stream::BOTH
                .iter()
                .zip(&parts)
                .filter(|(_, part)| !part.text.is_empty())
                .map(|(stream, part)| {
                    json!({ "stream": stream.name(), "text": part.text, "isCut": part.is_cut })
                })
                .collect();
            let event = Event::default()
                .event("output")
                .data(json!(told).to_string());
            return (self, Some(event));
        }
        self.is_over = !job.status.is_live();
        let event = self
            .is_over
            .then(|| Event::default().event("end").data("{}"));
        (self, event)
    }
}

/// A part of each stream.
fn read(page: &WebPage, job: &Job, offsets: [Option<u64>; 2]) -> Result<[StreamPart; 2], Error> {
    let part = |stream: Stream, offset: Option<u64>| {
        let printed = match offset {
            None => page.observer.last_lines(job, stream, LINES, BYTES)?,
            Some(offset) => page.observer.printed_from(job, stream, offset, BYTES)?,
        };
        Ok::<_, Error>(StreamPart {
            is_cut: offset.is_none() && printed.is_cut,
            text: printed.text,
            next: printed.next,
        })
    };
    let [stdout, stderr] = Stream::BOTH;
    Ok([part(stdout, offsets[0])?, part(stderr, offsets[1])?])
}

/// A part of a stream.
struct StreamPart {
    text: String,
    next: u64,
    /// True if bytes before it are left out.
    is_cut: bool,
}
