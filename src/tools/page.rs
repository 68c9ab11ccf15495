//! Lists in parts: the entries of one part, and the call that gives the next.

use serde::Serialize;
use serde_json::{Value, json};

use super::data::fields;
use crate::text::table;

/// A part of a list.
pub(super) struct ListPart<T> {
    /// Its entries.
    pub(super) entries: Vec<T>,
    /// The number of entries in the whole list.
    pub(super) total: usize,
    /// The call that gives the next part, if there is one.
    pub(super) next: Option<String>,
}

impl<T> ListPart<T> {
    /// Takes `limit` entries after the first `offset` ones. `tool` and `filters` are those of the call that
    /// asked for them.
    pub(super) fn of(
        all: Vec<T>,
        (offset, limit): (usize, usize),
        tool: &str,
        filters: &impl Serialize,
    ) -> Self {
        let total = all.len();
        let entries: Vec<_> = all.into_iter().skip(offset).take(limit).collect();
        let after = offset.saturating_add(entries.len());
        let next =
            (!entries.is_empty() && after < total).then(|| call(tool, filters, after, limit));
        Self {
            entries,
            total,
            next,
        }
    }

    /// Counts for people: `20 of 134 tasks`, or `3 tasks`.
    pub(super) fn count(&self, one: &str, many: &str) -> String {
        match (self.entries.len(), self.total) {
            (shown, total) if shown < total => format!("{shown} of {total} {many}"),
            (_, 1) => format!("1 {one}"),
            (_, total) => format!("{total} {many}"),
        }
    }
}

/// A part of a list for people: its heading, a line for each entry, and the call that gives the next part.
pub(super) fn text_of_part<const COLUMNS: usize>(
    heading: &str,
    rows: &[[String; COLUMNS]],
    next: Option<&str>,
) -> String {
    let mut text = heading.to_owned();
    if !rows.is_empty() {
        text = format!("{text}\n{}", table(rows));
    }
    if let Some(next) = next {
        text = format!("{text}\nnext: {next}");
    }
    text
}

/// A call as a caller may repeat it.
fn call(tool: &str, filters: &impl Serialize, offset: usize, limit: usize) -> String {
    let mut arguments = fields(filters);
    arguments.retain(|_, value| !value.is_null() && *value != false);
    arguments.insert("limit".to_owned(), json!(limit));
    arguments.insert("offset".to_owned(), json!(offset));
    format!("{tool} {}", Value::Object(arguments))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_names_the_call_for_the_next() {
        let filters = json!({"alias": "web1", "status": null, "all": false});
        let part = ListPart::of(vec![1, 2, 3, 4, 5], (1, 2), "task_queue", &filters);
        assert_eq!(part.entries, [2, 3]);
        assert_eq!(part.count("task", "tasks"), "2 of 5 tasks");
        assert_eq!(
            part.next.as_deref(),
            Some(r#"task_queue {"alias":"web1","limit":2,"offset":3}"#)
        );
        let last = ListPart::of(vec![1, 2, 3], (1, 2), "task_queue", &filters);
        assert_eq!(last.next, None);
    }
}
