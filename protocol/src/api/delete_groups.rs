//! DeleteGroups: deletes groups of any type together with their offsets.
//!
//! Sent by admin tools to the coordinator of each group. Since 1.1 (KIP-229). A group must be empty
//! of members first.

use crate::error_code::ErrorCode;
use crate::wire::Str;

api! {
    DeleteGroupsRequest => DeleteGroupsResponse, key 42, versions 0..=3, flexible 2..;

    /// Asks to delete groups.
    struct DeleteGroupsRequest {
        /// The ids of the groups.
        0..     groups_names: Vec<Str>,
    }

    /// Says which groups are gone.
    struct DeleteGroupsResponse {
        /// Throttle time for a quota, in milliseconds; 0 = none. From version 1 on the broker
        /// answers at once and the client must stay silent on this connection that long.
        0..     throttle_time_ms: i32,
        /// The outcome, by group.
        0..     results: Vec<DeletableGroupResult>,
    }

    /// The outcome for one group.
    struct DeletableGroupResult {
        /// The group's id.
        0..     group_id: Str,
        /// `NON_EMPTY_GROUP`: it has members. `GROUP_ID_NOT_FOUND`. `NOT_COORDINATOR`: look it up
        /// again. `GROUP_DELETION_FAILED`: see `error_message` (version 3, KIP-1331).
        0..     error_code: ErrorCode,
        /// What went wrong, in words for people; `None` if there is nothing to say.
        3..     error_message: Option<Str> [null 3.., ignorable],
    }
}
