//! Records that are no more, and the history as it is to be checked then.
//!
//! What retention or compaction has removed may be read, or passed over once it is gone: whoever
//! passes over it then stands in the history as if it had been given. What was undone, by an
//! election that lost it or with its topic, never was: others stand at its offsets.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use kurier_testkit::history::{Action, History, Start, TopicPartition};

/// How a record was lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Loss {
    /// Retention or compaction has removed it.
    Removed,
    /// It is as if it had never been written.
    Undone,
}

/// A record that is no more.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Gone {
    pub(crate) at: Duration,
    pub(crate) how: Loss,
    pub(crate) partition: i32,
    pub(crate) offset: i64,
    pub(crate) value: u64,
}

/// From a time on, a partition has other records from an offset on: those of this leader epoch.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cut {
    pub(crate) at: Duration,
    pub(crate) partition: i32,
    pub(crate) offset: i64,
    pub(crate) epoch: i32,
}

impl Cut {
    /// What a commit of that moment, of an offset behind a record of that epoch, says of the log
    /// as it is after the cut.
    pub(crate) fn limit(&self, (at, partition, epoch): (Duration, i32, i32), offset: i64) -> i64 {
        let is_before = at < self.at || epoch < self.epoch;
        if partition == self.partition && is_before { offset.min(self.offset) } else { offset }
    }
}

/// The history without what was undone, and with what was passed over when it was removed.
/// `stored`: what the logs hold in the end.
pub(crate) fn as_it_counts(
    mut history: History,
    gone: &[Gone],
    stored: &[(i32, i64, u64)],
) -> History {
    let undone = gone.iter().filter(|one| one.how == Loss::Undone);
    let undone: BTreeSet<_> = undone.map(|one| (one.partition, one.offset, one.value)).collect();
    let lost: BTreeSet<u64> = undone.iter().map(|(_, _, value)| *value).collect();
    let kept: BTreeSet<u64> = stored.iter().map(|(_, _, value)| *value).collect();
    history.operations.retain_mut(|operation| match &mut operation.action {
        Action::Send(sent) => {
            let is_told = |offset| undone.contains(&(sent.to.partition, offset, sent.value));
            // One that was sent again stands elsewhere now.
            sent.offset = sent.offset.filter(|offset| !is_told(*offset));
            !lost.contains(&sent.value) || kept.contains(&sent.value)
        }
        Action::Poll(polled) => {
            for stretch in &mut polled.stretches {
                let partition = stretch.of.partition;
                stretch.records.retain(|(at, value)| !undone.contains(&(partition, *at, *value)));
            }
            polled.stretches.retain(|stretch| !stretch.records.is_empty());
            true
        }
        _ => true,
    });
    let mut removed: BTreeMap<(i32, i64), (Duration, u64)> = BTreeMap::new();
    for one in gone.iter().filter(|one| one.how == Loss::Removed) {
        removed.insert((one.partition, one.offset), (one.at, one.value));
    }
    if !removed.is_empty() {
        add_removed(&mut history, &removed);
    }
    history
}

