//! Core: the buffer's second part: what the user takes, has in hand and has processed.

use std::collections::VecDeque;
use std::sync::Arc;

use super::buffer::{Buffer, Order, Progress, Taken};
use super::entry::{Entry, Fetched, Item, Then};
use super::slot::Slot;
use super::turn::{Mark, Turn};
use crate::group::Marked;
use crate::transactions::{GroupOffset, TopicPartition};

/// What comes, and what is done with it.
impl Buffer {
    /// The next thing in line, before it what concerns no single partition: who is slower than what
    /// comes would never hear of it.
    pub(crate) fn take(&mut self) -> Taken {
        if let Some(error) = self.general.pop_front() {
            return Taken::Error(error);
        }
        while let Some(entry) = self.entries.pop_front() {
            self.bytes -= entry.item.bytes();
            if let Some(taken) = self.see(entry) {
                return taken;
            }
        }
        if let Some(error) = self.last.take() {
            return Taken::Error(error);
        }
        if self.is_over() { Taken::Ended } else { Taken::Nothing }
    }

    /// What an entry is to the user, if it is anything.
    pub(super) fn see(&mut self, Entry { turn, item }: Entry) -> Option<Taken> {
        let slot = self.slots.get_mut(turn.slot)?;
        match item {
            Item::Batch(fetched) => {
                let (topic, partition) = (Arc::clone(&slot.topic), slot.partition);
                let generation = slot.generation;
                return Some(Taken::Batch { turn, generation, topic, partition, fetched });
            }
            Item::Skip(behind) => slot.pass(behind),
            Item::At { offset, reached } => slot.find(offset, reached),
            Item::Corrupt { next_offset, .. } => {
                slot.position = slot.position.max(Some(next_offset));
                self.skipped += 1;
            }
            Item::Cut { end, then } => {
                if slot.cut(end) && then == Then::StandsStill {
                    slot.disown();
                }
            }
            // It has acted when it came.
            Item::Gone => {}
            Item::News(error) => return Some(Taken::Error(slot.news.take().unwrap_or(error))),
            Item::Failed(error) => {
                self.finish(turn.slot);
                return Some(Taken::Error(error));
            }
            Item::End => self.finish(turn.slot),
        }
        None
    }

    /// Takes back a batch that the user was not given after all.
    pub(crate) fn put_back(&mut self, turn: Turn, fetched: Fetched) {
        let Some(slot) = self.slots.get_mut(turn.slot) else { return };
        if slot.fetching != turn.generation {
            return;
        }
        let entry = Entry { turn, item: Item::Batch(fetched) };
        if let Some(parked) = &mut slot.parked {
            self.parked += entry.item.bytes();
            parked.push_front(entry);
        } else if self.split.is_some() {
            slot.queue.bytes += entry.item.bytes();
            slot.queue.entries.push_front(entry);
            self.level(turn.slot);
        } else {
            self.bytes += entry.item.bytes();
            self.entries.push_front(entry);
        }
    }

    /// Gives the user a batch that was taken before, with the turn that it is marked by. One that
    /// is not to be given any more comes to nothing; one of a partition that was paused meanwhile
    /// waits there.
    pub(crate) fn give(&mut self, turn: Turn, fetched: Fetched) -> Option<(Turn, Fetched)> {
        let is_over = self.split.as_ref().is_some_and(|split| split.is_over);
        let slot = self.current(turn).filter(|_| !is_over)?;
        if slot.parked.is_some() {
            self.put_back(turn, fetched);
            return None;
        }
        let leader_epoch = fetched.batch.partition_leader_epoch();
        slot.give(Mark { offset: fetched.next_offset, leader_epoch });
        let given = Turn { slot: turn.slot, generation: slot.generation };
        if !std::mem::replace(&mut slot.is_listed, true) {
            self.handed.push(turn.slot);
        }
        Some((given, fetched))
    }

