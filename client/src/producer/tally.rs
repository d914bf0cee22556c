//! Core: what becomes of many records that were sent together, with a note for each batch.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::ops::{ControlFlow, Range};

use super::batch::Delivery;
use crate::error::Error;

/// Counts records and notes which batches hold them. Batches whose outcome is known are forgotten,
/// so that it grows with what waits and with what failed, never with what was sent.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// How many records there were.
    count: usize,
    /// Batches, from the one of the oldest record that may have no outcome.
    batches: VecDeque<Noted>,
    /// How many batches were forgotten.
    forgotten: usize,
    /// Which of all batches has this address.
    places: BTreeMap<usize, usize>,
    /// The address and place of the last record's batch.
    last: Option<(usize, usize)>,
    failures: Vec<Failure>,
    /// Whether it ended at a record that was refused.
    is_cut_short: bool,
}

/// A batch, and which records of ours it has.
#[derive(Debug)]
struct Noted {
    /// Of the first of them; it stands for the batch.
    delivery: Delivery,
    runs: Vec<Run>,
}

/// Records that lie in a batch one behind the other as they were given.
#[derive(Debug)]
struct Run {
    in_batch: u32,
    first: usize,
    count: u32,
}

/// Records that failed for the same reason.
#[derive(Clone, Debug)]
struct Failure {
    records: Range<usize>,
    error: Error,
}

impl Tally {
    /// The next record was taken.
    pub(crate) fn push(&mut self, delivery: Delivery) {
        let record = self.count;
        self.count += 1;
        let (batch, in_batch) = (delivery.batch_address(), delivery.index());
        let place = match self.last {
            Some((last, place)) if last == batch && place >= self.forgotten => Some(place),
            _ => self.places.get(&batch).copied(),
        };
        let place = place.unwrap_or_else(|| {
            self.forget_complete();
            self.batches.push_back(Noted { delivery, runs: Vec::new() });
            let place = self.forgotten + self.batches.len() - 1;
            self.places.insert(batch, place);
            place
        });
        self.last = Some((batch, place));
        if let Some(noted) = self.batches.get_mut(place - self.forgotten) {
            noted.note(in_batch, record);
        }
    }

    /// The next record was refused; whether to go on with those behind it.
    pub(crate) fn push_refused(&mut self, error: Error) -> ControlFlow<()> {
        self.is_cut_short = !is_its_own(&error);
        self.failures.push(Failure { records: self.count..self.count + 1, error });
        self.count += 1;
        if self.is_cut_short { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    /// A batch without an outcome, to be waited for.
    pub(crate) fn poll_pending(&mut self) -> Option<&mut Delivery> {
        self.forget_complete();
        self.batches.front_mut().map(|noted| &mut noted.delivery)
    }

    /// How many records were delivered, if all were. Batches without an outcome do not count.
    pub(crate) fn finish(mut self) -> Result<usize, SendAllError> {
        if self.failures.is_empty() {
            return Ok(self.count);
        }
        self.failures.sort_by_key(|failure| failure.records.start);
        let Self { failures, count: tried, is_cut_short, .. } = self;
        Err(SendAllError { failures, tried, is_cut_short })
    }

    fn forget_complete(&mut self) {
        while self.batches.front().is_some_and(|noted| noted.delivery.is_complete())
            && let Some(noted) = self.batches.pop_front()
        {
            self.forgotten += 1;
            self.places.remove(&noted.delivery.batch_address());
            noted.collect_failures(&mut self.failures);
        }
    }
}

impl Noted {
    fn note(&mut self, in_batch: u32, record: usize) {
        if let Some(run) = self.runs.last_mut()
            && run.in_batch + run.count == in_batch
            && record - run.first == run.count as usize
        {
            run.count += 1;
        } else {
            self.runs.push(Run { in_batch, first: record, count: 1 });
        }
    }

    fn collect_failures(&self, failures: &mut Vec<Failure>) {
        for (failed, error) in self.delivery.failures() {
            for run in &self.runs {
                let start = failed.start.max(run.in_batch);
                let end = failed.end.min(run.in_batch + run.count);
                if start < end {
                    let first = run.first + (start - run.in_batch) as usize;
                    let records = first..first + (end - start) as usize;
                    failures.push(Failure { records, error: error.clone() });
                }
            }
        }
    }
}

/// Whether an error is about one record alone, so that others may well be taken.
fn is_its_own(error: &Error) -> bool {
    matches!(
        error,
        Error::TooLarge { .. }
            | Error::Invalid { .. }
            | Error::UnknownTopic { partition: Some(_), .. }
    )
}

/// Which records [`Producer::send_all`](super::Producer::send_all) did not deliver, and why.
///
/// Those that it does not name were delivered.
#[derive(Clone, Debug)]
pub struct SendAllError {
    /// In the order of records; at least one.
    failures: Vec<Failure>,
    tried: usize,
    is_cut_short: bool,
}

impl SendAllError {
    /// The records that were not delivered, counted from 0 in the order in which they were given,
    /// with the reason of each; [`Error::maybe_written`] of it tells whether the record may be in
    /// the log nevertheless.
    pub fn failures(&self) -> impl Iterator<Item = (usize, &Error)> {
        self.failures.iter().flat_map(|f| f.records.clone().map(move |record| (record, &f.error)))
    }

    /// How many records were tried: all, or those up to the one at which it stopped. Those behind
    /// it were not written.
    #[must_use]
    pub fn tried(&self) -> usize {
        self.tried
    }

    /// Whether any of the records that were not delivered may be in the log nevertheless.
    #[must_use]
    pub fn maybe_written(&self) -> bool {
        self.failures.iter().any(|failure| failure.error.maybe_written())
    }
}

impl fmt::Display for SendAllError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let failed: usize = self.failures.iter().map(|failure| failure.records.len()).sum();
        write!(f, "{failed} of {} records were not delivered", self.tried)?;
        if self.is_cut_short {
            f.write_str(", and those behind them were not tried")?;
        }
        match self.failures.first() {
            Some(first) => write!(f, "; record {}: {}", first.records.start, first.error),
            None => Ok(()),
        }
    }
}

