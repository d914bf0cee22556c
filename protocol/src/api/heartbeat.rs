//! Heartbeat: keeps a member of a classic group alive and tells it of rebalances.
//!
//! Sent to the coordinator every `heartbeat.interval.ms`. A member that stays silent for its
//! session timeout is removed and the group rebalances.
//!
//! # Versions
//!
//! | version | since | what changed |
//! | --- | --- | --- |
//! | 0 | 0.8.2 | first |
//! | 1 | 0.11.0 | the answer says for how long the client was throttled |
//! | 2 | 2.0 | the same bytes; a throttled answer comes at once (KIP-219) |
//! | 3 | 2.3 | `group_instance_id` (KIP-345) |
//! | 4 | 2.4 | compact lengths, tags (KIP-482) |

use crate::error_code::ErrorCode;
use crate::wire::Str;

api! {
    HeartbeatRequest => HeartbeatResponse, key 12, versions 0..=4, flexible 4..;

    /// Says that the member is alive.
    struct HeartbeatRequest {
        /// The group's id.
        0..     group_id: Str,
        /// The generation that the member belongs to.
        0..     generation_id: i32,
        /// The sender's member id.
        0..     member_id: Str,
        /// The sender's `group.instance.id` if it is a static member, else `None`.
        3..     group_instance_id: Option<Str> [null 3..],
    }

    /// Says whether the member still belongs to the group.
    struct HeartbeatResponse {
        /// Throttle time for a quota, in milliseconds; 0 = none. From version 2 on the broker
        /// answers at once and the client must stay silent on this connection that long.
        1..     throttle_time_ms: i32 [ignorable],
        /// `REBALANCE_IN_PROGRESS`, `ILLEGAL_GENERATION`: join again. `UNKNOWN_MEMBER_ID`: join
        /// with an empty id. `NOT_COORDINATOR`: look it up again. `FENCED_INSTANCE_ID`: give up.
        0..     error_code: ErrorCode,
    }
}
