//! Core: what was fetched and not yet taken, and what the user has asked the driver to do.
//!
//! User and driver share it under a lock of a few lines, so that a seek, a pause or a lost
//! partition act at once: what is no longer wanted is gone before the next call of `next`.
//!
//! A partition has one *slot* for good, and its *generation* grows with each seek; a [`Turn`] is
//! both. The buffer knows of a seek at once, and the fetcher by an order in the driver's next
//! round; what either is given for a turn that it has left, it drops.
//!
//! ```text
//! user           buffer: generation of the slot       fetcher: turn of the track
//! seek --------> 0 -> 1; entries of 0 are dropped
//!                an order -------------------------> (still 0)
//!                entries of 0: dropped <------------- an answer
//!                                                     next round: 0 -> 1; a fetch for 1
//!                                                     an answer for 0: dropped
//! next <-------- entries of 1 <---------------------- an answer for 1
//! ```
//!
//! While a topic is not known the fetcher has no track of its slots, and passes their orders over;
//! then it begins with what the slot says by that time: see [`Buffer::claim`].

use std::collections::VecDeque;
use std::sync::Arc;

use kurier_protocol::record::RecordBatch;

use super::batch::Span;
use super::config::Start;
use crate::error::Error;

/// What lies between the driver and the user of one consumer.
#[derive(Debug, Default)]
pub(crate) struct Buffer {
    entries: VecDeque<Entry>,
    /// Of `entries`; what is parked is not counted, or one paused partition would stop the others.
    bytes: usize,
    /// The driver fetches nothing until there is room.
    is_awaited: bool,
    slots: Vec<Slot>,
    /// Topics whose partitions are not known yet.
    pending: usize,
    orders: VecDeque<Order>,
    /// What concerns no single partition.
    general: VecDeque<Error>,
    /// The driver is gone.
    is_dead: bool,
}

/// One assigned partition as the user sees it.
#[derive(Debug)]
struct Slot {
    topic: Arc<str>,
    partition: i32,
    /// Grows with each seek; what was fetched for an older one is of no use.
    generation: u64,
    /// Where reading started in this generation.
    start: Start,
    /// The next record that the user gets; none until it was looked up.
    position: Option<i64>,
    /// What waits for `resume`, if it is paused.
    parked: Option<VecDeque<Entry>>,
    is_done: bool,
}

/// What the user asks the driver to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    /// Read a partition from elsewhere.
    Seek(Turn, Start),
    /// Fetch no more of a partition.
    Pause(usize),
    /// Fetch a partition again.
    Resume(usize),
    /// A partition has failed in the user's hands: fetch no more of it.
    Stop(Turn),
}

/// A partition between two seeks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Turn {
    pub(crate) slot: usize,
    pub(crate) generation: u64,
}

/// What is to be read of a slot, as the user wants it now.
#[derive(Clone, Debug)]
pub(crate) struct Claim {
    pub(crate) topic: Arc<str>,
    pub(crate) partition: i32,
    pub(crate) turn: Turn,
    pub(crate) start: Start,
    pub(crate) is_paused: bool,
}

/// Something for the user, in the order of offsets.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) turn: Turn,
    pub(crate) item: Item,
}

#[derive(Debug)]
pub(crate) enum Item {
    /// Records.
    Batch(Fetched),
    /// Nothing for the user, but the position moves: markers, and what compaction left empty.
    Skip { next_offset: i64 },
    /// The position is known now.
    At { offset: i64 },
    /// Something is wrong, and trying goes on.
    News(Error),
    /// Something is wrong, and the partition stands still.
    Failed(Error),
    /// The partition is read to its end.
    End,
}

/// A batch, still packed.
#[derive(Debug)]
pub(crate) struct Fetched {
    pub(crate) batch: RecordBatch,
    pub(crate) span: Span,
    pub(crate) high_watermark: i64,
    pub(crate) next_offset: i64,
}

