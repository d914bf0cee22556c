//! Core: the buffer's fourth part: where each partition has a reader of its own.
//!
//! What waits for a reader lies in its slot. Each partition may have an equal part of the budget,
//! half of it under way; beyond that it is not fetched until its reader has taken some. So nobody
//! waits for the reader of another partition, however long that one stands still.

use std::mem;
use std::sync::Arc;
use std::time::Instant;

use super::buffer::{Buffer, Order, Split, Taken};
use super::pace::{ALL, Who};
use super::slot::{Slot, State};
use crate::error::Error;
use crate::sync::Notify;

/// A place for a reader: from when it is made until its partition is assigned anew.
#[derive(Clone, Debug)]
pub(crate) struct Reserved {
    pub(crate) slot: usize,
    pub(crate) topic: Arc<str>,
    pub(crate) partition: i32,
    /// Rings when there may be something.
    pub(crate) bell: Arc<Notify>,
    pub(crate) who: Who,
}

/// What whoever gives each partition a reader finds.
#[derive(Debug)]
pub(crate) enum Vacancy {
    /// A partition without a reader.
    Reserved(Reserved),
    /// Something to report that concerns no single partition.
    Error(Error),
    /// None lacks one.
    Nothing,
    /// Nothing will come any more.
    Ended,
}

/// For readers of one partition each.
impl Buffer {
    /// From now on each partition has a reader of its own, and so many bytes may wait for all.
    pub(crate) fn split(&mut self, bytes_max: usize) {
        let vacant = (0..self.slots.len()).collect();
        self.split = Some(Split { bytes_max, vacant, ..Split::default() });
        self.bytes = 0;
        for entry in mem::take(&mut self.entries) {
            if let Some(slot) = self.slots.get_mut(entry.turn.slot) {
                slot.queue.bytes += entry.item.bytes();
                slot.queue.entries.push_back(entry);
            }
        }
        (0..self.slots.len()).for_each(|slot| self.level(slot));
    }

    pub(crate) fn is_split(&self) -> bool {
        self.split.is_some()
    }

    /// Bytes that may wait for each reader, and as many again that may be on their way to it; none
    /// if one reads all. It changes seldom, as brokers are told of it.
    pub(crate) fn portion(&self) -> Option<usize> {
        let each = self.split.as_ref()?.bytes_max / 2 / self.open.max(1);
        let even = each.checked_ilog2().map_or(0, |bits| 1 << bits);
        Some(even.max(PORTION_LEAST))
    }

    /// A partition that is to have a reader, or what else whoever makes readers has to know.
    pub(crate) fn take_vacancy(&mut self) -> Vacancy {
        if let Some(error) = self.general.pop_front().or_else(|| self.last.take()) {
            return Vacancy::Error(error);
        }
        let is_over = self.is_over();
        let Some(split) = self.split.as_mut() else { return Vacancy::Ended };
        while let Some(slot) = split.vacant.pop_front() {
            let Some(found) = self.slots.get_mut(slot).filter(|slot| is_vacant(slot)) else {
                continue;
            };
            let bell = Arc::new(Notify::new());
            found.bell = Some(Arc::clone(&bell));
            split.readers += 1;
            let (topic, partition) = (Arc::clone(&found.topic), found.partition);
            return Vacancy::Reserved(Reserved {
                slot,
                topic,
                partition,
                bell,
                who: split.readers,
            });
        }
        if is_over { Vacancy::Ended } else { Vacancy::Nothing }
    }

    /// Whoever makes readers is at work as long as a partition lacks one: others are to have it.
    pub(crate) fn watch_vacancies(&mut self, now: Instant) {
        let Some(split) = self.split.as_mut().filter(|split| !split.is_over) else { return };
        let slots = &self.slots;
        split.vacant.retain(|slot| slots.get(*slot).is_some_and(is_vacant));
        self.pace.leaves_lying(ALL, (!split.vacant.is_empty()).then_some(now));
    }

