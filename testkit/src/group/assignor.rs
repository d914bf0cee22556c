//! Core: the assignors that a broker has for consumer groups (KIP-848): uniform and range.

use std::collections::{BTreeMap, BTreeSet};

use kurier_protocol::{Str, Uuid};

/// Partitions by topic id.
pub(crate) type Assignment = BTreeMap<Uuid, BTreeSet<i32>>;

/// How partitions are spread over members.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Assignor {
    /// Everyone has about as many, and keeps what it has.
    Uniform,
    /// Of each topic, everyone has a stretch.
    Range,
}

impl Assignor {
    /// The assignor of this name.
    pub(crate) fn named(name: &str) -> Option<Self> {
        match name {
            "uniform" => Some(Self::Uniform),
            "range" => Some(Self::Range),
            _ => None,
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Uniform => "uniform",
            Self::Range => "range",
        }
    }

    /// Spreads the partitions of topics over the members that read them.
    pub(super) fn assign(
        self,
        members: &[Reader],
        counts: &BTreeMap<Uuid, i32>,
    ) -> BTreeMap<Str, Assignment> {
        let targets = match self {
            Self::Uniform => uniform(members, counts),
            Self::Range => range(members, counts),
        };
        members.iter().map(|member| member.id.clone()).zip(targets).collect()
    }
}

/// A member as assignors see it.
#[derive(Clone, Debug)]
pub(super) struct Reader {
    pub(super) id: Str,
    pub(super) instance: Option<Str>,
    pub(super) topics: BTreeSet<Uuid>,
    /// What it was given last.
    pub(super) had: Assignment,
}

fn range(members: &[Reader], counts: &BTreeMap<Uuid, i32>) -> Vec<Assignment> {
    let mut targets = vec![Assignment::new(); members.len()];
    // Members that keep their name come first, so that they get the same when they come back.
    let mut order: Vec<usize> = (0..members.len()).collect();
    order.sort_by_key(|&index| {
        members
            .get(index)
            .map(|member| (member.instance.is_none(), member.instance.as_ref(), &member.id))
    });
    for (&topic, &count) in counts {
        let reads = |index: &usize| members.get(*index).is_some_and(|m| m.topics.contains(&topic));
        let readers: Vec<usize> = order.iter().copied().filter(reads).collect();
        let width = i32::try_from(readers.len()).unwrap_or(i32::MAX);
        let mut next = 0;
        for (turn, &reader) in (0..width).zip(&readers) {
            let share = count / width + i32::from(turn < count % width);
            if let Some(target) = targets.get_mut(reader)
                && share > 0
            {
                target.insert(topic, (next..next + share).collect());
            }
            next += share;
        }
    }
    targets
}

fn uniform(members: &[Reader], counts: &BTreeMap<Uuid, i32>) -> Vec<Assignment> {
    match members.first() {
        Some(first) if members.iter().all(|member| member.topics == first.topics) => {
            uniform_among_equals(members, counts)
        }
        _ => uniform_among_others(members, counts),
    }
}

/// Spreads partitions over members that all read the same: everyone keeps what fits into its share,
/// the rest goes to those who have less, in order. What is left over goes to those who have it
/// already, or else to the last ones, as on a broker.
fn uniform_among_equals(members: &[Reader], counts: &BTreeMap<Uuid, i32>) -> Vec<Assignment> {
    let all = counts.iter().flat_map(|(&topic, &count)| (0..count).map(move |p| (topic, p)));
    let all: BTreeSet<(Uuid, i32)> = all.collect();
    let mut over = all.len() % members.len().max(1);
    let share = all.len() / members.len().max(1);
    let mut targets = vec![Assignment::new(); members.len()];
    let (mut free, mut given_up, mut lacking) = (all.clone(), Vec::new(), Vec::new());
    for (index, (member, target)) in members.iter().zip(&mut targets).enumerate() {
        let mut has_more = over > 0;
        let mut room = share + usize::from(has_more);
        let had = member.had.iter().flat_map(|(&topic, had)| had.iter().map(move |&p| (topic, p)));
        for of in had.filter(|of| all.contains(of)) {
            if !free.remove(&of) {
                continue;
            }
            if room == 0 {
                given_up.push(of);
                continue;
            }
            room -= 1;
            target.entry(of.0).or_default().insert(of.1);
        }
        if room > 0 && has_more && members.len() - index > over {
            room -= 1;
            has_more = false;
        }
        lacking.push(room);
        over -= usize::from(has_more);
    }
    let mut rest = free.into_iter().chain(given_up);
    for (target, room) in targets.iter_mut().zip(lacking) {
        for (topic, partition) in rest.by_ref().take(room) {
            target.entry(topic).or_default().insert(partition);
        }
    }
    targets
}

