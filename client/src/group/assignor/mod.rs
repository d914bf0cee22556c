//! `Assignor`: how the partitions of a group's topics are divided among its members.

mod range;
mod round_robin;
mod claims;
mod balance;
mod sticky;

use std::collections::BTreeMap;
use std::fmt;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Arc;

use bytes::Bytes;
use kurier_protocol::data::sticky_assignor::{
    CooperativeStickyAssignorUserData, StickyAssignorUserData, TopicAssignment,
};
use kurier_protocol::encode;

use self::claims::Source;
use super::members::{GroupMember, GroupTopics, Plan};
use crate::error::Error;
use crate::transactions::TopicPartition;

/// How partitions are divided. Members of a group must have one in common; of several the group
/// uses the one that most of its members name first.
#[non_exhaustive]
#[derive(Clone, Debug)]
pub enum Assignor {
    /// Neighbouring partitions of each topic to one member, those of the same number of different
    /// topics to the same one where subscriptions are equal. Prefers members in the racks of
    /// replicas (KIP-881). Kafka: `range`.
    Range,
    /// The partitions in turn, to one member after the other. Kafka: `roundrobin`.
    RoundRobin,
    /// As even as can be, with as few moves as that takes, rarely one more; members give up
    /// everything before (KIP-54). Of equal members the ones with the first ids get more, as with
    /// Java's. Kafka: `sticky`.
    Sticky,
    /// The same, and members go on with what stays theirs: what moves is given up first, and
    /// handed out in the round after that (KIP-429). Kafka: `cooperative-sticky`.
    CooperativeSticky,
    /// One of the program's own.
    Own(Arc<dyn Assign>),
}

/// An assignor of the program's own. All members of the group must have it under the same name.
/// If it panics, the member ends, and [`Consumer::next`](crate::Consumer::next) says so. What a
/// consumer needs to know of it, its name and whether it is cooperative, it asks before it starts:
/// a panic there is an error of [`start`](crate::consumer::ConsumerBuilder::start).
pub trait Assign: fmt::Debug + Send + Sync {
    /// The name that members agree on.
    fn name(&self) -> &str;

    /// Whether members go on with what they hold until it is given to somebody else. What moves
    /// is then kept from its next holder until the last one has given it up, whatever the plan
    /// says.
    fn is_cooperative(&self) -> bool {
        false
    }

    /// What the member tells the one that divides: it holds these since this generation.
    fn user_data(&self, held: &[TopicPartition], generation: i32) -> Option<Bytes> {
        let _ = (held, generation);
        None
    }

    /// Divides the partitions. It must give the same whenever it is asked the same.
    fn assign(&self, members: &[GroupMember], topics: &GroupTopics) -> Plan;
}

