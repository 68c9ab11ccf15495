//! Rows in columns. The last column takes the rest of the terminal's width.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// The columns between two cells.
const GAP: usize = 2;
/// The fewest columns of the last cell.
const LEAST: usize = 10;

/// The widths of all columns but the last.
pub(super) struct TableColumns<const N: usize>([usize; N]);

impl<const N: usize> TableColumns<N> {
    /// The columns in which these rows fit.
    pub(super) fn of<'a>(rows: impl IntoIterator<Item = &'a [String; N]>) -> Self {
        let mut widths = [0; N];
        for row in rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = cell.width().max(*width);
            }
        }
        Self(widths)
    }

    /// A row of this width, in which `style` changes how a cell looks. TableColumns that are empty everywhere take no
    /// room.
    pub(super) fn row(
        &self,
        cells: &[String; N],
        width: Option<usize>,
        style: impl Fn(usize, &str) -> String,
    ) -> String {
        let (mut line, mut used) = (String::new(), 0);
        for (column, (cell, width_of_column)) in cells.iter().zip(self.0).enumerate() {
            if column + 1 == N {
                let room = width.map_or(usize::MAX, |width| width.saturating_sub(used).max(LEAST));
                line += &style(column, &cut(cell, room));
            } else if width_of_column > 0 {
                let padding = width_of_column.saturating_sub(cell.width()) + GAP;
                line += &style(column, cell);
                line += &" ".repeat(padding);
                used += width_of_column + GAP;
            }
        }
        line.trim_end().to_owned()
    }
}

/// The beginning of a text that takes at most so many columns.
fn cut(text: &str, most: usize) -> String {
    if text.width() <= most {
        return text.to_owned();
    }
    let mut room = most.saturating_sub(1);
    let fits = |character: &char| {
        let width = character.width().unwrap_or_default();
        let fits = width <= room;
        room = room.saturating_sub(width);
        fits
    };
    let beginning: String = text.chars().take_while(fits).collect();
    beginning + "…"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_and_the_last_is_cut_by_its_width() {
        let row = |cells: [&str; 3]| cells.map(str::to_owned);
        let rows = [
            row(["web1", "", "tail -f /var/log/syslog"]),
            row(["数据库", "", "ls"]),
        ];
        let columns = TableColumns::of(&rows);
        let line =
            |index: usize, width| columns.row(&rows[index], width, |_, cell| cell.to_owned());
        assert_eq!(line(0, None), "web1    tail -f /var/log/syslog");
        assert_eq!(line(1, None), "数据库  ls");
        assert_eq!(line(0, Some(20)), "web1    tail -f /va…");
        assert_eq!(cut("数据库数据库", 6), "数据…");
    }
}
