//! Reads the logs as a reader of committed records does, with the codec's filter of aborted ones,
//! and notes what it sees.

use std::collections::BTreeMap;

use kurier_testkit::history::{Action, Outcome, Recorder, Start, TopicPartition};
use kurier_testkit::{Isolation, TestCluster};

/// The topic that is written to.
pub(crate) const TOPIC: &str = "t";
pub(crate) const PARTITIONS: i32 = 2;
/// The one that sessions copy to.
pub(crate) const OUT: &str = "out";

/// Where it is in each partition.
#[derive(Debug)]
pub(crate) struct Reader {
    topic: &'static str,
    next: BTreeMap<i32, i64>,
}

impl Reader {
    /// Begins at the beginning.
    pub(crate) fn new(recorder: &Recorder, topic: &'static str) -> Self {
        let all = 0..PARTITIONS;
        let noted = all.clone().map(|index| (TopicPartition::new(topic, index), Start::Earliest));
        recorder.note(PROCESS, Action::Assign(noted.collect()));
        Self { topic, next: all.map(|index| (index, 0)).collect() }
    }

    /// Notes everything that is new.
    pub(crate) fn poll(&mut self, cluster: &TestCluster, recorder: &Recorder) {
        let topic = self.topic;
        for (&index, next) in &mut self.next {
            if cluster.last_stable_offset(topic, index) <= *next {
                continue;
            }
            let polling = recorder.poll(PROCESS, Isolation::Committed);
            let records = cluster.read(topic, index, Isolation::Committed);
            let new = records.iter().filter(|record| record.offset >= *next);
            let seen: Vec<_> =
                new.filter_map(|one| Some((one.offset, number(one.value()?)?))).collect();
            *next = seen.last().map_or(*next, |(offset, _)| offset + 1);
            polling.polled(TopicPartition::new(topic, index), seen);
            polling.end(Outcome::Ok);
        }
    }
}

/// The number that a value is filled up from; markers have none.
pub(crate) fn number(value: &[u8]) -> Option<u64> {
    std::str::from_utf8(value).ok()?.trim_end().parse().ok()
}

/// The number of the first consumer among the processes.
pub(crate) const FIRST_READER: u32 = 100;
/// The reader's number among the processes.
const PROCESS: u32 = 1000;
