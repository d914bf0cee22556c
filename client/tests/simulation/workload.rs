//! What the processes of a run do, noting it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use kurier_client::config::{ClientConfig, DialConfig};
use kurier_client::consumer::{Consumer, ConsumerConfig, FetchedBatch, Start};
use kurier_client::producer::{Producer, ProducerConfig, Record};
use kurier_client::{Client, Error};
use kurier_env::watch;
use kurier_testkit::history::{Action, Outcome, Recorder, Start as From, TopicPartition};
use kurier_testkit::{Isolation, TestCluster};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

use crate::dice::Dice;
use crate::plan::Plan;

/// The topic that all processes use.
pub(crate) const TOPIC: &str = "t";

/// Where a run is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Phase {
    /// Things go wrong.
    Safety,
    /// All is well again; every producer shows that it can send.
    Liveness,
    /// Nothing more is sent: consumers read what there is.
    Drain,
}

/// What all processes know.
#[derive(Clone)]
pub(crate) struct World {
    pub(crate) cluster: TestCluster,
    pub(crate) plan: Arc<Plan>,
    pub(crate) recorder: Recorder,
    pub(crate) phase: watch::Receiver<Phase>,
    /// How often consumers have looked for records.
    pub(crate) polls: Arc<AtomicU64>,
}

/// The name of a process's part of the network.
pub(crate) fn client_name(process: u32) -> String {
    format!("process-{process}")
}

/// Sends records until the network is well again, and then one to each partition, until it is
/// acknowledged.
pub(crate) async fn produce(world: World, process: u32) {
    let client = world.client(process).await;
    let builder = client.producer().config(world.producer_config());
    let producer = builder.build().await.expect("the settings are valid");
    let dice = Dice::new(world.plan.seed, &client_name(process));
    let mut values = (u64::from(process) * 1_000_000)..;
    let mut deliveries = JoinSet::new();
    while world.phase() == Phase::Safety {
        let last = u64::try_from(world.plan.partitions).unwrap() - 1;
        let partition = i32::try_from(dice.number(0..=last)).unwrap();
        world.send(&producer, process, partition, &mut values, &mut deliveries).await;
        if dice.one_in(100) {
            let flushing = world.recorder.begin(process, Action::Flush);
            let outcome = producer.flush().await;
            note_outcomes().await;
            flushing.end(if outcome.is_ok() { Outcome::Ok } else { Outcome::Unknown });
        }
        sleep(dice.millis(0..=u64::try_from(world.plan.pause_max.as_millis()).unwrap())).await;
    }
    for partition in 0..world.plan.partitions {
        let mut last = JoinSet::new();
        loop {
            world.send(&producer, process, partition, &mut values, &mut last).await;
            if last.join_next().await.is_some_and(|outcome| outcome.unwrap() == Outcome::Ok) {
                break;
            }
        }
    }
    let closing = world.recorder.begin(process, Action::Close);
    producer.close().await.expect("all is well");
    note_outcomes().await;
    closing.end(Outcome::Ok);
    deliveries.join_all().await;
}

/// Reads all partitions from the beginning, until there is nothing more. Crashes at times.
pub(crate) async fn consume(world: World, process: u32) {
    let dice = Dice::new(world.plan.seed, &client_name(process));
    loop {
        let client = world.client(process).await;
        let partitions = (0..world.plan.partitions).map(|partition| (TOPIC, partition));
        let builder = client.consumer().config(world.consumer_config());
        let assigned = partitions.clone().map(|(topic, index)| (topic, index, Start::Earliest));
        let mut consumer = builder.assign(assigned).start().expect("the settings are valid");
        let noted =
            partitions.map(|(topic, index)| (TopicPartition::new(topic, index), From::Earliest));
        world.recorder.note(process, Action::Assign(noted.collect()));
        // A time and not a number of polls: on a network without latency no time passes before
        // the end of the log, and who never came so far would begin again for ever.
        let crash_at = Instant::now() + dice.millis(500..=30_000);
        while world.phase() == Phase::Safety && Instant::now() < crash_at {
            world.poll(&mut consumer, process).await;
        }
        if world.phase() == Phase::Safety {
            world.recorder.note(process, Action::Crash);
            continue;
        }
        while !(world.phase() == Phase::Drain && world.is_at_end(&consumer)) {
            world.poll(&mut consumer, process).await;
        }
        return;
    }
}

impl World {
    fn phase(&self) -> Phase {
        *self.phase.borrow()
    }

