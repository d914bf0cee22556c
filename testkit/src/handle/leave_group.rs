//! LeaveGroup: members leave a group, by themselves or by an administrator's hand.

use std::collections::BTreeSet;

use kurier_protocol::api::leave_group::{
    LeaveGroupRequest, LeaveGroupResponse, MemberIdentity, MemberResponse,
};
use kurier_protocol::{ErrorCode, Str};

use super::api::{Api, Context, Outcome};
use super::membership::{act, check};
use crate::group::{Claim, Kind};
use crate::state::State;

impl Api for LeaveGroupRequest {
    fn handle(&self, state: &mut State, context: &Context) -> Outcome<Self> {
        if let Err(code) = check(state, context, &self.group_id) {
            return Outcome::Answer(self.refuse(code));
        }
        if context.version < 3 {
            let member_id = self.member_id.clone();
            let only = [MemberIdentity { member_id, ..Default::default() }];
            let left = leave(state, context, &self.group_id, &only);
            let code = left.first().map_or(ErrorCode::NONE, |member| member.error_code);
            return Outcome::Answer(self.refuse(code));
        }
        let members = leave(state, context, &self.group_id, &self.members);
        Outcome::Answer(LeaveGroupResponse { members, ..Default::default() })
    }

    fn refuse(&self, error_code: ErrorCode) -> LeaveGroupResponse {
        LeaveGroupResponse { error_code, ..Default::default() }
    }
}

/// Lets members leave one after the other, and the rest of the group join again at the end.
fn leave(
    state: &mut State,
    context: &Context,
    group: &Str,
    members: &[MemberIdentity],
) -> Vec<MemberResponse> {
    let now = context.now.instant;
    let is_of_consumers =
        state.groups.get(group).is_some_and(|group| matches!(group.kind, Kind::Consumer(_)));
    if is_of_consumers {
        return leave_consumers(state, context, group, members);
    }
    let left = act(state, group, |classic, settings| {
        let left = members.iter().map(|member| answer(member, classic.leave(claim(member))));
        let left: Vec<MemberResponse> = left.collect();
        if left.iter().any(|member| member.error_code.is_ok()) {
            classic.rebalance(now, settings);
        }
        left
    });
    let unknown = |member| answer(member, Err(ErrorCode::UNKNOWN_MEMBER_ID));
    left.unwrap_or_else(|| members.iter().map(unknown).collect())
}

fn leave_consumers(
    state: &mut State,
    context: &Context,
    group: &Str,
    members: &[MemberIdentity],
) -> Vec<MemberResponse> {
    let place = (context.now.instant, &state.group_topics);
    let Some(mut group) = state.groups.find(group) else { return Vec::new() };
    let settings = group.settings;
    let mut gone = BTreeSet::new();
    let Kind::Consumer(consumer) = &group.kind else { return Vec::new() };
    let left = members.iter().map(|member| {
        let leaving = consumer.leaving(claim(member));
        answer(member, leaving.map(|id| gone.extend([id])))
    });
    let left = left.collect();
    group.fence(place, &gone, settings);
    left
}

fn claim(member: &MemberIdentity) -> Claim<'_> {
    Claim {
        member: &member.member_id,
        instance: member.group_instance_id.as_deref(),
        generation: -1,
    }
}

fn answer(member: &MemberIdentity, left: Result<(), ErrorCode>) -> MemberResponse {
    MemberResponse {
        member_id: member.member_id.clone(),
        group_instance_id: member.group_instance_id.clone(),
        error_code: left.err().unwrap_or(ErrorCode::NONE),
    }
}
