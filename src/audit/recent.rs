//! The last entries of the trail, for people and models to read.

use std::io;

use serde_json::{Map, Value};

use super::Trail;

/// The bytes of a file's end in which the last entries are looked for.
const ENDING: u64 = 512 * 1024;
/// The most bytes of the entries that are shown together.
const LONGEST: usize = 64 * 1024;
/// The fields that prove something, and say nothing.
const PROOFS: [&str; 3] = ["previous", "digest", "process"];

/// A line without the fields that only prove something.
pub(super) fn without_proofs(mut line: Map<String, Value>) -> Map<String, Value> {
    line.retain(|name, _| !PROOFS.contains(&name.as_str()));
    line
}

impl Trail {
    /// The last entries, the newest last: at most `most`, and as many as are of a readable length together.
    pub(super) fn last(&self, most: usize) -> io::Result<Vec<Value>> {
        let mut newest_first = Vec::new();
        let mut room = LONGEST;
        // The part before the current one has the rest when that has just been begun.
        for part in self.log.parts()?.iter().rev().take(2) {
            let ending = part.ending(ENDING)?;
            for line in ending.split(|byte| *byte == b'\n').rev() {
                // A line may be cut at its beginning, or half-written.
                let Ok(Value::Object(entry)) = serde_json::from_slice(line) else {
                    continue;
                };
                let entry = Value::Object(without_proofs(entry));
                let length = entry.to_string().len();
                if newest_first.len() == most || length > room {
                    newest_first.reverse();
                    return Ok(newest_first);
                }
                room -= length;
                newest_first.push(entry);
            }
        }
        newest_first.reverse();
        Ok(newest_first)
    }
}
