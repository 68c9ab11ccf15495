//! The outputs: each part under a separator, and all of them within what room there is.

use super::Parent;
use super::columns::Columns;
use super::groups::{OutputGroup, names_of};
use super::report::ChildReport;
use super::room::{AnswerRoom, cost};
use crate::edit::Diff;
use crate::text::{first, fits, fitting_end, fitting_start, share, table};

/// The longest output that stands in a row behind its servers' names.
const LONGEST_ROW: usize = 160;
/// The most bytes of JSON that names take in a separator.
const NAMES: usize = 240;
/// The most bytes of JSON that names take in a row.
const ROW_NAMES: usize = 100;
/// The most outputs that are compared with the most frequent one: there is no room for more.
const MOST_COMPARED: usize = 40;
/// The least bytes of JSON that a section takes with its separator.
const SMALLEST: usize = 240;
/// The bytes of JSON that the line about outputs left out takes beside its names.
const LAST_LINE: usize = 120;
/// The bytes of JSON that the line in the place of a part left out takes.
const MARK: usize = 100;

/// The part of a long text that is shown of its beginning; the rest is shown of its end.
#[derive(Clone, Copy)]
enum Beginning {
    All,
    Half,
    Quarter,
}

/// Outputs under their separator.
struct Section<'a> {
    reports: Vec<&'a ChildReport>,
    heading: String,
    body: String,
    shown: Beginning,
}

/// The sections of an answer.
pub(super) struct OutputSections<'a> {
    parent: Parent<'a>,
    sections: Vec<Section<'a>>,
}

impl<'a> OutputSections<'a> {
    /// None so far.
    pub(super) fn of(parent: Parent<'a>) -> Self {
        Self {
            parent,
            sections: Vec::new(),
        }
    }

    /// Adds the outputs of servers where the call has failed.
    pub(super) fn add_failed(&mut self, groups: Vec<OutputGroup<'a>>) {
        for group in groups.into_iter().filter(|group| !group.text.is_empty()) {
            let title = format!("output of {}{}", group.names(NAMES), group.legend());
            self.add(&title, group.text, group.reports, Beginning::Quarter);
        }
    }

    /// Adds the outputs of servers where the call has succeeded.
    pub(super) fn add_succeeded(&mut self, mut groups: Vec<OutputGroup<'a>>) {
        for group in groups.iter_mut().filter(|group| group.text.is_empty()) {
            "(no output)".clone_into(&mut group.text);
        }
        if let Some(columns) = Columns::of(&groups) {
            self.add_columns(columns, groups);
        } else if groups.len() > 1 && groups.iter().all(is_short_line) {
            let cells = groups
                .iter()
                .map(|group| vec![group.text.clone()])
                .collect();
            self.add_rows("in a line each", String::new(), cells, groups);
        } else {
            self.add_differences(groups);
        }
    }

    fn add_columns(&mut self, columns: Columns, groups: Vec<OutputGroup<'a>>) {
        let title = "all of one form, but for spaces and the words in columns";
        self.add_rows(title, columns.form, columns.rows, groups);
    }

    fn add_rows(
        &mut self,
        title: &str,
        mut body: String,
        cells: Vec<Vec<String>>,
        groups: Vec<OutputGroup<'a>>,
    ) {
        let rows = groups.iter().zip(cells).map(|(group, cells)| {
            let count = match group.len() {
                1 => String::new(),
                several => format!(" ({several})"),
            };
            let names = format!("{}{count}", group.names(ROW_NAMES));
            [vec![names], cells].concat()
        });
        let rows = table(&rows.collect::<Vec<_>>());
        if !body.is_empty() {
            body.push('\n');
        }
        body.push_str(&rows);
        let legend = groups
            .iter()
            .map(OutputGroup::legend)
            .max_by_key(|legend| legend.len());
        let title = format!("{title}{}", legend.unwrap_or_default());
        let reports = groups.into_iter().flat_map(|group| group.reports).collect();
        self.add(&title, body, reports, Beginning::All);
    }

