//! A model of brokers and clients without a fault, and random runs of it.

use std::time::Duration;

use crate::Isolation;
use crate::history::{
    Action, End, History, Offsets, Operation, Outcome, Polled, Sent, Start, Step, Stretch,
    TopicPartition, Txn,
};

/// Partitions 0 and 1 are copied to 2 and 3 by transactions; plain producers write to all.
const PARTITIONS: usize = 4;

pub(super) fn partition(index: usize) -> TopicPartition {
    TopicPartition::new("t", i32::try_from(index).unwrap())
}

/// Numbers that look random, the same for a seed (splitmix64).
#[derive(Debug)]
pub(super) struct Random(pub(super) u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub(super) fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(end.max(1)).unwrap()).unwrap()
    }

    pub(super) fn one_in(&mut self, count: usize) -> bool {
        self.below(count) == 0
    }
}

/// A run of the model.
#[derive(Debug)]
pub(super) struct Model {
    random: Random,
    now: u64,
    value: u64,
    logs: Vec<Vec<Entry>>,
    /// Whether each transaction is still open, committed or aborted.
    txns: Vec<TxnState>,
    history: History,
    producers: Vec<Producer>,
    copiers: Vec<Copier>,
    consumers: Vec<Consumer>,
}

/// A record, or a marker, which has no value.
#[derive(Clone, Copy, Debug)]
struct Entry {
    value: Option<u64>,
    txn: Option<usize>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum TxnState {
    Open,
    Committed,
    Aborted,
}

/// Sends without waiting, and flushes now and then.
#[derive(Debug)]
struct Producer {
    process: u32,
    /// Operations whose outcome is not known.
    in_flight: Vec<usize>,
    flush: Option<usize>,
}

/// Consumes a partition in a group and copies it to two others, in transactions.
#[derive(Debug)]
struct Copier {
    process: u32,
    input: usize,
    position: usize,
    committed: usize,
    open: Option<Open>,
}

#[derive(Debug)]
struct Open {
    place: usize,
    txn: usize,
    outputs: Vec<usize>,
}

/// Polls, commits if it is in a group, and loses its state sometimes.
#[derive(Debug)]
struct Consumer {
    process: u32,
    isolation: Isolation,
    group: Option<&'static str>,
    positions: Vec<usize>,
    committed: Vec<usize>,
}

impl Model {
    /// The history of a run of this many steps, in the end of which all was polled.
    pub(super) fn run(seed: u64, steps: usize) -> History {
        let mut model = Self::new(seed);
        for _ in 0..steps {
            model.step();
        }
        model.finish();
        let operations = &mut model.history.operations;
        assert!(operations.is_sorted_by_key(|operation| operation.invoked));
        model.history
    }

    fn new(seed: u64) -> Self {
        let producer = |process| Producer { process, in_flight: Vec::new(), flush: None };
        let copier =
            |process, input| Copier { process, input, position: 0, committed: 0, open: None };
        let consumer = |process, isolation, group| Consumer {
            process,
            isolation,
            group,
            positions: vec![0; PARTITIONS],
            committed: vec![0; PARTITIONS],
        };
        let mut model = Self {
            random: Random(seed),
            now: 0,
            value: 1000,
            logs: vec![Vec::new(); PARTITIONS],
            txns: Vec::new(),
            history: History::default(),
            producers: vec![producer(1), producer(2)],
            copiers: vec![copier(3, 0), copier(4, 1)],
            consumers: vec![
                consumer(5, Isolation::Committed, None),
                consumer(6, Isolation::Uncommitted, None),
                consumer(7, Isolation::Committed, Some("h")),
            ],
        };
        for of in 0..model.copiers.len() {
            model.assign_copier(of);
        }
        for of in 0..model.consumers.len() {
            model.assign(of);
        }
        model
    }

    fn step(&mut self) {
        match self.random.below(8) {
            0..3 => {
                let of = self.random.below(self.producers.len());
                self.produce(of);
            }
            3..5 => {
                let of = self.random.below(self.copiers.len());
                self.copy(of);
            }
            _ => {
                let of = self.random.below(self.consumers.len());
                self.consume(of);
            }
        }
    }

    /// Lets everything end, and polls until nothing more comes.
    fn finish(&mut self) {
        for of in 0..self.producers.len() {
            while !self.producers[of].in_flight.is_empty() {
                self.acknowledge(of);
            }
        }
        for of in 0..self.copiers.len() {
            if self.copiers[of].open.is_some() {
                self.end(of, End::Abort, Outcome::Ok);
            }
        }
        for of in 0..self.consumers.len() {
            for partition in 0..PARTITIONS {
                while self.poll(of, &[partition]) > 0 {}
            }
        }
    }

    // ---- brokers

    fn append(&mut self, partition: usize, value: Option<u64>, txn: Option<usize>) -> i64 {
        self.logs[partition].push(Entry { value, txn });
        i64::try_from(self.logs[partition].len() - 1).unwrap()
    }

