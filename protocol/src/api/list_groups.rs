//! ListGroups: the groups that one broker coordinates.
//!
//! Sent by admin tools to every broker, as each knows only its own groups. Groups that the caller
//! may not describe are left out. Filters work by state since version 4 (2.6, KIP-518) and by type
//! since version 5 (3.8, KIP-848).

use crate::error_code::ErrorCode;
use crate::wire::Str;

api! {
    ListGroupsRequest => ListGroupsResponse, key 16, versions 0..=5, flexible 3..;

    /// Asks for groups.
    struct ListGroupsRequest {
        /// States to list, such as `Stable` or `Empty`; none = all.
        4..     states_filter: Vec<Str>,
        /// Types to list, such as `classic`, `consumer` or `share`; none = all.
        5..     types_filter: Vec<Str>,
    }

    /// The broker's groups.
    struct ListGroupsResponse {
        /// Throttle time for a quota, in milliseconds; 0 = none. From version 2 on the broker
        /// answers at once and the client must stay silent on this connection that long.
        1..     throttle_time_ms: i32 [ignorable],
        /// `COORDINATOR_LOAD_IN_PROGRESS`, `COORDINATOR_NOT_AVAILABLE`: this broker's list is not
        /// ready, ask it again.
        0..     error_code: ErrorCode,
        /// The groups that match.
        0..     groups: Vec<ListedGroup>,
    }

    /// One group.
    struct ListedGroup {
        /// The group's id.
        0..     group_id: Str,
        /// The kind of group, such as `consumer`; empty for a group that only stores offsets.
        0..     protocol_type: Str,
        /// The group's state, such as `Stable`.
        4..     group_state: Str [ignorable],
        /// The group's type, such as `classic`; compare it without regard to case.
        5..     group_type: Str [ignorable],
    }
}
