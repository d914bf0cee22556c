//! What became of each record that was read: counted, in the order of reading.

use std::collections::VecDeque;

use futures_util::FutureExt;

use kurier_client::{Delivery, Error};

/// Counts of records, and the deliveries that are still open.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    open: VecDeque<Delivery>,
    counts: Counts,
}

/// Records by what became of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Counts {
    read: u64,
    acknowledged: u64,
    maybe_written: u64,
}

impl Ledger {
    /// Records that were read.
    pub(crate) fn read(&self) -> u64 {
        self.counts.read
    }

    /// Records that the brokers have.
    pub(crate) fn acknowledged(&self) -> u64 {
        self.counts.acknowledged
    }

    /// One more record was read; its number, from one.
    pub(crate) fn note_read(&mut self) -> u64 {
        self.counts.read += 1;
        self.counts.read
    }

    /// Records that were read and never given to the producer.
    pub(crate) fn note_unsent(&mut self, count: usize) {
        self.counts.read += u64::try_from(count).unwrap_or(u64::MAX);
    }

    /// Takes a delivery. Waits for the oldest ones while there are very many.
    ///
    /// # Errors
    ///
    /// That of a record that was not delivered.
    pub(crate) async fn keep(&mut self, delivery: Delivery) -> Result<(), Error> {
        self.open.push_back(delivery);
        if self.open.len() >= OPEN_MAX { self.settle_some().await } else { Ok(()) }
    }

    /// Waits for the oldest delivery, and takes those behind it that are complete too. Never ends
    /// while there is none.
    ///
    /// # Errors
    ///
    /// That of the first record that was not delivered; the others stay.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing.
    pub(crate) async fn settle_some(&mut self) -> Result<(), Error> {
        let Some(oldest) = self.open.front_mut() else { return std::future::pending().await };
        let mut result = oldest.await;
        loop {
            self.open.pop_front();
            self.counts.add(result)?;
            let next = self.open.front_mut().and_then(FutureExt::now_or_never);
            match next {
                Some(next) => result = next,
                None => return Ok(()),
            }
        }
    }

    /// Waits for all deliveries.
    ///
    /// # Errors
    ///
    /// That of the first record that was not delivered; all are counted.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses no count, but perhaps an error.
    pub(crate) async fn settle_all(&mut self) -> Result<(), Error> {
        let mut first = Ok(());
        while let Some(oldest) = self.open.front_mut() {
            let settled = self.counts.add(oldest.await);
            self.open.pop_front();
            first = first.and(settled);
        }
        first
    }

    /// What to add to a failure: how many records it left behind.
    pub(crate) fn account(&self) -> String {
        let open = u64::try_from(self.open.len()).unwrap_or(u64::MAX);
        let maybe_written = self.counts.maybe_written.saturating_add(open);
        Counts { maybe_written, ..self.counts }.account()
    }
}

impl Counts {
    fn add<T>(&mut self, settled: Result<T, Error>) -> Result<(), Error> {
        match settled {
            Ok(_) => self.acknowledged += 1,
            Err(error) => {
                self.maybe_written += u64::from(error.maybe_written());
                return Err(error);
            }
        }
        Ok(())
    }

    fn account(&self) -> String {
        let Self { read, acknowledged, maybe_written } = *self;
        let lost = read.saturating_sub(acknowledged);
        let mut text = match (read, lost) {
            (0, _) => return "; no record was read".into(),
            (_, 0) => return format!("; all {read} records read before it were acknowledged"),
            _ => format!("; {lost} of {read} records read were not acknowledged"),
        };
        if maybe_written > 0 {
            text.push_str(&format!(", {maybe_written} of them may have been written"));
        }
        text
    }
}

/// Open deliveries, beyond which the oldest one is waited for: a few megabytes.
const OPEN_MAX: usize = 100_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(read: u64, acknowledged: u64, maybe_written: u64, expected: &str) {
        assert_eq!(Counts { read, acknowledged, maybe_written }.account(), expected);
    }

    #[test]
    fn a_failure_counts_what_was_read_and_not_acknowledged() {
        check(0, 0, 0, "; no record was read");
        check(5, 5, 0, "; all 5 records read before it were acknowledged");
        check(5, 2, 0, "; 3 of 5 records read were not acknowledged");
        let maybe = "; 3 of 5 records read were not acknowledged, 1 of them may have been written";
        check(5, 2, 1, maybe);
    }

    #[test]
    fn an_error_is_counted_by_whether_it_may_have_been_written() {
        let mut counts = Counts::default();
        assert!(counts.add(Ok(())).is_ok());
        assert!(counts.add::<()>(Err(Error::Closed { what: "producer" })).is_err());
        assert_eq!(counts, Counts { read: 0, acknowledged: 1, maybe_written: 0 });
    }
}
