//! Tables for people: one line a row, columns aligned.

/// The width up to which a column is padded. A longer cell moves the rest of its line.
const WIDEST: usize = 28;
/// The gap between two columns.
const GAP: &str = "  ";

/// Writes rows as lines. The last cell of a line is not padded, and cells that are empty at its end are left out.
pub(crate) fn table(rows: &[impl AsRef<[String]>]) -> String {
    let columns = rows.iter().map(|row| row.as_ref().len()).max();
    let widths: Vec<_> = (0..columns.unwrap_or_default())
        .map(|column| width(rows.iter().filter_map(|row| row.as_ref().get(column))))
        .collect();
    let lines: Vec<_> = rows.iter().map(|row| line(row.as_ref(), &widths)).collect();
    lines.join("\n")
}

/// The width of a column; `None` if it is empty everywhere.
fn width<'c>(cells: impl Iterator<Item = &'c String>) -> Option<usize> {
    let widths = cells.map(|cell| cell.chars().count());
    let widths = widths.filter(|width| *width > 0);
    widths
        .map(|width| if width > WIDEST { 1 } else { width })
        .max()
}

fn line(row: &[String], widths: &[Option<usize>]) -> String {
    let columns = row.iter().zip(widths);
    let columns = columns.filter_map(|(cell, width)| Some((cell, (*width)?)));
    let cells: Vec<_> = columns
        .map(|(cell, width)| format!("{:width$}", cell.replace(['\n', '\r', '\t'], " ")))
        .collect();
    cells.join(GAP).trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned_and_lines_end_with_text() {
        let rows = [["a", "", "long words", "x"], ["bcd", "", "é", ""]];
        let rows = rows.map(|row| row.map(ToOwned::to_owned));
        assert_eq!(table(&rows), "a    long words  x\nbcd  é");
    }

    #[test]
    fn one_long_cell_does_not_widen_its_column() {
        let long = "x".repeat(100);
        let rows = [["a", "1"], [&long, "2\n3"]].map(|row| row.map(ToOwned::to_owned));
        assert_eq!(table(&rows), format!("a  1\n{long}  2 3"));
        let rows = [[long.clone(), "z".to_owned()]];
        assert_eq!(table(&rows), format!("{long}  z"));
    }
}