impl Assignor {
    /// The name that members agree on.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Range => "range",
            Self::RoundRobin => "roundrobin",
            Self::Sticky => "sticky",
            Self::CooperativeSticky => "cooperative-sticky",
            Self::Own(own) => own.name(),
        }
    }

    /// The same, where the program's own is not asked for its name any more, nor whether it is
    /// cooperative: a panic in there ends no task, and no answer differs from the one before.
    ///
    /// # Errors
    ///
    /// The program's own assignor panicked.
    pub(crate) fn known(&self) -> Result<Self, Error> {
        let Self::Own(own) = self else { return Ok(self.clone()) };
        let said = || (own.name().to_owned(), own.is_cooperative());
        let (name, is_cooperative) = contain("of the program's own", said)?;
        let own = Arc::clone(own);
        Ok(Self::Own(Arc::new(Known { own, name, is_cooperative })))
    }

    /// Whether members go on with what stays theirs while partitions are divided.
    #[must_use]
    pub fn is_cooperative(&self) -> bool {
        match self {
            Self::Range | Self::RoundRobin | Self::Sticky => false,
            Self::CooperativeSticky => true,
            Self::Own(own) => own.is_cooperative(),
        }
    }

    fn is_sticky(&self) -> bool {
        matches!(self, Self::Sticky | Self::CooperativeSticky)
    }

    /// What a member tells the one that divides, besides what it reads and holds: it was given
    /// these in this generation.
    #[must_use]
    pub fn user_data(&self, held: &[TopicPartition], generation: i32) -> Option<Bytes> {
        match self {
            Self::Range | Self::RoundRobin => None,
            Self::Sticky if held.is_empty() => None,
            Self::Sticky => {
                let mut topics: BTreeMap<&Arc<str>, Vec<i32>> = BTreeMap::new();
                for (topic, partition) in held {
                    topics.entry(topic).or_default().push(*partition);
                }
                let topic = |(topic, partitions): (&Arc<str>, _)| TopicAssignment {
                    topic: (&**topic).into(),
                    partitions,
                };
                let previous_assignment = topics.into_iter().map(topic).collect();
                Some(StickyAssignorUserData { previous_assignment, generation }.to_bytes())
            }
            Self::CooperativeSticky => {
                encode(&CooperativeStickyAssignorUserData { generation }, 0).ok()
            }
            Self::Own(own) => own.user_data(held, generation),
        }
    }

    /// The same, for who cannot be stopped by a program's assignor that panics.
    pub(crate) fn said(
        &self,
        held: &[TopicPartition],
        generation: i32,
    ) -> Result<Option<Bytes>, Error> {
        contain(self.name(), || self.user_data(held, generation))
    }

    /// Divides the partitions of these topics. What it gives depends on what the members are, not
    /// on the order in which they are listed. With a cooperative assignor, what another member
    /// still holds is given to nobody.
    ///
    /// # Errors
    ///
    /// The program's own assignor gave a partition to two members, to one that does not read its
    /// topic, or one that does not exist; or it panicked.
    pub fn assign(&self, members: &[GroupMember], topics: &GroupTopics) -> Result<Plan, Error> {
        let mut order: Vec<usize> = (0..members.len()).collect();
        order.sort_by(|a, b| match (members.get(*a), members.get(*b)) {
            // Java's sticky ones have no eye for static members, who keep what they had.
            (Some(a), Some(b)) if self.is_sticky() => a.id.cmp(&b.id),
            (Some(a), Some(b)) => a.order(b),
            _ => a.cmp(b),
        });
        let sorted: Vec<GroupMember> =
            order.iter().filter_map(|at| members.get(*at).cloned()).collect();
        let mut plan = match self {
            Self::Range => range::assign(&sorted, topics),
            Self::RoundRobin => round_robin::assign(&sorted, topics),
            Self::Sticky => sticky::assign(&sorted, topics, Source::UserData),
            Self::CooperativeSticky => sticky::assign(&sorted, topics, Source::Owned),
            Self::Own(own) => {
                let plan = contain(self.name(), || own.assign(&sorted, topics))?;
                check(self.name(), &plan, (&sorted, topics))?;
                plan
            }
        };
        if self.is_cooperative() {
            claims::withhold(&mut plan, &sorted);
        }
        let mut placed = vec![Vec::new(); members.len()];
        for (at, mut given) in order.into_iter().zip(plan) {
            given.sort_unstable();
            if let Some(place) = placed.get_mut(at) {
                *place = given;
            }
        }
        Ok(placed)
    }
}

/// One of the program's own that has been asked for its name.
#[derive(Debug)]
struct Known {
    own: Arc<dyn Assign>,
    name: String,
    is_cooperative: bool,
}

impl Assign for Known {
    fn name(&self) -> &str {
        &self.name
    }

    fn is_cooperative(&self) -> bool {
        self.is_cooperative
    }

    fn user_data(&self, held: &[TopicPartition], generation: i32) -> Option<Bytes> {
        self.own.user_data(held, generation)
    }

    fn assign(&self, members: &[GroupMember], topics: &GroupTopics) -> Plan {
        self.own.assign(members, topics)
    }
}

/// Calls what a program has written, and makes an error of a panic.
fn contain<T>(assignor: &str, call: impl FnOnce() -> T) -> Result<T, Error> {
    panic::catch_unwind(AssertUnwindSafe(call)).map_err(|thrown| {
        let text = thrown.downcast_ref::<&str>().copied();
        let text = text.or_else(|| thrown.downcast_ref::<String>().map(|text| &**text));
        let text = text.unwrap_or("it does not say why");
        fault(assignor, format!("it panicked: {text}"))
    })
}

fn fault(assignor: &str, what: String) -> Error {
    Error::invalid(format!("assignor {assignor} (partition.assignment.strategy)"), what)
}

/// Whether a plan gives each partition once at most, and to a member that reads it.
fn check(
    assignor: &str,
    plan: &Plan,
    (members, topics): (&[GroupMember], &GroupTopics),
) -> Result<(), Error> {
    let fault = |what: String| Err(fault(assignor, what));
    if plan.len() != members.len() {
        return fault(format!("it divides among {} of {} members", plan.len(), members.len()));
    }
    let mut givens: BTreeMap<&TopicPartition, &str> = BTreeMap::new();
    for (member, given) in members.iter().zip(plan) {
        for of @ (topic, partition) in given {
            let exists = usize::try_from(*partition)
                .is_ok_and(|partition| partition < topics.partition_count(topic));
            if !exists {
                return fault(format!(
                    "it hands out partition {partition} of {topic}, which is not there"
                ));
            }
            if !member.reads(topic) {
                return fault(format!("it gives {topic} to {}, which does not read it", member.id));
            }
            if let Some(other) = givens.insert(of, &member.id) {
                let both = format!("{other} and {}", member.id);
                return fault(format!("it gives partition {partition} of {topic} to {both}"));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
