//! `range`: neighbouring partitions of each topic to one member. *core*
//!
//! Each topic by itself: its members in order, and the first of them take one more where it does
//! not come out even. If racks matter (KIP-881), members take the partitions with a replica in
//! their rack first, and topics with the same members and as many partitions are taken as one, so
//! that equal numbers go to the same member.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::super::members::{GroupMember, GroupTopics, Plan};

pub(super) fn assign(members: &[GroupMember], topics: &GroupTopics) -> Plan {
    let mut plan: Plan = vec![Vec::new(); members.len()];
    let mut shares: Vec<Share<'_>> = topics
        .iter()
        .filter(|(_, partitions)| !partitions.is_empty())
        .map(|(topic, partitions)| Share::new(topic, partitions, members))
        .collect();
    if shares.iter().any(|share| share.heeds_racks) {
        assign_by_racks(&mut shares);
    }
    for share in &mut shares {
        share.assign_ranges(|_, _, _| true);
        for (member, number) in &share.given {
            if let Some(given) = plan.get_mut(*member) {
                given.push((Arc::clone(share.topic), *number));
            }
        }
    }
    plan
}

/// A topic that is divided.
struct Share<'a> {
    topic: &'a Arc<str>,
    /// The racks of each partition.
    racks: &'a [Vec<Arc<str>>],
    /// Its members in order: their number, their rack, how much they have.
    takers: Vec<Taker<'a>>,
    /// What nobody has yet.
    left: BTreeSet<i32>,
    /// What each has at least in the end.
    quota: usize,
    /// How many may still have one more.
    extras: usize,
    heeds_racks: bool,
    given: Vec<(usize, i32)>,
}

struct Taker<'a> {
    member: usize,
    rack: Option<&'a Arc<str>>,
    count: usize,
}

impl<'a> Share<'a> {
    fn new(topic: &'a Arc<str>, racks: &'a [Vec<Arc<str>>], members: &'a [GroupMember]) -> Self {
        let readers = members.iter().enumerate().filter(|(_, member)| member.reads(topic));
        let taker = |(member, of): (usize, &'a GroupMember)| Taker {
            member,
            rack: of.known_rack(),
            count: 0,
        };
        let takers: Vec<Taker<'a>> = readers.map(taker).collect();
        let count = takers.len().max(1);
        let left = (0..i32::try_from(racks.len()).unwrap_or(i32::MAX)).collect();
        Self {
            topic,
            racks,
            left,
            quota: racks.len() / count,
            extras: racks.len() % count,
            heeds_racks: heeds_racks(&takers, racks),
            takers,
            given: Vec::new(),
        }
    }

    fn has_replica(&self, taker: usize, number: i32) -> bool {
        let Some(taker) = self.takers.get(taker) else { return false };
        let at = usize::try_from(number).unwrap_or(usize::MAX);
        taker.rack.is_none_or(|rack| self.racks.get(at).is_some_and(|racks| racks.contains(rack)))
    }

    /// How much more a member may take.
    fn room(&self, taker: usize) -> usize {
        let most = self.quota + usize::from(self.extras > 0);
        self.takers.get(taker).map_or(0, |taker| most.saturating_sub(taker.count))
    }

    fn give(&mut self, taker: usize, numbers: &[i32]) {
        let Some(to) = self.takers.get_mut(taker).filter(|_| !numbers.is_empty()) else { return };
        to.count += numbers.len();
        if to.count > self.quota {
            self.extras = self.extras.saturating_sub(1);
        }
        for number in numbers {
            self.left.remove(number);
            self.given.push((to.member, *number));
        }
    }

    /// To each member in turn what it has room for, of what it may take.
    fn assign_ranges(&mut self, may: impl Fn(&Self, usize, i32) -> bool) {
        for taker in 0..self.takers.len() {
            let left = self.left.iter().copied();
            let numbers: Vec<i32> =
                left.filter(|number| may(self, taker, *number)).take(self.room(taker)).collect();
            self.give(taker, &numbers);
        }
    }
}

/// Whether it makes a difference to the members of a topic in which rack they read: not where
/// every partition is in every rack, nor where no member is in one.
fn heeds_racks(takers: &[Taker<'_>], racks: &[Vec<Arc<str>>]) -> bool {
    let own: BTreeSet<&Arc<str>> = takers.iter().filter_map(|taker| taker.rack).collect();
    let all: BTreeSet<&Arc<str>> = racks.iter().flatten().collect();
    let is_everywhere = |of: &Vec<Arc<str>>| of.iter().collect::<BTreeSet<_>>() == all;
    !own.is_disjoint(&all) && !racks.iter().all(is_everywhere)
}

/// Gives what can be read within a rack. Topics that are alike are taken as one.
fn assign_by_racks(shares: &mut [Share<'_>]) {
    let mut alike: BTreeMap<(Vec<usize>, usize), Vec<&mut Share<'_>>> = BTreeMap::new();
    for share in shares.iter_mut() {
        let readers = share.takers.iter().map(|taker| taker.member).collect();
        alike.entry((readers, share.racks.len())).or_default().push(share);
    }
    for ((readers, partition_count), mut together) in alike {
        let is_anywhere = |share: &&mut Share<'_>| share.takers.iter().all(|of| of.rack.is_none());
        if together.iter().all(is_anywhere) {
            continue;
        }
        match together.as_mut_slice() {
            [single] if single.heeds_racks => single.assign_ranges(Share::has_replica),
            [_] => {}
            several => assign_together(several, readers.len(), partition_count),
        }
    }
}

/// Each number of all topics to the first member that can read all of them within its rack.
fn assign_together(shares: &mut [&mut Share<'_>], taker_count: usize, partition_count: usize) {
    for number in 0..i32::try_from(partition_count).unwrap_or(i32::MAX) {
        let suits = |taker: &usize| {
            shares.iter().all(|share| share.room(*taker) > 0 && share.has_replica(*taker, number))
        };
        if let Some(taker) = (0..taker_count).find(suits) {
            for share in shares.iter_mut() {
                share.give(taker, &[number]);
            }
        }
    }
}
