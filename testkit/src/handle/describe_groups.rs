//! DescribeGroups: the members of classic groups, and what they were given.

use kurier_protocol::api::describe_groups::{
    DescribeGroupsRequest, DescribeGroupsResponse, DescribedGroup, DescribedGroupMember,
};
use kurier_protocol::{ErrorCode, Str};

use super::api::{Api, Context, Outcome};
use super::once::once;
use super::operations::{Asked, ON_GROUP, told};
use crate::group::{Classic, Kind};
use crate::state::State;

impl Api for DescribeGroupsRequest {
    fn handle(&self, state: &mut State, context: &Context) -> Outcome<Self> {
        let operations = told(ON_GROUP, Asked(self.include_authorized_operations));
        let groups = once(&self.groups, |id| id).map(|(id, _)| {
            if let Err(code) = state.check_coordinator(context.broker, id) {
                return failed(id, code);
            }
            match state.groups.get(id).map(|group| &group.kind) {
                Some(Kind::Classic(classic)) => describe(id, classic),
                Some(Kind::Consumer(_)) => {
                    absent(id, context.version, format!("Group {id} is not a classic group."))
                }
                None => absent(id, context.version, format!("Group {id} not found.")),
            }
        });
        let groups = groups.map(|group| match group.error_code {
            ErrorCode::NONE => DescribedGroup { authorized_operations: operations, ..group },
            _ => group,
        });
        Outcome::Answer(DescribeGroupsResponse { groups: groups.collect(), ..Default::default() })
    }

    fn refuse(&self, code: ErrorCode) -> DescribeGroupsResponse {
        let groups = self.groups.iter().map(|id| failed(id, code)).collect();
        DescribeGroupsResponse { groups, ..Default::default() }
    }
}

fn describe(id: &Str, classic: &Classic) -> DescribedGroup {
    let members = classic.members().map(|member| {
        let (member_id, instance, client_id, member_metadata, member_assignment) = member;
        DescribedGroupMember {
            member_id: member_id.clone(),
            group_instance_id: instance.cloned(),
            client_id: client_id.clone(),
            client_host: CLIENT_HOST,
            member_metadata,
            member_assignment,
        }
    });
    DescribedGroup {
        group_id: id.clone(),
        group_state: Str::from_static(classic.phase().name()),
        protocol_type: classic.protocol_type().cloned().unwrap_or_default(),
        protocol_data: classic.protocol().cloned().unwrap_or_default(),
        members: members.collect(),
        ..Default::default()
    }
}

/// A group that is not there is called dead; from version 6 on that is an error.
fn absent(id: &Str, version: i16, message: String) -> DescribedGroup {
    let (error_code, error_message) = match version {
        6.. => (ErrorCode::GROUP_ID_NOT_FOUND, Some(message.into())),
        _ => (ErrorCode::NONE, None),
    };
    let group_state = Str::from_static("Dead");
    DescribedGroup { group_state, error_message, ..failed(id, error_code) }
}

fn failed(id: &Str, error_code: ErrorCode) -> DescribedGroup {
    DescribedGroup { group_id: id.clone(), error_code, ..Default::default() }
}

/// Everyone comes from this machine.
const CLIENT_HOST: Str = Str::from_static("/127.0.0.1");
