//! `sticky` and `cooperative-sticky`: as even as can be, with few moves. *core*

use std::collections::BTreeMap;
use std::sync::Arc;

use super::super::members::{GroupMember, GroupTopics, Plan, numbered};
use super::balance::{Class, Piece, Problem, balance};
use super::claims::{Source, holders};
use crate::transactions::TopicPartition;

pub(super) fn assign(members: &[GroupMember], topics: &GroupTopics, source: Source) -> Plan {
    let (problem, partitions) = problem(members, topics, source);
    let solution = balance(&problem);
    if !solution.is_level {
        tracing::warn!(
            members = members.len(),
            partitions = partitions.len(),
            steps = solution.steps,
            "the subscriptions of the group are too entangled to be divided quite evenly"
        );
    }
    let mut plan: Plan = vec![Vec::new(); members.len()];
    for (partition, owner) in partitions.into_iter().zip(solution.owners) {
        if let Some(given) = plan.get_mut(owner) {
            given.push(partition);
        }
    }
    plan
}

/// The partitions that somebody reads, in order, and who may have them. Topics with the same
/// readers are of one class.
pub(super) fn problem(
    members: &[GroupMember],
    topics: &GroupTopics,
    source: Source,
) -> (Problem, Vec<TopicPartition>) {
    let mut classes: Vec<Class> = Vec::new();
    let mut known: BTreeMap<Vec<usize>, usize> = BTreeMap::new();
    let (mut pieces, mut partitions) = (Vec::new(), Vec::new());
    let homes = holders(members, source);
    let racks = Racks::of(members, topics);
    for (topic, replicas) in topics.iter() {
        let readers: Vec<usize> = members
            .iter()
            .enumerate()
            .filter(|(_, member)| member.reads(topic))
            .map(|(at, _)| at)
            .collect();
        if readers.is_empty() {
            continue;
        }
        let class = *known.entry(readers).or_insert_with_key(|readers| {
            classes.push(Class { members: readers.clone() });
            classes.len() - 1
        });
        let readers = classes.get(class).map_or(&[][..], |class| &class.members);
        for (of, racks_of) in numbered(topic, replicas.len()).zip(replicas) {
            let home = homes.get(&of).copied().filter(|home| readers.binary_search(home).is_ok());
            let nearby = racks.as_ref().map_or_else(Vec::new, |racks| racks.nearby(racks_of));
            pieces.push(Piece { class, home, nearby });
            partitions.push(of);
        }
    }
    (Problem { member_count: members.len(), classes, pieces }, partitions)
}

/// Who is in which rack, if that makes a difference.
struct Racks<'a> {
    members: BTreeMap<&'a Arc<str>, Vec<usize>>,
}

impl<'a> Racks<'a> {
    fn of(members: &'a [GroupMember], topics: &GroupTopics) -> Option<Self> {
        let mut by_rack: BTreeMap<&Arc<str>, Vec<usize>> = BTreeMap::new();
        for (at, member) in members.iter().enumerate() {
            if let Some(rack) = member.known_rack() {
                by_rack.entry(rack).or_default().push(at);
            }
        }
        let mut racks = topics.iter().flat_map(|(_, partitions)| partitions).flatten();
        racks.any(|rack| by_rack.contains_key(rack)).then_some(Self { members: by_rack })
    }

    /// The members in the racks of a partition's replicas.
    fn nearby(&self, racks: &[Arc<str>]) -> Vec<usize> {
        let mut nearby: Vec<usize> =
            racks.iter().filter_map(|rack| self.members.get(rack)).flatten().copied().collect();
        nearby.sort_unstable();
        nearby.dedup();
        nearby
    }
}