    /// The user has been given the beginning of a batch. What is left of it comes again, and before
    /// it what there is of others. Returns the turn that it comes again by, if it does.
    pub(crate) fn return_rest(&mut self, turn: Turn, fetched: Fetched) -> Option<Turn> {
        let leader_epoch = fetched.batch.partition_leader_epoch();
        let mark = Mark { offset: fetched.span.start, leader_epoch };
        let turn = self.give_less(turn, mark)?;
        let slot = self.slots.get_mut(turn.slot)?;
        let entry = Entry { turn, item: Item::Batch(fetched) };
        match &mut slot.parked {
            Some(parked) => {
                self.parked += entry.item.bytes();
                parked.push_front(entry);
            }
            None => {
                self.bytes += entry.item.bytes();
                let (own, mut entries): (VecDeque<Entry>, VecDeque<Entry>) =
                    std::mem::take(&mut self.entries)
                        .into_iter()
                        .partition(|other| other.turn.slot == turn.slot);
                entries.push_back(entry);
                entries.extend(own);
                self.entries = entries;
            }
        }
        Some(turn)
    }

    /// Of the batch that the user was given last, it has only what is before this. Returns the turn
    /// that the rest is of, if that may come again.
    pub(crate) fn give_less(&mut self, turn: Turn, mark: Mark) -> Option<Turn> {
        if let Some(slot) = self.slots.get_mut(turn.slot) {
            slot.give_less(turn, mark);
        }
        if !self.is_current(turn) {
            return None;
        }
        let slot = self.slots.get_mut(turn.slot)?;
        slot.give(mark);
        Some(Turn { slot: turn.slot, generation: slot.fetching })
    }

    /// The user has processed a batch, and all before it.
    pub(crate) fn mark(&mut self, turn: Turn, mark: Mark) {
        if let Some(slot) = self.slots.get_mut(turn.slot) {
            slot.mark(turn, mark);
        }
    }

    /// The user has processed all that it was given. Says whether that was something.
    pub(crate) fn mark_given(&mut self) -> bool {
        let mut is_some = false;
        for slot in self.handed.drain(..) {
            let Some(slot) = self.slots.get_mut(slot) else { continue };
            slot.is_listed = false;
            is_some |= slot.mark_all_given();
        }
        is_some
    }

    /// What the user has in hand, and up to where that goes.
    pub(crate) fn given(&self) -> Vec<(TopicPartition, Marked)> {
        let given = |slot: &usize| {
            let slot = self.slots.get(*slot)?;
            let (generation, Mark { offset, leader_epoch }) = slot.given()?;
            let offset = GroupOffset::new(Arc::clone(&slot.topic), slot.partition, offset);
            let offset = Some(GroupOffset { leader_epoch, ..offset });
            let of = (Arc::clone(&slot.topic), slot.partition);
            Some((of, Marked { turn: Some(generation), offset, ..Marked::default() }))
        };
        self.handed.iter().filter_map(given).collect()
    }

    /// Whether something was marked of a partition that was of an earlier assignment of it, which
    /// was not asked since.
    pub(crate) fn take_late(&mut self, slot: usize) -> bool {
        self.slots.get_mut(slot).is_some_and(|slot| slot.take_late() && slot.is_assigned())
    }

    /// The partitions of which something was marked since they were taken away, which was not asked
    /// since.
    pub(crate) fn take_all_late(&mut self) -> Vec<TopicPartition> {
        let late =
            |slot: &mut Slot| slot.take_late().then(|| (Arc::clone(&slot.topic), slot.partition));
        self.slots.iter_mut().filter_map(late).collect()
    }

    /// Up to where there is nothing left to process of a partition, since it was assigned.
    pub(crate) fn reached(&self, slot: usize) -> Option<Mark> {
        self.slots.get(slot)?.reached()
    }

    /// What the user has of these partitions that is not marked.
    pub(crate) fn hands(&self, slots: &[usize]) -> Vec<Turn> {
        let hand = |slot: &usize| {
            let (generation, _) = self.slots.get(*slot)?.in_hand()?;
            Some(Turn { slot: *slot, generation })
        };
        slots.iter().filter_map(hand).collect()
    }

