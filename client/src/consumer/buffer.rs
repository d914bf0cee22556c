//! Core: what was fetched and not yet taken, and what the user has asked the driver to do.
//!
//! User and driver share it under a lock of a few lines, so that a seek, a pause or a lost
//! partition act at once: what is no longer wanted is gone before the next call of `next`.

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
    bytes: usize,
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
        let (parked, entries) =
            std::mem::take(&mut self.entries).into_iter().partition(|e| e.turn.slot == slot);
        self.entries = entries;
        entry.parked = Some(parked);
        self.orders.push_back(Order::Pause(slot));
    }

    /// Ends a pause.
    pub(crate) fn resume(&mut self, slot: usize) {
        let parked = self.slots.get_mut(slot).and_then(|entry| entry.parked.take());
        let Some(parked) = parked else { return };
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
        if let Some(parked) = self.slots.get_mut(slot).and_then(|slot| slot.parked.as_mut()) {
            bytes += parked.drain(..).map(|entry| entry.item.bytes()).sum::<usize>();
        }
        self.bytes -= bytes;
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
            position,
            parked: None,
            is_done: false,
        });
        Turn { slot: self.slots.len() - 1, generation: 0 }
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
        self.bytes += entry.item.bytes();
        match &mut slot.parked {
            Some(parked) => parked.push_back(entry),
            None => self.entries.push_back(entry),
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
mod tests {
    use bytes::BytesMut;
    use kurier_protocol::record::{BatchWriter, Magic, RecordBatches, RecordParts, Seal};

    use super::*;

    fn batch(offset: i64) -> Item {
        let mut writer = BatchWriter::new(BytesMut::new(), Magic::V2, 0);
        writer.append(&RecordParts { value: Some(b"v"), ..RecordParts::default() }).unwrap();
        let bytes = writer.seal(&Seal { base_offset: offset, ..Seal::default() }).unwrap();
        Item::Batch(Fetched {
            batch: RecordBatches::new(bytes).next().unwrap().unwrap(),
            span: Span { start: offset, end: i64::MAX },
            high_watermark: 99,
            next_offset: offset + 1,
        })
    }

    fn buffer(partitions: i32) -> (Buffer, Vec<Turn>) {
        let mut buffer = Buffer::default();
        let topic = "t".into();
        let turns = (0..partitions).map(|p| buffer.assign(&topic, p, Start::Earliest)).collect();
        (buffer, turns)
    }

    fn push(buffer: &mut Buffer, turn: Turn, item: Item) {
        buffer.push(Entry { turn, item });
    }

    /// (partition, offset) of the next batch.
    fn taken(buffer: &mut Buffer) -> Option<(i32, i64)> {
        match buffer.take() {
            Taken::Batch { turn, partition, fetched, .. } => {
                buffer.give(turn, fetched.next_offset);
                Some((partition, fetched.batch.base_offset()))
            }
            Taken::Nothing => None,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_position_moves_only_when_the_user_was_given_the_batch() {
        let (mut buffer, turns) = buffer(1);
        push(&mut buffer, turns[0], Item::At { offset: 5 });
        push(&mut buffer, turns[0], batch(5));
        let Taken::Batch { turn, fetched, .. } = buffer.take() else { panic!() };
        assert_eq!(buffer.position(0), Some(5));
        buffer.give(turn, fetched.next_offset);
        assert_eq!(buffer.position(0), Some(6));
        push(&mut buffer, turns[0], Item::Skip { next_offset: 9 });
        assert_eq!((taken(&mut buffer), buffer.position(0)), (None, Some(9)));
    }

    #[test]
    fn a_seek_acts_at_once_and_only_on_its_partition() {
        let (mut buffer, turns) = buffer(2);
        for turn in &turns {
            push(&mut buffer, *turn, batch(3));
        }
        let bytes = buffer.bytes();
        buffer.seek(0, Start::Offset(40));
        assert_eq!(buffer.bytes(), bytes / 2);
        // What was in flight at the seek comes too late.
        push(&mut buffer, turns[0], batch(4));
        assert_eq!(taken(&mut buffer), Some((1, 3)));
        assert_eq!((taken(&mut buffer), buffer.position(0)), (None, Some(40)));
        let turn = Turn { slot: 0, generation: 1 };
        assert_eq!(buffer.pop_order(), Some(Order::Seek(turn, Start::Offset(40))));
        push(&mut buffer, turn, batch(40));
        assert_eq!(taken(&mut buffer), Some((0, 40)));
    }

    #[test]
    fn a_paused_partition_keeps_what_is_there() {
        let (mut buffer, turns) = buffer(2);
        push(&mut buffer, turns[0], batch(3));
        push(&mut buffer, turns[1], batch(8));
        buffer.pause(0);
        push(&mut buffer, turns[0], batch(4));
        assert_eq!((taken(&mut buffer), taken(&mut buffer)), (Some((1, 8)), None));
        buffer.resume(0);
        assert_eq!((taken(&mut buffer), taken(&mut buffer)), (Some((0, 3)), Some((0, 4))));
        assert_eq!(buffer.bytes(), 0);
        assert_eq!(buffer.pop_order(), Some(Order::Pause(0)));
        assert_eq!(buffer.pop_order(), Some(Order::Resume(0)));
    }

    #[test]
    fn ends_when_every_partition_has_ended_or_failed() {
        let (mut buffer, turns) = buffer(2);
        buffer.add_pending(1);
        push(&mut buffer, turns[0], Item::End);
        push(&mut buffer, turns[1], Item::Failed(Error::Closed { what: "test" }));
        assert!(matches!(buffer.take(), Taken::Error(_)));
        assert!(matches!(buffer.take(), Taken::Nothing));
        buffer.end_pending();
        assert!(matches!(buffer.take(), Taken::Ended));
        buffer.seek(1, Start::Earliest);
        assert!(matches!(buffer.take(), Taken::Nothing));
    }

    #[test]
    fn news_do_not_stop_a_partition() {
        let (mut buffer, turns) = buffer(1);
        push(&mut buffer, turns[0], Item::News(Error::Closed { what: "test" }));
        assert!(matches!(buffer.take(), Taken::Error(_)));
        assert!(matches!(buffer.take(), Taken::Nothing));
    }

    #[test]
    fn a_batch_that_cannot_be_unpacked_stops_its_partition() {
        let (mut buffer, turns) = buffer(2);
        push(&mut buffer, turns[0], batch(0));
        push(&mut buffer, turns[0], batch(1));
        let Taken::Batch { turn, .. } = buffer.take() else { panic!() };
        buffer.fail(turn);
        assert_eq!(taken(&mut buffer), None);
        assert_eq!(buffer.pop_order(), Some(Order::Stop(turn)));
    }

    #[test]
    fn without_a_driver_nobody_waits() {
        let (mut buffer, turns) = buffer(1);
        push(&mut buffer, turns[0], batch(0));
        buffer.die();
        assert_eq!(taken(&mut buffer), Some((0, 0)));
        assert!(matches!(buffer.take(), Taken::Error(Error::Closed { .. })));
        assert!(matches!(buffer.take(), Taken::Ended));
    }
}