    /// Records from a position on, and the position after them.
    fn read(&mut self, from: (usize, usize), isolation: Isolation) -> (Vec<(i64, u64)>, usize) {
        let (partition, mut position) = from;
        let mut records = Vec::new();
        let max = 1 + self.random.below(4);
        while records.len() < max {
            let Some(entry) = self.logs[partition].get(position) else { break };
            let state = entry.txn.map(|txn| self.txns[txn]);
            if isolation == Isolation::Committed && state == Some(TxnState::Open) {
                break;
            }
            let is_hidden = isolation == Isolation::Committed && state == Some(TxnState::Aborted);
            if let Some(value) = entry.value.filter(|_| !is_hidden) {
                records.push((i64::try_from(position).unwrap(), value));
            }
            position += 1;
        }
        (records, position)
    }

    // ---- producers

    fn produce(&mut self, of: usize) {
        let is_flushing = self.producers[of].flush.is_some();
        let has_sent = !self.producers[of].in_flight.is_empty();
        if has_sent && (is_flushing || self.random.one_in(2)) {
            self.acknowledge(of);
        } else if self.random.one_in(8) && !is_flushing {
            let place = self.begin(self.producers[of].process, Action::Flush);
            self.producers[of].flush = Some(place);
            self.end_flush(of);
        } else if !is_flushing {
            let to = partition(self.random.below(PARTITIONS));
            let sent = Sent { to, value: self.new_value(), offset: None };
            let place = self.begin(self.producers[of].process, Action::Send(sent));
            self.producers[of].in_flight.push(place);
        }
    }

    /// The oldest send reaches the log, or does not, and its producer learns about it, or does not.
    fn acknowledge(&mut self, of: usize) {
        let place = self.producers[of].in_flight.remove(0);
        let Action::Send(sent) = self.history.operations[place].action.clone() else { return };
        let partition = usize::try_from(sent.to.partition).unwrap();
        let outcome = self.random.below(10);
        let offset = (outcome < 9).then(|| self.append(partition, Some(sent.value), None));
        let (outcome, offset) = match outcome {
            0..7 => (Outcome::Ok, offset),
            7 => (Outcome::Ok, None),
            8 => (Outcome::Unknown, None),
            _ => (Outcome::Failed, None),
        };
        if let Action::Send(sent) = &mut self.history.operations[place].action {
            sent.offset = offset;
        }
        self.complete(place, outcome);
        self.end_flush(of);
    }

    fn end_flush(&mut self, of: usize) {
        if self.producers[of].in_flight.is_empty()
            && let Some(place) = self.producers[of].flush.take()
        {
            self.complete(place, Outcome::Ok);
        }
    }

    // ---- transactions

    fn assign_copier(&mut self, of: usize) {
        let Copier { process, input, position, .. } = self.copiers[of];
        let start = Start::At(i64::try_from(position).unwrap());
        let place = self.begin(process, Action::Assign(vec![(partition(input), start)]));
        self.complete(place, Outcome::Ok);
    }

    fn copy(&mut self, of: usize) {
        if self.copiers[of].open.is_none() {
            let txn = Txn { end: End::Abort, ended: None, steps: Vec::new() };
            let place = self.begin(self.copiers[of].process, Action::Txn(txn));
            self.txns.push(TxnState::Open);
            let txn = self.txns.len() - 1;
            self.copiers[of].open = Some(Open { place, txn, outputs: Vec::new() });
            return;
        }
        match self.random.below(10) {
            0..4 => self.copy_more(of),
            4..8 => self.send_in_txn(of),
            8 => self.end(of, End::Abort, Outcome::Ok),
            _ => {
                let outcome = match self.random.below(8) {
                    0 => Outcome::Failed,
                    1 => Outcome::Unknown,
                    _ => Outcome::Ok,
                };
                self.end(of, End::Commit, outcome);
            }
        }
    }

    fn copy_more(&mut self, of: usize) {
        let Copier { input, position, .. } = self.copiers[of];
        let (records, position) = self.read((input, position), Isolation::Committed);
        self.copiers[of].position = position;
        let count = records.len();
        let stretches = match count {
            0 => Vec::new(),
            _ => vec![Stretch { of: partition(input), records }],
        };
        self.push_step(of, Step::Poll(Polled { isolation: Isolation::Committed, stretches }));
        for _ in 0..count {
            self.send_in_txn(of);
        }
    }

    fn send_in_txn(&mut self, of: usize) {
        let output = 2 + self.random.below(2);
        let value = self.new_value();
        let Some(open) = &mut self.copiers[of].open else { return };
        let txn = open.txn;
        open.outputs.push(output);
        let offset = self.append(output, Some(value), Some(txn));
        let offset = (!self.random.one_in(8)).then_some(offset);
        self.push_step(of, Step::Send(Sent { to: partition(output), value, offset }));
    }

