//! The words for differences.

use super::verdict::{EntryAspect, TreeComparison, TreeDifference, owner};
use crate::file_query::shown_name;
use crate::sftp::{DigestEntry, EntryContent, TreeDigest};

/// Longest target of a link that is shown.
const LONGEST_TARGET: usize = 200;

/// The result in a few words.
pub(crate) fn heading(comparison: &TreeComparison, places: usize) -> String {
    let (entries, differing) = (comparison.entries, comparison.differing);
    let agreeing = comparison.agreeing.len();
    if comparison.differences.is_empty() {
        let files = comparison.files;
        let plural = if files == 1 { "" } else { "s" };
        return format!("the same on {agreeing} of {places}: {files} file{plural}");
    }
    format!("the same on {agreeing} of {places}: {differing} of {entries} entries differ")
}

/// A path below the roots.
pub(crate) fn name(path: &[u8]) -> String {
    if path.is_empty() {
        return ".".to_owned();
    }
    shown_name(path)
}

/// A line on a difference between trees of these names.
pub(crate) fn difference(
    difference: &TreeDifference,
    labels: &[String],
    trees: &[&TreeDigest],
) -> String {
    let named = |group: &Vec<usize>| {
        let names: Vec<_> = group.iter().map(|place| labels[*place].as_str()).collect();
        names.join(", ")
    };
    let path = name(&difference.path);
    let entry = |place: usize| trees[place].entries.get(&difference.path);
    let groups = &difference.groups;
    if difference.aspect == EntryAspect::Presence {
        let (reference, others) = (&groups[0], &groups[1]);
        let below = match difference.below {
            0 => String::new(),
            count => format!(" with {count} entries below it"),
        };
        return if entry(reference[0]).is_some() {
            format!("{path}{below}: missing on {}", named(others))
        } else {
            format!("{path}{below}: only on {}", named(others))
        };
    }
    let by_names = groups
        .iter()
        .flatten()
        .all(|place| entry(*place).is_some_and(|entry| entry.owner_names.is_some()));
    let value = |group: &Vec<usize>| {
        let value = entry(group[0]).map(|entry| value(difference.aspect, entry, by_names));
        format!("{} on {}", value.unwrap_or_default(), named(group))
    };
    let (reference, others) = groups.split_at(1);
    let values: Vec<_> = others.iter().chain(reference).map(value).collect();
    format!("{path}: {} {}", title(difference.aspect), values.join(", "))
}

fn title(aspect: EntryAspect) -> &'static str {
    match aspect {
        EntryAspect::Presence => "",
        EntryAspect::Type => "type:",
        EntryAspect::Content => "content differs:",
        EntryAspect::Mode => "mode",
        EntryAspect::Owner => "owner",
    }
}

fn value(aspect: EntryAspect, entry: &DigestEntry, by_names: bool) -> String {
    match (aspect, &entry.content) {
        (EntryAspect::Mode, _) => format!("{:04o}", entry.mode.unwrap_or_default()),
        (EntryAspect::Owner, _) => owner(entry, by_names).unwrap_or_default(),
        (EntryAspect::Content, EntryContent::File { size, .. }) => format!("{size} bytes"),
        (EntryAspect::Content, EntryContent::Link(target)) => {
            let shown = &target[..target.len().min(LONGEST_TARGET)];
            format!("link to {}", name(shown))
        }
        (_, EntryContent::File { .. }) => "a file".to_owned(),
        (_, EntryContent::Directory) => "a directory".to_owned(),
        (_, EntryContent::Link(_)) => "a link".to_owned(),
        (_, EntryContent::Special) => "a device, pipe or socket".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(entry: DigestEntry) -> TreeDigest {
        TreeDigest {
            entries: [(b"a\n".to_vec(), entry)].into(),
            notes: Vec::new(),
        }
    }

    fn file(size: u64, mode: u32) -> DigestEntry {
        DigestEntry {
            content: EntryContent::File {
                size,
                sha256: Some(size.to_string()),
            },
            mode: Some(mode),
            owner: None,
            owner_names: None,
        }
    }

    #[test]
    fn a_difference_is_told_in_a_line() {
        let trees = [file(1, 0o644), file(2, 0o600), file(1, 0o644)].map(tree);
        let trees: Vec<_> = trees.iter().collect();
        let labels = ["web1", "web2", "web3"].map(str::to_owned);
        let compared = TreeComparison::of(&trees, &[true; 3]);
        let lines = compared.differences.iter();
        let lines: Vec<_> = lines.map(|one| difference(one, &labels, &trees)).collect();
        assert_eq!(
            lines,
            [
                r#""a\n": content differs: 2 bytes on web2, 1 bytes on web1, web3"#,
                r#""a\n": mode 0600 on web2, 0644 on web1, web3"#
            ]
        );
        assert_eq!(
            heading(&compared, 3),
            "the same on 2 of 3: 1 of 1 entries differ"
        );
    }
}
