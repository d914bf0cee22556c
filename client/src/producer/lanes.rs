//! Core: the lanes of all partitions: which are ready, which back off, which expire.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::mem;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::accumulator::Partition;
use super::lane::Lane;
use crate::backoff::Backoff;

/// The lanes, by their partitions' slots.
#[derive(Debug)]
pub(crate) struct Lanes {
    lanes: Vec<Option<Lane>>,
    backoff: Backoff,
    delivery_timeout: Duration,
    /// Those that may have something to send, in turn.
    ready: VecDeque<usize>,
    backing_off: BTreeSet<(Instant, usize)>,
    /// Those of them that try again when there is news of the cluster.
    heeding: BTreeSet<usize>,
    /// When the oldest batch of each has its delivery timeout.
    expiry: BTreeSet<(Instant, usize)>,
}

impl Lanes {
    pub(crate) fn new(backoff: Backoff, delivery_timeout: Duration) -> Self {
        Self {
            lanes: Vec::new(),
            backoff,
            delivery_timeout,
            ready: VecDeque::new(),
            backing_off: BTreeSet::new(),
            heeding: BTreeSet::new(),
            expiry: BTreeSet::new(),
        }
    }

    pub(crate) fn get(&self, slot: usize) -> Option<&Lane> {
        self.lanes.get(slot)?.as_ref()
    }

    pub(crate) fn get_mut(&mut self, slot: usize) -> Option<&mut Lane> {
        self.lanes.get_mut(slot)?.as_mut()
    }

    /// The lane of a partition, which may be new.
    pub(crate) fn of(&mut self, partition: &Arc<Partition>) -> &mut Lane {
        let slot = partition.slot;
        if self.lanes.len() <= slot {
            self.lanes.resize_with(slot + 1, || None);
        }
        let new = || Lane::new(Arc::clone(partition), self.backoff.clone());
        // Invariant: the lines above made room for this slot.
        #[expect(clippy::indexing_slicing, reason = "see the invariant")]
        self.lanes[slot].get_or_insert_with(new)
    }

