//! The entries in which trees differ. The majority is the reference; where there is none, the first place is.

use std::collections::{BTreeSet, HashMap};
use std::hash::Hash;

use crate::sftp::{DigestEntry, EntryContent, TreeDigest};

/// The subject of a difference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EntryAspect {
    /// The existence of the entry.
    Presence,
    /// Its type.
    Type,
    /// Its content; of a link, its target.
    Content,
    /// Its permission bits.
    Mode,
    /// User and group.
    Owner,
}

/// An aspect of an entry in which places differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TreeDifference {
    /// The path below the roots.
    pub(crate) path: Vec<u8>,
    pub(crate) aspect: EntryAspect,
    /// The indices of the places, grouped by what they have; the reference comes first.
    pub(crate) groups: Vec<Vec<usize>>,
    /// Number of entries below a directory that are missing with it.
    pub(crate) below: usize,
}

/// The comparison of several trees.
#[derive(Debug, Default)]
pub(crate) struct TreeComparison {
    pub(crate) differences: Vec<TreeDifference>,
    /// Entries of all trees, each counted once, and files among them.
    pub(crate) entries: usize,
    pub(crate) files: usize,
    /// Entries that differ.
    pub(crate) differing: usize,
    /// Places that are like the reference in everything.
    pub(crate) agreeing: Vec<usize>,
}

impl TreeComparison {
    /// Compares trees. `has_owners` says of which places owners count.
    pub(crate) fn of(trees: &[&TreeDigest], has_owners: &[bool]) -> Self {
        let paths: BTreeSet<_> = trees.iter().flat_map(|tree| tree.entries.keys()).collect();
        let by_names = trees.iter().zip(has_owners).all(|(tree, counts)| {
            let mut entries = tree.entries.values();
            !counts || entries.all(|entry| entry.owner_names.is_some())
        });
        let mut comparison = Self {
            entries: paths.len(),
            ..Self::default()
        };
        let mut deviating = BTreeSet::new();
        let mut missing: Option<TreeDifference> = None;
        for path in paths {
            let entries: Vec<_> = trees.iter().map(|tree| tree.entries.get(path)).collect();
            let is_file = |entry: &&DigestEntry| matches!(entry.content, EntryContent::File { .. });
            comparison.files += usize::from(entries.iter().flatten().any(is_file));
            let found = differences(&entries, has_owners, by_names);
            comparison.differing += usize::from(!found.is_empty());
            for (aspect, groups) in found {
                deviating.extend(groups[1..].iter().flatten().copied());
                let is_presence = aspect == EntryAspect::Presence;
                if let Some(above) = missing.as_mut().filter(|_| is_presence)
                    && above.groups == groups
                    && is_below(path, &above.path)
                {
                    above.below += 1;
                    continue;
                }
                let difference = TreeDifference {
                    path: path.clone(),
                    aspect,
                    groups,
                    below: 0,
                };
                if is_presence {
                    comparison.differences.extend(missing.replace(difference));
                } else {
                    comparison.differences.push(difference);
                }
            }
        }
        comparison.differences.extend(missing);
        comparison
            .differences
            .sort_by(|one, other| one.path.cmp(&other.path));
        let places = 0..trees.len();
        comparison.agreeing = places.filter(|place| !deviating.contains(place)).collect();
        comparison
    }
}

fn is_below(path: &[u8], directory: &[u8]) -> bool {
    let rest = path.strip_prefix(directory);
    rest.is_some_and(|rest| directory.is_empty() || rest.starts_with(b"/"))
}

/// The aspects in which the entries of one path differ.
fn differences(
    entries: &[Option<&DigestEntry>],
    has_owners: &[bool],
    by_names: bool,
) -> Vec<(EntryAspect, Vec<Vec<usize>>)> {
    let mut found = Vec::new();
    let mut add = |aspect, groups: Vec<Vec<usize>>| {
        if groups.len() > 1 {
            found.push((aspect, groups));
        }
    };
    let presence = entries.iter().map(|entry| Some(entry.is_some()));
    add(EntryAspect::Presence, grouped(presence));
    let kinds = entries
        .iter()
        .map(|entry| entry.map(|entry| kind(&entry.content)));
    let kinds = grouped(kinds);
    if kinds.len() > 1 {
        add(EntryAspect::Type, kinds);
        return found;
    }
    let are_read = entries
        .iter()
        .flatten()
        .all(|entry| !matches!(entry.content, EntryContent::File { sha256: None, .. }));
    let contents = entries.iter().map(|entry| {
        entry.map(|entry| match &entry.content {
            // If one was not read, sizes are compared.
            EntryContent::File { size, .. } if !are_read => EntryContent::File {
                size: *size,
                sha256: None,
            },
            content => content.clone(),
        })
    });
    add(EntryAspect::Content, grouped(contents));
    let has_mode = |entry: &&DigestEntry| !matches!(entry.content, EntryContent::Link(_));
    let modes = entries.iter().map(|entry| entry.filter(has_mode)?.mode);
    add(EntryAspect::Mode, grouped(modes));
    let owners = entries.iter().zip(has_owners).map(|(entry, counts)| {
        let entry = entry.filter(|_| *counts)?;
        owner(entry, by_names)
    });
    add(EntryAspect::Owner, grouped(owners));
    found
}

