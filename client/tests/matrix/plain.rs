//! What the processes of columns P and I do: they send, flush, and at last close.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use kurier_client::Error;
use kurier_client::error::ErrorKind;
use kurier_client::producer::{Producer, Record};
use kurier_testkit::history::{Action, Outcome, TopicPartition};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

use crate::dice::Dice;
use crate::ledger::Name;
use crate::reader::TOPIC;
use crate::settings::MS;
use crate::world::{Phase, World, client_name};

/// Sends records until all is well again, and then one to each partition until it is acknowledged.
pub(crate) async fn produce(world: World, process: u32) {
    let dice = Dice::new(world.settings.seed, &client_name(process));
    let mut values = first_value(process)..;
    let mut deliveries = JoinSet::new();
    let mut sender = Sender::start(&world, (process, 0), process).await;
    while world.phase() == Phase::Safety {
        for _ in 0..dice.number(1..=world.settings.burst_max) {
            let last = u64::try_from(world.partitions() - 1).unwrap();
            let partition = i32::try_from(dice.number(0..=last)).unwrap();
            sender.send(partition, values.next().unwrap(), &dice, &mut deliveries).await;
        }
        if dice.one_in(30) {
            sender.flush().await;
        }
        let is_to_go = world.settings.life.closes && dice.one_in(8);
        if is_to_go || (sender.is_over() && !world.settings.life.stays_down) {
            sender = sender.replace(&dice).await;
        }
        let most = u64::try_from(world.settings.pause_max.as_millis()).unwrap();
        sleep(dice.millis(0..=most)).await;
    }
    if sender.is_over() {
        sender = sender.replace(&dice).await;
    }
    for partition in 0..world.partitions() {
        let mut last = JoinSet::new();
        loop {
            sender.send(partition, values.next().unwrap(), &dice, &mut last).await;
            if last.join_next().await.is_some_and(|outcome| outcome.unwrap() == Outcome::Ok) {
                break;
            }
            sleep(100 * MS).await;
        }
    }
    sender.close().await;
    while let Some(ended) = deliveries.join_next().await {
        ended.unwrap();
    }
}

/// The first of the values that a process sends.
pub(crate) fn first_value(process: u32) -> u64 {
    u64::from(process + 1) * 1_000_000
}

/// A producer and what is known of it.
struct Sender {
    world: World,
    name: Name,
    /// As whom it stands in the history: one that was dropped goes on sending, and is nobody's
    /// predecessor.
    writer: u32,
    producer: Producer,
    is_over: Arc<AtomicBool>,
}

impl Sender {
    async fn start(world: &World, name: Name, writer: u32) -> Self {
        let client = world.client(name.0, name.1).await;
        let builder = client.producer().config(world.settings.producer.clone());
        let producer = builder.build().await.expect("the settings are valid");
        Self { world: world.clone(), name, writer, producer, is_over: Arc::default() }
    }

    fn is_over(&self) -> bool {
        self.is_over.load(Ordering::Relaxed)
    }

    /// Another one in its place. This one is closed, for as long as that may take, or dropped.
    async fn replace(self, dice: &Dice) -> Self {
        let (next, mut writer) = ((self.name.0, self.name.1 + 1), self.writer);
        let world = self.world.clone();
        match dice.number(0..=2) {
            0 => self.close().await,
            1 => {
                let (at_most, start) = (dice.pick(&[0, 1, 20, 2000]) * MS, Instant::now());
                let closed = self.producer.close_within(at_most).await;
                if let Err(error) = &closed {
                    world.ledger.tell(self.name, "close", error);
                }
                world.ledger.took("closing", start.elapsed(), at_most);
            }
            _ => {
                drop(self);
                writer += WRITERS;
            }
        }
        if world.settings.life.closes {
            world.strike();
        }
        Self::start(&world, next, writer).await
    }

    async fn flush(&self) {
        let (noted, start) =
            (self.world.recorder.begin(self.writer, Action::Flush), Instant::now());
        let flushed = self.producer.flush().await;
        // Those whose tasks have been woken note their outcomes first.
        tokio::task::yield_now().await;
        noted.end(if flushed.is_ok() { Outcome::Ok } else { Outcome::Unknown });
        let limit = self.world.settings.producer.delivery_timeout;
        self.world.ledger.took("a flush", start.elapsed(), limit);
    }

