//! A client that sends and one that reads, at work while a test breaks things; all is noted.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use kurier_client::config::{ClientConfig, DialConfig};
use kurier_client::consumer::{Consumer, ConsumerConfig, FetchedBatch, Start};
use kurier_client::offsets::Position;
use kurier_client::producer::{Producer, ProducerConfig, Record};
use kurier_client::{Client, Error};
use kurier_testkit::Isolation;
use kurier_testkit::history::{Action, History, Outcome, Recorder, Start as From, TopicPartition};
use tokio::runtime::{self, Runtime};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{sleep, timeout};

/// How many partitions the topic has.
pub(crate) const PARTITIONS: i32 = 6;

/// How long an answer may take.
pub(crate) const REQUEST_TIMEOUT: Duration = Duration::from_secs(4);
/// How long a record may take.
pub(crate) const DELIVERY_TIMEOUT: Duration = Duration::from_secs(60);
/// How long all may take to work again when all is well.
pub(crate) const PROGRESS_MAX: Duration = Duration::from_secs(60);

/// What is noted of a process: the one that sends, and the one that reads.
const SENDS: u32 = 1;
const READS: u32 = 2;

/// A client that sends without pause, and one that reads what it has sent.
pub(crate) struct Traffic {
    runtime: Runtime,
    client: Client,
    shared: Arc<Shared>,
    /// When the history begins.
    started: Instant,
    phase: watch::Sender<Phase>,
    sending: JoinHandle<()>,
    reading: JoinHandle<()>,
}

struct Shared {
    topic: String,
    recorder: Recorder,
    /// Records that were acknowledged, and that were read, of each partition.
    acknowledged: Vec<AtomicU64>,
    read: Vec<AtomicU64>,
    /// What errors said.
    errors: Mutex<BTreeSet<String>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Phase {
    /// Records are sent without pause.
    Flow,
    /// One more is sent to each partition until it is acknowledged, then no more.
    Last,
    /// What there is is read to its end.
    Drain,
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
        let runtime = runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
        let runtime = runtime.unwrap();
        let counters = || (0..PARTITIONS).map(|_| AtomicU64::new(0)).collect();
        let (recorder, started) = (Recorder::new(), Instant::now());
        let shared = Arc::new(Shared {
            topic: topic.to_owned(),
            recorder,
            acknowledged: counters(),
            read: counters(),
            errors: Mutex::default(),
        });
        let (phase, phases) = watch::channel(Phase::Flow);
        let connect = || runtime.block_on(Client::builder(servers).config(config()).connect());
        let (client, reader) = (connect().unwrap(), connect().unwrap());
        let sending = send_all(client.clone(), Arc::clone(&shared), phases.clone());
        let reading = read_all(reader, Arc::clone(&shared), phases);
        let (sending, reading) = (runtime.spawn(sending), runtime.spawn(reading));
        Self { runtime, client, shared, started, phase, sending, reading }
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
        self.sending.is_finished() || self.reading.is_finished()
    }

    /// Lets it come to its end, now that all is well; fails if that takes too long.
    pub(crate) fn finish(self) -> Seen {
        let Self { runtime, client, shared, started, phase, sending, reading } = self;
        let healed = started.elapsed();
        let end = async |task: JoinHandle<()>, what: &str| match timeout(PROGRESS_MAX, task).await {
            Ok(ended) => ended.unwrap(),
            Err(_) => panic!("{what} has not come to its end {PROGRESS_MAX:?} after all was well"),
        };
        runtime.block_on(async {
            phase.send_replace(Phase::Last);
            end(sending, "sending").await;
            phase.send_replace(Phase::Drain);
            end(reading, "reading").await;
        });
        drop(client);
        let errors = shared.errors.lock().unwrap().clone();
        Seen { history: shared.recorder.history(), errors, healed }
    }
}

/// Settings that make clients notice faults within seconds.
pub(crate) fn config() -> ClientConfig {
    ClientConfig {
        request_timeout: REQUEST_TIMEOUT,
        dial: DialConfig {
            setup_timeout: Duration::from_secs(2),
            setup_timeout_max: Duration::from_secs(4),
            ..DialConfig::default()
        },
        ..ClientConfig::default()
    }
}

/// The same of what is made from a client.
pub(crate) fn producer_config() -> ProducerConfig {
    ProducerConfig {
        request_timeout: REQUEST_TIMEOUT,
        delivery_timeout: DELIVERY_TIMEOUT,
        block_max: DELIVERY_TIMEOUT,
        ..ProducerConfig::default()
    }
}

