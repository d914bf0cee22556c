//! Core: when the next record may leave.

use std::time::{Duration, Instant};

/// So many records a second at most.
#[derive(Debug)]
pub(crate) struct Pace {
    start: Instant,
    /// None for as many as there can be.
    throughput: Option<u32>,
}

impl Pace {
    /// A negative throughput sets no limit.
    pub(crate) fn new(start: Instant, throughput: i64) -> Self {
        let limit = u64::try_from(throughput).ok();
        let throughput = limit.map(|limit| u32::try_from(limit).unwrap_or(u32::MAX));
        Self { start, throughput }
    }

    /// When the record behind so many others is due; none if at once, or at any time.
    pub(crate) fn due(&self, sent: u64) -> Option<Instant> {
        let throughput = self.throughput?;
        if sent == 0 {
            return None;
        }
        if throughput == 0 {
            // As in Java: two leave, and no other.
            return (sent > 1).then(|| self.start + NEVER);
        }
        let seconds = sent / u64::from(throughput);
        let rest = u32::try_from(sent % u64::from(throughput)).unwrap_or_default();
        Some(self.start + Duration::from_secs(seconds) + Duration::from_secs(1) * rest / throughput)
    }
}

/// Longer than anybody tests.
const NEVER: Duration = Duration::from_secs(365 * 24 * 3600);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_leave_at_the_pace_that_was_asked_for() {
        let start = tokio::time::Instant::now().into_std();
        let after = |throughput, sent| {
            Pace::new(start, throughput).due(sent).map(|due| (due - start).as_millis())
        };
        assert_eq!([after(-1, 0), after(-1, 9)], [None, None]);
        assert_eq!([after(4, 0), after(4, 1), after(4, 10)], [None, Some(250), Some(2500)]);
        assert_eq!([after(0, 0), after(0, 1)], [None, None]);
        assert!(after(0, 2) > Some(1_000_000));
    }
}
