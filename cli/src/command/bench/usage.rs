//! What this process has used so far, as Linux tells it in `/proc/self`.

use std::{fs, io, thread};

use tokio::time::Instant;

use crate::failure::{Failure, Outcome};
use crate::text::reason;

/// Time, CPU time and context switches since the process began.
#[derive(Clone, Copy, Debug)]
pub(super) struct Usage {
    pub(super) at: Instant,
    /// Of all threads that live.
    pub(super) cpu_ns: u64,
    /// Ticks of 10 ms: too coarse by themselves, but they tell user's from system's time.
    user_ticks: u64,
    system_ticks: u64,
    pub(super) switches: u64,
}

impl Usage {
    /// As of now.
    ///
    /// # Errors
    ///
    /// This system has no such files.
    pub(super) fn now() -> Outcome<Self> {
        Self::read().map_err(|error| {
            let why = reason(&error);
            Failure::Failed(format!("cannot measure: /proc/self: {why}; bench needs Linux"))
        })
    }

    fn read() -> io::Result<Self> {
        // The kernel counts what a thread has used when it lets others run, or at a tick.
        thread::yield_now();
        let (user_ticks, system_ticks) = ticks(&fs::read_to_string("/proc/self/stat")?)?;
        let (mut cpu_ns, mut switches) = (0, 0);
        for task in fs::read_dir("/proc/self/task")? {
            let task = task?.path();
            // A thread may end between two looks.
            let Ok(times) = fs::read_to_string(task.join("schedstat")) else { continue };
            let Ok(status) = fs::read_to_string(task.join("status")) else { continue };
            cpu_ns += first_number(&times)?;
            switches += number_of(&status, "voluntary_ctxt_switches:").unwrap_or(0);
            switches += number_of(&status, "nonvoluntary_ctxt_switches:").unwrap_or(0);
        }
        Ok(Self { at: Instant::now(), cpu_ns, user_ticks, system_ticks, switches })
    }

    /// Which part of the CPU time since then was the user's.
    pub(super) fn user_part_since(&self, before: &Self) -> f64 {
        let user = self.user_ticks.saturating_sub(before.user_ticks);
        let system = self.system_ticks.saturating_sub(before.system_ticks);
        match user + system {
            0 => 1.0,
            both => ratio(user, both),
        }
    }
}

/// The most memory that the process has had at a time, in MiB.
pub(super) fn peak_mib() -> f64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    ratio(number_of(&status, "VmHWM:").unwrap_or(0), 1 << 10)
}

/// A quotient of counts.
#[expect(clippy::cast_precision_loss, reason = "a figure that is read by people")]
pub(super) fn ratio(part: u64, whole: u64) -> f64 {
    part as f64 / whole as f64
}

/// The times of user and system: the 14th and 15th field, where the second is a name in brackets
/// that may hold anything.
fn ticks(stat: &str) -> io::Result<(u64, u64)> {
    let behind_name = stat.rsplit_once(") ").map(|(_, rest)| rest);
    let mut fields = behind_name.unwrap_or_default().split(' ').skip(11).map(str::parse);
    match (fields.next(), fields.next()) {
        (Some(Ok(user)), Some(Ok(system))) => Ok((user, system)),
        _ => Err(io::Error::other("stat has another form")),
    }
}

fn first_number(text: &str) -> io::Result<u64> {
    let number = text.split_whitespace().next().and_then(|number| number.parse().ok());
    number.ok_or_else(|| io::Error::other("schedstat has another form"))
}

/// The number behind the name at the start of a line.
fn number_of(status: &str, name: &str) -> Option<u64> {
    let rest = status.lines().find_map(|line| line.strip_prefix(name))?;
    rest.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_times_stand_behind_a_name_that_may_hold_anything() {
        let stat = "7 (a) b (c) R 1 2 3 4 5 6 7 8 9 10 250 31 0 0 20";
        assert_eq!(ticks(stat).unwrap(), (250, 31));
        assert!(ticks("7 (a) R 1").is_err());
    }

    #[test]
    fn numbers_are_found_by_the_whole_name() {
        let status = "nonvoluntary_ctxt_switches:\t7\nvoluntary_ctxt_switches:\t3\nVmHWM:\t 9 kB\n";
        assert_eq!(number_of(status, "voluntary_ctxt_switches:"), Some(3));
        assert_eq!(number_of(status, "VmHWM:"), Some(9));
        assert_eq!(number_of(status, "VmPeak:"), None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn work_shows_in_the_cpu_time() {
        let before = Usage::now().unwrap();
        let mut sum = 0_u64;
        let mut after = before;
        while after.cpu_ns < before.cpu_ns + 1_000_000 {
            (0..100_000).for_each(|n| sum = std::hint::black_box(sum.wrapping_mul(31) + n));
            after = Usage::now().unwrap();
        }
        assert!(after.at > before.at);
        assert!((0.0..=1.0).contains(&after.user_part_since(&before)));
        assert!(peak_mib() > 0.1);
    }
}