async fn send_all(client: Client, shared: Arc<Shared>, phase: watch::Receiver<Phase>) {
    let producer = client.producer().config(producer_config()).build().await.unwrap();
    let (mut values, mut deliveries) = (0.., JoinSet::new());
    while *phase.borrow() == Phase::Flow {
        for partition in 0..PARTITIONS {
            shared.send(&producer, partition, values.next().unwrap(), &mut deliveries).await;
        }
        while deliveries.try_join_next().is_some() {}
        sleep(PAUSE).await;
    }
    for partition in 0..PARTITIONS {
        let mut last = JoinSet::new();
        loop {
            shared.send(&producer, partition, values.next().unwrap(), &mut last).await;
            if last.join_next().await.is_some_and(|outcome| outcome.unwrap() == Outcome::Ok) {
                break;
            }
        }
    }
    let closing = shared.recorder.begin(SENDS, Action::Close);
    producer.close().await.unwrap();
    deliveries.join_all().await;
    closing.end(Outcome::Ok);
}

async fn read_all(client: Client, shared: Arc<Shared>, phase: watch::Receiver<Phase>) {
    let consumer_config = ConsumerConfig {
        request_timeout: REQUEST_TIMEOUT,
        outage_max: DELIVERY_TIMEOUT,
        ..ConsumerConfig::default()
    };
    let topic = shared.topic.as_str();
    let assigned = (0..PARTITIONS).map(|index| (topic, index, Start::Earliest));
    let builder = client.consumer().config(consumer_config).assign(assigned);
    let mut consumer = builder.start().unwrap();
    let noted = (0..PARTITIONS).map(|index| (TopicPartition::new(topic, index), From::Earliest));
    shared.recorder.note(READS, Action::Assign(noted.collect()));
    while *phase.borrow() < Phase::Drain {
        shared.poll(&mut consumer).await;
    }
    let all = (0..PARTITIONS).map(|of| (topic, of));
    let ends = client.offsets().at(Position::Latest, all).await.unwrap();
    let is_read = |consumer: &Consumer| {
        ends.iter().all(|end| consumer.position(topic, end.partition) >= end.offset)
    };
    while !is_read(&consumer) {
        shared.poll(&mut consumer).await;
    }
}

impl Shared {
    async fn send(
        self: &Arc<Self>,
        producer: &Producer,
        partition: i32,
        value: u64,
        deliveries: &mut JoinSet<Outcome>,
    ) {
        let to = TopicPartition::new(&*self.topic, partition);
        let pending = self.recorder.send(SENDS, to, value);
        let record = value.to_string();
        let record = Record::to(&self.topic).partition(partition).value(&record);
        let sent = producer.enqueue(record).await;
        let shared = Arc::clone(self);
        deliveries.spawn(async move {
            let delivered = match sent {
                Ok(delivery) => delivery.await,
                Err(error) => Err(error),
            };
            match delivered {
                Ok(metadata) => {
                    pending.acknowledged(metadata.offset);
                    count(&shared.acknowledged, partition, 1);
                    Outcome::Ok
                }
                Err(error) => {
                    let is_open = error.maybe_written();
                    let outcome = if is_open { Outcome::Unknown } else { Outcome::Failed };
                    pending.end(outcome);
                    shared.note(&error);
                    outcome
                }
            }
        });
    }

    /// One look at what has come, which is given up after a while.
    async fn poll(&self, consumer: &mut Consumer) {
        let polling = self.recorder.poll(READS, Isolation::Uncommitted);
        match timeout(Duration::from_millis(500), consumer.next()).await {
            Ok(Some(Ok(batch))) => {
                let records = records(&batch);
                count(&self.read, batch.partition(), records.len() as u64);
                polling.polled(TopicPartition::new(&*self.topic, batch.partition()), records);
                polling.end(Outcome::Ok);
            }
            Ok(Some(Err(error))) => {
                assert!(error.is_retriable(), "reading: {error}");
                self.note(&error);
                polling.end(Outcome::Failed);
            }
            Ok(None) => panic!("a consumer without an end has ended"),
            Err(_) => polling.end(Outcome::Ok),
        }
    }

    fn note(&self, error: &Error) {
        self.errors.lock().unwrap().insert(error.to_string());
    }
}

fn records(batch: &FetchedBatch) -> Vec<(i64, u64)> {
    let records = batch.records().map(|record| record.unwrap());
    let number = |value: &[u8]| std::str::from_utf8(value).unwrap().parse().unwrap();
    records.map(|record| (record.offset, number(record.value.unwrap()))).collect()
}

fn count(counters: &[AtomicU64], partition: i32, more: u64) {
    counters[usize::try_from(partition).unwrap()].fetch_add(more, Ordering::Relaxed);
}

/// Between a record for each partition and the next ones.
const PAUSE: Duration = Duration::from_millis(25);
/// So many records of a partition in and out show that it works.
const ENOUGH: u64 = 5;
