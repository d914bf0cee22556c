//! SyncGroup: gives every member of a classic group its assignment.
//!
//! Sent to the coordinator by every member after JoinGroup. The leader hands in the assignments of
//! all; the coordinator holds the others' requests back until it has them.
//!
//! # Versions
//!
//! | version | since | what changed |
//! | --- | --- | --- |
//! | 0 | 0.9.0 | first |
//! | 1 | 0.11.0 | the answer says for how long the client was throttled |
//! | 2 | 2.0 | the same bytes; a throttled answer comes at once (KIP-219) |
//! | 3 | 2.3 | `group_instance_id` (KIP-345) |
//! | 4 | 2.4 | compact lengths, tags (KIP-482) |
//! | 5 | 2.5 | type and name of the protocol, so that a mismatch is noticed (KIP-559) |

use bytes::Bytes;

use crate::error_code::ErrorCode;
use crate::wire::Str;

api! {
    SyncGroupRequest => SyncGroupResponse, key 14, versions 0..=5, flexible 4..;

    /// Asks for the member's own assignment; from the leader, it also brings everybody's.
    struct SyncGroupRequest {
        /// The group's id.
        0..     group_id: Str,
        /// The generation that JoinGroup gave.
        0..     generation_id: i32,
        /// The sender's member id.
        0..     member_id: Str,
        /// The sender's `group.instance.id` if it is a static member, else `None`.
        3..     group_instance_id: Option<Str> [null 3..],
        /// The kind of group, as JoinGroup answered it; checked if present (KIP-559).
        5..     protocol_type: Option<Str> [null 5.., ignorable],
        /// The protocol that JoinGroup chose; checked if present (KIP-559).
        5..     protocol_name: Option<Str> [null 5.., ignorable],
        /// The assignments of all members, from the leader; empty from everybody else.
        0..     assignments: Vec<SyncGroupRequestAssignment>,
    }

    /// What the leader assigns to one member.
    struct SyncGroupRequestAssignment {
        /// The member that gets it.
        0..     member_id: Str,
        /// The assignment as bytes, which the broker does not read.
        0..     assignment: Bytes,
    }

    /// The member's own assignment.
    struct SyncGroupResponse {
        /// Throttle time for a quota, in milliseconds; 0 = none. From version 2 on the broker
        /// answers at once and the client must stay silent on this connection that long.
        1..     throttle_time_ms: i32 [ignorable],
        /// `REBALANCE_IN_PROGRESS`, `ILLEGAL_GENERATION`: join again. `UNKNOWN_MEMBER_ID`: join
        /// with an empty id. `NOT_COORDINATOR`: look it up again. `FENCED_INSTANCE_ID`: give up.
        0..     error_code: ErrorCode,
        /// The kind of group; `None` on an error.
        5..     protocol_type: Option<Str> [null 5.., ignorable],
        /// The protocol in use; `None` on an error.
        5..     protocol_name: Option<Str> [null 5.., ignorable],
        /// The bytes that the leader made for this member; empty on an error.
        0..     assignment: Bytes,
    }
}
