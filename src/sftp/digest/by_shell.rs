//! A tree as its server's shell tells it, in one round trip.

use crate::error::{Error, FileFailure};
use crate::sftp::digest::{
    DigestEntry, EntryContent, TreeAccess, TreeDigest, is_covered, unlisted,
};
use crate::sftp::plan::exclusion::Exclusion;
use crate::sftp::spelling::{self, other_home};
use crate::ssh::script::tree::{self, ToldContent, ToldEntry, ToldTree};
use crate::ssh::script::{ScriptFailure, home};

/// The bits of a mode that tell the type, and those of a directory (POSIX, `sys/stat.h`).
const TYPE_BITS: u32 = 0o170_000;
const DIRECTORY: u32 = 0o040_000;

/// Lists a tree with checksums; `None` if the server has no shell that can.
pub(super) async fn digest(
    access: TreeAccess<'_>,
    alias: &str,
    path: &str,
    exclusion: &Exclusion,
) -> Result<Option<TreeDigest>, Error> {
    let spelled = spelling::on_server(path).map_err(|problem| {
        let problem = format!("`{alias}:{path}` {problem}");
        Error::invalid("sources", problem)
    })?;
    let spelled = match other_home(&spelled) {
        Some((user, below)) => match home::of_user(access.pool, alias, user).await {
            Some(home) => format!("{home}{below}").into(),
            None => return Ok(None),
        },
        None => spelled,
    };
    let passed_over = passed_over(access.ignore);
    let told = tree::tell(access.pool, alias, &spelled, &passed_over, access.limit).await;
    let (entries, complaints) = match told {
        Ok(ToldTree::Entries {
            entries,
            complaints,
        }) => (entries, complaints),
        Ok(ToldTree::Missing) => return Ok(Some(TreeDigest::default())),
        Ok(ToldTree::Denied) => {
            let failure = FileFailure::PermissionDenied;
            return Err(unlisted(failure, alias, path, "Permission denied"));
        }
        Ok(ToldTree::Special) => {
            let reason = "it is neither a file nor a directory";
            return Err(unlisted(FileFailure::NotAFile, alias, path, reason));
        }
        Ok(ToldTree::Unable) | Err(ScriptFailure::Refused(_)) => return Ok(None),
        Err(ScriptFailure::Unsent(error) | ScriptFailure::Lost(error)) => return Err(error),
        Err(ScriptFailure::TimedOut(_)) => return Err(access.timed_out(alias, path)),
    };
    let mut digest = TreeDigest {
        notes: complaints,
        ..TreeDigest::default()
    };
    let mut unread = 0;
    for told in entries {
        let Some((name, entry)) = read(told) else {
            continue;
        };
        let is_directory = entry.content == EntryContent::Directory;
        if !name.is_empty() && is_covered(exclusion, &name, is_directory) {
            continue;
        }
        let is_unread =
            |content: &EntryContent| matches!(content, EntryContent::File { sha256: None, .. });
        unread += usize::from(is_unread(&entry.content));
        digest.entries.insert(name, entry);
    }
    if unread > 0 {
        let note = format!("{unread} files could not be read: of these, sizes were compared");
        digest.notes.push(note);
    }
    Ok(Some(digest))
}

/// An entry, unless it has vanished meanwhile.
fn read(told: ToldEntry) -> Option<(Vec<u8>, DigestEntry)> {
    let facts = told.facts?;
    let content = match told.content {
        ToldContent::File(sha256) => EntryContent::File {
            size: facts.size,
            sha256,
        },
        ToldContent::Link(target) => EntryContent::Link(target),
        ToldContent::Other if facts.mode & TYPE_BITS == DIRECTORY => EntryContent::Directory,
        ToldContent::Other => EntryContent::Special,
    };
    let entry = DigestEntry {
        content,
        mode: Some(facts.mode & 0o7777),
        owner: Some(facts.owner),
        owner_names: Some(facts.owner_names),
    };
    Some((told.name, entry))
}

/// The words by which `find` passes over what plain names among the rules cover, so that it is not read in
/// vain. The other rules are applied to the answer.
fn passed_over(ignore: &[String]) -> Vec<String> {
    let is_plain = |one: char| one.is_alphanumeric() || "._-+@*?".contains(one);
    let mut words: Vec<String> = Vec::new();
    if ignore.iter().any(|rule| rule.starts_with('!')) {
        return words;
    }
    for rule in ignore {
        let (name, of_directories) = match rule.strip_suffix('/') {
            Some(name) => (name, true),
            None => (rule.as_str(), false),
        };
        if name.is_empty() || name.contains("**") || !name.chars().all(is_plain) {
            continue;
        }
        words.push(if words.is_empty() { "(" } else { "-o" }.to_owned());
        if of_directories {
            words.extend(["-type", "d"].map(ToOwned::to_owned));
        }
        words.extend(["-name".to_owned(), name.to_owned()]);
    }
    if !words.is_empty() {
        words.extend([")", "-prune", "-o"].map(ToOwned::to_owned));
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_names_are_passed_over_by_find() {
        let words = |rules: &[&str]| {
            let rules: Vec<_> = rules.iter().map(|rule| (*rule).to_owned()).collect();
            passed_over(&rules).join(" ")
        };
        assert_eq!(
            words(&["*.log", "cache/", "/etc/x", "a/**"]),
            "( -name *.log -o -type d -name cache ) -prune -o"
        );
        assert_eq!(words(&["/x"]), "");
        assert_eq!(words(&["*.log", "!keep.log"]), "");
    }
}
