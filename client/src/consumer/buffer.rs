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
use crate::group::Marked;
use crate::transactions::{GroupOffset, TopicPartition};

/// What lies between the driver and the user of one consumer.
#[derive(Debug, Default)]
pub(crate) struct Buffer {
    pub(super) entries: VecDeque<Entry>,
    /// Of `entries`; what is parked is not counted, or one paused partition would stop the others.
    pub(super) bytes: usize,
    /// What batches in the user's hands are unpacked to. It is memory like what waits here.
    held: usize,
    /// The driver fetches nothing until there are fewer bytes than this.
    awaited: Option<usize>,
    pub(super) slots: Vec<Slot>,
    /// Where each partition has its slot.
    places: BTreeMap<Arc<str>, BTreeMap<i32, usize>>,
    /// How many slots are open.
    pub(super) open: usize,
    /// Slots that the user has had a batch of since all that it had was marked, each once.
    handed: Vec<usize>,
    /// How many batches were passed over as they cannot be read.
    skipped: u64,
    /// Slots that were unassigned, for whoever counts.
    left: Vec<usize>,
    /// Topics whose partitions are not known yet.
    pending: usize,
    pub(super) orders: VecDeque<Order>,
    /// What concerns no single partition.
    pub(super) general: VecDeque<Error>,
    /// The driver is gone.
    pub(super) is_dead: bool,
    /// Where each partition has a reader of its own.
    pub(super) split: Option<Split>,
    /// When the user is at work, where somebody wants to know.
    pub(crate) pace: Pace,
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
        while let Some(entry) = self.entries.pop_front() {
            self.bytes -= entry.item.bytes();
            if let Some(taken) = self.see(entry) {
                return taken;
            }
        }
        if let Some(error) = self.general.pop_front() {
            return Taken::Error(error);
        }
        if self.is_over() { Taken::Ended } else { Taken::Nothing }
    }

    /// Whether nothing will come any more.
    pub(crate) fn is_over(&self) -> bool {
        self.is_dead || (self.pending == 0 && self.open == 0)
    }

    /// What an entry is to the user, if it is anything.
    pub(super) fn see(&mut self, Entry { turn, item }: Entry) -> Option<Taken> {
        let slot = self.slots.get_mut(turn.slot)?;
        match item {
            Item::Batch(fetched) => {
                let (topic, partition) = (Arc::clone(&slot.topic), slot.partition);
                return Some(Taken::Batch { turn, topic, partition, fetched });
            }
            Item::Skip(behind) => slot.pass(behind),
            Item::At { offset, is_log_start } => slot.find(offset, is_log_start),
            Item::Corrupt { next_offset, .. } => {
                slot.position = Some(next_offset);
                self.skipped += 1;
            }
            Item::Cut { offset, leader_epoch } => slot.cut(Mark { offset, leader_epoch }),
            Item::Gone => slot.lose(),
            Item::News(error) => return Some(Taken::Error(error)),
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
        if let Some(parked) = &mut slot.parked {
            parked.push_front(Entry { turn, item: Item::Batch(fetched) });
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
        if let Some(slot) = self.slots.get_mut(turn.slot) {
            slot.give_less(turn, mark);
        }
        if !self.is_current(turn) {
            return None;
        }
        let slot = self.slots.get_mut(turn.slot)?;
        slot.give(mark);
        let turn = Turn { slot: turn.slot, generation: slot.fetching };
        let entry = Entry { turn, item: Item::Batch(fetched) };
        match &mut slot.parked {
            Some(parked) => parked.push_front(entry),
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
            is_some |= slot.mark_given();
        }
        is_some
    }

    /// What the user has in hand, and up to where that goes.
    pub(crate) fn given(&self) -> Vec<(TopicPartition, Marked)> {
        let given = |slot: &usize| {
            let slot = self.slots.get(*slot)?;
            let (generation, Mark { offset, leader_epoch }) = slot.in_hand()?;
            let offset = GroupOffset::new(Arc::clone(&slot.topic), slot.partition, offset);
            let offset = Some(GroupOffset { leader_epoch, ..offset });
            let of = (Arc::clone(&slot.topic), slot.partition);
            Some((of, Marked { turn: Some(generation), offset, reached: None }))
        };
        self.handed.iter().filter_map(given).collect()
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

    /// Whether what was fetched for this turn is to be given.
    pub(crate) fn is_awaited(&self, turn: Turn) -> bool {
        let slot = self.slots.get(turn.slot);
        slot.is_some_and(|slot| slot.is_assigned() && slot.fetching == turn.generation)
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

    /// Gives nothing more of a partition until [`resume`](Self::resume). What is there is kept.
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
        entry.parked = Some(parked);
        self.orders.push_back(Order::Pause(slot));
        self.level(slot);
    }

    /// Ends a pause.
    pub(crate) fn resume(&mut self, slot: usize) {
        let Some(entry) = self.slots.get_mut(slot) else { return };
        let Some(parked) = entry.parked.take() else { return };
        let bytes = parked.iter().map(|entry| entry.item.bytes()).sum::<usize>();
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

    /// How far a slot is processed, and up to where there is nothing left to process.
    pub(crate) fn progress(&self, slot: usize) -> Progress {
        self.slots.get(slot).map_or_else(Progress::default, |slot| Progress {
            generation: slot.is_assigned().then_some(slot.generation),
            marked: slot.marked(),
            reached: slot.reached(),
        })
    }

    /// The user has processed what is before this offset. False if it was not given all of it.
    pub(crate) fn mark_before(&mut self, slot: usize, offset: i64) -> bool {
        self.slots.get_mut(slot).is_some_and(|slot| slot.mark_before(offset))
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

    /// Nothing more comes of a partition.
    fn finish(&mut self, slot: usize) {
        let open = self.slots.get_mut(slot).filter(|slot| slot.state == State::Open);
        if let Some(slot) = open {
            slot.state = State::Done;
            self.open -= 1;
        }
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
        let Some(found) = self.slots.get_mut(slot) else { return };
        found.queue.entries.clear();
        found.queue.bytes = 0;
        if let Some(parked) = &mut found.parked {
            parked.clear();
        }
        self.level(slot);
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
        if slot.fetching != entry.turn.generation {
            return;
        }
        if let Item::At { offset, is_log_start } = entry.item
            && slot.position.is_none()
        {
            // Nothing comes before it, and whoever takes the partition away must not miss it.
            return slot.find(offset, is_log_start);
        }
        let (is_parked, is_split) = (slot.parked.is_some(), self.split.is_some());
        let entries = match &mut slot.parked {
            Some(parked) => parked,
            None if is_split => &mut slot.queue.entries,
            None => &mut self.entries,
        };
        let (number, more, mut less) = (entry.turn.slot, entry.item.bytes(), 0);
        if let Item::Cut { offset, .. } = entry.item {
            let bytes = |entries: &VecDeque<Entry>| entries.iter().map(|e| e.item.bytes()).sum();
            let before: usize = bytes(entries);
            entries.retain_mut(|other| other.turn != entry.turn || other.item.cut(offset));
            let after: usize = bytes(entries);
            less = before - after;
        }
        entries.push_back(entry);
        if is_parked {
            return;
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
        self.tell(Error::Closed { what: "consumer" });
        self.slots.iter().for_each(Slot::ring);
    }

    /// Whether the driver is gone.
    pub(crate) fn is_dead(&self) -> bool {
        self.is_dead
    }

    /// Whose what was fetched for this turn is.
    fn current(&mut self, turn: Turn) -> Option<&mut Slot> {
        self.slots.get_mut(turn.slot).filter(|slot| slot.fetching == turn.generation)
    }
}

#[cfg(test)]
pub(crate) mod tests;