impl std::error::Error for SendAllError {}

/// The reason of the first record that was not delivered.
impl From<SendAllError> for Error {
    fn from(error: SendAllError) -> Self {
        let first = error.failures.into_iter().next();
        first.map_or(Self::Closed { what: "producer" }, |failure| failure.error)
    }
}

#[cfg(test)]
mod tests {
    use super::super::batch::{Completion, Part};
    use super::super::fate::Fate;
    use super::*;
    use crate::sync::Counted;

    /// A batch with so many records, and the driver's end of it.
    fn batch(records: u32) -> (Counted<Completion>, Part) {
        let completion = Completion::new("t".into(), 0);
        let part = Part::whole(Counted::clone(&completion), records);
        (completion, part)
    }

    fn stored() -> Fate {
        Fate::Stored { base_offset: 0, append_time: -1 }
    }

    fn failed() -> Fate {
        Fate::Failed(Error::Closed { what: "producer" })
    }

    fn named(tally: Tally) -> Vec<usize> {
        tally.finish().unwrap_err().failures().map(|(record, _)| record).collect()
    }

    #[test]
    fn records_are_named_by_their_place_in_the_call_wherever_they_lie() {
        let ((a, of_a), (b, of_b)) = (batch(10), batch(4));
        let mut tally = Tally::default();
        // Others have put records before, between and behind.
        for (completion, index) in
            [(&a, 2), (&a, 3), (&b, 0), (&a, 4), (&b, 2), (&b, 3), (&a, 8), (&a, 9)]
        {
            tally.push(Completion::delivery(completion, index, 0));
        }
        assert!(tally.poll_pending().is_some());
        of_a.complete_each(|index| if [0, 3, 4, 9].contains(&index) { failed() } else { stored() });
        assert!(tally.poll_pending().is_some(), "the other batch");
        of_b.complete_each(|index| if index < 3 { failed() } else { stored() });
        assert!(tally.poll_pending().is_none());
        assert_eq!(named(tally), [1, 2, 3, 4, 7]);
    }

    #[test]
    fn batches_are_forgotten_as_soon_as_all_is_known_of_them() {
        let mut tally = Tally::default();
        let (slow, of_slow) = batch(1);
        for round in 0..1000 {
            let (completion, part) = batch(2);
            tally.push(Completion::delivery(&completion, 0, 0));
            tally.push(Completion::delivery(&completion, 1, 0));
            part.complete(if round == 7 { failed() } else { stored() });
            assert_eq!((tally.batches.len(), tally.places.len()), (1, 1), "round {round}");
        }
        tally.push(Completion::delivery(&slow, 0, 0));
        of_slow.complete(stored());
        assert!(tally.poll_pending().is_none());
        assert_eq!(named(tally), [14, 15]);
    }

    #[test]
    fn what_is_refused_ends_it_unless_it_is_about_the_record() {
        let mut tally = Tally::default();
        let topic = Box::from("t");
        let missing = |partition| Error::UnknownTopic { topic: Box::clone(&topic), partition };
        assert!(tally.push_refused(missing(Some((3, 2)))).is_continue());
        assert!(tally.push_refused(Error::invalid("timestamp", "old")).is_continue());
        assert!(tally.push_refused(missing(None)).is_break());
        let error = tally.finish().unwrap_err();
        let text = "3 of 3 records were not delivered, and those behind them were not tried; \
                    record 0: topic t has no partition 3: it has 2, counted from 0";
        assert_eq!(error.to_string(), text);
        assert_eq!((error.tried(), error.maybe_written()), (3, false));
    }
}
