//! Servers with the same text.

use indexmap::IndexMap;

use super::names;
use super::own_names::{self, ALIAS, HOST};
use super::report::ChildReport;

/// Servers that have a text in common.
#[derive(Debug)]
pub(super) struct OutputGroup<'a> {
    /// Their reports, one at least.
    pub(super) reports: Vec<&'a ChildReport>,
    /// The text, with placeholders for each server's own names where they are all that differs.
    pub(super) text: String,
    is_generic: bool,
}

/// A report with the text by which it is grouped.
pub(super) type Keyed<'a> = (&'a ChildReport, String);

impl<'a> OutputGroup<'a> {
    /// The first of its servers.
    pub(super) fn first(&self) -> &'a str {
        &self.reports[0].alias
    }

    /// Their number.
    pub(super) fn len(&self) -> usize {
        self.reports.len()
    }

    /// Their aliases, in at most `most` bytes of JSON as far as that goes.
    pub(super) fn names(&self, most: usize) -> String {
        names_of(&self.reports, most)
    }

    /// Says what the placeholders in its text stand for.
    pub(super) fn legend(&self) -> &'static str {
        let has = |placeholder| self.is_generic && self.text.contains(placeholder);
        match (has(ALIAS), has(HOST)) {
            (false, false) => "",
            (true, false) => ", with {alias} for each one's alias",
            (false, true) => ", with {host} for each one's address",
            (true, true) => ", with {alias} and {host} for each one's alias and address",
        }
    }
}

/// The aliases of reports, in at most `most` bytes of JSON as far as that goes.
pub(super) fn names_of(reports: &[&ChildReport], most: usize) -> String {
    let aliases: Vec<_> = reports.iter().map(|report| report.alias.as_str()).collect();
    names::list(&aliases, most)
}

/// Groups reports by their texts, the largest group first. Texts that stand alone are grouped where they differ in
/// the servers' own names only.
pub(super) fn group<'a>(keyed: impl Iterator<Item = Keyed<'a>>) -> Vec<OutputGroup<'a>> {
    let mut same = IndexMap::<_, Vec<_>>::new();
    for (report, text) in keyed {
        same.entry((text, report.digest)).or_default().push(report);
    }
    let mut groups = IndexMap::<_, OutputGroup<'_>>::new();
    for ((text, digest), reports) in same {
        let generic = match reports.as_slice() {
            [report] => own_names::generic(report, &text),
            _ => None,
        };
        let key = (
            generic.clone().unwrap_or(text.clone()),
            generic.is_some(),
            digest,
        );
        if let Some(group) = groups.get_mut(&key) {
            group.text.clone_from(&key.0);
            group.is_generic = true;
            group.reports.extend(reports);
        } else {
            let group = OutputGroup {
                reports,
                text,
                is_generic: false,
            };
            groups.insert(key, group);
        }
    }
    let mut groups: Vec<_> = groups.into_values().collect();
    groups.sort_by_key(|group| std::cmp::Reverse(group.len()));
    groups
}
