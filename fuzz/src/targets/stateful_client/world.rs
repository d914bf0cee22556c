//! What all who take part in a script share: the cluster, the notes, and who reads.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use kurier_client::Client;
use kurier_client::config::{ClientConfig, DialConfig};
use kurier_env::Seeded;
use kurier_testkit::history::{Action, Outcome, Recorder, Start, TopicPartition};
use kurier_testkit::{Isolation, TestCluster};
use tokio::time::sleep;

use super::setup::Setup;

/// The cluster, and what is known of the run.
#[derive(Debug)]
pub(super) struct World {
    pub(super) setup: Setup,
    pub(super) cluster: TestCluster,
    pub(super) recorder: Recorder,
    /// Whether all is well again, and nothing new is begun.
    is_over: AtomicBool,
    /// Whether an answer may have been lost by now, or a request may come late.
    has_lost: AtomicBool,
    /// How far each partition was read, and when the fragile topic was made anew last.
    reader: Mutex<Reader>,
}

#[derive(Debug, Default)]
struct Reader {
    positions: Vec<(TopicPartition, i64)>,
    recreated: Option<Duration>,
}

impl World {
    pub(super) fn new(setup: Setup) -> Self {
        let replicas = i16::try_from(setup.brokers).unwrap_or(1);
        let cluster = TestCluster::builder()
            .brokers(setup.brokers.unsigned_abs())
            .release(setup.release)
            .replication_default(replicas)
            .topic(STABLE, setup.partitions)
            .topic(FRAGILE, setup.partitions)
            .chance(Arc::new(Seeded::new(setup.seed)))
            .build();
        cluster.network().record();
        cluster.network().latency(setup.latency);
        let recorder = Recorder::new();
        let all = [STABLE, FRAGILE].into_iter().flat_map(|topic| {
            (0..PARTITIONS_MAX).map(move |index| TopicPartition::new(topic, index))
        });
        let all = all.map(|partition| (partition, Start::Earliest)).collect();
        recorder.note(READER, Action::Assign(all));
        Self {
            setup,
            cluster,
            recorder,
            is_over: AtomicBool::new(false),
            has_lost: AtomicBool::new(false),
            reader: Mutex::default(),
        }
    }

    /// A client of a process, as soon as there is one.
    pub(super) async fn client(&self, process: u32) -> Client {
        let timeout = self.setup.producer.request_timeout;
        let dial = DialConfig {
            setup_timeout: timeout,
            setup_timeout_max: timeout,
            ..DialConfig::default()
        };
        let config = ClientConfig {
            request_timeout: timeout,
            bootstrap_timeout: 6 * timeout,
            dial,
            ..ClientConfig::default()
        };
        let seed = self.setup.seed ^ (u64::from(process) << 8);
        let env = self.cluster.env_for(&format!("process-{process}"), seed);
        let builder = Client::builder(self.cluster.bootstrap()).config(config).env(env);
        loop {
            match builder.clone().connect().await {
                Ok(client) => return client,
                Err(_) => sleep(AGAIN).await,
            }
        }
    }

    pub(super) fn is_over(&self) -> bool {
        self.is_over.load(Ordering::Relaxed)
    }

    pub(super) fn end(&self) {
        self.is_over.store(true, Ordering::Relaxed);
    }

    pub(super) fn has_lost(&self) -> bool {
        self.has_lost.load(Ordering::Relaxed)
    }

    pub(super) fn lose(&self) {
        self.has_lost.store(true, Ordering::Relaxed);
    }

    /// No client asks without end.
    pub(super) fn check_effort(&self) {
        let requests: u64 = self.cluster.counters().requests.values().sum();
        assert!(requests < REQUESTS_MAX, "clients ask without end: {requests} times");
    }

    /// The partition that stands for one of a script, which may not be there.
    pub(super) fn partition(&self, topic: &str, wanted: i32) -> i32 {
        wanted % self.cluster.partition_count(topic).unwrap_or(1).max(1)
    }

    /// Reads what is committed, from where the last one stopped. Gives the position of a partition.
    pub(super) fn look(&self, at: &TopicPartition) -> i64 {
        let mut reader = self.reader.lock().unwrap_or_else(PoisonError::into_inner);
        for topic in [STABLE, FRAGILE] {
            for index in 0..self.cluster.partition_count(topic).unwrap_or(0) {
                let of = TopicPartition::new(topic, index);
                let from = reader.position(&of);
                let polling = self.recorder.poll(READER, Isolation::Committed);
                let records = self.cluster.read(topic, index, Isolation::Committed);
                let fresh = records.iter().filter(|record| record.offset >= from);
                let fresh = fresh.map(|record| (record.offset, number(record.key())));
                polling.polled(of.clone(), fresh.collect());
                polling.end(Outcome::Ok);
                let end = self.cluster.last_stable_offset(topic, index);
                reader.set(of, end.max(from));
            }
        }
        reader.position(at)
    }

    /// Makes the fragile topic anew.
    pub(super) fn recreate(&self) {
        self.cluster.recreate_topic(FRAGILE, self.setup.partitions);
        // What is noted has the time of its beginning: one that ends nothing tells it.
        self.recorder.note(READER, Action::Flush);
        let history = self.recorder.history();
        let mut reader = self.reader.lock().unwrap_or_else(PoisonError::into_inner);
        reader.recreated = history.operations.last().map(|operation| operation.invoked);
        reader.positions.retain(|(of, _)| of.topic != FRAGILE);
    }

    /// When the fragile topic was made anew last, in the time of the history.
    pub(super) fn recreated(&self) -> Option<Duration> {
        self.reader.lock().unwrap_or_else(PoisonError::into_inner).recreated
    }
}

impl Reader {
    fn position(&self, of: &TopicPartition) -> i64 {
        self.positions.iter().find(|(it, _)| it == of).map_or(0, |(_, position)| *position)
    }

    fn set(&mut self, of: TopicPartition, position: i64) {
        self.positions.retain(|(it, _)| *it != of);
        self.positions.push((of, position));
    }
}

/// The number that a record has for a key.
pub(super) fn number(key: Option<&[u8]>) -> u64 {
    let text = key.and_then(|key| std::str::from_utf8(key).ok());
    text.and_then(|text| text.parse().ok()).expect("a record that somebody sent")
}

/// The topic that stays, in which transactions write too.
pub(super) const STABLE: &str = "t";
/// The topic that grows, is deleted and made anew, and loses followers.
pub(super) const FRAGILE: &str = "u";
pub(super) const PARTITIONS_MAX: i32 = 8;
/// The producer without transactions.
pub(super) const PLAIN: u32 = 0;
/// The one with transactions.
pub(super) const TXN: u32 = 1;
/// Who takes its name.
pub(super) const HEIR: u32 = 2;
/// Who reads what is committed.
pub(super) const READER: u32 = 3;
/// Who comes when all is over.
pub(super) const STRANGER: u32 = 4;
/// What processes wait before they try again what failed at once.
pub(super) const AGAIN: Duration = Duration::from_millis(100);
/// More than all clients need at the slowest pace that they may be asked to keep.
const REQUESTS_MAX: u64 = 10_000;
/// Numbers of the records of each process.
pub(super) const VALUES: u64 = 1_000_000;
