//! What consumers record.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::meter::{Book, Meter};
use super::window::{Moment, Sensor, millis};

/// All consumers of a client.
#[derive(Debug, Default)]
pub(crate) struct Consuming {
    /// Whether there was a consumer.
    pub(super) is_used: bool,
    pub(super) latency_ms: Sensor,
    pub(super) throttle_ms: Sensor,
    /// What answers brought that had records.
    pub(super) fetched: Haul,
    /// Bytes of records, each counted, that users were given.
    pub(super) consumed: Sensor,
    /// Offsets of batches that were passed over, each batch counted.
    pub(super) skipped: Sensor,
    pub(super) lag: Sensor,
    pub(super) lead: Sensor,
    /// When each consumer was last asked for more.
    pub(super) polls: BTreeMap<u64, Instant>,
    consumers: u64,
    pub(super) between_polls_ms: Sensor,
    pub(super) poll_share: Sensor,
}

/// One topic of all consumers.
#[derive(Debug, Default)]
pub(crate) struct Consumed {
    pub(super) fetched: Haul,
    pub(super) consumed: Sensor,
    pub(super) skipped: Sensor,
}

/// What answers brought.
#[derive(Debug, Default)]
pub(super) struct Haul {
    pub(super) bytes: Sensor,
    pub(super) records: Sensor,
}

/// One partition that is read.
#[derive(Debug, Default)]
pub(crate) struct Reading {
    /// The next record that the user gets.
    position: Option<i64>,
    start: Option<i64>,
    end: Option<i64>,
    /// The follower that is read from, if it is one.
    pub(super) replica: Option<i32>,
    pub(super) lags: Sensor,
    pub(super) leads: Sensor,
}

/// What an answer says of a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Extent {
    /// Its number among those that the consumer reads.
    pub(crate) slot: usize,
    /// What was asked for.
    pub(crate) offset: i64,
    /// Where the log begins; negative if the broker does not tell.
    pub(crate) start: i64,
    /// Behind the last record that can be read.
    pub(crate) end: i64,
    /// Who has told, if that is a follower.
    pub(crate) replica: Option<i32>,
}

/// What an answer has brought of a topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Catch {
    pub(crate) topic: Arc<str>,
    pub(crate) records: u32,
    pub(crate) bytes: usize,
}

/// What the task of one consumer records into.
#[derive(Debug)]
pub(crate) struct FetchMeter {
    all: Arc<Meter<Consuming>>,
    slots: Slots,
}

/// What the user's side of one consumer records into. It is one of the consumers until this is
/// dropped.
#[derive(Debug)]
pub(crate) struct ReadMeter {
    all: Arc<Meter<Consuming>>,
    slots: Slots,
    /// The consumer's number.
    id: u64,
    /// When the user last asked for more.
    asked: Option<Instant>,
    /// When it did before that, if it is not recorded yet.
    asked_before: Option<Instant>,
    /// When the user last got something.
    given: Option<Instant>,
}

/// Meters of the partitions of one consumer, by slot. As long as somebody holds them, they are
/// among the metrics.
#[derive(Clone, Debug)]
pub(super) struct Slots {
    pub(super) topics: Arc<Book<Arc<str>, Consumed>>,
    pub(super) partitions: Arc<Book<(Arc<str>, i32), Reading>>,
    pub(super) meters: Vec<Option<SlotMeter>>,
}

/// What one partition of a consumer is recorded into.
#[derive(Clone, Debug)]
pub(super) struct SlotMeter {
    topic: Option<Arc<Meter<Consumed>>>,
    partition: Option<Arc<Meter<Reading>>>,
}

impl FetchMeter {
    pub(super) fn new(all: Arc<Meter<Consuming>>, slots: Slots) -> Self {
        Self { all, slots }
    }

    /// A fetch was answered, so long after it was asked for.
    pub(crate) fn answered(&self, now: Instant, latency: Duration, throttle_ms: i32) {
        self.all.record(now, |all, at| {
            all.latency_ms.record(at, millis(latency));
            all.throttle_ms.record(at, f64::from(throttle_ms));
        });
    }

