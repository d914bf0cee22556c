//! Clients that send and one that reads, at work while a test breaks things; all is noted.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use kurier_client::Client;
use kurier_client::offsets::Isolation;
use kurier_client::producer::ProducerConfig;
use kurier_testkit::history::History;
use tokio::runtime::{self, Runtime};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::reading::{READS, read_all};
use super::sending::Stream;
use super::shared::{PARTITIONS, PROGRESS_MAX, Phase, Shared, config, producer_config};
use super::transacting::Writer;
use super::watching::{Group, watch_all};

/// Clients that send without pause, and one that reads what they have sent.
pub(crate) struct Traffic {
    runtime: Runtime,
    shared: Arc<Shared>,
    /// When the history begins.
    started: Instant,
    phase: watch::Sender<Phase>,
    sending: Vec<JoinHandle<()>>,
    reading: JoinHandle<()>,
}

/// What came of it.
pub(crate) struct Seen {
    pub(crate) history: History,
    pub(crate) errors: BTreeSet<String>,
    /// When all was well again, on the history's clock.
    pub(crate) healed: Duration,
}

impl Traffic {
    /// Two clients that begin with these servers, each with its own connections.
    pub(crate) fn start(servers: &[String], topic: &str) -> Self {
        Self::of(&[producer_config()], servers, topic)
    }

    /// A client for each of these producers, and one that reads.
    pub(crate) fn of(producers: &[ProducerConfig], servers: &[String], topic: &str) -> Self {
        let mut traffic = Self::reader(servers, topic, Isolation::ReadUncommitted);
        for (process, config) in (READS + 1..).zip(producers) {
            traffic.send(servers, (process, config), PAUSE);
        }
        traffic
    }

    /// A client that sends, and a group that reads; its members are for the test to start.
    pub(crate) fn for_group(servers: &[String], topic: &str) -> (Self, Arc<Group>) {
        let group = Arc::new(Group::new(Shared::new(topic)));
        let watched = Arc::clone(&group);
        let watch = |client, phases| watch_all(client, watched, phases);
        let mut traffic = Self::read_by(servers, Arc::clone(&group.shared), watch);
        traffic.send(servers, (READS + 1, &producer_config()), SLOW_PAUSE);
        (traffic, group)
    }

    fn send(
        &mut self,
        servers: &[String],
        (process, config): (u32, &ProducerConfig),
        pause: Duration,
    ) {
        let (shared, values) = (Arc::clone(&self.shared), u64::from(process) << 32..);
        let stream = Stream { shared, process, values, pause };
        let (client, phase) = (self.connect(servers), self.phase.subscribe());
        let sending = stream.send_all(client, config.clone(), phase);
        self.sending.push(self.runtime.spawn(sending));
    }

    /// So many who write in transactions, and one that reads what is committed.
    pub(crate) fn transactions(writers: u32, servers: &[String], topic: &str, seed: u64) -> Self {
        let mut traffic = Self::reader(servers, topic, Isolation::ReadCommitted);
        for process in (READS + 1..).take(writers as usize) {
            let servers = servers.to_vec();
            let writer = Writer::new(Arc::clone(&traffic.shared), process, servers, seed);
            let writing = writer.write_all(traffic.phase.subscribe());
            traffic.sending.push(traffic.runtime.spawn(writing));
        }
        traffic
    }

    fn reader(servers: &[String], topic: &str, isolation: Isolation) -> Self {
        let shared = Arc::new(Shared::new(topic));
        let read = Arc::clone(&shared);
        Self::read_by(servers, shared, |client, phases| read_all(client, isolation, read, phases))
    }

    /// Nobody sends yet.
    fn read_by<R: Future<Output = ()> + Send + 'static>(
        servers: &[String],
        shared: Arc<Shared>,
        read: impl FnOnce(Client, watch::Receiver<Phase>) -> R,
    ) -> Self {
        let runtime = runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
        let runtime = runtime.unwrap();
        let started = Instant::now();
        let (phase, phases) = watch::channel(Phase::Flow);
        let connecting = Client::builder(servers).config(config()).connect();
        let client = runtime.block_on(connecting).unwrap();
        let reading = runtime.spawn(read(client, phases));
        Self { runtime, shared, started, phase, sending: Vec::new(), reading }
    }

    fn connect(&self, servers: &[String]) -> Client {
        let connecting = Client::builder(servers).config(config()).connect();
        self.runtime.block_on(connecting).unwrap()
    }

    /// Waits until records flow again, in and out, in every partition.
    pub(crate) fn flows(&self, when: &str) {
        let all = (0..PARTITIONS).collect::<Vec<_>>();
        self.flows_in(&all, when);
    }

    /// The same in these partitions.
    pub(crate) fn flows_in(&self, partitions: &[i32], when: &str) {
        let start = Instant::now();
        let count = |counters: &[AtomicU64], of: i32| {
            counters[usize::try_from(of).unwrap()].load(Ordering::Relaxed)
        };
        let both = |of: i32| [&self.shared.acknowledged, &self.shared.read].map(|c| count(c, of));
        let before: Vec<_> = partitions.iter().map(|of| both(*of)).collect();
        let moved = || {
            let moves = |(of, before): (&i32, &[u64; 2])| {
                let now = both(*of);
                now[0] >= before[0] + ENOUGH && now[1] >= before[1] + ENOUGH
            };
            partitions.iter().zip(&before).all(moves)
        };
        while !moved() {
            assert!(
                start.elapsed() < PROGRESS_MAX && !self.has_ended(),
                "{when}: no progress in {:?}; from {before:?} to {:?}; errors: {:#?}",
                start.elapsed(),
                partitions.iter().map(|of| both(*of)).collect::<Vec<_>>(),
                self.shared.errors.lock().unwrap(),
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn has_ended(&self) -> bool {
        self.sending.iter().any(JoinHandle::is_finished) || self.reading.is_finished()
    }

    /// Lets it come to its end, now that all is well; fails if that takes too long.
    pub(crate) fn finish(self) -> Seen {
        let Self { runtime, shared, started, phase, sending, reading } = self;
        let healed = started.elapsed();
        let end = async |task: JoinHandle<()>, what: &str| match timeout(PROGRESS_MAX, task).await {
            Ok(ended) => ended.unwrap(),
            Err(_) => panic!("{what} has not come to its end {PROGRESS_MAX:?} after all was well"),
        };
        runtime.block_on(async {
            phase.send_replace(Phase::Last);
            for sending in sending {
                end(sending, "sending").await;
            }
            phase.send_replace(Phase::Drain);
            end(reading, "reading").await;
        });
        let errors = shared.errors.lock().unwrap().clone();
        Seen { history: shared.recorder.history(), errors, healed }
    }
}

/// So many records of a partition in and out show that it works.
const ENOUGH: u64 = 5;

/// Between a record for each partition and the next ones; where each one is committed, too.
const PAUSE: Duration = Duration::from_millis(25);
const SLOW_PAUSE: Duration = Duration::from_millis(120);
