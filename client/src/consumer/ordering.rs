//! Core: the buffer's third part: what the user wants to be read, and from where.

use std::collections::VecDeque;
use std::sync::Arc;

use super::buffer::{Buffer, Order};
use super::config::Start;
use super::entry::{Entry, Item};
use super::slot::{Slot, State};
use super::turn::Turn;
use crate::error::Error;

/// Partitions, and where they are read.
impl Buffer {
    /// Drops what was fetched of a partition and reads it from elsewhere.
    pub(crate) fn seek(&mut self, slot: usize, start: Start) {
        self.read_from(slot, |entry, slot| {
            entry.turn(start);
            Order::Seek(Turn { slot, generation: entry.generation }, start)
        });
    }

    /// Reads what is not marked of a partition once more.
    pub(super) fn read_again(&mut self, slot: usize, start: Start) {
        self.read_from(slot, |entry, slot| {
            let told = entry.told();
            entry.turn_back(start);
            Order::Return(Turn { slot, generation: entry.generation }, start, told)
        });
    }

    fn read_from(&mut self, slot: usize, turn: impl FnOnce(&mut Slot, usize) -> Order) {
        self.forget(slot);
        let Some(entry) = self.slots.get_mut(slot).filter(|slot| slot.is_assigned()) else {
            return;
        };
        self.open += usize::from(entry.state != State::Open);
        let order = turn(entry, slot);
        self.orders.push_back(order);
        self.lacks_reader(slot);
    }

    /// Reads one more partition; one that is read already goes on where it is. Returns its turn.
    pub(crate) fn add(&mut self, topic: &Arc<str>, partition: i32, start: Start) -> Turn {
        let before = self.slot_of(topic, partition);
        let turn = self.assign(topic, partition, start);
        if before.is_none() {
            self.orders.push_back(Order::Assign(turn));
        }
        turn
    }

    /// Reads a partition no more. Nothing more of it is given; what is in hand may be marked.
    pub(crate) fn unassign(&mut self, slot: usize) {
        self.forget(slot);
        let Some(entry) = self.slots.get_mut(slot).filter(|slot| slot.is_assigned()) else {
            return;
        };
        self.open -= usize::from(entry.state == State::Open);
        entry.leave();
        let turn = Turn { slot, generation: entry.generation };
        if self.split.is_none() {
            self.left.push(slot);
        }
        self.orders.push_back(Order::Unassign(turn));
    }

    /// Assigns a partition of which nothing is read before [`begin`](Self::begin), or a seek.
    pub(crate) fn hold(&mut self, topic: &Arc<str>, partition: i32) {
        if self.slot_of(topic, partition).is_some() {
            return;
        }
        let turn = self.assign(topic, partition, Start::Latest);
        if let Some(slot) = self.slots.get_mut(turn.slot) {
            slot.is_held = true;
        }
        self.orders.push_back(Order::Hold(turn));
    }

    /// Whether nothing is read of a partition, as its start is not known.
    pub(crate) fn is_held(&self, slot: usize) -> bool {
        self.slots.get(slot).is_some_and(|slot| slot.is_held)
    }

    /// Nothing comes of a partition before a seek, and this is why.
    pub(crate) fn refuse(&mut self, slot: usize, error: Error) {
        if let Some(entry) = self.slots.get(slot) {
            let turn = Turn { slot, generation: entry.fetching };
            self.push(Entry { turn, item: Item::Failed(error) });
        }
    }

    /// Gives nothing more of a partition until [`resume`](Self::resume). What is there is kept, if
    /// that is not too much with what is kept of others.
    pub(crate) fn pause(&mut self, slot: usize) {
        let Some(entry) = self.slots.get_mut(slot).filter(|s| s.parked.is_none()) else { return };
        let mut parked = std::mem::take(&mut entry.queue.entries);
        entry.queue.bytes = 0;
        if self.split.is_none() {
            let (own, others): (VecDeque<Entry>, _) =
                std::mem::take(&mut self.entries).into_iter().partition(|e| e.turn.slot == slot);
            self.entries = others;
            self.bytes -= own.iter().map(|entry| entry.item.bytes()).sum::<usize>();
            parked = own;
        }
        self.parked += parked.iter().map(|entry| entry.item.bytes()).sum::<usize>();
        entry.parked = Some(parked);
        self.orders.push_back(Order::Pause(slot));
        self.level(slot);
        self.limit_parked(slot);
    }

    /// Drops what is kept of a paused partition if too much is kept of all: it is fetched again,
    /// from where the user is, once the partition is resumed.
    pub(super) fn limit_parked(&mut self, slot: usize) {
        if self.parked_max.is_none_or(|most| self.parked <= most) {
            return;
        }
        let Some(entry) = self.slots.get_mut(slot) else { return };
        let Some(parked) = &mut entry.parked else { return };
        // Where it goes on elsewhere, and why it stands still, is told as it was found.
        if parked.iter().any(|of| matches!(of.item, Item::At { .. } | Item::Failed(_))) {
            return;
        }
        let dropped = std::mem::take(parked);
        let Some((start, told)) = entry.fetch_again() else {
            entry.parked = Some(dropped);
            return;
        };
        entry.news = None;
        let turn = Turn { slot, generation: entry.fetching };
        self.parked -= dropped.iter().map(|entry| entry.item.bytes()).sum::<usize>();
        self.orders.push_back(Order::Return(turn, start, told));
    }

    /// Ends a pause.
    pub(crate) fn resume(&mut self, slot: usize) {
        let Some(entry) = self.slots.get_mut(slot) else { return };
        let Some(parked) = entry.parked.take() else { return };
        let bytes = parked.iter().map(|entry| entry.item.bytes()).sum::<usize>();
        self.parked -= bytes;
        if self.split.is_some() {
            entry.queue.bytes += bytes;
            entry.queue.entries.extend(parked);
            entry.ring();
        } else {
            self.bytes += bytes;
            self.entries.extend(parked);
        }
        self.orders.push_back(Order::Resume(slot));
        self.level(slot);
    }

    /// The slot of a partition that is assigned.
    pub(crate) fn slot_of(&self, topic: &str, partition: i32) -> Option<usize> {
        let slot = *self.places.get(topic)?.get(&partition)?;
        self.slots.get(slot).is_some_and(Slot::is_assigned).then_some(slot)
    }

    /// The slot of a partition that is or was assigned.
    pub(crate) fn place_of(&self, topic: &str, partition: i32) -> Option<usize> {
        self.places.get(topic)?.get(&partition).copied()
    }

    /// Every assigned partition.
    pub(crate) fn partitions(&self) -> impl Iterator<Item = (&Arc<str>, i32)> {
        let assigned = self.slots.iter().filter(|slot| slot.is_assigned());
        assigned.map(|slot| (&slot.topic, slot.partition))
    }

    /// The topic of a slot, if none of its partitions is assigned any more.
    pub(crate) fn abandoned(&self, slot: usize) -> Option<Arc<str>> {
        let topic = &self.slots.get(slot)?.topic;
        let mut others = self.places.get(topic)?.values().filter_map(|slot| self.slots.get(*slot));
        (!others.any(Slot::is_assigned)).then(|| Arc::clone(topic))
    }
}
