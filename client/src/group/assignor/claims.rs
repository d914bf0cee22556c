//! Who holds which partition, by what the members say; and what must not move yet. *core*

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;
use kurier_protocol::data::sticky_assignor::StickyAssignorUserData;

use super::super::members::{GroupMember, Plan};
use crate::transactions::TopicPartition;

/// Where members say what they hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// In the user data: they have given everything up, and say what it was.
    UserData,
    /// In the subscription: they hold it.
    Owned,
}

/// Who held each partition last. Of two claims the one of the later generation counts (KIP-341,
/// KIP-792); if they are of the same, neither does.
pub(super) fn holders(members: &[GroupMember], source: Source) -> BTreeMap<TopicPartition, usize> {
    let mut claims: BTreeMap<TopicPartition, Claim> = BTreeMap::new();
    for (at, member) in members.iter().enumerate() {
        let (held, generation) = said(member, source);
        let mut own = BTreeSet::new();
        for of in held {
            if !own.insert(of.clone()) {
                continue;
            }
            let claim = Claim { generation, member: Some(at) };
            claims.entry(of).and_modify(|known| known.meet(claim)).or_insert(claim);
        }
    }
    claims.into_iter().filter_map(|(of, claim)| Some((of, claim.member?))).collect()
}

#[derive(Clone, Copy)]
struct Claim {
    generation: i32,
    /// None if several say so.
    member: Option<usize>,
}

impl Claim {
    fn meet(&mut self, other: Self) {
        if other.generation > self.generation {
            *self = other;
        } else if other.generation == self.generation {
            self.member = None;
        }
    }
}

/// What a member says that it was given last, and in which generation.
fn said(member: &GroupMember, source: Source) -> (Vec<TopicPartition>, i32) {
    let previous = |bytes: &Bytes| StickyAssignorUserData::from_bytes(bytes).ok();
    let user_data = member.user_data.as_ref().filter(|bytes| !bytes.is_empty());
    match source {
        Source::Owned if member.generation >= 0 => (member.owned.clone(), member.generation),
        // Before the subscription had a generation, it was four bytes by themselves; librdkafka
        // has it where `sticky` has it.
        Source::Owned => {
            let alone = user_data.and_then(|bytes| bytes.as_ref().try_into().ok());
            let generation = alone.map(i32::from_be_bytes);
            let said = || user_data.and_then(previous).map(|data| data.generation);
            (member.owned.clone(), generation.or_else(said).unwrap_or(-1))
        }
        Source::UserData => match user_data.and_then(previous) {
            Some(data) => {
                let mut held = Vec::new();
                for topic in data.previous_assignment {
                    let name: Arc<str> = (&*topic.topic).into();
                    held.extend(topic.partitions.into_iter().map(|n| (Arc::clone(&name), n)));
                }
                (held, data.generation)
            }
            None => (Vec::new(), -1),
        },
    }
}

/// Takes from a plan what would come to a member while another one still holds it, or while two
/// hold it. They give it up when they see that they have not got it; then there is another round.
pub(super) fn withhold(plan: &mut Plan, members: &[GroupMember]) {
    let mut owners: BTreeMap<&TopicPartition, Vec<usize>> = BTreeMap::new();
    for (at, member) in members.iter().enumerate() {
        for of in &member.owned {
            let owners = owners.entry(of).or_default();
            if owners.last() != Some(&at) {
                owners.push(at);
            }
        }
    }
    let generation = |at: &usize| members.get(*at).map(|member| said(member, Source::Owned).1);
    let generations: Vec<Option<i32>> = (0..members.len()).map(|at| generation(&at)).collect();
    let of_generation = |at: &usize| generations.get(*at).copied().flatten();
    for (at, given) in plan.iter_mut().enumerate() {
        given.retain(|of| {
            let Some(owners) = owners.get(of) else { return true };
            let newest = owners.iter().filter_map(of_generation).max();
            let mut holders = owners.iter().filter(|owner| of_generation(owner) == newest);
            holders.next() == Some(&at) && holders.next().is_none()
        });
    }
}