/// The owner of an entry in words.
pub(super) fn owner(entry: &DigestEntry, by_names: bool) -> Option<String> {
    let numbers = entry.owner.map(|(user, group)| format!("{user}:{group}"));
    let names = entry.owner_names.clone().filter(|_| by_names);
    names.or(numbers)
}

fn kind(content: &EntryContent) -> u8 {
    match content {
        EntryContent::File { .. } => 0,
        EntryContent::Directory => 1,
        EntryContent::Link(_) => 2,
        EntryContent::Special => 3,
    }
}

/// Groups the places by their values; the largest group comes first, of several the one with the first place.
/// Places without a value are in no group.
fn grouped<K: Eq + Hash>(values: impl Iterator<Item = Option<K>>) -> Vec<Vec<usize>> {
    let mut groups: Vec<Vec<usize>> = Vec::new();
    let mut known: HashMap<K, usize> = HashMap::new();
    for (place, value) in values.enumerate() {
        let Some(value) = value else { continue };
        let group = *known.entry(value).or_insert(groups.len());
        if group == groups.len() {
            groups.push(Vec::new());
        }
        groups[group].push(place);
    }
    groups.sort_by_key(|group| std::cmp::Reverse(group.len()));
    groups
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(content: &str, mode: u32, owner: &str) -> DigestEntry {
        DigestEntry {
            content: EntryContent::File {
                size: 1,
                sha256: Some(content.to_owned()),
            },
            mode: Some(mode),
            owner: Some((0, 0)),
            owner_names: Some(owner.to_owned()),
        }
    }

    fn tree(entries: &[(&str, DigestEntry)]) -> TreeDigest {
        let entries = entries.iter().cloned();
        TreeDigest {
            entries: entries.map(|(path, entry)| (path.into(), entry)).collect(),
            notes: Vec::new(),
        }
    }

    #[test]
    fn the_majority_is_the_reference_and_else_the_first() {
        let [one, two, three] =
            ["x", "y", "y"].map(|content| tree(&[("a", file(content, 0o644, "u:g"))]));
        let compared = TreeComparison::of(&[&one, &two, &three], &[true; 3]);
        assert_eq!(compared.differences[0].groups, [vec![1, 2], vec![0]]);
        assert_eq!((compared.differing, compared.agreeing), (1, vec![1, 2]));
        let compared = TreeComparison::of(&[&one, &two], &[true; 2]);
        assert_eq!(compared.differences[0].groups, [vec![0], vec![1]]);
        let same = TreeComparison::of(&[&two, &three], &[true; 2]);
        assert!(same.differences.is_empty() && same.agreeing == [0, 1]);
    }

    #[test]
    fn modes_and_owners_differ_apart_and_some_owners_do_not_count() {
        let one = tree(&[("a", file("x", 0o644, "u:g"))]);
        let two = tree(&[("a", file("x", 0o600, "v:g"))]);
        let aspects = |has_owners: &[bool]| {
            let compared = TreeComparison::of(&[&one, &two], has_owners);
            let differences = compared.differences.into_iter();
            differences.map(|one| one.aspect).collect::<Vec<_>>()
        };
        assert_eq!(
            aspects(&[true, true]),
            [EntryAspect::Mode, EntryAspect::Owner]
        );
        assert_eq!(aspects(&[true, false]), [EntryAspect::Mode]);
    }

    #[test]
    fn what_is_missing_with_its_directory_is_counted() {
        let directory = DigestEntry {
            content: EntryContent::Directory,
            ..file("", 0o755, "u:g")
        };
        let one = tree(&[
            ("", directory.clone()),
            ("d", directory.clone()),
            ("d/a", file("x", 0o644, "u:g")),
            ("d/b", file("x", 0o644, "u:g")),
            ("e", file("x", 0o644, "u:g")),
        ]);
        let two = tree(&[("", directory), ("e", file("x", 0o644, "u:g"))]);
        let compared = TreeComparison::of(&[&one, &two], &[true; 2]);
        let [difference] = compared.differences.as_slice() else {
            panic!("{:?}", compared.differences);
        };
        assert_eq!(
            (difference.path.as_slice(), difference.below),
            (&b"d"[..], 2)
        );
        assert_eq!((compared.entries, compared.files), (5, 3));
    }
}
