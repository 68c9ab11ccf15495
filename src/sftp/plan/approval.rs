//! Approval of removals: by the token of a plan, and for what a first try has left of it.

use std::collections::{BTreeMap, HashSet};

use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::sftp::filesystem::Filesystem;
use crate::sftp::plan::destination::WritePolicy;
use crate::sftp::plan::removals::{TreeRemoval, needs_token, refuse, token};
use crate::store::Document;
use crate::time::Timestamp;

/// The document of approved removals.
pub const APPROVED: &str = "mirrors.json";

/// Time for which approvals of mirrors that were cut short are kept.
const KEPT: std::time::Duration = std::time::Duration::from_secs(31 * 24 * 60 * 60);

/// The removals of mirrors that have begun, by the tokens of their part files.
type Approved = BTreeMap<String, ApprovedRemovals>;

#[derive(Debug, Default, Serialize, Deserialize)]
struct ApprovedRemovals {
    at: Option<Timestamp>,
    removals: Vec<String>,
}

/// Rules on the removals of a mirror.
pub(crate) struct MirrorRules<'a, T: Filesystem> {
    pub(crate) removes: WritePolicy<T>,
    pub(crate) approval: RemovalApproval<'a>,
}

/// Approval of the removals of one transfer and its retries.
pub(crate) struct RemovalApproval<'a> {
    pub(crate) document: &'a Document,
    /// Token in the names of the transfer's part files.
    pub(crate) transfer: &'a str,
    /// Alias and direction.
    pub(crate) place: String,
    /// The token that the caller gave.
    pub(crate) given: Option<&'a str>,
}

impl RemovalApproval<'_> {
    /// The token of these removals below `root`.
    pub(crate) fn token(&self, root: &str, removals: &[TreeRemoval]) -> String {
        token(&format!("{} {root}", self.place), removals)
    }

    /// Refuses removals that take a token and have none. Those that are left of removals that were approved
    /// before need none.
    pub(crate) fn check(&self, root: &str, removals: &[TreeRemoval]) -> Result<(), Error> {
        if removals.is_empty() {
            return Ok(());
        }
        let is_free = !needs_token(removals)
            || self.given == Some(self.token(root, removals).as_str())
            || self.was_approved(removals)?;
        if !is_free {
            return Err(refuse(root, removals, self.given));
        }
        self.record(removals)
    }

    fn was_approved(&self, removals: &[TreeRemoval]) -> Result<bool, Error> {
        let approved: Approved = self.document.read()?;
        let Some(approved) = approved.get(self.transfer) else {
            return Ok(false);
        };
        let approved: HashSet<_> = approved.removals.iter().collect();
        Ok(removals
            .iter()
            .all(|removal| approved.contains(&removal.digest())))
    }

    /// Records approved removals before the first is made, unless a retry would need no approval.
    fn record(&self, removals: &[TreeRemoval]) -> Result<(), Error> {
        if !needs_token(removals) {
            return Ok(());
        }
        let now = Timestamp::now();
        self.document.update(|approved: &mut Approved| {
            approved.retain(|_, one| one.at.is_some_and(|at| now.since(at) < KEPT));
            let entry = approved.entry(self.transfer.to_owned()).or_default();
            entry.at = Some(now);
            if entry.removals.is_empty() {
                entry.removals = removals.iter().map(TreeRemoval::digest).collect();
            }
        })
    }

    /// Forgets the approval of a mirror that is complete.
    pub(crate) fn forget(&self) {
        let forgotten = self.document.read().and_then(|approved: Approved| {
            if !approved.contains_key(self.transfer) {
                return Ok(());
            }
            self.document.update(|approved: &mut Approved| {
                approved.remove(self.transfer);
            })
        });
        if let Err(error) = forgotten {
            tracing::debug!("an approval stays that is not needed any more: {error}");
        }
    }
}