    /// All of them.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Lane> {
        self.lanes.iter().flatten()
    }

    /// Puts a lane into the queue, if it does not stand in one.
    pub(crate) fn queue(&mut self, slot: usize) {
        if let Some(lane) = self.lanes.get_mut(slot).and_then(Option::as_mut)
            && !mem::replace(&mut lane.is_queued, true)
        {
            self.ready.push_back(slot);
        }
    }

    /// Puts lanes that waited elsewhere back into the queue.
    pub(crate) fn requeue(&mut self, slots: impl IntoIterator<Item = usize>) {
        self.ready.extend(slots);
    }

    pub(crate) fn ready_count(&self) -> usize {
        self.ready.len()
    }

    pub(crate) fn pop_ready(&mut self) -> Option<usize> {
        let slot = self.ready.pop_front()?;
        if let Some(lane) = self.get_mut(slot) {
            lane.is_queued = false;
        }
        Some(slot)
    }

    /// Lets an open batch go.
    pub(crate) fn make_due(&mut self, slot: usize, number: u64) {
        if let Some(lane) = self.get_mut(slot)
            && lane.taken < number
        {
            lane.due = lane.due.max(number);
            self.queue(slot);
        }
    }

    /// Lets everything that is open go; returns the newest batch of each partition.
    pub(crate) fn hurry(&mut self) -> BTreeMap<usize, u64> {
        let newest = |lane: &Lane| Some((lane.partition.slot, lane.newest()?));
        let targets: BTreeMap<_, _> = self.lanes.iter().flatten().filter_map(newest).collect();
        for (&slot, &number) in &targets {
            self.make_due(slot, number);
        }
        targets
    }

    /// Lets a lane try nothing before a time.
    pub(crate) fn back_off(&mut self, slot: usize, until: Instant) {
        if let Some(lane) = self.get_mut(slot)
            && lane.retry_at.is_none()
        {
            lane.retry_at = Some(until);
            self.backing_off.insert((until, slot));
        }
    }

    /// Lets news of the cluster end a lane's wait.
    pub(crate) fn heed_news(&mut self, slot: usize) {
        if self.get(slot).is_some_and(|lane| lane.retry_at.is_some()) {
            self.heeding.insert(slot);
        }
    }

    /// Lets lanes try again whose time has come.
    pub(crate) fn pass_time(&mut self, now: Instant) {
        while let Some(&(at, slot)) = self.backing_off.first()
            && at <= now
        {
            self.end_backoff(slot);
        }
    }

    /// Lets lanes look again that wait for news.
    pub(crate) fn handle_picture(&mut self) {
        for slot in mem::take(&mut self.heeding) {
            self.end_backoff(slot);
        }
    }

    fn end_backoff(&mut self, slot: usize) {
        self.heeding.remove(&slot);
        if let Some(at) = self.get_mut(slot).and_then(|lane| lane.retry_at.take()) {
            self.backing_off.remove(&(at, slot));
        }
        self.queue(slot);
    }

    /// Notes when the oldest batch of a lane expires, after it has changed.
    pub(crate) fn update_expiry(&mut self, slot: usize) {
        let timeout = self.delivery_timeout;
        let Some(lane) = self.get_mut(slot) else { return };
        let wanted = lane.oldest().map(|(_, opened)| opened + timeout);
        let noted = mem::replace(&mut lane.expires, wanted);
        if noted != wanted {
            noted.map(|at| self.expiry.remove(&(at, slot)));
            wanted.map(|at| self.expiry.insert((at, slot)));
        }
    }

    /// A lane whose oldest batch has its delivery timeout now.
    pub(crate) fn pop_expired(&mut self, now: Instant) -> Option<usize> {
        let (at, slot) = *self.expiry.first()?;
        if at > now {
            return None;
        }
        self.expiry.pop_first();
        if let Some(lane) = self.get_mut(slot) {
            lane.expires = None;
        }
        Some(slot)
    }

    /// A piece of a batch has its outcome.
    pub(crate) fn settle(&mut self, slot: usize, number: u64) {
        if let Some(lane) = self.get_mut(slot) {
            lane.settle(number);
        }
        self.update_expiry(slot);
    }

    /// When something happens by itself.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        let firsts = [self.backing_off.first(), self.expiry.first()];
        firsts.into_iter().flatten().map(|(at, _)| *at).min()
    }

    /// Some partition that has a record without an outcome.
    pub(crate) fn unsettled(&self) -> Option<&Lane> {
        let (_, slot) = self.expiry.first()?;
        self.get(*slot)
    }

    /// Drops all lanes, so that the deliveries of what is in them fail.
    pub(crate) fn abandon(&mut self) {
        for lane in self.lanes.iter_mut().flatten() {
            lane.partition.abandon();
        }
        let (backoff, delivery_timeout) = (self.backoff.clone(), self.delivery_timeout);
        *self = Self::new(backoff, delivery_timeout);
    }
}

#[cfg(test)]
mod tests {
    use kurier_protocol::record::Magic;

    use super::*;

    const S: Duration = Duration::from_secs(1);

    /// That many lanes; a batch of one times out after 10 s.
    fn lanes(count: usize) -> (Lanes, Instant) {
        let mut lanes = Lanes::new(Backoff::new(S, S), 10 * S);
        for slot in 0..count {
            lanes.of(&Arc::new(Partition::new("t".into(), 0, slot, Magic::V2)));
        }
        (lanes, tokio::time::Instant::now().into_std())
    }

    fn note(lanes: &mut Lanes, slot: usize, number: u64, opened: Instant) {
        assert!(lanes.get_mut(slot).unwrap().note(number, opened));
        lanes.update_expiry(slot);
    }