fn uniform_among_others(members: &[Reader], counts: &BTreeMap<Uuid, i32>) -> Vec<Assignment> {
    let mut given: Vec<Vec<(Uuid, i32)>> = vec![Vec::new(); members.len()];
    let mut free: BTreeSet<(Uuid, i32)> =
        counts.iter().flat_map(|(&topic, &count)| (0..count).map(move |p| (topic, p))).collect();
    for (member, given) in members.iter().zip(&mut given) {
        for (&topic, partitions) in member.had.iter().filter(|(id, _)| member.topics.contains(id)) {
            given.extend(partitions.iter().map(|&p| (topic, p)).filter(|of| free.remove(of)));
        }
    }
    for of in free {
        let readers = members.iter().zip(&mut given).filter(|(m, _)| m.topics.contains(&of.0));
        if let Some((_, given)) = readers.min_by_key(|(_, given)| given.len()) {
            given.push(of);
        }
    }
    while let Some((from, at, to)) = unfair(members, &given) {
        let Some(moved) = given.get_mut(from).map(|given| given.remove(at)) else { break };
        if let Some(given) = given.get_mut(to) {
            given.push(moved);
        }
    }
    let targets = given.into_iter().map(|given| {
        let mut target = Assignment::new();
        for (topic, partition) in given {
            target.entry(topic).or_default().insert(partition);
        }
        target
    });
    targets.collect()
}

/// A partition of a member that has at least two more than another one that could take it.
fn unfair(members: &[Reader], given: &[Vec<(Uuid, i32)>]) -> Option<(usize, usize, usize)> {
    let mut order: Vec<usize> = (0..members.len()).collect();
    order.sort_by_key(|&index| std::cmp::Reverse(given.get(index).map_or(0, Vec::len)));
    for &from in &order {
        let has = given.get(from)?;
        for &to in order.iter().rev() {
            if given.get(to)?.len() + 2 > has.len() {
                break;
            }
            let reads = &members.get(to)?.topics;
            if let Some(at) = has.iter().rposition(|(topic, _)| reads.contains(topic)) {
                return Some((from, at, to));
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: Uuid = Uuid([1; 16]);
    const B: Uuid = Uuid([2; 16]);

    fn reader(id: &str, topics: &[Uuid], had: &[(Uuid, &[i32])]) -> Reader {
        let had = had.iter().map(|(topic, p)| (*topic, p.iter().copied().collect())).collect();
        let instance = None;
        Reader { id: id.into(), instance, topics: topics.iter().copied().collect(), had }
    }

    fn counts(target: &BTreeMap<Str, Assignment>) -> Vec<usize> {
        target.values().map(|given| given.values().map(BTreeSet::len).sum()).collect()
    }

    #[test]
    fn uniform_keeps_what_it_can_and_is_fair() {
        let topics = [(A, 4), (B, 3)].into();
        let members = [
            reader("m1", &[A, B], &[(A, &[0, 1, 2, 3]), (B, &[0, 1, 2])]),
            reader("m2", &[A, B], &[]),
        ];
        let target = Assignor::Uniform.assign(&members, &topics);
        assert_eq!(counts(&target), [4, 3]);
        assert!(target["m1"][&A].is_superset(&[0, 1, 2, 3].into()), "it keeps the first ones");
        let members = [reader("m1", &[A], &[]), reader("m2", &[A, B], &[])];
        assert_eq!(counts(&Assignor::Uniform.assign(&members, &topics)), [3, 4]);
    }

    #[test]
    fn uniform_gives_what_is_left_over_to_the_last_ones() {
        let none = [reader("m1", &[A], &[]), reader("m2", &[A], &[])];
        let target = Assignor::Uniform.assign(&none, &[(A, 3)].into());
        assert_eq!(target["m1"], Assignment::from([(A, [0].into())]));
        assert_eq!(target["m2"], Assignment::from([(A, [1, 2].into())]));
        let had = [reader("m1", &[A], &[(A, &[1, 2])]), reader("m2", &[A], &[])];
        let target = Assignor::Uniform.assign(&had, &[(A, 3)].into());
        assert_eq!(target["m1"], Assignment::from([(A, [1, 2].into())]), "it keeps what it has");
    }

    #[test]
    fn range_gives_stretches_of_each_topic() {
        let members = [reader("m1", &[A, B], &[]), reader("m2", &[A, B], &[])];
        let target = Assignor::Range.assign(&members, &[(A, 3), (B, 3)].into());
        assert_eq!(target["m1"], Assignment::from([(A, [0, 1].into()), (B, [0, 1].into())]));
        assert_eq!(target["m2"], Assignment::from([(A, [2].into()), (B, [2].into())]));
        let named = Reader { instance: Some("i".into()), ..reader("m3", &[A], &[]) };
        let target = Assignor::Range.assign(&[reader("m1", &[A], &[]), named], &[(A, 3)].into());
        assert_eq!(target["m3"], Assignment::from([(A, [0, 1].into())]), "it keeps its name");
    }
}
