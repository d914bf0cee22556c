//! LeaveGroup: takes members out of a classic group, so that it rebalances at once.
//!
//! Sent to the coordinator by a member that closes, and by admin tools that remove members. Since
//! version 3 (2.4, KIP-345) one request removes many members, static ones also by instance id.

use crate::error_code::ErrorCode;
use crate::wire::Str;

api! {
    LeaveGroupRequest => LeaveGroupResponse, key 13, versions 0..=5, flexible 4..;

    /// Asks to remove members.
    struct LeaveGroupRequest {
        /// The group's id.
        0..     group_id: Str,
        /// The member to remove; since version 3 see `members`.
        0..=2   member_id: Str,
        /// The members to remove, since version 3.
        3..     members: Vec<MemberIdentity>,
    }

    /// One member to remove.
    struct MemberIdentity {
        /// Its member id; may be empty for a static member that is named by its instance id.
        3..     member_id: Str,
        /// Its `group.instance.id` if it is a static member, else `None`.
        3..     group_instance_id: Option<Str> [null 3..],
        /// Why it leaves, for the broker's log (KIP-800).
        5..     reason: Option<Str> [null 5.., ignorable],
    }

    /// Says whether the members are gone.
    struct LeaveGroupResponse {
        /// Throttle time for a quota, in milliseconds; 0 = none. From version 2 on the broker
        /// answers at once and the client must stay silent on this connection that long.
        1..     throttle_time_ms: i32 [ignorable],
        /// An error of the whole request. `NOT_COORDINATOR`: look it up again.
        /// `GROUP_AUTHORIZATION_FAILED`. Up to version 2 also the member's own error.
        0..     error_code: ErrorCode,
        /// The outcome, by member, since version 3.
        3..     members: Vec<MemberResponse>,
    }

    /// The outcome for one member.
    struct MemberResponse {
        /// Its member id, as in the request.
        3..     member_id: Str,
        /// Its instance id, as in the request.
        3..     group_instance_id: Option<Str> [null 3.., empty],
        /// `UNKNOWN_MEMBER_ID`: no such member, so it is gone already. `FENCED_INSTANCE_ID`:
        /// another member has this instance id now.
        3..     error_code: ErrorCode,
    }
}
