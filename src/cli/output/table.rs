//! Rows in columns. Prints nothing.

use super::text::pieces;
use super::text::width;

/// The least columns that cells are broken into lines of.
const WRAPPED_MIN: usize = 8;

/// Where a column's cells stand.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Align {
    /// At its left edge.
    Left,
    /// At its right edge.
    Right,
    /// At its left edge, and in several lines where a terminal is too narrow.
    Wrapped,
}

/// Rows of cells under a heading, shown in aligned columns.
#[derive(Default)]
pub(crate) struct Table {
    aligns: Vec<Align>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table with these columns.
    pub(crate) fn new(columns: &[(&str, Align)]) -> Table {
        let heading = columns.iter().map(|(title, _)| (*title).to_owned()).collect();
        Table { aligns: columns.iter().map(|(_, align)| *align).collect(), rows: vec![heading] }
    }

    /// Adds a row below the others.
    pub(crate) fn row(&mut self, cells: Vec<String>) {
        self.rows.push(cells);
    }

    /// The lines, the heading first, without blanks at their ends; in `columns` columns where cells that may be broken make that
    /// possible.
    pub(crate) fn lines(&self, columns: Option<usize>) -> Vec<String> {
        let widest = |column: usize| self.rows.iter().map(|row| row.get(column).map_or(0, |cell| width(cell))).max();
        let mut widths: Vec<usize> = (0..self.aligns.len()).map(|column| widest(column).unwrap_or(0)).collect();
        if let Some(columns) = columns {
            self.narrow(&mut widths, columns);
        }
        self.rows.iter().flat_map(|row| self.row_lines(row, &widths)).collect()
    }

    /// Takes from the columns that may be broken, the widest first, until all fit.
    fn narrow(&self, widths: &mut [usize], columns: usize) {
        let taken = |widths: &[usize]| widths.iter().sum::<usize>() + 2 * widths.len().saturating_sub(1);
        while taken(widths) > columns {
            let may_give = |at: &usize| self.aligns[*at] == Align::Wrapped && widths[*at] > WRAPPED_MIN;
            let Some(widest) = (0..widths.len()).filter(may_give).max_by_key(|at| widths[*at]) else { return };
            widths[widest] -= 1;
        }
    }

    fn row_lines(&self, row: &[String], widths: &[usize]) -> Vec<String> {
        let cells: Vec<Vec<String>> = row.iter().zip(widths).map(|(cell, width)| pieces(cell, *width)).collect();
        let height = cells.iter().map(Vec::len).max().unwrap_or(0);
        let line = |at: usize| {
            let places = cells.iter().zip(&self.aligns).zip(widths);
            let places =
                places.map(|((cell, align), width)| aligned(cell.get(at).map_or("", String::as_str), *align, *width));
            places.collect::<Vec<_>>().join("  ").trim_end().to_owned()
        };
        (0..height).map(line).collect()
    }
}

fn aligned(cell: &str, align: Align, columns: usize) -> String {
    let blanks = " ".repeat(columns.saturating_sub(width(cell)));
    if align == Align::Right { blanks + cell } else { cell.to_owned() + &blanks }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let mut table = Table::new(&[("#", Align::Right), ("note", Align::Left), ("added", Align::Right)]);
        table.row(vec!["10".into(), "é".into(), "1 B".into()]);
        table.row(vec!["9".into(), "日本語".into(), String::new()]);
        assert_eq!(table.lines(None), [" #  note    added", "10  é         1 B", " 9  日本語"]);
    }

    #[test]
    fn cells_are_broken_where_the_terminal_is_too_narrow() {
        let mut table = Table::new(&[("#", Align::Right), ("sources", Align::Wrapped), ("note", Align::Wrapped)]);
        table.row(vec!["10".into(), "home work photos".into(), "before the move".into()]);
        let narrow = table.lines(Some(24));
        assert_eq!(narrow, [" #  sources    note", "10  home work  before", "    photos     the move"]);
        assert_eq!(table.lines(None).len(), 2);
    }
}