    /// Adds the most frequent output, and how the others differ from it where that is shorter than they are.
    fn add_differences(&mut self, groups: Vec<OutputGroup<'a>>) {
        let mut groups = groups.into_iter();
        let Some(most) = groups.next() else {
            return;
        };
        let (base, all) = (format!("{}\n", most.text), self.parent.servers);
        let (names, legend) = (most.names(NAMES), most.legend());
        let (title, them) = match most.len() {
            1 => (format!("{names}{legend}"), most.first().to_owned()),
            count if count == all => (
                format!("the same on all {all}: {names}{legend}"),
                String::new(),
            ),
            count => (
                format!("the same on {count} of {all}: {names}{legend}"),
                format!("the {count}"),
            ),
        };
        self.add(&title, most.text, most.reports, Beginning::Half);
        for (index, group) in groups.enumerate() {
            let (names, legend) = (group.names(NAMES), group.legend());
            let difference = (index < MOST_COMPARED).then(|| difference(&base, &group.text));
            if let Some(difference) = difference.flatten() {
                let title = format!("{names} other than {them}{legend}");
                self.add(&title, difference, group.reports, Beginning::All);
            } else {
                let title = format!("{names}{legend}");
                self.add(&title, group.text, group.reports, Beginning::Half);
            }
        }
    }

    fn add(&mut self, title: &str, body: String, reports: Vec<&'a ChildReport>, shown: Beginning) {
        self.sections.push(Section {
            reports,
            heading: format!("--- {title} (task {}) ---", self.parent.id),
            body,
            shown,
        });
    }

    /// Writes as many sections as there is room for, and who else there is.
    pub(super) fn write(mut self, room: &mut AnswerRoom) {
        let number = (room.left() / SMALLEST).max(1);
        let others = self.sections.split_off(number.min(self.sections.len()));
        let others: Vec<_> = others
            .into_iter()
            .flat_map(|section| section.reports)
            .collect();
        let for_others = if others.is_empty() {
            0
        } else {
            LAST_LINE + NAMES
        };
        let available = room.left().saturating_sub(for_others);
        let lengths: Vec<_> = self.sections.iter().map(Section::cost).collect();
        let most = share(&lengths, available);
        for section in self.sections {
            section.write(room, most, self.parent);
        }
        if let Some(first) = others.first() {
            let (count, names) = (others.len(), names_of(&others, NAMES));
            let call = self.parent.output_call(&first.alias);
            room.line(&format!(
                "[… {count} more have outputs of their own: {names}. See {call} …]"
            ));
        }
    }
}

/// The differences of an output from another; `None` if it is no longer itself.
fn difference(base: &str, text: &str) -> Option<String> {
    let new = format!("{text}\n");
    let diff = Diff::of(base.as_bytes(), new.as_bytes(), new.len());
    Some(diff.text).filter(|diff| diff.len() < text.len())
}

fn is_short_line(group: &OutputGroup<'_>) -> bool {
    !group.text.contains('\n') && fits(&group.text, LONGEST_ROW)
}

impl Section<'_> {
    fn cost(&self) -> usize {
        cost(&self.heading) + cost(&self.body)
    }

    /// Writes the section in at most `most` bytes of JSON.
    fn write(&self, room: &mut AnswerRoom, most: usize, parent: Parent<'_>) {
        room.line(&self.heading);
        if self.cost() <= most {
            room.line(&self.body);
            return;
        }
        let left = most.saturating_sub(cost(&self.heading) + MARK);
        let for_beginning = match self.shown {
            Beginning::All => left,
            Beginning::Half => left / 2,
            Beginning::Quarter => left / 4,
        };
        let body = self.body.as_str();
        let (before, rest) = body.split_at(line_start(body, for_beginning));
        let (middle, last) = match self.shown {
            Beginning::All => (rest, ""),
            _ => rest.split_at(fitting_end(rest.as_bytes(), left - for_beginning, true)),
        };
        let amount = match self.shown {
            Beginning::All => format!("{} lines", middle.lines().count()),
            _ => format!("{} bytes", middle.len()),
        };
        // The last one of a table is among those left out.
        let alias = self.reports.last().map(|report| report.alias.as_str());
        let call = parent.output_call(alias.unwrap_or_default());
        let mark = format!("[… {amount} left out: {call} …]");
        let parts = [before.trim_end_matches('\n'), &mark, last];
        let parts = parts.into_iter().filter(|part| !part.is_empty());
        parts.for_each(|part| room.line(part));
    }
}

/// The end of the lines that fit into `most` bytes of JSON, or of the characters where not one line does.
fn line_start(text: &str, most: usize) -> usize {
    first(text, fitting_start(text.as_bytes(), most, true)).len()
}
