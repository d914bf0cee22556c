//! SyncGroup: the leader hands out the assignment, the others wait for it.

use kurier_protocol::ErrorCode;
use kurier_protocol::api::sync_group::{SyncGroupRequest, SyncGroupResponse};

use super::api::{Api, Context, Outcome, Progress};
use super::membership::{act, caller, check, wait};
use crate::group::{Caller, Kind, Look, Reply, Slot};
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
        let synced = act(state, &self.group_id, |classic, _| classic.sync(&caller, self));
        let refused = || Reply::Now(self.refuse(ErrorCode::UNKNOWN_MEMBER_ID));
        match synced.unwrap_or_else(refused) {
            Reply::Now(answer) => Outcome::Answer(answer),
            Reply::Later(slot) => Box::new(slot).poll(self, state, context),
        }
    }

    fn refuse(&self, error_code: ErrorCode) -> SyncGroupResponse {
        SyncGroupResponse { error_code, ..Default::default() }
    }
}

impl Progress<SyncGroupRequest> for Slot<SyncGroupResponse> {
    fn poll(
        self: Box<Self>,
        request: &SyncGroupRequest,
        state: &mut State,
        context: &Context,
    ) -> Outcome<SyncGroupRequest> {
        if let Err(code) = check(state, context, &request.group_id) {
            return Outcome::Answer(request.refuse(code));
        }
        match self.look() {
            Look::Answered(answer) => Outcome::Answer(answer),
            Look::Waits if context.is_last_call => Outcome::Silence,
            Look::Waits => Outcome::GoOn(wait(context), self),
            Look::Forgotten => request.handle(state, context),
        }
    }
}

/// Asks for an assignment in a group whose members speak the protocol of consumer groups; `None` if
/// it is no such group.
fn sync_consumers(
    request: &SyncGroupRequest,
    state: &mut State,
    caller: &Caller,
) -> Option<SyncGroupResponse> {
    let topics = &state.group_topics;
    let mut group = state.groups.find(&request.group_id)?;
    let Kind::Consumer(consumer) = &mut group.kind else { return None };
    let synced = consumer.sync_classic(caller.now, request, topics);
    Some(synced.unwrap_or_else(|refused| request.refuse(refused.code)))
}
