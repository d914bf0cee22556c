//! Core: a history turned inside out: its sends and reads by value, by partition and by offset.

use std::collections::HashMap;
use std::time::Duration;

use super::operation::{Action, Fate, History, Operation, Outcome, Polled, TopicPartition};
use crate::isolation::Isolation;

/// What there is to know of a history, put so that every question is a look-up.
#[derive(Debug)]
pub(super) struct Facts<'a> {
    pub(super) operations: &'a [Operation],
    /// The places of the operations in the order in which they were invoked.
    pub(super) order: Vec<usize>,
    pub(super) partitions: Vec<&'a TopicPartition>,
    ids: HashMap<&'a TopicPartition, usize>,
    pub(super) sends: Vec<SendFact>,
    by_value: HashMap<u64, usize>,
    pub(super) reads: Vec<ReadFact>,
    /// By partition.
    pub(super) logs: Vec<LogFacts>,
    moves: HashMap<u32, Vec<Duration>>,
}

/// A record that was sent.
#[derive(Clone, Copy, Debug)]
pub(super) struct SendFact {
    pub(super) place: usize,
    pub(super) partition: usize,
    pub(super) value: u64,
    /// The offset that the broker told.
    pub(super) told: Option<i64>,
    /// The lowest offset at which it is known to stand, and the place of who says so.
    pub(super) stands: Option<(i64, usize)>,
    pub(super) fate: Fate,
    pub(super) is_txn: bool,
    /// Who polled it first: the read.
    pub(super) seen: Option<usize>,
    /// Who polled it first of those who want committed records.
    pub(super) seen_committed: Option<usize>,
}

/// A record that was polled.
#[derive(Clone, Copy, Debug)]
pub(super) struct ReadFact {
    pub(super) place: usize,
    pub(super) partition: usize,
    pub(super) offset: i64,
    pub(super) value: u64,
    pub(super) isolation: Isolation,
    /// The send, if it is in the history.
    pub(super) send: Option<usize>,
}

/// What is known of a partition.
#[derive(Debug, Default)]
pub(super) struct LogFacts {
    /// Who says which value stands where: offset, value, place, in this order.
    pub(super) said: Vec<(i64, u64, usize)>,
    /// Offsets that somebody was given who wants committed records, each with one read.
    committed: Vec<(i64, usize)>,
    /// Offsets that somebody was given.
    any: Vec<(i64, usize)>,
}

impl<'a> Facts<'a> {
    /// Reads a history.
    ///
    /// # Panics
    ///
    /// Two sends have the same value.
    pub(super) fn new(history: &'a History) -> Self {
        let operations = &history.operations[..];
        let mut order: Vec<usize> = (0..operations.len()).collect();
        order.sort_by_key(|&place| operations.get(place).map(|operation| operation.invoked));
        let mut facts = Self {
            operations,
            order,
            partitions: Vec::new(),
            ids: HashMap::new(),
            sends: Vec::new(),
            by_value: HashMap::new(),
            reads: Vec::new(),
            logs: Vec::new(),
            moves: HashMap::new(),
        };
        facts.push_sends();
        facts.push_reads();
        facts.place_values();
        facts.sort_logs();
        facts
    }

    /// The operations with their places, in the order in which they were invoked.
    pub(super) fn in_order(&self) -> impl Iterator<Item = (usize, &'a Operation)> + '_ {
        self.order.iter().filter_map(|&place| Some((place, self.operations.get(place)?)))
    }

    pub(super) fn operation(&self, place: usize) -> Option<&'a Operation> {
        self.operations.get(place)
    }

    /// The number of a partition that somebody sent to or polled.
    pub(super) fn id(&self, partition: &TopicPartition) -> Option<usize> {
        self.ids.get(partition).copied()
    }

    pub(super) fn send_of(&self, value: u64) -> Option<usize> {
        self.by_value.get(&value).copied()
    }

    /// A read of a record strictly between two offsets that every such consumer must be given.
    pub(super) fn readable_between(
        &self,
        partition: usize,
        isolation: Isolation,
        (after, before): (i64, i64),
    ) -> Option<&ReadFact> {
        let readable = self.readable(partition, isolation);
        let first = readable.partition_point(|(offset, _)| *offset <= after);
        let (offset, read) = readable.get(first)?;
        if *offset < before { self.reads.get(*read) } else { None }
    }

    /// Offsets that every such consumer must be given, in order, each with a read.
    pub(super) fn readable(&self, partition: usize, isolation: Isolation) -> &[(i64, usize)] {
        self.logs.get(partition).map_or(&[], |log| match isolation {
            Isolation::Committed => &log.committed[..],
            Isolation::Uncommitted => &log.any[..],
        })
    }

