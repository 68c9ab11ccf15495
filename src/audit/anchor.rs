//! The anchor: the count of the trail's lines and the hash of the last, kept apart from the trail.

use serde::{Deserialize, Serialize};

use super::BEGINNING;
use crate::time::Timestamp;

/// The count of the lines that were written, and the hash of the last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Anchor {
    /// Every line that was ever written, those of removed files too.
    pub(super) lines: u64,
    /// The last line's hash.
    pub(super) last: String,
    /// The length of the file with that line in it: where it has another one, somebody else wrote.
    pub(super) length: u64,
    /// The lines of the files that rotation removed.
    pub(super) removed: Removed,
    /// When a trail that was there already got its anchor.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(super) adopted: Option<Adopted>,
}

/// The lines of removed files.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Removed {
    pub(super) lines: u64,
    /// The hash of the last of them: the first line that is left has to follow it.
    pub(super) last: String,
}

/// Lines that are older than their anchor.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Adopted {
    /// When the anchor was made.
    pub time: Timestamp,
    /// The count of the lines at that time.
    pub lines: u64,
}

impl Default for Anchor {
    fn default() -> Self {
        Self {
            lines: 0,
            last: BEGINNING.to_owned(),
            length: 0,
            removed: Removed {
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
            removed: Removed {
                lines: u64::MAX,
                last: BEGINNING.to_owned(),
            },
            adopted: Some(Adopted {
                time: Timestamp::now(),
                lines: u64::MAX,
            }),
            ..Anchor::default()
        };
        assert!(serde_json::to_vec(&long).unwrap().len() < ANCHOR_SIZE);
    }
}