    async fn close(&self) {
        let noted = self.world.recorder.begin(self.writer, Action::Close);
        let start = Instant::now();
        let closed = self.producer.close().await;
        tokio::task::yield_now().await;
        noted.end(if closed.is_ok() { Outcome::Ok } else { Outcome::Unknown });
        let limit = self.world.settings.producer.delivery_timeout;
        self.world.ledger.took("closing", start.elapsed(), limit);
    }

    async fn send(
        &self,
        partition: i32,
        value: u64,
        dice: &Dice,
        deliveries: &mut JoinSet<Outcome>,
    ) {
        let (world, name) = (self.world.clone(), self.name);
        let to = TopicPartition::new(TOPIC, partition);
        let (pending, start) = (world.recorder.send(self.writer, to, value), Instant::now());
        world.ledger.open().values.insert(value, name);
        let (text, key) = (filled(value, &world), key_of(value, &world));
        let mut record = Record::to(TOPIC).partition(partition).value(&text);
        if world.has_key(dice) {
            record = record.key(&key);
        }
        world.ledger.begin(name, text.len());
        let may_drop = world.settings.life.drops && world.phase() == Phase::Safety;
        let sent = if may_drop && dice.one_in(4) {
            world.strike();
            match timeout(dice.millis(0..=3), self.producer.enqueue(record)).await {
                Ok(sent) => sent,
                Err(_) => {
                    // Dropped before it was ready: it was not taken.
                    world.ledger.end(name, text.len());
                    return pending.end(Outcome::Failed);
                }
            }
        } else {
            self.producer.enqueue(record).await
        };
        let is_over = Arc::clone(&self.is_over);
        let impatient = (may_drop && dice.one_in(4)).then(|| dice.millis(0..=30));
        deliveries.spawn(async move {
            let delivered = match (sent, impatient) {
                (Ok(delivery), None) => delivery.await,
                (Ok(delivery), Some(patience)) => match timeout(patience, delivery).await {
                    Ok(delivered) => delivered,
                    Err(_) => {
                        world.strike();
                        world.ledger.end(name, text.len());
                        pending.end(Outcome::Unknown);
                        return Outcome::Unknown;
                    }
                },
                (Err(error), _) => Err(error),
            };
            world.ledger.end(name, text.len());
            let settings = &world.settings.producer;
            let limit = settings.block_max + settings.delivery_timeout;
            world.ledger.took("a record", start.elapsed(), limit);
            match delivered {
                Ok(stored) => {
                    let offset = Some(stored.offset).filter(|offset| *offset >= 0);
                    world.ledger.open().without_offset += u64::from(offset.is_none());
                    pending.acknowledged(offset);
                    Outcome::Ok
                }
                Err(error) => {
                    world.ledger.tell(name, "send", &error);
                    if error.is_fatal() && !is_closed(&error) {
                        is_over.store(true, Ordering::Relaxed);
                        note_end(&world, name, &error);
                    }
                    let outcome = outcome_of(&error);
                    pending.end(outcome);
                    outcome
                }
            }
        });
    }
}

/// What an error says of what was asked for.
pub(crate) fn outcome_of(error: &Error) -> Outcome {
    if error.maybe_written() { Outcome::Unknown } else { Outcome::Failed }
}

/// Whether it is the program that has ended the producer.
pub(crate) fn is_closed(error: &Error) -> bool {
    matches!(error, Error::Closed { .. })
}

/// A producer has heard that it is over. If it was shut out, nothing of it may come into the logs
/// from here on.
pub(crate) fn note_end(world: &World, name: Name, error: &Error) {
    let is_shut_out = error.kind() == ErrorKind::Fenced && !world.settings.life.is_lied_to;
    let ends = is_shut_out.then(|| {
        (0..world.partitions()).map(|index| world.cluster.log_end(TOPIC, index)).collect()
    });
    world.ledger.open().over.entry(name).or_insert(ends);
}

/// The key of a record.
fn key_of(value: u64, world: &World) -> String {
    let shared_by = if world.settings.life.shares_keys { 2 } else { 1 };
    (value / shared_by).to_string()
}

/// A value, filled up to the size that was asked for.
pub(crate) fn filled(value: u64, world: &World) -> String {
    format!("{value:<width$}", width = world.settings.value_bytes)
}

/// How far apart the writers of one process stand in the history.
const WRITERS: u32 = 1000;
