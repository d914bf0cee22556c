//! Measures all cells in turn, prints the tables and the verdicts in Markdown, and fails if
//! something that must be reached is not.
//!
//! A pass gives each cell, one after the other, a short turn, many times over, and keeps its
//! fastest turn: the one that nothing interrupted. What is reported is the median of the passes.

use std::collections::HashMap;
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use kurier_bench::bounds::{Row, Took, verdicts};
use kurier_bench::cell::{Cell, ITEMS, Kind};
use kurier_bench::cells;

const PASSES: usize = 7;
const TURNS: usize = 120;
const TURN: Duration = Duration::from_micros(400);

fn main() -> ExitCode {
    let cells = cells();
    let allocations = allocations();
    let passes: Vec<Vec<f64>> = (0..PASSES).map(|_| pass(&cells)).collect();
    let mut spreads = Vec::new();
    let mut rows: Vec<Row<'_>> = Vec::new();
    for (index, cell) in cells.iter().enumerate() {
        let mut times: Vec<f64> = passes.iter().filter_map(|p| p.get(index).copied()).collect();
        times.sort_by(f64::total_cmp);
        let median = times.get(PASSES / 2).copied().unwrap_or(f64::NAN);
        spreads.push((times.first().copied(), times.last().copied()));
        let key = (cell.task.to_string(), cell.who.to_owned());
        let allocations = allocations.get(&key).copied().unwrap_or(usize::MAX);
        rows.push((cell, Took { ns: median, allocations }));
    }
    print_tables(&rows, &spreads);
    print_verdicts(&rows)
}

/// The fastest turn of each cell, in nanoseconds for an item.
fn pass(cells: &[Cell]) -> Vec<f64> {
    let repeats: Vec<u32> = cells.iter().map(repeats).collect();
    let mut best = vec![f64::INFINITY; cells.len()];
    for _ in 0..TURNS {
        for ((cell, repeats), best) in cells.iter().zip(&repeats).zip(&mut best) {
            let took = turn(cell, *repeats).as_secs_f64() * 1e9;
            *best = best.min(took / (f64::from(*repeats) * f64::from(ITEMS)));
        }
    }
    best
}

/// How often a cell is run in a turn.
fn repeats(cell: &Cell) -> u32 {
    let once = (0..5).map(|_| turn(cell, 1)).min().unwrap_or_default();
    u32::try_from(TURN.as_nanos() / once.as_nanos().max(1)).unwrap_or(1).max(1)
}

fn turn(cell: &Cell, repeats: u32) -> Duration {
    let start = Instant::now();
    for _ in 0..repeats {
        std::hint::black_box((cell.run)());
    }
    start.elapsed()
}

/// What the sibling program counts.
fn allocations() -> HashMap<(String, String), usize> {
    let program = std::env::current_exe().map(|path| path.with_file_name("allocations"));
    let output = program.and_then(|program| Command::new(program).output());
    let output = output.expect("build the program `allocations` first");
    String::from_utf8_lossy(&output.stdout)
        .lines()
        .filter_map(|line| {
            let mut parts = line.split('\t');
            let key = (parts.next()?.to_owned(), parts.next()?.to_owned());
            Some((key, parts.next()?.parse().ok()?))
        })
        .collect()
}

fn print_tables(rows: &[Row<'_>], spreads: &[(Option<f64>, Option<f64>)]) {
    let mut task = None;
    for ((cell, took), (least, most)) in rows.iter().zip(spreads) {
        if task != Some(cell.task) {
            task = Some(cell.task);
            println!("\n**{}**\n\n| who | ns each | min..max | allocations |", cell.task);
            println!("| --- | ---: | ---: | ---: |");
        }
        let (least, most) = (least.unwrap_or(f64::NAN), most.unwrap_or(f64::NAN));
        let who =
            if cell.kind == Kind::Ours { format!("**{}**", cell.who) } else { cell.who.into() };
        println!("| {who} | {:.1} | {least:.1}..{most:.1} | {} |", took.ns, took.allocations);
    }
}

fn print_verdicts(rows: &[Row<'_>]) -> ExitCode {
    println!(
        "\n**What must be reached**\n\n| what | found | at most | |\n| --- | ---: | ---: | --- |"
    );
    let verdicts = verdicts(rows);
    for verdict in &verdicts {
        let word = if verdict.holds() { "yes" } else { "**no**" };
        println!("| {} | {:.2} | {} | {word} |", verdict.what, verdict.found, verdict.bound);
    }
    if verdicts.iter().all(|verdict| verdict.holds()) {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