    /// An answer has brought records of these topics.
    pub(crate) fn fetched(&self, now: Instant, catches: &[Catch]) {
        if catches.is_empty() {
            return;
        }
        let sum = |of: fn(&Catch) -> f64| catches.iter().map(of).sum::<f64>();
        let (bytes, records) = (sum(Catch::bytes), sum(Catch::records));
        self.all.record(now, |all, at| all.fetched.record(at, bytes, records));
        for one in catches {
            if let Some(meter) = self.slots.topics.meter(&one.topic) {
                let (bytes, records) = (one.bytes(), one.records());
                meter.record(now, |topic, at| topic.fetched.record(at, bytes, records));
            }
        }
    }

    /// A batch with so many offsets is passed over, as it cannot be read.
    pub(crate) fn skipped(&self, now: Instant, topic: &Arc<str>, offsets: u64) {
        note_skipped(&self.all, &self.slots, now, (topic, offsets));
    }

    /// A partition is read.
    pub(crate) fn assigned(&mut self, slot: usize, topic: &Arc<str>, partition: i32) {
        self.slots.of(slot, topic, partition);
    }

    /// A partition is read no more.
    pub(crate) fn unassigned(&mut self, slot: usize) {
        self.slots.meters.get_mut(slot).map(Option::take);
    }

    /// A partition is read from elsewhere.
    pub(crate) fn sought(&self, slot: usize) {
        if let Some(Some(SlotMeter { partition: Some(meter), .. })) = self.slots.meters.get(slot) {
            meter.set(|reading| reading.position = None);
        }
    }

    /// An answer has told how far a partition's log goes.
    pub(crate) fn told(&self, now: Instant, extent: Extent) {
        let Some(Some(meter)) = self.slots.meters.get(extent.slot) else { return };
        let Some(meter) = &meter.partition else { return };
        meter.record(now, |reading, at| {
            reading.start = Some(extent.start).filter(|start| *start >= 0);
            reading.end = Some(extent.end).filter(|end| *end >= 0);
            reading.position.get_or_insert(extent.offset);
            reading.replica = extent.replica;
            reading.note(at);
        });
    }
}

impl ReadMeter {
    /// There is another consumer.
    pub(super) fn new(all: Arc<Meter<Consuming>>, slots: Slots) -> Self {
        let mut id = 0;
        all.set(|all| {
            all.is_used = true;
            all.consumers += 1;
            id = all.consumers;
        });
        Self { all, slots, id, asked: None, asked_before: None, given: None }
    }

    /// Another one, of a single partition.
    pub(crate) fn another(&self) -> Self {
        let Slots { topics, partitions, .. } = &self.slots;
        let (topics, partitions) = (Arc::clone(topics), Arc::clone(partitions));
        Self::new(Arc::clone(&self.all), Slots { topics, partitions, meters: Vec::new() })
    }

    /// The user asks for more. It is recorded with what comes next.
    pub(crate) fn asked(&mut self, now: Instant) {
        self.asked_before = self.asked.replace(now);
    }

    /// There is nothing yet, and the user waits.
    pub(crate) fn waits(&mut self) {
        let (id, Some(asked)) = (self.id, self.asked) else { return };
        let before = self.asked_before.take();
        self.all.record(asked, |all, at| all.note_poll(at, (id, asked), before));
    }

    /// The user is given records of a partition, up to this offset.
    pub(crate) fn given(
        &mut self,
        now: Instant,
        (slot, partition): (usize, i32),
        next_offset: i64,
        catch: &Catch,
    ) {
        let (id, asked, before) = (self.id, self.asked.unwrap_or(now), self.asked_before.take());
        let share = self.given.replace(now).map(|given| share(given, asked, now));
        let (count, bytes) = (u64::from(catch.records), catch.bytes());
        let Some(meter) = self.slots.of(slot, &catch.topic, partition) else { return };
        let mut standing = (None, None);
        if let Some(meter) = &meter.partition {
            meter.record(now, |reading, at| {
                reading.position = Some(next_offset);
                reading.note(at);
                standing = (reading.lag(), reading.lead());
            });
        }
        if let Some(topic) = &meter.topic {
            topic.record(now, |topic, at| topic.consumed.record_many(at, count, bytes, bytes));
        }
        self.all.record(now, |all, at| {
            all.note_poll(at, (id, asked), before);
            all.consumed.record_many(at, count, bytes, bytes);
            share.into_iter().for_each(|share| all.poll_share.record(at, share));
            standing.0.into_iter().for_each(|lag| all.lag.record(at, lag));
            standing.1.into_iter().for_each(|lead| all.lead.record(at, lead));
        });
    }