    /// A client of a process, as soon as there is one.
    async fn client(&self, process: u32) -> Client {
        let config = ClientConfig {
            request_timeout: self.plan.settings.request_timeout,
            dial: DialConfig {
                setup_timeout: self.plan.settings.request_timeout,
                ..DialConfig::default()
            },
            ..ClientConfig::default()
        };
        let env = self.cluster.env_for(&client_name(process), self.plan.seed ^ u64::from(process));
        let builder = Client::builder(self.cluster.bootstrap()).config(config).env(env);
        loop {
            if let Ok(client) = builder.clone().connect().await {
                return client;
            }
            sleep(POLL).await;
        }
    }

    fn producer_config(&self) -> ProducerConfig {
        let settings = &self.plan.settings;
        ProducerConfig {
            acks: settings.acks,
            idempotence: settings.idempotence,
            compression: settings.compression,
            linger: settings.linger,
            batch_bytes_max: settings.batch_bytes_max,
            request_timeout: settings.request_timeout,
            delivery_timeout: settings.delivery_timeout,
            block_max: settings.delivery_timeout,
            ..ProducerConfig::default()
        }
    }

    fn consumer_config(&self) -> ConsumerConfig {
        let settings = &self.plan.settings;
        ConsumerConfig {
            fetch_wait_max: settings.fetch_wait_max,
            partition_bytes_max: settings.partition_bytes_max,
            request_timeout: settings.request_timeout + settings.fetch_wait_max,
            ..ConsumerConfig::default()
        }
    }

    async fn send(
        &self,
        producer: &Producer,
        process: u32,
        partition: i32,
        values: &mut impl Iterator<Item = u64>,
        deliveries: &mut JoinSet<Outcome>,
    ) {
        let value = values.next().unwrap();
        let pending = self.recorder.send(process, TopicPartition::new(TOPIC, partition), value);
        let record = value.to_string();
        let sent = producer.enqueue(Record::to(TOPIC).partition(partition).value(&record)).await;
        deliveries.spawn(async move {
            let delivered = match sent {
                Ok(delivery) => delivery.await,
                Err(error) => Err(error),
            };
            match delivered {
                Ok(metadata) => {
                    pending.acknowledged(metadata.offset);
                    Outcome::Ok
                }
                Err(error) => {
                    let is_open = error.maybe_written();
                    let outcome = if is_open { Outcome::Unknown } else { Outcome::Failed };
                    pending.end(outcome);
                    outcome
                }
            }
        });
    }

    /// One look at what has come, which is given up after a while.
    async fn poll(&self, consumer: &mut Consumer, process: u32) {
        let polls = self.polls.fetch_add(1, Ordering::Relaxed);
        assert!(polls < POLLS_MAX, "process {process}: no time passes between {polls} polls");
        let polling = self.recorder.poll(process, Isolation::Uncommitted);
        match timeout(POLL, consumer.next()).await {
            Ok(Some(Ok(batch))) => {
                polling.polled(TopicPartition::new(TOPIC, batch.partition()), records(&batch));
                polling.end(Outcome::Ok);
            }
            Ok(Some(Err(error))) => {
                assert!(is_outage(&error), "process {process}: {error}");
                polling.end(Outcome::Failed);
            }
            Ok(None) => panic!("process {process}: a consumer without an end has ended"),
            Err(_) => polling.end(Outcome::Ok),
        }
    }

    fn is_at_end(&self, consumer: &Consumer) -> bool {
        (0..self.plan.partitions).all(|partition| {
            let end = self.cluster.high_watermark(TOPIC, partition);
            consumer.position(TOPIC, partition) == Some(end)
        })
    }
}

/// Lets those note it who know an outcome by now: their tasks have been woken and have not run.
async fn note_outcomes() {
    tokio::task::yield_now().await;
}

fn records(batch: &FetchedBatch) -> Vec<(i64, u64)> {
    let records = batch.records().map(|record| record.expect("a record that can be read"));
    let number = |value: &[u8]| std::str::from_utf8(value).unwrap().parse().unwrap();
    records.map(|record| (record.offset, number(record.value.unwrap()))).collect()
}

/// Whether an error only says that somebody has been out of reach for long.
fn is_outage(error: &Error) -> bool {
    error.is_retriable()
}

/// How long a process looks before it looks around.
const POLL: Duration = Duration::from_millis(100);
/// Polls of a run. One that has more stands still, and would note them until no memory is left.
const POLLS_MAX: u64 = 500_000;
