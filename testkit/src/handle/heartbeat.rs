//! Heartbeat: a member of the classic protocol shows that it is alive, and learns of rebalances.

use kurier_protocol::ErrorCode;
use kurier_protocol::api::heartbeat::{HeartbeatRequest, HeartbeatResponse};

use super::api::{Api, Context, Outcome};
use super::membership::check;
use crate::group::{Claim, Kind};
use crate::state::State;

impl Api for HeartbeatRequest {
    fn handle(&self, state: &mut State, context: &Context) -> Outcome<Self> {
        let claim = Claim {
            member: &self.member_id,
            instance: self.group_instance_id.as_deref(),
            generation: self.generation_id,
        };
        let now = context.now.instant;
        let done = check(state, context, &self.group_id).and_then(|()| {
            let mut group =
                state.groups.find(&self.group_id).ok_or(ErrorCode::UNKNOWN_MEMBER_ID)?;
            match &mut group.kind {
                Kind::Classic(classic) => classic.heartbeat(now, claim),
                Kind::Consumer(consumer) => consumer.heartbeat_classic(now, claim),
            }
        });
        Outcome::Answer(self.refuse(done.err().unwrap_or(ErrorCode::NONE)))
    }

    fn refuse(&self, error_code: ErrorCode) -> HeartbeatResponse {
        HeartbeatResponse { error_code, ..Default::default() }
    }
}