    fn ready(lanes: &mut Lanes) -> Vec<usize> {
        std::iter::from_fn(|| lanes.pop_ready()).collect()
    }

    #[test]
    fn a_lane_stands_in_the_queue_once_and_in_turn() {
        let (mut lanes, _) = lanes(3);
        [2, 0, 2, 2, 9].into_iter().for_each(|slot| lanes.queue(slot));
        assert_eq!(ready(&mut lanes), [2, 0]);
        lanes.queue(2);
        assert_eq!(ready(&mut lanes), [2]);
    }

    #[test]
    fn a_batch_that_was_taken_is_not_made_due() {
        let (mut lanes, _) = lanes(1);
        lanes.get_mut(0).unwrap().taken = 3;
        lanes.make_due(0, 3);
        assert!(ready(&mut lanes).is_empty());
        lanes.make_due(0, 4);
        assert_eq!((ready(&mut lanes), lanes.get(0).unwrap().due), (vec![0], 4));
    }

    #[test]
    fn hurrying_makes_all_that_is_unsettled_due() {
        let (mut lanes, now) = lanes(3);
        note(&mut lanes, 0, 1, now);
        note(&mut lanes, 0, 2, now);
        note(&mut lanes, 2, 7, now);
        assert_eq!(lanes.hurry(), BTreeMap::from([(0, 2), (2, 7)]));
        assert_eq!(ready(&mut lanes), [0, 2]);
    }

    #[test]
    fn a_lane_that_backs_off_is_ready_when_its_time_has_come() {
        let (mut lanes, now) = lanes(2);
        lanes.back_off(1, now + 2 * S);
        lanes.back_off(0, now + S);
        lanes.back_off(0, now + 9 * S);
        assert_eq!(lanes.deadline(), Some(now + S));
        lanes.pass_time(now + S);
        assert_eq!(ready(&mut lanes), [0]);
        // News of the cluster do not cut a backoff short.
        lanes.handle_picture();
        assert!(ready(&mut lanes).is_empty());
        lanes.pass_time(now + 2 * S);
        assert_eq!((ready(&mut lanes), lanes.deadline()), (vec![1], None));
    }

    #[test]
    fn a_lane_that_heeds_news_is_ready_when_there_are_some() {
        let (mut lanes, now) = lanes(2);
        lanes.heed_news(0);
        assert_eq!(lanes.deadline(), None, "it does not wait");
        lanes.back_off(0, now + S);
        lanes.heed_news(0);
        lanes.handle_picture();
        assert_eq!((ready(&mut lanes), lanes.deadline()), (vec![0], None));
    }

    #[test]
    fn the_oldest_batch_without_an_outcome_expires_first() {
        let (mut lanes, now) = lanes(2);
        note(&mut lanes, 0, 2, now + 3 * S);
        note(&mut lanes, 1, 1, now + 2 * S);
        // Told later, as two callers may be.
        note(&mut lanes, 0, 1, now + S);
        assert_eq!(lanes.deadline(), Some(now + 11 * S));
        assert_eq!(lanes.unsettled().map(|lane| lane.partition.slot), Some(0));
        lanes.settle(0, 1);
        assert_eq!(lanes.deadline(), Some(now + 12 * S));
        assert_eq!(lanes.pop_expired(now + 11 * S), None);
        assert_eq!(lanes.pop_expired(now + 13 * S), Some(1));
        assert_eq!(lanes.pop_expired(now + 13 * S), Some(0));
        assert_eq!(lanes.pop_expired(now + 13 * S), None);
    }

    #[test]
    fn a_batch_in_two_pieces_is_settled_when_both_are() {
        let (mut lanes, now) = lanes(1);
        note(&mut lanes, 0, 1, now);
        lanes.get_mut(0).unwrap().note_split(1);
        lanes.settle(0, 1);
        assert!(lanes.unsettled().is_some());
        lanes.settle(0, 1);
        assert!(lanes.unsettled().is_none());
    }
}
