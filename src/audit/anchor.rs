//! The anchor: the number of the trail's lines and the hash of the last, in a file of its own.

use serde::{Deserialize, Serialize};

use super::BEGINNING;
use crate::time::Timestamp;

/// The number of lines that were written, and the hash of the last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Anchor {
    /// The number of lines ever written, with those of removed files.
    pub(super) lines: u64,
    /// The last line's hash.
    pub(super) last: String,
    /// The length of the file with that line. Another length shows that something else wrote to it.
    pub(super) length: u64,
    /// The lines of the files that rotation removed.
    pub(super) removed: RemovedLines,
    /// The lines that were there before the anchor.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(super) adopted: Option<AdoptedLines>,
}

/// Lines of removed files.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct RemovedLines {
    pub(super) lines: u64,
    /// The hash of the last of them: the first line that is left has to follow it.
    pub(super) last: String,
}

/// Lines that are older than their anchor.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AdoptedLines {
    /// The time at which the anchor was made.
    pub time: Timestamp,
    /// The number of lines at that time.
    pub lines: u64,
}

impl Default for Anchor {
    fn default() -> Self {
        Self {
            lines: 0,
            last: BEGINNING.to_owned(),
            length: 0,
            removed: RemovedLines {
                lines: 0,
                last: BEGINNING.to_owned(),
            },
            adopted: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::ANCHOR_SIZE;

    #[test]
    fn the_longest_anchor_is_one_that_a_log_has_room_for() {
        let long = Anchor {
            lines: u64::MAX,
            length: u64::MAX,
            removed: RemovedLines {
                lines: u64::MAX,
                last: BEGINNING.to_owned(),
            },
            adopted: Some(AdoptedLines {
                time: Timestamp::now(),
                lines: u64::MAX,
            }),
            ..Anchor::default()
        };
        assert!(serde_json::to_vec(&long).unwrap().len() < ANCHOR_SIZE);
    }
}
