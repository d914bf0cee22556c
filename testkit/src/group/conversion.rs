//! Core: a group with members that changes its protocol (KIP-848): up when a member of the new
//! protocol comes to a classic group, down when the last such member has gone.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use kurier_protocol::data::consumer_protocol_assignment::ConsumerProtocolAssignment;
use kurier_protocol::data::consumer_protocol_subscription::ConsumerProtocolSubscription;
use kurier_protocol::data::decode_versioned;
use kurier_protocol::{ErrorCode, Str};

use super::assignor::Assignment;
use super::classic::Classic;
use super::consumer::{ClassicMember, Consumer, ConsumerMember, Place, Timers, assignment};
use super::member::{Awaits, Member};
use super::refusal::Refusal;
use super::settings::GroupSettings;
use super::topics::Topics;

/// Makes a consumer group of a classic one.
///
/// # Errors
///
/// Its members are not consumers, or the cluster does not change the protocol of groups.
pub(super) fn upgrade(
    id: &str,
    classic: &Classic,
    now: Instant,
    topics: &Topics,
    settings: &GroupSettings,
) -> Result<Consumer, Refusal> {
    let refused = |why: &str| {
        let message = format!("Cannot upgrade classic group {id} to consumer group because {why}.");
        Refusal::new(ErrorCode::GROUP_ID_NOT_FOUND, message)
    };
    if !settings.migration.upgrades() {
        return Err(refused("online upgrade is disabled"));
    }
    if classic.protocol_type().is_none_or(|spoken| spoken != "consumer") {
        return Err(refused("the group does not use the consumer embedded protocol"));
    }
    if classic.all_members().count() > settings.consumer_members_max {
        return Err(refused("the group size exceeds the consumer group maximum size"));
    }
    let protocol = classic.elected().ok_or(ErrorCode::UNKNOWN_SERVER_ERROR)?;
    let mut members = BTreeMap::new();
    for (id, member) in classic.all_members() {
        let malformed = || refused("the embedded consumer protocol is malformed");
        let said = decode_versioned::<ConsumerProtocolSubscription>(&member.metadata(protocol));
        let said = said.map_err(|_| malformed())?;
        let mut given = Assignment::new();
        if !member.assignment.is_empty() {
            let read = decode_versioned::<ConsumerProtocolAssignment>(&member.assignment);
            let read = read.map_err(|_| malformed())?;
            if read.user_data.is_some_and(|data| !data.is_empty()) {
                return Err(refused(
                    "an unsupported custom assignor is in use. Please refer to the documentation \
                     or switch to a default assignor before re-attempting the upgrade",
                ));
            }
            for assigned in read.assigned_partitions {
                if let Some((topic, _)) = topics.get(&assigned.topic) {
                    given.entry(*topic).or_default().extend(assigned.partitions);
                }
            }
        }
        let protocols = member.protocols.clone();
        let upgraded = ConsumerMember {
            instance: member.instance.clone(),
            rack: said.rack_id.filter(|rack| !rack.is_empty()),
            client_id: member.client_id.clone(),
            names: said.topics.into_iter().collect(),
            regex: None,
            assignor: None,
            rebalance: member.rebalance,
            classic: Some(ClassicMember { session: member.session, protocols }),
            place: Place::stable(classic.generation(), &given),
            timers: Timers { session: Some(now + member.session), ..Timers::default() },
        };
        members.insert(id.clone(), upgraded);
    }
    Ok(Consumer::of_members(classic.generation(), members, topics))
}

/// Makes a classic group of those members of a consumer group that stay; all of them speak the
/// classic protocol. They shall join again.
pub(super) fn downgrade(
    consumer: &Consumer,
    gone: &BTreeSet<Str>,
    now: Instant,
    topics: &Topics,
) -> Classic {
    let stay = consumer.members().filter(|(id, ..)| !gone.contains(*id));
    let members = stay.filter_map(|(id, member, target)| {
        let spoken = member.classic.as_ref()?;
        let metadata = spoken.protocols.first().map(|first| first.metadata.clone());
        let downgraded = Member {
            instance: member.instance.clone(),
            client_id: member.client_id.clone(),
            session: spoken.session,
            rebalance: member.rebalance,
            protocols: spoken.protocols.clone(),
            assignment: assignment(&target, topics, &metadata.unwrap_or_default()),
            awaits: Awaits::Nothing,
            deadline: Some(now + spoken.session),
            is_new: false,
            owes_sync: false,
        };
        Some((id.clone(), downgraded))
    });
    Classic::of_consumers(consumer.epoch, members.collect())
}
