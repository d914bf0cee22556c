//! What the consumers of column K do: they read all partitions from their beginning, each alone.

use std::time::Duration;

use kurier_client::consumer::{Consumer, ConsumerConfig, OffsetReset};
use kurier_client::{FetchedBatch, Start, offsets};
use kurier_testkit::Isolation;
use kurier_testkit::history::{Action, Outcome, Start as From, TopicPartition};
use tokio::time::timeout;

use crate::dice::Dice;
use crate::ledger::Name;
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
        while polls > 0 || life == LIVES_MAX || world.phase() > Phase::Safety {
            polls = polls.saturating_sub(1);
            reader.poll(&dice).await;
            if world.phase() == Phase::Drain && reader.is_at_end() {
                return;
            }
        }
        reader.end(&dice).await;
    }
}

/// How a consumer of a run is set.
pub(crate) fn config(settings: &Settings) -> ConsumerConfig {
    let request_timeout = settings.producer.request_timeout;
    let committed = settings.seed.is_multiple_of(2);
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
    next: Vec<i64>,
}

impl Reader {
    async fn start(world: &World, name: Name, dice: &Dice) -> Self {
        let client = world.client(name.0, name.1).await;
        let from = dice.pick(&[Start::Offset(0), Start::Earliest]);
        let all = (0..PARTITIONS).map(|partition| (TOPIC, partition, from));
        let builder = client.consumer().config(config(&world.settings)).assign(all);
        let consumer = builder.start().expect("the settings are valid");
        let noted = (0..PARTITIONS).map(|it| (TopicPartition::new(TOPIC, it), From::Earliest));
        world.recorder.note(name.0, Action::Assign(noted.collect()));
        world.ledger.open().consumers += 1;
        let next = (0..PARTITIONS).map(|_| 0).collect();
        Self { world: world.clone(), name, consumer, next }
    }

    /// One look at what has come, which is given up after a while.
    async fn poll(&mut self, dice: &Dice) {
        let polling = self.world.recorder.poll(self.name.0, Isolation::Committed);
        match dice.number(0..=20) {
            0 => self.consumer.pause(TOPIC, dice.pick(&[0, 1])).unwrap(),
            1..=3 => self.resume(),
            _ => {}
        }
        match timeout(dice.millis(0..=200), self.consumer.next()).await {
            Ok(Some(Ok(batch))) => {
                let at = usize::try_from(batch.partition()).unwrap();
                *self.next.get_mut(at).unwrap() = batch.next_offset();
                polling.polled(TopicPartition::new(TOPIC, batch.partition()), records(&batch));
            }
            Ok(Some(Err(error))) => {
                self.world.ledger.tell(self.name, "next", &error);
                if !error.is_retriable() {
                    self.go_on();
                }
            }
            Ok(None) => self.go_on(),
            Err(_) if self.world.settings.life.drops => self.world.strike(),
            Err(_) => {}
        }
        polling.end(Outcome::Ok);
    }

    /// Sets everything going again where it is.
    fn go_on(&mut self) {
        for (partition, next) in (0..PARTITIONS).zip(&self.next) {
            self.consumer.seek(TOPIC, partition, Start::Offset(*next)).unwrap();
        }
    }

    fn resume(&mut self) {
        (0..PARTITIONS).for_each(|it| self.consumer.resume(TOPIC, it).unwrap());
    }

    fn is_at_end(&mut self) -> bool {
        let ends = (0..PARTITIONS).map(|it| self.world.cluster.high_watermark(TOPIC, it));
        let is_at_end = ends.eq(self.next.iter().copied());
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

/// The consumers of a process, but for the last one.
const LIVES_MAX: u32 = 12;
