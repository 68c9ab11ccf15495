//! The entries of a directory in words, one on each line.

use super::entries::{FoundEntries, FoundEntry};
use super::name::shown_name;
use super::report::FileReport;
use super::text::visible;
use crate::sftp::{FileType, OwnerNames};
use crate::text::{first, fitting_start};
use crate::time::Timestamp;

/// Bytes of entries that an answer shows.
const BUDGET: usize = 16 * 1024;
/// The same where more entries than usual are asked for.
const LARGEST_BUDGET: usize = 96 * 1024;

/// Letters of the permission bits.
const BITS: &[u8; 9] = b"rwxrwxrwx";

/// The entries that are shown, with what was asked about them besides.
pub(super) struct Listing {
    /// The directory, without links.
    pub(super) path: String,
    pub(super) found: FoundEntries,
    pub(super) owners: OwnerNames,
    /// The targets of links.
    pub(super) targets: Vec<Option<Vec<u8>>>,
    /// Set if trees were measured.
    pub(super) is_measured: bool,
}

impl Listing {
    /// Puts it into words. `more` is a call that shows more entries.
    pub(super) fn report(&self, is_limit_given: bool, more: Option<&str>) -> FileReport {
        let lines = self.found.shown.iter().enumerate();
        let lines = lines.map(|(at, entry)| self.line(at, entry) + "\n");
        let whole: String = lines.collect();
        let budget = if is_limit_given {
            LARGEST_BUDGET
        } else {
            BUDGET
        };
        let text = first(&whole, fitting_start(whole.as_bytes(), budget, false));
        let (shown, total) = (text.lines().count(), self.found.total);
        let entries = if total == 1 { "entry" } else { "entries" };
        let mut report = FileReport {
            heading: format!("{}: {total} {entries}", visible(&self.path)),
            text: text.trim_end_matches('\n').to_owned(),
            ..FileReport::default()
        };
        if shown < total {
            report.heading = format!("{}, {shown} shown", report.heading);
            let more = more.map(|more| format!("more: {more}, or "));
            let more = more.unwrap_or_default();
            report.notes.push(format!("({more}name some by match)"));
        }
        if self.is_measured {
            report
                .notes
                .push("(the sizes of directories are those of their trees)".to_owned());
        }
        match self.found.unreadable {
            0 => {}
            1 => report
                .notes
                .push("(1 directory could not be read)".to_owned()),
            some => report
                .notes
                .push(format!("({some} directories could not be read)")),
        }
        if self.found.is_partial {
            report.notes.push(
                "(not all of the tree was looked at, which is large: name a part of it)".to_owned(),
            );
        }
        report
    }

    /// Mode, owner, size, time, name.
    fn line(&self, at: usize, entry: &FoundEntry) -> String {
        let FoundEntry {
            below, metadata, ..
        } = entry;
        let owner = metadata
            .owner
            .map(|(user, group)| self.owners.shown(user, group));
        let time = metadata
            .modified
            .map(i64::from)
            .and_then(Timestamp::of_seconds);
        let size = match (metadata.is_directory(), entry.tree_size) {
            (_, Some(size)) => size.to_string(),
            (true, None) => "-".to_owned(),
            (false, None) => metadata.length.to_string(),
        };
        let name = shown_name(below);
        let end = match (metadata.file_type, self.targets.get(at)) {
            (FileType::Directory, _) => "/".to_owned(),
            (FileType::Link, Some(Some(target))) => format!(" -> {}", shown_name(target)),
            _ => String::new(),
        };
        format!(
            "{}{} {} {size} {} {name}{end}",
            letter(metadata.file_type),
            metadata.mode.map_or_else(|| "?".to_owned(), permissions),
            owner.as_deref().unwrap_or("-"),
            time.map_or_else(|| "-".to_owned(), Timestamp::in_seconds),
        )
    }
}

/// The letter by which `ls` shows the type of a file.
fn letter(file_type: FileType) -> char {
    match file_type {
        FileType::File => '-',
        FileType::Directory => 'd',
        FileType::Link => 'l',
        FileType::Device => 'b',
        FileType::Pipe => 'p',
        FileType::Socket => 's',
        FileType::Other => '?',
    }
}

/// Permission bits as `ls` shows them.
fn permissions(mode: u32) -> String {
    let bits = (0..9).map(|bit| mode & (0o400 >> bit) != 0);
    let mut letters: Vec<_> = bits
        .zip(BITS)
        .map(|(is_set, letter)| if is_set { char::from(*letter) } else { '-' })
        .collect();
    for (bit, at, sign) in [(0o4000, 2, 's'), (0o2000, 5, 's'), (0o1000, 8, 't')] {
        if mode & bit != 0 {
            let is_executable = letters[at] == 'x';
            letters[at] = if is_executable {
                sign
            } else {
                sign.to_ascii_uppercase()
            };
        }
    }
    letters.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes_are_shown_as_ls_does() {
        for (mode, shown) in [
            (0o644, "rw-r--r--"),
            (0o4755, "rwsr-xr-x"),
            (0o2644, "rw-r-Sr--"),
            (0o1777, "rwxrwxrwt"),
            (0, "---------"),
        ] {
            assert_eq!(permissions(mode), shown);
        }
    }
}
