//! Every cell of the matrix, over its seeds.

use std::num::NonZero;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use crate::code::{Cell, Column};
use crate::faults::rows;
use crate::judge::{judge, judge_together};
use crate::page::{Held, Results, table, table_of, with_table, without_figures};
use crate::ran::Ran;
use crate::row::{Inject, Proof, Row};
use crate::run::{again, explain, run};
use crate::stage::{asked, seeds};

/// The cells to be run: those of `KURIER_ROW` and `KURIER_COLUMN`, each of which may be several,
/// else all that are runs.
fn cells(rows: &[Row]) -> Vec<(&Row, Inject, Column)> {
    let asked = |name| std::env::var(name).ok();
    let (row, column) = (asked("KURIER_ROW"), asked("KURIER_COLUMN"));
    let is_asked = |asked: &Option<String>, one: String| {
        asked.as_ref().is_none_or(|asked| asked.split(',').any(|it| it == one))
    };
    let mut cells = Vec::new();
    for one in rows.iter().filter(|one| is_asked(&row, one.number.to_string())) {
        let columns = Column::ALL.into_iter();
        let wanted = columns.filter(|it| is_asked(&column, format!("{it:?}")));
        let held = wanted.filter(|column| matches!(one.cell(*column), Cell::Holds(_)));
        cells.extend(held.filter_map(|column| Some((one, one.inject(column)?, column))));
    }
    cells
}

/// Runs a cell over seeds. What its runs came to, or why one failed or all of them together.
fn check(row: &Row, inject: Inject, column: Column, seeds: &[u64]) -> Result<Held, String> {
    let (cell, mut runs) = (row.cell(column), Vec::new());
    for &seed in seeds {
        let ran = panic::catch_unwind(AssertUnwindSafe(|| run(row, inject, column, seed)));
        let ran = ran.map_err(|_| {
            let (number, again) = (row.number, again(row, column, seed));
            format!("row {number}, column {column:?}, seed {seed}: it panicked; {again}")
        })?;
        judge(cell, &ran).map_err(|why| explain(row, column, seed, &why, &ran))?;
        runs.push(ran);
    }
    let held = Held {
        runs: runs.len(),
        injections: runs.iter().map(Ran::injections).sum(),
        told: runs.iter().map(|ran| ran.pages.told.len()).sum(),
        duplicates: runs.iter().map(Ran::duplicates).sum(),
    };
    let failed = |why| format!("row {}, column {column:?}: {why}\n", row.number);
    if asked("KURIER_SEED").is_none() {
        if held.injections == 0 {
            return Err(failed("what should go wrong never did".to_owned()));
        }
        judge_together(cell, &runs).map_err(failed)?;
        (row.also)(column, &runs).map_err(failed)?;
    }
    Ok(held)
}

#[test]
fn every_cell_holds() {
    let rows = rows();
    let cells = cells(&rows);
    assert!(!cells.is_empty(), "there is no such cell");
    let (next, results) = (AtomicUsize::new(0), Mutex::new((Results::new(), Vec::new())));
    let work = || {
        while let Some((row, inject, column)) = cells.get(next.fetch_add(1, Ordering::Relaxed)) {
            let held = check(row, *inject, *column, &seeds(seeds_of(*column)));
            let (held_by, failures) = &mut *results.lock().unwrap();
            match held {
                Ok(held) => {
                    let Held { runs, injections, told, duplicates } = held;
                    let row = row.number;
                    println!("{row}{column:?}: {runs} | {injections} | {told} | {duplicates}");
                    held_by.insert((row, *column), held);
                }
                Err(failure) => {
                    eprintln!("{failure}");
                    failures.push(format!("{}{column:?}", row.number));
                }
            }
        }
    };
    thread::scope(|scope| {
        let count = thread::available_parallelism().map_or(1, NonZero::get);
        (0..count).for_each(|_| drop(scope.spawn(work)));
    });
    let (held, failures) = results.into_inner().unwrap();
    let runs: usize = held.values().map(|held| held.runs).sum();
    let injections: u64 = held.values().map(|held| held.injections).sum();
    let of_rows: std::collections::BTreeSet<u32> = held.keys().map(|(row, _)| *row).collect();
    println!(
        "matrix: {} rows, {} cells, {runs} runs, {injections} times something went wrong",
        of_rows.len(),
        held.len()
    );
    assert!(failures.is_empty(), "cells that do not hold: {}", failures.join(" "));
    if std::env::var("KURIER_ROW").is_err() && std::env::var("KURIER_COLUMN").is_err() {
        compare_with_the_page(&rows, &held);
    }
}

/// Without a run: what is demanded, and of whom.
#[test]
fn the_page_has_the_cells() {
    if std::env::var_os("KURIER_BLESS").is_none() {
        compare_with_the_page(&rows(), &Results::new());
    }
}

#[test]
fn what_is_shown_elsewhere_is_there() {
    for row in rows() {
        let Proof::Elsewhere(test) = row.proof else { continue };
        let (path, name) = test.split_once("::").unwrap();
        let path = format!("{}/../{path}", env!("CARGO_MANIFEST_DIR"));
        let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
        assert!(text.contains(&format!("fn {name}(")), "row {}: {test}", row.number);
    }
}

#[test]
fn every_row_is_there_once_and_says_something_of_each_column() {
    let rows = rows();
    assert!(rows.iter().map(|row| row.number).eq(1..=85));
    for row in &rows {
        let holds = |column: &Column| matches!(row.cell(*column), Cell::Holds(_));
        let (readers, producers): (Vec<Column>, Vec<Column>) =
            Column::ALL.into_iter().partition(|column| column.reads());
        let is_shown = !matches!(row.proof, Proof::Nothing);
        assert_eq!(producers.iter().any(holds), is_shown, "row {}", row.number);
        let is_run = row.readers.is_some() || row.members.is_some();
        assert!(!is_run || readers.iter().any(holds), "row {}", row.number);
    }
}

/// `docs/matrix.md` has what was run here. Its figures are those of the run that wrote it.
fn compare_with_the_page(rows: &[Row], results: &Results) {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/matrix.md");
    let page = std::fs::read_to_string(path).unwrap();
    let made = table(rows, results);
    if std::env::var_os("KURIER_BLESS").is_some() {
        std::fs::write(path, with_table(&page, &made).unwrap()).unwrap();
        return;
    }
    let found = without_figures(table_of(&page).unwrap());
    assert!(
        found == without_figures(&made),
        "docs/matrix.md is old: run with KURIER_BLESS=1\n{made}"
    );
}

/// Seeds of a cell, unless something else is asked for.
fn seeds_of(column: Column) -> u64 {
    // Of members there are two columns.
    if column.has_members() { 2 } else { 3 }
}
