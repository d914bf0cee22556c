//! Core: what was fetched and not yet taken, and what the user has asked the driver to do.
//!
//! User and driver share it under a lock of a few lines, so that a seek, a pause or a lost
//! partition act at once: what is no longer wanted is gone before the next call of `next`.
//!
//! A partition has one [`Slot`] for good; a [`Turn`] is a slot and its generation. The buffer knows
//! of a seek at once, and the fetcher by an order in the driver's next round; what either is given
//! for a turn that it has left, it drops. Partitions come and go in the same way.
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

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use super::config::Start;
use super::entry::{Entry, Fetched, Item};
use super::pace::Pace;
use super::slot::{Slot, State};
use super::turn::{Mark, Told, Turn};
use crate::error::Error;

/// What lies between the driver and the user of one consumer.
#[derive(Debug, Default)]
pub(crate) struct Buffer {
    pub(super) entries: VecDeque<Entry>,
    /// Of `entries`; what is parked is not counted, or one paused partition would stop the others.
    pub(super) bytes: usize,
    /// Of what is parked of all paused partitions.
    pub(super) parked: usize,
    /// How many bytes may be parked; what is more is fetched again later. No limit if it is none.
    pub(crate) parked_max: Option<usize>,
    /// What batches in the user's hands are unpacked to. It is memory like what waits here.
    held: usize,
    /// The driver fetches nothing until there are fewer bytes than this.
    awaited: Option<usize>,
    pub(super) slots: Vec<Slot>,
    /// Where each partition has its slot.
    pub(super) places: BTreeMap<Arc<str>, BTreeMap<i32, usize>>,
    /// How many slots are open.
    pub(super) open: usize,
    /// Slots that the user has had a batch of since all that it had was marked, each once.
    pub(super) handed: Vec<usize>,
    /// How many batches were passed over as they cannot be read.
    pub(super) skipped: u64,
    /// Slots that were unassigned, for whoever counts.
    pub(super) left: Vec<usize>,
    /// Topics whose partitions are not known yet.
    pub(super) pending: usize,
    pub(super) orders: VecDeque<Order>,
    /// What concerns no single partition.
    pub(super) general: VecDeque<Error>,
    /// What is told when all else was given.
    pub(super) last: Option<Error>,
    /// The driver is gone.
    pub(super) is_dead: bool,
    /// Where each partition has a reader of its own.
    pub(super) split: Option<Split>,
    /// When the user is at work, where somebody wants to know.
    pub(crate) pace: Pace,
    /// The user commits in transactions: what it has not marked is not committed beside them.
    pub(crate) is_committed_elsewhere: bool,
}

/// What there is to know where each partition has a reader of its own.
#[derive(Debug, Default)]
pub(crate) struct Split {
    /// How many bytes may wait for all of them.
    pub(super) bytes_max: usize,
    /// Slots that perhaps have no reader.
    pub(super) vacant: VecDeque<usize>,
    /// How many readers there were.
    pub(super) readers: u64,
    /// Nothing more is given.
    pub(super) is_over: bool,
}

/// What the user asks the driver to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    /// Read a partition from elsewhere.
    Seek(Turn, Start),
    /// Read a partition once more from there, as its log is known to whoever was told this of it.
    Return(Turn, Start, Told),
    /// Fetch no more of a partition.
    Pause(usize),
    /// Fetch a partition again.
    Resume(usize),
    /// A partition has failed in the user's hands: fetch no more of it.
    Stop(Turn),
    /// Read one more partition.
    Assign(Turn),
    /// Read a partition no more.
    Unassign(Turn),
    /// Read nothing of a partition before a seek.
    Hold(Turn),
    /// Fetch no more of a partition, as enough of it waits for its reader.
    Full(usize),
    /// Fetch a partition again, as little of it waits for its reader.
    Roomy(usize),
}

/// What is to be read of a slot, as the user wants it now.
#[derive(Clone, Debug)]
pub(crate) struct Claim {
    pub(crate) topic: Arc<str>,
    pub(crate) partition: i32,
    pub(crate) turn: Turn,
    pub(crate) start: Start,
    pub(crate) is_paused: bool,
    pub(crate) is_full: bool,
}

