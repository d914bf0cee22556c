//! JoinGroup: a member of a classic group asks for the next generation, and waits for it.

use kurier_protocol::ErrorCode;
use kurier_protocol::api::join_group::{JoinGroupRequest, JoinGroupResponse};

use super::api::{Api, Context, Outcome};
use super::membership::{act, caller, wait};
use crate::state::State;

impl Api for JoinGroupRequest {
    fn handle(&self, state: &mut State, context: &Context) -> Outcome<Self> {
        if let Err(code) = check(self, state, context) {
            return Outcome::Answer(nameless(self.refuse(code), context.version));
        }
        // Only a member without an id founds a group.
        if state.groups.get(&self.group_id).is_none() {
            if !self.member_id.is_empty() {
                let refused = self.refuse(ErrorCode::UNKNOWN_MEMBER_ID);
                return Outcome::Answer(nameless(refused, context.version));
            }
            state.groups.obtain(&self.group_id);
        }
        state.groups.make_classic_if_empty(&self.group_id);
        let caller = caller(state, context);
        let joined =
            act(state, &self.group_id, |classic, settings| classic.join(&caller, self, settings));
        match joined {
            None => Outcome::Answer(self.refuse(ErrorCode::INCONSISTENT_GROUP_PROTOCOL)),
            Some(None) if context.is_last_call => Outcome::Silence,
            Some(None) => Outcome::Wait(wait(context)),
            Some(Some(answer)) => Outcome::Answer(nameless(answer, context.version)),
        }
    }

    fn refuse(&self, error_code: ErrorCode) -> JoinGroupResponse {
        let member_id = self.member_id.clone();
        JoinGroupResponse { error_code, member_id, ..Default::default() }
    }
}

/// An error names no protocol; before version 7 that is an empty name.
fn nameless(mut answer: JoinGroupResponse, version: i16) -> JoinGroupResponse {
    if version >= 7 && !answer.error_code.is_ok() {
        answer.protocol_name = None;
    }
    answer
}

fn check(request: &JoinGroupRequest, state: &State, context: &Context) -> Result<(), ErrorCode> {
    if request.group_id.is_empty() {
        return Err(ErrorCode::INVALID_GROUP_ID);
    }
    let settings = &state.groups.settings;
    let sessions = settings.session_min_ms..=settings.session_max_ms;
    if !sessions.contains(&request.session_timeout_ms) {
        return Err(ErrorCode::INVALID_SESSION_TIMEOUT);
    }
    state.check_coordinator(context.broker, &request.group_id)
}
