//! JoinGroup: a member of the classic protocol asks for the next generation, and waits for it.

use std::collections::BTreeSet;

use kurier_protocol::ErrorCode;
use kurier_protocol::api::join_group::{JoinGroupRequest, JoinGroupResponse};

use super::api::{Api, Context, Outcome, Progress};
use super::membership::{act, caller, wait};
use crate::group::{Caller, Kind, Look, Reply, Slot};
use crate::state::State;

impl Api for JoinGroupRequest {
    fn handle(&self, state: &mut State, context: &Context) -> Outcome<Self> {
        if let Err(code) = check(self, state, context) {
            return Outcome::Answer(nameless(self.refuse(code), context.version));
        }
        let caller = caller(state, context);
        if let Some(answer) = join_consumers(self, state, &caller) {
            return Outcome::Answer(nameless(answer, context.version));
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
        let joined =
            act(state, &self.group_id, |classic, settings| classic.join(&caller, self, settings));
        let refused = || Reply::Now(self.refuse(ErrorCode::INCONSISTENT_GROUP_PROTOCOL));
        match joined.unwrap_or_else(refused) {
            Reply::Now(answer) => Outcome::Answer(nameless(answer, context.version)),
            Reply::Later(slot) => Box::new(slot).poll(self, state, context),
        }
    }

    fn refuse(&self, error_code: ErrorCode) -> JoinGroupResponse {
        let member_id = self.member_id.clone();
        JoinGroupResponse { error_code, member_id, ..Default::default() }
    }
}

impl Progress<JoinGroupRequest> for Slot<JoinGroupResponse> {
    fn poll(
        self: Box<Self>,
        request: &JoinGroupRequest,
        state: &mut State,
        context: &Context,
    ) -> Outcome<JoinGroupRequest> {
        if let Err(code) = check(request, state, context) {
            return Outcome::Answer(nameless(request.refuse(code), context.version));
        }
        match self.look() {
            Look::Answered(answer) => Outcome::Answer(nameless(answer, context.version)),
            Look::Waits if context.is_last_call => Outcome::Silence,
            Look::Waits => Outcome::GoOn(wait(context), self),
            Look::Forgotten => request.handle(state, context),
        }
    }
}

/// Joins a group whose members speak the protocol of consumer groups; `None` if it is no such
/// group.
fn join_consumers(
    request: &JoinGroupRequest,
    state: &mut State,
    caller: &Caller,
) -> Option<JoinGroupResponse> {
    let topics = &state.group_topics;
    let mut group = state.groups.find(&request.group_id)?;
    let settings = group.settings;
    let Kind::Consumer(consumer) = &mut group.kind else { return None };
    if consumer.is_empty() {
        return None;
    }
    match consumer.join_classic(caller, request, topics, settings) {
        Ok(joined) => {
            if joined.goes_back {
                group.downgrade((caller.now, topics), &BTreeSet::new(), settings);
            }
            Some(joined.answer)
        }
        Err(refused) => Some(JoinGroupResponse { error_code: refused.code, ..Default::default() }),
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
