//! What the readers of column R do: they read all partitions from their beginning, each alone.

use std::collections::BTreeMap;
use std::time::Duration;

use kurier_client::consumer::{Consumer, ConsumerConfig, OffsetReset};
use kurier_client::error::ErrorKind;
use kurier_client::{Error, FetchedBatch, Start, offsets};
use kurier_testkit::Isolation;
use kurier_testkit::history::{Action, Outcome, Start as From, TopicPartition};
use tokio::time::{sleep, timeout};

use crate::dice::Dice;
use crate::ledger::Name;
use crate::onward::onward;
use crate::reader::{FIRST_READER, PARTITIONS, TOPIC, number};
use crate::settings::Settings;
use crate::world::{Phase, World, client_name};

/// Reads until nothing more is written and all is read. Now and then it stops waiting in the
/// middle, pauses a partition, or begins anew with another consumer.
pub(crate) async fn read(world: World, reader: u32) {
    let process = FIRST_READER + reader;
    let dice = Dice::new(world.settings.seed, &client_name(process));
    for life in 0.. {
        let mut reader = Reader::start(&world, (process, life), &dice).await;
        let mut polls = match world.settings.life.closes {
            true => dice.number(5..=60),
            false => dice.number(100..=400),
        };
        let may_stay = || life == LIVES_MAX || world.phase() > Phase::Safety;
        while !reader.is_over && (polls > 0 || may_stay()) {
            polls = polls.saturating_sub(1);
            reader.poll(&dice).await;
            if world.phase() == Phase::Drain && reader.is_at_end() {
                return;
            }
        }
        reader.end(&dice).await;
        if world.settings.life.is_another {
            sleep(dice.millis(0..=200)).await;
        }
    }
}

/// How a consumer of a run is set.
pub(crate) fn config(settings: &Settings) -> ConsumerConfig {
    let request_timeout = settings.producer.request_timeout;
    let committed = settings.life.is_committed_only || settings.seed.is_multiple_of(2);
    let config = ConsumerConfig {
        fetch_wait_max: Duration::from_millis(200),
        request_timeout,
        outage_max: request_timeout,
        offset_reset: OffsetReset::Error,
        isolation: match committed {
            true => offsets::Isolation::ReadCommitted,
            false => offsets::Isolation::ReadUncommitted,
        },
        rack: settings.life.rack.map(Into::into),
        buffer_bytes_max: settings.budget,
        batch_bytes_max: settings.unpacked_max,
        ..ConsumerConfig::default()
    };
    match settings.life.small_fetches {
        true => ConsumerConfig { fetch_bytes_max: 1, partition_bytes_max: 1, ..config },
        false => config,
    }
}

/// What the records of a batch are numbered with, by offset.
pub(crate) fn records(batch: &FetchedBatch) -> Vec<(i64, u64)> {
    let records = batch.records().map(|record| record.expect("a record that can be read"));
    records.map(|record| (record.offset, number(record.value.unwrap()).unwrap())).collect()
}

struct Reader {
    world: World,
    name: Name,
    consumer: Consumer,
    /// The next offset of each partition.
    next: BTreeMap<i32, i64>,
    /// Whether it is to begin anew.
    is_over: bool,
}

impl Reader {
    async fn start(world: &World, name: Name, dice: &Dice) -> Self {
        let client = world.client(name.0, name.1).await;
        let from = dice.pick(&[Start::Offset(0), Start::Earliest]);
        let all = (0..PARTITIONS).map(|partition| (TOPIC, partition, from));
        let builder = client.consumer().config(config(&world.settings));
        let builder = match world.settings.life.is_another {
            true => builder.topics([TOPIC], Start::Earliest),
            false => builder.assign(all),
        };
        let consumer = builder.start().expect("the settings are valid");
        let next = (0..world.partitions()).map(|partition| (partition, 0)).collect();
        let reader = Self { world: world.clone(), name, consumer, next, is_over: false };
        reader.note(|_| From::Earliest);
        world.ledger.open().consumers += 1;
        reader
    }

    /// Notes what it reads from here on, and from where.
    fn note(&self, from: impl Fn(i32) -> From) {
        let noted = self.next.keys().map(|it| (TopicPartition::new(TOPIC, *it), from(*it)));
        self.world.recorder.note(self.name.0, Action::Assign(noted.collect()));
    }