    /// A batch with so many offsets is passed over, as it cannot be read.
    pub(crate) fn skipped(&self, now: Instant, topic: &Arc<str>, offsets: u64) {
        note_skipped(&self.all, &self.slots, now, (topic, offsets));
    }

    /// A partition is read no more.
    pub(crate) fn left(&mut self, slot: usize) {
        self.slots.meters.get_mut(slot).map(Option::take);
    }
}

fn note_skipped(
    all: &Meter<Consuming>,
    slots: &Slots,
    now: Instant,
    (topic, offsets): (&Arc<str>, u64),
) {
    let offsets = offsets as f64;
    all.record(now, |all, at| all.skipped.record(at, offsets));
    if let Some(meter) = slots.topics.meter(topic) {
        meter.record(now, |topic, at| topic.skipped.record(at, offsets));
    }
}

impl Drop for ReadMeter {
    fn drop(&mut self) {
        self.all.set(|all| {
            all.polls.remove(&self.id);
        });
    }
}

impl Slots {
    /// The meter of a partition, which may be new.
    fn of(&mut self, slot: usize, topic: &Arc<str>, partition: i32) -> Option<&SlotMeter> {
        if self.meters.len() <= slot {
            self.meters.resize_with(slot + 1, || None);
        }
        let new = || SlotMeter {
            topic: self.topics.meter(topic),
            partition: self.partitions.meter(&(Arc::clone(topic), partition)),
        };
        self.meters.get_mut(slot).map(|meter| &*meter.get_or_insert_with(new))
    }
}

impl Consuming {
    /// A consumer was asked for more, for the first time or so long after the last time.
    fn note_poll(&mut self, at: Moment, (id, asked): (u64, Instant), before: Option<Instant>) {
        self.polls.insert(id, asked);
        if let Some(before) = before {
            self.between_polls_ms.record(at, millis(asked.duration_since(before)));
        }
    }
}

impl Consuming {
    /// Seconds since a consumer was last asked for more; of several, the one that waits longest.
    pub(super) fn last_poll(&self, at: Moment) -> f64 {
        let since = |asked: &Instant| at.now.saturating_duration_since(*asked).as_secs_f64();
        self.polls.values().map(since).fold(f64::NAN, f64::max)
    }
}

impl Catch {
    fn bytes(&self) -> f64 {
        self.bytes as f64
    }

    fn records(&self) -> f64 {
        f64::from(self.records)
    }
}

/// Which part of the time between two gifts a user has waited for the second.
fn share(given: Instant, asked: Instant, now: Instant) -> f64 {
    let all = now.duration_since(given).as_secs_f64();
    if all > 0.0 { now.duration_since(asked).as_secs_f64() / all } else { 0.0 }
}

impl Haul {
    fn record(&mut self, at: Moment, bytes: f64, records: f64) {
        self.bytes.record(at, bytes);
        self.records.record(at, records);
    }
}

impl Reading {
    /// How many records there are that the user has not got.
    pub(super) fn lag(&self) -> Option<f64> {
        Some(self.end?.saturating_sub(self.position?).max(0) as f64)
    }

    /// How many records there are before the user's next one.
    pub(super) fn lead(&self) -> Option<f64> {
        Some(self.position?.saturating_sub(self.start?).max(0) as f64)
    }

    fn note(&mut self, at: Moment) {
        if let Some(lag) = self.lag() {
            self.lags.record(at, lag);
        }
        if let Some(lead) = self.lead() {
            self.leads.record(at, lead);
        }
    }
}
