//! A run in which nothing goes wrong: producers, consumers of everything, and programs that copy in
//! transactions.

use std::time::Duration;

use kurier_testkit::Isolation;
use kurier_testkit::history::{
    Action, End, History, Offsets, Operation, Outcome, Polled, Sent, Start, Step, Stretch,
    TopicPartition, Txn,
};

/// A history of about so many operations.
pub(crate) fn history(count: usize) -> History {
    let mut run = Run::new();
    while run.operations.len() < count {
        run.step();
    }
    run.drain();
    History { operations: run.operations }
}

const PRODUCERS: usize = 4;
const CONSUMERS: usize = 4;
const COPIERS: usize = 2;
/// Partitions that producers write to.
const ORDERS: usize = 8;
/// Partitions that copiers write to.
const PAID: usize = 4;
/// Records of a partition that a poll gives at most.
const POLL_MAX: usize = 20;

struct Run {
    operations: Vec<Operation>,
    logs: Vec<Log>,
    /// Where consumers stand, then copiers, in each partition: records that they have had.
    places: Vec<Vec<usize>>,
    values: u64,
}

struct Log {
    of: TopicPartition,
    records: Vec<(i64, u64)>,
    end: i64,
}

impl Run {
    fn new() -> Self {
        let orders = (0..ORDERS).map(|index| ("orders", index));
        let all = orders.chain((0..PAID).map(|index| ("paid", index)));
        let logs = all.map(|(topic, index)| {
            let of = TopicPartition::new(topic, i32::try_from(index).unwrap());
            Log { of, records: Vec::new(), end: 0 }
        });
        let logs: Vec<Log> = logs.collect();
        let places = vec![vec![0; logs.len()]; CONSUMERS + COPIERS];
        let mut run = Self { operations: Vec::new(), logs, places, values: 0 };
        for reader in 0..CONSUMERS + COPIERS {
            let assigned = run.assigned(reader).into_iter();
            let assigned = assigned.map(|log| (run.logs[log].of.clone(), Start::Earliest));
            let action = Action::Assign(assigned.collect());
            run.push(process(PRODUCERS + reader), Outcome::Ok, action);
        }
        run
    }

    /// The logs that a reader reads.
    fn assigned(&self, reader: usize) -> Vec<usize> {
        match reader.checked_sub(CONSUMERS) {
            None => (0..self.logs.len()).collect(),
            Some(copier) => (0..ORDERS).filter(|log| log % COPIERS == copier).collect(),
        }
    }

    fn step(&mut self) {
        let turn = self.operations.len();
        match turn % 8 {
            0..=4 => self.send(turn),
            5 | 6 => self.consume(turn / 8 % CONSUMERS),
            _ => self.copy(CONSUMERS + turn / 8 % COPIERS),
        }
    }

    fn send(&mut self, turn: usize) {
        let log = turn * 7 / 3 % ORDERS;
        let (value, offset) = self.append(log, 1);
        let is_told = !turn.is_multiple_of(97);
        let outcome = if is_told { Outcome::Ok } else { Outcome::Unknown };
        let to = self.logs[log].of.clone();
        let by = process(turn % PRODUCERS);
        let sent = Sent { to, value, offset: is_told.then_some(offset) };
        self.push(by, outcome, Action::Send(sent));
    }

    fn consume(&mut self, reader: usize) {
        let (polled, _) = self.poll(reader);
        self.push(process(PRODUCERS + reader), Outcome::Ok, Action::Poll(polled));
    }

    /// A transaction: reads, writes one record, commits what was read.
    fn copy(&mut self, reader: usize) {
        let (polled, offsets) = self.poll(reader);
        let log = ORDERS + self.operations.len() % PAID;
        // The marker takes an offset too.
        let (value, offset) = self.append(log, 2);
        let sent = Sent { to: self.logs[log].of.clone(), value, offset: Some(offset) };
        let offsets = Offsets { group: "copiers".into(), offsets };
        let steps = vec![Step::Poll(polled), Step::Send(sent), Step::CommitOffsets(offsets)];
        let ended = Some(self.now());
        let txn = Txn { end: End::Commit, ended, steps };
        self.push(process(PRODUCERS + reader), Outcome::Ok, Action::Txn(txn));
    }

    fn append(&mut self, log: usize, offsets: i64) -> (u64, i64) {
        self.values += 1;
        let log = &mut self.logs[log];
        let offset = log.end;
        log.records.push((offset, self.values));
        log.end += offsets;
        (self.values, offset)
    }

    /// The next records for a reader, and where it stands then.
    fn poll(&mut self, reader: usize) -> (Polled, Vec<(TopicPartition, i64)>) {
        let (mut stretches, mut offsets) = (Vec::new(), Vec::new());
        for log in self.assigned(reader) {
            let Log { of, records, .. } = &self.logs[log];
            let place = &mut self.places[reader][log];
            let until = records.len().min(*place + POLL_MAX);
            let records = records[*place..until].to_vec();
            *place = until;
            if let Some((last, _)) = records.last() {
                offsets.push((of.clone(), last + 1));
                stretches.push(Stretch { of: of.clone(), records });
            }
        }
        (Polled { isolation: Isolation::Committed, stretches }, offsets)
    }

    /// Consumers poll until nothing more comes.
    fn drain(&mut self) {
        for reader in 0..CONSUMERS {
            while self.places[reader]
                .iter()
                .zip(&self.logs)
                .any(|(&at, log)| at < log.records.len())
            {
                self.consume(reader);
            }
        }
    }

    fn now(&self) -> Duration {
        Duration::from_millis(u64::try_from(self.operations.len()).unwrap())
    }

    fn push(&mut self, process: u32, outcome: Outcome, action: Action) {
        let invoked = self.now();
        let completed = (outcome != Outcome::Unknown).then(|| invoked + Duration::from_micros(500));
        self.operations.push(Operation { process, invoked, completed, outcome, action });
    }
}

fn process(index: usize) -> u32 {
    u32::try_from(index + 1).unwrap()
}