    /// One look at what has come, which is given up after a while.
    async fn poll(&mut self, dice: &Dice) {
        let polling = self.world.recorder.poll(self.name.0, Isolation::Committed);
        match dice.number(0..=20) {
            0 => {
                let paused = self.consumer.pause(TOPIC, dice.pick(&[0, 1]));
                self.done(paused);
            }
            1..=3 => self.resume(),
            _ => {}
        }
        match timeout(dice.millis(0..=200), self.consumer.next()).await {
            Ok(Some(Ok(batch))) => {
                let (partition, next) = (batch.partition(), batch.next_offset());
                self.world.give(self.name, partition, next);
                let is_new = self.next.insert(partition, next).is_none();
                if self.world.settings.life.is_slow && self.world.phase() == Phase::Safety {
                    sleep(dice.millis(0..=1000)).await;
                }
                let polling = match is_new {
                    true => {
                        // One that was added; before it, the rest is as it was.
                        polling.end(Outcome::Ok);
                        let start = |of| if of == partition { From::Earliest } else { From::Kept };
                        self.note(start);
                        self.world.recorder.poll(self.name.0, Isolation::Committed)
                    }
                    false => polling,
                };
                polling.polled(TopicPartition::new(TOPIC, partition), records(&batch));
                return polling.end(Outcome::Ok);
            }
            Ok(Some(Err(error))) => {
                self.world.ledger.tell(self.name, "next", &error);
                match stops(&error) {
                    true => self.go_on(&error),
                    false if error.is_retriable() => {}
                    false => self.wrong(&format!("was told {error}")),
                }
            }
            Ok(None) => self.wrong("has come to its end"),
            Err(_) if self.world.settings.life.drops => self.world.strike(),
            Err(_) => {}
        }
        polling.end(Outcome::Ok);
    }

    /// Sets everything going again where it is, or where the error says: a seek is what the
    /// documentation says to do then.
    fn go_on(&mut self, error: &Error) {
        // Where it was means nothing in another topic of that name.
        if self.world.settings.life.is_another && error.kind() == ErrorKind::NotFound {
            self.is_over = true;
            return;
        }
        let elsewhere = onward(&self.world, error, |of| self.next.get(&of).copied());
        for (partition, start) in &elsewhere {
            let sought = self.consumer.seek(TOPIC, *partition, *start);
            self.done(sought);
        }
        if elsewhere.is_empty() {
            for (partition, next) in &self.next {
                let sought = self.consumer.seek(TOPIC, *partition, Start::Offset(*next));
                self.done(sought);
            }
        }
    }

    fn wrong(&self, what: &str) {
        self.world.ledger.open().wrong.push(format!("{:?} {what}", self.name));
    }

    fn resume(&mut self) {
        for partition in self.next.keys() {
            let resumed = self.consumer.resume(TOPIC, *partition);
            self.done(resumed);
        }
    }

    /// What a consumer takes of its partitions; of a topic it may not have found them yet.
    fn done(&self, taken: Result<(), Error>) {
        if !self.world.settings.life.is_another {
            taken.unwrap();
        }
    }

    fn is_at_end(&mut self) -> bool {
        // Behind its last record there may be markers of transactions.
        let is_at_end = (0..self.world.partitions()).all(|partition| {
            let end = self.world.cluster.high_watermark(TOPIC, partition);
            self.consumer.position(TOPIC, partition) == Some(end)
        });
        if !is_at_end {
            self.resume();
        }
        is_at_end
    }

    async fn end(self, dice: &Dice) {
        if self.world.settings.life.closes {
            self.world.strike();
        }
        match dice.one_in(2) {
            true => self.consumer.close(dice.millis(0..=2000)).await,
            false => drop(self),
        }
    }
}

/// Whether an error has stopped a partition until it is sought.
fn stops(error: &Error) -> bool {
    let kinds = [
        ErrorKind::OutOfRange,
        ErrorKind::NotFound,
        ErrorKind::Corrupt,
        ErrorKind::TooLarge,
        ErrorKind::Authorization,
        ErrorKind::Authentication,
    ];
    kinds.contains(&error.kind())
}

/// The consumers of a process, but for the last one.
const LIVES_MAX: u32 = 12;