/// Whoever passes over what is removed already has it as if it had been given.
fn add_removed(history: &mut History, removed: &BTreeMap<(i32, i64), (Duration, u64)>) {
    let mut order: Vec<usize> = (0..history.operations.len()).collect();
    order.sort_by_key(|place| history.operations.get(*place).map(|one| one.invoked));
    let mut positions: BTreeMap<u32, BTreeMap<TopicPartition, i64>> = BTreeMap::new();
    for place in order {
        let Some(operation) = history.operations.get_mut(place) else { continue };
        let own = positions.entry(operation.process).or_default();
        match &mut operation.action {
            Action::Assign(partitions) => {
                let before = std::mem::take(own);
                own.extend(partitions.iter().filter_map(|(of, start)| {
                    let next = match start {
                        Start::Kept => *before.get(of)?,
                        Start::Earliest => 0,
                        Start::At(offset) => *offset,
                    };
                    Some((of.clone(), next))
                }));
            }
            Action::Subscribe { .. } | Action::Crash => own.clear(),
            Action::Poll(polled) => {
                let until = operation.completed.unwrap_or(Duration::MAX);
                for stretch in &mut polled.stretches {
                    let partition = stretch.of.partition;
                    for (offset, value) in std::mem::take(&mut stretch.records) {
                        if let Some(next) = own.get(&stretch.of).filter(|next| **next < offset) {
                            let passed = removed.range((partition, *next)..(partition, offset));
                            let passed = passed.filter(|(_, (at, _))| *at <= until);
                            stretch.records.extend(passed.map(|((_, at), (_, of))| (*at, *of)));
                        }
                        stretch.records.push((offset, value));
                        own.insert(stretch.of.clone(), offset + 1);
                    }
                }
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use kurier_testkit::Isolation;
    use kurier_testkit::history::{Check, Invariant, Outcome, Recorder};

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn of() -> TopicPartition {
        TopicPartition::new("t", 0)
    }

    fn poll(recorder: &Recorder, process: u32, records: &[(i64, u64)]) {
        let polling = recorder.poll(process, Isolation::Committed);
        polling.polled(of(), records.to_vec());
        polling.end(Outcome::Ok);
    }

    /// Two read 0 to 4; the second one passes over 1 and 2.
    async fn passed(removed: Duration) -> Vec<Invariant> {
        let recorder = Recorder::new();
        for value in 0..4 {
            recorder.send(1, of(), value).acknowledged(i64::try_from(value).unwrap());
        }
        for process in [2, 3] {
            recorder.note(process, Action::Assign(vec![(of(), Start::Earliest)]));
        }
        poll(&recorder, 2, &[(0, 0), (1, 1), (2, 2), (3, 3)]);
        tokio::time::sleep(SECOND).await;
        poll(&recorder, 3, &[(0, 0), (3, 3)]);
        let gone = |value: u64| {
            let offset = i64::try_from(value).unwrap();
            Gone { at: removed, how: Loss::Removed, partition: 0, offset, value }
        };
        let stored = [(0, 0, 0), (0, 3, 3)];
        let history = as_it_counts(recorder.history(), &[gone(1), gone(2)], &stored);
        Check::new().drained().run(&history).into_iter().map(|found| found.invariant).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_removed_may_be_passed_over_and_not_before() {
        assert_eq!(passed(SECOND / 2).await, []);
        assert_eq!(passed(2 * SECOND).await, [Invariant::J8]);
    }

    /// 2 and 3 are read and undone, and 12 and 13 stand there.
    async fn undone(next: &[(i64, u64)]) -> Vec<Invariant> {
        let recorder = Recorder::new();
        for value in [0, 1, 2, 3, 12, 13] {
            let offset = i64::try_from(value % 10).unwrap();
            recorder.send(1, of(), value).acknowledged(offset);
        }
        recorder.note(2, Action::Assign(vec![(of(), Start::Earliest)]));
        poll(&recorder, 2, &[(0, 0), (1, 1), (2, 2), (3, 3)]);
        poll(&recorder, 2, next);
        let gone = |value: u64| {
            let offset = i64::try_from(value).unwrap();
            Gone { at: SECOND, how: Loss::Undone, partition: 0, offset, value }
        };
        let stored = [(0, 0, 0), (0, 1, 1), (0, 2, 12), (0, 3, 13)];
        let history = as_it_counts(recorder.history(), &[gone(2), gone(3)], &stored);
        Check::new().drained().run(&history).into_iter().map(|found| found.invariant).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn after_what_was_undone_is_read_on_where_it_began() {
        assert_eq!(undone(&[(2, 12), (3, 13)]).await, []);
        assert_eq!(undone(&[(0, 0), (1, 1), (2, 12), (3, 13)]).await, [Invariant::J9]);
        assert_eq!(undone(&[(3, 13)]).await, [Invariant::J2]);
    }
}
