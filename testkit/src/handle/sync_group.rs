//! SyncGroup: the leader hands out the assignment, the others wait for it.

use kurier_protocol::ErrorCode;
use kurier_protocol::api::sync_group::{SyncGroupRequest, SyncGroupResponse};

use super::api::{Api, Context, Outcome};
use super::membership::{act, caller, check, wait};
use crate::group::{Caller, Kind};
use crate::state::State;

impl Api for SyncGroupRequest {
    fn handle(&self, state: &mut State, context: &Context) -> Outcome<Self> {
        // From version 5 on the protocol is named (KIP-559).
        let is_named = self.protocol_type.is_some() && self.protocol_name.is_some();
        if context.version >= 5 && !is_named {
            return Outcome::Answer(self.refuse(ErrorCode::INCONSISTENT_GROUP_PROTOCOL));
        }
        if let Err(code) = check(state, context, &self.group_id) {
            return Outcome::Answer(self.refuse(code));
        }
        let caller = caller(state, context);
        if let Some(answer) = sync_consumers(self, state, &caller) {
            return Outcome::Answer(answer);
        }
        match act(state, &self.group_id, |classic, _| classic.sync(&caller, self)) {
            None => Outcome::Answer(self.refuse(ErrorCode::UNKNOWN_MEMBER_ID)),
            Some(None) if context.is_last_call => Outcome::Silence,
            Some(None) => Outcome::Wait(wait(context)),
            Some(Some(answer)) => Outcome::Answer(answer),
        }
    }

    fn refuse(&self, error_code: ErrorCode) -> SyncGroupResponse {
        SyncGroupResponse { error_code, ..Default::default() }
    }
}

/// Asks for an assignment in a group whose members speak the protocol of consumer groups, or learns
/// that it has become one; `None` if it is no such group.
fn sync_consumers(
    request: &SyncGroupRequest,
    state: &mut State,
    caller: &Caller,
) -> Option<SyncGroupResponse> {
    let topics = &state.group_topics;
    let mut group = state.groups.find(&request.group_id)?;
    if let Some(answer) = group.interrupted.sync(caller.call) {
        return Some(answer);
    }
    let Kind::Consumer(consumer) = &mut group.kind else { return None };
    let synced = consumer.sync_classic(caller.now, request, topics);
    Some(synced.unwrap_or_else(|refused| request.refuse(refused.code)))
}
