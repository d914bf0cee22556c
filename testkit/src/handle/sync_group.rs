//! SyncGroup: the leader hands out the assignment, the others wait for it.

use kurier_protocol::ErrorCode;
use kurier_protocol::api::sync_group::{SyncGroupRequest, SyncGroupResponse};

use super::api::{Api, Context, Outcome};
use super::membership::{act, caller, check, wait};
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