    /// Whether the user still has what it had of this turn, and it is not marked.
    pub(crate) fn has_in_hand(&self, turn: Turn) -> bool {
        self.slots.get(turn.slot).is_some_and(|slot| slot.has_in_hand(turn.generation))
    }

    /// A batch could not be unpacked: the partition stands still. Says whether that is news.
    pub(crate) fn fail(&mut self, turn: Turn) -> bool {
        let is_news = self.current(turn).is_some();
        if is_news {
            self.finish(turn.slot);
            self.forget(turn.slot);
            self.orders.push_back(Order::Stop(turn));
        }
        is_news
    }

    /// A batch could not be unpacked, and is passed over. Says whether that is news.
    pub(crate) fn skip(&mut self, turn: Turn, next_offset: i64) -> bool {
        let Some(slot) = self.current(turn) else { return false };
        slot.position = Some(next_offset);
        self.skipped += 1;
        true
    }

    /// How many batches were passed over as they cannot be read.
    pub(crate) fn skipped(&self) -> u64 {
        self.skipped
    }

    /// The user is gone, and marks nothing more.
    pub(crate) fn let_go(&mut self) {
        self.slots.iter_mut().for_each(Slot::let_go);
        self.end_split();
    }

    /// What the user has of this turn is done with otherwise than by a mark.
    pub(crate) fn let_go_of(&mut self, turn: Turn) {
        if let Some(slot) = self.slots.get_mut(turn.slot) {
            slot.let_go_of(turn.generation);
        }
    }

    /// What the user has been given of this turn and has not marked is given anew, if the partition
    /// is still there. If it is not, the user has nothing of it any more.
    pub(crate) fn take_back(&mut self, turn: Turn) {
        let slot = self.slots.get(turn.slot);
        let slot = slot.filter(|slot| slot.is_assigned() && slot.is_of_log(turn));
        match slot.and_then(Slot::unmarked) {
            Some(start) => self.read_again(turn.slot, start),
            None => self.let_go_of(turn),
        }
    }

    /// Whether a partition is assigned, and was neither sought nor given anew nor cut since.
    pub(crate) fn is_current(&self, turn: Turn) -> bool {
        let slot = self.slots.get(turn.slot);
        slot.is_some_and(|slot| slot.is_assigned() && slot.generation == turn.generation)
    }

    /// Whether what was fetched for this turn, and taken when its slot had this generation, is to
    /// be given.
    pub(crate) fn is_awaited(&self, turn: Turn, generation: u64) -> bool {
        let slot = self.slots.get(turn.slot).filter(|slot| slot.is_assigned());
        slot.is_some_and(|s| s.fetching == turn.generation && s.generation == generation)
    }

    /// How many records of a partition there are that the user has not got, as far as was told.
    pub(crate) fn lag(&self, slot: usize) -> Option<u64> {
        self.slots.get(slot)?.lag()
    }

    /// Slots that were unassigned since the last call.
    pub(crate) fn take_left(&mut self) -> Vec<usize> {
        std::mem::take(&mut self.left)
    }

    /// The next record that the user gets of a partition.
    pub(crate) fn position(&self, slot: usize) -> Option<i64> {
        self.slots.get(slot)?.position
    }

    /// How far a slot is processed, and up to where there is nothing left to process.
    pub(crate) fn progress(&self, slot: usize) -> Progress {
        self.slots.get(slot).map_or_else(Progress::default, |slot| Progress {
            generation: slot.is_assigned().then_some(slot.generation),
            marked: slot.marked(),
            reached: slot.reached(),
        })
    }

    /// The user has processed what is before this offset. False if it was not given all of it.
    pub(crate) fn mark_before(
        &mut self,
        slot: usize,
        generation: Option<u64>,
        offset: i64,
    ) -> bool {
        self.slots.get_mut(slot).is_some_and(|slot| slot.mark_before(generation, offset))
    }
}
