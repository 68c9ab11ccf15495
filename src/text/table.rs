//! Tables for people: one line a row, columns aligned.

/// The width up to which a column is padded. A longer cell moves the rest of its line.
const WIDEST: usize = 28;
/// The gap between two columns.
const GAP: &str = "  ";

/// Writes rows as lines. The last cell of a line is not padded, and cells that are empty at its end are left out.
pub(crate) fn table<const N: usize>(rows: &[[String; N]]) -> String {
    let widths: [Option<usize>; N] = std::array::from_fn(|column| {
        let widths = rows.iter().map(|row| row[column].chars().count());
        let widths = widths.filter(|width| *width > 0);
        // A column that is empty everywhere has none.
        widths
            .map(|width| if width > WIDEST { 1 } else { width })
            .max()
    });
    let lines: Vec<_> = rows.iter().map(|row| line(row, &widths)).collect();
    lines.join("\n")
}

fn line<const N: usize>(row: &[String; N], widths: &[Option<usize>; N]) -> String {
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
