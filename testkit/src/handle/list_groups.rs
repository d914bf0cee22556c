//! ListGroups: the groups that a broker coordinates.

use kurier_protocol::api::list_groups::{ListGroupsRequest, ListGroupsResponse, ListedGroup};
use kurier_protocol::{ErrorCode, Str};

use super::api::{Api, Context, Outcome};
use crate::state::State;

impl Api for ListGroupsRequest {
    fn handle(&self, state: &mut State, context: &Context) -> Outcome<Self> {
        let passes = |filter: &[Str], name: &str| {
            filter.is_empty()
                || filter.iter().any(|wanted| wanted.trim().eq_ignore_ascii_case(name))
        };
        let mine = state.groups.iter().filter(|(id, group)| {
            state.coordinator(id) == Some(context.broker)
                && passes(&self.states_filter, group.state_name())
                && passes(&self.types_filter, group.type_name())
        });
        let groups = mine.map(|(id, group)| ListedGroup {
            group_id: id.clone(),
            protocol_type: group.protocol_type(),
            group_state: Str::from_static(group.state_name()),
            group_type: Str::from_static(group.type_name()),
        });
        Outcome::Answer(ListGroupsResponse { groups: groups.collect(), ..Default::default() })
    }

    fn refuse(&self, error_code: ErrorCode) -> ListGroupsResponse {
        ListGroupsResponse { error_code, ..Default::default() }
    }
}
