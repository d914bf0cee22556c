//! How long the check of a history takes, and whether that grows as the history does.
//!
//! ```text
//! cargo bench -p kurier-testkit --bench history
//! cargo bench -p kurier-testkit --bench history -- write 100000 > run.txt
//! ```
//!
//! The second form writes such a history, which the example `history` reads. Prints a table, and
//! ends with a failure if a bound is not kept.

#![expect(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "ends where something is not as expected"
)]

mod model;
#[path = "../load/table.rs"]
mod table;

use std::process::ExitCode;
use std::time::Duration;

use kurier_testkit::history::{Check, History};

use table::{Bound, Table};

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    match &words[..] {
        [word, count] if word == "write" => {
            print!("{}", model::history(count.parse().unwrap()));
            ExitCode::SUCCESS
        }
        _ => measure(),
    }
}

fn measure() -> ExitCode {
    let mut table = Table::new();
    let [shorter, longer] = [10_000, LARGE].map(|count| checked(count, &mut table));
    let growth = longer / shorter;
    table.row("time of an operation, 100,000 beside 10,000", growth, Bound::AtMost(GROWTH_MAX));
    table.end()
}

/// Seconds for each operation of a history.
fn checked(count: usize, table: &mut Table) -> f64 {
    let history = model::history(count);
    let text = history.to_string();
    let read = took(|| assert_eq!(text.parse::<History>().unwrap(), history));
    let check = Check::new().drained().lag_max(Duration::ZERO, Duration::from_secs(3600));
    let run = took(|| assert_eq!(check.run(&history), []));
    let operations = history.operations.len();
    table.row(
        &format!("{operations} operations read from text, ms of CPU time"),
        millis(read),
        Bound::None,
    );
    table.row(
        &format!("{operations} operations checked, ms of CPU time"),
        millis(run),
        Bound::None,
    );
    let rate = operations as f64 / run.as_secs_f64();
    let least = if count == LARGE { Bound::AtLeast(RATE_MIN) } else { Bound::None };
    table.row("that is operations a second", rate, least);
    1.0 / rate
}

/// The shortest of a few times on the CPU.
fn took(work: impl Fn()) -> Duration {
    let times = (0..3).map(|_| {
        let since = on_cpu();
        work();
        on_cpu() - since
    });
    times.min().unwrap()
}

/// How long this thread has run, whatever else the machine does.
fn on_cpu() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    Duration::from_nanos(text.split(' ').next().unwrap().parse().unwrap())
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// Operations of the largest history.
const LARGE: usize = 100_000;
/// How many operations of it are checked in a second at least.
const RATE_MIN: f64 = 20_000.0;
/// Of ten times as many operations each may take so many times longer: sorting grows, and so do
/// the misses of caches.
const GROWTH_MAX: f64 = 4.0;
