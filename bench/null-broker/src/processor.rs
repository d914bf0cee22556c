//! The CPU time of a thread, which what others do meanwhile does not change.

use std::time::Duration;
use std::{fs, thread};

/// What this thread has used so far.
///
/// # Errors
///
/// This is no Linux.
pub fn used() -> Result<Duration, String> {
    // The kernel counts a thread that runs when it lets others run.
    thread::yield_now();
    let file = "/proc/thread-self/schedstat";
    let text = fs::read_to_string(file).map_err(|error| format!("{file}: {error}"))?;
    let nanos = text.split(' ').next().and_then(|nanos| nanos.parse().ok());
    nanos.map(Duration::from_nanos).ok_or_else(|| format!("{file}: {text}"))
}

/// The least that one of `times` runs takes, in ns.
pub fn best(times: u32, mut run: impl FnMut()) -> Result<f64, String> {
    let mut best = f64::INFINITY;
    for _ in 0..times {
        let before = used()?;
        run();
        best = best.min((used()? - before).as_nanos() as f64);
    }
    Ok(best)
}