/// What `next` finds.
#[derive(Debug)]
pub(crate) enum Taken {
    /// A batch to unpack, and whose it is. The position moves when it is given.
    Batch { turn: Turn, topic: Arc<str>, partition: i32, fetched: Fetched },
    /// Something to report.
    Error(Error),
    /// Nothing is there yet.
    Nothing,
    /// Nothing will come any more.
    Ended,
}

/// For the user.
impl Buffer {
    /// The next thing in line.
    pub(crate) fn take(&mut self) -> Taken {
        while let Some(Entry { turn, item }) = self.entries.pop_front() {
            self.bytes -= item.bytes();
            let Some(slot) = self.slots.get_mut(turn.slot) else { continue };
            match item {
                Item::Batch(fetched) => {
                    let (topic, partition) = (Arc::clone(&slot.topic), slot.partition);
                    return Taken::Batch { turn, topic, partition, fetched };
                }
                Item::Skip { next_offset: offset } | Item::At { offset } => {
                    slot.position = Some(offset);
                }
                Item::News(error) => return Taken::Error(error),
                Item::Failed(error) => {
                    slot.is_done = true;
                    return Taken::Error(error);
                }
                Item::End => slot.is_done = true,
            }
        }
        if let Some(error) = self.general.pop_front() {
            return Taken::Error(error);
        }
        let is_read = self.pending == 0 && self.slots.iter().all(|slot| slot.is_done);
        let is_ended = self.is_dead || is_read;
        if is_ended { Taken::Ended } else { Taken::Nothing }
    }

    /// Takes back a batch that the user was not given after all.
    pub(crate) fn put_back(&mut self, turn: Turn, fetched: Fetched) {
        if self.current(turn).is_some() {
            let item = Item::Batch(fetched);
            self.bytes += item.bytes();
            self.entries.push_front(Entry { turn, item });
        }
    }

    /// The user has been given a batch.
    pub(crate) fn give(&mut self, turn: Turn, next_offset: i64) {
        if let Some(slot) = self.current(turn) {
            slot.position = Some(next_offset);
        }
    }

    /// A batch could not be unpacked: the partition stands still.
    pub(crate) fn fail(&mut self, turn: Turn) {
        let Some(slot) = self.current(turn) else { return };
        slot.is_done = true;
        self.forget(turn.slot);
        self.orders.push_back(Order::Stop(turn));
    }

    /// The next record that the user gets of a partition.
    pub(crate) fn position(&self, slot: usize) -> Option<i64> {
        self.slots.get(slot)?.position
    }

    /// Drops what was fetched of a partition and reads it from elsewhere.
    pub(crate) fn seek(&mut self, slot: usize, start: Start) {
        self.forget(slot);
        let Some(entry) = self.slots.get_mut(slot) else { return };
        entry.generation += 1;
        entry.is_done = false;
        entry.start = start;
        entry.position = match start {
            Start::Offset(offset) => Some(offset),
            Start::Earliest | Start::Latest | Start::Timestamp(_) => None,
        };
        let turn = Turn { slot, generation: entry.generation };
        self.orders.push_back(Order::Seek(turn, start));
    }

    /// Gives nothing more of a partition until [`resume`](Self::resume). What is there is kept.
    pub(crate) fn pause(&mut self, slot: usize) {
        let Some(entry) = self.slots.get_mut(slot).filter(|s| s.parked.is_none()) else { return };
        let (parked, entries): (VecDeque<Entry>, _) =
            std::mem::take(&mut self.entries).into_iter().partition(|e| e.turn.slot == slot);
        self.entries = entries;
        self.bytes -= parked.iter().map(|entry| entry.item.bytes()).sum::<usize>();
        entry.parked = Some(parked);
        self.orders.push_back(Order::Pause(slot));
    }

    /// Ends a pause.
    pub(crate) fn resume(&mut self, slot: usize) {
        let parked = self.slots.get_mut(slot).and_then(|entry| entry.parked.take());
        let Some(parked) = parked else { return };
        self.bytes += parked.iter().map(|entry| entry.item.bytes()).sum::<usize>();
        self.entries.extend(parked);
        self.orders.push_back(Order::Resume(slot));
    }

