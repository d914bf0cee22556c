//! Sends frames to a broker on this machine and prints what it did that a right one would not:
//! `wire_fuzz HOST:PORT [COUNT [SEED [FIRST]]]`. It fails if there was any.

use std::error::Error;
use std::ops::ControlFlow;
use std::process::ExitCode;
use std::time::Duration;

use kurier_fuzz::wire::{Options, connector, loopback, run};

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let to = args.next().ok_or("usage: wire_fuzz HOST:PORT [COUNT [SEED [FIRST]]]")?;
    let mut number = |default: u64| args.next().map_or(Ok(default), |text| text.parse());
    let (count, seed, first) = (number(10_000)?, number(1)?, number(0)?);
    let options = Options { count, seed, first, ..Options::default() };
    let connect = connector(loopback(&to)?, PATIENCE)?;
    let summary = run(connect, options, |report| {
        if report.is_finding() {
            println!("{report}\n  {}", report.hex());
        }
        ControlFlow::Continue(())
    })?;
    println!("{summary}");
    Ok(if summary.findings == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// How long a broker may be silent.
const PATIENCE: Duration = Duration::from_secs(3);