/// What was done of a slot.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Progress {
    /// None if it is not assigned.
    pub(crate) generation: Option<u64>,
    pub(crate) marked: Option<Mark>,
    /// At least what is marked.
    pub(crate) reached: Option<Mark>,
}

/// What `next` finds.
#[derive(Debug)]
pub(crate) enum Taken {
    /// A batch to unpack, and whose it is: its slot had this generation. The position moves when
    /// it is given.
    Batch { turn: Turn, generation: u64, topic: Arc<str>, partition: i32, fetched: Fetched },
    /// Something to report.
    Error(Error),
    /// Nothing is there yet.
    Nothing,
    /// Nothing will come any more.
    Ended,
}

/// For both.
impl Buffer {
    /// Whether nothing will come any more.
    pub(crate) fn is_over(&self) -> bool {
        self.is_dead || (self.pending == 0 && self.open == 0)
    }

    /// Nothing more comes of a partition.
    pub(super) fn finish(&mut self, slot: usize) {
        let open = self.slots.get_mut(slot).filter(|slot| slot.state == State::Open);
        if let Some(slot) = open {
            slot.state = State::Done;
            self.open -= 1;
        }
    }

    /// Drops what lies here of a partition.
    pub(super) fn forget(&mut self, slot: usize) {
        self.take_out(slot);
    }

    /// Takes out what lies here of a partition, in order.
    fn take_out(&mut self, slot: usize) -> VecDeque<Entry> {
        let bytes =
            |entries: &VecDeque<Entry>| entries.iter().map(|e| e.item.bytes()).sum::<usize>();
        let (mut own, others): (VecDeque<Entry>, _) =
            std::mem::take(&mut self.entries).into_iter().partition(|of| of.turn.slot == slot);
        self.entries = others;
        self.bytes -= bytes(&own);
        let Some(found) = self.slots.get_mut(slot) else { return own };
        own.append(&mut found.queue.entries);
        found.queue.bytes = 0;
        found.news = None;
        if let Some(parked) = &mut found.parked {
            self.parked -= bytes(parked);
            own.append(parked);
        }
        self.level(slot);
        own
    }

    /// The log of a partition is another one, which has nothing of what was fetched: what lies here
    /// is given to nobody, and what was given is nobody's to mark any more. At once: who works on
    /// what lies before this would mark it for the other log.
    fn end_log(&mut self, slot: usize) {
        let own = self.take_out(slot);
        let Some(found) = self.slots.get_mut(slot) else { return };
        for entry in own {
            match entry.item {
                Item::At { offset, reached } => found.find(offset, reached),
                Item::Cut { end, .. } => {
                    found.cut(end);
                }
                _ => {}
            }
        }
        found.lose();
    }
}

/// For the driver.
impl Buffer {
    /// Adds a partition; returns where it stands. One that is there already stays as it is.
    pub(crate) fn assign(&mut self, topic: &Arc<str>, partition: i32, start: Start) -> Turn {
        let known = self.places.get(topic).and_then(|places| places.get(&partition)).copied();
        if let Some((slot, found)) = known.and_then(|slot| Some((slot, self.slots.get_mut(slot)?)))
        {
            if !found.is_assigned() {
                found.come_back(start);
                self.open += 1;
            }
            let generation = found.fetching;
            self.lacks_reader(slot);
            return Turn { slot, generation };
        }
        let slot = self.slots.len();
        self.slots.push(Slot::new(Arc::clone(topic), partition, start));
        self.places.entry(Arc::clone(topic)).or_default().insert(partition, slot);
        self.open += 1;
        self.lacks_reader(slot);
        Turn { slot, generation: 0 }
    }

    /// What is to be read of a slot now; none if it is not assigned any more.
    pub(crate) fn claim(&self, slot: usize) -> Option<Claim> {
        let found = self.slots.get(slot).filter(|slot| slot.is_assigned())?;
        Some(Claim {
            topic: Arc::clone(&found.topic),
            partition: found.partition,
            turn: Turn { slot, generation: found.fetching },
            start: found.start,
            is_paused: found.parked.is_some(),
            is_full: found.queue.is_full,
        })
    }