    /// Whether the process got another assignment while the operation went on.
    pub(super) fn moves_within(&self, operation: &Operation) -> bool {
        let Some(moves) = self.moves.get(&operation.process) else { return false };
        let first = moves.partition_point(|at| *at < operation.invoked);
        let end = operation.completed.unwrap_or(Duration::MAX);
        moves.get(first).is_some_and(|at| *at < end)
    }

    fn enter(&mut self, partition: &'a TopicPartition) -> usize {
        let (partitions, logs) = (&mut self.partitions, &mut self.logs);
        *self.ids.entry(partition).or_insert_with(|| {
            partitions.push(partition);
            logs.push(LogFacts::default());
            partitions.len() - 1
        })
    }

    fn push_sends(&mut self) {
        for (place, operation) in self.operations_in_order() {
            match &operation.action {
                Action::Assign(_) | Action::Subscribe { .. } => {
                    self.moves.entry(operation.process).or_default().push(operation.invoked);
                }
                _ => {}
            }
            for sent in operation.sends() {
                let partition = self.enter(&sent.to);
                let former = self.by_value.insert(sent.value, self.sends.len());
                assert!(former.is_none(), "the value {} is sent twice", sent.value);
                self.sends.push(SendFact {
                    place,
                    partition,
                    value: sent.value,
                    told: sent.offset,
                    stands: None,
                    fate: operation.fate(),
                    is_txn: operation.is_txn(),
                    seen: None,
                    seen_committed: None,
                });
            }
        }
    }

    fn push_reads(&mut self) {
        for (place, operation) in self.operations_in_order() {
            for Polled { isolation, stretches } in operation.polls() {
                for stretch in stretches {
                    let partition = self.enter(&stretch.of);
                    for &(offset, value) in &stretch.records {
                        let send = self.send_of(value);
                        let isolation = *isolation;
                        let read = ReadFact { place, partition, offset, value, isolation, send };
                        self.push_read(read);
                    }
                }
            }
        }
    }

    fn push_read(&mut self, read: ReadFact) {
        let number = self.reads.len();
        self.reads.push(read);
        let sent = read.send.and_then(|send| self.sends.get_mut(send));
        // What was aborted must be given to nobody, or to those only who want everything.
        let is_aborted = sent.as_ref().is_some_and(|sent| sent.fate == Fate::Aborted);
        if let Some(sent) = sent {
            sent.seen.get_or_insert(number);
            if read.isolation == Isolation::Committed {
                sent.seen_committed.get_or_insert(number);
            }
        }
        if let Some(log) = self.logs.get_mut(read.partition) {
            log.said.push((read.offset, read.value, read.place));
            log.any.push((read.offset, number));
            if read.isolation == Isolation::Committed && !is_aborted {
                log.committed.push((read.offset, number));
            }
        }
    }

    fn place_values(&mut self) {
        for send in &self.sends {
            if let (Some(offset), Some(log)) = (send.told, self.logs.get_mut(send.partition)) {
                log.said.push((offset, send.value, send.place));
            }
        }
        for (partition, log) in self.logs.iter().enumerate() {
            for &(offset, value, place) in &log.said {
                let send = self.by_value.get(&value).and_then(|send| self.sends.get_mut(*send));
                if let Some(send) = send.filter(|send| send.partition == partition)
                    && send.stands.is_none_or(|(lowest, _)| {
                        // Who sent it is the better witness.
                        (offset, place != send.place) < (lowest, true)
                    })
                {
                    send.stands = Some((offset, place));
                }
            }
        }
    }

    fn sort_logs(&mut self) {
        for log in &mut self.logs {
            log.said.sort_unstable();
            for readable in [&mut log.committed, &mut log.any] {
                readable.sort_unstable();
                readable.dedup_by_key(|(offset, _)| *offset);
            }
        }
    }

    /// As [`in_order`](Self::in_order), without borrowing.
    fn operations_in_order(&self) -> impl Iterator<Item = (usize, &'a Operation)> + use<'a> {
        let operations = self.operations;
        let order = self.order.clone();
        order.into_iter().filter_map(move |place| Some((place, operations.get(place)?)))
    }
}

impl SendFact {
    /// Whether the write is acknowledged: it must be there for ever.
    pub(super) fn is_acknowledged(&self) -> bool {
        self.fate == Fate::Committed
    }
}

/// When an operation was known to be over, if it was.
pub(super) fn over(operation: &Operation) -> Option<Duration> {
    operation.completed.filter(|_| operation.outcome == Outcome::Ok)
}