    /// The next thing for the reader of a partition.
    pub(crate) fn take_for(&mut self, reader: &Reserved) -> Taken {
        loop {
            let is_over = self.split.as_ref().is_none_or(|split| split.is_over);
            let slot = self.slots.get_mut(reader.slot);
            let slot = slot.filter(|slot| slot.is_assigned() && slot.rings(&reader.bell));
            let Some(slot) = slot.filter(|_| !is_over) else { return Taken::Ended };
            let Some(entry) = slot.queue.entries.pop_front() else {
                let is_over = slot.state == State::Done || self.is_dead;
                return if is_over { Taken::Ended } else { Taken::Nothing };
            };
            slot.queue.bytes -= entry.item.bytes();
            self.level(reader.slot);
            if let Some(taken) = self.see(entry) {
                return taken;
            }
        }
    }

    /// The user has processed what its reader was given. Says whether that was something.
    pub(crate) fn mark_given_to(&mut self, reader: &Reserved) -> bool {
        self.slot_of_reader(reader).is_some_and(Slot::mark_given)
    }

    /// The reader of a partition is gone. Another one begins with what it has not marked.
    pub(crate) fn vacate(&mut self, reader: &Reserved) {
        let Some(slot) = self.slot_of_reader(reader) else { return };
        slot.bell = None;
        let unmarked = slot.unmarked();
        slot.let_go();
        match unmarked {
            Some(start) => self.read_again(reader.slot, start),
            None => self.lacks_reader(reader.slot),
        }
    }

    /// Readers are given nothing more.
    pub(crate) fn end_split(&mut self) {
        if let Some(split) = &mut self.split {
            split.is_over = true;
            self.slots.iter().for_each(Slot::ring);
        }
    }

    /// How many slots there are.
    pub(crate) fn slot_count(&self) -> usize {
        self.slots.len()
    }

    /// Whether the driver has something to do for the user.
    pub(crate) fn has_orders(&self) -> bool {
        !self.orders.is_empty()
    }

    /// Whoever makes readers is to look whether this lacks one.
    pub(super) fn lacks_reader(&mut self, slot: usize) {
        let has_one = self.slots.get(slot).is_none_or(|slot| slot.bell.is_some());
        if let Some(split) = self.split.as_mut().filter(|_| !has_one) {
            split.vacant.push_back(slot);
        }
    }

    /// Lets no more of a partition be fetched while much waits for its reader.
    pub(super) fn level(&mut self, slot: usize) {
        let Some(portion) = self.portion() else { return };
        let Some(Slot { queue, .. }) = self.slots.get_mut(slot) else { return };
        let waiting = queue.bytes + queue.unpacked;
        let is_full = if queue.is_full { waiting > portion / 2 } else { waiting >= portion };
        if is_full != mem::replace(&mut queue.is_full, is_full) {
            let order = if is_full { Order::Full(slot) } else { Order::Roomy(slot) };
            self.orders.push_back(order);
        }
    }

    fn slot_of_reader(&mut self, reader: &Reserved) -> Option<&mut Slot> {
        self.slots.get_mut(reader.slot).filter(|slot| slot.rings(&reader.bell))
    }
}

fn is_vacant(slot: &Slot) -> bool {
    slot.state == State::Open && slot.bell.is_none()
}

