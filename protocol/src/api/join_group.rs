//! JoinGroup: enters a classic group, or enters it again for a rebalance.
//!
//! Sent by members to their coordinator, which answers only when all known members have joined or
//! the rebalance timeout is over. One member becomes the leader: it gets everybody's subscription,
//! computes the assignment and hands it in by SyncGroup. The same protocol serves consumers, Kafka
//! Connect and others; only `protocol_type` and the opaque bytes differ. KIP-848 groups use
//! ConsumerGroupHeartbeat instead.
//!
//! # Versions
//!
//! | version | since | what changed |
//! | --- | --- | --- |
//! | 0 | 0.8.2 | first |
//! | 1 | 0.10.1 | a rebalance timeout beside the session timeout (KIP-62) |
//! | 2 | 0.11.0 | the answer says for how long the client was throttled |
//! | 3 | 2.0 | the same bytes; a throttled answer comes at once (KIP-219) |
//! | 4 | 2.2 | a member without id is sent away with one: MEMBER_ID_REQUIRED (KIP-394) |
//! | 5 | 2.3 | `group_instance_id` (KIP-345) |
//! | 6 | 2.4 | compact lengths, tags (KIP-482) |
//! | 7 | 2.5 | the type of the protocol is answered (KIP-559) |
//! | 8 | 3.2 | the reason of the member (KIP-800) |
//! | 9 | 3.2 | a leader may be told to leave the assignment as it is (KIP-814) |

use bytes::Bytes;

use crate::error_code::ErrorCode;
use crate::wire::Str;

api! {
    JoinGroupRequest => JoinGroupResponse, key 11, versions 0..=9, flexible 6..;

    /// Asks to be a member of the next generation.
    struct JoinGroupRequest {
        /// The group to join.
        0..     group_id: Str,
        /// After how long without a heartbeat the member is removed, in milliseconds. Out of the
        /// broker's limits: `INVALID_SESSION_TIMEOUT`.
        0..     session_timeout_ms: i32,
        /// How long members have to join again in a rebalance, in milliseconds; -1 = as the session
        /// timeout (version 0 knows only that one).
        1..     rebalance_timeout_ms: i32 [ignorable] = -1,
        /// The id that the coordinator gave before; empty on the first try.
        0..     member_id: Str,
        /// The `group.instance.id` of a static member (KIP-345), else `None`.
        5..     group_instance_id: Option<Str> [null 5..],
        /// The kind of group, `consumer` for consumers. Members must agree on it, else
        /// `INCONSISTENT_GROUP_PROTOCOL`.
        0..     protocol_type: Str,
        /// What the member offers, best first: for a consumer one entry for each assignor that it
        /// can use.
        0..     protocols: Vec<JoinGroupRequestProtocol>,
        /// Why it joins, for the broker's log (KIP-800).
        8..     reason: Option<Str> [null 8.., ignorable],
    }

    /// One protocol that the member offers.
    struct JoinGroupRequestProtocol {
        /// The protocol's name: for a consumer the assignor's, such as `range`.
        0..     name: Str,
        /// Bytes for the leader: for a consumer its subscription. The broker does not read them.
        0..     metadata: Bytes,
    }

    /// The new generation, or why there is none for this member.
    struct JoinGroupResponse {
        /// Throttle time for a quota, in milliseconds; 0 = none. From version 3 on the broker
        /// answers at once and the client must stay silent on this connection that long.
        2..     throttle_time_ms: i32 [ignorable],
        /// `MEMBER_ID_REQUIRED`: join again with `member_id`. `UNKNOWN_MEMBER_ID`: again with an
        /// empty id. `REBALANCE_IN_PROGRESS`: again. `NOT_COORDINATOR`: look it up again.
        0..     error_code: ErrorCode,
        /// The number of the generation, which later requests must carry; -1 on an error.
        0..     generation_id: i32 = -1,
        /// The kind of group; `None` on an error.
        7..     protocol_type: Option<Str> [null 7.., ignorable],
        /// The protocol that all members support and the coordinator chose; `None` on an error.
        0..     protocol_name: Option<Str> [null 7.., empty],
        /// The member id of the leader.
        0..     leader: Str,
        /// True if the leader (a static member that came back) must not compute an assignment, as
        /// the old one still holds (KIP-814).
        9..     skip_assignment: bool,
        /// The receiver's member id, given by the coordinator.
        0..     member_id: Str,
        /// All members and their subscriptions, for the leader; empty for everybody else.
        0..     members: Vec<JoinGroupResponseMember>,
    }

    /// One member, as the leader sees it.
    struct JoinGroupResponseMember {
        /// The member's id.
        0..     member_id: Str,
        /// The member's `group.instance.id` if it is static, else `None`.
        5..     group_instance_id: Option<Str> [null 5.., ignorable],
        /// The bytes that the member sent for the chosen protocol.
        0..     metadata: Bytes,
    }
}
