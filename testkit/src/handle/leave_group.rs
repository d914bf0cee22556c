//! LeaveGroup: members leave a classic group, by themselves or by an administrator's hand.

use kurier_protocol::ErrorCode;
use kurier_protocol::api::leave_group::{
    LeaveGroupRequest, LeaveGroupResponse, MemberIdentity, MemberResponse,
};

use super::api::{Api, Context, Outcome};
use super::membership::{act, check};
use crate::group::Claim;
use crate::state::State;

impl Api for LeaveGroupRequest {
    fn handle(&self, state: &mut State, context: &Context) -> Outcome<Self> {
        if let Err(code) = check(state, context, &self.group_id) {
            return Outcome::Answer(self.refuse(code));
        }
        if context.version < 3 {
            let member = MemberIdentity { member_id: self.member_id.clone(), ..Default::default() };
            let left = leave(state, context, &self.group_id, &member);
            return Outcome::Answer(self.refuse(left.error_code));
        }
        let members = self.members.iter();
        let members = members.map(|member| leave(state, context, &self.group_id, member));
        Outcome::Answer(LeaveGroupResponse { members: members.collect(), ..Default::default() })
    }

    fn refuse(&self, error_code: ErrorCode) -> LeaveGroupResponse {
        LeaveGroupResponse { error_code, ..Default::default() }
    }
}

fn leave(
    state: &mut State,
    context: &Context,
    group: &str,
    member: &MemberIdentity,
) -> MemberResponse {
    let claim = Claim {
        member: &member.member_id,
        instance: member.group_instance_id.as_deref(),
        generation: -1,
    };
    let now = context.now.instant;
    let left = act(state, group, |classic, settings| classic.leave(now, claim, settings));
    let left = left.unwrap_or(Err(ErrorCode::UNKNOWN_MEMBER_ID));
    MemberResponse {
        member_id: member.member_id.clone(),
        group_instance_id: member.group_instance_id.clone(),
        error_code: left.err().unwrap_or(ErrorCode::NONE),
    }
}
