//! DeleteGroups: forgets groups without members, and their offsets.

use kurier_protocol::api::delete_groups::{
    DeletableGroupResult, DeleteGroupsRequest, DeleteGroupsResponse,
};
use kurier_protocol::{ErrorCode, Str};

use super::api::{Api, Context, Outcome};
use super::once::once;
use crate::state::State;

impl Api for DeleteGroupsRequest {
    fn handle(&self, state: &mut State, context: &Context) -> Outcome<Self> {
        let results = once(&self.groups_names, |id| id).map(|(id, _)| {
            let deleted =
                state.check_coordinator(context.broker, id).and_then(|()| delete(state, id));
            result(id, deleted.err().unwrap_or(ErrorCode::NONE))
        });
        Outcome::Answer(DeleteGroupsResponse { results: results.collect(), ..Default::default() })
    }

    fn refuse(&self, code: ErrorCode) -> DeleteGroupsResponse {
        let results = self.groups_names.iter().map(|id| result(id, code)).collect();
        DeleteGroupsResponse { results, ..Default::default() }
    }
}

fn delete(state: &mut State, id: &Str) -> Result<(), ErrorCode> {
    let group = state.groups.get(id).ok_or(ErrorCode::GROUP_ID_NOT_FOUND)?;
    if !group.is_empty() {
        return Err(ErrorCode::NON_EMPTY_GROUP);
    }
    state.groups.remove(id);
    Ok(())
}

fn result(id: &Str, error_code: ErrorCode) -> DeletableGroupResult {
    DeletableGroupResult { group_id: id.clone(), error_code, ..Default::default() }
}
