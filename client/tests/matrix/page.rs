//! The table that a run makes: what each column held, row by row.

use std::collections::BTreeMap;
use std::fmt::Write;

use crate::code::{Cell, Column};
use crate::row::Row;

/// What the runs of one cell came to.
#[derive(Clone, Debug, Default)]
pub(crate) struct Held {
    pub(crate) runs: usize,
    pub(crate) injections: u64,
    /// Errors that callers were told, and records that are there twice.
    pub(crate) told: usize,
    pub(crate) duplicates: usize,
}

/// What each cell came to.
pub(crate) type Results = BTreeMap<(u32, Column), Held>;

/// Where the page has the table.
pub(crate) const BEGIN: &str = "<!-- made: matrix -->\n";
pub(crate) const END: &str = "<!-- end: matrix -->\n";

/// The table, with or without the figures of these runs.
pub(crate) fn table(rows: &[Row], results: &Results) -> String {
    let names = Column::ALL.map(|column| format!("{column:?}")).join(" | ");
    let rules = Column::ALL.map(|_| "---").join(" | ");
    let mut text = format!(
        "| row | what goes wrong | {names} | runs | injections | told | twice |\n\
         | ---: | --- | {rules} | ---: | ---: | ---: | ---: |\n"
    );
    for row in rows {
        let cells: Vec<String> = Column::ALL.iter().map(|column| cell(row, *column)).collect();
        let mut sum = Held::default();
        for held in results.iter().filter(|((number, _), _)| *number == row.number) {
            sum.runs += held.1.runs;
            sum.injections += held.1.injections;
            sum.told += held.1.told;
            sum.duplicates += held.1.duplicates;
        }
        let Row { number, what, .. } = row;
        let _ = write!(text, "| {number} | {what} | {} |", cells.join(" | "));
        let is_run = Column::ALL.iter().any(|column| row.inject(*column).is_some());
        let _ = match sum {
            Held { runs, injections, told, duplicates } if is_run => {
                writeln!(text, " {runs} | {injections} | {told} | {duplicates} |")
            }
            _ => writeln!(text, " - | - | - | - |"),
        };
    }
    text
}

fn cell(row: &Row, column: Column) -> String {
    match row.cell(column) {
        Cell::Holds(codes) => {
            let codes = codes.replace('|', " or ");
            if row.inject(column).is_some() { codes } else { format!("({codes})") }
        }
        Cell::Nothing => "-".to_owned(),
        Cell::Later => "later".to_owned(),
    }
}

/// The same without the figures of the runs, which another machine's seeds have others of.
pub(crate) fn without_figures(table: &str) -> Vec<String> {
    let lines = table.lines().filter(|line| line.starts_with("| "));
    lines
        .map(|line| line.split(" | ").take(2 + Column::ALL.len()).collect::<Vec<_>>().join(" | "))
        .collect()
}

/// The page with another table in it.
pub(crate) fn with_table(page: &str, table: &str) -> Option<String> {
    let (before, rest) = page.split_once(BEGIN)?;
    let (_, after) = rest.split_once(END)?;
    Some(format!("{before}{BEGIN}{table}{END}{after}"))
}

/// The table that a page has.
pub(crate) fn table_of(page: &str) -> Option<&str> {
    Some(page.split_once(BEGIN)?.1.split_once(END)?.0)
}
