//! The calls in the trail, for people to look through.

use std::collections::VecDeque;
use std::io::{self, BufRead};

use indexmap::IndexMap;
use serde_json::{Map, Value};

use super::Trail;
use super::recent::without_proofs;
use crate::error::Error;
use crate::store::LogPart;

/// A test that a call has to pass to be found.
pub type CallTest<'a> = dyn Fn(&TrailCall) -> bool + 'a;

/// A call in the trail: the fields of its line from before it ran, and those of its line from after.
#[derive(Clone, Debug, Default)]
pub struct TrailCall(Map<String, Value>);

impl TrailCall {
    /// A field that is text; empty if it is not there.
    pub fn text(&self, name: &str) -> &str {
        self.0.get(name).and_then(Value::as_str).unwrap_or_default()
    }

    /// A field that is a number.
    pub fn number(&self, name: &str) -> Option<u64> {
        self.0.get(name)?.as_u64()
    }

    /// The arguments.
    pub fn arguments(&self) -> Option<&Map<String, Value>> {
        self.0.get("arguments")?.as_object()
    }

    /// Returns whether it concerns a server.
    pub fn concerns(&self, alias: &str) -> bool {
        let servers = self.0.get("servers").and_then(Value::as_array);
        let mut servers = servers.into_iter().flatten();
        self.text("alias") == alias || servers.any(|server| server == alias)
    }

    /// Returns whether a text is in it, in whatever case.
    pub fn contains(&self, text: &str) -> bool {
        let all = serde_json::to_string(&self.0).unwrap_or_default();
        all.to_lowercase().contains(&text.to_lowercase())
    }

    /// Returns whether it has ended.
    pub fn has_ended(&self) -> bool {
        self.0.contains_key("outcome")
    }

    /// Its fields.
    pub fn into_fields(self) -> Map<String, Value> {
        self.0
    }

    /// Takes the fields of its last line.
    fn end(&mut self, line: Self) {
        let ended = line.0.get("time").cloned();
        let kept = ["time", "tool", "alias"];
        let fields = line
            .0
            .into_iter()
            .filter(|(name, _)| !kept.contains(&&**name));
        self.0.extend(fields);
        self.0
            .extend(ended.map(|time| ("endedAt".to_owned(), time)));
    }
}

impl Trail {
    /// The last calls that pass a test, at most `most`, the oldest first. Blocks.
    pub fn calls(&self, most: usize, test: &CallTest) -> Result<Vec<TrailCall>, Error> {
        self.last_calls(most, test)
            .map_err(|error| self.unreadable(&error))
    }

    /// The length of the trail in bytes, by which a change is seen. Blocks.
    pub fn length(&self) -> u64 {
        let parts = self.log.parts().unwrap_or_default();
        parts.iter().map(LogPart::length).sum()
    }

    fn last_calls(&self, most: usize, test: &CallTest) -> io::Result<Vec<TrailCall>> {
        let parts = self.log.parts()?;
        let mut newest = 1;
        // A call may begin in one part and end in the next, so each round reads on to the end.
        loop {
            let from = parts.len().saturating_sub(newest);
            let found = calls_in(&parts[from..], most, test)?;
            if found.len() == most || from == 0 {
                return Ok(found.into());
            }
            newest *= 4;
        }
    }
}

/// The last calls of these parts that pass a test.
fn calls_in(parts: &[LogPart], most: usize, test: &CallTest) -> io::Result<VecDeque<TrailCall>> {
    // A call is tested when it has ended, or at the end.
    let mut open: IndexMap<String, TrailCall> = IndexMap::new();
    let mut found: VecDeque<TrailCall> = VecDeque::new();
    let take = |found: &mut VecDeque<TrailCall>, call: TrailCall| {
        if most > 0 && test(&call) {
            if found.len() == most {
                found.pop_front();
            }
            found.push_back(call);
        }
    };
    for part in parts {
        for line in part.read()?.split(b'\n') {
            let line = line?;
            // A line may be half-written.
            let Ok(Value::Object(fields)) = serde_json::from_slice(&line) else {
                continue;
            };
            let line = TrailCall(without_proofs(fields));
            let id = line.text("call").to_owned();
            match line.text("event") {
                "ended" => {
                    if let Some(mut call) = open.shift_remove(&id) {
                        call.end(line);
                        take(&mut found, call);
                    }
                }
                // The task that it has begun has ended later.
                "finished" => {
                    let mut newest_first = found.iter_mut().rev();
                    if let Some(call) = newest_first.find(|call| call.text("call") == id) {
                        call.end(line);
                    }
                }
                _ => {
                    open.insert(id, line);
                }
            }
        }
    }
    for call in open.into_values() {
        take(&mut found, call);
    }
    found
        .make_contiguous()
        .sort_by(|one, other| one.text("time").cmp(other.text("time")));
    Ok(found)
}
