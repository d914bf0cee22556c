//! DescribeGroups: the state and the members of classic groups.
//!
//! Sent by admin tools to the coordinator of each group. A group that does not exist is reported in
//! state `Dead` without an error up to version 5, and with `GROUP_ID_NOT_FOUND` since version 6
//! (4.0, KIP-1043). Groups of other types have describe APIs of their own.

use bytes::Bytes;

use crate::error_code::ErrorCode;
use crate::wire::Str;

api! {
    DescribeGroupsRequest => DescribeGroupsResponse, key 15, versions 0..=6, flexible 5..;

    /// Asks about groups.
    struct DescribeGroupsRequest {
        /// The ids of the groups.
        0..     groups: Vec<Str>,
        /// Whether to fill in what the caller may do with each group (KIP-430).
        3..     include_authorized_operations: bool,
    }

    /// The descriptions.
    struct DescribeGroupsResponse {
        /// Throttle time for a quota, in milliseconds; 0 = none. From version 2 on the broker
        /// answers at once and the client must stay silent on this connection that long.
        1..     throttle_time_ms: i32 [ignorable],
        /// One description for each group asked about.
        0..     groups: Vec<DescribedGroup>,
    }

    /// The description of one group.
    struct DescribedGroup {
        /// `NOT_COORDINATOR`: look it up again. `COORDINATOR_LOAD_IN_PROGRESS`: wait.
        /// `GROUP_ID_NOT_FOUND`: no such classic group. `GROUP_AUTHORIZATION_FAILED`.
        0..     error_code: ErrorCode,
        /// What went wrong, in words for people; `None` if there is nothing to say.
        6..     error_message: Option<Str> [null 6..],
        /// The group's id.
        0..     group_id: Str,
        /// `PreparingRebalance`, `CompletingRebalance`, `Stable`, `Empty` or `Dead`; empty on an
        /// error.
        0..     group_state: Str,
        /// The kind of group, such as `consumer`.
        0..     protocol_type: Str,
        /// The protocol in use: for consumers the assignor's name. Empty unless the group is
        /// stable.
        0..     protocol_data: Str,
        /// The group's members.
        0..     members: Vec<DescribedGroupMember>,
        /// What the caller may do with the group: bit n stands for ACL operation n;
        /// -2147483648 = not asked for.
        3..     authorized_operations: i32 = -2147483648,
    }

    /// One member.
    struct DescribedGroupMember {
        /// The member's id.
        0..     member_id: Str,
        /// Its `group.instance.id` if it is static, else `None`.
        4..     group_instance_id: Option<Str> [null 4.., ignorable],
        /// The client id of the requests that it joins with.
        0..     client_id: Str,
        /// The address that it connects from.
        0..     client_host: Str,
        /// The bytes that it joined with for the chosen protocol: for consumers the subscription.
        0..     member_metadata: Bytes,
        /// The bytes that the leader assigned to it.
        0..     member_assignment: Bytes,
    }
}
