//! The end of what a member of a group has to read: where its partitions end when it is given them,
//! or once the group has given it none for a while.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use kurier_client::consumer::Control;
use kurier_client::group::{GroupEvent, Loss, Revocation};
use kurier_client::offsets::{FoundOffset, Isolation, Position};
use kurier_client::{Client, Error};
use tokio::time::Instant;

/// The ends of the partitions that a member has, each as it was when the member was seen to have
/// it.
#[derive(Debug)]
pub(super) struct CaughtUp {
    client: Client,
    isolation: Isolation,
    ends: Ends,
    /// When it was looked up what the member has and where that stands, since something has
    /// happened to the member.
    looked_at: Option<Instant>,
    share: Share,
}

/// Where partitions end.
#[derive(Debug, Default)]
struct Ends {
    of: BTreeMap<Arc<str>, BTreeMap<i32, End>>,
    /// How many partitions there are.
    held: usize,
    /// How many of them are read to their ends.
    read: usize,
    /// Whether all that had come was taken when there was last a look at what comes.
    is_idle: bool,
}

#[derive(Debug)]
struct End {
    offset: i64,
    /// Whether a broker had answered for the place of the partition when it was last looked at.
    is_heard: bool,
    is_read: bool,
}

impl End {
    fn new(offset: i64) -> Self {
        Self { offset, is_heard: false, is_read: false }
    }
}

/// What a group has for a member, as far as that knows.
#[derive(Debug, Default)]
struct Share {
    /// Since when it has been as it is, unless the group divides its partitions now.
    since: Option<Instant>,
}

impl CaughtUp {
    pub(super) fn new(client: Client, isolation: Isolation) -> Self {
        let (ends, share) = (Ends::default(), Share::default());
        Self { client, isolation, ends, looked_at: None, share }
    }

    /// Something has happened to the member.
    pub(super) fn handle(&mut self, event: &GroupEvent) {
        self.looked_at = None;
        self.share.handle(Instant::now(), event);
    }

    /// All that had come is taken.
    pub(super) fn handle_idle(&mut self) {
        (self.looked_at, self.ends.is_idle) = (None, true);
    }

    /// A partition was read up to this offset.
    pub(super) fn note(&mut self, topic: &str, partition: i32, position: i64) {
        self.ends.is_idle = false;
        self.ends.note(topic, partition, position);
    }

    /// Whether the member has been given all that was in its partitions. One that has none is
    /// there once the group has left it so for a while.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing.
    pub(super) async fn is_reached(&mut self, control: &Control) -> Result<bool, Error> {
        let is_fresh = self.looked_at.is_some_and(|at| at.elapsed() < LOOK_AFTER);
        if is_fresh && !self.ends.are_reached() {
            return Ok(false);
        }
        let held = control.assignment();
        let new = self.ends.keep(&held);
        if !new.is_empty() {
            let offsets = self.client.offsets().isolation(self.isolation);
            self.ends.insert(offsets.at(Position::Latest, new).await?);
        }
        self.ends.look(|topic, partition| {
            (control.position(topic, partition), control.lag(topic, partition).is_some())
        });
        self.looked_at = Some(Instant::now());
        if held.is_empty() {
            return Ok(self.share.lasts(Instant::now()));
        }
        Ok(self.ends.are_reached())
    }
}

impl Ends {
    /// Forgets all but these; gives those of them that are new.
    fn keep(&mut self, held: &[(Arc<str>, i32)]) -> Vec<(Arc<str>, i32)> {
        let all: BTreeSet<&(Arc<str>, i32)> = held.iter().collect();
        for (topic, partitions) in &mut self.of {
            partitions.retain(|index, _| all.contains(&(Arc::clone(topic), *index)));
        }
        self.held = all.len();
        self.count();
        let is_new = |(topic, index): &&(Arc<str>, i32)| {
            !self.of.get(topic).is_some_and(|of| of.contains_key(index))
        };
        held.iter().filter(is_new).cloned().collect()
    }

    fn insert(&mut self, found: Vec<FoundOffset>) {
        for one in found {
            if let Some(offset) = one.offset {
                self.of.entry(one.topic).or_default().insert(one.partition, End::new(offset));
            }
        }
    }

    fn note(&mut self, topic: &str, partition: i32, position: i64) {
        let end = self.of.get_mut(topic).and_then(|of| of.get_mut(&partition));
        if let Some(end) = end.filter(|end| !end.is_read && position >= end.offset) {
            end.is_read = true;
            self.read += 1;
        }
    }