/// Less than this of a partition is not worth asking for: a batch as producers make them.
const PORTION_LEAST: usize = 16 << 10;

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::buffer::tests::batch;
    use super::super::config::Start;
    use super::super::entry::{Entry, Item};
    use super::super::turn::{Mark, Turn};
    use super::*;

    /// A split buffer with so many partitions, each with its reader.
    fn split(partitions: i32) -> (Buffer, Vec<(Turn, Reserved)>) {
        let mut buffer = Buffer::default();
        buffer.split(1 << 20);
        let topic = "t".into();
        let turns = (0..partitions).map(|p| buffer.assign(&topic, p, Start::Offset(0)));
        let turns: Vec<Turn> = turns.collect();
        let readers = turns.into_iter().map(|turn| (turn, reserved(&mut buffer).unwrap()));
        let readers = readers.collect();
        (buffer, readers)
    }

    fn reserved(buffer: &mut Buffer) -> Option<Reserved> {
        if let Vacancy::Reserved(reserved) = buffer.take_vacancy() { Some(reserved) } else { None }
    }

    fn push(buffer: &mut Buffer, turn: Turn, offset: i64) {
        buffer.push(Entry { turn, item: batch(offset) });
    }

    /// The offset of the next batch of a reader.
    fn taken(buffer: &mut Buffer, reader: &Reserved) -> Option<i64> {
        match buffer.take_for(reader) {
            Taken::Batch { turn, fetched, .. } => {
                Some(buffer.give(turn, fetched).unwrap().1.batch.base_offset())
            }
            Taken::Nothing => None,
            other => panic!("{other:?}"),
        }
    }

    fn orders(buffer: &mut Buffer) -> Vec<Order> {
        std::iter::from_fn(|| buffer.pop_order()).collect()
    }

    #[test]
    fn a_reader_gets_its_own_alone() {
        let (mut buffer, readers) = split(2);
        push(&mut buffer, readers[1].0, 3);
        push(&mut buffer, readers[0].0, 5);
        push(&mut buffer, readers[1].0, 4);
        assert_eq!(taken(&mut buffer, &readers[0].1), Some(5));
        assert_eq!(taken(&mut buffer, &readers[0].1), None);
        assert_eq!(taken(&mut buffer, &readers[1].1), Some(3));
        assert_eq!(taken(&mut buffer, &readers[1].1), Some(4));
        assert!(reserved(&mut buffer).is_none(), "each has one");
    }

    #[test]
    fn a_partition_that_is_not_read_is_full_and_no_other() {
        let (mut buffer, readers) = split(2);
        let (turn, reader) = &readers[0];
        let portion = buffer.portion().unwrap();
        assert_eq!(portion, 256 << 10);
        let mut offset = 0;
        while orders(&mut buffer).is_empty() {
            push(&mut buffer, *turn, offset);
            offset += 1;
        }
        assert!(buffer.slots[0].queue.bytes >= portion && !buffer.slots[1].queue.is_full);
        let mut given = 0;
        let roomy = loop {
            taken(&mut buffer, reader).unwrap();
            given += 1;
            let orders = orders(&mut buffer);
            if !orders.is_empty() {
                break orders;
            }
        };
        assert_eq!(roomy, [Order::Roomy(0)]);
        assert!((offset / 2 - 1..=offset / 2 + 1).contains(&given), "{given} of {offset}");
    }

    #[test]
    fn what_a_reader_has_unpacked_counts_in_its_part() {
        let (mut buffer, readers) = split(2);
        let portion = buffer.portion().unwrap();
        buffer.lease(portion, Some(1));
        assert_eq!(orders(&mut buffer), [Order::Full(1)]);
        push(&mut buffer, readers[1].0, 0);
        buffer.release(portion, Some(1));
        assert_eq!(orders(&mut buffer), [Order::Roomy(1)]);
    }

    #[test]
    fn whoever_comes_after_a_reader_begins_with_what_was_not_marked() {
        let (mut buffer, readers) = split(1);
        let (turn, reader) = &readers[0];
        for offset in 0..4 {
            push(&mut buffer, *turn, offset);
        }
        taken(&mut buffer, reader);
        taken(&mut buffer, reader);
        buffer.mark(*turn, Mark { offset: 1, leader_epoch: -1 });
        buffer.vacate(reader);
        let next = reserved(&mut buffer).unwrap();
        let Some(Order::Return(turn, Start::Offset(1), _)) = buffer.pop_order() else { panic!() };
        push(&mut buffer, turn, 1);
        assert_eq!(taken(&mut buffer, &next), Some(1));
        assert!(matches!(buffer.take_for(reader), Taken::Ended), "it is gone");
        // One that has marked all leaves what waits to the next one.
        push(&mut buffer, turn, 2);
        assert!(buffer.mark_given_to(&next));
        buffer.vacate(&next);
        let last = reserved(&mut buffer).unwrap();
        assert_eq!((taken(&mut buffer, &last), buffer.has_orders()), (Some(2), false));
    }

    #[test]
    fn a_reader_ends_with_its_partition_and_one_that_comes_back_has_another() {
        let (mut buffer, readers) = split(1);
        let (turn, reader) = &readers[0];
        push(&mut buffer, *turn, 0);
        taken(&mut buffer, reader);
        buffer.unassign(0);
        assert!(matches!(buffer.take_for(reader), Taken::Ended));
        assert!(buffer.is_in_hand(0));
        assert!(reserved(&mut buffer).is_none());
        let turn = buffer.add(&"t".into(), 0, Start::Offset(7));
        let next = reserved(&mut buffer).unwrap();
        push(&mut buffer, turn, 7);
        assert!(matches!(buffer.take_for(reader), Taken::Ended));
        buffer.vacate(reader);
        assert_eq!(taken(&mut buffer, &next), Some(7));
        assert!(!buffer.mark_given_to(reader) && buffer.is_in_hand(0), "it is the next one's");
    }

    #[test]
    fn whoever_lets_go_of_a_partition_that_was_taken_away_keeps_nobody_waiting() {
        let (mut buffer, readers) = split(1);
        let (turn, reader) = &readers[0];
        push(&mut buffer, *turn, 0);
        taken(&mut buffer, reader);
        buffer.unassign(0);
        buffer.vacate(reader);
        assert!(!buffer.is_in_hand(0) && reserved(&mut buffer).is_none());
    }

    #[test]
    fn what_is_being_unpacked_when_all_readers_end_is_not_given() {
        let (mut buffer, readers) = split(1);
        let (turn, reader) = &readers[0];
        push(&mut buffer, *turn, 0);
        let Taken::Batch { turn, fetched, .. } = buffer.take_for(reader) else { panic!() };
        buffer.end_split();
        assert!(buffer.give(turn, fetched).is_none() && !buffer.is_in_hand(0));
        assert!(matches!(buffer.take_for(reader), Taken::Ended));
    }

    #[test]
    fn a_partition_at_its_end_needs_no_reader_before_a_seek() {
        let (mut buffer, readers) = split(1);
        let (turn, reader) = &readers[0];
        buffer.push(Entry { turn: *turn, item: Item::End });
        assert!(matches!(buffer.take_for(reader), Taken::Ended));
        buffer.vacate(reader);
        assert!(matches!(buffer.take_vacancy(), Vacancy::Ended));
        buffer.seek(0, Start::Offset(0));
        assert!(reserved(&mut buffer).is_some());
    }

    #[test]
    fn what_a_paused_partition_keeps_is_not_given() {
        let (mut buffer, readers) = split(1);
        let (turn, reader) = &readers[0];
        push(&mut buffer, *turn, 0);
        buffer.pause(0);
        push(&mut buffer, *turn, 1);
        assert_eq!(taken(&mut buffer, reader), None);
        buffer.resume(0);
        assert_eq!(taken(&mut buffer, reader), Some(0));
        assert_eq!(taken(&mut buffer, reader), Some(1));
    }

    #[test]
    fn whoever_makes_readers_is_at_work_while_a_partition_lacks_one() {
        let (mut buffer, _readers) = split(2);
        let start = tokio::time::Instant::now().into_std();
        let seen = |buffer: &mut Buffer, s| {
            buffer.watch_vacancies(start + Duration::from_secs(s));
            buffer.pace.at_work_since().map(|since| (since - start).as_secs())
        };
        assert_eq!(seen(&mut buffer, 0), None);
        buffer.assign(&"t".into(), 2, Start::Offset(0));
        assert_eq!([seen(&mut buffer, 1), seen(&mut buffer, 2)], [Some(1); 2]);
        reserved(&mut buffer).unwrap();
        assert_eq!(seen(&mut buffer, 3), None);
        // One that is gone before anybody has asked.
        let turn = buffer.assign(&"t".into(), 3, Start::Offset(0));
        assert_eq!(seen(&mut buffer, 4), Some(4));
        buffer.unassign(turn.slot);
        assert_eq!(seen(&mut buffer, 5), None);
    }
}
