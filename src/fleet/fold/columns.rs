//! Outputs of one form, such as figures: the words that all have, and those in which they differ as columns.

use std::collections::HashSet;

use super::groups::OutputGroup;

/// The fewest outputs that are shown so.
const FEWEST: usize = 3;
/// The most words in which they may differ.
const MOST_COLUMNS: usize = 6;

/// Outputs of one form.
pub(super) struct Columns {
    /// The form, with `{1}` for the word in the first column.
    pub(super) form: String,
    /// Each output's words in the columns.
    pub(super) rows: Vec<Vec<String>>,
}

/// The words of an output, by lines.
type LineWords<'a> = Vec<Vec<&'a str>>;

impl Columns {
    /// The columns of all groups' outputs; `None` if these differ in form, or in more than some words. Two different
    /// outputs never have the same words in them.
    pub(super) fn of(groups: &[OutputGroup<'_>]) -> Option<Self> {
        if groups.len() < FEWEST || groups.iter().any(|group| group.text.contains("{1}")) {
            return None;
        }
        let outputs: Vec<_> = groups.iter().map(|group| words(&group.text)).collect();
        let (first, others) = outputs.split_first()?;
        let columns = differing(first, others)?;
        let in_common = first.iter().map(Vec::len).sum::<usize>() - columns.len();
        let rows: Vec<Vec<_>> = outputs
            .iter()
            .map(|output| cells(output, &columns))
            .collect();
        let told_apart: HashSet<_> = rows.iter().collect();
        (in_common > columns.len() && told_apart.len() == rows.len()).then(|| Self {
            form: form(first, &columns),
            rows,
        })
    }
}

fn words(text: &str) -> LineWords<'_> {
    let lines = text.lines();
    lines
        .map(|line| line.split_whitespace().collect())
        .collect()
}

/// The places of words, by line and number, in which outputs differ; `None` if these are too many, or if the
/// outputs have another number of words.
fn differing(first: &LineWords<'_>, others: &[LineWords<'_>]) -> Option<Vec<(usize, usize)>> {
    let lengths = |output: &LineWords<'_>| output.iter().map(Vec::len).collect::<Vec<_>>();
    let expected = lengths(first);
    if others.iter().any(|other| lengths(other) != expected) {
        return None;
    }
    let places = expected.iter().enumerate();
    let places = places.flat_map(|(line, words)| (0..*words).map(move |word| (line, word)));
    let differs = |&(line, word): &(usize, usize)| {
        let mut others = others.iter();
        others.any(|other| other[line][word] != first[line][word])
    };
    let columns: Vec<_> = places.filter(differs).collect();
    (columns.len() <= MOST_COLUMNS).then_some(columns)
}

fn cells(output: &LineWords<'_>, columns: &[(usize, usize)]) -> Vec<String> {
    let cells = columns.iter();
    cells
        .map(|&(line, word)| output[line][word].to_owned())
        .collect()
}

/// The text with the columns' numbers in the place of their words.
fn form(output: &LineWords<'_>, columns: &[(usize, usize)]) -> String {
    let mut words: Vec<Vec<_>> = output
        .iter()
        .map(|line| line.iter().map(|word| (*word).to_owned()).collect())
        .collect();
    for (index, &(line, word)) in columns.iter().enumerate() {
        words[line][word] = format!("{{{}}}", index + 1);
    }
    let lines: Vec<_> = words.iter().map(|line| line.join(" ")).collect();
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fleet::fold::groups::group;
    use crate::fleet::fold::tests::succeeded;

    fn columns(outputs: &[&str]) -> Option<(String, Vec<String>)> {
        let outputs = outputs.iter().enumerate();
        let reports: Vec<_> = outputs
            .map(|(index, output)| succeeded(&format!("web{index}"), output))
            .collect();
        let keyed = reports.iter().map(|report| (report, report.output.clone()));
        let columns = Columns::of(&group(keyed))?;
        let rows = columns.rows.iter().map(|row| row.join("|"));
        Some((columns.form, rows.collect()))
    }

    #[test]
    fn figures_of_one_form_become_columns() {
        let loads = ["load  0.1 of 4", "load 0.5 of 4", "load 2.0 of 8"];
        let rows = ["0.1|4", "0.5|4", "2.0|8"].map(ToOwned::to_owned).to_vec();
        assert_eq!(
            columns(&loads),
            None,
            "as many words differ as are the same"
        );
        let loads = loads.map(|load| format!("{load} cores\nis the load"));
        let loads: Vec<_> = loads.iter().map(String::as_str).collect();
        let form = "load {1} of {2} cores\nis the load".to_owned();
        assert_eq!(columns(&loads), Some((form, rows)));
    }

    #[test]
    fn other_forms_do_not() {
        for outputs in [
            &["a b 1", "a b 2"][..],
            &["a b 1", "a b 2", "a b c 3"],
            &["a b 1", "a b 2", "a b\n3"],
            &["a b {1}", "a b 2", "a b 3"],
            // Spaces would be lost, by which two of them differ.
            &["a b 1", "a  b 1", "a b 2"],
            &["a 1 1 1 1 1 1 1", "a 2 2 2 2 2 2 2", "a 3 3 3 3 3 3 3"],
        ] {
            assert_eq!(columns(outputs), None, "{outputs:?}");
        }
    }
}