    /// The slot of a partition.
    pub(crate) fn slot_of(&self, topic: &str, partition: i32) -> Option<usize> {
        self.slots.iter().position(|s| s.partition == partition && *s.topic == *topic)
    }

    /// Every assigned partition.
    pub(crate) fn partitions(&self) -> impl Iterator<Item = (&Arc<str>, i32)> {
        self.slots.iter().map(|slot| (&slot.topic, slot.partition))
    }

    /// Drops what lies here of a partition.
    fn forget(&mut self, slot: usize) {
        let mut bytes = 0;
        self.entries.retain(|entry| {
            let is_kept = entry.turn.slot != slot;
            bytes += if is_kept { 0 } else { entry.item.bytes() };
            is_kept
        });
        self.bytes -= bytes;
        if let Some(parked) = self.slots.get_mut(slot).and_then(|slot| slot.parked.as_mut()) {
            parked.clear();
        }
    }
}

/// For the driver.
impl Buffer {
    /// Adds a partition; returns where it stands. One that is there already stays as it is.
    pub(crate) fn assign(&mut self, topic: &Arc<str>, partition: i32, start: Start) -> Turn {
        if let Some(slot) = self.slot_of(topic, partition) {
            return Turn { slot, generation: self.slots.get(slot).map_or(0, |s| s.generation) };
        }
        let position = if let Start::Offset(offset) = start { Some(offset) } else { None };
        self.slots.push(Slot {
            topic: Arc::clone(topic),
            partition,
            generation: 0,
            start,
            position,
            parked: None,
            is_done: false,
        });
        Turn { slot: self.slots.len() - 1, generation: 0 }
    }

    /// What is to be read of a slot now.
    pub(crate) fn claim(&self, slot: usize) -> Option<Claim> {
        let found = self.slots.get(slot)?;
        Some(Claim {
            topic: Arc::clone(&found.topic),
            partition: found.partition,
            turn: Turn { slot, generation: found.generation },
            start: found.start,
            is_paused: found.parked.is_some(),
        })
    }

    /// More topics whose partitions are not known yet, or fewer.
    pub(crate) fn add_pending(&mut self, topics: usize) {
        self.pending += topics;
    }

    pub(crate) fn end_pending(&mut self) {
        self.pending -= 1;
    }

    /// Hands something over, unless the user has turned elsewhere.
    pub(crate) fn push(&mut self, entry: Entry) {
        let Some(slot) = self.slots.get_mut(entry.turn.slot) else { return };
        if slot.generation != entry.turn.generation {
            return;
        }
        match &mut slot.parked {
            Some(parked) => parked.push_back(entry),
            None => {
                self.bytes += entry.item.bytes();
                self.entries.push_back(entry);
            }
        }
    }

    /// Tells the user of what concerns no single partition.
    pub(crate) fn tell(&mut self, error: Error) {
        self.general.push_back(error);
    }

    /// What the user has asked for since the last call.
    pub(crate) fn pop_order(&mut self) -> Option<Order> {
        self.orders.pop_front()
    }

    /// Bytes that wait to be taken.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// The driver fetches nothing until fewer bytes wait to be taken.
    pub(crate) fn await_room(&mut self) {
        self.is_awaited = true;
    }

    /// Whether the driver waits for room and has it now; says so once.
    pub(crate) fn has_room_again(&mut self, bytes_max: usize) -> bool {
        let has_room = self.is_awaited && self.bytes < bytes_max;
        self.is_awaited &= !has_room;
        has_room
    }

    /// Nothing comes any more: the driver ends.
    pub(crate) fn die(&mut self) {
        self.is_dead = true;
        self.tell(Error::Closed { what: "consumer" });
    }

    fn current(&mut self, turn: Turn) -> Option<&mut Slot> {
        self.slots.get_mut(turn.slot).filter(|slot| slot.generation == turn.generation)
    }
}

impl Item {
    pub(crate) fn bytes(&self) -> usize {
        match self {
            Self::Batch(fetched) => fetched.batch.bytes().len(),
            _ => 0,
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;