    /// Where a partition's log ends, as an answer has told.
    pub(crate) fn tell_end(&mut self, slot: usize, readable: i64) {
        if let Some(slot) = self.slots.get_mut(slot).filter(|slot| slot.is_assigned()) {
            slot.readable = Some(readable);
        }
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
        if slot.fetching != entry.turn.generation || !slot.is_assigned() {
            return;
        }
        if let Item::At { offset, reached } = entry.item
            && slot.position.is_none()
        {
            // Nothing comes before it, and whoever takes the partition away must not miss it.
            return slot.find(offset, reached);
        }
        if let Item::Gone = entry.item {
            return self.end_log(entry.turn.slot);
        }
        if let Item::News(error) = &entry.item
            && slot.news.replace(error.clone()).is_some()
        {
            // One waits already: whoever asks at last is to hear what holds now.
            return;
        }
        let (is_parked, is_split) = (slot.parked.is_some(), self.split.is_some());
        let entries = match &mut slot.parked {
            Some(parked) => parked,
            None if is_split => &mut slot.queue.entries,
            None => &mut self.entries,
        };
        let (number, more, mut less) = (entry.turn.slot, entry.item.bytes(), 0);
        if let Item::Cut { end: Mark { offset, .. }, .. } = entry.item {
            let bytes = |entries: &VecDeque<Entry>| entries.iter().map(|e| e.item.bytes()).sum();
            let before: usize = bytes(entries);
            entries.retain_mut(|other| other.turn != entry.turn || other.item.cut(offset));
            let after: usize = bytes(entries);
            less = before - after;
        }
        entries.push_back(entry);
        if is_parked {
            self.parked = self.parked + more - less;
            return self.limit_parked(number);
        }
        if is_split {
            slot.queue.bytes = slot.queue.bytes + more - less;
            slot.ring();
            self.level(number);
        } else {
            self.bytes = self.bytes + more - less;
        }
    }

    /// Tells the user of what concerns no single partition.
    pub(crate) fn tell(&mut self, error: Error) {
        if self.general.len() >= GENERAL_MAX {
            // Nobody asks; whoever does at last is to hear what holds now.
            self.general.pop_front();
        }
        self.general.push_back(error);
    }

    /// What the user has asked for since the last call.
    pub(crate) fn pop_order(&mut self) -> Option<Order> {
        self.orders.pop_front()
    }

    /// Bytes that wait to be taken, and what those that were taken are unpacked to.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes + self.held
    }

    /// The user has unpacked so many bytes more, for a partition's own reader or for all.
    pub(crate) fn lease(&mut self, bytes: usize, slot: Option<usize>) {
        self.change_held(slot, |held| *held += bytes);
    }

    /// The user is done with so many bytes that it has unpacked.
    pub(crate) fn release(&mut self, bytes: usize, slot: Option<usize>) {
        self.change_held(slot, |held| *held -= bytes);
    }

    fn change_held(&mut self, slot: Option<usize>, change: impl FnOnce(&mut usize)) {
        let Some(slot) = slot else { return change(&mut self.held) };
        if let Some(found) = self.slots.get_mut(slot) {
            change(&mut found.queue.unpacked);
            self.level(slot);
        }
    }

    /// The driver fetches nothing until there are fewer bytes than this.
    pub(crate) fn await_room(&mut self, room: usize) {
        self.awaited = Some(room);
    }

    /// Whether the driver waits for room and has it now; says so once.
    pub(crate) fn has_room_again(&mut self) -> bool {
        let bytes = self.bytes();
        self.awaited.take_if(|room| bytes < *room).is_some()
    }

    /// Nothing comes any more: the driver ends.
    pub(crate) fn die(&mut self) {
        self.is_dead = true;
        self.last = Some(Error::Closed { what: "consumer" });
        self.slots.iter().for_each(Slot::ring);
    }

    /// Whether the driver is gone.
    pub(crate) fn is_dead(&self) -> bool {
        self.is_dead
    }

    /// Whose what was fetched for this turn is.
    pub(super) fn current(&mut self, turn: Turn) -> Option<&mut Slot> {
        self.slots.get_mut(turn.slot).filter(|slot| slot.fetching == turn.generation)
    }
}

/// Errors that nobody has asked for: later ones take the place of the first.
const GENERAL_MAX: usize = 64;

#[cfg(test)]
pub(crate) mod tests;