    fn end(&mut self, of: usize, end: End, outcome: Outcome) {
        let (input, position) = (self.copiers[of].input, self.copiers[of].position);
        let offset = i64::try_from(position).unwrap();
        let offsets = Offsets { group: "g".into(), offsets: vec![(partition(input), offset)] };
        self.push_step(of, Step::CommitOffsets(offsets));
        let now = self.tick();
        let Some(open) = self.copiers[of].open.take() else { return };
        if let Action::Txn(txn) = &mut self.history.operations[open.place].action {
            (txn.end, txn.ended) = (end, Some(now));
        }
        let is_committed = match (end, outcome) {
            (End::Abort, _) | (_, Outcome::Failed) => false,
            (End::Commit, Outcome::Ok) => true,
            (End::Commit, Outcome::Unknown) => self.random.one_in(2),
        };
        self.txns[open.txn] = if is_committed { TxnState::Committed } else { TxnState::Aborted };
        let mut outputs = open.outputs;
        outputs.sort_unstable();
        outputs.dedup();
        for output in outputs {
            self.append(output, None, None);
        }
        let copier = &mut self.copiers[of];
        if is_committed {
            copier.committed = position;
        }
        copier.position = copier.committed;
        self.complete(open.place, outcome);
    }

    fn push_step(&mut self, of: usize, step: Step) {
        self.tick();
        let Some(open) = &self.copiers[of].open else { return };
        if let Action::Txn(txn) = &mut self.history.operations[open.place].action {
            txn.steps.push(step);
        }
    }

    // ---- consumers

    /// Begins from what is committed, or from the beginning.
    fn assign(&mut self, of: usize) {
        let consumer = &mut self.consumers[of];
        consumer.positions = consumer.committed.clone();
        let (process, group) = (consumer.process, consumer.group);
        let starts = consumer.positions.iter().map(|&position| match position {
            0 => Start::Earliest,
            position => Start::At(i64::try_from(position).unwrap()),
        });
        let assigned = (0..PARTITIONS).map(partition).zip(starts).collect();
        if let Some(group) = group {
            let topics = vec!["t".into()];
            let place = self.begin(process, Action::Subscribe { group: group.into(), topics });
            self.complete(place, Outcome::Ok);
        }
        let place = self.begin(process, Action::Assign(assigned));
        self.complete(place, Outcome::Ok);
    }

    fn consume(&mut self, of: usize) {
        let process = self.consumers[of].process;
        match self.random.below(20) {
            0 => {
                let place = self.begin(process, Action::Crash);
                self.complete(place, Outcome::Ok);
                self.assign(of);
            }
            1 => {
                // The records get lost on their way to the program.
                let isolation = self.consumers[of].isolation;
                let polled = Polled { isolation, stretches: Vec::new() };
                let place = self.begin(process, Action::Poll(polled));
                self.complete(place, Outcome::Unknown);
                self.assign(of);
            }
            2..6 if self.consumers[of].group.is_some() => self.commit(of),
            _ => {
                let partitions = [self.random.below(PARTITIONS), self.random.below(PARTITIONS)];
                self.poll(of, &partitions);
            }
        }
    }

    fn poll(&mut self, of: usize, partitions: &[usize]) -> usize {
        let Consumer { process, isolation, .. } = self.consumers[of];
        let polled = Polled { isolation, stretches: Vec::new() };
        let place = self.begin(process, Action::Poll(polled));
        let mut moved = 0;
        for &from in partitions {
            let position = self.consumers[of].positions[from];
            let (records, next) = self.read((from, position), isolation);
            moved += next - position;
            self.consumers[of].positions[from] = next;
            if let Action::Poll(polled) = &mut self.history.operations[place].action
                && !records.is_empty()
            {
                polled.stretches.push(Stretch { of: partition(from), records });
            }
        }
        self.complete(place, Outcome::Ok);
        moved
    }

    fn commit(&mut self, of: usize) {
        let Consumer { process, group, .. } = self.consumers[of];
        let positions = self.consumers[of].positions.clone();
        let offsets = positions.iter().map(|position| i64::try_from(*position).unwrap());
        let offsets = (0..PARTITIONS).map(partition).zip(offsets).collect();
        let group = group.unwrap_or_default().into();
        let place = self.begin(process, Action::CommitOffsets(Offsets { group, offsets }));
        let outcome = if self.random.one_in(6) { Outcome::Unknown } else { Outcome::Ok };
        if outcome == Outcome::Ok || self.random.one_in(2) {
            self.consumers[of].committed = positions;
        }
        self.complete(place, outcome);
    }

    // ---- notes

    fn new_value(&mut self) -> u64 {
        self.value += 1;
        self.value
    }

    fn tick(&mut self) -> Duration {
        self.now += 1;
        Duration::from_millis(self.now)
    }

    fn begin(&mut self, process: u32, action: Action) -> usize {
        let invoked = self.tick();
        let outcome = Outcome::Unknown;
        let operation = Operation { process, invoked, completed: None, outcome, action };
        self.history.operations.push(operation);
        self.history.operations.len() - 1
    }

    fn complete(&mut self, place: usize, outcome: Outcome) {
        let now = self.tick();
        let operation = &mut self.history.operations[place];
        (operation.completed, operation.outcome) = (Some(now), outcome);
    }
}
