//! Requests to transfer files, as callers make them and records keep them.

use serde::{Deserialize, Serialize};

/// The direction of a transfer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// From this machine to the server.
    Upload,
    /// From the server to this machine.
    Download,
    /// From another server to the server.
    #[serde(rename = "server_to_server")]
    #[schemars(skip)]
    ServerToServer,
}

impl Direction {
    /// Its name in records.
    pub fn name(self) -> &'static str {
        match self {
            Self::Upload => "upload",
            Self::Download => "download",
            Self::ServerToServer => "server_to_server",
        }
    }
}

/// A request to transfer files.
#[derive(Clone, Debug)]
pub struct TransferRequest {
    /// Direction.
    pub direction: Direction,
    /// Alias of the server that files come from, where they go from server to server.
    pub source_alias: Option<String>,
    /// Files and trees to copy.
    pub entries: Vec<TransferEntry>,
    /// True if the source of an entry may be a pattern.
    pub patterns: bool,
    /// Options for all of them.
    pub options: TransferOptions,
    /// Token of an earlier try, whose part files are resumed.
    pub part: Option<String>,
}

/// Options of a transfer, for all of its files.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is an option of its own"
)]
pub struct TransferOptions {
    /// True if checksums of both sides are compared before a file is given its name.
    #[serde(skip_serializing_if = "is_unset")]
    pub verify: bool,
    /// True if an existing file is written itself rather than replaced.
    #[serde(skip_serializing_if = "is_unset")]
    pub in_place: bool,
    /// True if an uploaded tree goes through directories that are links on the server.
    #[serde(skip_serializing_if = "is_unset")]
    pub follow_directory_links: bool,
    /// Gitignore patterns of what is passed over in trees and below patterns.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub exclude: Vec<String>,
    /// True if the `.gitignore` files of the source count as well.
    #[serde(skip_serializing_if = "is_unset")]
    pub gitignore: bool,
    /// True if it is only planned.
    #[serde(skip_serializing_if = "is_unset")]
    pub dry_run: bool,
    /// Leaves out files whose copies are the same by this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub only_changed: Option<Comparison>,
    /// True if the target becomes like the source, without what the source lacks.
    #[serde(skip_serializing_if = "is_unset")]
    pub mirror: bool,
    /// Token of the plan whose removals are approved.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
}

/// The properties by which a file and its copy are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Comparison {
    /// Length and modification time.
    Time,
    /// Length and SHA-256.
    Checksum,
}

impl TransferOptions {
    /// The comparison by which unchanged files are left out. A mirror leaves them out in any case.
    pub(crate) fn comparison(&self) -> Option<Comparison> {
        let by_time = self.mirror.then_some(Comparison::Time);
        self.only_changed.or(by_time)
    }

    /// Returns whether the targets are looked at before anything is copied.
    pub fn compares(&self) -> bool {
        self.dry_run || self.comparison().is_some()
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn is_unset(flag: &bool) -> bool {
    !flag
}

/// A file, a tree, or the files that a pattern stands for, and their target.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TransferEntry {
    /// The path on this machine, or on the server that files come from.
    pub local: String,
    /// The path on the server.
    pub remote: String,
}