    /// Looks where those stand that are not read yet, and whether a broker has answered for them.
    ///
    /// Where a group says that a partition stands is where it is only when a broker has answered
    /// for that place: the log may end before it, and then the partition goes elsewhere. That comes
    /// before the answer, but what has come counts only when it is taken.
    fn look(&mut self, place: impl Fn(&str, i32) -> (Option<i64>, bool)) {
        let is_idle = std::mem::take(&mut self.is_idle);
        for (topic, partitions) in &mut self.of {
            for (index, end) in partitions.iter_mut().filter(|(_, end)| !end.is_read) {
                let (position, is_heard) = place(topic, *index);
                let is_there = |at: i64| at == end.offset || (is_idle && at > end.offset);
                end.is_read = end.is_heard && position.is_some_and(is_there);
                end.is_heard = is_heard;
            }
        }
        self.count();
    }

    fn count(&mut self) {
        self.read = self.of.values().flat_map(BTreeMap::values).filter(|end| end.is_read).count();
    }

    fn are_reached(&self) -> bool {
        self.read == self.held
    }
}

impl Share {
    fn handle(&mut self, now: Instant, event: &GroupEvent) {
        match event {
            GroupEvent::Assigned { .. } => self.since = Some(now),
            // The coordinator says no more about it (KIP-848).
            GroupEvent::Revoked { why: Revocation::Moved, .. }
            | GroupEvent::Lost { why: Loss::TooSlow, .. } => self.since = Some(now),
            GroupEvent::Revoked { .. } | GroupEvent::Lost { .. } => self.since = None,
            _ => {}
        }
    }

    fn lasts(&self, now: Instant) -> bool {
        self.since.is_some_and(|since| now.duration_since(since) >= SETTLED_AFTER)
    }
}

/// How long a member waits for records before it looks whether it is there.
pub(super) const LOOK_AFTER: Duration = Duration::from_millis(100);

/// A member may be given nothing at first, until others have given up what shall be its own: they
/// hear of that by their next heartbeat, and it by its own, in five seconds each by default.
const SETTLED_AFTER: Duration = Duration::from_secs(15);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_has_nothing_to_wait_for_once_its_group_has_left_it_without_partitions_for_a_while()
    {
        let start = Instant::now();
        let after = |seconds| start + Duration::from_secs(seconds);
        let given = |generation| GroupEvent::Assigned { partitions: Vec::new(), generation };
        let mut share = Share::default();
        assert!(!share.lasts(after(3600)), "it is no member yet");
        share.handle(after(3600), &given(1));
        assert!(!share.lasts(after(3614)));
        share.handle(after(3614), &given(2));
        assert!(!share.lasts(after(3628)) && share.lasts(after(3629)));
        let lost = GroupEvent::Lost { partitions: Vec::new(), why: Loss::Forgotten };
        share.handle(after(3630), &lost);
        assert!(!share.lasts(after(7200)), "it joins anew");
    }

    #[test]
    fn what_is_read_is_counted_and_what_is_another_members_does_not_count() {
        let of = |index: i32| (Arc::<str>::from("t"), index);
        let (mut ends, held) = (Ends::default(), [of(0), of(1), of(2)]);
        assert_eq!(ends.keep(&held), held);
        for (index, offset) in [(0, 5), (1, 0), (2, 7)] {
            let partitions = ends.of.entry("t".into()).or_default();
            partitions.insert(index, End::new(offset));
        }
        let first = |_: &str, index| ((index == 1).then_some(0), true);
        for _ in 0..2 {
            ends.look(first);
        }
        assert_eq!((ends.read, ends.held), (1, 3));
        ends.note("t", 0, 4);
        ends.note("t", 0, 6);
        ends.note("t", 0, 8);
        ends.note("u", 0, 8);
        assert_eq!((ends.read, ends.are_reached()), (2, false));
        assert!(ends.keep(&[of(0), of(1)]).is_empty());
        assert!(ends.are_reached());
        assert_eq!(ends.keep(&[of(0), of(3)]), [of(3)]);
        assert!(!ends.are_reached(), "where it ends is not known");
    }

    #[test]
    fn a_place_beyond_the_end_counts_once_a_broker_has_answered_and_all_that_had_come_is_taken() {
        let read = |looks: &[(bool, i64, bool)]| {
            let mut ends = Ends::default();
            ends.of.entry("t".into()).or_default().insert(0, End::new(10));
            for (is_idle, position, is_heard) in looks {
                ends.is_idle = *is_idle;
                ends.look(|_, _| (Some(*position), *is_heard));
            }
            ends.read == 1
        };
        assert!(!read(&[(true, 1000, false), (true, 1000, false)]), "nobody has answered");
        assert!(!read(&[(true, 1000, true), (true, 0, true)]), "it has gone elsewhere before");
        assert!(!read(&[(true, 1000, true), (false, 1000, true)]), "as may be told behind others");
        assert!(read(&[(true, 12, true), (true, 12, true)]), "the log has grown");
        assert!(read(&[(true, 10, true), (false, 10, true)]));
    }
}
