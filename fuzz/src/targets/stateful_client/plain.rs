//! The producer without transactions: does what the script says, and notes it.

use std::sync::Arc;
use std::time::Duration;

use kurier_client::Client;
use kurier_client::producer::{Producer, Record};
use kurier_testkit::history::{Action, Outcome, TopicPartition};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::script::{PlainStep, Records};
use super::setup::Word;
use super::world::{AGAIN, FRAGILE, PLAIN, STABLE, VALUES, World};

/// A process that sends records.
pub(super) struct Plain {
    world: Arc<World>,
    client: Client,
    producer: Producer,
    values: u64,
    outcomes: JoinSet<Outcome>,
}

impl Plain {
    pub(super) async fn new(world: &Arc<World>) -> Self {
        let client = world.client(PLAIN).await;
        let producer = open(world, &client).await;
        let (values, outcomes) = (0, JoinSet::new());
        Self { world: Arc::clone(world), client, producer, values, outcomes }
    }

    /// Takes its steps until the run is over, and then shows that it can send. Gives how many
    /// records were delivered, and how many were not.
    pub(super) async fn run(
        mut self,
        mut steps: mpsc::UnboundedReceiver<PlainStep>,
    ) -> (usize, usize) {
        while let Some(step) = steps.recv().await {
            // What waits when all is well again is not begun any more.
            if !self.world.is_over() {
                self.take(step).await;
            }
        }
        if self.world.setup.word == Word::True {
            self.show().await;
        }
        self.close(None).await;
        let outcomes = self.outcomes.join_all().await;
        let delivered = outcomes.iter().filter(|outcome| **outcome == Outcome::Ok).count();
        (delivered, outcomes.len() - delivered)
    }

    async fn take(&mut self, step: PlainStep) {
        match step {
            PlainStep::Send(records) => self.send(records).await,
            PlainStep::Flush => self.flush().await,
            PlainStep::Reopen(within) => {
                self.close(within).await;
                self.producer = open(&self.world, &self.client).await;
            }
            PlainStep::Trim(partition) => {
                self.flush().await;
                let world = &self.world;
                let index = world.partition(FRAGILE, partition);
                // A batch that is sent again is a new one to who has forgotten its producer.
                if world.setup.forgets_with_records() && world.has_lost() {
                    return;
                }
                let read = world.look(&TopicPartition::new(FRAGILE, index));
                world.cluster.set_log_start(FRAGILE, index, read);
            }
            PlainStep::Forget(partition) => {
                self.flush().await;
                if !self.world.has_lost() {
                    let index = self.world.partition(FRAGILE, partition);
                    self.world.cluster.forget_producers(FRAGILE, index);
                }
            }
        }
    }

    async fn send(&mut self, records: Records) {
        let topic = if records.is_fragile { FRAGILE } else { STABLE };
        let index = self.world.partition(topic, records.partition);
        for _ in 0..records.count {
            self.send_one((topic, index), records).await;
        }
    }

    async fn send_one(&mut self, (topic, index): (&str, i32), one: Records) {
        let value = u64::from(PLAIN) * VALUES + self.values;
        self.values += 1;
        let to = TopicPartition::new(topic, index);
        let pending = self.world.recorder.send(PLAIN, to, value);
        let (key, payload) = (value.to_string(), vec![b'v'; one.bytes]);
        let record = Record::to(topic).partition(index).key(&key).value(&payload);
        let sent = self.producer.enqueue(record).await;
        if !one.is_awaited && sent.is_ok() {
            // The news is lost, and not the record.
            return drop(pending);
        }
        self.outcomes.spawn(async move {
            let delivered = match sent {
                Ok(delivery) => delivery.await,
                Err(error) => Err(error),
            };
            match delivered {
                Ok(metadata) => {
                    pending.acknowledged((metadata.offset >= 0).then_some(metadata.offset));
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

    async fn flush(&self) {
        let flushing = self.world.recorder.begin(PLAIN, Action::Flush);
        let outcome = self.producer.flush().await;
        note_outcomes().await;
        flushing.end(if outcome.is_ok() { Outcome::Ok } else { Outcome::Unknown });
    }

    async fn close(&self, within: Option<Duration>) {
        let closing = self.world.recorder.begin(PLAIN, Action::Close);
        // Its records say themselves what became of them.
        let _ = match within {
            Some(within) => self.producer.close_within(within).await,
            None => self.producer.close().await,
        };
        note_outcomes().await;
        closing.end(Outcome::Ok);
    }

    /// All is well, so that it can send to each partition.
    async fn show(&mut self) {
        for topic in [STABLE, FRAGILE] {
            for index in 0..self.world.cluster.partition_count(topic).unwrap_or(0) {
                let mut waiting = std::mem::take(&mut self.outcomes);
                loop {
                    self.send_one((topic, index), Records::ONE).await;
                    let outcome = self.outcomes.join_next().await.expect("it is awaited");
                    if outcome.expect("no panic") == Outcome::Ok {
                        break;
                    }
                    sleep(AGAIN).await;
                }
                std::mem::swap(&mut waiting, &mut self.outcomes);
            }
        }
    }
}

async fn open(world: &World, client: &Client) -> Producer {
    let builder = client.producer().config(world.setup.producer.clone());
    let built = timeout(world.setup.producer.block_max, builder.build()).await;
    built.expect("it waits for nobody").expect("settings that fit")
}

/// Lets those note it who know an outcome by now: their tasks have been woken and have not run.
async fn note_outcomes() {
    tokio::task::yield_now().await;
}
